"""YAML text to positioned nodes: iterative, bounded, and aware of what Docker Compose refuses.

Aliases and merge keys are resolved while the events come in, by copying and counting, so that an alias bomb ends at the
node bound. A copied node keeps the position of its anchor and notes the alias in ``related``.
"""

from __future__ import annotations

from dataclasses import field
from math import isfinite
from typing import Any

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.source.compose.libyaml import yaml
from pytest_dockerharden.source.compose.problems import Budget, Problems, refusal
from pytest_dockerharden.source.compose.scalars import Timestamp, tagged, typed
from pytest_dockerharden.source.reading import beginning, place_behind

MOST_DEPTH = 256
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TEMPLATE = pattern(r"\{\{|\{%")
TEMPLATE_HINT = "render it first, and judge what comes out"
MERGE_KEY = "<<"
YAML_TAG = "tag:yaml.org,2002:"
MOST_RELATED = 8
# what libyaml takes for line breaks and no editor does, and what stands for them while it reads
ODD_BREAKS = {0x85: "\ue085", 0x2028: "\ue028", 0x2029: "\ue029"}
RESTORED = {ord(mark): chr(code) for code, mark in ODD_BREAKS.items()}
CLEARING_TAGS = frozenset(("!reset", "!override"))

Path = tuple[str | int, ...]


@dataclass(slots=True, eq=False)
class Document:
    """One YAML document. ``cleared`` are the paths whose value in earlier files ``!reset`` and ``!override`` drop."""

    root: Node
    cleared: list[Path] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Open:
    """A collection whose end has not come yet."""

    value: dict[str, Node] | list[Node]
    event: Any
    key: str | None = None
    key_origin: TextOrigin | None = None
    merges: list[Node] = field(default_factory=list)
    merging: bool = False


def parse(text: str, path: str, problems: Problems, budget: Budget | None = None) -> list[Document]:
    """The documents of a YAML text, empty ones left out. Their values are taken from ``budget``.

    Raises SourceError where it is no YAML or a bound is hit; refused keys and aliases go to ``problems``.
    """
    builder = _Builder(path, problems, budget or Budget())
    if not text.isascii() and (marked := text.translate(ODD_BREAKS)) != text:
        text, builder.restore = marked, True
    try:
        for event in yaml.parse(text, Loader=LOADER):
            builder.feed(event)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text, path) from None
    except yaml.reader.ReaderError as error:
        position = min(error.position, len(text)) if isinstance(error.position, int) else 0
        raise refusal("not YAML: a control character", place_behind(path, text[:position])) from None
    except RecursionError:
        raise refusal(f"nested deeper than {MOST_DEPTH} levels", beginning(path), kind="limit") from None
    return builder.documents


