"""An engine of one's own: apart from the machine's, and gone at the end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.observe.choice import choose
from pytest_dockerharden.observe.witness import HostWitness
from pytest_dockerharden.stack import private, publish
from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.errors import EngineError
from pytest_dockerharden.stack.private import private_engine
from pytest_dockerharden.stack.run import boot_id, start_time
from pytest_dockerharden.stack.stack import Stack
from pytest_dockerharden.stack.transfer import copy_images
from tests.live import missing

ROOT = Path(__file__).parents[2]
DEADLINE = 60
Projects = Callable[..., Project]


def needs_dockerd() -> None:
    if not sys.platform.startswith("linux") or os.geteuid() or not shutil.which("dockerd"):
        missing("a private engine needs Linux, root and dockerd")


@contextlib.contextmanager
def connection(address: str) -> Iterator[Any]:
    client = connect(address)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture(scope="module")
def engine(client: Any, image: str) -> Iterator[Any]:
    """A client of a private engine that has the image."""
    needs_dockerd()
    with private_engine() as address, connection(address) as inner:
        assert inner.images.list() == []
        assert copy_images(client, inner, [image, "not-on-the-machine:1", image]) == [image]
        yield inner


def machine(client: Any) -> tuple[list[str], set[str], bool]:
    """Rules, networks and the bridge of the machine's engine: those it always has, as others use it meanwhile."""
    saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    rules = [line for line in saved.splitlines() if "docker0" in line or "DOCKER-USER" in line]
    networks = {network.name for network in client.networks.list()}
    return rules, networks & {"bridge", "host", "none"}, os.path.exists("/sys/class/net/docker0")


def traces(folder: str) -> list[str]:
    """What is left of an engine: its folder, its processes, its mounts."""
    found = [folder] if os.path.exists(folder) else []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and folder.encode() in Path(f"/proc/{entry}/cmdline").read_bytes():
                found.append(entry)
    return found + [line for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines() if folder in line]


@pytest.mark.live
def test_leaves_the_machines_engine_alone_and_nothing_behind(client: Any) -> None:
    needs_dockerd()
    before = machine(client)
    with private_engine() as address, connection(address) as inner:
        assert inner.info()["ID"] != client.info()["ID"]
    assert machine(client) == before
    assert traces(os.path.dirname(address.removeprefix("unix://"))) == []


WEB = """
services:
  web:
    init: true
    image: IMAGE
    command: [httpd, -f, -p, "8080", -h, /]
    ports: ["80:8080"]
    read_only: true
    mem_limit: 64m
    networks: [inner]
networks: {inner: {internal: true}}
"""


def published(stack: Stack, service: str, port: str) -> tuple[str, int]:
    answer = stack.client.api.inspect_container(stack.containers[service][0])
    binding = answer["NetworkSettings"]["Ports"][port][0]
    return binding["HostIp"], int(binding["HostPort"])


@pytest.mark.live
def test_a_stack_on_it_is_reached_on_loopback_and_read_from_proc(engine: Any, project: Projects) -> None:
    loaded = project(WEB.replace("networks: [inner]", ""))
    with Stack(loaded, engine) as stack:
        with socket.create_connection(published(stack, "web", "8080/tcp"), timeout=5) as web:
            web.sendall(b"GET /nothing HTTP/1.0\r\n\r\n")
            web.shutdown(socket.SHUT_WR)
            assert web.makefile("rb").read().startswith(b"HTTP/1.1 404")
        inspected = [engine.api.inspect_container(ids[0]) for ids in stack.containers.values()]
        witness = choose(engine, inspected)
        assert isinstance(witness, HostWitness)


@pytest.mark.live
def test_two_at_once_do_not_meet(engine: Any, project: Projects, image: str) -> None:
    loaded = project(WEB)
    # the other one has no image, and takes it from the machine's engine
    with private_engine() as address, connection(address) as other, Stack(loaded, engine) as first:
        second = Stack(loaded, other)
        second.up()
        assert first.state("web").running and second.state("web").running
        ids = [{found["Id"] for found in stack.client.api.containers()} for stack in (first, second)]
        assert not ids[0] & ids[1] and all(len(found) == 1 for found in ids)
        second.down()


OWNER = """
import sys, threading
from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.private import private_engine
from pytest_dockerharden.stack.transfer import copy_images
with private_engine() as address:
    client = connect(address)
    copy_images(connect(), client, [sys.argv[1]])
    stubborn = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]
    container = client.containers.run(sys.argv[1], stubborn, detach=True, restart_policy={"Name": "always"})
    container.reload()
    print(address, container.attrs["State"]["Pid"], flush=True)
    threading.Event().wait()
"""


