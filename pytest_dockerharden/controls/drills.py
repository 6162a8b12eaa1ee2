"""What a service survives: a restart, a stop, its own breakdown."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.drill import Drill
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.remedies import advice, set_key


@control(severity="high", plan="P3")
def survives_restart(drill: Drill) -> Findings:
    """The service comes back after a restart.

    A container keeps its layer over a restart and loses its tmpfs. A lock file, a directory that the first start made,
    or a tmpfs whose mode the engine forgets (moby#20437) end a service that had started well.

    Bad::

        services:
          worker:  # <-
            image: app
            user: "1000:1000"
            command: ["sh", "-c", "echo started > /state/started && exec sleep 1000"]
            tmpfs: [/state]

    Bad::

        services:
          worker:  # <-
            image: app
            command: ["sh", "-c", "mkdir /lock && exec sleep 1000"]

    Good::

        services:
          worker:
            image: app
            user: "1000:1000"
            command: ["sh", "-c", "echo started > /state/started && exec sleep 1000"]
            tmpfs: ["/state:uid=1000,gid=1000,mode=0700"]
    """
    if not drill.lasting:
        not_applicable("it runs to completion")
    outcome = drill.restart.value
    if not outcome.came_back:
        hint = "tmpfs:\n  - /the/path:uid=1000,gid=1000,mode=0700  # if it writes there: the user it runs as"
        yield drill.finding(drill.restart, f"it does not survive a restart: {outcome.reason}", advice(hint))
    elif outcome.restarts:
        times = "once" if outcome.restarts == 1 else f"{outcome.restarts} times"
        yield drill.finding(drill.restart, f"it failed {times} before it was up again after a restart")


@control(severity="medium", plan="P3")
def stops_within_its_grace_period(drill: Drill) -> Findings:
    """The service ends by itself when it is asked to.

    A first process without a handler does not get SIGTERM at all, and a shell does not pass it on. After the grace
    period the engine kills it: open requests and unsaved data are lost, and every deployment waits for nothing.

    Bad::

        services:
          web:
            image: app
            command: ["sh", "-c", "while true; do sleep 1000; done"]  # <-
            stop_grace_period: 1s

    Good::

        services:
          web:
            image: app
            command: ["sh", "-c", "while true; do sleep 1000; done"]
            init: true

    Good::

        services:
          web:
            image: app
            command: ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1000 & wait; done"]
    """
    if not drill.lasting:
        not_applicable("it runs to completion")
    outcome = drill.stop.value
    if outcome.killed:
        handled = drill.posture is not None and drill.posture.init.get(False)
        remedy = advice("handle SIGTERM, or name the signal that it handles:\nstop_signal: SIGINT")
        yield drill.finding(
            drill.stop,
            f"it had to be killed {outcome.seconds:.0f} s after it was asked to stop",
            remedy if handled else set_key("init", True),
            at="command" if drill.has("command") else "entrypoint",
        )


@control(severity="medium", plan="P3")
def healthcheck_notices_a_dead_service(drill: Drill) -> Findings:
    """The healthcheck fails where the service does not run.

    One that succeeds where nothing runs says nothing about the service, and misleads whoever waits for it. It was run
    in a container like the service's own, in which nothing else runs.

    Bad::

        services:
          web:
            image: app
            command: ["sleep", "1000"]
            healthcheck:
              test: wget -q -O - http://localhost:8080/ || true  # <-
              interval: 1s

    Good::

        services:
          web:
            image: app
            command: ["sh", "-c", "exec nc -ll -p 8080 -e echo"]
            init: true
            healthcheck:
              test: nc -w 1 127.0.0.1 8080 < /dev/null
              interval: 1s
    """
    if not drill.lasting:
        not_applicable("it runs to completion")
    outcome = drill.healthcheck.value
    if outcome is None:
        not_applicable("it has no healthcheck")
    if not outcome.noticed:
        remedy = advice("healthcheck:\n  test: a command that fails unless the service answers")
        yield drill.finding(
            drill.healthcheck, "its healthcheck succeeds where it does not run", remedy, at="healthcheck.test"
        )
