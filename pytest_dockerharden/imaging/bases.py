"""What the Dockerfiles of the project say that an image is built on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from pytest_dockerharden.imaging.reading import layers_on
from pytest_dockerharden.model.image import Base
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.reference import parse_reference

if TYPE_CHECKING:
    import docker


def bases_of(
    reference: str, projects: Iterable[Project], engine: Callable[[], docker.DockerClient]
) -> tuple[Base, ...]:
    """The bases of the services that are built into an image of this name, each once."""
    found: dict[tuple[str, TextOrigin], None] = {}
    for service in _builders(reference, projects):
        stage = service.stage
        base = stage.root_base() if stage else None
        if stage and base and base != "scratch":
            origin = list(stage.chain())[-1].origin
            found[base, origin] = None
    return tuple(Base(base, origin, layers_on(engine, base)) for base, origin in found)


def _builders(reference: str, projects: Iterable[Project]) -> Iterator[Service]:
    wanted = _identity(reference)
    for project in projects:
        for service in project.services.values():
            if service.get("build") is not None and _identity(_name(service)) == wanted:
                yield service


def _name(service: Service) -> str:
    node = service.get("image")
    return node.text() if node is not None and not node.unresolved else f"{service.project.name}-{service.name}"


def _identity(reference: str) -> tuple[str, str, str]:
    parsed = parse_reference(reference)
    return parsed.registry, parsed.path, parsed.tag or "latest"
