"""Where in the texts a wish can be fulfilled, and the edit that does it there.

A value that is there is changed where it is defined, be that an anchor, an extended or an included file; one that is
missing is written into the mapping that lacks it. Further sites come into question where that would change more than
was wished: the last file that speaks of a service, a key of its own that overrides what it shares with others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.remedy.errors import CannotEditError
from pytest_dockerharden.remedy.shape import Shape, Shapes, shapes_of
from pytest_dockerharden.remedy.template import as_text, other_default
from pytest_dockerharden.remedy.text import TextEdit, line_starts, newline_of
from pytest_dockerharden.remedy.wishes import Path, Wish
from pytest_dockerharden.remedy.yaml_edit import YamlText, merged
from pytest_dockerharden.source.reading import read_source

SiteKind = Literal["add", "set", "append", "remove", "remove-item", "rewrite", "conditions", "text"]


@dataclass(frozen=True, slots=True)
class Site:
    """One place for one edit: in ``around`` (a mapping or list) at ``key``, or what stands at ``shape``."""

    file: str
    kind: SiteKind
    around: Shape | None = None
    key: str = ""
    shape: Shape | None = None
    value: object = None
    behind: int = -1
    span: tuple[int, int] = (0, 0)

    @property
    def identity(self) -> tuple[object, ...]:
        """Sites of one identity are written as one edit."""
        value = repr(self.value) if self.kind in ("rewrite", "text") else ""
        return self.file, self.kind, id(self.around), self.key, id(self.shape), self.behind, self.span, value


class Sheets:
    """The texts as they stand now, by path, and the shapes in them."""

    def __init__(self) -> None:
        self._yaml: dict[str, YamlText] = {}
        self._texts: dict[str, str] = {}
        self._starts: dict[str, list[int]] = {}

    def text(self, file: str) -> str:
        """Raises SourceError."""
        if file not in self._texts:
            self._texts[file] = read_source(file)
        return self._texts[file]

    def yaml(self, file: str) -> YamlText:
        if file not in self._yaml:
            text = self.text(file)
            self._yaml[file] = YamlText(file, text, shapes_of(text))
        return self._yaml[file]

    def shapes(self, file: str) -> Shapes:
        return self.yaml(file).shapes

    def offset(self, file: str, line: int, column: int) -> int:
        if file not in self._starts:
            self._starts[file] = line_starts(self.text(file))
        starts, end = self._starts[file], len(self.text(file))
        return min(starts[line - 1] + column - 1, end) if line <= len(starts) else end


def sites_of(wish: Wish, sheets: Sheets) -> list[Site]:
    """The places that come into question, the best first. Raises CannotEditError."""
    edit = wish.edit
    if edit.kind == "text":
        return [_span(wish, sheets)]
    model = wish.projects[0].model
    node = model.get(*wish.path) if wish.path else None
    if edit.at is not None:
        return [_item(wish, edit.at, sheets)]
    if edit.kind == "remove":
        return [_entry_out(_written(node), sheets)]
    if node is not None and node.key_origin is not None and node.value is not None:
        return [*_there(wish, node, sheets), *_overriding(wish, model, sheets)]
    found = list(_missing(wish, model, sheets))
    if not found:
        raise CannotEditError("what it belongs to is in short form")
    return found


def _span(wish: Wish, sheets: Sheets) -> Site:
    at = wish.edit.at
    if at is None:
        raise CannotEditError("it has no place")
    start = sheets.offset(at.file, at.line, at.column)
    end = sheets.offset(at.file, at.end_line, at.end_column)
    span, old = (start, end), wish.edit.old
    there = sheets.text(at.file)[start:end]
    if old is not None and there != old and not (wish.projects and _is_quoted(old, there, str(wish.edit.value))):
        found = _in_scalar(old, start, sheets.shapes(at.file)) if wish.projects else []
        if len(found) != 1:
            raise CannotEditError("its place is not known exactly")
        span = found[0]
    new = str(wish.edit.value)
    if start == end and at.column > 1 and new.endswith("\n"):
        new = _indented(new, sheets.text(at.file)[start - at.column + 1 : start])
    return Site(at.file, "text", value=new, span=span)


def _indented(new: str, before: str) -> str:
    """Lines in front of what stands on a line: as far in as that is; on the same line if more stands before it."""
    return " ".join(new.split()) + " " if before.strip() else new.replace("\n", f"\n{before}")


def _is_quoted(old: str, there: str, new: str) -> bool:
    """Whether a word stands there in quotes that the new one does not need."""
    return there in (f'"{old}"', f"'{old}'") and new.isalnum()


def _in_scalar(old: str, offset: int, shapes: Shapes) -> list[tuple[int, int]]:
    """Where a word stands in a scalar of several lines: on which of them one cannot tell from what was read."""
    shape = next((s for s in shapes.scalars.values() if s.start <= offset <= s.end), None)
    if shape is None:
        return []
    word = re.compile(rf"(?<!\S){re.escape(old)}(?!\S)")
    return [match.span() for match in word.finditer(shapes.text, shape.start, shape.end)]


def _written(node: Node | None) -> Node:
    if node is None:
        raise CannotEditError("it is written nowhere")
    return node


def _entry_out(node: Node, sheets: Sheets) -> Site:
    """The entry of a mapping; or, where the short form is a list of ``NAME=value``, the item."""
    place = node.key_origin
    entry = sheets.shapes(place.file).entry(place) if place is not None else None
    if place is None or entry is None:
        return _item_out(place or node.origin, sheets)
    return Site(place.file, "remove", entry[0], shape=entry[1])


def _item_out(at: TextOrigin, sheets: Sheets) -> Site:
    shapes = sheets.shapes(at.file)
    places = ((at.line, at.column), (at.line, at.column - 1))  # a part of a quoted text begins behind the quote
    shape = next((shapes.scalars[place] for place in places if place in shapes.scalars), None)
    around = next((c for c in shapes.collections.values() if any(item is shape for item in c.items)), None)
    if shape is None or around is None:
        raise CannotEditError("it is in short form")
    return Site(at.file, "remove-item", around, value=[around.items.index(shape)])


def _item(wish: Wish, at: TextOrigin, sheets: Sheets) -> Site:
    """An item of a list by its place."""
    shapes = sheets.shapes(at.file)
    shape = shapes.collection(at) or shapes.scalar(at)
    if wish.edit.kind == "set":
        return _key_of_item(at.file, shape, wish.edit.path[-1], wish.edit.value)
    around = next((c for c in shapes.collections.values() if any(item is shape for item in c.items)), None)
    if wish.edit.kind == "tag":
        return _tagged(at.file, around or shape, wish.edit.value, shapes)
    if shape is not None and around is None and wish.edit.kind == "replace":
        return Site(at.file, "rewrite", shape=shape, value=wish.edit.value)
    if shape is None or around is None:
        raise CannotEditError("it is no item of a list")
    if wish.edit.kind == "replace":
        return Site(at.file, "rewrite", around, shape=shape, value=wish.edit.value)
    return Site(at.file, "remove-item", around, value=[around.items.index(shape)])


def _tagged(file: str, collection: Shape | None, tag: object, shapes: Shapes) -> Site:
    """Behind the colon of the key whose value a list is, or the text that stands for one."""
    if collection is None:
        raise CannotEditError("it is in short form")
    _, key = _holder(collection, shapes)
    colon = shapes.text.index(":", key.end) + 1
    if "!" in shapes.text[colon : collection.start]:
        raise CannotEditError("it has a tag")
    return Site(file, "text", value=f" {tag}", span=(colon, colon))


def _key_of_item(file: str, item: Shape | None, key: str, value: object) -> Site:
    if item is None or item.kind != "map":
        raise CannotEditError("it is in short form")
    entry = item.entry(key)
    return Site(file, "set", item, key, entry[0], value) if entry else Site(file, "add", item, key, value=value)


def _there(wish: Wish, node: Node, sheets: Sheets) -> Iterator[Site]:
    """Where the value that is there is written."""
    if node.template is not None:
        yield _default(wish, node, sheets)
        return
    place = node.key_origin
    assert place is not None
    if wish.edit.kind == "append":
        shapes = sheets.shapes(node.origin.file)
        items = shapes.collection(node.origin) or shapes.scalar(node.origin)
        if items is not None:
            yield Site(node.origin.file, "append", shape=items, value=[wish.edit.value])
        return
    entry = sheets.shapes(place.file).entry(place)
    if entry is not None:
        yield Site(place.file, "set", entry[0], entry[1].value, entry[1], wish.edit.value)


def _default(wish: Wish, node: Node, sheets: Sheets) -> Site:
    """The text that a variable stands in, with another default or another text beside it."""
    shape = sheets.shapes(node.origin.file).scalar(node.origin)
    if shape is None or wish.edit.kind == "append" or isinstance(wish.edit.value, (dict, list)):
        raise CannotEditError("the value comes from a variable")
    written, wish.variable = other_default(node.template or "", as_text(wish.edit.value))
    entry = node.key_origin and sheets.shapes(node.origin.file).entry(node.key_origin)
    return Site(node.origin.file, "rewrite", entry[0] if entry else None, shape=shape, value=written)


def _overriding(wish: Wish, model: Node, sheets: Sheets) -> Iterator[Site]:
    """A key of the mapping's own, over what it got from somewhere else."""
    if wish.edit.kind == "set":
        parent = model.get(*wish.path[:-1])
        for file, mapping in _mappings(parent, sheets) if parent is not None else ():
            if mapping.entry(wish.path[-1]) is None:
                yield from _adding(file, mapping, wish.path[-1], wish.edit.value)


