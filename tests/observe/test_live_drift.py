"""A container that runs otherwise than its files say, and some that run as theirs do. The plan's stack: tests/plan."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_dockerharden.assemble import Combination, assemble
from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import judge
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.observe import observe_stack
from pytest_dockerharden.stack.run import Run
from pytest_dockerharden.stack.stack import Stack
from tests.live import busybox_image, labelled_run, live_engine

pytestmark = pytest.mark.live

APPLETS = ("bin/sh", "bin/sleep", "bin/mount", "bin/mkdir", "bin/start-stop-daemon")
COMPOSE = """\
services:
  plain:
    image: IMAGE
    user: "4242:4242"
    read_only: true
    cap_drop: [ALL]
    security_opt: [no-new-privileges:true]
    mem_limit: 32m
    memswap_limit: 32m
    cpus: 0.5
    pids_limit: 50
    shm_size: 1m
    init: true
    restart: on-failure:3
    stop_signal: INT
    stop_grace_period: 3s
    environment: {A: "1", DB_PASSWORD: hunter2x}
    working_dir: /data
    ports: ["8080:80", "127.0.0.1:9000-9001:9000-9001/udp"]
    expose: [7000]
    networks: [front, back]
    tmpfs: ["/tmp:size=1m,mode=0700,uid=4242,gid=4242", "/var/run/x:size=64k,exec"]
    volumes: ["kept:/kept", "./site:/site:ro", "/anonymous"]
    configs: [settings]
    secrets: [token]
    ulimits: {core: 0}
    group_add: ["5000"]
    sysctls: {net.core.somaxconn: "512"}
    healthcheck: {test: ["CMD", "/bin/sh", "-c", "true"], interval: 1s, timeout: 20s, retries: 30}
    logging: {driver: json-file, options: {max-size: 1m}}
    command: ["sleep", "100000"]
  joined:
    image: IMAGE
    network_mode: service:plain
    pid: service:plain
    command: ["sleep", "100000"]
  loose:
    image: IMAGE
    privileged: false
    command: ["sleep", "100000"]
  changed:
    image: IMAGE
    user: "0"
    mem_limit: 64m
    cap_add: [SYS_ADMIN]
    security_opt: [apparmor:unconfined]
    tmpfs: ["/scratch:size=1m"]
    networks: [back]
    stop_grace_period: 1s
    command:
      - sh
      - -c
      - mkdir /more; mount -t tmpfs tmpfs /more; mount -o remount,exec,size=2m /scratch; exec sleep 100000
  dropping:
    image: IMAGE
    user: "0"
    networks: [back]
    command:
      - sh
      - -c
      - >-
        echo app:x:4242:4242::/:/ >/etc/passwd;
        exec /busybox start-stop-daemon -S -c app:4242 -p /none -x /busybox -- sleep 100000
networks:
  front: {}
  back: {internal: true}
volumes:
  kept: {}
configs:
  settings: {file: ./site.conf}
secrets:
  token: {file: ./token.txt}
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    client = live_engine()
    yield client
    client.close()


@pytest.fixture(scope="module")
def project(client: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("drift")
    with labelled_run(client) as run:
        text = COMPOSE.replace("IMAGE", busybox_image(client, run, APPLETS))
        (folder / "compose.yaml").write_text(text)
        (folder / "site").mkdir()
        (folder / "site.conf").write_text("x")
        (folder / "token.txt").write_text("hunter2x")
        combination = Combination((str(folder / "compose.yaml"),), project_name="drifting", profiles=())
        assembly = assemble([combination], root=str(folder), running=True)
        assert not assembly.failures, assembly.failures
        yield assembly.projects[0]


@pytest.fixture(scope="module")
def stack(client: Any, project: Project) -> Iterator[Stack]:
    with Stack(project, client, Run.start(), deadline=120) as stack:
        time.sleep(1)
        yield stack


def told(posture: Posture) -> list[str]:
    judgement = judge(load_all()["runs-as-predicted"], posture, posture.subject)
    assert judgement.verdict in ("passed", "failed"), judgement.reason
    return [finding.message for finding in judgement.findings]


@pytest.mark.parametrize("service", ["plain", "joined", "loose"])
def test_a_container_that_runs_as_its_files_say_has_no_drift(client: Any, stack: Stack, service: str) -> None:
    (posture,) = observe_stack(stack, client)[service]
    assert posture.predicted is not None
    assert told(posture) == []


def test_the_same_is_seen_through_the_labels_of_a_stack_that_another_process_started(
    client: Any, stack: Stack, project: Project
) -> None:
    predicted = {name: s.posture for name, s in project.services.items() if s.posture is not None}
    (posture,) = observe_stack(dict(stack.containers), client, predicted=predicted)["plain"]
    assert told(posture) == []
    assert {port.host_ip for port in posture.ports.value} == {"", "127.0.0.1"}


def test_a_port_that_a_run_moved_is_not_known_without_a_prediction(client: Any, stack: Stack) -> None:
    (posture,) = observe_stack(dict(stack.containers), client)["plain"]
    assert posture.ports.known is False


def test_what_was_changed_in_the_running_container_is_drift(client: Any, stack: Stack) -> None:
    client.api.update_container(stack.containers["changed"][0], mem_limit=128 << 20, memswap_limit=256 << 20)
    messages = told(observe_stack(stack, client)["changed"][0])
    assert [message.partition(", not ")[0] for message in messages] == [
        "its memory is 128 MiB",
        "its memory and swap are 256 MiB",
        "/scratch has flags nodev, nosuid",
        "/scratch has size 2097152 bytes",
        "at /more is a tmpfs",
    ]
    line = COMPOSE.splitlines().index("    mem_limit: 64m") + 1
    assert messages[0].endswith(f"64 MiB as compose.yaml:{line} says")


def test_an_entrypoint_that_steps_down_and_was_foreseen_is_no_drift(client: Any, stack: Stack) -> None:
    (posture,) = observe_stack(stack, client)["dropping"]
    assert posture.runs_as_root.value is False
    assert posture.predicted is not None
    assert posture.predicted.runs_as_root.known is False
    assert told(posture) == []
