"""Paths as users see them, and the files that they lead to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from stat import S_ISDIR, S_ISREG

LIMIT = 1 << 20
"""The largest source text that is read, in bytes."""


@lru_cache(maxsize=256)
def shown_path(path: str, start: str) -> str:
    """A path as the user would type it in ``start``; ``image:REFERENCE`` is none and stays."""
    if path.startswith("image:"):
        return path
    try:
        return os.path.relpath(path, start).replace(os.sep, "/")
    except ValueError:  # another drive
        return path


def printable(text: str) -> str:
    """``text`` with what is no character to be seen written as an escape, so that it stays what it was for people."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_below(path: str, folder: str) -> bool:
    """Whether an absolute path is ``folder`` or lies in it."""
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def is_inside(path: str, root: str) -> bool:
    """Whether a path lies below a folder with all links resolved; one with a null byte lies nowhere."""
    return "\0" not in path and is_below(os.path.realpath(path), _real(root))


@lru_cache(maxsize=8)
def _real(root: str) -> str:
    return os.path.realpath(root)


def common_folder(folders: Iterable[str]) -> str:
    """The innermost folder that holds them all; the first one where there is none, as on different drives."""
    known = list(folders)
    try:
        return os.path.commonpath(known)
    except ValueError:
        return known[0]


_INSTEAD: dict[str, bytes] = {}


@contextmanager
def reading(instead: Mapping[str, bytes]) -> Iterator[None]:
    """Let everything below read these contents in place of what the files hold: to judge an edit before it is made."""
    before = dict(_INSTEAD)
    _INSTEAD.update(instead)
    try:
        yield
    finally:
        _INSTEAD.clear()
        _INSTEAD.update(before)


def read_text(path: str) -> str:
    """A source text, with a mark for what is no UTF-8; empty where it cannot be read."""
    try:
        return read_bytes(path, LIMIT).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def read_bytes(path: str, most: int) -> bytes:
    """The first bytes of a regular file: opening a pipe would wait for ever. Raises OSError and ValueError."""
    if path in _INSTEAD:
        return _INSTEAD[path][:most]
    mode = os.stat(path).st_mode
    if not S_ISREG(mode):
        raise OSError(0, "it is a directory" if S_ISDIR(mode) else "it is not a regular file")
    with open(path, "rb") as stream:
        return stream.read(most)
