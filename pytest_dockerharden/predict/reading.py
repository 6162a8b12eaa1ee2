"""Read single values of a canonical service: a fact each, with the place that decided it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.project import Service

T = TypeVar("T")
D = TypeVar("D")

_DURATION_PART = pattern(r"([0-9]*\.?[0-9]+|[0-9]+\.)(ns|us|µs|μs|ms|s|m|h|d|w)")
_SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0,
    "w": 604800.0,
}  # fmt: skip
_INTEGER = pattern(r"[+-]?[0-9]{1,19}")


def unresolved(node: Node, what: str) -> Unknown | None:
    """The reason why a scalar is not known, where variables that nothing sets are part of it."""
    if not node.unresolved:
        return None
    names = ", ".join(f"${name}" for name in sorted(node.unresolved))
    return Unknown(f"{what} depends on {names}, which no file sets", node.place)


def first_unresolved(nodes: list[Node], what: str) -> Unknown | None:
    """As :func:`unresolved`, for a list."""
    return next((reason for node in nodes if (reason := unresolved(node, what))), None)


def known(value: T, node: Node) -> Known[T]:
    """A fact that one node decided."""
    return Known(value, node.place, node.related)


def scalar(service: Service, path: str, convert: Callable[[Node], T | None], default: D) -> Fact[T | D]:
    """The converted value at a path; ``default`` where it is absent, null, or says nothing (``convert`` gives None)."""
    node = service.get(path)
    if node is None:
        return Known(default, service.origin)
    reason = unresolved(node, path)
    if reason:
        return reason
    value = convert(node)
    return known(default if value is None else value, node)


def boolean(service: Service, path: str) -> Fact[bool]:
    """A boolean, False where it is absent."""
    return scalar(service, path, truth, False)


def text(service: Service, path: str, default: str = "") -> Fact[str]:
    """A string; an empty one counts as absent."""
    return scalar(service, path, lambda node: node.text() or None, default)


def truth(node: Node) -> bool | None:
    """Whether a boolean field is true, as a boolean or as one of the words that Docker Compose takes for one."""
    return {"true": True, "yes": True, "y": True, "on": True}.get(node.text().lower(), False)


def integer(node: Node) -> int | None:
    """A whole number, also one written as a string."""
    if isinstance(node.value, float):
        return int(node.value)
    return int(node.text()) if _INTEGER.fullmatch(node.text()) else None


def number(node: Node) -> float | None:
    """A number, also one written as a string."""
    try:
        return float(node.text())
    except ValueError:
        return None


def seconds(node: Node) -> float | None:
    """The seconds of a duration (``1m30s``)."""
    return seconds_of(node.text())


def seconds_of(duration: str) -> float | None:
    """As :func:`seconds`, for a text."""
    parts = _DURATION_PART.findall(duration)
    return sum(float(amount) * _SECONDS[unit] for amount, unit in parts) if parts else None
