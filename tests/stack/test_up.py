"""Up, down, and what a stack that does not come up says."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.run import RUN, is_kept, remove
from pytest_dockerharden.stack.stack import Stack
from tests.live import what_is_left
from tests.stack.conftest import load_text

pytestmark = pytest.mark.live
Projects = Callable[..., Project]


def refusal(client: Any, project: Project, **options: Any) -> StackError:
    """What a stack says that does not come up; nothing of it is left."""
    stack = Stack(project, client, **options)
    with pytest.raises(StackError) as caught, stack:
        pass
    assert what_is_left(client, f"{RUN}={stack.run.id}") == []
    assert len(str(caught.value).splitlines()) < 30
    return caught.value


SLEEPER = "init: true, image: IMAGE, command: [sleep, '1000']"
SICK = "{test: [CMD, sh, -c, 'echo sick; exit 1'], interval: 0.5s, retries: 2}"
BOOM = "image: IMAGE, command: [sh, -c, 'echo boom; exit 1']"
COMPLETED = "{condition: service_completed_successfully}"
FAILURES = {
    "a command that is not there": (
        "services: {web: {image: IMAGE, command: [/nowhere/server]}}",
        "web: the engine could not start it",
        ["/nowhere/server"],
    ),
    "an end with an error": (
        "services: {web: {image: IMAGE, command: [sh, -c, 'echo no configuration; exit 3']}}",
        "web: has stopped with exit code 3",
        ["exit code 3, restarted 0 times", "last log lines:", "  no configuration"],
    ),
    "an end without one": (
        "services: {web: {image: IMAGE, command: [sh, -c, 'exit 0']}}",
        "web: has stopped with exit code 0",
        ["it has logged nothing"],
    ),
    "a crash loop": (
        "services: {web: {image: IMAGE, restart: always, command: [sh, -c, 'echo again; exit 1']}}",
        "web: keeps failing: restarted 3 times",
        ["  again"],
    ),
    "a healthcheck that fails": (
        f"services: {{web: {{{SLEEPER}, healthcheck: {SICK}}}}}",
        "web: is unhealthy",
        ["last health check:", "  sick", "it has logged nothing"],
    ),
    "a dependency that ends with an error": (
        f"services: {{job: {{{BOOM}}}, web: {{{SLEEPER}, depends_on: {{job: {COMPLETED}}}}}}}",
        "job: ended with exit code 1",
        ["  boom"],
    ),
    "a dependency without the healthcheck that is waited for": (
        f"services: {{db: {{{SLEEPER}}}, web: {{{SLEEPER}, depends_on: {{db: {{condition: service_healthy}}}}}}}}",
        "db: has no healthcheck that a dependant could wait for",
        [],
    ),
    "a log driver without a log": (
        "services: {web: {image: IMAGE, command: [sh, -c, 'exit 3'], logging: {driver: none}}}",
        "web: has stopped with exit code 3",
        ["its log cannot be read"],
    ),
    "more processors than there are": (
        f"services: {{web: {{{SLEEPER}, cpus: 4096}}}}",
        "web: the engine refused to create it",
        ["CPUs"],
    ),
    "a device that is not there": (
        f"services: {{web: {{{SLEEPER}, devices: [/dev/nowhere]}}}}",
        "web: the engine could not start it",
        ["/dev/nowhere"],
    ),
}


@pytest.fixture(scope="module")
def failures(
    client: Any, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[StackError]]]:
    """All of them at once: most of their time is the engine's."""
    with ThreadPoolExecutor(5) as pool:
        yield {
            name: pool.submit(refusal, client, load_text(tmp_path_factory.mktemp("up"), text.replace("IMAGE", image)))
            for name, (text, _, _) in FAILURES.items()
        }


@pytest.mark.parametrize("failure", FAILURES)
def test_says_which_service_failed_and_shows_why(failures: dict[str, Future[StackError]], failure: str) -> None:
    _, message, details = FAILURES[failure]
    error = failures[failure].result()
    assert error.message == message
    for detail in details:
        assert any(detail in line for line in error.details), error.details


def test_ends_at_the_first_failure_whatever_others_wait_for(client: Any, project: Projects) -> None:
    text = (
        f"services: {{slow: {{{SLEEPER}, healthcheck: {{test: [CMD, sh, -c, exit 1], interval: 60s}}}}, "
        "web: {image: IMAGE, command: [sh, -c, 'sleep 1; exit 3']}}"
    )
    error = refusal(client, project(text), deadline=30)
    assert error.message in ("web: has stopped with exit code 3",)


def test_a_healthcheck_without_end_ends_with_the_deadline(client: Any, project: Projects) -> None:
    text = f"services: {{web: {{{SLEEPER}, healthcheck: {{test: [CMD, sh, -c, exit 0], interval: 60s}}}}}}"
    assert refusal(client, project(text), deadline=1).message == "web: not healthy after 1 s"


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_says_that_a_port_is_taken(client: Any, project: Projects) -> None:
    with taken_port() as port:
        text = f"services: {{web: {{{SLEEPER}, ports: ['127.0.0.1:{port}:80']}}}}"
        error = refusal(client, project(text), keep_ports=True)
    assert error.message == "web: the engine could not start it"
    assert f"127.0.0.1:{port}" in error.details[0] and "address already in use" in error.details[0]


