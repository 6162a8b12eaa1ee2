"""Which files make a project, where it lies and what it is called."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.source.compose.interpolate import InterpolationError, Interpolator

DEFAULT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_FILES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
NOT_IN_NAME = pattern(r"[^a-z0-9_-]")


def named_files(directory: str, environment: Mapping[str, str]) -> list[str]:
    """The files that ``COMPOSE_FILE`` lists, relative to ``directory``."""
    listed = environment.get("COMPOSE_FILE", "")
    separator = environment.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
    return [os.path.normpath(os.path.join(directory, name)) for name in listed.split(separator) if name]


def discover(directory: str) -> list[str]:
    """The compose file in ``directory`` or the nearest folder above it, and the override beside it."""
    while True:
        base = _first(directory, DEFAULT_FILES)
        if base:
            override = _first(directory, OVERRIDE_FILES)
            return [base, override] if override else [base]
        parent = os.path.dirname(directory)
        if parent == directory:
            return []
        directory = parent


def _first(directory: str, names: Iterable[str]) -> str | None:
    paths = (os.path.join(directory, name) for name in names)
    return next((path for path in paths if os.path.isfile(path)), None)


def normalise_name(name: str) -> str:
    """A project name with what Docker Compose does not allow in one taken out: ``My-Proj.X`` is ``my-projx``."""
    return NOT_IN_NAME.sub("", name.lower()).lstrip("_-")


def declared_name(roots: Sequence[Node], environment: Mapping[str, str]) -> str | None:
    """The last top-level ``name:``, interpolated."""
    for root in reversed(roots):
        name = root.get("name")
        if name is not None and isinstance(name.value, str):
            try:
                return Interpolator(environment, required=False).expand(name.value)[0]
            except InterpolationError:
                return None
    return None
