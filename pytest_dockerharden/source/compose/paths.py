"""Relative paths of a model to absolute ones."""

from __future__ import annotations

import os.path
import posixpath
from collections.abc import Callable, Iterable

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.source.compose.derive import derive

REMOTE_PREFIXES = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")


class Resolver:
    """Makes the paths of services and resources absolute, in place.

    ``directory_of`` answers the directory that a node's relative path starts from; ``home`` what ``~`` stands for.
    """

    def __init__(self, directory_of: Callable[[Node], str], home: str | None) -> None:
        self.directory_of = directory_of
        self.home = home

    def service(self, service: Node) -> None:
        """The paths of one service: build contexts, env and label files, bind sources, watched folders."""
        self._build(service.get("build"))
        self._in_maps(service.get("env_file"), "path")
        self._in_list(service.get("label_file"))
        self._in_maps(service.get("develop", "watch"), "path")
        for mount in service.get("volumes") or ():
            if (kind := mount.get("type")) is not None and kind.value == "bind":
                self._replace(mount, "source")
        for hook in service.get("pre_start") or ():
            self.service(hook)

    def resource(self, kind: str, entry: Node) -> None:
        """The path of a secret or config, and that of a bind mount in the guise of a volume."""
        if kind in {"secrets", "configs"}:
            self._replace(entry, "file")
        elif kind == "volumes":
            options = entry.get("driver_opts")
            if options is not None and _text(entry, "driver") == "local" and _text(options, "o") == "bind":
                self._replace(options, "device")

    def absolute(self, node: Node) -> str:
        """The absolute path that a node's text means; one that is absolute already stays as it is, ``..`` and all."""
        path = node.text()
        if path.startswith("~"):
            return posixpath.normpath(f"{self.home}/{path[1:]}") if self.home else path
        if path.startswith("/") or _is_windows_path(path):
            return path
        return os.path.normpath(os.path.join(self.directory_of(node), path))

    def _replace(self, parent: Node, key: str) -> None:
        node = parent.get(key)
        if node is not None and isinstance(parent.value, dict):
            parent.value[key] = self._resolved(node)

    def _resolved(self, node: Node) -> Node:
        if not isinstance(node.value, str) or not node.value or _is_open_path(node):
            return node
        return derive(node, self.absolute(node))

    def _in_list(self, items: Node | None) -> None:
        if items is not None and isinstance(items.value, list):
            items.value = [self._resolved(item) for item in items.value]

    def _in_maps(self, items: Iterable[Node] | None, key: str) -> None:
        for item in items or ():
            self._replace(item, key)

    def _build(self, build: Node | None) -> None:
        if build is None:
            return
        context = build.get("context")
        if context is not None and not context.text().startswith(REMOTE_PREFIXES):
            self._replace(build, "context")
        contexts = build.get("additional_contexts")
        for name, node in list(contexts.items()) if contexts is not None else ():
            text = node.text()
            if contexts is not None and "://" not in text and not text.startswith(("service:", *REMOTE_PREFIXES)):
                self._replace(contexts, name)


def _text(node: Node, key: str) -> str:
    child = node.get(key)
    return child.text() if child is not None else ""


def _is_open_path(node: Node) -> bool:
    """Whether a path starts with a variable that no file gives a value, so that its directory is not known."""
    return bool(node.unresolved) and (node.text().startswith("$") or (node.template or "").startswith("$"))


def _is_windows_path(path: str) -> bool:
    return path.startswith("\\\\") or (path[1:2] == ":" and path[0].isalpha() and path[2:3] in {"\\", "/"})
