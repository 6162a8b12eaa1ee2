"""Who has a healthcheck, who waits for it, and whether its times fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import hits, verdicts

CHECK = "healthcheck: {test: [CMD, app, --check]}"


def lines(folder: Path, text: str, control: str, **files: str) -> list[tuple[str, int]]:
    found = hits(folder, {"compose.yaml": text, **files}, control)
    return [(hit.subject, hit.line) for hit in found]


def dependant(depends_on: str, db: str = CHECK) -> str:
    return f"services:\n  web:\n    image: a\n    depends_on:\n{depends_on}  db:\n    image: b\n    {db}\n"


SHORT = "      - db\n"
HEALTHY = "      db:\n        condition: service_healthy\n"
STARTED = "      db:\n        condition: service_started\n"
DISABLED = "healthcheck: {disable: true}"


@pytest.mark.parametrize(
    ("depends_on", "db", "expected"),
    [
        pytest.param(SHORT, CHECK, [("web", 5)], id="the short form waits for the start only"),
        pytest.param(STARTED, CHECK, [], id="service_started written out is a decision"),
        pytest.param(HEALTHY, CHECK, [], id="it waits"),
        pytest.param(SHORT, DISABLED, [], id="there is nothing to wait for"),
        pytest.param(SHORT, "restart: always", [], id="whether the image has a healthcheck is not known"),
        pytest.param(SHORT, 'healthcheck: {test: ["NONE"]}', [], id="switched off by a list"),
    ],
)
def test_a_dependant_waits_for_health(tmp_path: Path, depends_on: str, db: str, expected: list) -> None:
    assert lines(tmp_path, dependant(depends_on, db), "dependants-wait-for-health") == expected


@pytest.mark.parametrize(
    ("depends_on", "db", "expected"),
    [
        pytest.param(HEALTHY, DISABLED, [("web", 6)], id="switched off"),
        pytest.param(HEALTHY, 'healthcheck: {test: ["NONE"]}', [("web", 6)], id="switched off by a list"),
        pytest.param(HEALTHY, CHECK, [], id="it has one"),
        pytest.param(HEALTHY, "restart: always", [], id="the image may have one"),
        pytest.param(SHORT, DISABLED, [], id="nobody waits for its health"),
    ],
)
def test_what_is_awaited_has_a_healthcheck(tmp_path: Path, depends_on: str, db: str, expected: list) -> None:
    assert lines(tmp_path, dependant(depends_on, db), "awaited-service-has-a-healthcheck") == expected


def test_a_healthcheck_of_the_dockerfile_counts(tmp_path: Path) -> None:
    text = "services:\n  web:\n    build: .\n"
    dockerfile = 'FROM scratch\nHEALTHCHECK CMD ["/app", "--check"]\n'
    assert lines(tmp_path, text, "healthcheck-defined", Dockerfile=dockerfile) == []


def test_a_healthcheck_none_of_the_dockerfile_is_none(tmp_path: Path) -> None:
    found = hits(
        tmp_path,
        {"compose.yaml": "services:\n  web:\n    build: .\n", "Dockerfile": "FROM scratch\nHEALTHCHECK NONE\n"},
        "healthcheck-defined",
    )
    assert [(hit.subject, hit.file, hit.line) for hit in found] == [("web", "Dockerfile", 2)]


def test_an_image_that_is_not_at_hand_is_unknown_and_not_a_pass(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: registry.example/app:1\n"
    assert verdicts(tmp_path, {"compose.yaml": text}, "healthcheck-defined") == {"web": "unknown"}


def test_a_job_that_runs_to_completion_needs_no_healthcheck(tmp_path: Path) -> None:
    text = (
        "services:\n  migrate:\n    image: app\n    healthcheck: {disable: true}\n  web:\n    image: app\n"
        f"    {CHECK}\n    depends_on:\n      migrate: {{condition: service_completed_successfully}}\n"
    )
    assert verdicts(tmp_path, {"compose.yaml": text}, "healthcheck-defined") == {
        "migrate": "not-applicable",
        "web": "passed",
    }


def check(*settings: str) -> str:
    body = "".join(f"      {setting}\n" for setting in settings)
    return f"services:\n  web:\n    image: app\n    healthcheck:\n{body}"


TEST = 'test: ["CMD", "app", "--check"]'


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(("interval: 10s", "timeout: 30s"), [("web", 7)], id="a timeout beyond the interval"),
        pytest.param(("interval: 500ms",), [("web", 6)], id="two probes a second"),
        pytest.param(("interval: 1h",), [("web", 6)], id="a probe an hour"),
        pytest.param(("timeout: 1m",), [("web", 6)], id="a timeout beyond the default interval"),
        pytest.param(("interval: 30s", "timeout: 30s"), [], id="as long as the interval"),
        pytest.param(("interval: 1m30s", "timeout: 10s"), [], id="in minutes and seconds"),
        pytest.param(("interval: 0s",), [], id="zero is the default"),
        pytest.param(("interval: ${EVERY}",), [], id="a variable without a value"),
        pytest.param((), [], id="all defaults"),
    ],
)
def test_the_times_fit(tmp_path: Path, settings: tuple[str, ...], expected: list) -> None:
    assert lines(tmp_path, check(TEST, *settings), "healthcheck-times-fit") == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param((TEST, "start_interval: 1s"), [("web", 6)], id="none"),
        pytest.param((TEST, "start_interval: 1s", "start_period: 0s"), [("web", 6)], id="of no length"),
        pytest.param((TEST, "start_interval: 1s", "start_period: 5s"), [], id="it has one"),
        pytest.param((TEST,), [], id="no start interval"),
        pytest.param((TEST, "start_period: 5s"), [], id="a start period alone"),
    ],
)
def test_a_start_interval_needs_a_start_period(tmp_path: Path, settings: tuple[str, ...], expected: list) -> None:
    assert lines(tmp_path, check(*settings), "start-interval-has-a-start-period") == expected


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        pytest.param((TEST,), "interval, timeout, retries, start_period", id="nothing"),
        pytest.param((TEST, "interval: 5s", "timeout: 5s", "retries: 3"), "start_period", id="no start period"),
    ],
)
def test_missing_times_are_named(tmp_path: Path, settings: tuple[str, ...], missing: str) -> None:
    found = hits(tmp_path, {"compose.yaml": check(*settings)}, "healthcheck-times-are-given")
    assert [(hit.line, hit.message) for hit in found] == [(4, f"the healthcheck leaves {missing} to the engine")]


def test_a_suite_may_ask_for_fewer_times(tmp_path: Path) -> None:
    files = {"compose.yaml": check(TEST, "interval: 5s")}
    assert hits(tmp_path, files, "healthcheck-times-are-given", fields=("interval",)) == []
