"""New nodes out of old ones: what a short form says, each part with the place that says it."""

from __future__ import annotations

from pytest_dockerharden.model.node import Node, Scalar
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import Problem

_REFERENCE = pattern(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)[^{}]*\}|([A-Za-z_][A-Za-z0-9_]*))", needs=("$",))
_MASK = {":": "\ue000", "/": "\ue001", ",": "\ue002", "=": "\ue003", "-": "\ue004"}
_MASKING = str.maketrans(_MASK)
_UNMASKING = str.maketrans({mask: char for char, mask in _MASK.items()})


def derive(node: Node, value: Scalar | dict[str, Node] | list[Node], key: TextOrigin | None = None) -> Node:
    """A node with another value that comes from the same text; ``key`` replaces the place of its key."""
    return Node(value, node.origin, key or node.key_origin, node.related, node.template, node.unresolved)


def default(node: Node, value: Scalar | dict[str, Node] | list[Node]) -> Node:
    """A value that Docker Compose adds because of ``node``: it stands nowhere, so it points there."""
    return Node(value, node.place, None, node.related)


def piece_origin(node: Node, start: int, end: int) -> TextOrigin:
    """The span of ``text[start:end]`` of a scalar, or that of the whole scalar where escapes or variables are in it."""
    origin, value = node.origin, node.value
    if node.template is not None or not isinstance(value, str) or origin.line != origin.end_line:
        return origin
    quotes = origin.end_column - origin.column - len(value)
    if quotes not in {0, 2}:
        return origin
    column = origin.column + quotes // 2
    return TextOrigin(origin.file, origin.line, column + start, origin.line, column + end)


def text_of(node: Node) -> str:
    """The text of a scalar, fit to be taken apart by a short form's grammar.

    A part that no file gives a value (``${DATA}`` in ``${DATA}:/data``) stands there as a reference whose own
    punctuation is masked, so that it stays one part; ``reveal`` turns it back.
    """
    if not node.unresolved or node.template is None:
        return node.value if isinstance(node.value, str) else node.text()
    template = _REFERENCE.sub(lambda match: match[0].translate(_MASKING), node.template)
    values = node.text().split(":")
    parts = template.split(":")
    if len(values) != len(parts):
        return template
    return ":".join(p if is_open(node, p) else v for p, v in zip(parts, values, strict=True))


def is_open(node: Node, part: str) -> bool:
    """Whether a part names a variable that no file gives a value."""
    return any((match[1] or match[2]) in node.unresolved for match in _REFERENCE.finditer(part))


def reveal(part: str) -> str:
    """A part of ``text_of`` as it was written."""
    return part.translate(_UNMASKING)


class Parts:
    """Makes the nodes for the parts of one short form, each with its own span and its own unknown variables."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.text = text_of(node)

    def __call__(self, value: Scalar, start: int, end: int) -> Node:
        """The node for ``text[start:end]``, with ``value`` where that part is known."""
        node = self.node
        part = self.text[start:end]
        if not node.unresolved:
            return Node(value, piece_origin(node, start, end), None, node.related, node.template)
        if is_open(node, part):
            return Node(reveal(part), node.origin, None, node.related, node.template, node.unresolved)
        return Node(value, node.origin, None, node.related, node.template)


Entries = dict[str, Node]


def entries_below(node: Node, key: str) -> Entries:
    """The entries of the mapping under a key, none where there is no mapping."""
    children = node.get(key)
    return dict(children.items()) if children is not None else {}


def value_at(node: Node, *path: str | int) -> Node | None:
    """The node at a path, None where it is absent or null."""
    child = node.get(*path)
    return None if child is None or child.value is None else child


def refused(message: str, node: Node, hint: str = "") -> Problem:
    """The problem of a value that Docker Compose would not load."""
    return Problem("refused", message, node.origin, hint)


def warned(message: str, node: Node, hint: str = "") -> Problem:
    """The problem of a value that loads, but not as one thinks."""
    return Problem("warning", message, node.origin, hint)
