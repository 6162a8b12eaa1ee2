"""Files in the root file system that somebody should know of: setuid, capabilities, writable for all, device nodes.

Looked for once per image: on this machine through ``/proc/PID/root``, elsewhere in what the engine exports. Mounts are
not part of it, and no link is followed.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tarfile
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Literal, cast

from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import Change, FoundFile
from pytest_dockerharden.observe import procfs

if TYPE_CHECKING:
    import docker

    from pytest_dockerharden.observe.witness import ContainerAccount

Kind = Literal["setuid", "setgid", "capability", "world-writable", "world-writable-directory", "device"]

# entries of one image that are looked at; a desktop has half a million
MOST_ENTRIES = 300_000
# bytes of an image that may come over the network for it
MOST_BYTES = 600 * 1024**2
CAPABILITY = "security.capability"
# what a service runs or is configured by, and does not have to write
CODE = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/opt/", "/app/", "/srv/", "/etc/", "/code/", "/src/")
ACCOUNT_FILES = ("etc/passwd", "etc/shadow")
FACTS = ("files", "passwordless", "owned_files")
MOST_OF_ACCOUNTS = 1 << 20


class TooMuch(Exception):  # noqa: N818 - the fact becomes unknown
    """There is more than it is worth looking at."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: absolute path, mode with its type, owner as the host counts, and whether it has capabilities."""

    path: str
    mode: int
    uid: int
    gid: int
    capable: bool = False

    @property
    def kind(self) -> Kind | None:
        """What is worth to know of it; None for nothing. The first of several."""
        if stat.S_ISLNK(self.mode) or stat.S_ISSOCK(self.mode):
            return None
        if stat.S_ISCHR(self.mode) or stat.S_ISBLK(self.mode):
            # a character device 0:0 in a layer hides a file below it, and is not seen from inside
            return "device"
        if stat.S_ISDIR(self.mode):
            open_to_all = self.mode & stat.S_IWOTH and not self.mode & stat.S_ISVTX
            return "world-writable-directory" if open_to_all else None
        if self.mode & stat.S_ISUID:
            return "setuid"
        if self.mode & stat.S_ISGID and self.mode & stat.S_IXGRP:
            return "setgid"
        if self.capable:
            return "capability"
        return "world-writable" if self.mode & stat.S_IWOTH else None


@dataclass(slots=True)
class Look:
    """What was found in one root file system, by path. ``accounts`` are texts of passwd and shadow by path, ``owned``
    has for each user but root the first program, library or configuration that is his to change."""

    entries: dict[str, Entry] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    owned: dict[int, str] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Keep what is worth to know."""
        if entry.kind is not None:
            self.entries[entry.path] = entry
        if entry.uid and stat.S_ISREG(entry.mode) and entry.mode & stat.S_IWUSR and entry.path.startswith(CODE):
            first = self.owned.setdefault(entry.uid, entry.path)
            self.owned[entry.uid] = min(first, entry.path)

    def without(self, paths: Iterable[str]) -> Look:
        """Of the image, from what was seen in a container that changed these paths."""
        entries = dict(self.entries)
        for path in paths:
            entries.pop(path, None)
        return Look(entries, self.accounts, self.owned)

    def passwordless(self) -> frozenset[str]:
        """Accounts that ask for no password: an empty second field. See passwd(5), shadow(5)."""
        fields = [line.split(":") for text in self.accounts.values() for line in procfs.lines(text)]
        return frozenset(parts[0] for parts in fields if len(parts) > 1 and parts[0] and not parts[1])

    def facts(self, service: str, uid_map: str, gid_map: str) -> dict[str, Fact[Any]]:
        """Of a container, by the posture's field names; ids as it counts."""
        found = []
        for path, entry in sorted(self.entries.items()):
            if entry.kind is not None:
                uid, gid = procfs.inside(entry.uid, uid_map), procfs.inside(entry.gid, gid_map)
                text = f"{stat.filemode(entry.mode)} {uid}:{gid} {path}"
                origin = KernelOrigin(service, f"/proc/1/root{path}", text, 1)
                found.append(FoundFile(path, entry.kind, stat.S_IMODE(entry.mode), uid, gid, origin))
        names = self.passwordless()
        shadow = KernelOrigin(service, "/proc/1/root/etc/shadow", ", ".join(sorted(names)) or "no empty password", 1)
        root = KernelOrigin(service, "/proc/1/root", f"{len(found)} files", 1)
        owned = {procfs.inside(uid, uid_map): path for uid, path in self.owned.items()}
        return {
            "files": Known(tuple(found), root),
            "passwordless": Known(names, shadow),
            "owned_files": Known(owned, root),
        }


def look_here(root: str, skipped: Iterable[str]) -> Look:
    """The tree at ``root`` (``/proc/PID/root``). ``skipped`` are targets of mounts. Raises OSError, TooMuch."""
    look = Look()
    hidden = {root + target for target in skipped}
    count = 0
    folders = [root]
    while folders:
        folder = folders.pop()
        with os.scandir(folder) as entries:
            for item in entries:
                if item.path in hidden:
                    continue
                count += 1
                if item.is_dir(follow_symlinks=False):
                    folders.append(item.path)
                elif item.is_symlink():
                    continue
                look.add(entry_of(item.path, item.path[len(root) :], item.stat(follow_symlinks=False)))
        if count > MOST_ENTRIES:
            raise TooMuch(f"it has more than {MOST_ENTRIES} files")
    look.accounts = accounts_here(root)
    return look


