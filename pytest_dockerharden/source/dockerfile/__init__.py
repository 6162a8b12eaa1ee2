"""Read Dockerfiles as BuildKit does, with the place of every word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pytest_dockerharden.model.dockerfile import Dockerfile
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.dockerfile.lines import Lines
from pytest_dockerharden.source.dockerfile.stages import Builder
from pytest_dockerharden.source.dockerfile.templates import find_template
from pytest_dockerharden.source.reading import read_source

__all__ = ["load", "parse"]

MOST_INSTRUCTIONS = 2_000
"""More than an image could have layers; what is longer is made to keep a machine busy."""


def load(path: str | Path, *, args: Mapping[str, str] | None = None, target: str | None = None) -> Dockerfile:
    """Read and parse a Dockerfile. Raises :class:`~pytest_dockerharden.model.problem.SourceError`."""
    return parse(read_source(path), str(path), args=args, target=target)


def parse(
    text: str,
    path: str,
    *,
    args: Mapping[str, str] | None = None,
    target: str | None = None,
    contexts: Iterable[str] = (),
) -> Dockerfile:
    """Parse Dockerfile text.

    Never raises: what BuildKit would refuse is a located problem of kind ``refused``, and reading goes on behind it.
    A text that is a template of a Dockerfile has one problem, of kind ``template``, and nothing else in it counts; one
    with more than ``MOST_INSTRUCTIONS`` has one of kind ``limit``.
    ``args`` are the build arguments, which beat the defaults of ARG. ``path`` is absolute and only named in origins.
    ``contexts`` are the names of further build contexts: what a stage from one of them stands on is not known.
    """
    text = text.removeprefix("\ufeff")
    lines = Lines(text, path).read()
    dockerfile = Dockerfile(path, text, lines.directives, comments=tuple(lines.comments), target=target)
    dockerfile.contexts = frozenset(contexts)
    if len(lines.logical) > MOST_INSTRUCTIONS:
        number, column = lines.logical[MOST_INSTRUCTIONS].places.at(0)
        origin = TextOrigin(path, number, column, number, column + 1)
        dockerfile.problems = (Problem("limit", f"more than {MOST_INSTRUCTIONS:,} instructions", origin),)
        return dockerfile
    Builder(dockerfile, lines.escape, args or {}, lines.problems).read(lines)
    lines.problems.sort(key=lambda problem: (problem.origin.line, problem.origin.column))
    template = find_template(lines, lines.problems)
    dockerfile.problems = (template,) if template else tuple(lines.problems)
    return dockerfile
