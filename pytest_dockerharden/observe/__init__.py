"""A running container to a posture, from the kernel's own account of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import docker

    from pytest_dockerharden.model.posture import Posture
    from pytest_dockerharden.observe.asking import Questions
    from pytest_dockerharden.observe.files import Files
    from pytest_dockerharden.observe.witness import ContainerAccount, Witness
    from pytest_dockerharden.stack.stack import Stack

WORKERS = 8


def observe_stack(
    stack: Stack | Mapping[str, Sequence[str]],
    client: docker.DockerClient,
    phase: Literal["live", "restarted"] = "live",
    witness: Witness | None = None,
    predicted: Mapping[str, Posture] | None = None,
) -> dict[str, list[Posture]]:
    """Postures by service, one for each container: ``web``, ``web-2``, ...

    ``stack`` is a running stack, or container ids by service. Every container is inspected once; one ``witness`` (the
    best one that works, unless given) reads for all of them. A container that has ended has facts of the engine only.
    ``predicted`` are postures by service, for a stack those of its project. Files are looked at in one container
    of each image, once for a client.
    """
    from pytest_dockerharden.observe import choice, reach
    from pytest_dockerharden.observe.asking import Questions
    from pytest_dockerharden.observe.files import files_of
    from pytest_dockerharden.observe.posture import posture
    from pytest_dockerharden.observe.published import are_moved, put_ports_back
    from pytest_dockerharden.observe.sharing import put_shared_namespaces

    containers = stack if isinstance(stack, Mapping) else stack.containers
    predictions = predicted or ({} if isinstance(stack, Mapping) else predictions_of(stack))
    inspected = {c: client.api.inspect_container(c) for ids in containers.values() for c in ids}
    running = {answer["Id"]: pid for answer in inspected.values() if (pid := answer["State"].get("Pid"))}
    chosen = witness or choice.choose(client, list(inspected.values()))
    try:
        accounts = chosen.collect(running)
    finally:
        if witness is None:
            chosen.close()
    network, questions = reach.Reach.of(client, containers, inspected), Questions(client)
    volumes = questions.volumes(inspected.values())
    result: dict[str, list[Posture]] = {}
    seen: dict[str, tuple[Posture, dict[str, Any], ContainerAccount]] = {}
    for service, ids in containers.items():
        for number, container in enumerate(ids, 1):
            answer = inspected[container]
            account = accounts.get(answer["Id"]) or choice.ended(answer["Id"])
            subject = service if number == 1 else f"{service}-{number}"
            observed = posture(subject, answer, account, phase, volumes)
            network.complete(observed, container)
            observed.predicted = predictions.get(service)
            if are_moved(answer):
                put_ports_back(observed, observed.predicted)
            seen[container] = observed, answer, account
            result.setdefault(service, []).append(observed)
    postures = {container: found[0] for container, found in seen.items()}
    alive = {container for container, answer in inspected.items() if answer["Id"] in running}
    put_shared_namespaces(postures, network.services, alive)
    ask(seen.values(), questions, files_of(client))
    return result


def ask(seen: Iterable[tuple[Posture, dict[str, Any], ContainerAccount]], questions: Questions, files: Files) -> None:
    """What takes an engine its time is asked for many containers at once."""
    from concurrent.futures import ThreadPoolExecutor

    def complete(observed: Posture, inspected: dict[str, Any], account: ContainerAccount) -> None:
        questions.complete(observed, inspected, here=bool(account.root))
        if account.first is not None:
            put_files(observed, inspected, account, files)

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="dockerharden-observe") as pool:
        list(pool.map(lambda found: complete(*found), seen))


def predictions_of(stack: Stack) -> dict[str, Posture]:
    """Of an assembled project; there are none of one that was only loaded."""
    services = stack.project.services.items()
    return {name: service.posture for name, service in services if service.posture is not None}


def put_files(observed: Posture, inspected: Mapping[str, Any], account: ContainerAccount, files: Files) -> None:
    """What is in the root file system of the container, ids as it counts."""
    from pytest_dockerharden.observe.files import FACTS, Look

    first = account.first
    look = files.of(inspected["Image"], inspected["Id"], account, observed.changes.get(()))
    maps = [(first.get(name) if first else None) or "" for name in ("uid_map", "gid_map")]
    facts = look.facts(observed.subject, *maps) if isinstance(look, Look) else dict.fromkeys(FACTS, look)
    for name, fact in facts.items():
        setattr(observed, name, fact)
