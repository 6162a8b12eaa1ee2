"""Where things stand in a YAML text: every collection, key and value with its offsets, as written.

Unlike the tree that is judged, aliases are not followed and merge keys are keys: it is the text and not what it means.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

import yaml

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.source.compose.tree import LOADER, ODD_BREAKS

Place = tuple[int, int]
_BLOCK_STYLES = {"|", ">"}


@dataclass(slots=True, eq=False)
class Shape:
    """One value as it is written. ``kind`` is map, list, scalar or alias; ``style`` the scalar's quote or indicator.

    ``anchored`` is what some alias refers to. ``entries`` are the keys and values of a mapping, ``items`` the values of
    a list. ``end`` of a block collection is where its last value ends, before comments and blank lines. ``line`` and
    ``column`` count from 0.
    """

    kind: str
    start: int
    end: int
    line: int
    column: int
    flow: bool = False
    style: str | None = None
    value: str = ""
    anchored: bool = False
    entries: list[tuple[Shape, Shape]] = field(default_factory=list)
    items: list[Shape] = field(default_factory=list)

    def entry(self, key: str) -> tuple[Shape, Shape] | None:
        """The key and the value of an entry of a mapping."""
        return next((entry for entry in self.entries if entry[0].value == key), None)

    @property
    def last(self) -> Shape:
        """The value that a collection ends with."""
        shape = self
        while shape.entries or shape.items:
            shape = shape.entries[-1][1] if shape.entries else shape.items[-1]
        return shape

    @property
    def is_null(self) -> bool:
        """Whether it is nothing, written out or not."""
        return self.kind == "scalar" and not self.style and self.value in {"", "~", "null", "Null", "NULL"}


@dataclass(slots=True, eq=False)
class Shapes:
    """All shapes of a text, by line and column from 1: collections by their start, entries by that of their key."""

    text: str
    collections: dict[Place, Shape] = field(default_factory=dict)
    scalars: dict[Place, Shape] = field(default_factory=dict)
    entries: dict[Place, tuple[Shape, Shape, Shape]] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)

    @property
    def step(self) -> int:
        """By how much this text indents: as its outermost mapping does."""
        return self.steps[-1] if self.steps else 2

    def collection(self, origin: TextOrigin) -> Shape | None:
        """The mapping or list that begins at a place."""
        return self.collections.get((origin.line, origin.column))

    def scalar(self, origin: TextOrigin) -> Shape | None:
        """The scalar or alias that begins at a place."""
        return self.scalars.get((origin.line, origin.column))

    def entry(self, origin: TextOrigin) -> tuple[Shape, Shape, Shape] | None:
        """Mapping, key and value of the entry whose key begins at a place."""
        return self.entries.get((origin.line, origin.column))


def shapes_of(text: str) -> Shapes:
    """Raises ``yaml.YAMLError`` where it is none; texts come here that were loaded before."""
    shapes = Shapes(text)
    # libyaml takes these for line ends, and offsets have to be those of the text
    readable = text if text.isascii() else text.translate(ODD_BREAKS)
    stack: list[tuple[Shape, list[Shape]]] = []
    anchors: list[tuple[str, Shape]] = []
    referred: set[str] = set()
    event: Any
    for event in yaml.parse(readable, Loader=LOADER):
        kind = type(event)
        if kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
            shape = _collection(event, "map" if kind is yaml.MappingStartEvent else "list")
            shapes.collections[event.start_mark.line + 1, event.start_mark.column + 1] = shape
            stack.append((shape, []))
            anchors.append((event.anchor, shape))
        elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            shape, children = stack.pop()
            _close(shape, children, event, shapes)
            if stack:
                stack[-1][1].append(shape)
        elif kind in (yaml.ScalarEvent, yaml.AliasEvent):
            shape = _leaf(event, text)
            shapes.scalars[event.start_mark.line + 1, event.start_mark.column + 1] = shape
            if kind is yaml.AliasEvent:
                referred.add(event.anchor)
            else:
                anchors.append((event.anchor, shape))
            if stack:
                stack[-1][1].append(shape)
    for name, shape in anchors:
        shape.anchored = name in referred
    return shapes


def _collection(event: Any, kind: str) -> Shape:
    start = event.start_mark
    return Shape(kind, start.index, start.index, start.line, start.column, bool(event.flow_style))


def _leaf(event: Any, text: str) -> Shape:
    start, end = event.start_mark, event.end_mark.index
    if type(event) is yaml.AliasEvent:
        return Shape("alias", start.index, end, start.line, start.column, value=str(event.anchor))
    if event.style in _BLOCK_STYLES:  # the parser's own end is behind the blank lines that follow
        end = start.index + len(text[start.index : end].rstrip())
    return Shape("scalar", start.index, end, start.line, start.column, False, event.style, str(event.value))


def _close(shape: Shape, children: list[Shape], event: Any, shapes: Shapes) -> None:
    shape.end = event.end_mark.index if shape.flow else (children[-1].end if children else shape.end)
    if shape.kind == "list":
        shape.items = children
        return
    shape.entries = list(zip(children[::2], children[1::2], strict=True))
    for key, value in shape.entries:
        shapes.entries[key.line + 1, key.column + 1] = (shape, key, value)
        if value.kind == "map" and not (value.flow or shape.flow) and value.entries:
            shapes.steps.append(value.entries[0][0].column - key.column)
