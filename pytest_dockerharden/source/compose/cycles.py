"""Circles in what services depend on."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import Problem


def dependency_cycle(services: dict[str, Node]) -> Iterator[Problem]:
    """The first circle of dependencies, at the entry that closes it. Implied dependencies count."""
    done: set[str] = set()
    for start in sorted(services):
        path = _walk(start, services, done)
        if path:
            node = _dependencies(services[path[-2]])[path[-1]]
            yield Problem("refused", f"the dependencies form a circle: {' -> '.join(path)}", node.place, "break it")
            return


def _walk(start: str, services: dict[str, Node], done: set[str]) -> list[str]:
    """The circle that a walk from ``start`` runs into, as a path that ends where it began; empty without one."""
    path: dict[str, None] = {}
    todo: list[tuple[str, bool]] = [(start, False)]
    while todo:
        name, leaving = todo.pop()
        if leaving:
            path.popitem()
            done.add(name)
            continue
        if name in path:
            walked = list(path)
            return [*walked[walked.index(name) :], name]
        if name in done or name not in services:
            continue
        path[name] = None
        todo.append((name, True))
        todo += [(other, False) for other in sorted(_dependencies(services[name]), reverse=True)]
    return []


def _dependencies(service: Node) -> dict[str, Node]:
    node = service.get("depends_on")
    return dict(node.items()) if node is not None else {}
