"""The process that keeps a private engine: starts it apart from the machine's own, and removes it whatever happens.

Run as a script with the standard library alone. It waits at the end of a pipe, as the reaper does: when the other end
is closed, by a SIGKILL of the owner too, the engine, all its processes and its folder go.

The engine gets a network and a mount namespace of its own. Two engines in one network namespace flush each other's
iptables chains and delete each other's bridges, and with its own chains off an engine has no segmentation to judge.
In a namespace of its own it has every device, chain and address to itself, and no way out of the machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import glob
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# from sched.h, sys/mount.h, linux/prctl.h and linux/sockios.h
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_SLAVE, MS_SHARED = 0x4000, 0x80000, 0x100000
PR_SET_PDEATHSIG = 1
SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41

FREE_PORTS = range(33000, 60000, 1000)
# an engine that sees the machine's containerd uses it instead of starting one of its own, and engines before 25 take
# the machine's identity from a key in their configuration
HIDDEN = (b"/run/containerd", b"/etc/docker")
GRACE = 2.0
DEADLINE = 20.0


def main(program: str, folder: str, name: str) -> None:
    """Keep an engine in ``folder``; ``name`` is the cgroup that its containers are in."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with open(f"{folder}/dockerd.log", "wb") as log:
        engine = subprocess.Popen(
            [program, "--config-file", f"{folder}/daemon.json"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            preexec_fn=set_apart,
        )
    network = namespace(engine.pid)
    wait_for_owner(engine)
    end(engine, name, network)
    remove_cgroups(name)
    shutil.rmtree(folder, ignore_errors=True)


def wait_for_owner(engine: subprocess.Popen[bytes]) -> None:
    """Until the pipe is closed. An engine that ends before is told at once, its log still there to be read."""
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        if engine.poll() is not None:
            sys.stdout.write("ended\n")
            sys.stdout.flush()
            break
    sys.stdin.buffer.read()


def set_apart() -> None:
    """In the engine's process, before it is one: own namespaces, and an end with the warden's."""
    libc = ctypes.CDLL(None, use_errno=True)
    for handled in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(handled, signal.SIG_DFL)
    must(libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM))
    must(libc.unshare(CLONE_NEWNS | CLONE_NEWNET))
    # mounts of the machine still arrive, none goes back; shared again, for volumes with a propagation
    must(libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None))
    must(libc.mount(None, b"/", None, MS_REC | MS_SHARED, None))
    for hidden in filter(os.path.isdir, HIDDEN):
        must(libc.mount(b"tmpfs", hidden, b"tmpfs", 0, b"size=1m,mode=755"))
    # engines count up from the first port of the range, and ours listens where the machine's does
    first = random.randrange(FREE_PORTS.start, FREE_PORTS.stop - FREE_PORTS.step)  # noqa: S311 - no secret
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(f"{first} {first + FREE_PORTS.step}", encoding="ascii")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))


def must(result: int) -> None:
    """Raise what a failed call left in errno."""
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def namespace(pid: int) -> int:
    """The inode of a process's network namespace; 0 where it is gone."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return 0


def end(engine: subprocess.Popen[bytes], name: str, network: int) -> None:
    """Ask the engine to end. Nobody waits for what its containers had to finish: they get two seconds."""
    engine.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        engine.wait(GRACE)
    until = time.monotonic() + DEADLINE
    while engine.poll() is None and time.monotonic() < until:
        kill(pid for pid in processes() if is_contained(pid, name))
        time.sleep(0.1)
    apart = network not in (0, namespace(os.getpid()))
    while time.monotonic() < until + DEADLINE and kill(
        pid for pid in processes() if is_contained(pid, name) or (apart and namespace(pid) == network)
    ):
        engine.poll()
        time.sleep(0.1)


def processes() -> Iterator[int]:
    """All of this machine's."""
    return (int(entry) for entry in os.listdir("/proc") if entry.isdigit())


def is_contained(pid: int, name: str) -> bool:
    """Whether a process is in a container of the engine."""
    try:
        return f"/{name}/" in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")
    except OSError:
        return False


def kill(pids: Iterator[int]) -> int:
    """How many there were."""
    count = 0
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            count += 1
    return count


def remove_cgroups(name: str) -> None:
    """The engine removes those of its containers, and leaves the one above them."""
    for parent in ("/sys/fs/cgroup", *glob.glob("/sys/fs/cgroup/*")):
        for folder, _, _ in os.walk(os.path.join(parent, name), topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


if __name__ == "__main__":
    main(*sys.argv[1:4])
