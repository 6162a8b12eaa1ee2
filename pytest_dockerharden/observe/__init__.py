"""A running container to a posture, from the kernel's own account of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import docker

    from pytest_dockerharden.model.posture import Posture
    from pytest_dockerharden.observe.witness import Witness
    from pytest_dockerharden.stack.stack import Stack


def observe_stack(
    stack: Stack | Mapping[str, Sequence[str]],
    client: docker.DockerClient,
    phase: Literal["live", "restarted"] = "live",
    witness: Witness | None = None,
) -> dict[str, list[Posture]]:
    """Postures by service, one for each container: ``web``, ``web-2``, ...

    ``stack`` is a running stack, or container ids by service. Every container is inspected once; one ``witness`` (the
    best one that works, unless given) reads for all of them. A container that has ended has facts of the engine only.
    """
    from pytest_dockerharden.observe import choice, reach
    from pytest_dockerharden.observe.posture import posture

    containers = stack if isinstance(stack, Mapping) else stack.containers
    inspected = {c: client.api.inspect_container(c) for ids in containers.values() for c in ids}
    full = {short: answer["Id"] for short, answer in inspected.items()}
    running = {answer["Id"]: pid for answer in inspected.values() if (pid := answer["State"].get("Pid"))}
    chosen = witness or choice.choose(client, list(inspected.values()))
    try:
        accounts = chosen.collect(running)
    finally:
        if witness is None:
            chosen.close()
    network = reach.Reach.of(client, containers, inspected)
    result: dict[str, list[Posture]] = {}
    for service, ids in containers.items():
        for number, container in enumerate(ids, 1):
            account = accounts.get(full[container]) or choice.ended(full[container])
            subject = service if number == 1 else f"{service}-{number}"
            observed = posture(subject, inspected[container], account, phase)
            network.complete(observed, container)
            result.setdefault(service, []).append(observed)
    return result
