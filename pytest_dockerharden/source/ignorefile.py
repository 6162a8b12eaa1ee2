"""``.dockerignore``, as the builder reads it (moby/patternmatcher)."""

from __future__ import annotations

import posixpath
import re

from pytest_dockerharden.model.ignorefile import IgnoreFile, Pattern
from pytest_dockerharden.model.origin import TextOrigin

_SET_OPERATORS = re.compile(r"[\[&~|]|-(?=-)")


def parse(text: str, path: str) -> IgnoreFile:
    """Parse an ignore file. A pattern that is no pattern excludes nothing."""
    patterns = [pattern for number, line in enumerate(text.split("\n"), 1) if (pattern := _pattern(line, path, number))]
    rules = [(pattern.negated, _expression(pattern.text)) for pattern in patterns]

    def excludes(name: str) -> bool:
        parts = posixpath.normpath(name).split("/")
        paths = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        excluded = False
        for negated, expression in rules:
            if negated == excluded and expression is not None and any(map(expression.fullmatch, paths)):
                excluded = not negated
        return excluded

    return IgnoreFile(path, tuple(patterns), excludes)


def _pattern(line: str, path: str, number: int) -> Pattern | None:
    text = line.removeprefix("\ufeff") if number == 1 else line
    if text.startswith("#"):
        return None
    text = text.strip()
    negated = text.startswith("!")
    cleaned = posixpath.normpath(text[negated:].strip()) if text[negated:].strip() else ""
    cleaned = cleaned.lstrip("/") if len(cleaned) > 1 else cleaned
    if not cleaned or cleaned == ".":
        return None
    column = len(line) - len(line.lstrip()) + 1
    return Pattern(cleaned, negated, TextOrigin(path, number, column, number, column + len(text)))


def _expression(pattern: str) -> re.Pattern[str] | None:
    """``**`` crosses folders, ``*`` and ``?`` do not, ``[a-z]`` is a class, a backslash takes the next one as it is."""
    out, index = "", 0
    while index < len(pattern):
        char = pattern[index]
        if pattern.startswith("**", index):
            index += 2
            if pattern.startswith("/", index):
                index += 1
            out += ".*" if index >= len(pattern) else "(?:.*/)?"
            continue
        if char == "\\" and index + 1 < len(pattern):
            index += 1
            out += re.escape(pattern[index])
        elif char == "[":
            end = pattern.find("]", index + 2)
            if end < 0:
                return None
            out += "[" + _SET_OPERATORS.sub(r"\\\g<0>", pattern[index + 1 : end]) + "]"
            index = end
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
        index += 1
    try:
        return re.compile(out, re.DOTALL)
    except re.error:
        return None
