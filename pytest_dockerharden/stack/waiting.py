"""Wait for a container to be started, healthy or done; a wait ends by a deadline and says what went wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.secrets import mask
from pytest_dockerharden.stack.errors import StackError

if TYPE_CHECKING:
    import docker

POLL = 0.1
LOG_LINES = 20
# what has no healthcheck and ends at once was never up; what the engine had to restart must run for as long as the
# engine itself asks for before it forgets the failure (restartmanager: 10 s)
SETTLE = 1.0
SETTLE_RESTARTED = 10.0


class Cancelled(Exception):  # noqa: N818 - another service has failed, or the user has
    """Somebody else's failure ended the wait."""


@dataclass(frozen=True, slots=True)
class State:
    """What the engine says of a container. ``health`` is empty where it has no healthcheck."""

    status: str
    running: bool
    exit_code: int
    restarts: int
    health: str
    health_output: str
    oom_killed: bool
    error: str

    @classmethod
    def of(cls, inspected: dict[str, Any]) -> State:
        """From ``GET /containers/ID/json``."""
        state = inspected["State"]
        health = state.get("Health") or {}
        log = health.get("Log") or [{}]
        status = health.get("Status", "")
        return cls(
            status=state["Status"],
            running=bool(state["Running"]) and not state["Restarting"],
            exit_code=int(state["ExitCode"]),
            restarts=int(inspected.get("RestartCount", 0)),
            health="" if status == "none" else status,
            health_output=str(log[-1].get("Output", "")) if log else "",
            oom_killed=bool(state.get("OOMKilled")),
            error=str(state.get("Error", "")),
        )


class Watch:
    """Waits on the containers of one stack, all under one deadline (seconds from now)."""

    def __init__(self, client: docker.DockerClient, deadline: float, progress: Callable[[str], None]) -> None:
        self.client = client
        self.ends = time.monotonic() + deadline
        self.deadline = deadline
        self.progress = progress
        self.told: set[tuple[str, str]] = set()
        self.cancelled = threading.Event()

    def until(self, service: str, container: str, condition: str) -> None:
        """Return when the condition holds: one of Compose's three, or ``up`` (healthy, or running without a check).

        Raises StackError when it cannot hold any more or the deadline has passed, Cancelled after :meth:`cancel`.
        """
        settled, restarts = 0.0, -1
        while True:
            state, verdict = self.holds(service, container, condition)
            unchecked = condition == "up" and not state.health
            if unchecked and (verdict is not None or state.restarts != restarts):
                settled = time.monotonic() + (SETTLE_RESTARTED if state.restarts else SETTLE)
                restarts = state.restarts
            if verdict is None and time.monotonic() >= settled:
                self._tell(service, state.health or state.status)
                return
            if time.monotonic() > self.ends:
                waited = f"{service}: not {'healthy' if state.health else 'up'} after {self.deadline:.0f} s"
                raise StackError(waited, self.evidence(container, state))
            self._tell(service, "waiting for its healthcheck" if state.health else state.status)
            self.pause()

    def holds(self, service: str, container: str, condition: str) -> tuple[State, str | None]:
        """The state now, and what :func:`judge` says of it. Raises StackError where it will not hold any more."""
        state = State.of(self.client.api.inspect_container(container))
        verdict = judge(state, condition)
        if verdict:
            raise StackError(f"{service}: {verdict}", self.evidence(container, state))
        return state, verdict

    def pause(self) -> None:
        """Until the next look. Raises Cancelled."""
        if self.cancelled.wait(POLL):
            raise Cancelled

    def cancel(self) -> None:
        """End every wait."""
        self.cancelled.set()

    def _tell(self, service: str, what: str) -> None:
        if (service, what) not in self.told:
            self.told.add((service, what))
            self.progress(f"{service}: {what}")

    def evidence(self, container: str, state: State) -> tuple[str, ...]:
        """See :func:`evidence`."""
        return evidence(self.client, container, state)


def evidence(client: docker.DockerClient, container: str, state: State) -> tuple[str, ...]:
    """Exit code, last health output and last log lines, secrets masked."""
    lines: list[str] = []
    if not state.running:
        killed = ", killed for lack of memory" if state.oom_killed else ""
        lines.append(f"exit code {state.exit_code}{killed}, restarted {state.restarts} times")
    if state.error:
        lines.append(f"engine: {state.error}")
    if state.health_output:
        lines += ["last health check:", *(f"  {line}" for line in state.health_output.strip().splitlines()[-5:])]
    return tuple(mask(line) for line in (*lines, *last_log_lines(client, container)))


def last_log_lines(client: docker.DockerClient, container: str) -> list[str]:
    """Under a heading, indented; or why there are none."""
    from docker.errors import APIError

    try:
        text = client.api.logs(container, tail=LOG_LINES).decode("utf-8", "replace").strip()
    except APIError as error:
        return [f"its log cannot be read: {error.explanation}"]
    lines = [f"  {line}" for line in text.splitlines()]
    return ["last log lines:", *lines] if lines else ["it has logged nothing"]


def judge(state: State, condition: str) -> str | None:
    """None when the condition holds, a reason when it cannot any more, an empty string while it may still come."""
    if condition == "service_completed_successfully":
        if state.status == "exited":
            return None if state.exit_code == 0 else f"ended with exit code {state.exit_code}"
        return ""
    if condition == "service_started":
        return None if state.running or state.status in ("exited", "restarting") else ""
    if state.status in ("exited", "dead"):
        return f"has stopped with exit code {state.exit_code}"
    if state.restarts >= 3:
        return f"keeps failing: restarted {state.restarts} times"
    if not state.running:
        return ""
    if condition == "service_healthy" and not state.health:
        return "has no healthcheck that a dependant could wait for"
    if state.health == "unhealthy":
        return "is unhealthy"
    return None if state.health in ("", "healthy") else ""