@pytest.mark.live
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_is_gone_with_its_owner_however_that_ends(client: Any, image: str, end: signal.Signals) -> None:
    needs_dockerd()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, image],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as owner:
        assert owner.stdout is not None
        address, pid = owner.stdout.readline().split()
        os.killpg(owner.pid, end)
    folder = os.path.dirname(address.removeprefix("unix://"))
    until = time.monotonic() + DEADLINE
    while (traces(folder) or os.path.exists(f"/proc/{pid}")) and time.monotonic() < until:
        time.sleep(0.1)
    assert traces(folder) == [] and not os.path.exists(f"/proc/{pid}")


def stand_in(folder: Path, script: str) -> None:
    program = folder / "dockerd"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def failure(parent: Path, **options: Any) -> EngineError:
    with pytest.raises(EngineError) as caught, private_engine(parent=parent, **options):
        pass
    assert list(parent.glob("dockerharden-engine-*")) == []
    return caught.value


@pytest.mark.live
def test_shows_the_log_of_an_engine_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_dockerd()
    stand_in(tmp_path, "echo no overlay here >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    error = failure(tmp_path)
    assert (error.message, error.details) == ("the private engine did not start", ("no overlay here",))


@pytest.mark.live
def test_an_engine_that_never_answers_ends_with_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_dockerd()
    stand_in(tmp_path, "echo thinking; exec sleep 1000")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    error = failure(tmp_path, deadline=0.5)
    assert (error.message, error.details) == ("the private engine does not answer after 0 s", ("thinking",))


@pytest.mark.parametrize(
    ("platform", "uid", "path", "said"),
    [
        ("darwin", 0, None, "no private engine on darwin"),
        ("linux", 1000, None, "no private engine without root"),
        ("linux", 0, "", "no private engine without dockerd on PATH"),
    ],
)
def test_says_what_it_lacks(
    platform: str, uid: int, path: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(os, "geteuid", lambda: uid, raising=False)
    if path is not None:
        monkeypatch.setenv("PATH", path)
    error = failure(tmp_path)
    assert (error.message, error.details) == (said, ("a private engine needs Linux, root, and dockerd on PATH",))


def test_removes_what_engines_left_whose_owner_is_gone(tmp_path: Path) -> None:
    owners = {"dead": f"{boot_id()}:1:77", "alive": f"{boot_id()}:1:{start_time(1)}", "elsewhere": "other:1:1"}
    for name, owner in owners.items():
        folder = tmp_path / f"dockerharden-engine-{name}"
        (folder / "data").mkdir(parents=True)
        (folder / "owner").write_text(owner, encoding="utf-8")
    (tmp_path / "dockerharden-engine-new").mkdir()
    (tmp_path / "somebody-elses").mkdir()
    private.sweep_folders(tmp_path)
    left = sorted(folder.name for folder in tmp_path.iterdir())
    assert left == ["dockerharden-engine-alive", "dockerharden-engine-elsewhere", "dockerharden-engine-new",
                    "somebody-elses"]  # fmt: skip


def test_the_machines_own_configuration_is_not_read(tmp_path: Path) -> None:
    written = json.loads(json.dumps(private.configuration(tmp_path, "name")))
    assert all(str(tmp_path) in str(written[key]) for key in ("hosts", "data-root", "exec-root", "pidfile"))


@contextlib.contextmanager
def publishing(protocol: str, inner: int) -> Iterator[tuple[subprocess.Popen[bytes], int, bytes]]:
    """The program that a private engine runs for a port: itself, the port, and what it told the engine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = (
        f"-proto {protocol} -host-ip 127.0.0.1 -host-port {port} -container-ip 127.0.0.1 -container-port {inner}"
    )
    program = [sys.executable, publish.__file__, "/proc/self/ns/net", *arguments.split(), "-use-listen-fd"]
    with subprocess.Popen(["sh", "-c", 'exec "$@" 3>&1', "sh", *program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process, port, os.read(process.stdout.fileno(), 200)
        finally:
            process.kill()


@pytest.mark.live
def test_publishes_datagrams_too_and_answers_each_client() -> None:
    needs_dockerd()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        with publishing("udp", server.getsockname()[1]) as (_, port, answer):
            assert answer == b"0\n"
            with contextlib.ExitStack() as open_clients:
                clients = [
                    open_clients.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)
                ]
                for number, one in enumerate(clients):
                    one.settimeout(5)
                    one.sendto(b"%d" % number, ("127.0.0.1", port))
                    data, sender = server.recvfrom(100)
                    server.sendto(b"answer to " + data, sender)
                assert [one.recv(100) for one in clients] == [b"answer to 0", b"answer to 1"]


@pytest.mark.live
def test_says_to_the_engine_that_it_cannot_publish() -> None:
    needs_dockerd()
    with publishing("sctp", 1) as (process, _, answer):
        assert answer == b"1\na private engine does not publish sctp ports"
        assert process.wait(10) == 1
