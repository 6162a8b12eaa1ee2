"""The patterns of a ``.dockerignore``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line: the cleaned pattern, whether it is an exception (``!``), and its place."""

    text: str
    negated: bool
    origin: TextOrigin


@dataclass(slots=True, eq=False)
class IgnoreFile:
    """A parsed ignore file. ``excludes(path)`` answers as the builder does for a path relative to the context.

    ``problems`` are patterns that the builder does not accept: it stops at them.
    """

    path: str
    patterns: tuple[Pattern, ...]
    excludes: Callable[[str], bool] = field(repr=False)
    problems: tuple[Problem, ...] = ()
