"""Which files of the project are in a container, and where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from posixpath import join, normpath

from pytest_dockerharden.assemble.sources import Sources
from pytest_dockerharden.model.dockerfile import Instruction
from pytest_dockerharden.model.project import Service

_MOST_FILES = 200


def files_in_container(service: Service, sources: Sources) -> Iterator[tuple[str, str]]:
    """Path in the container and absolute path of the file, what is mounted after what is copied."""
    yield from _copied(service, sources)
    for mount in service.items("volumes"):
        source, target, kind = mount.get("source"), mount.get("target"), mount.get("type")
        if source and target and kind and kind.text() == "bind" and not source.unresolved and not target.unresolved:
            yield from _expand(source.text(), target.text(), sources)
    for grant in service.items("configs"):
        name, target = grant.get("source") or grant, grant.get("target")
        config = service.project.configs.get(name.text())
        file = config.get("file") if config else None
        if file is not None and not file.unresolved:
            yield from _expand(file.text(), join("/", target.text() if target else name.text()), sources)


def _copied(service: Service, sources: Sources) -> Iterator[tuple[str, str]]:
    context = service.get("build.context")
    if service.stage is None or context is None or context.unresolved:
        return
    folder = "/"
    for instruction in service.stage.inherited("WORKDIR", "COPY", "ADD"):
        words = [word.value for word in instruction.words]
        if instruction.keyword == "WORKDIR":
            folder = join(folder, words[0]) if words and words[0] is not None else folder
        elif not instruction.heredocs and instruction.flag("from") is None and len(words) > 1 and words[-1] is not None:
            yield from _of_copy(instruction, context.text(), join(folder, words[-1]), sources)


def _of_copy(instruction: Instruction, context: str, target: str, sources: Sources) -> Iterator[tuple[str, str]]:
    several = len(instruction.words) > 2
    for word in instruction.words[:-1]:
        if word.value is None or "://" in word.value:
            continue
        path = os.path.normpath(os.path.join(context, word.value.lstrip("/")))
        into_folder = several or target.endswith("/")
        is_file = os.path.isfile(path)
        yield from _expand(path, join(target, os.path.basename(path)) if is_file and into_folder else target, sources)


def _expand(path: str, target: str, sources: Sources) -> Iterator[tuple[str, str]]:
    """The file itself, or the files of a folder. Nothing outside the root, and not without end."""
    if sources.is_file(path):
        yield normpath(target), path
    elif os.path.isdir(path) and sources.inside(path):
        count = 0
        for folder, folders, names in os.walk(path):
            folders[:] = [name for name in sorted(folders) if name not in {".git", "node_modules", ".venv"}]
            for name in sorted(names):
                count += 1
                if count > _MOST_FILES:
                    return
                file = os.path.join(folder, name)
                if sources.is_file(file):
                    yield normpath(join(target, os.path.relpath(file, path).replace(os.sep, "/"))), file
