"""``.dockerignore``, as the builder reads it (moby/patternmatcher)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from pytest_dockerharden.model.ignorefile import IgnoreFile, Pattern
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import Problem

_SPECIAL = pattern(r"[*?\[\]\\]")
_STAR, _ALL, _FOLDERS = "[^/]*", ".*", "(?:.*/)?"
_REPEATED = frozenset([_STAR, _ALL, _FOLDERS])
_MANY = 3
# Go's path/filepath.Match: a class has at least one member, and a dash in it stands between two
_MEMBER = r"(?:\\.|[^\\\]-])"
_VALID = pattern(rf"(?:\\.|[^\\\[]|\[(?:\^|(?!\^))(?:{_MEMBER}(?:-{_MEMBER})?)+\])*", re.DOTALL)
_SET_OPERATORS = pattern(r"[\[&~|]|-(?=-)")


def parse(text: str, path: str) -> IgnoreFile:
    """Parse an ignore file. A pattern that the builder refuses excludes nothing."""
    patterns = [pattern for number, line in enumerate(text.split("\n"), 1) if (pattern := _pattern(line, path, number))]
    rules = [(pattern.negated, _matcher(pattern.text)) for pattern in patterns]

    def excludes(name: str) -> bool:
        """Folder by folder as the builder walks: what matched a folder matches all in it."""
        parts = posixpath.normpath(name).split("/")
        excluded, inherited = False, [False] * len(rules)
        for count in range(1, len(parts) + 1):
            path, excluded = "/".join(parts[:count]), False
            for index, (negated, matches) in enumerate(rules):
                # a pattern is only asked where its answer would change something, and then does not count below
                if not inherited[index] and negated == excluded:
                    inherited[index] = matches(path)
                if inherited[index]:
                    excluded = not negated
        return excluded

    return IgnoreFile(path, tuple(patterns), excludes, tuple(_problems(patterns)))


def _problems(patterns: list[Pattern]) -> Iterator[Problem]:
    for entry in patterns:
        if not entry.text:
            yield Problem("refused", "an exception without a pattern", entry.origin)
        elif ("[" in entry.text or "\\" in entry.text) and not _VALID.fullmatch(entry.text):
            hint = "write a class as [abc] or [a-z], and a bracket of a name as \\["
            yield Problem("refused", f"{entry.text!r} is not a valid pattern", entry.origin, hint)


def _pattern(line: str, path: str, number: int) -> Pattern | None:
    text = line.removeprefix("\ufeff") if number == 1 else line
    if text.startswith("#"):
        return None
    text = text.strip()
    negated = text.startswith("!")
    cleaned = posixpath.normpath(text[negated:].strip()) if text[negated:].strip() else ""
    cleaned = cleaned.lstrip("/") if len(cleaned) > 1 else cleaned
    if cleaned == "." or not (cleaned or negated):
        return None
    column = len(line) - len(line.lstrip()) + 1
    return Pattern(cleaned, negated, TextOrigin(path, number, column, number, column + len(text)))


def _matcher(pattern: str) -> Callable[[str], bool]:
    """``**`` crosses folders, ``*`` and ``?`` do not, ``[a-z]`` is a class, a backslash takes the next one as it is."""
    if not _SPECIAL.search(pattern):
        return pattern.__eq__
    if pattern.startswith("**") and not _SPECIAL.search(pattern[2:]):
        suffix = pattern[2:]
        return lambda path: path.endswith(suffix) or "/" + path == suffix
    tokens = _tokens(pattern)
    try:
        if tokens is None:
            return lambda path: False
        if sum(token in _REPEATED for token in tokens) > _MANY:
            return _simulation(tokens)
        expression = re.compile("".join(tokens), re.DOTALL)
    except re.error:
        return lambda path: False
    return lambda path: expression.fullmatch(path) is not None


def _tokens(pattern: str) -> list[str] | None:
    """Regular expressions to match one after the other; None for a class that is not closed."""
    tokens, index = [], 0
    while index < len(pattern):
        char = pattern[index]
        index += 1
        if char == "*" and pattern.startswith("*", index):
            index += 1 + pattern.startswith("/", index + 1)
            tokens.append(_FOLDERS if index < len(pattern) else _ALL)
        elif char == "\\" and index < len(pattern):
            tokens.append(re.escape(pattern[index]))
            index += 1
        elif char == "[":
            end = pattern.find("]", index + 1)
            if end < 0:
                return None
            tokens.append("[" + _SET_OPERATORS.sub(r"\\\g<0>", pattern[index:end]) + "]")
            index = end + 1
        else:
            tokens.append({"*": _STAR, "?": "[^/]"}.get(char, re.escape(char)))
    return tokens


def _simulation(tokens: list[str]) -> Callable[[str], bool]:
    """All ways to match at once, for patterns on which trying them in turn could take for ever."""
    free: dict[int, tuple[int, ...]] = {}
    steps: dict[int, tuple[tuple[str, int], ...]] = {}
    last = 0
    for token in tokens:
        state, last = last, last + 1
        if token == _FOLDERS:
            last += 1
            free[state] = (state + 1, last)
            steps[state + 1] = ((".", state + 1), ("/", last))
        elif token in _REPEATED:
            free[state] = (last,)
            steps[state] = ((token[:-1], state),)
        else:
            steps[state] = ((token, last),)
    compiled = {token: re.compile(token, re.DOTALL).fullmatch for edges in steps.values() for token, _ in edges}

    def closed(states: set[int]) -> set[int]:
        pending = list(states)
        while pending:
            new = [state for state in free.get(pending.pop(), ()) if state not in states]
            states.update(new)
            pending += new
        return states

    def matches(path: str) -> bool:
        states = closed({0})
        for char in path:
            edges = (edge for state in states for edge in steps.get(state, ()))
            states = closed({target for token, target in edges if compiled[token](char)})
        return last in states

    return matches
