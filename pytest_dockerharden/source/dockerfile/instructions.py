"""One logical line to one instruction: its words, flags, pairs and scripts. As BuildKit's ``instructions/parse.go``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Flag, Instruction, Pair
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.shell import Script, Word
from pytest_dockerharden.source.dockerfile import words
from pytest_dockerharden.source.dockerfile.expansion import BadWord, Scope, expand
from pytest_dockerharden.source.dockerfile.lines import LogicalLine
from pytest_dockerharden.source.dockerfile.words import Span

FLAGS: dict[str, tuple[str, ...]] = {
    "ADD": ("chown", "chmod", "link", "keep-git-dir", "checksum", "exclude", "unpack"),
    "COPY": ("from", "chown", "chmod", "link", "parents", "exclude"),
    "FROM": ("platform",),
    "HEALTHCHECK": ("interval", "timeout", "start-period", "start-interval", "retries"),
    "RUN": ("mount", "network", "security", "device"),
}
_HEAD = pattern(r"\s*([^\t\v\f\r ]+)[\t\v\f\r ]*")
_NOT_EXPANDED = ("RUN", "CMD", "ENTRYPOINT", "SHELL", "HEALTHCHECK", "MAINTAINER")


@dataclass(slots=True)
class Reading:
    """The instruction that is being read. ``start`` and ``end`` enclose the arguments after the flags."""

    keyword: str
    line: LogicalLine
    scope: Scope
    escape: str
    shell: tuple[str, ...]
    problems: list[Problem]
    start: int = 0
    end: int = 0

    @property
    def text(self) -> str:
        return self.line.text

    @property
    def rest(self) -> str:
        return self.line.text[self.start : self.end]

    def origin(self, span: Span) -> TextOrigin:
        return self.line.places.origin(*span)

    def word(self, span: Span, value: str | None = None, *, literal: bool = False) -> Word:
        """The word of a span; ``value`` is the text to expand where that is not the span's own."""
        raw = self.line.text[span[0] : span[1]]
        text = raw if value is None else value
        if literal or self.keyword in _NOT_EXPANDED:
            return Word(raw, text, self.origin(span))
        try:
            return Word(raw, expand(text, self.scope, self.escape), self.origin(span))
        except BadWord as error:
            self.refuse(str(error), span)
            return Word(raw, None, self.origin(span))

    def refuse(self, message: str, span: Span | None = None, hint: str = "") -> None:
        where = span or (self.start, max(self.end, self.start))
        self.problems.append(Problem("refused", message, self.origin(where), hint))


def read(
    line: LogicalLine,
    scope: Scope,
    escape: str,
    shell: tuple[str, ...],
    problems: list[Problem],
    *,
    nested: bool = False,
) -> Instruction:
    """Read one logical line. What BuildKit refuses is added to ``problems``; an instruction is made all the same."""
    head = _HEAD.match(line.text)
    keyword_span = head.span(1) if head else (0, 0)
    keyword = line.text[slice(*keyword_span)].upper()
    reading = Reading(keyword, line, scope, escape, shell, problems)
    found, start = words.flags(line.text, head.end() if head else 0)
    reading.end = len(line.text.rstrip())
    reading.start = min(start, reading.end)
    where = reading.origin(keyword_span)
    instruction = Instruction(
        keyword=keyword,
        origin=TextOrigin(where.file, where.line, where.column, *line.end),
        keyword_origin=where,
        text=reading.rest,
        flags=tuple(_flags(reading, found)),
        heredocs=line.heredocs,
        environment=scope.values,  # type: ignore[arg-type]  # nobody changes it
        shell=shell,
        comments=line.comments,
    )
    if nested and keyword in ("ONBUILD", "FROM", "MAINTAINER"):
        reading.refuse(f"{keyword} is not allowed as an ONBUILD trigger", keyword_span)
    elif keyword in _READERS:
        _READERS[keyword](reading, instruction)
    else:
        close = get_close_matches(keyword[:20], KEYWORDS, 1, 0.6)
        hint = f"did you mean {close[0]}?" if close else ""
        reading.refuse(f"unknown instruction: {keyword[:40]}", keyword_span, hint)
    return instruction


