"""Lines of source texts as they may be shown: without the secrets that the lines above them announce."""

from __future__ import annotations

import os

from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.secrets import MASK, is_secret_name, mask

_FAR_ENOUGH = 200
_MOST_PARTS = 24
_KEY = pattern(r"[\s-]*[\"']?(?P<name>[A-Za-z_][\w.-]*)[\"']?\s*[:=]\s*(?P<value>[^\s#].*)?$")
_VARIABLE = pattern(r"\s*(?:export\s+)?(?:[\w.-]{1,200}\s*[=:]\s*|[A-Z][A-Z0-9_]{0,60}\s*$)")
_ITEM = pattern(r"\s*(?:- +|(?=[\"']))(?P<text>[^\s#].*?),?\s*$")


def is_env_file(path: str) -> bool:
    """Whether a file is there to hold values, by its name: ``.env``, ``.env.prod``, ``db.env``."""
    name = os.path.basename(path)
    return name.startswith(".env") or name.endswith(".env")


def names_only(line: str) -> str:
    """A line of an env file without the value, whatever its name says, and without text that goes on with one."""
    if not line.strip() or line.lstrip().startswith("#"):
        return line
    name = _VARIABLE.match(line)
    return f"{name[0] if name else ''}{MASK}" if name is None or line[name.end() :].strip() else line


def masked_line(lines: list[str], index: int, most: int = 10_000) -> str:
    """The first characters of a line, with ``***`` for what is a secret by itself or by the lines above it."""
    line = lines[index].rstrip("\r")[:most]
    if continues_secret(lines, index):
        return f"{line[: _indent(line)]}{MASK}"
    shown = mask(line)
    return shown if shown != line else _as_part(lines, index, line, most)


def continues_secret(lines: list[str], index: int) -> bool:
    """Whether the line goes on with a value that began under a secret's key further up, as YAML block text does."""
    indent = _indent(lines[index])
    for above in range(index - 1, max(-1, index - _FAR_ENOUGH), -1):
        line = lines[above]
        if line.strip() and _indent(line) < indent:
            key = _KEY.match(line)
            return key is not None and is_secret_name(key["name"]) and (bool(key["value"]) or _is_text(lines[index]))
    return False


def _is_text(line: str) -> bool:
    # below a key without a value: neither another key, nor a list
    return not _KEY.match(line) and not line.lstrip().startswith(("- ", "#", "?"))


def _as_part(lines: list[str], index: int, line: str, most: int) -> str:
    """The line as the end of the command that the lines above begin: items of a list, or continued lines."""
    item = _ITEM.match(line)
    text = item["text"] if item else line.strip()
    parts = _items_above(lines, index) if item else _continued_above(lines, index)
    if not parts or not text:
        return line
    before = " ".join(part[:most] for part in parts)
    shown, known = mask(f"{before} {text}"), mask(before)
    if shown.endswith(text):
        return line
    rest = shown[len(known) :].strip() if shown.startswith(known) else MASK
    return line.replace(text, rest or MASK)


def _items_above(lines: list[str], index: int) -> list[str]:
    indent, parts = _indent(lines[index]), []
    for above in range(index - 1, max(-1, index - _MOST_PARTS), -1):
        item = _ITEM.match(lines[above])
        if item is None or _indent(lines[above]) != indent:
            break
        parts.append(item["text"].strip("\"'"))
    return parts[::-1]


def _continued_above(lines: list[str], index: int) -> list[str]:
    parts: list[str] = []
    for above in range(index - 1, max(-1, index - _MOST_PARTS), -1):
        line = lines[above].rstrip()
        if not line.endswith("\\"):
            break
        parts.append(line[:-1].strip())
    return parts[::-1]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
