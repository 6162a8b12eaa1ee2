"""Restart and stop of services that take them well and badly."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden import drills
from pytest_dockerharden.stack import waiting
from pytest_dockerharden.stack.run import Run
from pytest_dockerharden.stack.stack import Stack
from tests.drills.drilled import Drilled, drill, loaded

pytestmark = pytest.mark.live

STACK = """\
services:
  fine:
    image: app
    command: ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1000 & wait; done"]
  with_init:
    image: app
    init: true
    command: ["sh", "-c", "while true; do sleep 1000; done"]
  ignores:
    image: app
    command: ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"]
    stop_grace_period: 1s
  own_signal:
    image: app
    command: ["sh", "-c", "trap 'exit 0' USR1; while true; do sleep 1000 & wait; done"]
    stop_signal: SIGUSR1
  fails_while_stopping:
    image: app
    command: ["sh", "-c", "trap 'exit 3' TERM; while true; do sleep 1000 & wait; done"]
  forgets_its_tmpfs:
    image: app
    init: true
    user: "1000:1000"
    command: ["sh", "-c", "echo started > /state/started && exec sleep 1000"]
    tmpfs: [/state]
  locks_itself_out:
    image: app
    init: true
    command: ["sh", "-c", "mkdir /lock && exec sleep 1000"]
  dies_later:
    image: app
    init: true
    command: ["sh", "-c", "test -e /was && sleep 0.7 && exit 4; touch /was; exec sleep 1000"]
  never_healthy_again:
    image: app
    init: true
    command: ["sh", "-c", "test -e /was && rm -f /ok; test -e /was || touch /ok; touch /was; exec sleep 1000"]
    healthcheck: {test: "test -e /ok", interval: 300ms, retries: 2}
  needs_two_attempts:
    image: app
    init: true
    restart: always
    command: ["sh", "-c", "if test -e /was; then mkdir /second && exit 1; fi; touch /was; exec sleep 1000"]
  healthy_again:
    image: app
    init: true
    command: ["sh", "-c", "exec nc -ll -p 8080 -e cat"]
    healthcheck: {test: "nc -w 1 127.0.0.1 8080 </dev/null", interval: 300ms}
  dependant:
    image: app
    init: true
    command: ["sleep", "1000"]
    depends_on: {healthy_again: {condition: service_healthy}}
  job:
    image: app
    command: ["true"]
  after:
    image: app
    init: true
    command: ["sleep", "1000"]
    depends_on: {job: {condition: service_completed_successfully}}
"""


@pytest.fixture(scope="module")
def drilled(client: Any, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drilled]:
    with pytest.MonkeyPatch.context() as patch:
        # whom the engine had to restart is watched for ten seconds, as the engine itself does
        patch.setattr(waiting, "SETTLE_RESTARTED", 2.0)
        yield drill(client, tmp_path_factory.mktemp("life"), STACK, image, ("restart", "stop"))


@pytest.mark.parametrize(
    "service",
    ["fine", "with_init", "ignores", "own_signal", "fails_while_stopping", "healthy_again", "dependant", "after"],
)
def test_who_comes_back_passes(drilled: Drilled, service: str) -> None:
    assert drilled[service].restart.value.came_back
    assert drilled.verdict("survives-restart", service) == "passed"


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        pytest.param("forgets_its_tmpfs", "exit code 1", id="the mode of a tmpfs is lost"),
        pytest.param("locks_itself_out", "exit code 1", id="its own lock is still there"),
        pytest.param("dies_later", "exit code 4", id="it runs at first"),
        pytest.param("never_healthy_again", "unhealthy", id="it runs and is not healthy"),
    ],
)
def test_who_does_not_come_back_fails(drilled: Drilled, service: str, reason: str) -> None:
    judgement = drilled.judged("survives-restart", service)
    assert judgement.verdict == "failed"
    said = judgement.findings[0].message + "".join(str(place) for place in judgement.findings[0].related)
    assert reason in said


def test_the_last_log_lines_are_the_evidence(drilled: Drilled) -> None:
    finding = drilled.judged("survives-restart", "forgets_its_tmpfs").findings[0]
    assert any("can't create /state/started: Permission denied" in str(place) for place in finding.related)


def test_who_needs_a_second_attempt_is_told_of(drilled: Drilled) -> None:
    judgement = drilled.judged("survives-restart", "needs_two_attempts")
    assert judgement.verdict == "failed"


@pytest.mark.parametrize(
    ("service", "code"),
    [
        pytest.param("fine", 0, id="a handler of its own"),
        pytest.param("own_signal", 0, id="the signal that it handles"),
        pytest.param("with_init", 143, id="an init that passes the signal on"),
        pytest.param("fails_while_stopping", 3, id="an exit code of its own is its own affair"),
        pytest.param("dependant", 143, id="a plain program under an init"),
    ],
)
def test_who_ends_by_itself_passes(drilled: Drilled, service: str, code: int) -> None:
    assert drilled[service].stop.value.exit_code == code
    assert drilled.verdict("stops-within-its-grace-period", service) == "passed"


def test_who_ignores_the_signal_is_killed_after_its_grace_period(drilled: Drilled) -> None:
    outcome = drilled["ignores"].stop.value
    assert (outcome.exit_code, outcome.grace) == (137, 1)
    assert outcome.seconds >= 1
    assert drilled.verdict("stops-within-its-grace-period", "ignores") == "failed"


def test_who_had_ended_already_was_not_stopped(drilled: Drilled) -> None:
    assert drilled.verdict("stops-within-its-grace-period", "locks_itself_out") == "unknown"


def test_a_job_is_neither_restarted_nor_stopped(drilled: Drilled) -> None:
    assert drilled.verdict("survives-restart", "job") == "not-applicable"
    assert drilled.verdict("stops-within-its-grace-period", "job") == "not-applicable"


def test_without_probing_nothing_is_tried(drilled: Drilled) -> None:
    assert drilled.verdict("refuses-writes", "fine") == "unknown"


def test_a_deadline_is_kept_and_is_no_pass(client: Any, image: str, tmp_path: Path) -> None:
    text = f"""\
services:
  slow:
    image: {image}
    init: true
    command: ["sh", "-c", "test -e /was || touch /ok; touch /was; exec sleep 1000"]
    healthcheck: {{test: "test -e /ok && rm /ok", interval: 300ms, retries: 10000}}
"""
    run = Run.start()
    with Stack(loaded(tmp_path, text, f"dh-{run.id}"), client, run) as stack:
        found = drills.active(stack, client, {}, deadline=0)
        assert not found["slow"].writes.known
        began = time.monotonic()
        drills.restart(stack, client, found, deadline=3)
        assert time.monotonic() - began < 20
        assert not found["slow"].restart.value.came_back
        drills.stop(stack, client, found, deadline=0)
        assert "no time was left" in str(found["slow"].stop)


def test_a_long_grace_period_is_cut_and_proves_nothing(client: Any, image: str, tmp_path: Path) -> None:
    text = f"""\
services:
  quick:
    image: {image}
    init: true
    command: ["sleep", "1000"]
    stop_grace_period: 5m
  slow:
    image: {image}
    command: ["sleep", "1000"]
    stop_grace_period: 5m
"""
    run = Run.start()
    with Stack(loaded(tmp_path, text, f"dh-{run.id}"), client, run) as stack:
        found = drills.active(stack, client, {}, deadline=0)
        drills.stop(stack, client, found, deadline=3)
    assert found["quick"].stop.value.exit_code == 143
    assert "no time for all of its 300 s" in str(found["slow"].stop)
