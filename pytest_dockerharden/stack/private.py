"""An engine of one's own for a run: empty at the start, apart from the machine's, gone at the end.

It needs Linux, root, and ``dockerd`` on PATH. What it is kept apart by, and how it is removed, is in ``warden.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_dockerharden.stack.engine import connect, endpoint_of
from pytest_dockerharden.stack.errors import EngineError
from pytest_dockerharden.stack.run import is_dead, owner_of

if TYPE_CHECKING:
    import docker

PREFIX = "dockerharden-engine-"
# on a disk, not in memory: images are large, and overlayfs needs a real file system below it
PARENT = Path("/var/tmp")  # noqa: S108 - the folder in it is made by mkdtemp
PROXY = "publish"
# scripts for processes of their own; what they import is not there on every platform
WARDEN, PUBLISH = (Path(__file__).with_name(name) for name in ("warden.py", "publish.py"))
LOG_LINES = 15
POLL = 0.05
END_SECONDS = 120


@contextlib.contextmanager
def private_engine(
    progress: Callable[[str], None] = lambda line: None,
    deadline: float = 60.0,
    parent: Path = PARENT,
    settings: Mapping[str, object] | None = None,
) -> Iterator[str]:
    """The address (``unix://...``) of an engine that lives as long as the block, and not longer than this process.

    ``settings`` are added to its ``daemon.json``; addresses to listen on to its own.

    Raises EngineError where none can be started, or none answers within ``deadline`` seconds.
    """
    program = engine_program()
    sweep_folders(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    progress("starting a private engine")
    keeper = start(program, folder, settings)
    try:
        wait_until_ready(folder, keeper, deadline)
        yield f"unix://{folder}/docker.sock"
    finally:
        progress("removing the private engine")
        stop(keeper)


@contextlib.contextmanager
def images_source(client: docker.DockerClient) -> Iterator[docker.DockerClient | None]:
    """The machine's own engine, to copy images from, where ``client`` is one of a private engine and there is one."""
    if f"/{PREFIX}" not in endpoint_of(client).address:
        yield None
        return
    try:
        source = connect()
    except EngineError:
        yield None
        return
    with contextlib.closing(source):
        yield source


def engine_program() -> str:
    """Where dockerd is. Raises EngineError with the first thing missing."""
    hint = ("a private engine needs Linux, root, and dockerd on PATH",)
    if not sys.platform.startswith("linux"):
        raise EngineError(f"no private engine on {sys.platform}", hint)
    if os.geteuid() != 0:
        raise EngineError("no private engine without root", hint)
    program = shutil.which("dockerd")
    if program is None:
        raise EngineError("no private engine without dockerd on PATH", hint)
    return program


def start(program: str, folder: Path, settings: Mapping[str, object] | None = None) -> subprocess.Popen[bytes]:
    """The warden, in a session of its own: a signal for the test run's process group does not reach it."""
    name = f"dockerharden-{secrets.token_hex(4)}"
    (folder / "owner").write_text(owner_of(os.getpid()), encoding="utf-8")
    (folder / "daemon.json").write_text(json.dumps(configuration(folder, name, settings)), encoding="utf-8")
    proxy = folder / PROXY
    proxy.write_text(proxy_script(), encoding="utf-8")
    proxy.chmod(0o700)
    # isolated from the user's PYTHON variables and site-packages: it needs the standard library alone
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(WARDEN), program, str(folder), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    )


def configuration(folder: Path, name: str, settings: Mapping[str, object] | None = None) -> dict[str, object]:
    """``daemon.json``. The machine's own is not read: what it sets belongs to the machine's engine."""
    asked = dict(settings or {})
    hosts = asked.pop("hosts", ())
    return {
        "log-level": "warn",
        **asked,
        "hosts": [f"unix://{folder}/docker.sock", *(hosts if isinstance(hosts, list) else ())],
        "group": "0",
        "data-root": f"{folder}/data",
        "exec-root": f"{folder}/exec",
        "pidfile": f"{folder}/dockerd.pid",
        "cgroup-parent": f"/{name}",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "userland-proxy-path": f"{folder}/{PROXY}",
    }


def proxy_script() -> str:
    """The engine runs one program for each published port, with arguments of its own."""
    command = shlex.join([sys.executable, "-I", "-S", str(PUBLISH), f"/proc/{os.getpid()}/ns/net"])
    return f'#!/bin/sh\nexec {command} "$@"\n'


def wait_until_ready(folder: Path, keeper: subprocess.Popen[bytes], deadline: float) -> None:
    """Until the engine answers a ping."""
    until = time.monotonic() + deadline
    while not answers(folder / "docker.sock"):
        if has_ended(keeper):
            raise EngineError("the private engine did not start", said(folder, keeper))
        if time.monotonic() > until:
            raise EngineError(f"the private engine does not answer after {deadline:.0f} s", said(folder, keeper))
        time.sleep(POLL)


def answers(path: Path) -> bool:
    """Without the SDK: importing that takes longer than an engine needs to say yes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        try:
            connection.connect(str(path))
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            return b" 200 " in connection.recv(64)
        except OSError:
            return False


def has_ended(keeper: subprocess.Popen[bytes]) -> bool:
    """The warden writes a line when the engine is gone, and ends itself where it could not start one."""
    assert keeper.stdout is not None
    return keeper.poll() is not None or bool(select.select([keeper.stdout], [], [], 0)[0])


def said(folder: Path, keeper: subprocess.Popen[bytes]) -> tuple[str, ...]:
    """The last lines of the engine's log, else of the warden's error."""
    try:
        text = (folder / "dockerd.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    if not text and keeper.poll() is not None and keeper.stderr is not None:
        text = keeper.stderr.read().decode("utf-8", "replace")
    return tuple(text.strip().splitlines()[-LOG_LINES:])


def stop(keeper: subprocess.Popen[bytes]) -> None:
    """Close the pipe and wait until everything is removed."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        keeper.communicate(timeout=END_SECONDS)


def sweep_folders(parent: Path) -> None:
    """Remove what engines left whose owner and warden both died, by a power loss for instance."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if is_dead((folder / "owner").read_text(encoding="utf-8")) and not is_running(folder):
                shutil.rmtree(folder, ignore_errors=True)


def is_running(folder: Path) -> bool:
    """Whether the engine of a folder still runs: its warden may be removing it at this moment."""
    try:
        pid = (folder / "dockerd.pid").read_text(encoding="utf-8").strip()
        return str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
