"""Physical lines to logical ones: directives, comments, continuations, heredocs. As BuildKit's ``parser.go`` does."""

from __future__ import annotations

import re
from dataclasses import field

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Comment, Heredoc
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.shell import Word
from pytest_dockerharden.source.dockerfile import words
from pytest_dockerharden.source.places import Piece, Places

LONGEST_LINE = 65535
"""Bytes of one physical line; BuildKit refuses a longer one."""

_DIRECTIVE = pattern(r"#\s*(syntax|escape|check)\s*=\s*(.+?)\s*$", re.IGNORECASE, needs=("syntax", "escape", "check"))
_HEREDOC_OWNER = pattern(r"\s*(?:ONBUILD[\t\v\f\r ]+)?(?:RUN|COPY|ADD)(?=[\t\v\f\r ]|$)", re.IGNORECASE)


@dataclass(slots=True)
class LogicalLine:
    """One instruction's text with continuations joined. ``end`` is the exclusive end of what belongs to it."""

    text: str
    places: Places
    end: tuple[int, int]
    comments: tuple[Comment, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(slots=True)
class Lines:
    """Reads a whole text into ``logical`` lines, ``directives`` and ``comments``; what is wrong is in ``problems``."""

    text: str
    path: str
    escape: str = "\\"
    directives: dict[str, Word] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    logical: list[LogicalLine] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _physical: list[str] = field(default_factory=list)
    _next: int = 0

    def read(self) -> Lines:
        self._physical = self.text.split("\n")
        if max(map(len, self._physical)) * 4 > LONGEST_LINE:
            self._complain_about_long_lines()
        above = self._directives()
        while self._next < len(self._physical):
            raw = self._physical[self._next]
            line = raw.lstrip()
            if line[:1] == "#":
                above.append(self._comment(raw, self._next))
                self._next += 1
            elif line:
                self.logical.append(self._instruction(above))
                above = []
            else:
                above = []
                self._next += 1
        return self

    def _directives(self) -> list[Comment]:
        """Take the directives; they end at the first line that is none. A ``#!`` line may stand before them."""
        has_shebang = self._physical[0].startswith("#!")
        comments = [self._comment(self._physical[0], 0)] if has_shebang else []
        self._next = len(comments)
        for index, raw in enumerate(self._physical[self._next :], self._next):
            match = _DIRECTIVE.match(raw.lstrip())
            if not match:
                break
            self._next = index + 1
            column = len(raw) - len(raw.lstrip()) + match.start(2) + 1
            origin = TextOrigin(self.path, index + 1, column, index + 1, column + len(match[2]))
            self._directive(match[1].lower(), Word(match[2], match[2], origin), has_shebang)
        return comments

    def _directive(self, name: str, value: Word, has_shebang: bool) -> None:
        if name in self.directives:
            self._refuse(f"only one {name} directive can be used", value.origin)
            return
        self.directives[name] = value
        if name == "escape" and not has_shebang:  # behind a #! line only the frontend is looked for
            self._set_escape(value.raw, value.origin)

    def _set_escape(self, char: str, origin: TextOrigin) -> None:
        if char in ("\\", "`"):
            self.escape = char
        else:
            self._refuse(f"invalid escape character {char!r}: it is \\ or `", origin)

    def _comment(self, raw: str, index: int) -> Comment:
        start = len(raw) - len(raw.lstrip())
        text = raw.rstrip("\r")
        comment = Comment(
            text[start + 1 :].strip(), TextOrigin(self.path, index + 1, start + 1, index + 1, len(text) + 1)
        )
        self.comments.append(comment)
        return comment

    def _instruction(self, above: list[Comment]) -> LogicalLine:
        parts: list[str] = []
        pieces: list[Piece] = []
        inside: list[Comment] = []
        offset, first, empty = 0, True, 0
        while self._next < len(self._physical):
            raw = self._physical[self._next]
            blank = raw.lstrip()
            column = len(raw) - len(blank) + 1 if first else 1
            self._next += 1
            if not first and blank[:1] == "#":
                inside.append(self._comment(raw, self._next - 1))
                continue
            if not first and not blank:
                empty = empty or self._next
                continue
            content, continued = self._continuation((blank if first else raw).rstrip("\r"))
            first = False
            parts.append(content)
            pieces.append((offset, self._next, column))
            offset += len(content)
            if not continued:
                break
        text = "".join(parts)
        places = Places(self.path, pieces)
        if empty and empty < self._next:
            origin = TextOrigin(self.path, empty, 1, empty, 1)
            self.problems.append(Problem("warning", "an empty line inside a continued instruction", origin))
        line = LogicalLine(text, places, _end(text, places), (*above, *inside))
        if "<<" in text and _HEREDOC_OWNER.match(text):
            self._heredocs(line)
        return line

    def _continuation(self, line: str) -> tuple[str, bool]:
        stripped = line.rstrip(" \t")
        if stripped[-1:] != self.escape or stripped[-2:-1] == self.escape:
            return line, False
        return stripped[:-1], True

    def _heredocs(self, line: LogicalLine) -> None:
        owner = _HEREDOC_OWNER.match(line.text)
        _, start = words.flags(line.text, owner.end() if owner else 0)
        if _is_json(line.text.rstrip(), start):
            return
        line.heredocs = tuple(self._heredoc(*found, line) for found in words.heredocs(line.text))

    def _heredoc(self, name: str, expand: bool, chomp: bool, line: LogicalLine) -> Heredoc:
        first, terminated = self._next, False
        while self._next < len(self._physical) and not terminated:
            candidate = self._physical[self._next].rstrip("\r")
            terminated = (candidate.lstrip("\t") if chomp else candidate) == name
            self._next += 1
        body = self._physical[first : self._next - terminated]
        if not terminated:
            body = body[:-1] if body and not body[-1] else body
            start = line.places.at(0)
            self._refuse(f"unterminated heredoc: no line {name!r}", TextOrigin(self.path, *start, *line.end))
        end_line = max(self._next, line.end[0])
        line.end = (end_line, len(self._physical[end_line - 1].rstrip("\r")) + 1)
        return Heredoc(name, "".join(f"{part}\n" for part in body), self._span(first, body), expand, chomp, terminated)

    def _span(self, first: int, body: list[str]) -> TextOrigin:
        """Of the lines of a body; where it would begin, if it has none."""
        start = min(first + 1, len(self._physical))
        end = start + max(len(body) - 1, 0)
        return TextOrigin(self.path, start, 1, end, len(body[-1].rstrip("\r")) + 1 if body else 1)

    def _complain_about_long_lines(self) -> None:
        for number, line in enumerate(self._physical, 1):
            if len(line.encode("utf-8", "surrogatepass")) > LONGEST_LINE:
                self._refuse(
                    f"a line longer than {LONGEST_LINE} bytes",
                    TextOrigin(self.path, number, 1, number, len(line) + 1),
                )

    def _refuse(self, message: str, origin: TextOrigin) -> None:
        self.problems.append(Problem("refused", message, origin))


def _end(text: str, places: Places) -> tuple[int, int]:
    length = len(text.rstrip())
    line, column = places.at(max(length - 1, 0))
    return line, column + (length > 0)


def _is_json(text: str, start: int) -> bool:
    try:
        return words.json_strings(text, start) is not None
    except ValueError:
        return True
