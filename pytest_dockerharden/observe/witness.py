"""Ways to read the kernel's account of a container, and the choice of the cheapest one that works.

A witness is asked once for a whole stack. It gives texts of /proc files by process; what it may not read is simply
not there, and the fact that needed it becomes unknown.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from pytest_dockerharden.model.hostpaths import SOCKETS, engine_socket
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
    "memory.max", "memory.swap.max", "memory.low", "cpu.max", "pids.max", "devices/devices.list",
    "memory/memory.oom_control", "memory.events",
)  # fmt: skip

# made by the engine in every container
ENGINE_FILES = frozenset({"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"})
# where a control socket is below a directory of the host: that of /run, of / or of the engine itself
SOCKET_NAMES = tuple(
    dict.fromkeys(
        name
        for path in SOCKETS
        for name in (path, f"/var{path}", path.removeprefix("/run"), f"/{path.rsplit('/', 1)[1]}")
        if name.endswith((".sock", ".socket")) or name.count("/") > 1
    )
)
# entries of a directory that are looked at
MANY = 2000


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
    ``sockets`` are the paths of sockets, among those that command an engine, that were found in its mounts; None where
    nobody could look. ``within`` tells that the witness stood in the container's own user namespace. ``root`` is where
    this machine has the container's file system, empty where it has not.
    """

    container: str
    witness: str
    processes: dict[int, ProcessAccount] = field(default_factory=dict)
    main: int = 0
    cgroup: dict[str, str] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    sockets: set[str] | None = None
    why: str = ""
    within: bool = False
    root: str = ""

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
            if self.reads_guarded(account.main):
                account.root = f"{self.proc}/{account.main}/root"
            account.cgroup = self.limits(account)
            account.owners = self.owners(account)
            account.sockets = self.sockets(account)
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

    def sockets(self, account: ContainerAccount) -> set[str] | None:
        """By name, and by what they are: a link or a bind of another name is the same inode."""
        root = account.root
        if not root:
            return None
        engines = {which for path in SOCKETS if (which := identity("/", os.path.realpath(path)))}
        found = set()
        for target in given_targets(account):
            names = entries(root + target)
            for name in ("", *SOCKET_NAMES, *(f"/{name}" for name in names)) if names is not None else ("",):
                which = identity(root + target, name)
                if which and (name in SOCKET_NAMES or which in engines or engine_socket(target + name)):
                    found.add(target + name)
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


def given_targets(account: ContainerAccount) -> list[str]:
    """Targets of the visible mounts that may hold something of the host."""
    table = account.first.files.get("mountinfo", "") if account.first else ""
    own = ("/proc/", "/sys/", "/dev/")
    return [
        line.target
        for line in visible(mount_lines(table))
        if line.target not in ("/", "/proc", "/sys", "/dev", *ENGINE_FILES) and not line.target.startswith(own)
    ]


def identity(folder: str, name: str) -> tuple[int, int] | None:
    """Device and inode of a socket below ``folder``; None of anything else.

    No link is followed: an absolute one would lead out of the container's root, into our own.
    """
    path = folder
    try:
        status = os.lstat(path)
        for part in filter(None, name.split("/")):
            if not stat.S_ISDIR(status.st_mode):
                return None
            path = f"{path}/{part}"
            status = os.lstat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISSOCK(status.st_mode) else None


def entries(folder: str) -> list[str] | None:
    """The first names in a directory; None of anything else."""
    try:
        with os.scandir(folder) as found:
            return [entry.name for entry in itertools.islice(found, MANY)]
    except OSError:
        return None


def read_text(path: Path) -> str | None:
    """The file, or None where it is gone or may not be read."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return None
