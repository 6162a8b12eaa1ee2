"""Files to subjects: load every combination, parse the Dockerfiles, put the two together, predict the postures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_dockerharden.model.dockerfile import Dockerfile
from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.project import Project


@dataclass(frozen=True, slots=True)
class Combination:
    """One list of compose files that are run together. ``name`` is empty where a repo has only one."""

    files: tuple[str, ...]
    name: str = ""
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ("*",)
    project_directory: str | None = None


@dataclass(slots=True, eq=False)
class Assembly:
    """All that static mode judges. ``failures`` has one problem for each file that cannot be judged at all."""

    projects: list[Project] = field(default_factory=list)
    dockerfiles: dict[str, Dockerfile] = field(default_factory=dict)
    failures: list[Problem] = field(default_factory=list)


def assemble(
    combinations: Sequence[Combination],
    dockerfiles: Sequence[str] = (),
    *,
    root: str,
    environment: Mapping[str, str] | None = None,
    images: Mapping[str, ImageConfig] | None = None,
) -> Assembly:
    """Load what is named and what it refers to inside ``root`` (absolute); nothing outside it is opened.

    ``environment`` stands for the process environment, which is not read. ``images`` are image configurations at hand,
    by reference.
    """
    raise NotImplementedError
