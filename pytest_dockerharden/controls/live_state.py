"""How a container fares: its health, its restarts, its image."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.remedies import advice


@control(severity="high", plan="P3", cis="5.27", live=True)
def healthy(posture: Posture) -> Findings:
    """The service is healthy.

    What its own healthcheck calls unhealthy does not serve; a proxy and dependants may still send work to it.

    Bad::

        services:
          web:  # <-
            image: app
            healthcheck:
              test: ["CMD", "test", "-e", "/nothing"]
              interval: 1s
              retries: 1

    Good::

        services:
          web:
            image: app
            healthcheck:
              test: ["CMD", "test", "-e", "/bin/sh"]
              interval: 1s
    """
    status = posture.health.value
    if not status or status == "none":
        not_applicable("it has no healthcheck")
    if status == "starting":
        unknown("its first healthcheck has not ended yet")
    if status != "healthy":
        code = posture.probes.value[-1].exit_code if posture.probes.get(()) else None
        ended = "" if code is None else f": the last check ended with {code}"
        yield posture.health.finding(f"it is {status}{ended}", advice("docker inspect has the output of the checks"))


@control(severity="low", plan="P3", live=True)
def health_is_stable(posture: Posture) -> Findings:
    """No healthcheck fails between others that pass.

    A service that is healthy only most of the time is too slow for its timeout, or breaks and recovers; with the next
    few misses it is unhealthy.

    Bad::

        services:
          web:  # <-
            image: app
            healthcheck:
              test: ["CMD-SHELL", "test -e /tmp/on && rm /tmp/on || { touch /tmp/on; false; }"]
              interval: 1s
              retries: 5

    Good::

        services:
          web:
            image: app
            healthcheck:
              test: ["CMD", "test", "-e", "/bin/sh"]
              interval: 1s
    """
    if not posture.health.value or posture.health.value == "none":
        not_applicable("it has no healthcheck")
    codes = [probe.exit_code for probe in posture.probes.value]
    if 0 not in codes:
        not_applicable("no check has passed yet")
    failed = [probe for probe in posture.probes.value[codes.index(0) :] if probe.exit_code]
    if failed:
        yield posture.probes.finding(
            f"{len(failed)} of its last {len(codes)} healthchecks failed",
            advice("give it more time, or find out what it waits for"),
            at=failed[-1].origin,
        )


@control(severity="medium", plan="P3", live=True)
def never_restarted(posture: Posture) -> Findings:
    """The engine did not have to restart it.

    A restart policy hides a service that crashes: it looks up whenever somebody looks.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["sh", "-c", "exit 1"]
            restart: always

    Good::

        services:
          web:
            image: app
            restart: always
    """
    count = posture.restart_count.value
    if count or posture.state.value == "restarting":
        times = "once" if count == 1 else f"{count} times"
        yield posture.restart_count.finding(f"it was restarted {times}", advice("docker logs says why it ended"))


@control(severity="medium", plan="P1", live=True)
def never_out_of_memory(posture: Posture) -> Findings:
    """The kernel did not kill a process of it for want of memory.

    Its limit is too low or it leaks. The victim may be a worker: the service goes on, without what that was doing.

    Bad::

        services:
          web:  # <-
            image: app
            mem_limit: 16m
            memswap_limit: 16m
            command: ["sh", "-c", "tail /dev/zero; exec sleep 1000"]

    Good::

        services:
          web:
            image: app
            mem_limit: 16m
            memswap_limit: 16m
    """
    if posture.oom_killed.value:
        yield posture.oom_killed.finding(
            "a process of it was killed for want of memory", advice("mem_limit: more\n# or have it use less")
        )


@control(severity="low", plan="P2", cis="5.28", live=True)
def runs_the_image_of_its_tag(posture: Posture) -> Findings:
    """It runs the image that its tag names now.

    After a pull or a build the tag names another image, and the container goes on with the old one and its known
    vulnerabilities until it is made anew.

    Bad::

        services:
          web:  # <-
            image: app:moved

    Good::

        services:
          web:
            image: app
    """
    tagged = posture.tagged_image_id.value
    if not tagged:
        not_applicable("its reference names no image any more")
    if tagged != posture.image_id.value:
        yield posture.tagged_image_id.finding(
            f"{posture.image.get('its tag')} names another image than the one that runs",
            advice("docker compose up -d"),
        )
