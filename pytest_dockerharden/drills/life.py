"""Restart and stop: how the services of a stack take them. That one does not come back is the finding, no error."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
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
WORKERS = 8
# seconds that a container without a healthcheck must have been running before it counts as back
SETTLED = 2.0
# seconds beyond the grace period that the engine may need to end a container
SLACK = 10.0


def restart(
    stack: Stack,
    client: docker.DockerClient,
    drills: Mapping[str, Drill],
    *,
    deadline: float | None = None,
    progress: Progress = lambda line: None,
) -> None:
    """Restart every container in order of dependency, and tell how each came back.

    ``deadline`` in seconds is for the whole stack; as for bringing it up unless given. A service that does not come
    back does not keep others from being restarted.
    """
    watch = Watch(client, stack.deadline if deadline is None else deadline, progress)

    def one(service: Service) -> None:
        if service.name in drills and drills[service.name].lasting:
            drills[service.name].restart = _restart(stack, client, service, watch, progress)

    Progression(stack.project, watch).run(one)
    for name, drill in drills.items():
        if isinstance(drill.restart, Known) and drill.restart.value.came_back:
            drill.restart = _still_up(client, watch, name, stack.containers[name], drill.restart)


def _restart(
    stack: Stack, client: docker.DockerClient, service: Service, watch: Watch, progress: Progress
) -> Fact[RestartOutcome]:
    began = time.monotonic()
    try:
        for container in stack.containers.get(service.name, ()):
            progress(f"{service.name}: restarting")
            client.api.restart(container, timeout=grace(service))
            watch.until(service.name, container, "up")
    except StackError as error:
        return _outcome(client, stack, service.name, False, time.monotonic() - began, error)
    except Exception as error:
        # the engine's own refusal, to start a container that ran before, is an outcome too
        refused = StackError(f"{service.name}: the engine could not start it", (_explanation(error),))
        return _outcome(client, stack, service.name, False, time.monotonic() - began, refused)
    return _outcome(client, stack, service.name, True, time.monotonic() - began)


def _outcome(
    client: docker.DockerClient,
    stack: Stack,
    service: str,
    came_back: bool,
    seconds: float,
    error: StackError | None = None,
) -> Fact[RestartOutcome]:
    restarts = max(
        (State.of(client.api.inspect_container(c)).restarts for c in stack.containers.get(service, ())), default=0
    )
    reason = error.message.partition(": ")[2] if error else ""
    evidence = error.details if error else ()
    text = f"{reason} after {seconds:.1f} s" if error else f"up again after {seconds:.1f} s"
    return Known(
        RestartOutcome(came_back, seconds, restarts, reason, evidence),
        KernelOrigin(service, "restart", text),
        _shown(service, evidence),
    )


def _shown(service: str, evidence: tuple[str, ...]) -> tuple[KernelOrigin, ...]:
    """The last lines, without their headings."""
    lines = [line.strip() for line in evidence if not line.endswith(":")]
    return tuple(KernelOrigin(service, "after the restart", line) for line in lines[-4:])


def _still_up(
    client: docker.DockerClient, watch: Watch, service: str, containers: list[str], before: Known[RestartOutcome]
) -> Fact[RestartOutcome]:
    """Of a container without a healthcheck one knows that it runs, and a moment later that it still does."""
    for container in containers:
        while _age(inspected := client.api.inspect_container(container)) < SETTLED and State.of(inspected).running:
            time.sleep(0.1)
        state = State.of(inspected)
        if not state.running or state.health == "unhealthy" or state.restarts:
            reason = "ended soon after it" if not state.running else "did not stay up"
            evidence = watch.evidence(container, state)
            value = before.value
            return Known(
                RestartOutcome(False, value.seconds, state.restarts, reason, evidence),
                KernelOrigin(service, "restart", f"{reason}: exit code {state.exit_code}"),
                _shown(service, evidence),
            )
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
        if until - time.monotonic() < allowed + SLACK:
            return Unknown(f"no time was left to wait for its grace period of {allowed} s")
        progress(f"{service.name}: stopping")
        began = time.monotonic()
        try:
            client.api.stop(container, timeout=allowed)
        except Exception as error:
            return Unknown(f"the engine could not stop it: {_explanation(error)}")
        seconds = time.monotonic() - began
        outcome = StopOutcome(State.of(client.api.inspect_container(container)).exit_code, seconds, allowed)
        origin = KernelOrigin(service.name, "stop", f"exit code {outcome.exit_code} after {seconds:.1f} s")
        if not isinstance(worst, Known) or outcome.killed:
            worst = Known(outcome, origin)
    return worst


def _explanation(error: BaseException) -> str:
    return str(getattr(error, "explanation", None) or error).strip()
