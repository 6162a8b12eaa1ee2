"""Variables of a Dockerfile: what is declared where, and what a word becomes. As BuildKit's ``shell/lex.go`` does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, replace

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.pattern import pattern

DEPTH = 32
"""How deep ``${a:-${b:-...}}`` may nest before its value counts as unknown."""

LONGEST = 2048
"""Characters that variables may add to a word; a longer one is unknown, since ``A=$A$A`` doubles on every line."""

_LONGEST_ON_THE_WAY = 1 << 16
_SPECIAL = pattern(r"[$'\"\\`]")
_NAME = pattern(r"[0-9]+|[@*#?$!-]|[^\W\d]\w*")
_PLAIN = pattern(r"[^$'\"\\`/}]+")


class BadWord(Exception):  # noqa: N818 - what BuildKit says of it
    """BuildKit refuses the word."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The variables in force at one point.

    ``values`` is by name; None is declared, but its value is not known. ``unset`` are those of them that have no
    value unless the build passes one: ``${X:-d}`` is ``d`` then. A name that is missing is empty where the scope is
    ``closed``, and unknown otherwise, because the base image may set it. ``fixed`` were set by ENV, which beats ARG.
    """

    values: Mapping[str, str | None] = field(default_factory=dict)
    unset: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    closed: bool = False

    def with_argument(self, name: str, value: str | None, unset: bool) -> Scope:
        if name in self.fixed:
            return self
        names = self.unset | {name} if unset else self.unset - {name}
        return replace(self, values={**self.values, name: value}, unset=names)

    def with_environment(self, variables: Mapping[str, str | None]) -> Scope:
        return replace(
            self,
            values={**self.values, **variables},
            unset=self.unset.difference(variables),
            fixed=self.fixed.union(variables),
        )

    def lookup(self, name: str) -> tuple[str | None, bool]:
        """The value (None: unknown) and whether it is known to be not set."""
        if name in self.values:
            return self.values[name], name in self.unset
        return (None, True) if self.closed else (None, False)

    def value(self, name: str) -> str | None:
        """What ``$name`` becomes."""
        return "" if self.closed and name not in self.values else self.values.get(name)


def expand(raw: str, scope: Scope, escape: str = "\\") -> str | None:
    """The word without quotes and with its variables; None where one of them is not known.

    Raises :class:`BadWord` for what BuildKit does not take: an open quote, ``${}``.
    """
    if not _SPECIAL.search(raw):
        return raw
    value = _Lexer(raw, scope, escape).read("", False)
    return value if value is not None and len(value) <= LONGEST + len(raw) else None


class _Lexer:
    def __init__(self, text: str, scope: Scope, escape: str) -> None:
        self.text, self.scope, self.escape = text, scope, escape
        self.position = self.depth = 0

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def take(self) -> str:
        char = self.peek()
        self.position += 1
        return char

    def read(self, stop: str, raw_escapes: bool) -> str | None:
        """Up to ``stop``, or to the end where that is empty."""
        parts: list[str | None] = []
        while char := self.peek():
            if char == stop:
                self.position += 1
                return _join(parts)
            if char == "$":
                parts.append(self.dollar())
            elif char == "'":
                parts.append(self.single_quoted())
            elif char == '"':
                parts.append(self.double_quoted())
            elif char == self.escape:
                self.position += 1
                parts.append((char if raw_escapes else "") + self.take())
            else:
                parts.append(self.plain())
        if stop:
            raise BadWord(f"missing {stop!r} in a variable")
        return _join(parts)

    def plain(self) -> str:
        match = _PLAIN.match(self.text, self.position)
        if not match:
            return self.take()
        self.position = match.end()
        return match[0]

    def single_quoted(self) -> str:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            raise BadWord("a single quote is not closed")
        value = self.text[self.position + 1 : end]
        self.position = end + 1
        return value

    def double_quoted(self) -> str | None:
        parts: list[str | None] = []
        self.position += 1
        while char := self.peek():
            if char == '"':
                self.position += 1
                return _join(parts)
            if char == "$":
                parts.append(self.dollar())
            elif char == self.escape:
                self.position += 1
                following = self.take()
                parts.append(following if following in ('"', "$", self.escape) else char + following)
            else:
                parts.append(self.plain())
        raise BadWord("a double quote is not closed")

    def name(self) -> str:
        match = _NAME.match(self.text, self.position)
        if not match:
            return ""
        self.position = match.end()
        return match[0]

    def dollar(self) -> str | None:
        self.position += 1
        if self.peek() != "{":
            name = self.name()
            return self.scope.value(name) if name else "$"
        self.position += 1
        self.depth += 1
        if self.depth > DEPTH:
            raise BadWord(f"variables nest deeper than {DEPTH}")
        value = self.braced()
        self.depth -= 1
        return value

    def braced(self) -> str | None:
        if self.peek() in ("", "{", "}", ":"):
            raise BadWord("a bad substitution")
        name, operator = self.name(), self.take()
        if operator == "}":
            return self.scope.value(name)
        if operator == ":":
            operator = ":" + self.take()
        if operator in ("-", "+", "?", ":-", ":+", ":?"):
            return self.choose(name, operator, self.read("}", False))
        if operator in ("#", "%"):
            pattern = self.read("}", True)
            value = self.scope.value(name)
            return None if value is None or pattern is None else _trim(value, operator, pattern)
        if operator == "/":
            return self.replaced(name)
        raise BadWord(f"${{{name}{operator}...}} is not supported")

    def choose(self, name: str, operator: str, word: str | None) -> str | None:
        value, unset = self.scope.lookup(name)
        if value is None and not unset:
            return None
        absent = unset or (operator[0] == ":" and value == "")
        if operator[-1] == "-":
            return word if absent else value
        if operator[-1] == "+":
            return "" if absent else word
        return None if absent else value

    def replaced(self, name: str) -> str | None:
        every = self.peek() == "/"
        self.position += every
        pattern, replacement, value = self.read("/", True), self.read("}", True), self.scope.value(name)
        if value is None or pattern is None or replacement is None or re.search(r"[*?\\]", pattern):
            return None
        if not pattern or value.count(pattern) * len(replacement) > _LONGEST_ON_THE_WAY:
            return None
        return value.replace(pattern, replacement, -1 if every else 1)


def _join(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(parts) and sum(map(len, known)) <= _LONGEST_ON_THE_WAY else None


def _trim(value: str, operator: str, pattern: str) -> str | None:
    """``${X#p}``, ``##``, ``%``, ``%%`` for patterns with at most one star; others are rare, and not known."""
    greedy = pattern[:1] == operator
    pattern = pattern[greedy:]
    if pattern.count("*") > 1 or re.search(r"[?\\]", pattern):
        return None
    head, star, tail = pattern.partition("*")
    if operator == "#":
        if not value.startswith(head):
            return value
        if not star:
            return value[len(head) :]
        found = (value.rfind if greedy else value.find)(tail, len(head))
        return value[found + len(tail) :] if found >= 0 else value
    if not star:
        return value[: len(value) - len(head)] if value.endswith(head) else value
    if not value.endswith(tail):
        return value
    found = (value.find if greedy else value.rfind)(head, 0, len(value) - len(tail))
    return value[:found] if found >= 0 else value
