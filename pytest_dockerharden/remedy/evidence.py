"""What a running stack was seen to use: where it writes and as whom, how much memory and how many processes it takes.

Of this come edits that text alone could not justify: a read-only root with a tmpfs for each folder that is written,
the user that the server steps down to, limits with head room. They are proposals until ``proving`` has started them.
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Edit
from pytest_dockerharden.model.paths import covers
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.source.image.streams import Pieces

if TYPE_CHECKING:
    import docker

MEBIBYTE = 1 << 20
_DIRECTORY = 1 << 31  # of Go's FileMode
# what the engine itself puts into a container
_OF_THE_ENGINE = ("/.dockerenv", "/dev", "/proc", "/sys", "/sbin/docker-init")
_TOO_WIDE = frozenset({"/", "/etc", "/usr", "/bin", "/sbin", "/lib", "/opt", "/root", "/home", "/var", "/srv"})
# a file of the image that is written here is a log or a cache, and nobody misses what was in it
_EMPTY_AT_FIRST = ("/var/log", "/var/cache", "/run", "/tmp", "/var/tmp")  # noqa: S108
# more than this is data, which belongs into a volume
_MOST_WRITTEN = 128 * MEBIBYTE
_MOST_FILES = 5_000
_LEAST_TMPFS, _LEAST_MEMORY, _LEAST_PIDS = 16, 32, 16


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is written, as it is in the running container. ``size`` is in bytes."""

    path: str
    uid: int
    gid: int
    mode: int
    size: int


@dataclass(slots=True, eq=False)
class Usage:
    """What the containers of one service used. ``obstacle`` says why no tmpfs can take what they write.

    ``memory`` is in bytes and without the page cache, ``processes`` counts threads as the engine does; 0: not known.
    """

    posture: Posture
    folders: dict[str, Folder] = field(default_factory=dict)
    obstacle: str = ""
    memory: int = 0
    processes: int = 0
    started_by_root: bool = False


@dataclass(slots=True, eq=False)
class Proposal:
    """Edits of one service that belong together. ``seen`` is what speaks for them, ``refusal`` what against."""

    service: str
    what: str
    edits: tuple[Edit, ...]
    seen: str
    refusal: str = ""


class Evidence:
    """Collects over all phases of a run; what is seen later adds to what was seen before."""

    def __init__(self) -> None:
        self.usage: dict[str, Usage] = {}

    def look(
        self, containers: Mapping[str, list[str]], client: docker.DockerClient, postures: Mapping[str, list[Posture]]
    ) -> None:
        """Look at a stack while it runs. A container that cannot be asked tells nothing."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        for service, ids in containers.items():
            for container, posture in zip(ids, postures.get(service, ()), strict=False):
                usage = self.usage.setdefault(service, Usage(posture))
                usage.posture = posture
                try:
                    user = str(client.api.inspect_container(container)["Config"].get("User") or "0")
                    usage.started_by_root = user.split(":")[0] in {"0", "root"}
                    _count(usage, client.api.stats(container, stream=False, one_shot=True))
                    _see_written(usage, container, client)
                except (DockerException, RequestException, tarfile.TarError) as error:
                    usage.obstacle = usage.obstacle or f"it could not be seen what it writes: {error}"

    def proposals(self) -> list[Proposal]:
        """For each service what it lacks and has shown to get along with, the surest first."""
        return [proposal for service, usage in self.usage.items() for proposal in _proposals(service, usage)]


def _count(usage: Usage, stats: Mapping[str, Any]) -> None:
    memory = stats.get("memory_stats") or {}
    detail = memory.get("stats") or {}
    cache = detail.get("total_inactive_file", detail.get("inactive_file", 0))
    usage.memory = max(usage.memory, memory.get("usage", 0) - cache)
    usage.processes = max(usage.processes, (stats.get("pids_stats") or {}).get("current") or 0)


def _see_written(usage: Usage, container: str, client: docker.DockerClient) -> None:
    if usage.posture.read_only_rootfs.get(True):
        return
    mounts = [mount.target for mount in usage.posture.mounts.get(())]
    if not usage.posture.changes.known:
        usage.obstacle = usage.obstacle or "it is not known what it writes"
    found = usage.posture.changes.get(())
    changes = {change.path: change.kind for change in found if not _is_of_the_engine(change.path, mounts)}
    for path in written_folders(changes, usage, lambda path: _is_folder(client, container, path)):
        if not _is_covered(path, mounts) and not _is_covered(path, usage.folders):
            folder = _folder(client, container, path, changes)
            usage.folders[path] = folder if isinstance(folder, Folder) else Folder(path, 0, 0, 0o755, 0)
            usage.obstacle = usage.obstacle or (folder if isinstance(folder, str) else "")


def _is_of_the_engine(path: str, mounts: Iterable[str]) -> bool:
    return _is_covered(path, _OF_THE_ENGINE) or any(covers(path, target) for target in mounts)


def _is_covered(path: str, folders: Iterable[str]) -> bool:
    return any(covers(folder, path) for folder in folders)


def _is_folder(client: docker.DockerClient, container: str, path: str) -> bool:
    stream, status = client.api.get_archive(container, path)
    stream.close()
    return bool(int(status["mode"]) & _DIRECTORY)


def written_folders(changes: Mapping[str, str], usage: Usage, is_folder: Any) -> list[str]:
    """The folders that must be writable, the shortest first. What no tmpfs can stand for is the usage's obstacle."""
    found = set()
    parents = {posixpath.dirname(path) for path in changes}
    for path, kind in changes.items():
        if path in parents:
            continue
        if kind == "deleted":
            usage.obstacle = usage.obstacle or f"it deletes {path}, which the image brings"
        elif kind == "added":
            while changes.get(posixpath.dirname(path)) == "added":
                path = posixpath.dirname(path)
            found.add(path if is_folder(path) else posixpath.dirname(path))
        elif is_folder(path):
            found.add(path)
        elif _is_covered(path, _EMPTY_AT_FIRST):
            found.add(posixpath.dirname(path))
        else:
            usage.obstacle = usage.obstacle or f"it changes {path}, which the image brings"
    return sorted(found, key=lambda path: (len(path), path))


