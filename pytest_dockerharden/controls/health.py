"""Whether the engine can tell a working service from a broken one, and who waits for it."""

from __future__ import annotations

from pytest_dockerharden.controls.health_tools import suggested_healthcheck
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.posture import Healthcheck, Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, set_key
from pytest_dockerharden.model.roles import uses

TIMES = ("interval", "timeout", "retries", "start_period")


@control(
    severity="low",
    plan="P3",
    cis="5.27",
    equivalents={
        "kics": ("healthcheck_not_set", "healthcheck_instruction_missing"),
        "hadolint": "DL3057",
        "checkov": "CKV_DOCKER_2",
        "trivy": "DS-0026",
        "docker-bench": "5.27",
        "dockle": "CIS-DI-0006",
    },
)
def healthcheck_defined(posture: Posture) -> Findings:
    """The service has a healthcheck.

    Without one a hung process counts as running: nothing waits for it, nothing replaces it, and its failure is found
    by those who use it. A healthcheck of the image or of the Dockerfile counts. Of a worker, which nobody calls or
    waits for, nothing is said.

    Bad::

        services:
          web:  # <-
            build: .
        # file: Dockerfile
        FROM scratch
        COPY app /app
        ENTRYPOINT ["/app"]

    Bad::

        services:
          web:
            image: app
            healthcheck:
              disable: true  # <-

    Good::

        services:
          web:
            image: app
            healthcheck:
              test: ["CMD", "/app", "--check"]
              interval: 30s
              timeout: 5s
              retries: 3
              start_period: 10s
    """
    if (reason := why_none_is_missed(posture)) is not None:
        not_applicable(reason)
    if posture.healthcheck.value is None:
        switched_off = posture.service is not None and posture.service.get("healthcheck") is not None
        yield posture.healthcheck.finding(
            "its healthcheck is switched off" if switched_off else "it has no healthcheck",
            suggested_healthcheck(posture),
        )


def why_none_is_missed(posture: Posture) -> str | None:
    """Why nobody would miss a healthcheck of this service; None where somebody does."""
    if posture.service is not None and _runs_once(posture.service):
        return "it runs to completion"
    if posture.service is not None and _only_uses_others(posture):
        return "it uses other services, and nobody waits for it or calls it"
    return None


def _runs_once(service: Service) -> bool:
    """Whether another service waits for it to complete."""
    return any(
        other.text(f"depends_on.{service.name}.condition") == "service_completed_successfully"
        for other in service.project.services.values()
        if "." not in service.name
    )


def _only_uses_others(posture: Posture) -> bool:
    """Whether it is a worker: it depends on others, publishes and exposes nothing, and is named by no other."""
    service = posture.service
    if service is None or service.get("depends_on") is None or service.get("healthcheck") is not None:
        return False
    serves = service.get("ports") is not None or service.get("expose") is not None or bool(posture.exposed.get(()))
    others = (other for other in service.project.services.values() if other is not service)
    return not serves and not any(uses(other, service.name) for other in others)


def has_healthcheck(service: Service) -> bool | None:
    """Whether a healthcheck is in force; None where that depends on an image that is not at hand."""
    fact = service.posture.healthcheck if service.posture else None
    return fact.value is not None if fact is not None and fact.known else None


@control(severity="low", plan="P3")
def dependants_wait_for_health(service: Service) -> Findings:
    """A service waits until what it depends on is healthy.

    The short form of `depends_on` waits for the start only, although the dependency has a healthcheck to wait for.

    Bad::

        services:
          web:
            image: app
            depends_on:
              - db  # <-
          db:
            image: postgres
            healthcheck:
              test: ["CMD", "pg_isready"]

    Good::

        services:
          web:
            image: app
            depends_on:
              db:
                condition: service_healthy
          db:
            image: postgres
            healthcheck:
              test: ["CMD", "pg_isready"]
    """
    for name, dependency in _dependencies(service):
        other = service.project.services.get(name)
        if other is not None and _short_form(dependency) and has_healthcheck(other):
            yield service.finding(
                f"it does not wait until {name} is healthy",
                set_key("depends_on", {name: {"condition": "service_healthy"}}),
                at=dependency,
            )


def _dependencies(service: Service) -> list[tuple[str, Node]]:
    node = service.get("depends_on")
    if node is None:
        not_applicable("it depends on nothing")
    return list(node.items())


def _short_form(dependency: Node) -> bool:
    """Written as a list item: its parts are filled in and so have the place of the item."""
    condition = dependency.get("condition")
    if condition is None or condition.text() != "service_started":
        return False
    return condition.place == dependency.place or condition.origin == dependency.origin


