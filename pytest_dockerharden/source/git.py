"""Which files git has and which it ignores, read from its own files. Git is not run."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator

from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.paths import is_below, read_bytes
from pytest_dockerharden.source.gitignore import Matcher, matcher
from pytest_dockerharden.source.reading import read_lines

_LARGEST_INDEX = 64 << 20
_HEAD = pattern(r"ref: refs/\S+|[0-9a-f]{40}|[0-9a-f]{64}")


class Checkout:
    """The working tree at ``folder``. Only what lies below it is answered for."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._repository = _repository(os.path.join(folder, ".git"))
        self._index: dict[str, bytes] | None = None
        self._specs: dict[str, Matcher] = {}

    def tracked(self, path: str) -> bool | None:
        """Whether the index has this file; None where ``.git`` leads to no repository."""
        return None if self._repository is None else self._name(path) in self._entries(self._repository)

    def has_content(self, path: str) -> bool | None:
        """Whether the index has this file as it is now, so that nothing is lost where it is overwritten."""
        if self._repository is None:
            return None
        entry = self._entries(self._repository).get(self._name(path))
        try:
            return entry is not None and _is_content(entry, path)
        except (OSError, ValueError):
            return False

    def _entries(self, repository: str) -> dict[str, bytes]:
        if self._index is None:
            self._index = dict(_index_entries(os.path.join(repository, "index")))
        return self._index

    def ignored(self, path: str) -> bool:
        """Whether a file that is not tracked would be left out by ``git add .``."""
        parts = self._name(path).split("/")
        # an ignored folder ignores what is in it, whatever follows
        return any(self._decides("/".join(parts[:n]), n < len(parts)) for n in range(1, len(parts) + 1))

    def _decides(self, name: str, is_folder: bool) -> bool:
        parts = name.split("/")
        for depth in range(len(parts) - 1, -1, -1):
            below = "/".join(parts[depth:]) + ("/" if is_folder else "")
            answer = self._spec("/".join(parts[:depth]))(below)
            if answer is not None:
                return answer
        return False

    def _spec(self, folder: str) -> Matcher:
        if folder not in self._specs:
            lines = read_lines(os.path.join(self.folder, folder, ".gitignore"))
            if not folder and self._repository is not None:
                lines = [*read_lines(os.path.join(_common(self._repository), "info", "exclude")), *lines]
            self._specs[folder] = matcher(lines)
        return self._specs[folder]

    def _name(self, path: str) -> str:
        return os.path.relpath(path, self.folder).replace(os.sep, "/")


def find_checkout(path: str, root: str) -> Checkout | None:
    """The checkout that a path lies in, as long as it begins at or below ``root``."""
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    while is_below(folder, root):
        if os.path.exists(os.path.join(folder, ".git")):
            return Checkout(folder)
        if os.path.dirname(folder) == folder:
            break
        folder = os.path.dirname(folder)
    return None


def _repository(path: str) -> str | None:
    """The folder of the index: ``.git`` itself, or where the file of that name points, if a repository is there."""
    if os.path.isdir(path):
        return path
    pointer = (read_lines(path) or [""])[0]
    if not pointer.startswith("gitdir: "):
        return None
    folder = os.path.join(os.path.dirname(path), pointer.removeprefix("gitdir: ").rstrip())
    head = (read_lines(os.path.join(folder, "HEAD")) or [""])[0]
    is_one = _HEAD.fullmatch(head) and os.path.isdir(os.path.join(_common(folder), "objects"))
    return folder if is_one else None


def _common(repository: str) -> str:
    """What all worktrees share (gitrepository-layout): a worktree names it in ``commondir``."""
    shared = read_lines(os.path.join(repository, "commondir"))
    return os.path.join(repository, shared[0]) if shared else repository


def _is_content(entry: bytes, path: str) -> bool:
    """Whether the blob of an index entry is what the file holds, its line ends as git may have stored them."""
    data = read_bytes(path, _LARGEST_INDEX)
    versions = (data, data.replace(b"\r\n", b"\n"))
    return any(
        hashlib.sha1(b"blob %d\0" % len(each) + each, usedforsecurity=False).digest() == entry[40:60]
        for each in versions
    )


def _index_entries(path: str) -> Iterator[tuple[str, bytes]]:
    """Name and fixed part (stat data, object id) of each entry of an index of format 2, 3 or 4 (gitformat-index).

    Nothing where it cannot be read.
    """
    try:
        data = read_bytes(path, _LARGEST_INDEX)
    except (OSError, ValueError):
        return
    if data[:4] != b"DIRC" or len(data) < 12:
        return
    version, count = struct.unpack(">II", data[4:12])
    if version not in {2, 3, 4}:
        return
    offset, before = 12, b""
    for _ in range(count):
        if offset + 62 > len(data):
            return
        entry = data[offset : offset + 60]
        flags = int.from_bytes(data[offset + 60 : offset + 62], "big")
        start = offset + (64 if version >= 3 and flags & 0x4000 else 62)
        if version == 4:
            cut, start = _variable_length(data, start)
            end = data.find(b"\0", start)
            before = before[: len(before) - cut] + data[start:end]
            offset = end + 1
        else:
            end = data.find(b"\0", start)
            before = data[start:end]
            offset += (end - offset + 8) // 8 * 8
        if end < 0:
            return
        yield before.decode("utf-8", "replace"), entry


def _variable_length(data: bytes, offset: int) -> tuple[int, int]:
    """The offset encoding of pack files: seven bits a byte, one added for each further byte."""
    byte = data[offset]
    value, offset = byte & 0x7F, offset + 1
    while byte & 0x80 and offset < len(data):
        byte = data[offset]
        value, offset = ((value + 1) << 7) | (byte & 0x7F), offset + 1
    return value, offset
