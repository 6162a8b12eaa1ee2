"""Ways to read the kernel's account of a container, and the choice of the cheapest one that works.

A witness is asked once for a whole stack. It gives texts of /proc files by process; what it may not read is simply
not there, and the fact that needed it becomes unknown.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from pytest_dockerharden.observe.cgroup import containers_in, membership
from pytest_dockerharden.observe.procfs import mount_lines, status_fields, visible

# world-readable, by the kernel's own permissions (fs/proc/base.c)
EVERY_PROCESS = ("status", "cmdline", "cgroup")
FIRST_PROCESS = ("mountinfo", "limits", "uid_map", "gid_map")
# of the network namespace: read once for each container
NETWORK_FILES = ("net/tcp", "net/tcp6", "net/udp", "net/udp6", "net/route")
# guarded by the ptrace access check: the same uid and no more capabilities than the reader, or CAP_SYS_PTRACE
GUARDED_FILES = ("environ",)
GUARDED_LINKS = ("exe", "ns/net", "ns/pid", "ns/ipc", "ns/uts", "ns/user", "ns/cgroup", "ns/mnt")
CGROUP_FILES = (
    "memory/memory.limit_in_bytes", "memory/memory.memsw.limit_in_bytes", "memory/memory.soft_limit_in_bytes",
    "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "pids/pids.max",
    "memory.max", "memory.swap.max", "memory.low", "cpu.max", "pids.max",
)  # fmt: skip


@dataclass(slots=True)
class ProcessAccount:
    """The texts of one process's files and links by name below ``/proc/PID``. ``host_pid`` is as the engine counts."""

    host_pid: int
    files: dict[str, str] = field(default_factory=dict)
    # the status text that was parsed, and its fields: a dozen of them are asked for
    _status: tuple[str, dict[str, str]] = field(default=("", {}), init=False, repr=False, compare=False)

    def get(self, name: str) -> str | None:
        return self.files.get(name)

    def field(self, name: str) -> str:
        """A field of ``status``; empty where it is missing."""
        text = self.files.get("status", "")
        if self._status[0] is not text:
            self._status = text, status_fields(text)
        return self._status[1].get(name, "")

    @property
    def pid(self) -> int:
        """The pid in the container's own namespace: the last of ``NSpid`` (kernels before 4.1 have none)."""
        numbers = self.field("NSpid").split()
        return int(numbers[-1]) if numbers else self.host_pid


class Owner(NamedTuple):
    """Permission bits and owner of a directory, as the reader's user namespace counts."""

    mode: int
    uid: int
    gid: int


@dataclass(slots=True)
class ContainerAccount:
    """What a witness saw of one container.

    ``main`` is the key of its first process. ``cgroup`` are texts of its cgroup files by relative name, ``owners``
    those of the roots of its tmpfs mounts by target, ``why`` says what it could not look at.
    ``within`` tells that the witness stood in the container's own user namespace.
    """

    container: str
    witness: str
    processes: dict[int, ProcessAccount] = field(default_factory=dict)
    main: int = 0
    cgroup: dict[str, str] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    why: str = ""
    within: bool = False

    @property
    def first(self) -> ProcessAccount | None:
        """The container's first process."""
        return self.processes.get(self.main)


class Witness(Protocol):
    """``containers`` are host pids of the first process by container id."""

    name: str

    def collect(self, containers: dict[str, int]) -> dict[str, ContainerAccount]: ...

    def close(self) -> None:
        """Remove what it started."""


class HostWitness:
    """The machine's own /proc, where the engine runs on this machine and this process may look."""

    name = "/proc of this machine"

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self.proc = proc
        self.cgroups = cgroups

    def sees(self, container: str, pid: int) -> bool:
        """Whether the pid is that container's here: its cgroup names the container's id."""
        return container in containers_in(read_text(self.proc / str(pid) / "cgroup") or "")

    def collect(self, containers: dict[str, int]) -> dict[str, ContainerAccount]:
        """Every process of every container, found by its cgroup."""
        accounts = {c: ContainerAccount(c, self.name, main=pid) for c, pid in containers.items()}
        for entry in os.listdir(self.proc):
            if entry.isdigit():
                cgroup = read_text(self.proc / entry / "cgroup") or ""
                for container in containers_in(cgroup) & accounts.keys():
                    account = accounts[container]
                    account.processes[int(entry)] = self.process(int(entry), int(entry) == account.main)
        for account in accounts.values():
            account.cgroup = self.limits(account)
            account.owners = self.owners(account)
        return accounts

    def close(self) -> None:
        """Nothing was started."""

    def reads_guarded(self, pid: int) -> bool:
        """Whether this user passes the kernel's ptrace access check for a process."""
        try:
            os.readlink(self.proc / str(pid) / "ns" / "mnt")
        except OSError:
            return False
        return True

    def owners(self, account: ContainerAccount) -> dict[str, Owner]:
        """Of every tmpfs. The targets in the kernel's table are free of symbolic links."""
        found = {}
        for target in temporary_targets(account):
            with contextlib.suppress(OSError):
                status = os.lstat(f"{self.proc}/{account.main}/root{target}")
                found[target] = Owner(status.st_mode & 0o7777, status.st_uid, status.st_gid)
        return found

    def process(self, pid: int, main: bool) -> ProcessAccount:
        """All files of one process; those of its namespaces for the first one only."""
        folder = self.proc / str(pid)
        account = ProcessAccount(pid)
        for name in (*EVERY_PROCESS, *GUARDED_FILES, *(FIRST_PROCESS + NETWORK_FILES if main else ())):
            text = read_text(folder / name)
            if text is not None:
                account.files[name] = text
        for name in GUARDED_LINKS:
            with contextlib.suppress(OSError):
                account.files[name] = os.readlink(folder / name)
        return account

    def limits(self, account: ContainerAccount) -> dict[str, str]:
        """The cgroup files of the first process."""
        first = account.first
        paths = membership(first.files.get("cgroup", "")) if first else {}
        found = {}
        for name in CGROUP_FILES:
            controller, _, file = name.rpartition("/")
            folder = self.cgroups / controller / paths.get(controller, "").lstrip("/")
            text = read_text(folder / file) if controller in paths else None
            if text is not None:
                found[name] = text
        return found


def temporary_targets(account: ContainerAccount) -> list[str]:
    """Targets of the visible tmpfs mounts of a container."""
    table = account.first.files.get("mountinfo", "") if account.first else ""
    return [line.target for line in visible(mount_lines(table)) if line.type == "tmpfs"]


def read_text(path: Path) -> str | None:
    """The file, or None where it is gone or may not be read."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return None
