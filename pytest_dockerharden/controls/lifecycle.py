"""How a container restarts, stops and logs."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.posture import Logging, Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import set_key
from pytest_dockerharden.model.roles import is_for_swarm

_POLICIES = frozenset({"no", "always", "unless-stopped", "on-failure", ""})


_LOCAL_DRIVERS = frozenset({"", "json-file"})


def _restarted(service: Service | None) -> Remedy:
    if service is not None and is_for_swarm(service):
        return set_key("deploy.restart_policy", {"condition": "any"})  # docker stack deploy ignores `restart`
    return set_key("restart", "unless-stopped")


@control(severity="low", plan="P3", optional=True, equivalents={"kics": "restart_policy_on_failure_not_set_to_5"})
def restarts_after_a_failure(posture: Posture) -> Findings:
    """The service is restarted after a failure.

    Without a restart policy a crash is an outage until somebody looks, and the stack is down after a reboot.

    Bad::

        services:
          web:  # <-
            image: app

    Good::

        services:
          web:
            image: app
            restart: unless-stopped
    """
    if posture.service is not None and _is_awaited_job(posture.service):
        not_applicable("it runs to completion")
    if posture.restart.value.name in {"no", ""}:
        yield posture.restart.finding("it is not restarted", _restarted(posture.service))


def _is_awaited_job(service: Service) -> bool:
    return any(
        (condition := other.node.get("depends_on", service.name, "condition")) is not None
        and condition.text() == "service_completed_successfully"
        for other in service.project.services.values()
    )


@control(
    severity="low",
    optional=True,
    cis="5.15",
    equivalents={"kics": "restart_policy_on_failure_not_set_to_5", "docker-bench": "5.15"},
)
def restarts_are_bounded(posture: Posture, *, most: int = 5) -> Findings:
    """The engine gives up after some restarts.

    A container that dies at once and is restarted for ever burns the host's CPU and buries the first error in the log.

    Bad::

        services:
          web:
            image: app
            restart: always  # <-

    Good::

        services:
          web:
            image: app
            restart: on-failure:5
    """
    policy = posture.restart.value
    if policy.name in {"always", "unless-stopped"} or (policy.name == "on-failure" and not 1 <= policy.retries <= most):
        service = posture.service
        in_deploy = service is not None and (service.get("deploy.restart_policy") is not None or is_for_swarm(service))
        attempts = set_key("deploy.restart_policy", {"condition": "on-failure", "max_attempts": most})
        remedy = attempts if in_deploy else set_key("restart", f"on-failure:{most}")
        yield posture.restart.finding("it is restarted without end", remedy)


@control(severity="high")
def known_restart_policy(service: Service) -> Findings:
    """The restart policy is one that the engine knows.

    Compose takes any text; the engine refuses to create the container.

    Bad::

        services:
          web:
            image: app
            restart: on_failure  # <-

    Good::

        services:
          web:
            image: app
            restart: on-failure
    """
    node = service.get("restart")
    if node is None or node.unresolved:
        not_applicable("no restart policy")
    name, _, count = node.text().partition(":")
    if name not in _POLICIES or (count and (name != "on-failure" or not count.isdigit())):
        yield service.finding(
            f"the engine knows no restart policy `{node.text()}`", set_key("restart", "unless-stopped"), at=node
        )


@control(severity="low", plan="P3")
def stops_gracefully(service: Service) -> Findings:
    """The program gets a signal it can handle, and time to act on it.

    With SIGKILL, or no grace period, every stop is a crash.

    Bad::

        services:
          db:
            image: postgres
            stop_signal: SIGKILL  # <-
          web:
            image: app
            stop_grace_period: 0s  # <-

    Good::

        services:
          db:
            image: postgres
            stop_grace_period: 1m
    """
    signal, grace = service.get("stop_signal"), service.get("stop_grace_period")
    if signal is not None and signal.text().upper() in {"SIGKILL", "KILL", "9"}:
        yield service.finding("it is stopped by SIGKILL", set_key("stop_signal", "SIGTERM"), at=signal)
    if grace is not None and grace.text() in {"0", "0s"}:
        yield service.finding("it gets no time to stop", set_key("stop_grace_period", "10s"), at=grace)


@control(severity="low", optional=True, owasp="RULE 7")
def logs_are_rotated(posture: Posture) -> Findings:
    """The container's log is bounded.

    The default driver, `json-file`, keeps everything: whoever makes the service log fills the host's disk.

    Bad::

        services:
          web:  # <-
            image: app

    Good::

        services:
          web:
            image: app
            logging:
              driver: json-file
              options:
                max-size: 10m
                max-file: "3"
    """
    logging: Logging = posture.logging.value
    if logging.driver in _LOCAL_DRIVERS and not logging.option("max-size"):
        yield posture.logging.finding(
            "its log grows without bound",
            set_key("logging", {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}),
        )


@control(severity="low", equivalents={"compose-lint": "CL-0014"})
def logs_are_kept(posture: Posture) -> Findings:
    """The container's output is kept.

    With the log driver `none` nobody can say afterwards what happened.

    Bad::

        services:
          web:
            image: app
            logging:  # <-
              driver: none

    Good::

        services:
          web:
            image: app
            logging:
              driver: local
    """
    if posture.logging.value.driver == "none":
        yield posture.logging.finding("its output is thrown away", set_key("logging.driver", "local"))
