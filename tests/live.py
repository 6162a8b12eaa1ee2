"""A running engine for tests that need one. Mark their module: ``pytestmark = pytest.mark.live``."""

from __future__ import annotations

import contextlib
import io
import os
import re
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
        left = [line for line in remove(client, run.id) if not is_kept_by_nobody(client, line)]
        assert not left, f"not removed: {left}"


def is_kept_by_nobody(client: Any, line: str) -> bool:
    """Whether what is left is a network of which the engine says that it is in use, and by whom not.

    Engine 20.10 forgets to take an endpoint off now and then, where many containers start and end at once; until it is
    started again nothing removes such a network.
    """
    network = re.match(r"network (\S+): .*has active endpoints", line)
    return network is not None and not client.api.inspect_network(network[1])["Containers"]


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


class Valve:
    """What a forwarder does with the engine's answers; may be changed at any time."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.refusing = False

    def stall(self) -> None:
        """Accept everything and answer nothing."""
        self.open.clear()

    def refuse(self) -> None:
        """Close every connection, and new ones at once."""
        self.refusing = True

    def release(self) -> None:
        """As if nothing had been."""
        self.refusing = False
        self.open.set()


class Forward(socketserver.BaseRequestHandler):
    """One connection to the engine's socket, in both directions."""

    def handle(self) -> None:
        valve: Valve = self.server.valve  # type: ignore[attr-defined]
        with socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
            engine.connect("/var/run/docker.sock")
            other = {self.request: engine, engine: self.request}
            while not valve.refusing:
                for source in select.select(list(other), [], [], 0.05)[0]:
                    data = source.recv(65536)
                    valve.open.wait()
                    if not data or valve.refusing:
                        return
                    other[source].sendall(data)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextlib.contextmanager
def engine_on_tcp(valve: Valve | None = None) -> Iterator[str]:
    """The same engine by TCP on loopback, which is all that a client of another machine has."""
    with Server(("127.0.0.1", 0), Forward) as server:
        server.valve = valve or Valve()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def what_is_left(client: Any, label: str) -> list[str]:
    """Everything on the engine that bears a label."""
    filters = {"label": label}
    api = client.api
    left = [f"container {found['Id'][:12]}" for found in api.containers(all=True, filters=filters)]
    left += [f"network {found['Name']}" for found in api.networks(filters=filters)]
    left += [f"volume {found['Name']}" for found in api.volumes(filters=filters)["Volumes"] or ()]
    return left + [f"image {found['Id']}" for found in api.images(filters=filters)]
