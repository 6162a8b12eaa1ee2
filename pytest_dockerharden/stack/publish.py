"""What a private engine runs for each published port, in place of ``docker-proxy``: it listens outside.

The engine's own would listen on the loopback interface of the engine's network namespace, where no test connects.
Run as a script with the standard library alone. Arguments, and the answer on descriptor 3, are those of
``docker-proxy`` (libnetwork, cmd/proxy): ``0`` when it listens, else ``1`` and the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import select
import socket
import sys
import threading
from typing import Any

ANSWER = 3
IDLE_SECONDS = 90
BLOCK = 65536


def main(outside: str, *arguments: str) -> None:
    """``outside`` is the path of the namespace to listen in."""
    options = parse(arguments)
    try:
        listener = listen(outside, options)
    except OSError as error:
        os.write(ANSWER, f"1\n{error}".encode())
        sys.exit(1)
    os.write(ANSWER, b"0\n")
    os.close(ANSWER)
    target = (options.container_ip, options.container_port)
    if options.proto == "udp":
        forward_datagrams(listener, target)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=forward, args=(connection, target), daemon=True).start()


def parse(arguments: tuple[str, ...]) -> argparse.Namespace:
    """As Go writes flags, with one dash; those of newer engines are ignored."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, kind in (("host-ip", str), ("container-ip", str), ("host-port", int), ("container-port", int)):
        parser.add_argument(f"-{name}", type=kind, required=True, dest=name.replace("-", "_"))
    parser.add_argument("-proto", default="tcp")
    return parser.parse_known_args(arguments)[0]


def listen(outside: str, options: argparse.Namespace) -> socket.socket:
    """A socket stays in the namespace in which it was made; connections are made from the engine's own."""
    kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
    if options.proto not in kinds:
        raise OSError(f"a private engine does not publish {options.proto} ports")
    with open("/proc/self/ns/net", "rb") as own, open(outside, "rb") as other:
        enter(other.fileno())
        listener = socket.socket(family(options.host_ip), kinds[options.proto])
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((options.host_ip, options.host_port))
        if options.proto == "tcp":
            listener.listen(128)
        enter(own.fileno())
    return listener


def enter(namespace: int) -> None:
    """setns(2) for this thread; the only one there is at that time."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def family(address: str) -> socket.AddressFamily:
    """Of an address without a name."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def forward(connection: socket.socket, target: tuple[str, int]) -> None:
    """Both directions of one connection, each to its own end."""
    with connection, socket.socket(family(target[0])) as inner, contextlib.suppress(OSError):
        inner.connect(target)
        back = threading.Thread(target=copy, args=(inner, connection), daemon=True)
        back.start()
        copy(connection, inner)
        back.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    """Until the source has nothing more to say."""
    with contextlib.suppress(OSError):
        while data := source.recv(BLOCK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def forward_datagrams(listener: socket.socket, target: tuple[str, int]) -> None:
    """One inner socket for each client; it never returns."""
    clients: dict[Any, socket.socket] = {}
    owners: dict[socket.socket, Any] = {}
    while True:
        ready = select.select([listener, *owners], [], [], IDLE_SECONDS)[0]
        if not ready:
            for inner in owners:
                inner.close()
            clients, owners = {}, {}
        for readable in ready:
            with contextlib.suppress(OSError):
                if readable is not listener:
                    listener.sendto(readable.recv(BLOCK), owners[readable])
                    continue
                data, client = listener.recvfrom(BLOCK)
                if client not in clients:
                    clients[client] = socket.socket(family(target[0]), socket.SOCK_DGRAM)
                    clients[client].connect(target)
                    owners[clients[client]] = client
                clients[client].send(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
