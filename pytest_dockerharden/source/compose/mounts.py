"""What is mounted into a container: short ``volumes``, ``devices`` and file mounts of secrets and configs."""

from __future__ import annotations

import posixpath

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.compose.derive import Parts, default, derive, is_open, refused

PROPAGATIONS = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
SELINUX = frozenset({"z", "Z"})
KNOWN_OPTIONS = PROPAGATIONS | SELINUX | {"ro", "rw", "nocopy"}
SHORTEST_PAIR = 3
_VOLUME_FORM = "write it as SOURCE:TARGET or SOURCE:TARGET:ro"
_DEVICE_FORM = "write it with source, target and permissions"


def expand_volume(item: Node) -> tuple[Node, Problem | None]:
    """The long form of one entry of a service's ``volumes``, and what Docker Compose has against it.

    ``source`` stays as written: paths are made absolute by the normalisation.
    """
    if isinstance(item.value, dict):
        return _with_clean_target(item), None
    parts = Parts(item)
    spans = volume_spans(parts.text)
    texts = [parts.text[start:end] for start, end in spans]
    if not parts.text:
        return item, refused("an empty volume", item, _VOLUME_FORM)
    if "" in texts:
        return item, refused(f"an empty part between the colons of {parts.text!r}", item, _VOLUME_FORM)
    if len(spans) > SHORTEST_PAIR:
        return item, refused(f"too many colons in {parts.text!r}", item, _VOLUME_FORM)
    return _from_spans(item, parts, spans, texts), None


def clean_target(path: str) -> str:
    """A path in the container without ``..``, doubled or trailing slashes."""
    clean = posixpath.normpath(path) if path else ""
    return clean[1:] if clean.startswith("//") else clean


def is_path(source: str) -> bool:
    """Whether the source of a short volume is a path of the host; the name of a volume else."""
    return source.startswith((".", "/", "~", "\\\\")) or (source[1:2] == ":" and source[0].isalpha())


def volume_spans(text: str) -> list[tuple[int, int]]:
    """The spans between the colons of a short volume; a letter with a colon is a Windows drive and no part."""
    if len(text) < SHORTEST_PAIR:
        return [(0, len(text))]
    spans = []
    start = 0
    for index, char in enumerate(text):
        if char == ":" and not (index == start + 1 and text[start].isalpha()):
            spans.append((start, index))
            start = index + 1
    return [*spans, (start, len(text))]


# what Docker Desktop once took, and means nothing elsewhere by design
_CONSISTENCY = frozenset({"cached", "delegated", "consistent"})


def unknown_options(item: Node) -> list[str]:
    """The options of a short volume that Docker Compose silently ignores, such as ``readonly``."""
    if not isinstance(item.value, str) or item.value.count(":") < SHORTEST_PAIR - 1:
        return []
    spans = volume_spans(item.value)
    options = item.value[slice(*spans[2])].split(",") if len(spans) == SHORTEST_PAIR else []
    return [option for option in options if option and option not in KNOWN_OPTIONS | _CONSISTENCY]


def _with_clean_target(item: Node) -> Node:
    target = item.get("target")
    entry = dict(item.items())
    if target is not None and isinstance(target.value, str):
        entry["target"] = derive(target, clean_target(target.value))
    return derive(item, entry)


def _from_spans(item: Node, parts: Parts, spans: list[tuple[int, int]], texts: list[str]) -> Node:
    if len(spans) == 1:
        target = parts(clean_target(texts[0]) if len(parts.text) >= SHORTEST_PAIR else texts[0], *spans[0])
        return derive(item, {"type": default(item, "volume"), "target": target, "volume": default(item, {})})
    source, target = texts[0], parts(clean_target(texts[1]), *spans[1])
    unknown_kind = is_open(item, source) and not is_path(source)
    kind = "bind" if is_path(source) or unknown_kind else "volume"
    entry = {"type": default(item, kind), "source": parts(source, *spans[0]), "target": target}
    entry[kind] = default(item, {})
    if unknown_kind and source.startswith("$"):
        entry["type"].unresolved = item.unresolved
    for start, end in spans[2:]:
        for option in texts[2].split(","):
            _apply(item, entry, option, parts(True, start, end))
    return derive(item, entry)


def _apply(item: Node, entry: dict[str, Node], option: str, node: Node) -> None:
    if option in {"ro", "rw"}:
        entry.pop("read_only", None)
        if option == "ro":
            entry["read_only"] = node
    elif option == "nocopy":
        _below(item, entry, "volume")["nocopy"] = node
    elif option in SELINUX or option in PROPAGATIONS:
        key = "selinux" if option in SELINUX else "propagation"
        _below(item, entry, "bind")[key] = derive(node, option)


def _below(item: Node, entry: dict[str, Node], key: str) -> dict[str, Node]:
    children = entry.setdefault(key, default(item, {})).value
    return children if isinstance(children, dict) else {}


def expand_device(item: Node) -> tuple[Node, Problem | None]:
    """The long form of one entry of ``devices``."""
    if isinstance(item.value, dict):
        return _whole_device(item)
    parts = Parts(item)
    text = parts.text
    pieces = text.split(":")
    if len(pieces) > SHORTEST_PAIR:
        return item, refused(f"too many colons in the device {text!r}", item, _DEVICE_FORM)
    spans = []
    start = 0
    for piece in pieces:
        spans.append((start, start + len(piece)))
        start += len(piece) + 1
    source = parts(pieces[0], *spans[0])
    target = parts(pieces[1], *spans[1]) if len(pieces) > 1 and pieces[1] else derive(source, source.value)
    permissions = parts(pieces[2], *spans[2]) if len(pieces) == SHORTEST_PAIR else default(item, "rwm")
    return derive(item, {"source": source, "target": target, "permissions": permissions}), None


def _whole_device(item: Node) -> tuple[Node, Problem | None]:
    entry = dict(item.items())
    if "target" not in entry and "source" in entry:
        return item, refused("a device without a target", item, "add target: the path in the container")
    return item, None