def _not_yaml(error: yaml.MarkedYAMLError, text: str, path: str) -> SourceError:
    """The error in our words, where it has a common cause."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return refusal("not YAML", beginning(path))
    origin = TextOrigin(path, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
    if "maximum nesting depth" in (error.problem or ""):  # libyaml's own bound, in the wheels of PyYAML since 6.0.4
        return refusal(f"nested deeper than {MOST_DEPTH} levels", origin, kind="limit")
    line = text[mark.index :].partition("\n")[0]
    before = text[: mark.index].rpartition("\n")[2]
    if line.startswith("\t") or before.strip(" ") == "\t":
        return refusal("not YAML: a tab where spaces must indent", origin, "indent with spaces")
    if TEMPLATE.search(before + line):
        return refusal("not YAML but a template", origin, TEMPLATE_HINT)
    context = f" {error.context}" if error.context else ""
    return refusal(f"not YAML: {(error.problem or 'it cannot be parsed').strip()}{context}", origin)


class _Builder:
    """Takes events, makes documents."""

    def __init__(self, path: str, problems: Problems, budget: Budget) -> None:
        self.path = path
        self.problems = problems
        self.budget = budget
        self.restore = False
        self.documents: list[Document] = []
        self.end: Any = None
        self._begin()

    def _begin(self) -> None:
        self.root: Node | None = None
        self.open: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}
        self.tags: dict[int, str] = {}

    def feed(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._start(event, {})
        elif kind is yaml.SequenceStartEvent:
            self._start(event, [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._end(event)
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentEndEvent:
            self._finish_document()

    def _finish_document(self) -> None:
        if self.root is not None and self.root.value is not None:
            self.documents.append(Document(self.root, _clear(self.root, self.tags) if self.tags else []))
        self._begin()

    def _origin(self, start: Any, end: Any) -> TextOrigin:
        return TextOrigin(self.path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _scalar(self, event: Any) -> None:
        text, tag, plain = event.value, event.tag, not event.style
        if self.restore:
            text = text.translate(RESTORED)
        self.end = event.end_mark
        # under a tag of somebody's own, !override included, go-yaml takes a scalar for a text
        node = Node(typed(text) if plain and tag is None else text, self._origin(event.start_mark, self.end))
        if tag is not None and tag.startswith(YAML_TAG):
            self._tagged(node, text, tag.removeprefix(YAML_TAG))
        value = node.value
        if type(value) is float and not isfinite(value):
            self.problems.refuse(f"{text} is not a number that can be used here", node.origin, "quote it")
            node.value = text  # no field counts up to it
        if event.anchor:
            self.anchors[event.anchor] = node
        if tag in CLEARING_TAGS:
            self.tags[id(node)] = tag
        self._place(node, is_merge_key=plain and tag is None and text == MERGE_KEY)

    def _tagged(self, node: Node, text: str, tag: str) -> None:
        try:
            node.value = tagged(text, tag)
        except ValueError:
            self.problems.refuse(f"this cannot be read as !!{tag}", node.origin, "remove the tag")

    def _start(self, event: Any, value: dict[str, Node] | list[Node]) -> None:
        if len(self.open) >= MOST_DEPTH:
            self._limit(f"nested deeper than {MOST_DEPTH} levels", self._origin(event.start_mark, event.end_mark))
        if event.anchor:
            self.anchors[event.anchor] = None
        self.end = event.end_mark
        self.open.append(_Open(value, event))

    def _end(self, event: Any) -> None:
        done = self.open.pop()
        if done.event.flow_style:
            self.end = event.end_mark
        # the parser's own end of a block collection runs past trailing comments
        node = Node(done.value, self._origin(done.event.start_mark, self.end))
        if done.merges and isinstance(done.value, dict):
            self._merge(done.value, done.merges)
        if done.event.anchor:
            self.anchors[done.event.anchor] = node
        if done.event.tag in CLEARING_TAGS:
            self.tags[id(node)] = done.event.tag
        self._place(node)

    def _alias(self, event: Any) -> None:
        self.end = event.end_mark
        origin = self._origin(event.start_mark, self.end)
        anchored = self.anchors.get(event.anchor)
        if anchored is not None:
            return self._place(self._copy(anchored, origin))
        if event.anchor not in self.anchors:
            # not its name: a password that begins with an asterisk is one, too
            raise refusal("no anchor of this name stands before the alias", origin, "quote a text that begins with *")
        self.problems.refuse("the alias stands inside its own anchor", origin)
        return self._place(Node(None, origin))

    def _place(self, node: Node, is_merge_key: bool = False) -> None:
        """Put a finished node where it belongs: the root, a list, a key or the value of the key before it.

        A plain ``<<`` is a merge key; as a value Docker Compose drops it.
        """
        self.budget.spend(1, node.origin)
        if not self.open:
            self.root = node
            return
        top = self.open[-1]
        if isinstance(top.value, list):
            if not is_merge_key:
                top.value.append(node)
        elif top.merging:
            top.merges.append(node)
            top.merging = False
        elif top.key is not None:
            node.key_origin = top.key_origin
            if not is_merge_key:
                top.value[top.key] = node
            top.key = None
        elif is_merge_key:
            self._open_merge(top, node)
        else:
            self._open_key(top, top.value, node)

    def _open_key(self, top: _Open, entries: dict[str, Node], node: Node) -> None:
        key = node.value
        if not isinstance(key, str) or type(key) is Timestamp:
            if isinstance(key, dict):
                raise refusal("not YAML but a template, or a mapping as a key", node.origin, TEMPLATE_HINT)
            key = node.text()
            self.problems.refuse(f"a key must be a string: {key or 'null or a list'}", node.origin, "quote it")
        first = entries.get(key)
        if first is not None:
            line = first.place.line
            self.problems.refuse(f"the key {key!r} is already defined in line {line}", node.origin, "keep one of them")
        top.key, top.key_origin = key, node.origin

    def _open_merge(self, top: _Open, node: Node) -> None:
        if top.merges:
            self.problems.refuse("a second << in one mapping", node.origin, "give one << a list of aliases")
        top.merging = True

    def _merge(self, entries: dict[str, Node], merges: list[Node]) -> None:
        """Add what merge keys bring; local keys and earlier sources win."""
        for merge in merges:
            for source in merge.value if isinstance(merge.value, list) else [merge]:
                if not isinstance(source.value, dict):
                    place = source.related[-1] if source.related else source.origin
                    self.problems.refuse("<< takes a mapping or a list of mappings", place)
                    continue
                for key, node in source.value.items():
                    entries.setdefault(key, node)

    def _copy(self, anchored: Node, alias: TextOrigin) -> Node:
        """A deep copy whose nodes all remember the alias they came through."""
        result = self._copied(anchored, alias)
        todo = [(result, len(self.open))]
        while todo:
            node, depth = todo.pop()
            children = node.value
            if isinstance(children, dict):
                copies = {key: self._copied(child, alias) for key, child in children.items()}
                node.value = copies
                todo += [(child, depth + 1) for child in copies.values() if isinstance(child.value, (dict, list))]
            elif isinstance(children, list):
                items = [self._copied(child, alias) for child in children]
                node.value = items
                todo += [(child, depth + 1) for child in items if isinstance(child.value, (dict, list))]
            if depth > MOST_DEPTH:
                self._limit(f"nested deeper than {MOST_DEPTH} levels", alias)
        return result

    def _copied(self, node: Node, alias: TextOrigin) -> Node:
        related = (*node.related, alias) if len(node.related) < MOST_RELATED else node.related
        copy = Node(node.value, node.origin, node.key_origin, related)
        tag = self.tags.get(id(node)) if self.tags else None
        if tag:
            self.tags[id(copy)] = tag
        self.budget.spend(1, alias)
        return copy

    def _limit(self, message: str, origin: TextOrigin) -> None:
        raise refusal(message, origin, kind="limit")


def _clear(root: Node, tags: dict[int, str]) -> list[Path]:
    """Take the nodes tagged ``!reset`` out of the tree; the paths of these and of those tagged ``!override``."""
    cleared: list[Path] = []
    todo: list[tuple[Path, Node]] = [((), root)]
    while todo:
        path, node = todo.pop()
        children = node.value
        if isinstance(children, dict):
            steps: list[tuple[str | int, Node]] = list(children.items())
            node.value = {key: child for key, child in children.items() if tags.get(id(child)) != "!reset"}
        elif isinstance(children, list):
            steps = list(enumerate(children))
            node.value = [child for child in children if tags.get(id(child)) != "!reset"]
        else:
            continue
        for step, child in steps:
            tag = tags.get(id(child))
            if tag:
                cleared.append((*path, step))
            if tag != "!reset":
                todo.append(((*path, step), child))
    return cleared


def clear(root: Node, path: Path) -> None:
    """Take what stands at ``path`` out of a tree, in place; an item of a list stays."""
    parent = root.get(*path[:-1])
    if path and parent is not None and isinstance(parent.value, dict) and isinstance(path[-1], str):
        parent.value.pop(path[-1], None)
