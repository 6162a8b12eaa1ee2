"""Lists that hold each thing once: what comes later replaces what stands for the same thing, in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_dockerharden.model.node import Node

Identity = Callable[[Node], object]


def unique_texts(model: Node) -> None:
    """Leave out repeated texts of a model that is not yet canonical, in place."""
    _walk(model, TEXTS)


def unique_entries(model: Node) -> None:
    """Leave out repeated ports, devices, secrets, configs and env files of a canonical model, in place."""
    _walk(model, ENTRIES)


def _walk(root: Node, table: dict[str, Any]) -> None:
    todo: list[tuple[Node, Any]] = [(root, table)]
    while todo:
        node, wanted = todo.pop()
        if isinstance(node.value, dict) and isinstance(wanted, dict):
            every = wanted.get("*")
            todo += [(child, below) for key, child in node.value.items() if (below := wanted.get(key, every))]
        elif isinstance(node.value, list) and callable(wanted) and len(node.value) > 1:
            node.value = list({wanted(item): item for item in node.value}.values())


def _before_equals(item: Node) -> object:
    return item.value.partition("=")[0] if isinstance(item.value, str) else _text(item)


def _text(item: Node) -> object:
    return id(item) if isinstance(item.value, (dict, list)) else item.text()


def _fields(*names: str) -> Identity:
    def identity(item: Node) -> object:
        fields = [item.get(name) for name in names]
        return tuple(field.text() for field in fields if field) if fields[0] else id(item)

    return identity


def _port(item: Node) -> object:
    host, published, target, protocol = (item.get(key) for key in ("host_ip", "published", "target", "protocol"))
    if target is None:
        return id(item)
    address = host.text() if host else ""
    return (
        address or "0.0.0.0",  # noqa: S104 - what an empty address means, no socket
        published.text() if published else None,
        target.text(),
        protocol.text() if protocol else "",
    )


def _mounted(folder: str) -> Identity:
    def identity(item: Node) -> object:
        target, source = item.get("target"), item.get("source")
        if target is not None and target.value is not None:
            return target.text()
        return f"{folder}/{source.text()}" if source else id(item)

    return identity


_KEYS = _before_equals
_BUILD = dict.fromkeys(("args", "labels", "additional_contexts", "tags"), _KEYS)
_NETWORK = dict.fromkeys(("aliases", "link_local_ips"), _KEYS)
TEXTS: dict[str, Any] = {
    "services": {
        "*": {
            **dict.fromkeys(("environment", "labels", "annotations", "sysctls", "links", "profiles"), _KEYS),
            **dict.fromkeys(("cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "tmpfs"), _KEYS),
            "expose": _text,
            "build": _BUILD,
            "deploy": {"labels": _KEYS},
            "networks": {"*": _NETWORK},
        }
    },
    "networks": {"*": {"labels": _KEYS}},
}
ENTRIES: dict[str, Any] = {
    "services": {
        "*": {
            "ports": _port,
            "devices": _fields("target"),
            "secrets": _mounted("/run/secrets"),
            "configs": _mounted(""),
            "env_file": _fields("path"),
        }
    }
}
