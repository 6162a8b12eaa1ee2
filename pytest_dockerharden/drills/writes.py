"""Where the service's user can write: tried for real, in a twin that has none of the service's data."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pytest_dockerharden.drills.agent import BUFFER, Agent, Call
from pytest_dockerharden.drills.twin import FOLDER
from pytest_dockerharden.model.drill import PlaceKind, WrittenPlace
from pytest_dockerharden.observe.procfs import MountLine, mount_lines, visible
from pytest_dockerharden.observe.shell import ProbeDidNotRun
from pytest_dockerharden.observe.witness import ENGINE_FILES

AT_CWD = -100
# linux/fcntl.h: the first differ between x86_64 and aarch64
O_DIRECTORY = {"x86_64": 0o200000, "aarch64": 0o40000}
O_NOFOLLOW = {"x86_64": 0o400000, "aarch64": 0o100000}
O_RDWR, O_CREAT, O_EXCL, O_CLOEXEC, O_PATH = 0o2, 0o100, 0o200, 0o2000000, 0o10000000
W_OK, X_OK = 2, 1
READ_EXECUTE, MAP_PRIVATE = 5, 2
DIRECTORY, NOT_TOLD = 4, 0
ENTRIES = 8192
LONGEST_PATH = 4096
# bounds of the walk through an image: what is beyond is not looked at, and said so
MOST_FOLDERS = 20_000
# listed one by one; a place that is writable covers what is below it
MOST_PLACES = 100
# file systems of the kernel, in which a file is something else
NO_FILES = frozenset(
    {"proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "securityfs", "debugfs", "tracefs", "bpf", "binfmt_misc"}
)
APART = ("/proc", "/sys", FOLDER)
# in every container, of the engine's own making
ENGINE_MADE = ("/", "/dev", "/dev/shm")  # noqa: S108 - no temporary file is made there


class TooManyFolders(ProbeDidNotRun):
    """The image has more folders than are walked through."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Where what is mounted. ``own`` belongs to the twin alone, ``declared`` are the writable mounts of the service."""

    own: frozenset[str]
    declared: frozenset[str]

    @classmethod
    def of(cls, service: dict[str, Any], twin: dict[str, Any]) -> Targets:
        """From what the engine says of both containers."""
        host = service["HostConfig"]
        declared = set(host.get("Tmpfs") or ())
        for bind in host.get("Binds") or ():
            _, target, *options = bind.split(":")
            if "ro" not in (options[0].split(",") if options else ()):
                declared.add(target)
        declared |= {mount["Target"] for mount in host.get("Mounts") or () if not mount.get("ReadOnly")}
        volumes = {mount["Destination"] for mount in twin.get("Mounts") or () if mount["Type"] in ("volume", "tmpfs")}
        return cls(frozenset({*ENGINE_MADE, *volumes, *(twin["HostConfig"].get("Tmpfs") or ())}), frozenset(declared))


def writes(agent: Agent, targets: Targets) -> tuple[WrittenPlace, ...]:
    """Every place in which the agent's user could make a file, with what the kernel said of running it.

    A place below a writable one is left out unless it is on another mount.
    """
    trial = Trial(agent)
    own, declared = trial.real(targets.own), trial.real(targets.declared)
    table = trial.mounts()
    places: list[WrittenPlace | None] = []
    for mount in table:
        if "rw" not in mount.options or not holds_files(mount):
            continue
        if mount.target in own:
            kind = kind_of(mount)
            places += [trial.write(path, kind, mount.target in declared) for path in trial.folders(mount, table)]
        elif not below(mount.target, declared) and trial.may_write(mount.target):
            # on the host's own files nothing is written: the kernel is asked whether it would be allowed
            places.append(WrittenPlace(mount.target, "bind", declared=False, executable="noexec" not in mount.options))
    return tuple(place for place in places if place is not None)


def holds_files(mount: MountLine) -> bool:
    """Whether it is more than the kernel's own file systems and the engine's own files."""
    return mount.type not in NO_FILES and mount.target not in ENGINE_FILES and not below(mount.target, APART)


def kind_of(mount: MountLine) -> PlaceKind:
    """What one of the twin's own mounts is."""
    if mount.target == "/":
        return "image"
    return "tmpfs" if mount.type == "tmpfs" else "volume"


def below(path: str, targets: Iterable[str]) -> bool:
    """Whether a path is one of the targets or below it."""
    return any(path == target or path.startswith(f"{target.rstrip('/')}/") for target in targets)


