"""What a shell makes of one word: quotes off, known variables in, unknown ones kept as unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pytest_dockerharden.model.pattern import pattern

if TYPE_CHECKING:
    from tree_sitter import Node

Part = tuple[str | None, bool]
"""Text (None: not known) and whether the shell splits it at blanks and expands globs in it."""

Slice = Callable[[int, int], str]

LONGEST = 2048
"""Characters that a variable may put into a word; a longer value is unknown, since ``A=$A$A`` doubles every time."""

PLAIN = pattern(r"[\w./:=,+@%^#-]+", re.ASCII)
_ESCAPED = pattern(r"\\(\n?)(.?)", re.DOTALL)
_ESCAPED_IN_QUOTES = pattern(r'\\(?:\n|([$`"\\]))')
_BRACES = pattern(r"\{[^{}]*(?:,|\.\.)[^{}]*\}")
_GLOB = pattern(rf"[*?]|{_BRACES.pattern}")
_GLOB_MARKS = frozenset("*?{")
_BRACED = pattern(r"\$\{(\w+)\}")
_DEFAULT = pattern(r"\$\{(\w+)(:?[-+])([^{}$\"'\\`]*)\}")
_NOT_LITERAL = frozenset(
    ["command_substitution", "process_substitution", "arithmetic_expansion", "brace_expression", "subscript", "ERROR"]
)
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "e": "\x1b"}


def fields(node: Node, cut: Slice, variables: Mapping[str, str | None]) -> list[str | None]:
    """The words that one word becomes; ``$EMPTY`` becomes none, ``$LIST`` several."""
    return _split(_bounded(parts(node, cut, variables), node.end_byte - node.start_byte))


def _bounded(found: list[Part], size: int) -> list[Part]:
    """Not known where variables make a word of ``size`` bytes much longer."""
    length = sum(len(text) for text, _ in found if text is not None)
    return found if length <= LONGEST + size else [(None, False)]


def joined(node: Node, cut: Slice, variables: Mapping[str, str | None]) -> str | None:
    """The value where nothing is split: an assignment, a redirection target."""
    found = _bounded(parts(node, cut, variables), node.end_byte - node.start_byte)
    return _whole([text for text, _ in found])


def parts(node: Node, cut: Slice, variables: Mapping[str, str | None]) -> list[Part]:
    """The word in pieces, in order. ``node`` nests one level only: a concatenation of strings and expansions."""
    kind = node.type
    if kind == "concatenation":
        return _concatenation(node, cut, variables)
    text = cut(node.start_byte, node.end_byte)
    if kind == "raw_string":
        return [(text[1:-1], False)]
    if kind in ("string", "translated_string"):
        return _string(node, cut, variables)
    if kind == "simple_expansion":
        return [(text[: len(text) - len(text.lstrip())], False), (variables.get(text.strip()[1:]), True)]
    if kind == "expansion":
        return [(text[: len(text) - len(text.lstrip())], False), (_braced(text.strip(), variables), True)]
    if kind == "ansi_c_string":
        return [(re.sub(r"\\(.)", lambda m: _ANSI.get(m[1], m[0]), text[2:-1], flags=re.DOTALL), False)]
    if kind in _NOT_LITERAL:
        return [(None, False)]
    return [(_unquoted(text), False)]


def _concatenation(node: Node, cut: Slice, variables: Mapping[str, str | None]) -> list[Part]:
    raw = cut(node.start_byte, node.end_byte)
    if "{" in raw and _BRACES.search(raw) and "{" in [cut(c.start_byte, c.end_byte) for c in node.children]:
        return [(None, False)]
    return [part for child in node.children for part in parts(child, cut, variables)]


def _unquoted(text: str) -> str | None:
    """A bare word. A glob decides it, except in a URL, where nobody has a file of that name."""
    if not _GLOB_MARKS.isdisjoint(text) and _GLOB.search(text) and "://" not in text and "\\" not in text:
        return None
    return _ESCAPED.sub(r"\2", text) if "\\" in text else text


def _string(node: Node, cut: Slice, variables: Mapping[str, str | None]) -> list[Part]:
    """Between the quotes; the grammar leaves blanks out, so what lies between its nodes counts as text."""
    found: list[Part] = []
    children = node.children
    position = children[0].end_byte if children else node.start_byte
    for child in children[1:]:
        if child.type == "string_content":
            continue
        found.append((_in_quotes(cut(position, child.start_byte)), False))
        if child.type not in ('"', "$"):
            found.extend((text, False) for text, _ in parts(child, cut, variables))
        elif child.type == "$":
            found.append(("$", False))
        position = child.end_byte
    return found


def _in_quotes(text: str) -> str:
    return _ESCAPED_IN_QUOTES.sub(r"\1", text) if "\\" in text else text


def _braced(text: str, variables: Mapping[str, str | None]) -> str | None:
    simple = _BRACED.fullmatch(text)
    if simple:
        return variables.get(simple[1])
    default = _DEFAULT.fullmatch(text)
    value = variables.get(default[1]) if default else None
    if default is None or value is None:
        return None
    absent = default[2][0] == ":" and not value
    if default[2][-1] == "-":
        return default[3] if absent else value
    return "" if absent else default[3]


def _split(found: list[Part]) -> list[str | None]:
    if not any(splittable for _, splittable in found):
        return [_whole([text for text, _ in found])]
    words: list[list[str | None]] = [[]]
    started = False
    for text, splittable in found:
        if not splittable or text is None:
            words[-1].append(text)
            started = started or (not splittable and text != "")
            continue
        pieces = re.split(r"[ \t\n]+", text)
        words[-1].append(_no_glob(pieces[0]))
        words.extend([_no_glob(piece)] for piece in pieces[1:])
    values = [_whole(word) for word in words]
    return [value for value in values if value != "" or (started and len(values) == 1)]


def _no_glob(text: str) -> str | None:
    return None if _GLOB.search(text) and "://" not in text else text


def _whole(texts: list[str | None]) -> str | None:
    return None if None in texts else "".join(text for text in texts if text is not None)


def literal(node: Node, cut: Slice) -> tuple[str, list[int]] | None:
    """Text and byte offsets of the characters of a quoted or bare word, expansions left as they are written.

    For the text of ``sh -c "..."``, which another shell reads. None for what is not one quoted word.
    """
    raw = cut(node.start_byte, node.end_byte)
    if node.type == "raw_string":
        return raw[1:-1], list(range(1, len(raw) - 1))
    if node.type == "word":
        return raw, list(range(len(raw)))
    if node.type != "string":
        return None
    text: list[str] = []
    offsets: list[int] = []
    index = 1
    while index < len(raw) - 1:
        escaped = _ESCAPED_IN_QUOTES.match(raw, index)
        if escaped and escaped[1] is None:
            index = escaped.end()
            continue
        index = escaped.start(1) if escaped else index
        text.append(raw[index])
        offsets.append(index)
        index += 1
    return "".join(text), offsets
