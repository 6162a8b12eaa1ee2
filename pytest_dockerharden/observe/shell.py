"""Commands in a container through one shell that stays open on the socket of an exec: 1-2 ms each instead of 60-110."""

from __future__ import annotations

import contextlib
import secrets
import select
import shlex
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

STDOUT, STDERR = 1, 2
NOT_EXECUTABLE, NOT_FOUND = 126, 127
# a command is one word for eval: an unclosed quote in it is its own syntax error, and not the end of the shell
ROUND = "( eval {command} ) </dev/null; r=$?; printf '\\n%s %s\\n' {mark} $r; printf '\\n%s\\n' {mark} >&2\n"


class ShellClosed(Exception):  # noqa: N818 - the container ended, or a time limit was reached
    """The shell cannot take any more commands."""


class ProbeDidNotRun(Exception):  # noqa: N818 - a verdict of its own: neither a pass nor a failure of what was asked
    """What was to be run in the container is not there, so nothing was learned."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command answered."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class Shell:
    """A shell in a container. Not for several threads at once; ``close`` ends it.

    ``words`` is the program with its arguments, ``user`` as for ``docker exec -u``. ``timeout`` in seconds is for a
    single command; past it the shell is closed, since the command may still run in it.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        container: str,
        words: tuple[str, ...] = ("/bin/sh",),
        user: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.api = client.api
        self.container = container
        self.timeout = timeout
        self.stream: Any = None
        self.buffers = {STDOUT: bytearray(), STDERR: bytearray()}
        self.pending = bytearray()
        self.exec_id = ""
        self.open(list(words), user, dict(environment or {}))

    def open(self, words: list[str], user: str, environment: dict[str, str]) -> None:
        from docker.errors import APIError

        shown = shlex.join(words)
        try:
            command = self.api.exec_create(self.container, words, stdin=True, user=user, environment=environment)
            self.exec_id = command["Id"]
            self.stream = self.api.exec_start(self.exec_id, socket=True)
        except APIError as error:
            raise ProbeDidNotRun(f"{shown} could not be started: {error.explanation}") from None
        try:
            ready = self.run("echo ready").stdout == b"ready\n"
        except ShellClosed:
            ready = False
        if not ready:
            self.close()
            code = self.api.exec_inspect(self.exec_id).get("ExitCode")
            raise ProbeDidNotRun(f"the container has no {shown} (exit code {code})")

    def run(self, command: str, timeout: float | None = None) -> Output:
        """Run a command in a subshell: what it sets or leaves does not reach the next one."""
        if self.stream is None:
            raise ShellClosed("the shell is closed")
        mark = secrets.token_hex(16)
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        for buffer in self.buffers.values():
            buffer.clear()
        self.send(ROUND.format(command=shlex.quote(command), mark=mark).encode("utf-8", "surrogateescape"), deadline)
        stdout, rest = self.until(STDOUT, f"\n{mark} ".encode(), deadline)
        while not rest.endswith(b"\n"):
            self.receive(deadline)
            _, rest = self.until(STDOUT, f"\n{mark} ".encode(), deadline)
        stderr, _ = self.until(STDERR, f"\n{mark}\n".encode(), deadline)
        return Output(int(rest), stdout, stderr)

    def until(self, stream: int, mark: bytes, deadline: float) -> tuple[bytes, bytes]:
        """What came on a stream before and after the mark."""
        start = 0
        while True:
            position = self.buffers[stream].find(mark, start)
            if position >= 0:
                return bytes(self.buffers[stream][:position]), bytes(self.buffers[stream][position + len(mark) :])
            start = max(0, len(self.buffers[stream]) - len(mark))
            self.receive(deadline)

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of it, reading meanwhile: a shell that echoes into a full pipe would stop both sides."""
        view = memoryview(data)
        while view:
            self.wait(deadline, writing=True)
            view = view[self.socket.send(view[:65536]) :]

    def receive(self, deadline: float) -> None:
        """Wait for more, and take the frames of the engine's multiplexed stream apart."""
        self.wait(deadline, writing=False)
        chunk = self.socket.recv(1 << 16)
        if not chunk:
            self.close()
            raise ShellClosed("the shell ended")
        self.pending += chunk
        while len(self.pending) >= 8:
            stream, length = struct.unpack(">BxxxL", self.pending[:8])
            if len(self.pending) < 8 + length:
                return
            self.buffers.get(stream, self.buffers[STDERR]).extend(self.pending[8 : 8 + length])
            del self.pending[: 8 + length]

    def wait(self, deadline: float, *, writing: bool) -> None:
        remaining = deadline - time.monotonic()
        if getattr(self.socket, "pending", lambda: 0)() and not writing:
            return
        sides: tuple[list[Any], list[Any], list[Any]] = ([], [self.socket], []) if writing else ([self.socket], [], [])
        if remaining <= 0 or not any(select.select(*sides, remaining)):
            self.close()
            raise ShellClosed("the command did not end in time")

    @property
    def closed(self) -> bool:
        """Whether it takes no more commands."""
        return self.stream is None

    @property
    def socket(self) -> socket.socket:
        """The SDK gives a SocketIO on unix and plain TCP, and the TLS socket itself otherwise."""
        sock: socket.socket = getattr(self.stream, "_sock", self.stream)
        return sock

    def close(self) -> None:
        """End the shell: it reads the end of its input."""
        stream, self.stream = self.stream, None
        if stream is None:
            return
        sock = getattr(stream, "_sock", stream)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        # the response holds the connection that the stream is a part of
        response = getattr(stream, "_response", None)
        parts: tuple[Any, ...] = (response, stream)
        for part in parts:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                part.close()

    def __enter__(self) -> Shell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
