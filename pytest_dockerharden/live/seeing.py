"""What is read of a running stack: postures with what was predicted of them, and the last words of what fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_dockerharden.live.engine import answering
from pytest_dockerharden.live.phases import Phase
from pytest_dockerharden.live.secrecy import Secrecy
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    import docker

    from pytest_dockerharden.model.posture import Posture
    from pytest_dockerharden.stack.stack import Stack


def observe(
    stack: Stack | Mapping[str, list[str]], project: Project | None, client: docker.DockerClient, phase: Phase = "live"
) -> dict[str, list[Posture]]:
    """Postures of all containers by service. Raises EngineError."""
    from pytest_dockerharden.observe import observe_stack

    services = project.services if project else {}
    predicted = {name: service.posture for name, service in services.items() if service.posture is not None}
    with answering():
        postures = observe_stack(stack, client, "restarted" if phase == "restarted" else "live", predicted=predicted)
    for name, observed in postures.items():
        for posture in observed:
            posture.service = services.get(name)
    return postures


def with_last_words(
    results: dict[str, Result], stack: Stack, client: docker.DockerClient, secrecy: Secrecy
) -> dict[str, Result]:
    """The last health output and log lines of each service, beside the first thing that fails of it."""
    told: set[str] = set()
    for result in results.values():
        service = result.subject.rpartition("/")[2]
        ids = stack.containers.get(service)
        if result.verdict == "failed" and ids and service not in told:
            told.add(service)
            words = secrecy.masked("\n".join(last_words(client, ids[0])))
            result.evidence = ((f"What {service} said last", words),)
    return results


def last_words(client: docker.DockerClient, container: str) -> tuple[str, ...]:
    """Exit code, last health output and last log lines of a container. Raises EngineError."""
    from pytest_dockerharden.stack.waiting import State, evidence

    with answering():
        return evidence(client, container, State.of(client.api.inspect_container(container)))