def _flags(reading: Reading, found: list[tuple[Span, str, Span | None]]) -> Iterator[Flag]:
    known = FLAGS.get(reading.keyword, ())
    for span, name, value in found:
        if name not in known:
            close = get_close_matches(name[:20], known, 1, 0.6)
            reading.refuse(f"unknown flag: --{name[:40]}", span, f"did you mean --{close[0]}?" if close else "")
        yield Flag(name, _flag_value(reading, name, value) if value else None, reading.origin(span))


def _flag_value(reading: Reading, name: str, span: Span) -> Word:
    raw = reading.text[slice(*span)]
    text = words.unquote_flag(raw)
    if "$" not in text or reading.keyword == "HEALTHCHECK":
        return Word(raw, text, reading.origin(span))
    if name == "from":
        return Word(raw, None, reading.origin(span))
    try:
        return Word(raw, expand(text, reading.scope, reading.escape), reading.origin(span))
    except BadWord:
        return Word(raw, None, reading.origin(span))


def _split(reading: Reading) -> list[Word]:
    return [reading.word(match.span()) for match in words.SPLIT.finditer(reading.text, reading.start, reading.end)]


def _json(reading: Reading, start: int) -> list[tuple[Span, str]] | None:
    """The exec form, or None for the shell form."""
    if reading.text[start : start + 1] != "[":
        return None
    try:
        strings = words.json_strings(reading.text[: reading.end], start)
    except ValueError as error:
        reading.refuse(f"a JSON array, but {error}")
        return []
    if strings is None and words.almost_json(reading.text[start : reading.end]):
        message = "looks like a JSON array and is not one, so it is read as plain text"
        origin = reading.origin((start, reading.end))
        hint = 'use double quotes, commas, and nothing after the bracket: ["a", "b"]'
        reading.problems.append(Problem("warning", message, origin, hint))
    return strings


def _need(reading: Reading, count: int, least: int, most: int | None = None) -> None:
    if count < least or (most is not None and count > most):
        number = (
            "exactly one argument"
            if least == most == 1
            else f"at least {'one argument' if least == 1 else 'two arguments'}"
        )
        reading.refuse(f"{reading.keyword} requires {number}")


def _list(reading: Reading, instruction: Instruction) -> None:
    strings = _json(reading, reading.start) if reading.keyword != "EXPOSE" else None
    if strings is None:
        instruction.words = tuple(_split(reading))
    else:
        instruction.words = tuple(reading.word(span, value) for span, value in strings)
    _need(reading, len(instruction.words), 2 if reading.keyword in ("COPY", "ADD") else 1)


def _one(reading: Reading, instruction: Instruction) -> None:
    if reading.start < reading.end:
        instruction.words = (reading.word((reading.start, reading.end)),)
    _need(reading, len(instruction.words), 1, 1)


def _from(reading: Reading, instruction: Instruction) -> None:
    instruction.words = tuple(_split(reading))
    count = len(instruction.words)
    if count != 1 and not (count == 3 and instruction.words[1].raw.lower() == "as"):
        reading.refuse("FROM requires either one or three arguments: FROM image [AS name]")
    elif count == 3 and not re.fullmatch(r"[a-z][a-z0-9_.-]*", instruction.words[2].raw.lower()):
        reading.refuse(f"invalid name for build stage: {instruction.words[2].raw[:60]!r}")


def _argument(reading: Reading, instruction: Instruction) -> None:
    pairs = [_pair(reading, span) for span in _word_spans(reading)]
    _need(reading, len(pairs), 1)
    instruction.pairs = tuple(pairs)


def _word_spans(reading: Reading) -> list[Span]:
    return list(words.shell_words(reading.text[: reading.end], reading.start, reading.escape))


def _pair(reading: Reading, span: Span) -> Pair:
    equals = reading.text.find("=", *span)
    if equals < 0:
        return Pair(reading.word(span), None, reading.origin(span))
    return Pair(reading.word((span[0], equals)), reading.word((equals + 1, span[1])), reading.origin(span))


def _pairs(reading: Reading, instruction: Instruction) -> None:
    spans = _word_spans(reading)
    if spans and "=" not in reading.text[slice(*spans[0])]:
        instruction.pairs = _legacy(reading)
        return
    _need(reading, len(spans), 1)
    for span in spans:
        if "=" not in reading.text[slice(*span)]:
            reading.refuse(f"{reading.keyword} needs name=value", span)
    instruction.pairs = tuple(_pair(reading, span) for span in spans if "=" in reading.text[slice(*span)])


