"""Layers put on top of each other: what a container sees, and what is carried along all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_dockerharden.model.image import FileKind, ImageFile, Layer
from pytest_dockerharden.source.image.layer import Scan, Tree


@dataclass(slots=True)
class Squashed:
    """All layers of an image. ``texts`` are the contents that a container sees."""

    layers: list[Layer] = field(default_factory=list)
    files: list[ImageFile] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)
    uncounted: Counter[FileKind] = field(default_factory=Counter)


@dataclass(slots=True, eq=False)
class _Above:
    """What the layers further up bring and delete: hashes of paths, and the lowest such layer."""

    tree: Tree
    files: dict[int, int] = field(default_factory=dict)
    folders: dict[int, int] = field(default_factory=dict)
    emptied: dict[int, int] = field(default_factory=dict)
    _known: dict[int, int | None] = field(default_factory=dict)

    def hides(self, path: int, folder: int) -> int | None:
        """The layer that hides a path: it is there again, deleted, or what it lies in is."""
        by = self.files.get(path)
        if by is None:
            by = self.folders.get(path)
        return by if by is not None else self._hides_below(folder)

    def _hides_below(self, folder: int) -> int | None:
        chain = []
        while folder not in self._known:
            chain.append(folder)
            by = self.files.get(folder, self.emptied.get(folder))
            above = self.tree.above[folder]
            if by is not None or above == folder:
                self._known[folder] = by
                break
            folder = above
        result = self._known[folder]
        self._known.update(dict.fromkeys(chain, result))
        return result

    def add(self, layer: Scan, index: int) -> None:
        """Go one layer down."""
        for path in layer.paths:
            (self.folders if path in layer.folders else self.files)[path] = index
        self.files.update(dict.fromkeys(layer.deleted, index))
        self.emptied.update(dict.fromkeys(layer.emptied, index))
        self._known.clear()


def squash(scans: Sequence[Scan], digests: Sequence[str], tree: Tree) -> Squashed:
    """Put layers together, the base's first; ``digests`` name them."""
    above = _Above(tree)
    result = Squashed()
    for index in range(len(scans) - 1, -1, -1):
        scan = scans[index]
        result.layers.append(_measured(scan, index, digests[index], above))
        for found in scan.found:
            by = above.hides(hash(found.path), hash(found.path.rpartition("/")[0]))
            result.files.append(ImageFile(found.path, found.kind, index, *found.entry, by, found.detail))
        for path, content in scan.texts.items():
            if above.hides(hash(path), hash(path.rpartition("/")[0])) is None:
                result.texts[path] = content
        for kind, number in scan.kinds.items():
            kept = sum(1 for found in scan.found if found.kind == kind)
            result.uncounted[kind] += number - kept  # type: ignore[index]
        above.add(scan, index)
    result.layers.reverse()
    result.files.sort(key=lambda file: (file.layer, file.path))
    return result


def _measured(scan: Scan, index: int, digest: str, above: _Above) -> Layer:
    wasted = 0
    caches: Counter[str] = Counter()
    for position, (path, folder, size) in enumerate(zip(scan.paths, scan.parents, scan.sizes, strict=True)):
        if size and above.hides(path, folder) is not None:
            wasted += size
        elif size and scan.caches and position in scan.caches:
            caches[scan.caches[position]] += size
    return Layer(index, digest, sum(scan.sizes), wasted, len(scan.paths), dict(caches))
