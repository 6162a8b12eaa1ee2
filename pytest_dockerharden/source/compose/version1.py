"""Files of Compose's first format: the services stand at the top level."""

from __future__ import annotations

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.source.compose.problems import Problems
from pytest_dockerharden.source.compose.schema_table import FILE, SERVICE
from pytest_dockerharden.source.compose.tree import Document

_WHAT_RUNS = ("image", "build")


def put_below_services(document: Document, problems: Problems) -> None:
    """Put what Docker Compose refuses, and yet is clearly meant for services, where a service stands; in place."""
    root = document.root
    assert isinstance(root.value, dict)
    if not root.value or not all(_is_service(name, node) for name, node in root.value.items()):
        return
    first = next(iter(root.value.values()))
    problems.refuse("a file of version 1, which Docker Compose no longer reads", first.place, "put all below services:")
    document.root = Node({"services": Node(root.value, root.origin, first.place)}, root.origin)
    document.cleared = [("services", *path) for path in document.cleared]


def _is_service(name: str, node: Node) -> bool:
    known, service = FILE.keys or {}, SERVICE.keys or {}
    if name in known or name.startswith("x-") or not isinstance(node.value, dict) or not node.value:
        return False
    return any(key in node.value for key in _WHAT_RUNS) or node.value.keys() <= service.keys()
