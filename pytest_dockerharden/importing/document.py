"""JSON of strangers: bounded, and asked for its parts without believing in their types."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_dockerharden.importing.scan import UnreadableReportError
from pytest_dockerharden.paths import read_bytes

LIMIT = 64 << 20
"""The largest report that is read, in bytes."""
_LONGEST = 2_000

Table = Mapping[str, Any]


def read_document(path: str) -> Any:
    """The JSON value in a file. Raises UnreadableReportError."""
    try:
        if os.path.getsize(path) > LIMIT:
            raise UnreadableReportError(f"it is larger than {LIMIT >> 20} MiB")
        return parse_document(read_bytes(path, LIMIT))
    except OSError as error:
        raise UnreadableReportError(f"it cannot be read: {error.strerror}") from None


def parse_document(data: bytes) -> Any:
    """The JSON value of a text in UTF-8 or, as Windows shells write it, UTF-16. Raises UnreadableReportError."""
    if not data.strip():
        raise UnreadableReportError("it is empty: the scanner that was to write it wrote nothing")
    try:
        return json.loads(data)
    except RecursionError:
        raise UnreadableReportError("it is nested too deep") from None
    except json.JSONDecodeError as error:
        raise UnreadableReportError(f"it is not JSON: {error.msg} in line {error.lineno}") from None
    except ValueError:  # no encoding of JSON, or a number of thousands of digits
        raise UnreadableReportError("it is not JSON") from None


def table(value: Any, where: str) -> Table:
    """``value`` if it is an object; an absent one is empty. Raises UnreadableReportError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnreadableReportError(f"{where} is not an object")
    return value


def tables(value: Any, where: str) -> Sequence[Table]:
    """The objects of an array; an absent one is empty. Raises UnreadableReportError."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise UnreadableReportError(f"{where} is not an array")
    return [table(each, f"{where}[{index}]") for index, each in enumerate(value)]


def text(value: Any) -> str:
    """``value`` as one line that cannot drive a terminal, if it is a string."""
    if not isinstance(value, str):
        return ""
    line = " ".join(value[:_LONGEST].split())
    return line if line.isprintable() else "".join(c if c.isprintable() else "?" for c in line)


def texts(value: Any) -> list[str]:
    """The strings of an array."""
    return [text(each) for each in value if isinstance(each, str)] if isinstance(value, list) else []


def number(value: Any) -> int:
    """``value`` if it may be the number of a line or column, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else 0
