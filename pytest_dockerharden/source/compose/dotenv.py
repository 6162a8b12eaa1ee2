"""``.env``, ``env_file`` and ``label_file``, by the grammar of Docker Compose.

``NAME=value`` lines; quoted values may span lines; unquoted and double-quoted ones are interpolated.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import ChainMap
from collections.abc import Iterator, Mapping

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.source.compose.interpolate import InterpolationError, Interpolator
from pytest_dockerharden.source.compose.problems import refusal

BLANK = pattern(r"(?:\s+|#[^\n]*)*")
EXPORT = pattern(r"export[^\S\n]+")
NAME_END = pattern(r"[=:\n]")
SPACE = pattern(r"\s")
SPACES = pattern(r"[^\S\n]*")
BAD_IN_NAME = pattern(r"[^\w.\-\[\]\s]")
QUOTED = pattern(r"\"((?:[^\"\\]|\\.|\\(?=\Z))*)\"|'((?:[^'\\]|\\.|\\(?=\Z))*)'", re.DOTALL)
ESCAPE = pattern(r"\\([abcfnrtv$\"\\]|0[0-9]{0,3})")
THREE_OCTALS = pattern(r"0[0-3][0-7][0-7]")
ESCAPES = {"a": "\a", "b": "\b", "c": "\\c", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "$": "$$"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One variable. ``value`` is None for a bare name that has no value anywhere; the origins are its text."""

    name: str
    value: str | None
    name_origin: TextOrigin
    origin: TextOrigin
    template: str | None = None
    unresolved: frozenset[str] = frozenset()


def parse(
    text: str,
    path: str,
    environment: Mapping[str, str],
    *,
    earlier: Mapping[str, str] | None = None,
    required: bool = True,
) -> list[Entry]:
    """The entries of a file, each name once per line that sets it.

    ``environment`` gives bare names and templates their values; names set earlier in the file come after it, and
    those set in ``earlier`` files last.
    Raises SourceError at the first line that Docker Compose refuses.
    """
    return list(_Reader(text.replace("\r\n", "\n"), path, environment, earlier or {}, required).entries())


def parse_raw(text: str, path: str, environment: Mapping[str, str]) -> list[Entry]:
    """The entries of a file of ``format: raw``: everything behind the first ``=`` is the value.

    A bare name takes its value from ``environment``. Raises SourceError as ``parse`` does.
    """
    entries = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, separator, value = line.lstrip().partition("=")
        start = len(line) - len(line.lstrip()) + 1
        name_origin = TextOrigin(path, number, start, number, start + len(name))
        if not name or SPACE.search(name):
            raise refusal("a variable name is empty or has a blank in it", name_origin)
        if separator:
            origin = TextOrigin(path, number, start + len(name) + 1, number, len(line) + 1)
            entries.append(Entry(name, value, name_origin, origin))
        else:
            entries.append(Entry(name, environment.get(name), name_origin, name_origin))
    return entries


class _Reader:
    def __init__(
        self, text: str, path: str, environment: Mapping[str, str], earlier: Mapping[str, str], required: bool
    ) -> None:
        self.text = text
        self.path = path
        self.environment = environment
        self.defined = dict(earlier)
        lookup = ChainMap(dict(environment), self.defined)
        self.interpolator = Interpolator(lookup, required=required)
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def entries(self) -> Iterator[Entry]:
        position = 0
        while True:
            position = self._statement(position)
            if position >= len(self.text):
                return
            entry, position = self._entry(position)
            if entry.value is not None:
                self.defined[entry.name] = entry.value
            yield entry

    def _statement(self, position: int) -> int:
        blank = BLANK.match(self.text, position)
        return blank.end() if blank else position

    def _entry(self, position: int) -> tuple[Entry, int]:
        export = EXPORT.match(self.text, position)
        start = export.end() if export else position
        end = NAME_END.search(self.text, start)
        stop = end.start() if end else len(self.text)
        name = self.text[start:stop].rstrip()
        place = self._origin(start, start + len(name))
        bad = BAD_IN_NAME.search(name)
        if bad:
            raise refusal(
                f"unexpected character {bad[0]!r} in a variable name",
                self._origin(start + bad.start(), start + bad.end()),
            )
        if " " in name and end is not None:
            raise refusal("a variable name cannot contain a space", place)
        if end is None and not name:
            raise refusal("a variable without a name", place)
        if end is None:
            # the last line of a file without a line break: Docker Compose takes it for a value without a name
            return self._valued("", self._origin(start, start), start)
        if end[0] == "\n":
            return Entry(name, self.environment.get(name), place, place), stop + 1
        return self._valued(name, place, end.end())

    def _valued(self, name: str, place: TextOrigin, position: int) -> tuple[Entry, int]:
        spaces = SPACES.match(self.text, position)
        start = spaces.end() if spaces else position
        if self.text[start : start + 1] in ('"', "'"):
            return self._quoted(name, place, start)
        end = self.text.find("\n", start)
        line = self.text[start : end if end >= 0 else len(self.text)]
        raw = line.partition(" #")[0].rstrip()
        entry = self._expanded(name, place, raw, self._origin(start, start + len(raw)))
        return entry, start + len(line) + 1

    def _quoted(self, name: str, place: TextOrigin, start: int) -> tuple[Entry, int]:
        quoted = QUOTED.match(self.text, start)
        if quoted is None:
            raise refusal("unterminated quoted value", self._origin(start, start + 1))
        origin = self._origin(start, quoted.end())
        if quoted[2] is not None:
            return Entry(name, quoted[2].replace("\\'", "'"), place, origin), quoted.end()
        return self._expanded(name, place, ESCAPE.sub(_unescape, quoted[1]), origin), quoted.end()

    def _expanded(self, name: str, place: TextOrigin, template: str, origin: TextOrigin) -> Entry:
        try:
            value, unresolved = self.interpolator.expand(template)
        except InterpolationError as error:
            raise refusal(str(error), origin) from None
        return Entry(name, value, place, origin, template if "$" in template else None, unresolved)

    def _origin(self, start: int, end: int) -> TextOrigin:
        line, end_line = bisect_right(self.starts, start), bisect_right(self.starts, end)
        return TextOrigin(
            self.path, line, start - self.starts[line - 1] + 1, end_line, end - self.starts[end_line - 1] + 1
        )


def _unescape(match: re.Match[str]) -> str:
    escape = match[1]
    if escape[0] == "0":
        return chr(int(escape, 8)) if THREE_OCTALS.match(escape) else "\\" + escape[1:]
    return ESCAPES.get(escape, escape)
