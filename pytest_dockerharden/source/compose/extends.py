"""``extends``: a service that starts from another one, of this file or of another."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.source.compose.merge import merge, merge_service
from pytest_dockerharden.source.compose.paths import REMOTE_PREFIXES, Resolver
from pytest_dockerharden.source.compose.problems import Budget
from pytest_dockerharden.source.compose.session import Session
from pytest_dockerharden.source.compose.shortforms import canonical_service
from pytest_dockerharden.source.compose.tree import MOST_RELATED, Path, clear

MOST_STEPS = 16
SIZES = frozenset(("mem_limit", "mem_reservation", "memswap_limit", "mem_swappiness", "shm_size"))
REMOTE = ("oci://", *REMOTE_PREFIXES)


@dataclass(slots=True)
class _File:
    """The services of one file, and the paths that its ``!reset`` and ``!override`` clear in what they extend."""

    path: str
    directory: str
    services: dict[str, Node]
    cleared: list[Path] = field(default_factory=list)
    done: set[str] = field(default_factory=set)


class Extending:
    """Resolves the ``extends`` of every service of a document, in place."""

    def __init__(self, session: Session, environment: Mapping[str, str], directory: str) -> None:
        self.session = session
        self.environment = environment
        self.directory = directory
        self.files: dict[str, _File] = {}
        self.incomplete: set[tuple[str, str]] = set()

    def apply(self, root: Node, cleared: list[Path]) -> None:
        """Replace each service that extends another by what results."""
        services = root.get("services")
        if services is None or not isinstance(services.value, dict):
            return
        if not any(service.get("extends") for service in services.value.values()):
            return
        file = _File(root.origin.file, self.directory, services.value, cleared)
        for name in list(services.value):
            self._extend(file, name, ())
        self.session.incomplete.update(name for path, name in self.incomplete if path == file.path)

    def _extend(self, file: _File, name: str, trail: tuple[tuple[str, str], ...]) -> None:
        """Make ``file.services[name]`` complete; its bases first."""
        service = file.services[name]
        extends = service.get("extends")
        if name in file.done or extends is None or not isinstance(service.value, dict):
            return
        file.done.add(name)
        service.value = {key: node for key, node in service.value.items() if key != "extends"}
        trail = (*trail, (file.path, name))
        base = self._base(file, extends, trail)
        if base is None:
            self.incomplete.add((file.path, name))
        else:
            self._inherit(file, name, service, base, extends.place)

    def _inherit(self, file: _File, name: str, service: Node, base: Node, through: TextOrigin) -> None:
        inherited = _copy(base, through, self.session.budget)
        for path in file.cleared:
            if path[:2] == ("services", name):
                clear(inherited, path[2:])
        merged = merge_service(inherited, service, self.session.problems)
        related = (*service.related, base.place)
        file.services[name] = Node(merged.value, service.origin, service.key_origin, related)

    def _base(self, file: _File, extends: Node, trail: tuple[tuple[str, str], ...]) -> Node | None:
        """The complete service that ``extends`` names, None with a problem where there is none."""
        named = extends.get("service") if isinstance(extends.value, dict) else extends
        if named is None or not isinstance(named.value, str):
            self.session.problems.refuse("extends does not name a service", extends.place)
            return None
        source = self._source(file, extends.get("file"))
        if source is None or named.unresolved:
            return None
        if named.value not in source.services:
            where = "" if source is file else f" in {os.path.basename(source.path)}"
            self.session.problems.refuse(
                f"extends the service {named.value!r}, which is not there{where}", named.origin
            )
            return None
        if (source.path, named.value) in trail or len(trail) > MOST_STEPS:
            steps = " -> ".join(name for _, name in (*trail, (source.path, named.value)))
            self.session.problems.refuse(f"extends goes in a circle: {steps}", named.origin)
            return None
        self._extend(source, named.value, trail)
        if (source.path, named.value) in self.incomplete:
            self.incomplete.add((file.path, trail[-1][1]))
        return source.services[named.value]

    def _source(self, file: _File, named: Node | None) -> _File | None:
        if named is None or named.value is None:
            return file
        path = os.path.normpath(os.path.join(file.directory, named.text()))
        if named.unresolved:
            return None
        if named.text().startswith(REMOTE):
            self.session.problems.warn("a remote file is not fetched, what it brings is not known", named.origin)
            return None
        if path == file.path and file.directory == os.path.dirname(path):
            return file
        if path not in self.files:
            try:
                self.files[path] = self._load(path, named)
            except SourceError as error:
                self.session.note(error)
                return None
        return self.files[path]

    def _load(self, path: str, named: Node) -> _File:
        directory = os.path.dirname(path)
        cleared: list[Path] = []
        model: Node | None = None
        for document in self.session.documents(path, named.origin):
            self.session.interpolate(document.root, self.environment)
            cleared += document.cleared
            model = document.root if model is None else merge(model, document.root, self.session.problems)
        services = model.get("services") if model else None
        file = _File(path, directory, dict(services.items()) if services else {}, cleared)
        resolver = Resolver(lambda node: directory, self.environment.get("HOME"))
        for name, service in file.services.items():
            extends = service.get("extends")
            self.session.problems.add(*canonical_service(name, service))
            settle(service, resolver)
            if extends is not None and isinstance(service.value, dict):
                service.value["extends"] = extends
        return file


def settle(service: Node, resolver: Resolver) -> None:
    """Make a canonical service fit to be merged elsewhere: its paths absolute, without sizes that were ignored."""
    resolver.service(service)
    service.value = {key: node for key, node in service.items() if key not in SIZES or node.value is not None}


def _copy(node: Node, through: TextOrigin, budget: Budget) -> Node:
    """A deep copy, so that base and extending service share no node, which remembers the way it came."""
    result = _copied(node, through)
    todo = [result]
    while todo:
        current = todo.pop()
        budget.spend(1, through)
        if isinstance(current.value, dict):
            current.value = {key: _copied(child, through) for key, child in current.value.items()}
            todo += current.value.values()
        elif isinstance(current.value, list):
            current.value = [_copied(child, through) for child in current.value]
            todo += current.value
    return result


def _copied(node: Node, through: TextOrigin) -> Node:
    related = (*node.related, through) if len(node.related) < MOST_RELATED else node.related
    return Node(node.value, node.origin, node.key_origin, related, node.template, node.unresolved)
