"""A stack that runs already: found by the labels of Docker Compose, read, and left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.names import PREFIX
from pytest_dockerharden.stack.stack import Stack

if TYPE_CHECKING:
    import docker


def attached(project: Project, client: docker.DockerClient, name: str) -> Stack:
    """The running stack of the Compose project ``name``. Raises StackError where a service of ours does not run."""
    stack = Stack(project, client)
    for service in project.services:
        stack.containers[service] = containers_of(client, name, service)
    if not any(stack.containers.values()):
        known = sorted({found["Labels"][f"{PREFIX}.project"] for found in listed(client, f"{PREFIX}.project")})
        raise StackError(
            f"no container of the Compose project `{name}` is on the engine",
            (f"running projects: {', '.join(known)}" if known else "no Compose project is running",),
        )
    missing = [service for service, ids in stack.containers.items() if not ids]
    if missing:
        raise StackError(
            f"{missing[0]}: has no container in `{name}`",
            (f"also missing: {', '.join(missing[1:])}" if missing[1:] else "start it, or choose other profiles",),
        )
    return stack


def containers_of(client: docker.DockerClient, project: str, service: str) -> list[str]:
    """Ids of a service's containers, in order of number, without those of `docker compose run`."""
    found = listed(client, f"{PREFIX}.project={project}", f"{PREFIX}.service={service}", f"{PREFIX}.oneoff=False")
    return [c["Id"] for c in sorted(found, key=lambda c: int(c["Labels"].get(f"{PREFIX}.container-number") or 1))]


def listed(client: docker.DockerClient, *labels: str) -> list[dict[str, Any]]:
    """What the engine lists under all of these labels, ended containers too."""
    found: list[dict[str, Any]] = client.api.containers(all=True, filters={"label": list(labels)})
    return found
