"""Archives of images: what ``docker save`` writes, and OCI image layouts; as files, folders or streams.

One pass from front to back: the order of what is in them is anybody's guess, and the list of contents comes last.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from stat import S_ISREG
from typing import Any

from pytest_dockerharden.source.image.config import list_of, parse_json, table_of, text_of, texts_of
from pytest_dockerharden.source.image.layer import Scan, Tree, scan
from pytest_dockerharden.source.image.streams import (
    BadArchive,
    FileStream,
    Replay,
    Stream,
    read_exactly,
    unpacked,
)
from pytest_dockerharden.source.image.tar import BLOCK, entries

MOST_JSON = 1 << 23
MOST_JSON_TOTAL = 1 << 26
MOST_MEMBERS = 100_000
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh")
_NESTED = 8
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_PLATFORM = ("os", "architecture", "variant")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image of an archive: names of its configuration and layers in the archive, tags, ``os/architecture``."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]
    platform: str = ""


@dataclass(slots=True, eq=False)
class Archive:
    """What was read of an archive, by the names in it. ``broken`` says why a layer could not be read."""

    tree: Tree = field(default_factory=Tree)
    documents: dict[str, bytes] = field(default_factory=dict)
    layers: dict[str, Scan] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def document(self, name: str) -> Any:
        """A JSON document. Raises BadArchive."""
        content = self.documents.get(self.followed(name))
        if content is None:
            raise BadArchive(f"{name} is not in the archive")
        return parse_json(content, name)

    def layer(self, name: str) -> Scan:
        """Raises BadArchive."""
        name = self.followed(name)
        if name in self.broken:
            raise BadArchive(self.broken[name])
        if name not in self.layers:
            raise BadArchive(f"layer {name} is not in the archive")
        return self.layers[name]

    def followed(self, name: str) -> str:
        """Where a link leads: of layers that are the same, older engines save one."""
        for _ in range(_NESTED):
            name = self.links.get(name, name)
        return name

    def manifests(self) -> list[Manifest]:
        """The images in it. Raises BadArchive."""
        if "manifest.json" in self.documents:
            return [_manifest_of(table_of(table)) for table in list_of(self.document("manifest.json"))]
        if "index.json" not in self.documents:
            raise BadArchive("it is no image archive: neither manifest.json nor index.json is in it")
        return list(self._of_index(self.document("index.json"), (), "", _NESTED))

    def _of_index(self, index: Any, tags: tuple[str, ...], platform: str, depth: int) -> Iterator[Manifest]:
        for described in map(table_of, list_of(table_of(index).get("manifests"))):
            notes = table_of(described.get("annotations"))
            own = table_of(described.get("platform"))
            if text_of(notes.get("vnd.docker.reference.type")) or text_of(own.get("os")) == "unknown":
                continue  # an attestation
            names = (text_of(notes.get(key)) for key in _NAMES)
            named = tuple(filter(None, names))[:1] or tags
            on = "/".join(filter(None, (text_of(own.get(key)) for key in _PLATFORM))) or platform
            document = table_of(self.document(blob_of(described)))
            if "manifests" in document:
                if depth:
                    yield from self._of_index(document, named, on, depth - 1)
            else:
                layers = tuple(blob_of(table_of(layer)) for layer in list_of(document.get("layers")))
                yield Manifest(blob_of(table_of(document.get("config"))), layers, named, on)


def _manifest_of(table: dict[str, Any]) -> Manifest:
    return Manifest(text_of(table.get("Config")), texts_of(table.get("Layers")), texts_of(table.get("RepoTags")))


def blob_of(described: dict[str, Any]) -> str:
    """The name of what a descriptor of the OCI image layout speaks of."""
    return f"blobs/{text_of(described.get('digest')).replace(':', '/', 1)}"


def read_path(path: str) -> Archive:
    """Read an archive file, compressed or not, or an unpacked one. Raises OSError and BadArchive."""
    if os.path.isdir(path):
        return _read_folder(path)
    if not S_ISREG(os.stat(path).st_mode):
        raise BadArchive("it is not a regular file")
    with open(path, "rb") as file:
        return read_stream(FileStream(file))


def read_stream(stream: Stream) -> Archive:
    """Read an archive as it comes. Raises BadArchive."""
    archive = Archive()
    for count, entry in enumerate(entries(unpacked(stream))):
        if count > MOST_MEMBERS:
            raise BadArchive(f"more than {MOST_MEMBERS:,} files are in it")
        name = posixpath.normpath(entry.name)
        if entry.kind == "0":
            _take(archive, name, entry.data, entry.data.left)
        elif entry.kind in "12":
            folder = posixpath.dirname(name) if entry.kind == "2" else ""
            archive.links[name] = posixpath.normpath(posixpath.join(folder, entry.link))
    return archive


def _read_folder(path: str) -> Archive:
    archive = Archive()
    for count, (name, file) in enumerate(_files(path)):
        if count > MOST_MEMBERS:
            raise BadArchive(f"more than {MOST_MEMBERS:,} files are in it")
        with contextlib.suppress(PermissionError), open(file, "rb") as opened:
            _take(archive, name, FileStream(opened), os.path.getsize(file))
    return archive


def _files(path: str) -> Iterator[tuple[str, str]]:
    """Names and paths of regular files. Links are not followed: they lead anywhere."""
    for folder, _, names in os.walk(path):
        for name in names:
            file = os.path.join(folder, name)
            if S_ISREG(os.lstat(file).st_mode):
                yield os.path.relpath(file, path).replace(os.sep, "/"), file


def _take(archive: Archive, name: str, stream: Stream, size: int) -> None:
    """A document, a layer, or nothing that is of interest."""
    head = read_exactly(stream, min(size, BLOCK))
    whole = Replay(head, stream)
    if head.lstrip()[:1] in (b"{", b"["):
        if size <= MOST_JSON:
            archive.documents[name] = read_exactly(whole, size)
            if sum(map(len, archive.documents.values())) > MOST_JSON_TOTAL:
                raise BadArchive("more than 64 MiB of JSON is in it")
    elif head.startswith(_COMPRESSED) or head[257:262] == b"ustar" or name.endswith("layer.tar"):
        try:
            archive.layers[name] = scan(unpacked(whole), archive.tree)
        except BadArchive as error:
            archive.broken[name] = f"layer {name}: {error}"
