"""Read a source text, or say in one located line why not."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem, SourceError
from pytest_dockerharden.paths import LIMIT, read_bytes, read_text


def read_source(path: str | Path) -> str:
    """The text of a file of at most 1 MiB, without its byte order mark. Raises SourceError, never anything else."""
    name = str(path)
    try:
        data = read_bytes(name, LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise _refusal(f"cannot read the file: {reason}", beginning(name)) from None
    data = data.removeprefix(BOM_UTF8)
    if len(data) > LIMIT:
        raise _refusal(f"the file is larger than {LIMIT >> 20} MiB", beginning(name), kind="limit")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="replace")
        hint = "it is UTF-16: save it as UTF-8" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else ""
        raise _refusal("not UTF-8 text", place_behind(name, before), hint=hint) from None
    if "\0" in text:
        raise _refusal("not text: a null byte", place_behind(name, text[: text.index("\0")]))
    return text


def read_lines(path: str) -> list[str]:
    """The lines of a list of patterns; none where it cannot be read."""
    return read_text(path).splitlines()


def beginning(path: str) -> TextOrigin:
    """The first character of a file."""
    return TextOrigin(path, 1, 1, 1, 1)


def place_behind(path: str, before: str) -> TextOrigin:
    """The character of a file behind the text ``before``."""
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    return TextOrigin(path, line, column, line, column + 1)


def _refusal(message: str, origin: TextOrigin, kind: str = "refused", hint: str = "") -> SourceError:
    return SourceError(Problem(kind, message, origin, hint))
