"""The stack before hardening: it works, and what the plan says is wrong with it is what the kernel says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.plan.running import SUITE, Running, eventually, failures, running

pytestmark = pytest.mark.live

Failing = dict[str, dict[str, list[str]]]
BACKEND = ("backend_api", "backend_worker", "backend_worker_vntyper", "backend_worker_vntyper_long", "backend_beat")
SERVICES = (*BACKEND, "redis", "frontend", "proxy", "certbot")


@pytest.fixture(scope="module")
def before(engine: Any) -> Iterator[Running]:
    """The stack as the plan finds it, with certbot, which is in its production file alone."""
    stack = SUITE / "before"
    with running(engine, stack / "docker-compose.yml", stack / "docker-compose.prod.yml") as up:
        yield up


@pytest.fixture(scope="module")
def failing(before: Running) -> Failing:
    """What fails, from the kernel's account."""
    return failures(before)


def test_it_does_its_work(before: Running) -> None:
    pool = before.http("proxy", 80)
    job = pool.request("POST", "/api/jobs/", json={"sequence": "ACGT", "rounds": 3}).json()["id"]
    assert eventually(lambda: pool.request("GET", f"/api/jobs/{job}/").json()["result"]) == 12
    assert pool.request("GET", "/").status == 200


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "control",
    [
        pytest.param("read-only-rootfs", id="26: read-write everywhere"),
        pytest.param("capabilities-dropped", id="27: capabilities not dropped"),
        pytest.param("memory-limit", id="28: no memory limit"),
        pytest.param("cpu-limit", id="28: no CPU limit"),
        pytest.param("pids-limit", id="28: no limit of processes"),
        pytest.param("no-new-privileges", id="82: privileges can be gained"),
    ],
)
def test_every_service_fails(failing: Failing, control: str, service: str) -> None:
    assert control in failing[service]


@pytest.mark.parametrize(
    ("control", "services"),
    [
        pytest.param("non-root-user", {"redis", "frontend", "proxy", "certbot"}, id="103: root, and not the backend"),
        pytest.param(
            "healthcheck-defined", {"certbot", "frontend", *BACKEND} - {"backend_api"}, id="138: no health checks"
        ),
        pytest.param("first-process-takes-the-stop-signal", {"proxy"}, id="795: a shell in front of nginx"),
    ],
)
def test_these_services_fail_and_no_others(failing: Failing, control: str, services: set[str]) -> None:
    assert {service for service in SERVICES if control in failing[service]} == services


def test_a_process_below_the_first_one_is_named(failing: Failing) -> None:
    assert any("(nginx) runs as root" in message for message in failing["proxy"]["non-root-user"])


def test_the_password_is_there_for_everybody_to_read(before: Running) -> None:
    for service in ("redis", "proxy", "backend_beat"):
        assert "defaultpassword" in json.dumps(before.inspect(service)["Config"])


def test_redis_asks_for_the_password(before: Running) -> None:
    assert before.run("redis", "redis-cli", "ping")[1].startswith("NOAUTH")


@pytest.mark.parametrize("client", ["frontend", "proxy", "certbot"])
def test_the_one_network_isolates_nothing(before: Running, client: str) -> None:
    assert before.reaches(client, before.address("redis", "vntyper_network"), 6379)


def test_the_proxy_writes_its_own_configuration(before: Running) -> None:
    changed = before.client.api.diff(before.stack.containers["proxy"][0])
    assert "/etc/nginx/conf.d/default.conf" in [change["Path"] for change in changed]


def test_the_proxy_has_to_be_killed(before: Running) -> None:
    container = before.stack.containers["proxy"][0]
    before.client.api.stop(container, timeout=2)
    assert before.inspect("proxy")["State"]["ExitCode"] == 137
