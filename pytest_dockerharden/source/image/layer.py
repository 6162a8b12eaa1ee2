"""One layer, read once: what it brings, what it deletes, and the files in it that are worth a word."""

from __future__ import annotations

import posixpath
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_dockerharden.model.built import (
    PRIVATE_KEY,
    cache_of,
    holds_credentials,
    is_key_store,
    is_sample,
    leftover_kind,
    may_hold_credentials,
    program_kind,
)
from pytest_dockerharden.model.capabilities import from_mask
from pytest_dockerharden.model.image import FileKind
from pytest_dockerharden.source.image.streams import BadArchive, Stream
from pytest_dockerharden.source.image.tar import CAPABILITY, Entry, entries

MOST_ENTRIES = 2_000_000
"""Of all layers of an image."""
MOST_OF_A_KIND = 300
MOST_TEXT = 1 << 20
HEAD = 1 << 16

TEXTS = frozenset({"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/os-release", "/usr/lib/os-release"})
ACCOUNT_FILES = frozenset({"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/sudoers"})
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


class Tree:
    """The folders of all layers of an archive: the hash of each path to that of the folder above."""

    def __init__(self) -> None:
        self.above: dict[int, int] = {hash(""): hash("")}
        self.entries = 0

    def add(self, folder: str) -> int:
        """The hash of a folder's path, known from now on with all above it."""
        known = key = hash(folder)
        while key not in self.above:
            self.entries += 1
            folder = folder.rpartition("/")[0]
            self.above[key] = key = hash(folder)
        return known

    def count(self) -> None:
        """One more entry. Raises BadArchive."""
        self.entries += 1
        if self.entries > MOST_ENTRIES:
            raise BadArchive(f"its layers have more than {MOST_ENTRIES:,} files")


@dataclass(slots=True)
class Found:
    """A file that is worth a word, in its layer."""

    path: str
    kind: FileKind
    entry: tuple[int, int, int, int]
    detail: str = ""


@dataclass(slots=True, eq=False)
class Scan:
    """What one pass over a layer found.

    Of each entry there are the hashes of its path and folder, and its size; ``folders`` are the hashes of those that
    are folders. Of caches it is the name by position. ``deleted`` and ``emptied`` are hashes of the paths that the
    layer deletes, and of folders whose content it does.
    """

    paths: array[int] = field(default_factory=lambda: array("q"))
    parents: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    folders: set[int] = field(default_factory=set)
    caches: dict[int, str] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    emptied: set[int] = field(default_factory=set)
    found: list[Found] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    texts: dict[str, bytes] = field(default_factory=dict)

    def add(self, path: str, kind: FileKind, entry: Entry, detail: str = "") -> None:
        """Keep it, or count it where there are many."""
        self.kinds[kind] += 1
        if self.kinds[kind] <= MOST_OF_A_KIND:
            self.found.append(Found(path, kind, (entry.mode, entry.uid, entry.gid, entry.size), detail))


def scan(stream: Stream, tree: Tree) -> Scan:
    """Read an uncompressed layer. Raises BadArchive."""
    layer = Scan()
    for entry in entries(stream):
        tree.count()
        path = cleaned(entry.name)
        if is_escaping(entry):
            layer.add(path, "escaping", entry)
        folder, _, name = path.rpartition("/")
        if name.startswith(_WHITEOUT):
            _delete(layer, tree, folder, name)
        elif path != "/":
            _take(layer, tree, path, folder, entry)
    return layer


def cleaned(name: str) -> str:
    """The absolute path of an entry, as the engine unpacks it."""
    path = "/" + name.removeprefix("./").strip("/")
    return posixpath.normpath(path) if "/." in path or "//" in path else path


def is_escaping(entry: Entry) -> bool:
    """Whether it names a place outside of the image."""
    names = (entry.name, entry.link) if entry.kind == "1" else (entry.name,)
    return any(".." in name and ".." in name.split("/") for name in names)


def _delete(layer: Scan, tree: Tree, folder: str, name: str) -> None:
    above = tree.add(folder)
    if name == _OPAQUE:
        layer.emptied.add(above)
    elif not name.startswith(_WHITEOUT * 2):  # aufs keeps its own notes under such names
        layer.deleted.add(hash(f"{folder}/{name[len(_WHITEOUT) :]}"))


def _take(layer: Scan, tree: Tree, path: str, folder: str, entry: Entry) -> None:
    if entry.kind == "5":
        layer.folders.add(tree.add(path))
    else:
        cache = cache_of(path)
        if cache:
            layer.caches[len(layer.paths)] = cache
    layer.paths.append(hash(path))
    layer.parents.append(tree.add(folder))
    layer.sizes.append(max(entry.size, 0) if entry.kind == "0" else 0)
    for kind, detail in _kinds(path, entry):
        layer.add(path, kind, entry, detail)
    if path in TEXTS and entry.kind == "0":
        layer.texts[path] = entry.content(MOST_TEXT)
    elif entry.kind == "0" and entry.size:
        _look_inside(layer, path, entry)


def _kinds(path: str, entry: Entry) -> Iterator[tuple[FileKind, str]]:
    """What path, type and mode say."""
    kind = entry.kind
    if kind in "01":
        yield from _kinds_of_mode(entry)
        if path in ACCOUNT_FILES:
            yield "account", ""
    elif kind == "5" and entry.mode & 0o1002 == 0o002:
        yield "world-writable-directory", ""
    elif kind in "34" and not path.startswith("/dev/"):
        yield "device", "character" if kind == "3" else "block"
    named = program_kind(path) if kind in "012" else None
    if named is None and kind in "01":
        named = leftover_kind(path)
    if named:
        yield named, ""


def _kinds_of_mode(entry: Entry) -> Iterator[tuple[FileKind, str]]:
    if entry.mode & 0o4000:
        yield "setuid", ""
    if entry.mode & 0o2010 == 0o2010:
        yield "setgid", ""
    if entry.mode & 0o002:
        yield "world-writable", ""
    if entry.pax and CAPABILITY in entry.pax:
        yield "capability", capabilities(entry.pax[CAPABILITY])


def capabilities(attribute: bytes) -> str:
    """The names in ``security.capability`` (include/uapi/linux/capability.h, vfs_cap_data), sorted."""
    mask = int.from_bytes(attribute[4:8], "little") | int.from_bytes(attribute[12:16], "little") << 32
    return " ".join(sorted(from_mask(mask)))


def _look_inside(layer: Scan, path: str, entry: Entry) -> None:
    if may_hold_credentials(path):
        if holds_credentials(entry.content(MOST_TEXT)):
            layer.add(path, "credentials", entry)
    elif is_key_store(path):
        layer.add(path, "private-key", entry, "key store")
    else:
        head = entry.content(HEAD)
        key = PRIVATE_KEY.search(head) if b"PRIVATE KEY" in head else None
        if key and not is_sample(path):
            layer.add(path, "private-key", entry, "encrypted" if b"ENCRYPTED" in key[0] else "")