def entry_of(place: str, path: str, status: os.stat_result) -> Entry:
    """``place`` is where it is here, ``path`` where it is in the container."""
    program = stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111)
    return Entry(path, status.st_mode, status.st_uid, status.st_gid, program and has_capability(place))


def look_again(look: Look, root: str, changed: Iterable[str]) -> Look:
    """The look of an image, with what one of its containers has of its own at ``root``."""
    mine = Look(dict(look.entries), accounts_here(root), dict(look.owned))
    for path in changed:
        mine.entries.pop(path, None)
        with contextlib.suppress(OSError):
            mine.add(entry_of(root + path, path, os.lstat(root + path)))
    return mine


def accounts_here(root: str) -> dict[str, str]:
    """Texts of the account files by path."""
    texts = {name: account_text(root, name) for name in ACCOUNT_FILES}
    return {name: text for name, text in texts.items() if text is not None}


def has_capability(path: str) -> bool:
    """Whether the file gives its program capabilities: capabilities(7), file capabilities."""
    try:
        return bool(os.getxattr(path, CAPABILITY, follow_symlinks=False))
    except OSError:
        return False


def account_text(root: str, name: str) -> str | None:
    """A small regular file of the container. Links are not followed: they would lead to our own files."""
    folder, _, file = f"{root}/{name}".rpartition("/")
    try:
        if os.path.islink(folder):
            return None
        descriptor = os.open(f"{folder}/{file}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as stream:
            return stream.read(MOST_OF_ACCOUNTS).decode("utf-8", "replace")
    except OSError:
        return None


def look_at_tar(stream: IO[bytes], skipped: Iterable[str] = ()) -> Look:
    """The tree in a tar archive that is read once, from front to back. Raises tarfile.TarError, TooMuch.

    What lies below a ``skipped`` path is hidden by a mount.
    """
    look = Look()
    hidden = tuple(f"{target}/" for target in skipped if target != "/")
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for count, member in enumerate(archive):
            if count > MOST_ENTRIES:
                raise TooMuch(f"it has more than {MOST_ENTRIES} files")
            path = "/" + member.name.strip("/")
            mode = member.mode | type_bits(member)
            capable = any(CAPABILITY in header for header in member.pax_headers)
            if path != "/" and not f"{path}/".startswith(hidden):
                look.add(Entry(path, mode, member.uid, member.gid, capable))
            if member.isreg() and path[1:] in ACCOUNT_FILES and member.size <= MOST_OF_ACCOUNTS:
                content = archive.extractfile(member)
                if content is not None:
                    look.accounts[path[1:]] = content.read().decode("utf-8", "replace")
    return look


def type_bits(member: tarfile.TarInfo) -> int:
    """The type as in st_mode. A hard link is what it links to, and that is in the archive as well."""
    for is_type, bits in (
        (member.isdir, stat.S_IFDIR),
        (member.isreg, stat.S_IFREG),
        (member.ischr, stat.S_IFCHR),
        (member.isblk, stat.S_IFBLK),
        (member.isfifo, stat.S_IFIFO),
    ):
        if is_type():
            return bits
    return stat.S_IFREG if member.islnk() else stat.S_IFLNK


class Chunks:
    """What the engine sends in pieces, as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks
        self.rest = b""
        self.read_so_far = 0

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes. Raises TooMuch."""
        while len(self.rest) < size and (chunk := next(self.chunks, b"")):
            self.rest += chunk
        data, self.rest = self.rest[:size], self.rest[size:]
        self.read_so_far += len(data)
        if self.read_so_far > MOST_BYTES:
            raise TooMuch("it is too large to be read over the engine's connection")
        return data


_OF_CLIENTS: weakref.WeakKeyDictionary[Any, Files] = weakref.WeakKeyDictionary()


def files_of(client: docker.DockerClient) -> Files:
    """Those of a client: what was looked at in one phase is not looked at again in the next."""
    return _OF_CLIENTS.setdefault(client, Files(client.api))


class Files:
    """Looks into one container of each image."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.by_image: dict[str, Look | Unknown] = {}

    def of(self, image: str, container: str, account: ContainerAccount, changes: Iterable[Change]) -> Look | Unknown:
        """``changes`` are those of the container. Where this machine does not have its files, those of the image."""
        changed = [change.path for change in changes]
        with self.locks[image]:
            if image not in self.by_image:
                found = self.look(container, account)
                self.by_image[image] = found.without(changed) if isinstance(found, Look) and account.root else found
        look = self.by_image[image]
        if isinstance(look, Unknown) or not account.root:
            return look
        return look_again(look, account.root, changed)

    def look(self, container: str, account: ContainerAccount) -> Look | Unknown:
        """Into one container."""
        from docker.errors import APIError

        first = account.first
        targets = [line.target for line in procfs.mount_lines((first and first.get("mountinfo")) or "")]
        try:
            if account.root:
                return look_here(account.root, targets)
            stream = cast("IO[bytes]", Chunks(iter(self.api.export(container))))
            return look_at_tar(stream, targets)
        except TooMuch as reason:
            return Unknown(f"its files were not looked at: {reason}")
        except (OSError, tarfile.TarError) as error:
            return Unknown(f"its files could not be read: {type(error).__name__}")
        except APIError as error:
            return Unknown(f"its files could not be read: {error.explanation}")
