"""Cut the argument text of an instruction: words, flags, JSON strings, pairs. Spans only; nothing is expanded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pytest_dockerharden.model.pattern import pattern

Span = tuple[int, int]

BLANK = "\t\v\f\r "
SPLIT = pattern(r"[^\t\v\f\r ]+")
_FLAG = pattern(
    r"""--(?P<name>[^\s='"\\]*)(?:=(?P<value>(?:\\.|'(?:\\.|[^'\\])*(?:'|\\?$)|"(?:\\.|[^"\\])*(?:"|\\?$)|[^\s'"\\])*))?"""
)
_QUOTED = pattern(r"""'((?:\\.|[^'\\])*)'?|"((?:\\.|[^"\\])*)"?|\\(.)""")
_ESCAPED = pattern(r"\\(.)")
_STRING = pattern(r'"(?:[^"\\]|\\.)*"')
_ALMOST_JSON = pattern(r"""\[(?:["'“”‘’]|[ \t]*(?:["'“”‘’][^"'“”‘’]*["'“”‘’]|[\w./:-]+)\s*,)""")
SHELL_WORD = {
    escape: pattern(
        rf"""(?:{e}.|{e}$|'[^']*(?P<open1>'|$)|"(?:{e}.|[^"{e}])*(?P<open2>"|{e}?$)|[^\s'"{e}])+""", re.DOTALL
    )
    for escape, e in (("\\", r"\\"), ("`", "`"))
}
HEREDOC = pattern(r"(\d*)<<(-?)([^<]+)")


def flags(text: str, start: int) -> tuple[list[tuple[Span, str, Span | None]], int]:
    """The leading ``--name=value`` words (span, name, span of the value) and the offset where the rest begins."""
    found: list[tuple[Span, str, Span | None]] = []
    while True:
        start = _next_word(text, start)
        match = _FLAG.match(text, start)
        if not match:
            return found, start
        start = match.end()
        if match[0] == "--":
            return found, _next_word(text, start)
        found.append((match.span(), match["name"], match.span("value") if match["value"] is not None else None))


def _next_word(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def unquote_flag(raw: str) -> str:
    """The value of a flag as BuildKit reads it: a backslash escapes in both kinds of quotes."""
    if "\\" not in raw and "'" not in raw and '"' not in raw:
        return raw
    return _QUOTED.sub(lambda m: m[3] or _ESCAPED.sub(r"\1", m[1] if m[1] is not None else m[2] or ""), raw)


def json_strings(text: str, start: int) -> list[tuple[Span, str]] | None:
    """Spans and values of a JSON array of strings; None where it is no JSON array. ValueError for other items."""
    if not text.startswith("[", start):
        return None
    try:
        values = json.loads(text[start:])
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(value, str) for value in values):
        raise ValueError("arrays hold strings only")
    return [(match.span(), value) for match, value in zip(_STRING.finditer(text, start), values, strict=True)]


def almost_json(text: str) -> bool:
    """Whether it was meant as JSON: ``['a', 'b']``, ``["a" "b"]``, ``["a"] # why``; not the test ``[ "$a" = b ]``."""
    return _ALMOST_JSON.match(text) is not None


def shell_words(text: str, start: int, escape: str) -> Iterator[Span]:
    """Words split at blanks outside quotes, as ENV and LABEL are."""
    return (match.span() for match in SHELL_WORD[escape].finditer(text, start))


def heredocs(text: str) -> list[tuple[str, bool, bool]]:
    """The ``<<NAME`` words of a RUN, COPY or ADD: name, whether the body is expanded, whether tabs are chomped."""
    found = []
    for match in SHELL_WORD["\\"].finditer(text):
        if "" in (match["open1"], match["open2"]):
            return []
        heredoc = HEREDOC.fullmatch(match[0])
        if heredoc:
            raw = heredoc[3]
            name = _unquote(raw)
            found.append((name, name == raw, heredoc[2] == "-"))
    return found


def _unquote(raw: str) -> str:
    return re.sub(r"'([^']*)'|\"((?:\\.|[^\"\\])*)\"|\\(.)", lambda m: m[1] or m[2] or m[3] or "", raw)
