"""Is it a Dockerfile at all, or the template of one (Jinja, Go, ERB, autoconf)?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.dockerfile.lines import Lines, LogicalLine

_SIGNS = ("{{", "{%", "{#", "<%", "%%")
_LINE = pattern(r"\s*(\{[{%#]|<%)")
_FROM = pattern(r"\s*FROM\s.*?(\{\{|\{%|<%|%%\w+%%|@[A-Za-z_]+@)", re.IGNORECASE)
_PLAIN = pattern(r"\s*(?:USER|EXPOSE|WORKDIR|VOLUME|STOPSIGNAL)\s[^'\"]*?(\{[{%]|<%)", re.IGNORECASE)
_STATEMENT = pattern(r"\{%[-+]?\s*(?:for|if|endif|endfor|else|elif|set|include|block|raw|macro|import)\b")
_EXPRESSION = pattern(r"\{\{|<%")


def find_template(lines: Lines, refused: Iterable[Problem]) -> Problem | None:
    """The one problem of a text that has to be rendered first; ``refused`` is what the builder would not take of it."""
    if not _may_hold_sign(lines.text):
        return None
    bad_lines = {problem.origin.line for problem in refused if problem.kind == "refused"}
    for line in filter(lambda line: _may_hold_sign(line.text), lines.logical):
        offset = _sign(line, is_bad=not bad_lines.isdisjoint(_numbers(line)))
        if offset is not None:
            number, column = line.places.at(offset)
            origin = TextOrigin(lines.path, number, column, number, column + 2)
            hint = "render it first, and judge what comes out"
            return Problem("template", "this is a template of a Dockerfile", origin, hint)
    return None


def _may_hold_sign(text: str) -> bool:
    return any(sign in text for sign in _SIGNS) or text.count("@") > 1


def _sign(line: LogicalLine, *, is_bad: bool) -> int | None:
    """Where a line shows that it is part of a template: at its start, in its base image or user, or unquoted."""
    if match := _LINE.match(line.text) or _FROM.match(line.text) or _PLAIN.match(line.text):
        return match.start(1)
    for expression in (_STATEMENT, _EXPRESSION) if is_bad else (_STATEMENT,):
        match = expression.search(line.text)
        if match and not any(line.text.count(quote, 0, match.start()) % 2 for quote in "'\""):
            return match.start()
    return None


def _numbers(line: LogicalLine) -> range:
    return range(line.places.at(0)[0], line.end[0] + 1)
