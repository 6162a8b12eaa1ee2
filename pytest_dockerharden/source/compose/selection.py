"""Which services and resources of a model count: profiles, and what no service uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from pytest_dockerharden.model.node import Node

EVERY_PROFILE = "*"


def active_profiles(profiles: tuple[str, ...] | None, environment: Mapping[str, str]) -> frozenset[str]:
    """The profiles asked for, or else those of ``COMPOSE_PROFILES``."""
    if profiles is not None:
        return frozenset(profiles)
    return frozenset(name.strip() for name in environment.get("COMPOSE_PROFILES", "").split(","))


def drop_inactive(model: Node, active: frozenset[str]) -> frozenset[str]:
    """Take services with profiles, none of them active, out of a model, in place. Their names."""
    services = model.get("services")
    if services is None or not isinstance(services.value, dict) or EVERY_PROFILE in active:
        return frozenset()
    inactive = frozenset(name for name, node in services.value.items() if not _is_active(node, active))
    services.value = {name: node for name, node in services.value.items() if name not in inactive}
    return inactive


def _is_active(service: Node, active: frozenset[str]) -> bool:
    profiles = [item.text() for item in service.get("profiles") or ()]
    return not profiles or not active.isdisjoint(profiles)


def drop_unused(model: Node) -> None:
    """Take networks, volumes, secrets, configs and models that no service uses out of a model, in place."""
    services = model.get("services")
    users = [node for _, node in services.items()] if services else []
    for kind, used_by in USES.items():
        declared = model.get(kind)
        if declared is None or not isinstance(declared.value, dict):
            continue
        used = {name for service in users for name in used_by(service)}
        declared.value = {name: node for name, node in declared.value.items() if name in used}
        if not declared.value and isinstance(model.value, dict):
            del model.value[kind]


def _names(service: Node, key: str) -> Iterator[str]:
    node = service.get(key)
    yield from (name for name, _ in node.items()) if node else ()


def _volumes(service: Node) -> Iterator[str]:
    for mount in service.get("volumes") or ():
        if _text(mount, "type") == "volume":
            yield _text(mount, "source")


def _secrets(service: Node) -> Iterator[str]:
    for mount in [*(service.get("secrets") or ()), *(service.get("build", "secrets") or ())]:
        yield _text(mount, "source")


def _configs(service: Node) -> Iterator[str]:
    for mount in service.get("configs") or ():
        yield _text(mount, "source")


def _text(node: Node, key: str) -> str:
    child = node.get(key)
    return child.text() if child else ""


USES: dict[str, Callable[[Node], Iterable[str]]] = {
    "networks": lambda service: _names(service, "networks"),
    "volumes": _volumes,
    "secrets": _secrets,
    "configs": _configs,
    "models": lambda service: _names(service, "models"),
}