@control(severity="high", plan="P3")
def awaited_service_has_a_healthcheck(service: Service) -> Findings:
    """What is waited for to be healthy has a healthcheck.

    Compose answers "has no healthcheck configured", and the waiting service is never started.

    Bad::

        services:
          web:
            image: app
            depends_on:
              db:
                condition: service_healthy  # <-
          db:
            image: postgres
            healthcheck:
              disable: true

    Good::

        services:
          web:
            image: app
            depends_on:
              db:
                condition: service_healthy
          db:
            image: postgres
            healthcheck:
              test: ["CMD", "pg_isready"]
    """
    for name, dependency in _dependencies(service):
        other, condition = service.project.services.get(name), dependency.get("condition")
        if other is None or condition is None or condition.text() != "service_healthy":
            continue
        if has_healthcheck(other) is False:
            yield service.finding(
                f"{name} has no healthcheck to wait for",
                advice(f'services:\n  {name}:\n    healthcheck:\n      test: ["CMD", ...]'),
                at=condition,
            )


@control(severity="high")
def start_interval_has_a_start_period(service: Service) -> Findings:
    """A healthcheck with a start interval has a start period.

    The engine refuses to create the container otherwise; `docker compose config` says nothing.

    Bad::

        services:
          web:
            image: app
            healthcheck:
              test: ["CMD", "/app", "--check"]
              start_interval: 1s  # <-

    Good::

        services:
          web:
            image: app
            healthcheck:
              test: ["CMD", "/app", "--check"]
              start_interval: 1s
              start_period: 30s
    """
    interval = service.get("healthcheck.start_interval")
    if interval is None:
        not_applicable("no start interval")
    if not _check(service).start_period:
        yield service.finding(
            "the engine refuses a start interval without a start period",
            set_key("healthcheck.start_period", "30s"),
            at=interval,
        )


@control(severity="low", plan="P3", optional=True)
def healthcheck_times_fit(service: Service) -> Findings:
    """The times of a healthcheck fit each other.

    A probe that may take longer than the interval holds up the next one, one that runs every few milliseconds is load,
    and with minutes between them a broken service is found late: the first probe comes one interval after the start.

    Bad::

        services:
          web:
            image: app
            healthcheck:
              test: ["CMD", "/app", "--check"]
              interval: 10s
              timeout: 30s  # <-

    Good::

        services:
          web:
            image: app
            healthcheck:
              test: ["CMD", "/app", "--check"]
              interval: 30s
              timeout: 10s
    """
    check = _check(service)
    every = check.interval or 30.0
    if service.get("healthcheck.timeout") is not None and (check.timeout or 30.0) > every:
        yield service.finding(
            "the timeout is longer than the interval", set_key("healthcheck.timeout", "5s"), at="healthcheck.timeout"
        )
    interval = service.get("healthcheck.interval")
    if interval is not None and not 1 <= every <= 600:
        yield service.finding(f"a probe every {interval.text()}", set_key("healthcheck.interval", "30s"), at=interval)


def _check(service: Service) -> Healthcheck:
    """The healthcheck in force, where the compose file says something of it."""
    if service.get("healthcheck") is None or service.posture is None:
        not_applicable("no healthcheck in the compose file")
    return service.posture.healthcheck.value or not_applicable("the healthcheck is switched off")


@control(severity="info", plan="P3", optional=True)
def healthcheck_times_are_given(service: Service, *, fields: tuple[str, ...] = TIMES) -> Findings:
    """A healthcheck gives its interval, timeout, retries and start period.

    The defaults (every 30 s, 30 s long, three times, no start period) fit few services.

    Bad::

        services:
          web:
            image: app
            healthcheck:  # <-
              test: ["CMD", "/app", "--check"]
              interval: 30s

    Good::

        services:
          web:
            image: app
            healthcheck:
              test: ["CMD", "/app", "--check"]
              interval: 30s
              timeout: 5s
              retries: 3
              start_period: 10s
    """
    check = service.get("healthcheck")
    if check is None or check.get("test") is None:
        not_applicable("no healthcheck in the compose file")
    missing = [field for field in fields if check.get(field) is None]
    if missing:
        yield service.finding(
            f"the healthcheck leaves {', '.join(missing)} to the engine",
            advice("\n".join(f"{field}: {3 if field == 'retries' else '30s'}" for field in missing)),
            at=check,
        )
