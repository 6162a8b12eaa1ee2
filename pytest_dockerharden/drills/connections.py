"""Which services a service can really reach, from its own place in the network."""

from __future__ import annotations

import errno
import ipaddress
import struct
import time
from collections.abc import Sequence
from typing import NamedTuple

from pytest_dockerharden.drills.agent import BUFFER, Agent, Call
from pytest_dockerharden.model.drill import Connection
from pytest_dockerharden.observe.shell import ProbeDidNotRun

AF_INET, AF_INET6 = 2, 10
SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC = 1, 0o4000, 0o2000000
SOL_SOCKET, SO_ERROR = 1, 4
POLLOUT = 4
# seconds within which a peer on the same machine answers, the second SYN after one second included (the kernel's
# TCP_TIMEOUT_INIT): the engine rewrites its chains for each new network, and a packet that is lost then is no wall
PATIENCE = 1.4
AT_ONCE = 100
# a port on which nothing listens: that it refuses shows that the packet got there
CLOSED_PORT = 9


class Target(NamedTuple):
    """A socket of another service."""

    service: str
    address: str
    port: int


def connections(agent: Agent, targets: Sequence[Target]) -> tuple[Connection, ...]:
    """Many are tried at once. Nothing is sent over a connection that comes about.

    Raises ProbeDidNotRun where no attempt could be made: that is no proof of being kept apart.
    """
    starts = range(0, len(targets), AT_ONCE)
    return tuple(made for start in starts for made in attempts(agent, targets[start : start + AT_ONCE]))


def attempts(agent: Agent, targets: Sequence[Target]) -> tuple[Connection, ...]:
    """One round, of as many as there are descriptors for."""
    started = [(target, *begin(agent, target)) for target in targets]
    waiting = {number: target for target, number, answer in started if answer == "EINPROGRESS"}
    late = finish(agent, list(waiting), PATIENCE)
    agent.calls([Call("close", (number,)) for _, number, _ in started if number >= 0])
    return tuple(
        Connection(
            target.service, target.address, target.port, late.get(number, "ETIMEDOUT") if number in waiting else answer
        )
        for target, number, answer in started
    )


def begin(agent: Agent, target: Target) -> tuple[int, str]:
    """The descriptor, and the first answer to connect(2)."""
    family, address = socket_address(target.address, target.port)
    made = agent.call("socket", family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if made.error == "EAFNOSUPPORT":
        return -1, made.error
    if made.error:
        raise ProbeDidNotRun(f"it could not make a socket: {made.error}")
    answer = agent.call("connect", made.result, BUFFER, len(address), data=address)
    return made.result, answer.error or "connected"


def finish(agent: Agent, numbers: list[int], patience: float) -> dict[int, str]:
    """The answers that come within so many seconds, by descriptor."""
    answers: dict[int, str] = {}
    until = time.monotonic() + patience
    while (left := [number for number in numbers if number not in answers]) and time.monotonic() < until:
        remaining = max(1, int((until - time.monotonic()) * 1e9))
        wait = b"".join(struct.pack("<ihh", number, POLLOUT, 0) for number in left)
        span = struct.pack("<qq", remaining // 10**9, remaining % 10**9)
        polled = agent.call(
            "ppoll", BUFFER + len(span), len(left), BUFFER, 0, 8, data=span + wait, answer=len(span) + len(wait)
        )
        for index, number in enumerate(left):
            if struct.unpack_from("<h", polled.data, len(span) + 8 * index + 6)[0]:
                answers[number] = result_of(agent, number)
    return answers


def result_of(agent: Agent, number: int) -> str:
    """SO_ERROR of a socket whose connection is decided."""
    asked = agent.call(
        "getsockopt", number, SOL_SOCKET, SO_ERROR, BUFFER, BUFFER + 8, data=struct.pack("<qi", 0, 4), answer=4
    )
    (code,) = struct.unpack("<i", asked.data)
    return errno.errorcode.get(code, str(code)) if code else "connected"


def socket_address(address: str, port: int) -> tuple[int, bytes]:
    """Family, and ``sockaddr_in`` or ``sockaddr_in6``."""
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        return AF_INET, struct.pack("<H", AF_INET) + struct.pack(">H", port) + parsed.packed + bytes(8)
    return AF_INET6, struct.pack("<H", AF_INET6) + struct.pack(">HI", port, 0) + parsed.packed + bytes(4)