def _legacy(reading: Reading) -> tuple[Pair, ...]:
    """``ENV name value with blanks``."""
    key = words.SPLIT.match(reading.text, reading.start, reading.end)
    if key is None:
        return ()
    following = words.SPLIT.search(reading.text, key.end(), reading.end)
    if following is None:
        reading.refuse(f"{reading.keyword} must have two arguments")
        return ()
    value = (following.start(), reading.end)
    return (
        Pair(reading.word(key.span()), reading.word(value), reading.origin((key.start(), reading.end)), legacy=True),
    )


def _command(reading: Reading, instruction: Instruction) -> None:
    _run(reading, instruction, reading.start)


def _run(reading: Reading, instruction: Instruction, start: int) -> None:
    strings = _json(reading, start)
    instruction.form = "shell" if strings is None else "exec"
    if strings is None:
        instruction.parse_script = _shell_form(reading, instruction, start)
    else:
        instruction.words = tuple(reading.word(span, value) for span, value in strings)
        instruction.parse_script = _exec_form(instruction)


def _exec_form(instruction: Instruction) -> Callable[[], Script]:
    def parse() -> Script:
        from pytest_dockerharden.source.shell import parse_command  # tree-sitter costs 30 ms to import

        return parse_command(instruction.words)

    return parse


def _shell_form(reading: Reading, instruction: Instruction, start: int) -> Callable[[], Script]:
    text, places, heredocs = reading.text[start : reading.end], reading.line.places.from_(start), instruction.heredocs
    scope, keyword, shell = reading.scope, reading.keyword, reading.shell

    def parse() -> Script:
        from pytest_dockerharden.source.dockerfile.scripts import parse_shell_form  # needed for scripts alone

        variables = scope.values if keyword == "RUN" else {n: v for n, v in scope.values.items() if n in scope.fixed}
        return parse_shell_form(text, places, heredocs, shell, variables)

    return parse


def _shell(reading: Reading, instruction: Instruction) -> None:
    strings = _json(reading, reading.start)
    instruction.form = "exec"
    if not strings:
        reading.refuse("SHELL requires the arguments to be in JSON form")
        return
    instruction.words = tuple(reading.word(span, value) for span, value in strings)


def _healthcheck(reading: Reading, instruction: Instruction) -> None:
    kind = re.compile(r"\S+").match(reading.text, reading.start, reading.end)
    name = kind[0].upper() if kind else ""
    if name == "NONE":
        instruction.none = True
        if kind and kind.end() < reading.end:
            reading.refuse("HEALTHCHECK NONE takes no arguments", (kind.end(), reading.end))
    elif name == "CMD" and kind:
        command = words.SPLIT.search(reading.text, kind.end(), reading.end)
        if command is None:
            reading.refuse("missing command after HEALTHCHECK CMD")
        else:
            _run(reading, instruction, command.start())
    else:
        reading.refuse(
            f"HEALTHCHECK takes NONE or CMD, not {name[:40]!r}" if name else "HEALTHCHECK requires an argument"
        )


def _onbuild(reading: Reading, instruction: Instruction) -> None:
    if reading.start >= reading.end:
        reading.refuse("ONBUILD requires at least one argument")
        return
    line = reading.line
    inner = LogicalLine(line.text[reading.start :], line.places.from_(reading.start), line.end, (), line.heredocs)
    # What a trigger's variables are is decided by the image that is built FROM this one.
    instruction.nested = read(inner, Scope(), reading.escape, reading.shell, reading.problems, nested=True)


_READERS: dict[str, Callable[[Reading, Instruction], None]] = {
    "ADD": _list,
    "ARG": _argument,
    "CMD": _command,
    "COPY": _list,
    "ENTRYPOINT": _command,
    "ENV": _pairs,
    "EXPOSE": _list,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _pairs,
    "MAINTAINER": _one,
    "ONBUILD": _onbuild,
    "RUN": _command,
    "SHELL": _shell,
    "STOPSIGNAL": _one,
    "USER": _one,
    "VOLUME": _list,
    "WORKDIR": _one,
}
KEYWORDS = tuple(_READERS)
