"""Which files of the project are in a container, and where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from glob import has_magic, iglob
from itertools import islice
from posixpath import join, normpath

from pytest_dockerharden.assemble.sources import Sources
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Heredoc, Instruction, Stage
from pytest_dockerharden.model.project import Service

_MOST_FILES = 200
_SKIPPED = frozenset({".git", "node_modules", ".venv"})


@dataclass(frozen=True, slots=True)
class Placed:
    """A file or a folder of the host in the container. ``text`` is set for one that a Dockerfile writes out."""

    target: str
    path: str
    is_folder: bool = False
    text: str | None = None


class Copied:
    """What an image gets from its context: services share images, and all combinations do."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._known: dict[tuple[Stage, str], tuple[Placed, ...]] = {}

    def by(self, service: Service) -> tuple[Placed, ...]:
        """What the stage that ``service`` ships copies."""
        if service.stage is None or service.dockerfile is None:
            return ()
        node = service.get("build.context")
        context = node.text() if node is not None and not node.unresolved else service.dockerfile.context
        if not context:
            return ()
        if (service.stage, context) not in self._known:
            self._known[service.stage, context] = tuple(_copied(service.stage, context, self.sources))
        return self._known[service.stage, context]


class Reaching:
    """The files that reach one container, those mounted after those copied; the last on a path is in force."""

    def __init__(self, service: Service, sources: Sources, copied: Copied) -> None:
        self.sources = sources
        self.placed = (*copied.by(service), *_mounted(service, sources))

    def find(self, path: str) -> Placed | None:
        """The file at a path in the container."""
        for placed in reversed(self.placed):
            if not placed.is_folder and placed.target == path:
                return placed
            below = _below(path, placed.target)
            if placed.is_folder and below:
                file = os.path.join(placed.path, below)
                if self.sources.is_file(file):
                    return Placed(path, file)
        return None

    def under(self, folder: str) -> Iterator[Placed]:
        """The files below a folder of the container, not without end."""
        found: dict[str, Placed] = {}
        for placed in self.placed:
            below = _below(folder, placed.target)
            if placed.is_folder and below is not None:
                found.update(self._walk(os.path.join(placed.path, below), folder))
            elif placed.is_folder and _below(placed.target, folder):
                found.update(self._walk(placed.path, placed.target))
            elif _below(placed.target, folder):
                found[placed.target] = placed
        yield from found.values()

    def _walk(self, path: str, target: str) -> Iterator[tuple[str, Placed]]:
        for place, file in islice(_files(path, target), _MOST_FILES):
            if self.sources.is_file(file):
                yield place, Placed(place, file)


def _below(path: str, folder: str) -> str | None:
    """The part of a path below a folder: empty for the folder itself, None elsewhere."""
    if path == folder:
        return ""
    prefix = folder.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else None


def _files(path: str, target: str) -> Iterator[tuple[str, str]]:
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(set(folders) - _SKIPPED)
        inside = os.path.relpath(folder, path).replace(os.sep, "/")
        for name in sorted(names):
            yield normpath(join(target, inside, name)), os.path.join(folder, name)


def _place(path: str, target: str, sources: Sources) -> Iterator[Placed]:
    is_folder = os.path.isdir(path)
    if (is_folder and sources.inside(path)) or (not is_folder and sources.is_file(path)):
        yield Placed(normpath(target), path, is_folder)


def _mounted(service: Service, sources: Sources) -> Iterator[Placed]:
    for mount in service.items("volumes"):
        source, target, kind = mount.get("source"), mount.get("target"), mount.get("type")
        if source and target and kind and kind.text() == "bind" and not source.unresolved and not target.unresolved:
            yield from _place(source.text(), target.text(), sources)
    for grant in service.items("configs"):
        name, target = grant.get("source") or grant, grant.get("target")
        config = service.project.configs.get(name.text())
        file = config.get("file") if config else None
        if file is not None and not file.unresolved:
            yield from _place(file.text(), join("/", target.text() if target else name.text()), sources)


def _copied(stage: Stage, context: str, sources: Sources) -> Iterator[Placed]:
    folder = "/"
    for instruction in stage.inherited("WORKDIR", "COPY", "ADD"):
        words = [word.value for word in instruction.words]
        if instruction.keyword == "WORKDIR":
            folder = join(folder, words[0]) if words and words[0] else folder
        elif instruction.flag("from") is None and len(words) > 1 and words[-1]:
            yield from _of_copy(instruction, context, join(folder, words[-1]), sources)


def _of_copy(instruction: Instruction, context: str, target: str, sources: Sources) -> Iterator[Placed]:
    heredocs = {heredoc.name: heredoc for heredoc in instruction.heredocs}
    into_folder = len(instruction.words) > 2 or target.endswith("/")
    for word in instruction.words[:-1]:
        heredoc = heredocs.get(word.raw.lstrip("<-").strip("\"'")) if word.raw.startswith("<<") else None
        if heredoc is not None:
            place = join(target, heredoc.name) if into_folder else target
            yield Placed(normpath(place), heredoc.origin.file, text=_written(heredoc))
        elif word.value and "://" not in word.value and "<<" not in word.value:
            for path in _matching(os.path.join(context, word.value.lstrip("/"))):
                is_file = not os.path.isdir(path)
                place = join(target, os.path.basename(path)) if is_file and into_folder else target
                yield from _place(path, place, sources)


def _matching(path: str) -> list[str]:
    if not has_magic(path):
        return [os.path.normpath(path)]
    return sorted(islice(iglob(path), _MOST_FILES))


def _written(heredoc: Heredoc) -> str:
    """The body, moved to the lines where it stands in the Dockerfile."""
    return "\n" * (heredoc.origin.line - 1) + heredoc.body
