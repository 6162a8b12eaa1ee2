"""Where the characters of a YAML or JSON scalar stand, from its span and the text of its file."""

from __future__ import annotations

import re

from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.source.places import Places

_ESCAPE = pattern(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n[ \t]*|.)", re.DOTALL)
_BLOCK_HEADER = pattern(r"[|>][0-9+-]*[ \t]*(?:#[^\n]*)?\r?\n")
_LINE_BREAK = pattern(r"[ \t]*\r?\n[ \t]*")


def place_of_scalar(value: str, origin: TextOrigin, source: str | None = None, *, raw: str | None = None) -> Places:
    """The places of ``value``, which is what the scalar at ``origin`` says.

    ``source`` is the text of the file; ``raw`` that of the scalar alone, where it is at hand. Exact as long as source
    and value agree up to quotes, escapes, ``$$`` and line folding; from the first other difference on (a variable was
    filled in) the column is that of the difference. Without any text: exact for one line, else the start.
    """
    if raw is None and source is not None:
        raw = _cut(source, origin)
    if raw is None:
        return Places(origin.file, [(0, origin.line, origin.column + _quote_width(value, origin))])
    lines = raw.split("\n")
    whole = Places.of_lines(origin.file, lines, origin.line)
    pieces = [(start, line, 1 if line > origin.line else origin.column) for start, line, _ in whole.pieces(len(raw))]
    return Places(origin.file, pieces).pick(_offsets(raw, value))


def _cut(source: str, origin: TextOrigin) -> str:
    lines = source.split("\n")[origin.line - 1 : origin.end_line]
    if not lines:
        return ""
    lines[-1] = lines[-1][: origin.end_column - 1]
    lines[0] = lines[0][origin.column - 1 :]
    return "\n".join(lines)


def _quote_width(value: str, origin: TextOrigin) -> int:
    one_line = origin.line == origin.end_line
    return 1 if one_line and origin.end_column - origin.column == len(value) + 2 else 0


def _offsets(raw: str, value: str) -> list[int]:
    """For each character of ``value`` its offset in ``raw``."""
    style = raw[:1] if raw[:1] in ("'", '"', "|", ">") else ""
    header = _BLOCK_HEADER.match(raw)
    position = header.end() if header else (1 if style in ("'", '"') else 0)
    indentation = _indentation(raw[position:]) if header else 0
    offsets: list[int] = []
    for char in value:
        position = _skip(raw, position, char, style, indentation)
        if position >= len(raw) or not _agrees(raw, position, char, style):
            offsets.extend([min(position, max(len(raw) - 1, 0))] * (len(value) - len(offsets)))
            break
        offsets.append(position)
        position += _width(raw, position, style)
    return offsets


def _indentation(block: str) -> int:
    """How far a block scalar is indented; more where its header says that the first line is."""
    return min((len(line) - len(line.lstrip(" ")) for line in block.split("\n") if line.strip()), default=0)


def _skip(raw: str, position: int, char: str, style: str, indentation: int) -> int:
    """Over what the value does not have: indentation of a block line, the first of ``$$``, an escaped line break."""
    if indentation and raw[position - 1] == "\n" and char != "\n":
        position += indentation
    if style == '"':
        while raw[position : position + 2] == "\\\n":
            position += 2
            while raw[position : position + 1] in (" ", "\t"):
                position += 1
    return position


def _agrees(raw: str, position: int, char: str, style: str) -> bool:
    found = raw[position]
    if found == char or (style == '"' and found == "\\"):
        return True
    return char == " " and found in "\r\n"


def _width(raw: str, position: int, style: str) -> int:
    if style == '"' and raw[position] == "\\":
        escape = _ESCAPE.match(raw, position)
        return len(escape[0]) if escape else 1
    if raw.startswith("$$", position) or (style == "'" and raw.startswith("''", position)):
        return 2
    if style not in ("|", ">", "") or (style == "" and raw[position] in "\r\n \t"):
        folded = _LINE_BREAK.match(raw, position)
        return len(folded[0]) if folded else 1
    return 1