def test_publishes_on_free_ports_of_loopback_where_others_hold_the_real_ones(client: Any, project: Projects) -> None:
    with taken_port() as port, Stack(project(f"services: {{web: {{{SLEEPER}, ports: ['{port}:80']}}}}"), client) as up:
        bindings = client.api.inspect_container(up.containers["web"][0])["NetworkSettings"]["Ports"]["80/tcp"]
    assert [binding["HostIp"] for binding in bindings] == ["127.0.0.1"]
    assert bindings[0]["HostPort"] != str(port)


STACK = f"""
services:
  web:
    {{{SLEEPER}, container_name: web, ports: ['8080:80'], volumes: ['data:/data'], networks: [inner]}}
volumes: {{data: {{name: VOLUME}}}}
networks: {{inner: {{name: NETWORK}}}}
"""


def test_two_runs_of_one_project_do_not_meet(client: Any, project: Projects) -> None:
    loaded = project(STACK)
    first, second = Stack(loaded, client), Stack(loaded, client)
    threads = [threading.Thread(target=stack.up) for stack in (first, second)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        networks, volumes = zip(*(belongings(client, stack) for stack in (first, second)), strict=True)
        assert not set(networks[0]) & set(networks[1]) and not set(volumes[0]) & set(volumes[1])
        first.down()
        assert second.state("web").running
    finally:
        first.down()
        second.down()
    assert [what_is_left(client, f"{RUN}={stack.run.id}") for stack in (first, second)] == [[], []]


def belongings(client: Any, stack: Stack) -> tuple[list[str], list[str]]:
    """Names of the networks and volumes of the first container."""
    answer = client.api.inspect_container(stack.containers["web"][0])
    volumes = [mount["Name"] for mount in answer["Mounts"] if mount["Type"] == "volume"]
    return list(answer["NetworkSettings"]["Networks"]), volumes


@pytest.fixture
def theirs(client: Any) -> Iterator[str]:
    """A network and a volume of the user's under one name."""
    name = "harden-stack-theirs"
    network, volume = client.networks.create(name), client.volumes.create(name)
    yield name
    network.remove()
    volume.remove(force=True)


@pytest.mark.parametrize("how", ["name: NAME", "external: true, name: NAME"])
def test_neither_joins_nor_mounts_what_is_somebody_elses(client: Any, project: Projects, theirs: str, how: str) -> None:
    how = how.replace("NAME", theirs)
    loaded = project(STACK.replace("name: VOLUME", how).replace("name: NETWORK", how))
    with Stack(loaded, client) as stack:
        networks, volumes = belongings(client, stack)
        assert theirs not in networks and theirs not in volumes
        said = [f"the external {kind} is an empty one of this run" for kind in ("network inner", "volume data")]
        assert stack.notes == (said if "external" in how else [])
    assert client.networks.get(theirs) and client.volumes.get(theirs)


def test_an_external_volume_that_is_not_there_is_not_left_behind(client: Any, project: Projects) -> None:
    loaded = project(STACK.replace("name: VOLUME", "external: true, name: harden-stack-absent"))
    with Stack(loaded, client):
        pass
    assert "harden-stack-absent" not in [volume.name for volume in client.volumes.list()]


def test_addresses_that_are_taken_are_said(client: Any, project: Projects) -> None:
    subnet = "ipam: {config: [{subnet: 10.213.7.0/24}]}"
    loaded = project(STACK.replace("name: NETWORK", subnet))
    with Stack(loaded, client):
        error = refusal(client, loaded)
    assert error.message == "the engine refused to create the network inner"
    assert error.details[-1] == "stop the stack that uses these addresses, or use --harden-engine private"


def test_what_did_not_come_up_is_kept_where_failures_are_to_be_seen(client: Any, project: Projects) -> None:
    said: list[str] = []
    stack = Stack(project(FAILURES["an end with an error"][0]), client, keep_failed=True, progress=said.append)
    with pytest.raises(StackError):
        stack.up()
    try:
        assert said[-1] == f"kept; remove it with: python -m pytest_dockerharden.stack.remove {stack.run.id}"
        assert client.api.logs(stack.containers["web"][0]) == b"no configuration\n"
        assert is_kept(client, stack.run.id)
    finally:
        assert remove(client, stack.run.id) == []
    assert not is_kept(client, stack.run.id)


def test_what_came_up_is_not_kept_for_a_failure_it_did_not_have(client: Any, project: Projects) -> None:
    with Stack(project(f"services: {{web: {{{SLEEPER}}}}}"), client, keep_failed=True) as stack:
        pass
    assert what_is_left(client, f"{RUN}={stack.run.id}") == []


def test_a_secret_in_a_log_is_not_shown(client: Any, project: Projects) -> None:
    text = "services: {web: {image: IMAGE, command: [sh, -c, 'echo DB_PASSWORD=kT7pQz91vXw2; exit 3']}}"
    error = refusal(client, project(text))
    assert "kT7pQz91vXw2" not in str(error) and "DB_PASSWORD" in str(error)
