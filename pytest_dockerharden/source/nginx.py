"""nginx configurations and their templates, read as a tree of directives. Nothing is expanded or included."""

from __future__ import annotations

import re

from pytest_dockerharden.model.nginx import Directive, NginxConfig
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.shell import Word
from pytest_dockerharden.source.places import Places

# ngx_conf_file.c: blanks, quotes with backslashes, ``${name}`` inside a word, comments at the start of a token
_TOKEN = pattern(
    r"""\s+ | \#[^\n]* | (?P<mark>[;{}])
    | (?P<word> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | (?!["']) (?:\\. | \$\{[^}\n]*\} | [^\s;{}\\] | \\)+ )""",
    re.VERBOSE | re.DOTALL,
)
_UNESCAPED = pattern(r"\\([\"'\\ ;{}])", needs=("\\",))
_LUA = "_by_lua_block"
_DEEPEST = 64


class _Open:
    """A block that is being read."""

    __slots__ = ("args", "children", "start")

    def __init__(self, args: list[Word], start: int) -> None:
        self.args = args
        self.start = start
        self.children: list[Directive] = []


def parse(text: str, path: str, context: str = "") -> NginxConfig:
    """Parse a configuration or a template of one. Never raises; what is wrong is in ``problems``.

    Without a ``context`` it is told from the text: a file with ``events`` or ``http`` at its top is the main one.
    """
    places = Places.of_lines(path, text.split("\n"))
    problems: list[Problem] = []
    directives = _Reader(text, places, problems).read()
    is_main = any(directive.name in {"events", "http"} for directive in directives)
    return NginxConfig(path, directives, context or ("main" if is_main else "http"), tuple(problems))


class _Reader:
    def __init__(self, text: str, places: Places, problems: list[Problem]) -> None:
        self.text = text
        self.places = places
        self.problems = problems
        self.stack = [_Open([], 0)]
        self.words: list[Word] = []
        self.start = 0

    def read(self) -> tuple[Directive, ...]:
        offset = 0
        while offset < len(self.text):
            match = _TOKEN.match(self.text, offset)
            if match is None:  # an open quote
                self._problem("a quote is not closed", offset)
                break
            offset = match.end()
            if match["word"] is not None:
                self._word(match["word"], match.start())
            elif match["mark"] is not None:
                offset = self._mark(match["mark"], match.start(), offset)
        while len(self.stack) > 1:
            self._problem("a block is not closed", self.stack[-1].start)
            self._close(len(self.text))
        return tuple(self.stack[0].children)

    def _word(self, raw: str, start: int) -> None:
        if not self.words:
            self.start = start
        quoted = len(raw) > 1 and raw[0] in "\"'" and raw[-1] == raw[0]
        value = _UNESCAPED.sub(r"\1", raw[1:-1] if quoted else raw)
        self.words.append(Word(raw, value, self.places.origin(start, start + len(raw))))

    def _mark(self, mark: str, start: int, end: int) -> int:
        if mark == ";":
            self._add(self.words, self.start, end, None)
        elif mark == "}":
            self._close(end)
        elif self.words and self.words[0].text.endswith(_LUA):
            end = self._skip(end)
            self._add(self.words, self.start, end, None)
        elif len(self.stack) >= _DEEPEST:
            self._problem("blocks are nested too deep", start)
            return len(self.text)
        else:
            self.stack.append(_Open(self.words, self.start if self.words else start))
        self.words = []
        return end

    def _close(self, end: int) -> None:
        if len(self.stack) == 1:
            self._problem("a brace closes nothing", end - 1)
            return
        block = self.stack.pop()
        self.words = []
        self._add(block.args, block.start, end, tuple(block.children))

    def _add(self, words: list[Word], start: int, end: int, block: tuple[Directive, ...] | None) -> None:
        if words:
            origin: TextOrigin = self.places.origin(start, end)
            self.stack[-1].children.append(Directive(words[0].text, tuple(words[1:]), origin, block))

    def _skip(self, offset: int) -> int:
        """Past a block of another language: only its braces are counted."""
        depth = 1
        for match in re.compile(r"[{}]").finditer(self.text, offset):
            depth += 1 if match[0] == "{" else -1
            if depth == 0:
                return match.end()
        return len(self.text)

    def _problem(self, message: str, offset: int) -> None:
        self.problems.append(Problem("refused", message, self.places.origin(offset, offset + 1)))
