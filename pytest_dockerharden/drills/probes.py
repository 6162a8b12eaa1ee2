"""Active probes: what the service's own user can write, ask of the kernel and reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_dockerharden.model.drill import Drill
from pytest_dockerharden.stack.order import completing
from pytest_dockerharden.stack.waiting import State

if TYPE_CHECKING:
    import docker

    from pytest_dockerharden.model.posture import Posture
    from pytest_dockerharden.model.project import Service
    from pytest_dockerharden.stack.stack import Stack


def active(
    stack: Stack,
    client: docker.DockerClient,
    postures: Mapping[str, Sequence[Posture]],
    *,
    deadline: float = 60.0,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, Drill]:
    """A drill for every service, with all that can be tried before the restart.

    ``postures`` are those of the running stack. ``deadline`` in seconds is for all of it: what there is no time for
    stays unknown.
    """
    ended = completing(stack.project)
    return {
        name: _drill(service, client, postures.get(name, ()), stack.containers.get(name, ()), name in ended)
        for name, service in stack.project.services.items()
    }


def _drill(
    service: Service,
    client: docker.DockerClient,
    postures: Sequence[Posture],
    containers: Sequence[str],
    completes: bool,
) -> Drill:
    runs = [State.of(client.api.inspect_container(container)).running for container in containers[:1]]
    return Drill(
        subject=service.name,
        origin=service.origin,
        service=service,
        posture=postures[0] if postures else None,
        lasting=bool(runs and runs[0]) and not completes,
    )