class Trial:
    """Tries with one agent."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.folder_flags = O_DIRECTORY[agent.machine] | O_NOFOLLOW[agent.machine] | O_CLOEXEC

    def real(self, paths: Iterable[str]) -> frozenset[str]:
        """The paths as the kernel's table of mounts has them: free of symbolic links (``/var/run`` is ``/run``)."""
        found = set()
        for path in paths:
            opened = self.agent.call("openat", AT_CWD, BUFFER, O_PATH | O_CLOEXEC, data=encoded(path))
            if not opened.error:
                link = encoded(f"/proc/self/fd/{opened.result}")
                arguments = (AT_CWD, BUFFER, BUFFER, LONGEST_PATH)
                found.add(decoded(self.agent.call("readlinkat", *arguments, data=link, answer=-LONGEST_PATH).data))
                self.agent.call("close", opened.result)
        return frozenset(found)

    def mounts(self) -> list[MountLine]:
        """What is mounted in the twin."""
        return visible(mount_lines(self.read("/proc/self/mountinfo")))

    def read(self, path: str) -> str:
        opened = self.agent.call("openat", AT_CWD, BUFFER, O_CLOEXEC, data=encoded(path))
        if opened.error:
            raise ProbeDidNotRun(f"{path} cannot be read: {opened.error}")
        parts = []
        while chunk := self.agent.call("read", opened.result, BUFFER, ENTRIES, answer=-ENTRIES).data:
            parts.append(chunk)
        self.agent.call("close", opened.result)
        return decoded(b"".join(parts))

    def may_write(self, path: str) -> bool:
        return self.allowed([path], W_OK) == [path]

    def allowed(self, paths: list[str], mode: int) -> list[str]:
        """Those of the paths that the kernel lets the user use so (faccessat(2): the real ids, which are the same)."""
        calls = [Call("faccessat", (AT_CWD, BUFFER, mode), encoded(path)) for path in paths]
        return [path for path, answer in zip(paths, self.agent.calls(calls), strict=True) if not answer.error]

    def folders(self, mount: MountLine, table: list[MountLine]) -> Iterator[str]:
        """The topmost folders of a mount in which files can be made."""
        others = {other.target for other in table} | set(APART)
        level, seen, found = [mount.target], 1, 0
        while level:
            writable = set(self.allowed(level, W_OK | X_OK))
            for path in level:
                if path in writable and found < MOST_PLACES:
                    found += 1
                    yield path
            level = [
                path
                for path in self.inside([path for path in level if path not in writable])
                if path not in others or path == mount.target
            ]
            seen += len(level)
            if seen > MOST_FOLDERS:
                raise TooManyFolders(f"its image has more than {MOST_FOLDERS} folders")

    def inside(self, folders: list[str]) -> list[str]:
        """The folders in some folders. A descriptor that is closed at once has the same number every time."""
        number = self.free_descriptor()
        found: list[str] = []
        calls = [call for folder in folders for call in self.listing(folder, number)]
        answers = iter(self.agent.calls(calls))
        for folder in folders:
            opened, entries, _ = next(answers), next(answers), next(answers)
            if not opened.error:
                data = entries.data
                # most folders are read by one call
                found += subfolders(folder, data if len(data) < ENTRIES // 2 else self.long(folder))
        return found

    def listing(self, folder: str, number: int) -> tuple[Call, Call, Call]:
        return (
            Call("openat", (AT_CWD, BUFFER, self.folder_flags), encoded(folder)),
            Call("getdents64", (number, BUFFER, ENTRIES), answer=-ENTRIES),
            Call("close", (number,)),
        )

    def long(self, folder: str) -> bytes:
        """All entries of a folder that has many."""
        opened = self.agent.call("openat", AT_CWD, BUFFER, self.folder_flags, data=encoded(folder))
        parts = []
        while chunk := self.agent.call("getdents64", opened.result, BUFFER, ENTRIES, answer=-ENTRIES).data:
            parts.append(chunk)
        self.agent.call("close", opened.result)
        return b"".join(parts)

    def free_descriptor(self) -> int:
        opened = self.agent.call("openat", AT_CWD, BUFFER, self.folder_flags, data=encoded("/proc"))
        self.agent.call("close", opened.result)
        if opened.error:
            raise ProbeDidNotRun(f"no folder can be opened: {opened.error}")
        return opened.result

    def write(self, folder: str, kind: PlaceKind, declared: bool) -> WrittenPlace | None:
        """Make a program there, ask the kernel to map it as one, and remove it."""
        path = os.path.join(folder, ".dockerharden-trial")
        made = self.agent.call(
            "openat", AT_CWD, BUFFER, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o700, data=encoded(path)
        )
        if made.error:
            return None
        self.agent.call("write", made.result, BUFFER, 4, data=b"\x7fELF")
        mapped = self.agent.call("mmap", 0, 4096, READ_EXECUTE, MAP_PRIVATE, made.result)
        runs = bool(self.allowed([path], X_OK)) and not mapped.error
        self.agent.calls([Call("close", (made.result,)), Call("unlinkat", (AT_CWD, BUFFER, 0), encoded(path))])
        return WrittenPlace(folder, kind, declared, runs)


def decoded(path: bytes) -> str:
    """A path as Python has it."""
    return path.decode("utf-8", "surrogateescape")


def encoded(path: str) -> bytes:
    """A path as the kernel takes it."""
    return path.encode("utf-8", "surrogateescape") + b"\0"


def subfolders(folder: str, data: bytes) -> Iterator[str]:
    """The folders among the entries of getdents64(2): 64-bit inode and offset, 16-bit length, type, name."""
    position = 0
    while position < len(data):
        length, kind = struct.unpack_from("<HB", data, position + 16)
        name = data[position + 19 : position + length].split(b"\0", 1)[0]
        if kind in (DIRECTORY, NOT_TOLD) and name not in (b".", b".."):
            yield os.path.join(folder, decoded(name))
        position += length
