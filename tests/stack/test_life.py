"""A running stack: restarted, stopped and started again, scaled, with namespaces and secrets shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.stack.engine import Endpoint, connect
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.run import RUN
from pytest_dockerharden.stack.stack import Stack
from tests.live import engine_on_tcp, what_is_left

pytestmark = pytest.mark.live
Projects = Callable[..., Project]

TEXT = """
services:
  job:
    image: IMAGE
    command: [sh, -c, "echo done >> /data/log"]
    volumes: [data:/data]
  web:
    image: IMAGE
    command: [sh, -c, "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done"]
    stop_grace_period: 5s
    scale: 2
    ports: ["8080"]
    volumes: [data:/data]
    healthcheck: {test: [CMD, cat, /data/log], interval: 0.5s}
    depends_on: {job: {condition: service_completed_successfully}}
    secrets: [typed, file]
    configs: [{source: typed, target: /etc/settings}]
  beside:
    image: IMAGE
    init: true
    command: [sleep, "1000"]
    network_mode: service:web
    pid: service:web
  stubborn:
    image: IMAGE
    command: [sh, -c, "trap '' TERM; while :; do sleep 0.1; done"]
    stop_grace_period: 1s
  none:
    image: IMAGE
    scale: 0
  debugging:
    image: IMAGE
    profiles: [debug]
volumes: {data: }
secrets:
  file: {file: ./secret.txt}
  typed: {file: ./secret.txt}
configs:
  typed: {content: "of the project"}
"""


@pytest.fixture(scope="module", params=["socket", "tcp"])
def stack(
    request: pytest.FixtureRequest, client: Any, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """One for all of this module: each test leaves it up."""
    from pytest_dockerharden.source.compose import LoadOptions, load

    folder = tmp_path_factory.mktemp("life")
    (folder / "secret.txt").write_text("hidden", encoding="utf-8")
    file = folder / "docker-compose.yml"
    file.write_text(TEXT.replace("IMAGE", image), encoding="utf-8")
    with engine_on_tcp() as address:
        connected = connect(address if request.param == "tcp" else None)
        with Stack(load([str(file)], LoadOptions(project_name="life")), connected, deadline=60) as up:
            yield up
        connected.close()


def run(stack: Stack, container: str, *command: str) -> str:
    created = stack.client.api.exec_create(container, list(command))
    return str(stack.client.api.exec_start(created["Id"]).decode())


def inspect(stack: Stack, service: str, number: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = stack.client.api.inspect_container(stack.containers[service][number])
    return answer


def test_has_the_containers_that_were_asked_for_in_the_projects_order(stack: Stack) -> None:
    assert {name: len(ids) for name, ids in stack.containers.items()} == {
        "job": 1, "web": 2, "beside": 1, "stubborn": 1,
    }  # fmt: skip
    assert list(stack.containers) == ["job", "web", "beside", "stubborn"]
    assert [inspect(stack, "web", number)["Name"] for number in (0, 1)] == [
        f"/{stack.names.project_name}-web-{number}" for number in (1, 2)
    ]


def test_each_of_a_scaled_service_has_a_port_of_its_own(stack: Stack) -> None:
    ports = [inspect(stack, "web", number)["NetworkSettings"]["Ports"]["8080/tcp"][0] for number in (0, 1)]
    assert len({port["HostPort"] for port in ports}) == 2
    assert {port["HostIp"] for port in ports} == {"127.0.0.1"}


def test_namespaces_are_shared_with_the_first_container_of_the_service(stack: Stack) -> None:
    shared = f"container:{stack.containers['web'][0]}"
    settings = inspect(stack, "beside")["HostConfig"]
    assert (settings["NetworkMode"], settings["PidMode"]) == (shared, shared)


def test_secrets_and_configs_are_there(stack: Stack) -> None:
    container = stack.containers["web"][1]
    assert run(stack, container, "cat", "/run/secrets/file") == "hidden"
    assert run(stack, container, "cat", "/etc/settings") == "of the project"


def test_a_restart_brings_all_back_healthy_and_runs_no_job_again(stack: Stack) -> None:
    began = inspect(stack, "web")["State"]["StartedAt"]
    stack.restart()
    assert inspect(stack, "web")["State"]["StartedAt"] != began
    assert [stack.state(name).running for name in ("web", "beside", "stubborn")] == [True] * 3
    assert stack.state("web").health == "healthy"
    assert run(stack, stack.containers["web"][0], "cat", "/data/log").count("done") == 1
    # and the one beside is in the new network namespace
    links = {run(stack, stack.containers[name][0], "cat", "/proc/net/dev") for name in ("web", "beside")}
    assert all("eth0" in text for text in links)


def test_a_stop_tells_how_each_ended_and_a_start_brings_all_back(stack: Stack) -> None:
    stopped = stack.stop()
    assert {ended.exit_code for ended in stopped["web"]} == {7} and stopped["web"][0].seconds < 5
    assert stopped["stubborn"][0].exit_code == 137 and stopped["stubborn"][0].seconds >= 1
    assert not stack.state("web").running
    stack.start()
    assert stack.state("web").health == "healthy" and stack.state("stubborn").running
    assert run(stack, stack.containers["web"][0], "cat", "/etc/settings") == "of the project"


def test_a_stopped_stack_can_be_restarted(stack: Stack) -> None:
    stack.stop()
    stack.restart()
    assert stack.state("web").health == "healthy" and stack.state("beside").running


def test_a_profile_brings_its_services(client: Any, project: Projects) -> None:
    text = (
        "services: {web: {init: true, image: IMAGE, command: [sleep, '9']}, "
        "debug: {init: true, image: IMAGE, command: [sleep, '9'], profiles: [debug]}}"
    )
    with Stack(project(text, profiles=("debug",)), client) as stack:
        assert list(stack.containers) == ["web", "debug"]


def test_what_comes_back_too_late_after_a_restart_is_said(client: Any, project: Projects) -> None:
    text = (
        "services: {web: {image: IMAGE, init: true, tmpfs: [/state], "
        "command: [sh, -c, '[ -e /data/seen ] && exit 5; echo x > /data/seen; exec sleep 100'], volumes: ['/data']}}"
    )
    with Stack(project(text), client) as stack, pytest.raises(StackError, match="web: has stopped with exit code 5"):
        stack.restart()
    assert what_is_left(client, f"{RUN}={stack.run.id}") == []


def test_a_config_that_is_no_file_and_a_read_only_root_are_one_error(
    client: Any, project: Projects, tmp_path: Path
) -> None:
    text = (
        "services: {web: {image: IMAGE, read_only: true, command: [sleep, '9'], configs: [typed]}}\n"
        "configs: {typed: {content: x}}"
    )
    stack = Stack(project(text), client)
    with pytest.raises(StackError, match="web: typed is no file, and a read-only container takes only files"):
        stack.up()
    assert what_is_left(client, f"{RUN}={stack.run.id}") == []


@pytest.mark.parametrize(
    ("address", "remote"),
    [
        ("", False),
        ("unix:///var/run/docker.sock", False),
        ("npipe:////./pipe/docker_engine", False),
        ("tcp://127.0.0.1:2375", False),
        ("tcp://[::1]:2375", False),
        ("tcp://build.example:2376", True),
        ("ssh://me@build.example", True),
    ],
)
def test_knows_an_engine_on_another_machine(address: str, remote: bool) -> None:
    assert Endpoint(address).remote is remote


REMOTE = """
services:
  web: {init: true, image: IMAGE, command: [sleep, "100"], secrets: [typed], volumes: ["/nowhere/here:/there"]}
