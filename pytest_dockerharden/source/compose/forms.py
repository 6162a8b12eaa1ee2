"""What every value of a compose model goes through on its way to its canonical form.

A form takes a node to a new one and appends what it cannot read, or what means something else than it seems, to a list.
Forms may be applied twice. Values that no file decides (``node.unresolved``) are kept where they cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.compose.derive import derive, piece_origin, refused, warned
from pytest_dockerharden.source.compose.units import (
    format_duration,
    go_number,
    is_foreign_bool,
    parse_bool,
    parse_bytes,
    parse_float,
    parse_integer,
    scalar_text,
)

Problems = list[Problem]
Form = Callable[[Node, Problems], Node]
BYTES_HINT = "write it with a unit: 512m, 1g"


def key_values(node: Node, *, keep_null: bool = True) -> Node:
    """A mapping of texts out of a mapping or a list of ``K=V``; the last entry of a key decides.

    An entry without a value is null, or with ``keep_null=False`` the empty text.
    """
    entries: dict[str, Node] = {}
    if isinstance(node.value, list):
        for item in node.value:
            key, entry = _key_value(item)
            if entry.value is None and not keep_null:
                entry.value = ""
            entries.pop(key, None)
            entries[key] = entry
        return derive(node, entries)
    for key, entry in node.items():
        entries[key] = entry if isinstance(entry.value, str) else _text_entry(entry, keep_null)
    return derive(node, entries) if isinstance(node.value, dict) else node


def _key_value(item: Node) -> tuple[str, Node]:
    text = item.text()
    key, separator, value = text.partition("=")
    place = piece_origin(item, 0, len(key))
    if not separator:
        return key, Node(None, place, place, item.related, item.template, item.unresolved)
    origin = piece_origin(item, len(key) + 1, len(text))
    return key, Node(value, origin, place, item.related, _value_template(item.template), item.unresolved)


def _value_template(template: str | None) -> str | None:
    """The value's part of ``K=V``; the whole where a variable may hold the equals sign."""
    key, separator, value = (template or "").partition("=")
    return value if separator and "$" not in key else template


def _text_entry(entry: Node, keep_null: bool) -> Node:
    if isinstance(entry.value, (dict, list)) or (entry.value is None and keep_null):
        return entry
    return derive(entry, scalar_text(entry.value))


def mapping(forms: dict[str, Form]) -> Form:
    """Each known key of a mapping in its own form; ``x-`` extensions are dropped."""

    def form(node: Node, found: Problems) -> Node:
        if not isinstance(node.value, dict):
            return node
        entries = {}
        for key, child in node.value.items():
            if key in forms:
                entries[key] = forms[key](child, found) if child.value is not None else child
            elif not key.startswith("x-"):
                entries[key] = child
        return derive(node, entries)

    return form


def entries_of(form: Form) -> Form:
    """The same form for every entry of a mapping that the user names."""

    def entries(node: Node, found: Problems) -> Node:
        if not isinstance(node.value, dict):
            return node
        return derive(node, {key: form(child, found) for key, child in node.value.items()})

    return entries


def items_of(form: Form) -> Form:
    """The same form for every item of a list."""

    def items(node: Node, found: Problems) -> Node:
        if not isinstance(node.value, list):
            return node
        return derive(node, [form(item, found) for item in node.value])

    return items


def chain(first: Form, second: Form) -> Form:
    """One form after the other."""
    return lambda node, found: second(first(node, found), found)


def as_texts(node: Node, found: Problems) -> Node:
    """A list of texts out of a scalar or a list of scalars."""
    if isinstance(node.value, dict):
        return node
    items = node.value if isinstance(node.value, list) else [derive(node, node.value)]
    return derive(node, [as_text(item, found) for item in items])


def as_text(node: Node, found: Problems) -> Node:
    """A scalar as text."""
    return node if isinstance(node.value, (str, dict, list)) else derive(node, scalar_text(node.value))


def null_texts(node: Node, found: Problems) -> Node:
    """A mapping of texts; a key without a value is null."""
    return key_values(node)


def empty_texts(node: Node, found: Problems) -> Node:
    """A mapping of texts; a key without a value is empty."""
    return key_values(node, keep_null=False)


def as_bytes(node: Node, found: Problems) -> Node:
    """A size as the text of its bytes; null where Docker Compose ignores it, which a number with a fraction is."""
    value = node.value
    if isinstance(value, str):
        size = parse_bytes(value)
        if size is not None:
            return derive(node, str(size))
        return unreadable(node, found, "a size", BYTES_HINT)
    if isinstance(value, float):
        found.append(warned(f"the number {go_number(value)} with a fraction or exponent is ignored", node, BYTES_HINT))
        return derive(node, None)
    return derive(node, str(value)) if isinstance(value, int) and not isinstance(value, bool) else node


def as_duration(node: Node, found: Problems) -> Node:
    """A duration as ``1h30m0s``."""
    if not isinstance(node.value, str):
        return node
    try:
        return derive(node, format_duration(node.value))
    except ValueError:
        return unreadable(node, found, "a duration", "write it with a unit: 30s, 1m30s, 1h")


def as_integer(node: Node, found: Problems) -> Node:
    """A whole number."""
    if isinstance(node.value, float):
        return derive(node, int(node.value)) if abs(node.value) < 2**63 else node
    if not isinstance(node.value, str):
        return node
    number = parse_integer(node.value)
    return derive(node, number) if number is not None else unreadable(node, found, "an integer")


def as_number(node: Node, found: Problems) -> Node:
    """A number."""
    if not isinstance(node.value, str):
        return node
    number = parse_float(node.value)
    return derive(node, number) if number is not None else unreadable(node, found, "a number")


def as_bool(node: Node, found: Problems) -> Node:
    """A boolean."""
    if not isinstance(node.value, str):
        return node
    truth = parse_bool(node.value)
    if is_foreign_bool(node.value):
        word = "true" if truth else "false"
        found.append(warned(f"{node.value!r} for a boolean is not supported by YAML 1.2, write {word}", node))
    return derive(node, truth) if truth is not None else unreadable(node, found, "a boolean")


def unreadable(node: Node, found: Problems, what: str, hint: str = "") -> Node:
    """Note that a text should be ``what``, and keep it."""
    if not node.unresolved:
        found.append(refused(f"must be {what}", node, hint))
    return node


def as_count(node: Node, found: Problems) -> Node:
    """A number of devices; ``all`` is -1."""
    return derive(node, -1) if node.value == "all" else as_integer(node, found)
