"""The text of a compose or env file, and places in it."""

from __future__ import annotations

import os
from stat import S_ISREG

from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.source.compose.problems import refusal

MOST_BYTES = 1 << 20


def read_text(path: str) -> str:
    """The text of a file of at most 1 MiB, without its byte order mark. Raises SourceError, never anything else."""
    try:
        if not S_ISREG(os.stat(path).st_mode):
            raise refusal("cannot read the file: it is not a regular file", beginning(path))
        with open(path, "rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise refusal(f"cannot read the file: {reason}", beginning(path)) from None
    if len(data) > MOST_BYTES:
        raise refusal(f"the file is larger than {MOST_BYTES >> 20} MiB", beginning(path), kind="limit")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        raise refusal("not UTF-8 text", place_behind(path, before)) from None


def beginning(path: str) -> TextOrigin:
    """The first character of a file."""
    return TextOrigin(path, 1, 1, 1, 1)


def place_behind(path: str, before: str) -> TextOrigin:
    """The character of a file behind the text ``before``."""
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    return TextOrigin(path, line, column, line, column + 1)