def _folder(client: docker.DockerClient, container: str, path: str, changes: Mapping[str, str]) -> Folder | str:
    """As it is in the container; or why a tmpfs there would hide or lose something."""
    if path in _TOO_WIDE:
        return f"it writes into {path} itself"
    first, size, count = None, 0, 0
    stream, _ = client.api.get_archive(container, path)
    archive: Any = Pieces(stream)
    with tarfile.open(fileobj=archive, mode="r|") as tar:
        for member in tar:
            first = first or member
            full = posixpath.join(posixpath.dirname(path), member.name)
            if member.isfile() and full not in changes:
                return f"{path} has {posixpath.basename(full)} of the image beside what it writes there"
            size, count = size + member.size, count + 1
            if size > _MOST_WRITTEN or count > _MOST_FILES:
                return f"it keeps much in {path}: give it a volume there"
    if first is None:
        return f"{path} could not be read"
    return Folder(path, first.uid, first.gid, first.mode & 0o7777, size)


def _proposals(service: str, usage: Usage) -> Iterator[Proposal]:
    posture = usage.posture
    limits = ("deploy", "resources", "limits")
    if posture.pids.get(0) is None and usage.processes:
        pids = _rounded(2 * usage.processes, _LEAST_PIDS)
        seen = f"it had {usage.processes} processes and threads"
        yield Proposal(service, "pids-limit", (Edit("set", (*limits, "pids"), pids),), seen)
    if posture.memory.get(0) is None and usage.memory:
        # what is in a tmpfs counts as well, and must not be most of it
        memory = _rounded(2 * usage.memory // MEBIBYTE, _LEAST_MEMORY) + 2 * sum(map(_size, usage.folders.values()))
        seen = f"it used {usage.memory / MEBIBYTE:.1f} MiB"
        yield Proposal(service, "memory-limit", (Edit("set", (*limits, "memory"), f"{memory}M"),), seen)
    if posture.read_only_rootfs.get(True) is False:
        yield _read_only(service, usage)
    user = _stepped_down(posture) if usage.started_by_root else ""
    if user:
        seen = f"all its processes run as {user}"
        yield Proposal(service, "non-root-user", (Edit("set", ("user",), user),), seen)


def _read_only(service: str, usage: Usage) -> Proposal:
    items = [_tmpfs(folder) for folder in usage.folders.values()]
    edits = (Edit("set", ("read_only",), True), *(Edit("append", ("tmpfs",), item) for item in items))
    written = ", ".join(usage.folders) or "nothing"
    return Proposal(service, "read-only-rootfs", edits, f"it wrote to {written}", usage.obstacle)


def _tmpfs(folder: Folder) -> str:
    return f"{folder.path}:size={_size(folder)}m,uid={folder.uid},gid={folder.gid},mode={folder.mode:04o}"


def _size(folder: Folder) -> int:
    return _rounded(4 * folder.size // MEBIBYTE, _LEAST_TMPFS)


def _rounded(value: int, least: int) -> int:
    """Up to the next multiple of ``least``."""
    return max(1, -(-value // least)) * least


def _stepped_down(posture: Posture) -> str:
    """uid and gid, where root started it and no process is root's any more."""
    owners = {(process.uids[1], process.gids[1]) for process in posture.processes.get(())}
    service = posture.service
    if len(owners) != 1 or service is None or service.get("user") is not None:
        return ""
    uid, gid = owners.pop()
    return f"{uid}:{gid}" if uid else ""
