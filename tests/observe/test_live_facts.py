"""Facts that only a running container has, by the machine's own /proc and by a helper on an engine elsewhere."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import judge
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.observe import observe_stack
from pytest_dockerharden.observe.witness import HostWitness
from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.run import Run
from tests.live import busybox_image, engine_on_tcp, labelled_run, live_engine

pytestmark = pytest.mark.live

SHELL = tuple(
    f"bin/{name}"
    for name in ("sh", "cat", "sleep", "ls", "readlink", "stat", "nc", "touch", "chmod", "cp", "mkdir", "ln")
)
LOCKED = {"ReadonlyRootfs": True, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges:true"], "NetworkMode": "none"}
SLEEP = ["/busybox", "sleep", "1000"]
Observe = Callable[[dict[str, list[str]]], dict[str, Posture]]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    client = live_engine()
    yield client
    client.close()


@pytest.fixture(scope="module")
def run(client: Any) -> Iterator[Run]:
    with labelled_run(client) as run:
        yield run


@pytest.fixture(scope="module")
def with_shell(client: Any, run: Run) -> str:
    return busybox_image(client, run, SHELL)


@pytest.fixture(scope="module")
def without_shell(client: Any, run: Run) -> str:
    return busybox_image(client, run)


@pytest.fixture(scope="module")
def start(client: Any, run: Run) -> Callable[..., str]:
    def start(image: str, command: list[str], **body: Any) -> str:
        request = {"Image": image, "Cmd": command, "Labels": run.labels, "HostConfig": {"NetworkMode": "none"}} | body
        container = str(client.api.create_container_from_config(request)["Id"])
        client.api.start(container)
        return container

    return start


@pytest.fixture(params=["here", "elsewhere"])
def observe(request: pytest.FixtureRequest, client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Observe]:
    """By this machine's /proc, and over TCP without it."""

    def first(found: dict[str, list[Posture]]) -> dict[str, Posture]:
        return {service: postures[0] for service, postures in found.items()}

    if request.param == "here":
        yield lambda stack: first(observe_stack(stack, client))
        return
    with engine_on_tcp() as address:
        remote = connect(address)
        monkeypatch.setattr(HostWitness, "collect", lambda *_: pytest.fail("it looked at this machine's /proc"))
        yield lambda stack: first(observe_stack(stack, remote))
        remote.close()


def failed(posture: Posture) -> set[str]:
    """The controls of these tests that fail."""
    found = {
        name: judge(control, posture, "web") for name, control in load_all().items() if control.judges == "Posture"
    }
    errors = [judgement.reason for judgement in found.values() if judgement.verdict == "error"]
    assert not errors, errors[0]
    return {name for name, judgement in found.items() if judgement.verdict == "failed"}


