"""testinfra on containers with a shell, without one, and with few tools."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_dockerharden.observe import observe_stack
from pytest_dockerharden.observe.host import host
from pytest_dockerharden.observe.shell import ProbeDidNotRun
from pytest_dockerharden.stack.run import Run
from tests.live import busybox_image, labelled_run, live_engine, missing

pytestmark = pytest.mark.live

DEBIAN = "dockerharden-base/nginx:bookworm"
HARDENED = {
    "NetworkMode": "none",
    "ReadonlyRootfs": True,
    "CapDrop": ["ALL"],
    "SecurityOpt": ["no-new-privileges:true"],
    "Tmpfs": {"/tmp": "size=1m"},
}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    client = live_engine()
    yield client
    client.close()


@pytest.fixture(scope="module")
def run(client: Any) -> Iterator[Run]:
    with labelled_run(client) as run:
        yield run


def start(client: Any, run: Run, image: str, command: list[str], **host_config: Any) -> str:
    body = {"Image": image, "Entrypoint": command, "Cmd": [], "Labels": run.labels, "User": "4242:4243"}
    created = client.api.create_container_from_config(body | {"HostConfig": HARDENED | host_config})
    client.api.start(created["Id"])
    return str(created["Id"])


@pytest.fixture(scope="module")
def debian(client: Any, run: Run) -> Iterator[Any]:
    if not client.api.images(DEBIAN):
        missing(f"the image {DEBIAN} is not built")
    found = host(start(client, run, DEBIAN, ["sleep", "1000"]), client)
    yield found
    found.close()


@pytest.fixture(scope="module")
def scratch(client: Any, run: Run) -> Iterator[Any]:
    image = busybox_image(client, run)
    container = start(client, run, image, ["/busybox", "sleep", "1000"])
    found = host(container, client, tools=[image], labels=run.labels)
    yield found
    found.close()


def test_modules_work_on_debian(debian: Any) -> None:
    passwd = debian.file("/etc/passwd")
    assert (passwd.exists, passwd.user, passwd.mode, passwd.contains("root:x:0")) == (True, "root", 0o644, True)
    assert "passwd" in debian.file("/etc").listdir()
    assert debian.file("/etc/nothing").exists is False
    assert (debian.user("root").uid, debian.user("root").shell) == (0, "/bin/bash")
    assert debian.user("nobody-of-that-name").exists is False
    assert debian.group("root").gid == 0
    assert debian.environment()["PATH"]
    assert debian.system_info.distribution == "debian"
    assert debian.mount_point("/tmp").filesystem == "tmpfs"
    assert "ro" in debian.mount_point("/").options
    assert debian.mount_point("/nothing").exists is False
    assert debian.check_output("id -u; id -g") == "4242\n4243"
    assert debian.exists("cat") is True
    assert debian.exists("no-such-command") is False
    assert debian.package("base-files").is_installed is True


def test_a_refused_write_is_a_failure_that_can_be_believed(debian: Any) -> None:
    refused = debian.run("touch /etc/x")
    assert refused.failed
    assert "Read-only file system" in refused.stderr


@pytest.mark.parametrize("command", ["no-such-command", "/etc/passwd", "/no/such/path x"])
def test_a_probe_that_did_not_run_is_no_failure(debian: Any, command: str) -> None:
    with pytest.raises(ProbeDidNotRun, match="did not run"):
        debian.run(command)
    with pytest.raises(ProbeDidNotRun):
        debian.check_output(command)
    with pytest.raises(ProbeDidNotRun):
        debian.run_test(command)


def test_a_refused_execution_can_be_expected(debian: Any) -> None:
    debian.check_output("cp /bin/true /tmp/probe; chmod +x /tmp/probe")
    assert debian.run_expect([126], "/tmp/probe").rc == 126


def test_a_module_that_lacks_its_tool_says_so(client: Any, run: Run) -> None:
    applets = tuple(f"bin/{name}" for name in ("sh", "cat", "uname", "id", "readlink", "stat"))
    image = busybox_image(client, run, applets)
    found = host(start(client, run, image, ["/busybox", "sleep", "1000"]), client)
    with pytest.raises(ProbeDidNotRun, match="getent"):
        found.user("root").shell  # noqa: B018
    found.close()


def test_output_beyond_ascii_needs_no_python(debian: Any) -> None:
    assert debian.check_output("printf 'ä€'") == "ä€"
    assert debian.run("printf '\\377'").stdout_bytes == b"\xff"


def test_a_container_without_a_shell_gets_one_lent(client: Any, scratch: Any) -> None:
    assert scratch.check_output("id -u") == "4242"
    assert scratch.file("/busybox").exists is True
    assert scratch.file("/bin/sh").exists is False
    assert "Read-only file system" in scratch.run("touch /data/x").stderr
    assert "NoNewPrivs:\t1" in scratch.check_output("cat /proc/self/status")
    assert scratch.mount_point("/tmp").filesystem == "tmpfs"
    assert client.api.diff(scratch.inner.backend.shell.container) is None


def test_the_helper_of_a_lent_shell_goes_with_it(client: Any, run: Run) -> None:
    image = busybox_image(client, run)
    found = host(start(client, run, image, ["/busybox", "sleep", "1000"]), client, tools=[image], labels=run.labels)
    assert found.check_output("echo yes") == "yes"
    helper = found.inner.backend.shell.helper
    found.close()
    assert helper not in {answer["Id"] for answer in client.api.containers(all=True)}


def test_without_a_shell_and_without_tools_nothing_passes(client: Any, run: Run) -> None:
    image = busybox_image(client, run)
    found = host(start(client, run, image, ["/busybox", "sleep", "1000"]), client)
    with pytest.raises(ProbeDidNotRun, match="static busybox"):
        assert found.run("touch /x").failed


def test_the_last_of_two_mounts_counts(client: Any, run: Run) -> None:
    image = busybox_image(client, run, tuple(f"bin/{name}" for name in ("sh", "cat", "uname", "mount")))
    script = "mount -t tmpfs -o ro below /data; mount -t tmpfs above /data; exec /busybox sleep 1000"
    body = {"Image": image, "Entrypoint": ["/bin/sh", "-c", script], "Labels": run.labels}
    container = client.api.create_container_from_config(body | {"HostConfig": {"CapAdd": ["SYS_ADMIN"]}})["Id"]
    client.api.start(container)
    found = host(container, client)
    until = time.monotonic() + 5
    while "above" not in found.check_output("cat /proc/mounts") and time.monotonic() < until:
        time.sleep(0.05)
    assert found.mount_point("/data").device == "above"
    (posture,) = observe_stack({"web": [container]}, client)["web"]
    assert [mount.read_only for mount in posture.mounts.value if mount.target == "/data"] == [False]
    found.close()


def test_a_container_that_has_ended_is_said_to_have_ended(client: Any, run: Run) -> None:
    container = start(client, run, busybox_image(client, run), ["/busybox", "true"])
    client.api.wait(container)
    with pytest.raises(ProbeDidNotRun, match="not running"):
        host(container, client).run("true")
