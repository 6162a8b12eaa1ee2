"""The text edits that put a value into a YAML text, add an item to a list, or take an entry out."""

from __future__ import annotations

import json
from typing import Any

from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.remedy.errors import CannotEditError
from pytest_dockerharden.remedy.shape import Shape, Shapes
from pytest_dockerharden.remedy.text import TextEdit, newline_of
from pytest_dockerharden.remedy.write import as_json, block, flow, item, scalar

_LINE_END = pattern(r"\r\n|\r|\n")
_COMMENT = pattern(r"(?:^|[ \t])#", 8)
# what is a plain text outside flow style
_VARIABLE = pattern(r"\$\{\w+(?::?[-?+][\w.:/-]*)?\}")
_ANCHOR = pattern(r"&\S+[ \t]+")
_DASH = pattern(r"-[ \t]*\Z")
# as a person groups them: who it is, what it may write, what it may do, how much it may take
_ORDER = ("user", "read_only", "tmpfs", "cap_drop", "cap_add", "security_opt", "init", "healthcheck", "deploy")
_NEXT_TO = {
    "cap_add": ("cap_drop",),
    "cap_drop": ("cap_add",),
    "security_opt": ("cap_add", "cap_drop"),
    "tmpfs": ("read_only",),
    "read_only": ("tmpfs", "user"),
}