def _missing(wish: Wish, model: Node, sheets: Sheets) -> Iterator[Site]:
    """The mappings that lack the first missing step, and what is to be written there."""
    path = wish.path
    depth = _known_depth(model, path, sheets)
    parent, missing = model.get(*path[:depth]), path[depth:]
    value = nested(missing[1:], [wish.edit.value] if wish.edit.kind == "append" else wish.edit.value)
    yield from _conditions(parent, missing, value, sheets)
    for file, mapping in _mappings(parent, sheets) if parent is not None else ():
        entry = mapping.entry(missing[0])
        if entry is None:
            yield from _adding(file, mapping, missing[0], value)
        elif entry[1].is_null:
            yield Site(file, "set", mapping, missing[0], entry[0], value)


def _conditions(parent: Node | None, missing: Path, value: object, sheets: Sheets) -> Iterator[Site]:
    """``depends_on`` that lists names: they get conditions in its long form."""
    if parent is None or parent.key_origin is None:
        return
    shapes = sheets.shapes(parent.key_origin.file)
    entry = shapes.entry(parent.key_origin)
    if entry is None or entry[1].value != "depends_on":
        return
    shared = shapes.collection(parent.origin) if entry[2].kind == "alias" else None
    if shared is not None:
        entry = next((other for other in shapes.entries.values() if other[2] is shared), entry)
    if entry[2].kind == "list":
        yield Site(parent.key_origin.file, "conditions", entry[0], "", entry[1], {missing[0]: value})


