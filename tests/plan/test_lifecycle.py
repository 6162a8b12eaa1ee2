"""The hardened stack over time: what it leaves behind, how it ends, and that it comes back as it was."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_dockerharden.observe.witness import HostWitness
from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.stack import grace
from tests.live import engine_on_tcp
from tests.plan.running import Answer, Running, eventually, failures
from tests.plan.test_jobs import submit
from tests.plan.test_redis import redis
from tests.plan.tls import Authority

pytestmark = pytest.mark.live

SERVICES = (
    "redis", "backend_api", "backend_worker", "backend_worker_vntyper", "backend_worker_vntyper_long", "backend_beat",
    "frontend", "proxy", "certbot",
)  # fmt: skip
KILLED = 137


@dataclass(frozen=True)
class End:
    """How a container ended: its exit code, and seconds after it was asked to."""

    exit_code: int
    seconds: float


@dataclass(frozen=True)
class Restart:
    """A restart of the whole stack: how each service ended, what was served and done before, what fails after it."""

    ends: dict[str, End]
    serial: str
    job: str
    failures: dict[str, dict[str, list[str]]]


@pytest.fixture(scope="session")
def restarted(authority: Authority) -> Restart:
    """All services stopped and started again at once, in no order, and healthy again."""
    stack = authority.stack
    assert redis(stack, "SET", "plan:kept", "yes") == "OK"
    job = submit(authority, sequence="ACGT")
    eventually(lambda: authority.https().request("GET", f"/api/jobs/{job}/").json()["result"])
    serial = authority.certificate()["serialNumber"]
    ends = at_once(bounce, stack)
    for service in SERVICES:
        eventually(lambda name=service: stack.stack.state(name).health == "healthy", 60)
    return Restart(ends, serial, job, failures(stack, "restarted"))


def at_once(do: Callable[[Running, str], Answer], stack: Running) -> dict[str, Answer]:
    """What is done to each service, for all of them at the same time."""
    with ThreadPoolExecutor(len(SERVICES)) as pool:
        return dict(zip(SERVICES, pool.map(lambda service: do(stack, service), SERVICES), strict=True))


def bounce(stack: Running, service: str) -> End:
    """Stop a container and start it again."""
    api, container = stack.client.api, stack.stack.containers[service][0]
    began = time.monotonic()
    api.stop(container, timeout=grace(stack.stack.project.services[service]))
    seconds = time.monotonic() - began
    exit_code = int(api.inspect_container(container)["State"]["ExitCode"])
    api.start(container)
    return End(exit_code, seconds)


def declared(inspected: dict[str, Any]) -> set[str]:
    """Paths in the container that the compose file mounts, and the one that the engine does for ``init: true``."""
    mounts = {mount["Destination"] for mount in inspected["Mounts"]} | set(inspected["HostConfig"]["Tmpfs"] or ())
    return mounts | {"/usr/sbin/docker-init"}


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_written_outside_of_what_is_declared(authority: Authority, restarted: Restart, service: str) -> None:
    inspected = authority.stack.inspect(service)
    allowed = declared(inspected)
    changed = {change["Path"] for change in authority.stack.client.api.diff(inspected["Id"]) or ()}
    parents = {path for path in changed if any(mount.startswith(f"{path}/") for mount in allowed)}
    assert changed - parents - allowed == set()


@pytest.fixture(scope="session")
def failing(authority: Authority) -> dict[str, dict[str, list[str]]]:
    """What fails of the recommended controls, from the kernel's account."""
    return failures(authority.stack)


@pytest.mark.parametrize("service", SERVICES)
def test_the_kernel_finds_nothing_wrong(failing: dict[str, dict[str, list[str]]], service: str) -> None:
    assert failing[service] == {}


@pytest.mark.parametrize("service", SERVICES)
def test_the_kernel_finds_nothing_wrong_after_a_restart_either(restarted: Restart, service: str) -> None:
    assert restarted.failures[service] == {}


