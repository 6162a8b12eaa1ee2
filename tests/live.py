"""A running engine for tests that need one. Mark their module: ``pytestmark = pytest.mark.live``."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import select
import socket
import socketserver
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.errors import EngineError
from pytest_dockerharden.stack.run import Run, remove

# Debian's busybox-static; an image of nothing else needs no registry
BUSYBOX = Path("/bin/busybox")


def live_engine() -> Any:
    """A client of the engine. Without one the test skips; in CI it fails, where a skip would go unseen."""
    try:
        return connect()
    except EngineError as error:
        return missing(str(error))


def missing(reason: str) -> Any:
    """Skip, or fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def labelled_run(client: Any) -> Iterator[Run]:
    """A run whose labels a test puts on what it makes: all of it is removed at the end."""
    run = Run.start()
    try:
        yield run
    finally:
        assert remove(client, run.id) == []


def busybox_image(client: Any, run: Run, applets: tuple[str, ...] = ()) -> str:
    """A scratch image with one static program ``/busybox``, and links to it under ``applets`` (``bin/sh``).

    It has the folders ``data`` and ``tmp``, and no passwd file.
    """
    if not BUSYBOX.exists():
        return str(missing("busybox-static is not installed"))
    name = f"obs-{secrets.token_hex(4)}:test"
    changes = [f"LABEL {key}={value}" for key, value in run.labels.items()]
    answer = client.api.import_image_from_data(
        root_tar(applets), repository=name.split(":")[0], tag="test", changes=changes
    )
    assert "error" not in answer, answer
    return name


def root_tar(applets: tuple[str, ...]) -> bytes:
    """The file system of the image."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("data", "tmp", "bin"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(info)
        data = BUSYBOX.read_bytes()
        info = tarfile.TarInfo("busybox")
        info.size, info.mode = len(data), 0o755
        tar.addfile(info, io.BytesIO(data))
        for applet in applets:
            info = tarfile.TarInfo(applet)
            info.type, info.linkname = tarfile.SYMTYPE, "/busybox"
            tar.addfile(info)
    return buffer.getvalue()


class Forward(socketserver.BaseRequestHandler):
    """One connection to the engine's socket, in both directions."""

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
            engine.connect("/var/run/docker.sock")
            other = {self.request: engine, engine: self.request}
            while ready := select.select(list(other), [], [])[0]:
                for source in ready:
                    data = source.recv(65536)
                    if not data:
                        return
                    other[source].sendall(data)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextlib.contextmanager
def engine_on_tcp() -> Iterator[str]:
    """The same engine by TCP on loopback, which is all that a client of another machine has."""
    with Server(("127.0.0.1", 0), Forward) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