def test_signals_parents_and_namespaces(observe: Observe, start: Callable[..., str], with_shell: str) -> None:
    user = {"User": "4242:4242", "HostConfig": LOCKED}
    trap = start(with_shell, ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"], **user)
    deaf = start(with_shell, ["sleep", "1000"], **user)
    guest = start(with_shell, ["sleep", "1000"], **user | {"HostConfig": LOCKED | {"PidMode": f"container:{deaf}"}})
    found = observe({"trap": [trap], "deaf": [deaf], "guest": [guest]})
    first, child = found["trap"].processes.value
    assert "SIGTERM" in first.caught
    assert child.parent == first.pid == 1
    assert "first-process-takes-the-stop-signal" not in failed(found["trap"])
    assert "first-process-takes-the-stop-signal" in failed(found["deaf"])
    assert found["trap"].shared_namespaces.value == {}
    assert found["deaf"].shared_namespaces.value == {"pid": {"guest"}}
    assert found["guest"].shared_namespaces.value == {"pid": {"deaf"}}


def test_health_and_restarts(observe: Observe, client: Any, start: Callable[..., str], with_shell: str) -> None:
    check = {"Test": ["CMD", "/bin/cat", "/nothing"], "Interval": 1_000_000_000, "Retries": 1}
    sick = start(with_shell, ["sleep", "1000"], Healthcheck=check)
    crashing = start(
        with_shell, ["cat", "/nothing"], HostConfig={"NetworkMode": "none", "RestartPolicy": {"Name": "always"}}
    )
    until = time.monotonic() + 60
    while client.api.inspect_container(sick)["State"]["Health"]["Status"] != "unhealthy" and time.monotonic() < until:
        time.sleep(0.2)
    while not client.api.inspect_container(crashing)["RestartCount"] and time.monotonic() < until:
        time.sleep(0.2)
    found = observe({"sick": [sick], "crashing": [crashing]})
    assert found["sick"].failing_streak.value > 0
    assert found["sick"].probes.value[-1].exit_code == 1
    assert "healthy" in failed(found["sick"])
    assert "never-restarted" in failed(found["crashing"])


def test_a_tag_that_moved(observe: Observe, client: Any, run: Run, start: Callable[..., str], with_shell: str) -> None:
    tag = f"dh-moved-{secrets.token_hex(4)}:1"
    client.api.tag(with_shell, tag)
    container = start(tag, ["sleep", "1000"])
    assert "runs-the-image-of-its-tag" not in failed(observe({"web": [container]})["web"])
    other = busybox_image(client, run, ("bin/true",))
    client.api.tag(other, tag)
    assert "runs-the-image-of-its-tag" in failed(observe({"web": [container]})["web"])
    client.api.remove_image(tag, noprune=True)


def test_files_of_the_image_and_changes(observe: Observe, start: Callable[..., str], with_shell: str) -> None:
    quiet = start(with_shell, ["sleep", "1000"])
    busy = start(with_shell, ["sh", "-c", "cp /busybox /bin/tool; exec sleep 1000"])
    time.sleep(1)
    found = observe({"quiet": [quiet], "busy": [busy]})
    assert found["quiet"].files.value == ()
    assert found["quiet"].passwordless.value == frozenset()
    assert "programs-unchanged" not in failed(found["quiet"])
    assert "/bin/tool" in {change.path for change in found["busy"].changes.value if change.kind == "added"}
    assert "programs-unchanged" in failed(found["busy"])


def test_a_secret_among_the_arguments_is_masked(observe: Observe, start: Callable[..., str], with_shell: str) -> None:
    container = start(with_shell, ["sh", "-c", "sleep 1000; :", "server", "--password=hunter2x"])
    posture = observe({"web": [container]})["web"]
    assert "no-secrets-in-arguments" in failed(posture)
    assert "hunter2x" not in str(posture.processes)


@pytest.mark.parametrize("image", ["with_shell", "without_shell"])
def test_every_path_to_the_engine_is_found(
    observe: Observe, start: Callable[..., str], image: str, request: pytest.FixtureRequest
) -> None:
    """Bound as a directory, and as the socket under another name."""
    name = request.getfixturevalue(image)
    request.getfixturevalue("with_shell")
    user = {"User": "4242:4242", "HostConfig": LOCKED | {"Binds": ["/var/run:/host/run:ro"]}}
    directory = start(name, SLEEP, **user)
    renamed = start(name, SLEEP, **user | {"HostConfig": LOCKED | {"Binds": ["/run/docker.sock:/app/agent"]}})
    found = observe(
        {
            "directory": [directory],
            "renamed": [renamed],
            "helper": [start(request.getfixturevalue("with_shell"), SLEEP)],
        }
    )
    assert "/host/run/docker.sock" in found["directory"].control_sockets.value
    for service in ("directory", "renamed"):
        assert "no-engine-socket" in failed(found[service])


def test_another_name_of_the_engines_socket_is_the_socket(
    client: Any, start: Callable[..., str], without_shell: str
) -> None:
    """A hard link: no path tells, the inode does. Only where the engine's files are on this machine."""
    folder = Path("/run") / f"dh-{secrets.token_hex(4)}"
    if not os.access("/run/docker.sock", os.W_OK) or os.getuid() != 0:
        pytest.skip("needs the right to link the engine's socket")
    folder.mkdir()
    try:
        os.link("/run/docker.sock", folder / "agent")
        container = start(without_shell, SLEEP, HostConfig=LOCKED | {"Binds": [f"{folder}:/links"]})
        (posture,) = observe_stack({"web": [container]}, client)["web"]
        assert posture.control_sockets.value == ("/links/agent",)
        assert "no-hidden-control-socket" in failed(posture)
        assert "no-engine-socket" not in failed(posture)
    finally:
        (folder / "agent").unlink(missing_ok=True)
        folder.rmdir()


def test_a_link_in_a_mount_leads_nowhere(client: Any, start: Callable[..., str], with_shell: str) -> None:
    """A container that writes ``docker.sock`` as a link, or as a file, has no engine."""
    script = "ln -s /run/docker.sock /data/docker.sock; ln -s /run /data/run; mkdir /data/docker; exec sleep 1000"
    container = start(with_shell, ["sh", "-c", script], HostConfig={"NetworkMode": "none", "Tmpfs": {"/data": ""}})
    time.sleep(1)
    (posture,) = observe_stack({"web": [container]}, client)["web"]
    assert posture.control_sockets.value == ()


def test_a_read_only_bind_with_writable_mounts_below(
    client: Any, start: Callable[..., str], without_shell: str
) -> None:
    container = start(without_shell, SLEEP, HostConfig=LOCKED | {"Binds": ["/dev:/host:ro"]})
    (posture,) = observe_stack({"web": [container]}, client)["web"]
    (bind,) = (mount for mount in posture.mounts.value if mount.target == "/host")
    assert (bind.read_only, bind.recursive) == (True, False)
    assert "read-only-mounts-are-recursive" in failed(posture)


def test_a_stack_of_eight_is_read_in_a_moment(client: Any, start: Callable[..., str], without_shell: str) -> None:
    stack = {f"s{number}": [start(without_shell, SLEEP, HostConfig=LOCKED)] for number in range(8)}
    observe_stack(stack, client)
    took = []
    for _ in range(3):
        began = time.monotonic()
        observe_stack(stack, client)
        took.append(time.monotonic() - began)
    assert min(took) < 1.5


def test_an_engine_elsewhere_runs_commands_in_one_helper_and_no_more_than_there_are_containers(
    client: Any, start: Callable[..., str], with_shell: str, without_shell: str
) -> None:
    stack = {f"s{number}": [start(image, SLEEP)] for number, image in enumerate((with_shell, without_shell) * 2)}
    with engine_on_tcp() as address, contextlib.closing(connect(address)) as far:
        asked: list[str] = []
        send = far.api.send

        def noted(request: Any, **options: Any) -> Any:
            asked.append(f"{request.method} {request.path_url.partition('?')[0]}")
            return send(request, **options)

        far.api.send = noted
        observe_stack(stack, far)
    helpers = [found[1] for path in asked if (found := re.search(r"^POST .*/containers/(\w+)/exec$", path))]
    assert len(set(helpers)) == 1
    assert helpers[0] not in {container for containers in stack.values() for container in containers}
    assert len(helpers) <= len(stack)


ALLOW_ALL = 'seccomp={"defaultAction": "SCMP_ACT_ALLOW"}'
ROOT_CHILD = (
    "/busybox sleep 1000 & echo app:x:4242:4242::/:/ >/etc/passwd; "
    "exec /busybox start-stop-daemon -S -c app:4242 -p /none -x /busybox -- sleep 1000"
)


@pytest.mark.parametrize("image", ["with_shell", "without_shell"])
@pytest.mark.parametrize(
    ("control", "command", "host"),
    [
        pytest.param("seccomp-confined", SLEEP, {"SecurityOpt": [ALLOW_ALL]}, id="an allow-all seccomp profile"),
        pytest.param(
            "no-new-privileges",
            SLEEP,
            {"SecurityOpt": ["no-new-privileges:true", "no-new-privileges:false"]},
            id="no-new-privileges taken back",
        ),
        pytest.param(
            "no-writable-image-volumes",
            SLEEP,
            {"ReadonlyRootfs": True, "Mounts": [{"Type": "volume", "Target": "/data"}]},
            id="an anonymous volume behind read_only",
        ),
        pytest.param("no-engine-socket", SLEEP, {"Binds": ["/var/run:/host/run"]}, id="a mount of /var/run"),
        pytest.param(
            "every-process-non-root", ["/busybox", "sh", "-c", ROOT_CHILD], {}, id="a root child of a first process"
        ),
    ],
)
def test_what_benchmarks_let_pass_is_caught(
    client: Any, start: Callable[..., str], image: str, control: str, command: list[str], host: dict[str, Any],
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    user = {} if "sh" in command else {"User": "4242:4242"}
    container = start(request.getfixturevalue(image), command, HostConfig={"NetworkMode": "none"} | host, **user)
    time.sleep(0.5)
    (posture,) = observe_stack({"web": [container]}, client)["web"]
    assert control in failed(posture)
    assert posture.runs_as_root.value is False