@pytest.fixture(scope="session")
def failing_elsewhere(authority: Authority) -> dict[str, dict[str, list[str]]]:
    """As an engine on another machine shows it: nothing is read from this machine's /proc."""
    with pytest.MonkeyPatch.context() as patch, engine_on_tcp() as address, contextlib.closing(connect(address)) as far:
        patch.setattr(HostWitness, "collect", lambda *_: pytest.fail("it looked at this machine's /proc"))
        return failures(Running(authority.stack.stack, far))


@pytest.mark.parametrize("service", SERVICES)
def test_an_engine_on_another_machine_shows_the_same(
    failing_elsewhere: dict[str, dict[str, list[str]]], service: str
) -> None:
    assert failing_elsewhere[service] == {}


@pytest.mark.parametrize("service", SERVICES)
def test_the_root_file_system_refuses_a_write(hardened: Running, service: str) -> None:
    code, output = hardened.run(service, "touch", "/etc/planted", user="0")
    assert (code, "Read-only file system" in output) == (1, True)


@pytest.mark.parametrize("service", SERVICES)
def test_it_never_failed(authority: Authority, service: str) -> None:
    inspected = authority.stack.inspect(service)
    assert (inspected["RestartCount"], inspected["State"]["OOMKilled"]) == (0, False)


@pytest.fixture(scope="session")
def memory(authority: Authority) -> dict[str, float]:
    """How much of its memory limit each service uses, page cache that can go left out."""
    return at_once(used_memory, authority.stack)


def used_memory(stack: Running, service: str) -> float:
    container = stack.stack.containers[service][0]
    memory = stack.client.api.stats(container, stream=False, one_shot=True)["memory_stats"]
    cache = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
    return float((memory["usage"] - cache) / memory["limit"])


@pytest.mark.parametrize("service", SERVICES)
def test_its_memory_is_well_below_its_limit(memory: dict[str, float], service: str) -> None:
    assert memory[service] < 0.5


@pytest.mark.parametrize("service", SERVICES)
def test_it_ends_when_it_is_asked_to(authority: Authority, restarted: Restart, service: str) -> None:
    end = restarted.ends[service]
    assert end.exit_code != KILLED
    assert end.seconds < grace(authority.stack.stack.project.services[service])


@pytest.mark.parametrize("service", SERVICES)
def test_it_is_healthy_again(authority: Authority, restarted: Restart, service: str) -> None:
    state = authority.stack.stack.state(service)
    assert (state.status, state.health, state.restarts) == ("running", "healthy", 0)


def test_redis_kept_its_data(authority: Authority, restarted: Restart) -> None:
    assert redis(authority.stack, "GET", "plan:kept") == "yes"


def test_a_result_from_before_is_still_there(authority: Authority, restarted: Restart) -> None:
    answer = authority.https().request("GET", f"/api/jobs/{restarted.job}/").json()
    assert answer == {"state": "SUCCESS", "result": {"A": 1, "C": 1, "G": 1, "T": 1}}


def test_a_job_is_done_as_before(authority: Authority, restarted: Restart) -> None:
    job = submit(authority, sequence="GATTACA", rounds=2)
    done = eventually(lambda: authority.https().request("GET", f"/api/jobs/{job}/").json()["result"])
    assert done == 14


def test_the_certificate_is_kept_and_not_asked_for_again(authority: Authority, restarted: Restart) -> None:
    assert authority.certificate()["serialNumber"] == restarted.serial


@pytest.mark.parametrize(
    ("service", "file"),
    [("backend_beat", "/var/lib/beat/schedule.alive"), ("backend_worker", "/tmp/worker.alive")],
)
def test_a_sign_of_life_comes_more_often_than_the_healthcheck_asks_for(
    authority: Authority, service: str, file: str
) -> None:
    def alive(file: str, seconds: int) -> bool:
        return authority.stack.run(service, "python", "-m", "app.alive", file, str(seconds))[0] == 0

    assert alive(file, 15)
    assert not alive(file, 0)
    assert not alive(f"{file}.missing", 15)


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_takes_itself_for_root(authority: Authority, service: str) -> None:
    assert "superuser" not in authority.stack.logs(service)
