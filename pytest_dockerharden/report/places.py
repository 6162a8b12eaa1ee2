"""Where a result stands in a repository, and what tells it from every other one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.paths import shown_path
from pytest_dockerharden.verdicts import Result

_PHASES = {"static": 0, "engine": 1, "live": 2, "restarted": 3, "drill": 4}


def line_of(result: Result, finding: Finding | None) -> TextOrigin:
    """The text to look at: that of the finding, for what only the kernel shows the line to change, else the file."""
    origin = finding.origin if finding else None
    for place in (origin, result.origin):
        if isinstance(place, TextOrigin):
            return place
    return TextOrigin(result.file, 1, 1, 1, 1)


def fingerprint(result: Result, number: int, root: str) -> str:
    """The same from run to run, whatever moves in the file and however the message is worded.

    ``number`` counts the findings of the result from 0: of two, one is gone when one is mended, whichever it is.
    """
    parts = [result.control.id, shown_path(result.file, root), result.subject, result.phase]
    text = "\n".join(parts + ([str(number)] if number else []))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def in_order(entries: Iterable[tuple[str, Result]]) -> list[tuple[str, Result]]:
    """By file, line, control, subject and phase: workers of pytest-xdist hand results in as they like."""
    return sorted(entries, key=_position)


def _position(entry: tuple[str, Result]) -> tuple[str, int, str, str, int]:
    result = entry[1]
    place = line_of(result, result.findings[0] if result.findings else None)
    return place.file, place.line, result.control.id, result.subject, _PHASES.get(result.phase, 9)
