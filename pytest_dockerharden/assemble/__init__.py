"""Files to subjects: load every combination, parse the Dockerfiles, put the two together, predict the postures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Dockerfile
from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.project import Project

if TYPE_CHECKING:
    from pytest_dockerharden.assemble.sources import Sources
    from pytest_dockerharden.source.git import Checkout

__all__ = ["Assembly", "Combination", "assemble"]


@dataclass(frozen=True, slots=True)
class Combination:
    """One list of compose files that are run together. ``name`` is empty where a repo has only one.

    ``profiles`` None means those that the environment asks for.
    """

    files: tuple[str, ...]
    name: str = ""
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] | None = ("*",)
    project_directory: str | None = None
    project_name: str | None = None


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
    running: bool = False,
    shellcheck: bool = False,
    checkouts: dict[str, Checkout | None] | None = None,
) -> Assembly:
    """Load what is named and what it refers to inside ``root`` (absolute); nothing outside it is opened.

    ``environment`` stands for the process environment, which is not read. ``images`` are image configurations at hand,
    by reference. ``running`` is for a project that is brought up: what Docker Compose refuses is a failure then.
    ``shellcheck`` has ShellCheck look at every RUN: nothing else executes a program. ``checkouts`` by folder are
    added to: git's index is read once for several assemblies.
    """
    from pytest_dockerharden.assemble.builds import Builds
    from pytest_dockerharden.assemble.sources import Sources

    sources = Sources(root, running=running, checkouts=checkouts)
    assembly = Assembly()
    for combination in combinations:
        project = sources.project(combination, environment or {})
        if project is not None:
            assembly.projects.append(project)
    builds = Builds(sources, assembly.projects)
    assembly.dockerfiles = builds.parse(dockerfiles)
    if shellcheck:
        from pytest_dockerharden.assemble.shellcheck import diagnose

        for dockerfile in assembly.dockerfiles.values():
            dockerfile.shell_diagnostics = diagnose(dockerfile)
    if assembly.projects:
        _complete(assembly, sources, images or {})
    assembly.failures = sources.failures
    return assembly


def _complete(assembly: Assembly, sources: Sources, images: Mapping[str, ImageConfig]) -> None:
    """Give the services all that reaches their containers, and predict the postures."""
    # a run on Dockerfiles alone needs none of this
    from pytest_dockerharden.assemble.images import attach_images
    from pytest_dockerharden.assemble.local import attach_local
    from pytest_dockerharden.assemble.parts import Parts
    from pytest_dockerharden.predict import predict

    unbuilt = {path: dockerfile for path, dockerfile in assembly.dockerfiles.items() if not dockerfile.built_by}
    _introduce(assembly.projects)
    parts = Parts(sources)
    for project in assembly.projects:
        below = os.path.join(project.directory, "")
        project.dockerfiles.update({path: each for path, each in unbuilt.items() if path.startswith(below)})
        for service in project.services.values():
            attach_images(service, images)
            parts.attach(service)
        attach_local(project, sources)
    for project in assembly.projects:
        for service in project.services.values():
            service.posture = predict(service)


def _introduce(projects: Sequence[Project]) -> None:
    """Let each project know the others that share a file with it."""
    of_file: dict[str, list[int]] = {}
    for index, project in enumerate(projects):
        for file in project.files:
            of_file.setdefault(file, []).append(index)
    for index, project in enumerate(projects):
        alike = {other for file in project.files for other in of_file[file]} - {index}
        project.siblings = tuple(projects[other] for other in sorted(alike))