class YamlText:
    """One YAML file and the edits that it takes. All methods raise CannotEditError."""

    def __init__(self, file: str, text: str, shapes: Shapes) -> None:
        self.file = file
        self.text = text
        self.shapes = shapes
        self.newline = newline_of(text)

    def add_entry(self, mapping: Shape, key: str, value: object, behind: int = -1) -> TextEdit:
        """A new entry behind the last one of a mapping, or behind that with the index ``behind``."""
        if mapping.flow:
            if mapping.entries and mapping.entries[0][0].style == '"':
                return self._into_flow(mapping, as_json({key: value})[1:-1])
            return self._into_flow(mapping, f"{scalar(key, in_flow=True)}: {flow(value)}")
        if not mapping.entries:
            raise CannotEditError("the mapping is empty")
        first, near = mapping.entries[0][0], _neighbour(mapping, key) if behind < 0 else None
        column = self._key_column(first)
        lines = [" " * column + line for line in block(key, value, self.shapes.step)]
        if near is not None:
            return self._lines_behind(near.end, lines)
        if behind < 0 and mapping.last.style in {"|", ">"} and self._line_end(mapping.end) == len(self.text):
            raise CannotEditError("a text of several lines would get a line end")
        return self._lines_behind(mapping.entries[behind][1].end, lines, _rank(key))

    def set_value(self, key: Shape, value: Shape, new: object, *, in_flow: bool) -> TextEdit:
        """Another value for a key that is there."""
        if value.anchored:
            raise CannotEditError("other places refer to the value by its anchor")
        if value.kind == "alias":
            return self._replace(value, flow(new))
        if value.is_null:
            return self._fill(key, value, new, in_flow=in_flow)
        if value.kind != "scalar":
            return self._rewrite(key, value, new, in_flow=in_flow)
        if value.style in {"|", ">"}:
            raise CannotEditError("the value is a text of several lines")
        if isinstance(new, (dict, list)):
            return self._rewrite(key, value, new, in_flow=in_flow)
        return self._replace(value, scalar(new, value.style, in_flow=in_flow))

    def rewrite_scalar(self, value: Shape, written: str, *, in_flow: bool) -> TextEdit:
        """Another text for a scalar, as it is to be written: its variables stay variables."""
        if value.kind != "scalar" or value.style in {"|", ">"} or value.anchored:
            raise CannotEditError("the value is no text of one line of its own")
        new = value.value.join(written.split("{}"))
        if value.style == "'":
            return self._replace(value, "'" + new.replace("'", "''") + "'")
        shown = new if in_flow else _VARIABLE.sub("x", new)
        plain = not value.style and "$" not in shown and scalar(shown, in_flow=in_flow) == shown
        return self._replace(value, new if plain else json.dumps(new, ensure_ascii=False))

    def add_items(self, items: Shape, new: list[Any]) -> TextEdit:
        """New last items of a list; a text alone becomes the first item of one."""
        if items.kind == "scalar":
            return self._replace(items, f"[{', '.join([self._as_item(items), *map(flow, new)])}]")
        if items.kind != "list":
            raise CannotEditError("the list is shared through an anchor")
        if items.flow:
            quoted = bool(items.items) and all(each.style == '"' for each in items.items)
            return self._into_flow(items, ", ".join(map(as_json if quoted else flow, new)))
        column = self._dash(items.items[0])[1]
        return self._lines_behind(items.items[-1].end, [f"{' ' * column}- {item(each)}" for each in new])

    def _as_item(self, value: Shape) -> str:
        if value.is_null or value.style in {"|", ">"} or value.anchored:
            raise CannotEditError("the value is no text of one line of its own")
        written = scalar(value.value.replace("$", ""), value.style, in_flow=True)
        if value.style:
            return self.text[value.start : value.end]
        if "$" in value.value:
            return json.dumps(value.value, ensure_ascii=False)
        return written

    def name_conditions(self, key: Shape, names: Shape, conditions: dict[str, dict[str, object]]) -> TextEdit:
        """The long form of a ``depends_on`` that lists names; those without a condition keep the one they had."""
        if names.kind != "list" or any(each.kind != "scalar" or "$" in each.value for each in names.items):
            raise CannotEditError("it is no list of names")
        started: dict[str, object] = {"condition": "service_started"}
        wanted = {each.value: {**started, **conditions.get(each.value, {})} for each in names.items}
        if names.flow:
            return TextEdit(self.file, names.start, names.end, flow(wanted))
        step = self.shapes.step
        start, column = self._dash(names.items[0])
        pad = " " * (max(column, key.column + step) - column)
        parts, position = [], start
        for each in names.items:
            dash = self._dash(each)[0]
            lines = block(each.value, wanted[each.value], step)
            indent = f"{self.newline}{' ' * column}{pad}"
            parts += [self.text[position:dash], pad, indent.join(lines)]
            position = each.end
        return TextEdit(self.file, start, position, "".join(parts))

    def remove_entry(self, mapping: Shape, key: Shape) -> TextEdit:
        """Take out an entry with the whole lines it stands on."""
        index = next(index for index, entry in enumerate(mapping.entries) if entry[0] is key)
        return self._take_out(mapping, key.start, mapping.entries[index][1], index, len(mapping.entries))

    def remove_items(self, items: Shape, indexes: list[int]) -> list[TextEdit]:
        """Take items out of a list that keeps others."""
        if items.flow:
            return [self._without_in_flow(items, indexes)]
        return [
            self._take_out(items, self._dash(items.items[i])[0], items.items[i], i, len(items.items)) for i in indexes
        ]

    def _without_in_flow(self, items: Shape, indexes: list[int]) -> TextEdit:
        inside = self.text[items.items[0].start : items.items[-1].end]
        if "#" in inside or any(self._is_anchored(items.items[index]) for index in indexes):
            raise CannotEditError("a comment or an anchor stands there")
        kept = [self.text[each.start : each.end] for i, each in enumerate(items.items) if i not in indexes]
        return TextEdit(self.file, items.items[0].start, items.items[-1].end, ", ".join(kept))

    def _take_out(self, around: Shape, start: int, last: Shape, index: int, count: int) -> TextEdit:
        if count == 1:
            raise CannotEditError("nothing would be left beside it")
        if self._is_anchored(last):
            raise CannotEditError("another place refers to it by its anchor")
        if around.flow:
            return self._out_of_flow(around, start, last, index, count)
        begin = self._line_start(start)
        if self.text[begin:start].strip() not in ("", "?"):
            raise CannotEditError("it shares its line with something else")
        return TextEdit(self.file, begin, self._next_line(last.end), "")

    def _out_of_flow(self, around: Shape, start: int, last: Shape, index: int, count: int) -> TextEdit:
        """With the comma behind it, or before it where it is the last."""
        children = around.items or [key for key, _ in around.entries]
        ends = around.items or [value for _, value in around.entries]
        edit = (
            TextEdit(self.file, start, children[index + 1].start, "")
            if index + 1 < count
            else TextEdit(self.file, ends[index - 1].end, last.end, "")
        )
        if "#" in self.text[edit.start : edit.end]:
            raise CannotEditError("a comment stands there")
        return edit

    def _is_anchored(self, shape: Shape) -> bool:
        below = [*shape.items, *(part for entry in shape.entries for part in entry)]
        return shape.anchored or any(self._is_anchored(child) for child in below)

    def _fill(self, key: Shape, value: Shape, new: object, *, in_flow: bool) -> TextEdit:
        """A value where there is none."""
        if in_flow or not isinstance(new, (dict, list)) or value.value:
            written = flow(new) if in_flow or isinstance(new, (dict, list)) else scalar(new)
            return TextEdit(self.file, value.start, value.end, written if value.value else f" {written}")
        if isinstance(new, dict):
            new = dict(sorted(new.items(), key=lambda entry: _rank(entry[0])))
        lines = block(key.value, new, self.shapes.step)[1:]
        return self._lines_behind(value.end, [" " * key.column + line for line in lines])

    def _rewrite(self, key: Shape, value: Shape, new: object, *, in_flow: bool) -> TextEdit:
        """Another value in place of a whole collection, or a collection in place of a scalar."""
        if self._is_anchored(value) or _COMMENT.search(self.text[value.start : value.end]):
            raise CannotEditError("a comment or an anchor stands in what would be replaced")
        colon = self.text.index(":", key.end) + 1
        between = self.text[colon : value.start]
        if "#" in between:
            raise CannotEditError("a comment stands in what would be replaced")
        if in_flow or value.flow or value.kind == "scalar" or not isinstance(new, (dict, list)):
            written = flow(new) if isinstance(new, (dict, list)) else scalar(new, in_flow=in_flow)
            return TextEdit(self.file, colon, value.end, f" {written}")
        column, step = self._key_column(key), self.shapes.step
        lines = [" " * column + line for line in block(key.value, new, step)[1:]]
        return TextEdit(self.file, colon, value.end, self.newline + self.newline.join(lines))

    def _replace(self, shape: Shape, new: str) -> TextEdit:
        anchor = _ANCHOR.match(self.text, shape.start, shape.end)
        return TextEdit(self.file, anchor.end() if anchor else shape.start, shape.end, new)

    def _into_flow(self, around: Shape, new: str) -> TextEdit:
        ends = around.items or [value for _, value in around.entries]
        if not ends:
            return TextEdit(self.file, around.end - 1, around.end - 1, new)
        last = ends[-1].end
        comma = self.text[last : around.end].strip()[:1] == ","
        start = around.items[-1].start if around.items else around.entries[-1][0].start
        begin = self._line_start(start)
        rest = self.text[last : self._line_end(last)].strip(" ,\t")
        alone = begin > around.start and not self.text[begin:start].strip()
        if not alone or (rest and not (comma and rest[0] == "#")):
            at = self.text.index(",", last) + 1 if comma else last
            return TextEdit(self.file, at, at, f" {new}" if comma else f", {new}")
        line = f"{self.newline}{' ' * (start - begin)}{new}"
        at = self._line_end(last) if comma else last
        return TextEdit(self.file, at, at, f"{line}," if comma else f",{line}")

    def _key_column(self, key: Shape) -> int:
        """The column in which keys beside this one begin: that of its question mark, where it has one."""
        before = self.text[self._line_start(key.start) : key.start]
        if before.strip(" -?:"):
            raise CannotEditError("the mapping does not begin on a line of its own")
        return before.rindex("?") if before.rstrip().endswith("?") else key.column

    def _dash(self, shape: Shape) -> tuple[int, int]:
        """Offset and column of the dash before an item."""
        begin = self._line_start(shape.start)
        found = _DASH.search(self.text[begin : shape.start])
        if found is None:
            raise CannotEditError("the item does not stand behind its dash")
        return begin + found.start(), found.start()

    def _lines_behind(self, offset: int, lines: list[str], rank: int = 0) -> TextEdit:
        """New lines behind the line that holds an offset, its comment included."""
        end = self._line_end(offset)
        # the items of a list may stand in the column of its key: they come before the next key
        depth = 2 * (len(lines[0]) - len(lines[0].lstrip(" "))) + lines[0].lstrip(" ").startswith("- ")
        return TextEdit(self.file, end, end, "".join(f"{self.newline}{line}" for line in lines), depth, rank)

    def _line_start(self, offset: int) -> int:
        return max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1

    def _line_end(self, offset: int) -> int:
        found = _LINE_END.search(self.text, offset)
        return found.start() if found else len(self.text)

    def _next_line(self, offset: int) -> int:
        found = _LINE_END.search(self.text, offset)
        return found.end() if found else len(self.text)


def _rank(key: str) -> int:
    return 1 + (_ORDER.index(key) if key in _ORDER else len(_ORDER))


def _neighbour(mapping: Shape, key: str) -> Shape | None:
    """The value of the key that a new one belongs next to, where it is there."""
    for other in _NEXT_TO.get(key, ()):
        entry = mapping.entry(other)
        if entry is not None and entry[1].kind != "alias" and entry[1].style not in {"|", ">"}:
            return entry[1]
    return None


def merged(old: Any, new: Any) -> Any:
    """Two values for one key that is to be written: mappings and lists are put together. Raises CannotEditError."""
    if isinstance(old, dict) and isinstance(new, dict):
        both = dict(old)
        for key, value in new.items():
            both[key] = merged(old[key], value) if key in old else value
        return both
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *(value for value in new if value not in old)]
    if old == new:
        return old
    raise CannotEditError("another remedy writes the same key")
