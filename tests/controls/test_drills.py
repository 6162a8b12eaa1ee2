"""Controls that judge drills, on drills made by hand. The live examples are in tests/drills."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import Judgement, judge
from pytest_dockerharden.model.drill import (
    Connection,
    Drill,
    HealthcheckOutcome,
    RestartOutcome,
    StopOutcome,
    SystemCall,
    WrittenPlace,
)
from pytest_dockerharden.model.fact import Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin, TextOrigin
from tests.helpers import assemble_files

SEEN = KernelOrigin("web", "drill", "seen")
COMPOSE = """\
services:
  web:
    image: app
    command: [serve]
    networks: [front]
    tmpfs:
      - /tmp
      - /exec:exec,size=1m
    healthcheck:
      test: "true"
  db:
    image: postgres:17
  cache:
    image: redis:7
  api:
    image: app
    depends_on: [db]
networks:
  front: {}
"""


@pytest.fixture
def drill(tmp_path: Path) -> Drill:
    service = assemble_files(tmp_path, {"compose.yaml": COMPOSE}).projects[0].services["web"]
    assert service.posture
    service.posture.reaches = Known(frozenset({"api"}), SEEN)
    return Drill(subject="web", origin=service.origin, service=service, posture=service.posture)


def said(drill: Drill, control: str, **parameters: Any) -> Judgement:
    judgement = judge(load_all()[control], drill, "web", parameters)
    assert judgement.verdict != "error", judgement.reason
    return judgement


def lines(judgement: Judgement) -> list[tuple[int, str]]:
    return [(f.origin.line, f.message) for f in judgement.findings if isinstance(f.origin, TextOrigin)]


CONTROLS = [control.id for control in load_all().values() if control.judges == "Drill"]


@pytest.mark.parametrize("control", CONTROLS)
def test_what_was_not_drilled_is_unknown(drill: Drill, control: str) -> None:
    judgement = said(drill, control)
    assert (judgement.verdict, judgement.reason) == ("unknown", "not drilled")


@pytest.mark.parametrize("control", CONTROLS)
def test_a_job_is_not_judged(drill: Drill, control: str) -> None:
    drill.lasting = False
    assert said(drill, control).verdict == "not-applicable"


def place(path: str, kind: Any = "image", *, declared: bool = False, executable: bool = False) -> WrittenPlace:
    return WrittenPlace(path, kind, declared, executable)


@pytest.mark.parametrize(
    "places",
    [
        pytest.param((), id="nowhere"),
        pytest.param((place("/tmp", "tmpfs", declared=True),), id="a declared tmpfs"),
        pytest.param((place("/data", "volume", declared=True, executable=True),), id="a declared volume"),
        pytest.param((place("/dev/shm", "tmpfs"),), id="shared memory"),
        pytest.param((place("/dev", "tmpfs", executable=True),), id="devices, for root"),
    ],
)
def test_writing_where_it_is_meant_to_is_no_finding(drill: Drill, places: tuple[WrittenPlace, ...]) -> None:
    drill.writes = Known(places, SEEN)
    assert said(drill, "refuses-writes").verdict == "passed"
    assert said(drill, "no-execution-from-writable-paths").verdict == "passed"


def test_the_topmost_places_of_the_image_are_named(drill: Drill) -> None:
    drill.writes = Known(tuple(place(p) for p in ("/var/cache/x", "/home/app", "/srv", "/tmp", "/opt")), SEEN)
    assert lines(said(drill, "refuses-writes")) == [
        (2, "its user could write to its image: /opt, /srv, /tmp and 2 more")
    ]


def test_a_volume_of_the_image_behind_a_read_only_root_is_found(drill: Drill) -> None:
    drill.writes = Known((place("/data", "volume", executable=True),), SEEN)
    assert lines(said(drill, "refuses-writes")) == [(2, "its user could write to /data, a volume of its image")]


def test_a_writable_mount_below_a_read_only_one_is_found(drill: Drill) -> None:
    drill.writes = Known((place("/host/run", "bind"),), SEEN)
    assert lines(said(drill, "refuses-writes")) == [
        (2, "its user could write to /host/run, which is not declared as writable")
    ]


def test_a_tmpfs_with_exec_is_found_at_its_line(drill: Drill) -> None:
    drill.writes = Known((place("/exec", "tmpfs", declared=True, executable=True),), SEEN)
    assert lines(said(drill, "no-execution-from-writable-paths")) == [(8, "a program written to /exec could be run")]


def test_an_image_that_is_written_to_is_reported_once(drill: Drill) -> None:
    drill.writes = Known((place("/srv", executable=True),), SEEN)
    assert said(drill, "refuses-writes").verdict == "failed"
    assert said(drill, "no-execution-from-writable-paths").verdict == "not-applicable"


def test_volumes_are_judged_when_a_suite_asks_for_it(drill: Drill) -> None:
    drill.writes = Known((place("/data", "volume", declared=True, executable=True),), SEEN)
    assert said(drill, "no-execution-from-writable-paths", volumes=True).verdict == "failed"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(SystemCall("mount", "EPERM", True), id="refused"),
        pytest.param(SystemCall("keyctl", "ENOSYS", True), id="unknown to the filter"),
        pytest.param(SystemCall("ptrace(PTRACE_ATTACH)", "ESRCH", False), id="the engine's filter allows it"),
        pytest.param(SystemCall("io_uring_setup", "EFAULT", False), id="engines before 25 allow it"),
        pytest.param(SystemCall("socket(SOCK_RAW)", "allowed", False), id="ping needs it"),
    ],
)
def test_a_call_that_is_refused_or_harmless_is_no_finding(drill: Drill, call: SystemCall) -> None:
    drill.syscalls = Known((call,), SEEN)
    assert said(drill, "refuses-dangerous-syscalls").verdict == "passed"


def test_calls_that_got_through_are_named(drill: Drill) -> None:
    drill.syscalls = Known((SystemCall("bpf", "EINVAL", False), SystemCall("mount", "allowed", False)), SEEN)
    assert lines(said(drill, "refuses-dangerous-syscalls")) == [(2, "the kernel did not refuse bpf, mount")]


@pytest.mark.parametrize(
    "connection",
    [
        pytest.param(Connection("api", "10.0.0.2", 80, "connected"), id="on a network in common"),
        pytest.param(Connection("db", "10.0.1.2", 5432, "ETIMEDOUT"), id="no answer"),
        pytest.param(Connection("db", "10.0.1.2", 5432, "ENETUNREACH"), id="no route"),
        pytest.param(Connection("db", "10.0.1.2", 5432, "EHOSTUNREACH"), id="rejected on the way"),
    ],
)
def test_being_kept_apart_is_no_finding(drill: Drill, connection: Connection) -> None:
    drill.connections = Known((connection,), SEEN)
    assert said(drill, "networks-keep-services-apart").verdict == "passed"
    assert said(drill, "reaches-only-its-own-data-stores").verdict in ("passed", "not-applicable")


@pytest.mark.parametrize("answer", ["connected", "ECONNREFUSED"])
def test_any_answer_shows_that_the_way_is_open(drill: Drill, answer: str) -> None:
    drill.connections = Known((Connection("db", "10.0.1.2", 5432, answer),), SEEN)
    assert lines(said(drill, "networks-keep-services-apart")) == [
        (5, "it reached db at port 5432 without a network in common")
    ]


def test_each_service_is_named_once(drill: Drill) -> None:
    made = [Connection("db", address, port, "connected") for address in ("10.0.1.2", "10.0.2.2") for port in (1, 2)]
    drill.connections = Known(tuple(made), SEEN)
    assert len(said(drill, "networks-keep-services-apart").findings) == 1


def test_a_data_store_that_one_uses_may_be_reached(drill: Drill) -> None:
    assert drill.service
    api = drill.service.project.services["api"]
    using = Drill(subject="api", origin=api.origin, service=api, posture=api.posture)
    using.connections = Known((Connection("db", "10.0.0.3", 5432, "connected"),), SEEN)
    assert said(using, "reaches-only-its-own-data-stores").verdict == "not-applicable"


def test_a_data_store_that_one_does_not_use_is_not_to_be_reached(drill: Drill) -> None:
    drill.connections = Known((Connection("cache", "10.0.0.3", 6379, "connected"),), SEEN)
    assert lines(said(drill, "reaches-only-its-own-data-stores")) == [
        (5, "it could connect to cache at port 6379, and does not use it")
    ]


BACK = RestartOutcome(True, 1.0)


def test_coming_back_is_no_finding(drill: Drill) -> None:
    drill.restart = Known(BACK, SEEN)
    assert said(drill, "survives-restart").verdict == "passed"


def test_not_coming_back_is_told_with_its_evidence(drill: Drill) -> None:
    evidence = KernelOrigin("web", "after the restart", "permission denied")
    drill.restart = Known(replace(BACK, came_back=False, reason="is unhealthy"), SEEN, (evidence,))
    judgement = said(drill, "survives-restart")
    assert lines(judgement) == [(2, "it does not survive a restart: is unhealthy")]
    assert judgement.findings[0].related == (SEEN, evidence)


def test_attempts_that_failed_are_counted(drill: Drill) -> None:
    drill.restart = Known(replace(BACK, restarts=2), SEEN)
    assert lines(said(drill, "survives-restart")) == [(2, "it failed 2 times before it was up again after a restart")]


@pytest.mark.parametrize(
    "code", [pytest.param(0, id="done"), pytest.param(143, id="by SIGTERM"), pytest.param(1, id="its own affair")]
)
def test_ending_by_itself_is_no_finding(drill: Drill, code: int) -> None:
    drill.stop = Known(StopOutcome(code, 0.2, 10), SEEN)
    assert said(drill, "stops-within-its-grace-period").verdict == "passed"


@pytest.mark.parametrize(("init", "remedy"), [(False, "init: true"), (True, "stop_signal: SIGINT")])
def test_being_killed_is_found_at_the_command(drill: Drill, init: bool, remedy: str) -> None:
    assert drill.posture
    drill.posture.init = Known(init, SEEN)
    drill.stop = Known(StopOutcome(137, 10.2, 10), SEEN)
    judgement = said(drill, "stops-within-its-grace-period")
    assert lines(judgement) == [(4, "it had to be killed 10 s after it was asked to stop")]
    assert judgement.findings[0].remedy and judgement.findings[0].remedy.text.endswith(remedy)


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(HealthcheckOutcome(1, 0.1), id="it failed"),
        pytest.param(HealthcheckOutcome(69, 0.1), id="with a code of its own"),
        pytest.param(HealthcheckOutcome(None, 5.0), id="no answer in time is a failure"),
    ],
)
def test_a_healthcheck_that_notices_is_no_finding(drill: Drill, outcome: HealthcheckOutcome) -> None:
    drill.healthcheck = Known(outcome, SEEN)
    assert said(drill, "healthcheck-notices-a-dead-service").verdict == "passed"


def test_no_healthcheck_is_not_judged_here(drill: Drill) -> None:
    drill.healthcheck = Known(None, SEEN)
    assert said(drill, "healthcheck-notices-a-dead-service").verdict == "not-applicable"


def test_a_healthcheck_that_succeeds_alone_is_found_at_its_line(drill: Drill) -> None:
    drill.healthcheck = Known(HealthcheckOutcome(0, 0.1), SEEN)
    assert lines(said(drill, "healthcheck-notices-a-dead-service")) == [
        (10, "its healthcheck succeeds where it does not run")
    ]


def test_a_reason_is_kept(drill: Drill) -> None:
    drill.writes = Unknown("a twin of it could not be created: no space")
    assert said(drill, "refuses-writes").reason == "a twin of it could not be created: no space"
