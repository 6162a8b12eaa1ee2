"""Plain values as the YAML that Docker Compose reads back as just these values."""

from __future__ import annotations

import json

from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.source.compose.scalars import typed

# what no YAML reader, of 1.1 or 1.2, takes for anything but this text; a comma does harm in flow style alone
_PLAIN = pattern(r"[A-Za-z0-9_/.][\w/.@+=,-]*(?::[\w/.@+=,-]+)*", 0)
_AMBIGUOUS = pattern(r"(?i)[\d:._+-]*|0[xo].*|true|false|yes|no|on|off|y|n|null|[-+]?\.?(?:inf|nan)|\d+e[+-]?\d+")


def scalar(value: object, style: str | None = None, *, in_flow: bool = False) -> str:
    """A scalar on one line; a text is quoted as ``style`` says (``"`` or ``'``), and where it must be.

    A ``$`` is doubled, so that no variable is made of it.
    """
    if not isinstance(value, str):
        return json.dumps(value)
    text = value.replace("$", "$$")
    if style == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    if style != '"' and not (in_flow and "," in text) and _is_plain(text):
        return text
    return json.dumps(text, ensure_ascii=False)


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and not _AMBIGUOUS.fullmatch(text) and isinstance(typed(text), str)


def flow(value: object) -> str:
    """Any value in flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(str(key))}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        style = '"' if _is_command(value) else None
        return "[" + ", ".join(flow(item) if style is None else scalar(item, style) for item in value) + "]"
    return scalar(value, in_flow=True)


def as_json(value: object) -> str:
    """Any value as JSON, for files that are written so."""
    return json.dumps(value, ensure_ascii=False).replace("$", "$$")


def _is_command(value: list[object] | tuple[object, ...]) -> bool:
    """Whether it is what a healthcheck runs: people write that on one line, and quote all of it."""
    return value[:1] in (["CMD"], ["CMD-SHELL"])


def item(value: object) -> str:
    """What stands behind the dash of an item."""
    return flow(value) if isinstance(value, (dict, list, tuple)) else scalar(value)


def block(key: str, value: object, step: int) -> list[str]:
    """The lines of an entry in block style, each level indented by ``step`` more."""
    head, pad = f"{scalar(key)}:", " " * step
    if isinstance(value, dict) and value:
        return [head, *(pad + line for name, below in value.items() for line in block(str(name), below, step))]
    if isinstance(value, (list, tuple)) and value and not _is_command(value):
        return [head, *(f"{pad}- {item(each)}" for each in value)]
    return [head if value is None else f"{head} {item(value)}"]