def _adding(file: str, mapping: Shape, key: str, value: object) -> Iterator[Site]:
    yield Site(file, "add", mapping, key, value=value)
    if mapping.entries and not mapping.flow and mapping.last.style in {"|", ">"}:
        # behind a text of several lines a new line may become part of it
        yield Site(file, "add", mapping, key, value=value, behind=0)


def nested(path: Path, value: object) -> object:
    """``value`` below the keys of ``path``."""
    for key in reversed(path):
        value = {key: value}
    return value


def _known_depth(model: Node, path: Path, sheets: Sheets) -> int:
    """How many steps of a path lead to mappings that are written somewhere; what Compose adds is not."""
    depth = 0
    while depth < len(path) - 1:
        node = model.get(*path[: depth + 1])
        if node is None or node.key_origin is None or node.value is None:
            break
        entry = sheets.shapes(node.key_origin.file).entry(node.key_origin)
        if entry is None or entry[2].is_null:  # Compose fills in what nobody wrote
            break
        depth += 1
    return depth


def _mappings(node: Node | None, sheets: Sheets) -> Iterator[tuple[str, Shape]]:
    """The mappings in the texts that a node was merged from."""
    seen: set[int] = set()
    if node is None:
        return
    for place in (node.origin, *node.related):
        shapes = sheets.shapes(place.file)
        entry = shapes.entry(place)
        first = shapes.collection(place)
        for shape in (first, entry[2] if entry and place is not node.origin else None):
            if shape is not None and shape.kind == "map" and id(shape) not in seen:
                seen.add(id(shape))
                yield place.file, shape


