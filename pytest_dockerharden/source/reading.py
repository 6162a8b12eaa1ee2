"""Read a source text, or say in one located line why not."""

from __future__ import annotations

from pathlib import Path

from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem, SourceError

LIMIT = 1 << 20
"""The largest source text that is read, in bytes."""


def read_source(path: str | Path, limit: int = LIMIT) -> str:
    """The text of a file, without a byte order mark. Raises :class:`SourceError`."""
    source = Path(path)
    try:
        if not source.is_file():
            raise _unreadable(path, "is a directory" if source.is_dir() else "is not a file")
        with source.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror or error}") from None
    if len(data) > limit:
        raise _unreadable(path, f"is larger than {limit} bytes", "limit")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, "is not UTF-8", line=line) from None


def _unreadable(path: str | Path, message: str, kind: str = "refused", line: int = 1) -> SourceError:
    return SourceError(Problem(kind, message, TextOrigin(str(path), line, 1, line, 1)))