secrets:
  typed: {file: ./secret.txt}
"""


def test_the_files_of_secrets_get_to_an_engine_on_another_machine(
    client: Any, project: Projects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endpoint, "remote", property(lambda endpoint: True))
    (tmp_path / "secret.txt").write_text("hidden", encoding="utf-8")
    with Stack(project(REMOTE.replace("/nowhere/here", "/etc/hostname")), client) as stack:
        assert run(stack, stack.containers["web"][0], "cat", "/run/secrets/typed") == "hidden"
        assert [mount["Destination"] for mount in inspect(stack, "web")["Mounts"]] == ["/there"]
        assert stack.notes == ["web: /etc/hostname is mounted from the engine's machine"]


def test_a_secret_whose_file_is_not_there_is_named_and_nothing_is_left(
    client: Any, project: Projects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endpoint, "remote", property(lambda endpoint: True))
    stack = Stack(project(REMOTE.replace("/nowhere/here", "/etc/hostname")), client)
    with pytest.raises(StackError, match=r"web: .*secret\.txt cannot be read: No such file or directory"):
        stack.up()
    assert what_is_left(client, f"{RUN}={stack.run.id}") == []


def test_what_the_engine_cannot_honour_is_noted(client: Any, project: Projects) -> None:
    if any("apparmor" in option for option in client.info()["SecurityOptions"] or ()):
        pytest.skip("this machine has AppArmor")
    text = (
        "services: {web: {init: true, image: IMAGE, command: [sleep, '9'], oom_kill_disable: true, "
        "security_opt: ['apparmor:team-web', 'apparmor=unconfined', 'no-new-privileges:true']}}"
    )
    with Stack(project(text), client) as stack:
        assert stack.notes[0] == "web: apparmor:team-web has no effect, the engine's machine is without AppArmor"
        # what the engine warns of when it creates
        assert stack.notes[1].startswith("web: OOM killer is disabled") and len(stack.notes) == 2


def test_a_stack_that_is_honoured_in_full_has_no_notes(stack: Stack) -> None:
    assert stack.notes == []
