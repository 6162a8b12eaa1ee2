"""Waivers: known exceptions with a reason and an end, in TOML or beside the line they speak of."""

from __future__ import annotations

import datetime
import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.tomlfile import ConfigurationError, check_keys, strings

_KEYS = {"control", "subject", "file", "reason", "until", "requires"}
_INLINE = pattern(
    r"#[ \t]*harden:[ \t]*(?P<verb>[\w-]*)[ \t]*(?P<control>[\w-]*(?::[\w.:/@+-]+)?)"
    r"(?:[ \t]+until[ \t]+(?P<until>\S+))?(?:[ \t]+requires[ \t]+(?P<requires>[\w,-]+))?"
    r"(?P<rest>[^\n]*)"
)
# word processors make a dash of two hyphens
_REASON = pattern(r"[ \t]*(?:--|\u2014|\u2013)[ \t]*(?P<reason>\S.*?)[ \t]*$")
_FROM = pattern(r"[ \t]*FROM[ \t]", re.IGNORECASE)
TO_DO = "TODO:"
"""How the reason of a waiver begins that ``--harden-baseline`` wrote and nobody has given a reason yet."""
_FORM = "# harden: waive CONTROL until YYYY-MM-DD -- reason"


@dataclass(slots=True, eq=False)
class Waiver:
    """One known exception.

    ``subject`` and ``file`` are patterns (``*`` matches anything); an empty one matches all, ``file`` is relative to
    the configuration's folder. ``requires`` names compensating controls that must pass for the same subject.
    ``place`` tells where it is written, ``origin`` the comment of an inline waiver. ``lines`` are the first and last
    line that an inline waiver covers: the line it ends, or the whole block below a comment that stands alone.
    """

    control: str
    reason: str
    place: str
    subject: str = ""
    file: str = ""
    until: datetime.date | None = None
    requires: tuple[str, ...] = ()
    origin: TextOrigin | None = None
    lines: tuple[int, int] | None = None

    def expired(self, today: datetime.date) -> bool:
        return self.until is not None and self.until < today

    @property
    def lacks_a_reason(self) -> bool:
        """Whether nobody has given the reason yet of what ``--harden-baseline`` wrote."""
        return self.reason.startswith(TO_DO)

    def covers(self, line: int) -> bool:
        return self.lines is not None and self.lines[0] <= line <= self.lines[1]

    def speaks_of(self, control: str, file: str, subject: str) -> bool:
        """Whether it names this control and subject; the lines of an inline waiver are another matter."""
        return (
            self.control == control
            and (not self.file or fnmatch.fnmatchcase(file, self.file))
            and (not self.subject or any(fnmatch.fnmatchcase(name, self.subject) for name in _names(subject)))
        )


def _names(subject: str) -> tuple[str, ...]:
    # prod/redis is waived as prod/redis, or as redis in every combination
    return (subject, subject.rsplit("/", 1)[-1])


def parse_waivers(tables: Any, where: str) -> list[Waiver]:
    """The ``[[waiver]]`` tables of a configuration. Raises ConfigurationError."""
    if not isinstance(tables, list):
        raise ConfigurationError(f"{where}: waiver: write [[...waiver]], an array of tables")
    return [_waiver(table, f"{where}: waiver {number}") for number, table in enumerate(tables, 1)]


def _waiver(table: Any, where: str) -> Waiver:
    check_keys(table, _KEYS, where)
    control, reason = (_text(table, key, where) for key in ("control", "reason"))
    if not control:
        raise ConfigurationError(f"{where}: `control` is missing: the id of the control to waive")
    if not reason:
        raise ConfigurationError(f"{where} ({control}): `reason` is missing: say why this is acceptable")
    return Waiver(
        control,
        reason,
        f"{where} ({control})",
        _text(table, "subject", where),
        _text(table, "file", where),
        _date(table.get("until"), where),
        strings(table.get("requires", []), f"{where}: requires"),
    )


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ConfigurationError(f"{where}: `{key}` is a string")
    return value.strip()


def _date(value: Any, where: str) -> datetime.date | None:
    if isinstance(value, datetime.datetime):
        return value.date()
    if value is None or isinstance(value, datetime.date):
        return value
    try:
        return datetime.date.fromisoformat(value)
    except (ValueError, TypeError):
        raise ConfigurationError(f"{where}: `until` is a date such as 2027-03-31") from None


@dataclass(slots=True, eq=False)
class BadWaiver:
    """An inline comment that was meant as a waiver and is none."""

    message: str
    origin: TextOrigin


def inline_waivers(path: str, text: str, shown_path: str) -> Iterator[Waiver | BadWaiver]:
    """The ``# harden: waive ...`` comments of a compose file or Dockerfile."""
    if "harden:" not in text:
        return
    lines = text.rstrip().split("\n")
    for index, line in enumerate(lines):
        match = _INLINE.search(line)
        if not match or not _is_comment(line, match.start()):
            continue
        origin = TextOrigin(path, index + 1, match.start() + 1, index + 1, len(line) + 1)
        try:
            covered = block(lines, index, alone=not line[: match.start()].strip())
            yield _inline(match, f"{shown_path}:{index + 1}", origin, covered)
        except ConfigurationError as error:
            yield BadWaiver(str(error), origin)


def block(lines: Sequence[str], index: int, *, alone: bool) -> tuple[int, int]:
    """First and last line (from 1) of what a comment on line ``index`` speaks of: the block that starts there or below.

    A block ends before the next line that is not indented deeper, or, after lines that end in a backslash, with the
    first one that does not. List items may stand at the indent of their key, as YAML allows.
    """
    start = index
    while alone and start < len(lines) - 1 and (not lines[start].strip() or lines[start].lstrip().startswith("#")):
        start += 1
    indent = _indent(lines[start])
    end = start
    if _FROM.match(lines[start]):
        while end + 1 < len(lines) and not _FROM.match(lines[end + 1]):
            end += 1
        return start + 1, end + 1
    is_key = lines[start].split("#", 1)[0].rstrip().endswith(":")
    for number in range(start + 1, len(lines)):
        line = lines[number]
        continued = lines[end].rstrip().endswith(("\\", "`"))
        item = is_key and _indent(line) == indent and line.lstrip().startswith("- ")
        if line.strip() and not line.lstrip().startswith("#"):
            if not continued and not item and _indent(line) <= indent:
                break
            end = number
    return start + 1, end + 1


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _is_comment(line: str, start: int) -> bool:
    return start == 0 or line[start - 1].isspace()


def _inline(match: re.Match[str], place: str, origin: TextOrigin, lines: tuple[int, int]) -> Waiver:
    reason = _REASON.fullmatch(match["rest"].rstrip("\r"))
    if match["verb"] != "waive" or not match["control"]:
        raise ConfigurationError(f"not understood; write {_FORM}")
    if match["rest"].startswith(","):
        raise ConfigurationError(f"a waiver names one control, write a comment for each: {_FORM}")
    if reason is None:
        raise ConfigurationError(f"a waiver needs a reason: write {_FORM}")
    return Waiver(
        match["control"],
        reason["reason"],
        place,
        until=_date(match["until"], place) if match["until"] else None,
        requires=tuple(filter(None, (match["requires"] or "").split(","))),
        origin=origin,
        lines=lines,
    )