def edits_at(site: Site, sheets: Sheets) -> list[TextEdit]:
    """What does it at a site. Raises CannotEditError."""
    yaml, around = sheets.yaml, site.around
    if site.kind == "remove-item" and around is not None and isinstance(site.value, list):
        if len(site.value) == len(around.items):
            return [_out(site.file, *_holder(around, sheets.shapes(site.file)), sheets)]
        return yaml(site.file).remove_items(around, site.value)
    if site.kind == "remove" and around is not None and site.shape is not None:
        return [_out(site.file, around, site.shape, sheets)]
    return [_edit_at(site, sheets)]


def _out(file: str, mapping: Shape, key: Shape, sheets: Sheets) -> TextEdit:
    """Take out an entry, and with it the mapping that would have none left."""
    while len(mapping.entries) == 1:
        mapping, key = _holder(mapping, sheets.shapes(file))
    return sheets.yaml(file).remove_entry(mapping, key)


def _holder(collection: Shape, shapes: Shapes) -> tuple[Shape, Shape]:
    """The mapping and the key whose value a collection is."""
    entry = next((entry for entry in shapes.entries.values() if entry[2] is collection), None)
    if entry is None:
        raise CannotEditError("nothing would be left beside it")
    return entry[0], entry[1]


def _edit_at(site: Site, sheets: Sheets) -> TextEdit:
    if site.kind == "text":
        new = str(site.value).replace("\n", newline_of(sheets.text(site.file)))
        return TextEdit(site.file, *site.span, new)
    yaml, around, shape = sheets.yaml(site.file), site.around, site.shape
    if site.kind == "rewrite":
        assert shape is not None
        return yaml.rewrite_scalar(shape, str(site.value), in_flow=around is None or around.flow)
    if site.kind == "append":
        assert shape is not None and isinstance(site.value, list)
        return yaml.add_items(shape, site.value)
    assert around is not None
    if site.kind == "add":
        return yaml.add_entry(around, site.key, site.value, site.behind)
    assert shape is not None
    if site.kind == "conditions":
        names = next(value for key, value in around.entries if key is shape)
        assert isinstance(site.value, dict)
        return yaml.name_conditions(shape, names, site.value)
    value = next(value for key, value in around.entries if key is shape)
    return yaml.set_value(shape, value, site.value, in_flow=around.flow)


def joined(sites: list[Site]) -> Site:
    """Sites of one identity as one. Raises CannotEditError where they want different things."""
    first = sites[0]
    value: Any = first.value
    for other in sites[1:]:
        value = merged(value, other.value)
    return Site(first.file, first.kind, first.around, first.key, first.shape, value, first.behind, first.span)
