"""Short ways to write a remedy."""

from __future__ import annotations

import json
from typing import Any

from pytest_dockerharden.model.finding import Class, Edit, Remedy
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.shell import Word

_WITH_DEFAULT = pattern(r"\$\{([A-Za-z_]\w*):?-[^${}]*\}")


def set_key(path: str, value: object, *, effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
    """Write ``value`` at a dotted path below the service: ``set_key("deploy.resources.limits.pids", 100)``."""
    steps = tuple(path.split("."))
    return Remedy("\n".join(yaml_lines(steps, value)), (Edit("set", steps, value),), effect, breaks)


def append_item(path: str, item: object, *, effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
    """Add ``item`` to the list at a dotted path below the service."""
    steps = tuple(path.split("."))
    return Remedy("\n".join(yaml_lines(steps, [item])), (Edit("append", steps, item),), effect, breaks)


def remove_key(path: str, *, text: str = "", effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
    """Take out what stands at a dotted path below the service."""
    steps = tuple(path.split("."))
    return Remedy(text or f"remove `{path}`", (Edit("remove", steps),), effect, breaks)


def remove_item(
    path: str, at: TextOrigin, *, text: str, effect: Class = "behaviour-changing", breaks: str = ""
) -> Remedy:
    """Take the item that stands at a place out of the list at a dotted path below the service."""
    return Remedy(text, (Edit("remove", tuple(path.split(".")), at=at),), effect, breaks)


def rewrite_item(
    path: str, at: TextOrigin, new: str, *, text: str, effect: Class = "behaviour-changing", breaks: str = ""
) -> Remedy:
    """Write an item of a list, a text, anew. ``{}`` in ``new`` stands for what is there: ``"{}:ro"``."""
    return Remedy(text, (Edit("replace", tuple(path.split(".")), new, at),), effect, breaks)


def set_in_item(
    path: str, at: TextOrigin, key: str, value: object, *, effect: Class = "behaviour-changing", breaks: str = ""
) -> Remedy:
    """Write a key of the mapping that is the item at a place of the list at ``path``."""
    edit = Edit("set", (*path.split("."), key), value, at)
    return Remedy("\n".join(yaml_lines((key,), value)), (edit,), effect, breaks)


def replace_text(
    at: TextOrigin | Word, new: str, *, text: str = "", effect: Class = "behaviour-changing", breaks: str = ""
) -> Remedy:
    """Put ``new`` in place of a span of any file, or of a word if it stands there just as it was read.

    ``text`` are the lines to show for it.
    """
    return Remedy(text or new, (text_edit(at, new),), effect, breaks)


def text_edit(at: TextOrigin | Word, new: str, path: str = "") -> Edit:
    """The edit of :func:`replace_text`; ``path`` says of which key below the service it changes the value."""
    steps = tuple(path.split(".")) if path else ()
    if isinstance(at, Word):
        return Edit("text", steps, new, at.origin, at.raw)
    return Edit("text", steps, new, at)


def insert_behind(
    at: TextOrigin | Word, new: str, *, text: str, effect: Class = "behaviour-changing", breaks: str = ""
) -> Remedy:
    """Write ``new`` behind a span or a word of any file."""
    if isinstance(at, Word):
        return replace_text(at, f"{at.raw}{new}", text=text, effect=effect, breaks=breaks)
    end = TextOrigin(at.file, at.end_line, at.end_column, at.end_line, at.end_column)
    return replace_text(end, new, text=text, effect=effect, breaks=breaks)


def insert_before(word: Word, new: str, *, text: str, effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
    """Write ``new`` in front of a word of any file."""
    return replace_text(word, f"{new}{word.raw}", text=text, effect=effect, breaks=breaks)


def insert_line(at: TextOrigin, line: str, *, effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
    """Write a line of its own above the one that a span begins on."""
    start = TextOrigin(at.file, at.line, 1, at.line, 1)
    return replace_text(start, f"{line}\n", text=line, effect=effect, breaks=breaks)


def remove_word(at: TextOrigin, *, text: str, effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
    """Take out a word and the blank behind it."""
    wider = TextOrigin(at.file, at.line, at.column, at.end_line, at.end_column + 1)
    return replace_text(wider, "", text=text, effect=effect, breaks=breaks)


def remove_lines(at: TextOrigin, *, text: str, effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
    """Take out the whole lines of a span of any file."""
    return replace_text(whole_lines(at), "", text=text, effect=effect, breaks=breaks)


def whole_lines(at: TextOrigin) -> TextOrigin:
    """The lines that a span stands on, the end of the last one included."""
    return TextOrigin(at.file, at.line, 1, at.end_line + 1, 1)


def replace_key(path: str, value: object, *, effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
    """Write ``value`` at a dotted path below the service in place of all that is there."""
    steps = tuple(path.split("."))
    return Remedy("\n".join(yaml_lines(steps, value)), (Edit("replace", steps, value),), effect, breaks)


def require_variable(path: str, node: Node, text: str, *, assigned: str = "") -> Remedy:
    """Take the default out of ``${NAME:-default}``, where this is all that stands there; ``text`` is what to show.

    ``path`` is the value's dotted path below the service. ``assigned`` is the name in front of an item ``NAME=value``.
    """
    found = _WITH_DEFAULT.fullmatch(node.template or "")
    if found is None:
        return advice(text)
    in_list = assigned and node.key_origin == node.origin
    new = f"{assigned}=${{{found[1]}:?}}" if in_list else f"${{{found[1]}:?}}"
    return rewrite_item(path, node.origin, new, text=text, breaks=f"a start where nothing sets {found[1]}")


def advice(text: str) -> Remedy:
    """The lines to write, or what to do, where no edit is unambiguous."""
    return Remedy(text)


def yaml_lines(steps: tuple[str, ...], value: object) -> list[str]:
    """The block-style YAML lines that set ``value`` at ``steps``.

    >>> yaml_lines(("deploy", "cap_drop"), ["ALL"])
    ['deploy:', '  cap_drop:', '    - ALL']
    """
    if not steps:
        return _value_lines(value)
    below = yaml_lines(steps[1:], value)
    if len(steps) == 1 and not isinstance(value, (dict, list)):
        return [f"{steps[0]}: {below[0]}"]
    return [f"{steps[0]}:", *(f"  {line}" for line in below)]


def _value_lines(value: object) -> list[str]:
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in yaml_lines((str(key),), item)]
    if isinstance(value, list):
        return [f"- {_scalar(item)}" for item in value]
    return [_scalar(value)]


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        value = value.replace("$", "$$")
        plain = value and value.replace("_", "").replace("-", "").replace("/", "").replace(".", "").isalnum()
        ambiguous = value.lower() in {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
        return value if plain and not ambiguous and not value[0].isdigit() and value[0] != "-" else json.dumps(value)
    return json.dumps(value)
