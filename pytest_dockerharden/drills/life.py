"""Restart and stop: how the services of a stack take them. That one does not come back is the finding, no error."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pytest_dockerharden.model.drill import Drill, RestartOutcome, StopOutcome
from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.order import levels
from pytest_dockerharden.stack.parallel import Progression
from pytest_dockerharden.stack.stack import grace
from pytest_dockerharden.stack.waiting import State, Watch

if TYPE_CHECKING:
    import docker

    from pytest_dockerharden.model.project import Service
    from pytest_dockerharden.stack.stack import Stack

Progress = Callable[[str], None]
Masked = Callable[[str], str]
WORKERS = 8
# seconds that a container without a healthcheck must have been running before it counts as back
SETTLED = 2.0
SHOWN_LINES = 3


def restart(
    stack: Stack,
    client: docker.DockerClient,
    drills: Mapping[str, Drill],
    *,
    deadline: float | None = None,
    progress: Progress = lambda line: None,
    masked: Masked = lambda text: text,
) -> None:
    """Restart every container in order of dependency, and tell how each came back.

    ``deadline`` in seconds is for the whole stack; as for bringing it up unless given. A service that does not come
    back does not keep others from being restarted. ``masked`` takes secrets out of what a container has logged.
    """
    watch = Watch(client, stack.deadline if deadline is None else deadline, progress)

    def one(service: Service) -> None:
        if service.name in drills and drills[service.name].lasting:
            drills[service.name].restart = _restart(stack, client, service, watch, progress, masked)

    Progression(stack.project, watch).run(one)
    for name, drill in drills.items():
        if isinstance(drill.restart, Known) and drill.restart.value.came_back:
            drill.restart = _still_up(client, watch, name, stack.containers[name], drill.restart, masked)


def _restart(
    stack: Stack, client: docker.DockerClient, service: Service, watch: Watch, progress: Progress, masked: Masked
) -> Fact[RestartOutcome]:
    from docker.errors import APIError

    containers = stack.containers.get(service.name, ())
    error: StackError | None = None
    began = time.monotonic()
    try:
        for container in containers:
            progress(f"{service.name}: restarting")
            client.api.restart(container, timeout=grace(service))
            watch.until(service.name, container, "up")
    except StackError as failure:
        error = failure
    except APIError as refusal:
        # the engine's own refusal, to start a container that ran before, is an outcome too
        error = StackError(f"{service.name}: the engine could not start it", (str(refusal.explanation),))
    seconds = time.monotonic() - began
    restarts = max((State.of(client.api.inspect_container(c)).restarts for c in containers), default=0)
    if error is None:
        origin = KernelOrigin(service.name, "restart", f"up again after {seconds:.1f} s")
        return Known(RestartOutcome(True, seconds, restarts), origin)
    reason = error.message.partition(": ")[2]
    return _failed(service.name, reason, seconds, restarts, [masked(line) for line in error.details])


def _failed(service: str, reason: str, seconds: float, restarts: int, evidence: Sequence[str]) -> Known[RestartOutcome]:
    lines = [line.strip() for line in evidence if not line.endswith(":")]
    return Known(
        RestartOutcome(False, seconds, restarts, reason, tuple(evidence)),
        KernelOrigin(service, "restart", f"{reason}, {seconds:.1f} s after it was asked to restart"),
        (KernelOrigin(service, "after the restart", "\n".join(lines[-SHOWN_LINES:])),) if lines else (),
    )


def _still_up(
    client: docker.DockerClient,
    watch: Watch,
    service: str,
    containers: list[str],
    before: Known[RestartOutcome],
    masked: Masked,
) -> Fact[RestartOutcome]:
    """Of a container without a healthcheck one knows that it runs, and a moment later that it still does."""
    for container in containers:
        while _age(inspected := client.api.inspect_container(container)) < SETTLED and State.of(inspected).running:
            time.sleep(0.1)
        state = State.of(inspected)
        if not state.running or state.health == "unhealthy":
            reason = "did not stay healthy" if state.running else f"ended soon with exit code {state.exit_code}"
            evidence = [masked(line) for line in watch.evidence(container, state)]
            return _failed(service, reason, before.value.seconds, state.restarts, evidence)
        if state.restarts > before.value.restarts:
            before = Known(replace(before.value, restarts=state.restarts), before.origin)
    return before


def _age(inspected: dict[str, dict[str, str]]) -> float:
    """Seconds since the engine started it. Its clock may be another one: what cannot be is taken as old enough."""
    started = inspected["State"]["StartedAt"][:19]
    seconds = (datetime.now(timezone.utc) - datetime.fromisoformat(f"{started}+00:00")).total_seconds()
    return seconds if seconds >= 0 else SETTLED


def stop(
    stack: Stack,
    client: docker.DockerClient,
    drills: Mapping[str, Drill],
    *,
    deadline: float = 120.0,
    progress: Progress = lambda line: None,
) -> None:
    """Ask every container to end, dependants first, and tell how each did. ``deadline`` in seconds is for all."""
    until = time.monotonic() + deadline
    for group in reversed(levels(stack.project)):
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="dockerharden-drill") as pool:
            tasks = {
                service.name: pool.submit(_stop, stack, client, service, until, progress)
                for service in group
                if service.name in drills and drills[service.name].lasting
            }
            for name, task in tasks.items():
                drills[name].stop = task.result()


def _stop(
    stack: Stack, client: docker.DockerClient, service: Service, until: float, progress: Progress
) -> Fact[StopOutcome]:
    worst: Fact[StopOutcome] = Unknown("it has no container")
    allowed = grace(service)
    for container in stack.containers.get(service.name, ()):
        if not State.of(client.api.inspect_container(container)).running:
            return Unknown("it did not run any more when it was to be stopped")
        given = min(allowed, int(until - time.monotonic()))
        if given < min(allowed, 1):
            return Unknown("no time was left to stop it")
        progress(f"{service.name}: stopping")
        began = time.monotonic()
        client.api.stop(container, timeout=given)
        seconds = time.monotonic() - began
        outcome = StopOutcome(State.of(client.api.inspect_container(container)).exit_code, seconds, allowed)
        if outcome.killed and given < allowed:
            return Unknown(f"it had not ended after {given} s, and there was no time for all of its {allowed} s")
        if not isinstance(worst, Known) or outcome.killed:
            text = f"exit code {outcome.exit_code} after {seconds:.1f} s"
            worst = Known(outcome, KernelOrigin(service.name, "stop", text))
    return worst
