"""What Docker Compose refuses of a whole canonical model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.compose.cycles import dependency_cycle
from pytest_dockerharden.source.compose.derive import Entries, entries_below, refused, value_at
from pytest_dockerharden.source.compose.effect import warnings

__all__ = ["check", "warnings"]


TEST_HEADS = frozenset({"CMD", "CMD-SHELL", "NONE"})
PAIRS_OF_LIMITS = (
    ("cpus", "limits", "cpus"),
    ("mem_limit", "limits", "memory"),
    ("pids_limit", "limits", "pids"),
    ("mem_reservation", "reservations", "memory"),
)


def check(model: Node, disabled: Collection[str] = (), incomplete: Collection[str] = ()) -> list[Problem]:
    """What Docker Compose would refuse of a normalised model, each at the node to change.

    ``disabled`` are the services that their profiles switch off: one may depend on them with ``required: false``.
    ``incomplete`` are those whose base is not at hand, which may have the image.
    """
    top = {
        kind: entries_below(model, kind) for kind in ("services", "networks", "volumes", "secrets", "configs", "models")
    }
    found: list[Problem] = []
    for name, service in top["services"].items():
        if isinstance(service.value, dict):
            for key, rule in SERVICE_RULES:
                if (not key or key in service.value) and not (rule is _sources and name in incomplete):
                    found += rule(name, service)
            found += _references(service, top, disabled)
    found += _same_container_names(top["services"])
    found += dependency_cycle(top["services"])
    for kind in ("secrets", "configs"):
        for entry in top[kind].values():
            found += _source(kind, entry)
    for entry in top["volumes"].values():
        found += _external_volume(entry)
    return found


def _refused_key(message: str, node: Node, hint: str = "") -> Problem:
    return Problem("refused", message, node.place, hint)


def _sources(name: str, service: Node) -> Iterator[Problem]:
    image = value_at(service, "image")
    given = image and (image.value or image.unresolved)
    if not given and not value_at(service, "build") and not value_at(service, "provider"):
        yield _refused_key(f"{name} has neither an image nor a build", image or service, "add image: or build:")
    inline = value_at(service, "build", "dockerfile_inline")
    if inline and (dockerfile := value_at(service, "build", "dockerfile")):
        yield _refused_key("dockerfile and dockerfile_inline exclude each other", dockerfile, "remove one of them")


def _network_mode(name: str, service: Node) -> Iterator[Problem]:
    mode, networks = value_at(service, "network_mode"), value_at(service, "networks")
    if mode and networks and mode.value and networks.value:
        yield _refused_key("network_mode and networks exclude each other", mode, "remove one of them")


def _healthcheck(name: str, service: Node) -> Iterator[Problem]:
    head = value_at(service, "healthcheck", "test", 0)
    if head and not head.unresolved and head.value not in TEST_HEADS:
        yield refused("healthcheck.test must start with CMD, CMD-SHELL or NONE", head, 'write ["CMD", ...]')


def _scale(name: str, service: Node) -> Iterator[Problem]:
    scale, replicas = value_at(service, "scale"), value_at(service, "deploy", "replicas")
    for node in (scale, replicas):
        if node and isinstance(node.value, int) and node.value < 0:
            yield refused("must be at least 0", node)
    if scale and replicas and scale.value != replicas.value and not (scale.unresolved or replicas.unresolved):
        yield _refused_key(f"scale and deploy.replicas differ: {scale.value}, {replicas.value}", scale, "remove scale")
    count = scale or replicas
    if count and isinstance(count.value, int) and count.value > 1 and (fixed := value_at(service, "container_name")):
        hint = "remove container_name: each replica needs its own"
        yield _refused_key(f"container_name with {count.value} replicas", fixed, hint)


def _limits(name: str, service: Node) -> Iterator[Problem]:
    """Where a limit stands both at the service and in ``deploy``, the two must say the same; absent counts as 0."""
    for key, group, twin in PAIRS_OF_LIMITS:
        node, resources = value_at(service, key), value_at(service, "deploy", "resources", group)
        if not node or not resources or not _amount(node):
            continue
        other = value_at(resources, twin)
        path = f"deploy.resources.{group}.{twin}"
        if other is None:
            yield _refused_key(f"{key} is set but not {path}", node, f"add {twin}: to deploy.resources.{group} as well")
        elif not (node.unresolved or other.unresolved) and _amount(node) != _amount(other):
            yield _refused_key(f"{key} and {path} differ", node, f"remove {key} or make them equal")


def _amount(node: Node) -> float:
    try:
        return float(node.text() or 0)
    except ValueError:
        return 0


def _mounts(name: str, service: Node) -> Iterator[Problem]:
    for mount in value_at(service, "volumes") or ():
        if not isinstance(mount.value, dict):
            continue
        kind, source = value_at(mount, "type"), value_at(mount, "source")
        if not value_at(mount, "target"):
            yield refused("a mount without a target", mount, "add target: the path in the container")
        if kind and kind.value == "bind" and (not source or (source.value == "" and not source.unresolved)):
            yield refused("a bind mount without a source", mount, "add source: the path on the host")


def _tmpfs(name: str, service: Node) -> Iterator[Problem]:
    """No two mounts on one path, where one of them is in ``tmpfs``."""
    volumes = {target.text() for mount in value_at(service, "volumes") or () if (target := mount.get("target"))}
    seen: set[str] = set()
    for item in value_at(service, "tmpfs") or ():
        path = item.text().split(":")[0]
        if item.unresolved:
            continue
        if path in seen or path in volumes:
            yield refused(f"something is mounted on {path} already", item, "remove one of the two")
        seen.add(path)


def _devices(name: str, service: Node) -> Iterator[Problem]:
    requests = [*(value_at(service, "gpus") or ())]
    requests += value_at(service, "deploy", "resources", "reservations", "devices") or ()
    for request in requests:
        if value_at(request, "count") and (ids := value_at(request, "device_ids")):
            yield _refused_key("count and device_ids exclude each other", ids, "remove one of them")


def _watch(name: str, service: Node) -> Iterator[Problem]:
    for entry in value_at(service, "develop", "watch") or ():
        action = value_at(entry, "action")
        if action and action.value not in {"rebuild", "restart"} and not value_at(entry, "target"):
            yield refused(f"{action.text()} needs a target", entry, "add target: the path in the container")


def _platform(name: str, service: Node) -> Iterator[Problem]:
    platform, platforms = value_at(service, "platform"), value_at(service, "build", "platforms")
    if not platform or not platforms or not platforms.value or platform.unresolved:
        return
    if not any(item.unresolved or item.value == platform.value for item in platforms):
        yield _refused_key(f"build.platforms lacks {platform.text()}", platforms, f"add {platform.text()}")


# Each with a key without which it has nothing to say.
SERVICE_RULES: tuple[tuple[str, Callable[[str, Node], Iterator[Problem]]], ...] = (
    ("", _sources),
    ("network_mode", _network_mode),
    ("healthcheck", _healthcheck),
    ("", _scale),
    ("deploy", _limits),
    ("volumes", _mounts),
    ("tmpfs", _tmpfs),
    ("", _devices),
    ("develop", _watch),
    ("platform", _platform),
)


def _references(service: Node, top: dict[str, Entries], disabled: Collection[str]) -> Iterator[Problem]:
    yield from _named(value_at(service, "networks"), "network", top["networks"])
    yield from _named(value_at(service, "models"), "model", top["models"])
    for key in ("secrets", "configs"):
        for mount in value_at(service, key) or ():
            yield from _undefined(value_at(mount, "source"), key[:-1], top[key])
    for mount in value_at(service, "build", "secrets") or ():
        yield from _undefined(value_at(mount, "source"), "build secret", top["secrets"])
    for mount in value_at(service, "volumes") or ():
        kind = value_at(mount, "type")
        source = value_at(mount, "source")
        if kind and kind.value == "volume" and not kind.unresolved and source and source.value:
            yield from _undefined(source, "volume", top["volumes"])
    yield from _dependencies(service, top["services"], disabled)
    yield from _contexts(service, top["services"])


def _named(names: Node | None, what: str, known: Entries) -> Iterator[Problem]:
    for name, node in names.items() if names else ():
        if name not in known and not node.unresolved:
            yield _refused_key(f"undefined {what} {name}", node, _declare(what, name))


def _undefined(node: Node | None, what: str, known: Entries) -> Iterator[Problem]:
    if node and not node.unresolved and node.text() not in known:
        yield refused(f"undefined {what} {node.text()}", node, _declare(what, node.text()))


def _declare(what: str, name: str) -> str:
    if what == "volume":
        return f"declare {name} below the top-level volumes, or write ./{name} for a folder"
    return f"declare {name} below the top-level {what.split()[-1]}s"


def _dependencies(service: Node, services: Entries, disabled: Collection[str]) -> Iterator[Problem]:
    for name, node in entries_below(service, "depends_on").items():
        if name in services or node.unresolved:
            continue
        required = value_at(node, "required")
        if name in disabled and required and required.value is False:
            continue
        hint = "its profile is not active" if name in disabled else "is it spelled like the service?"
        yield _refused_key(f"depends on the undefined service {name}", node, hint)


def _contexts(service: Node, services: Entries) -> Iterator[Problem]:
    build = value_at(service, "build")
    for node in entries_below(build, "additional_contexts").values() if build else ():
        kind, _, name = node.text().partition(":")
        if kind != "service" or node.unresolved:
            continue
        if name not in services:
            yield refused(f"undefined service {name}", node, "is it spelled like the service?")
        elif not value_at(services[name], "build"):
            yield refused(f"{name} has no build to take as a context", node, f"add build: to {name}")


def _same_container_names(services: Entries) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, service in services.items():
        node = value_at(service, "container_name")
        if node is None or node.unresolved:
            continue
        if (other := seen.setdefault(node.text(), name)) != name:
            yield _refused_key(f"the container name {node.text()} is that of {other} too", node, "choose another")


def _source(kind: str, entry: Node) -> Iterator[Problem]:
    keys = ("file", "environment") if kind == "secrets" else ("file", "environment", "content")
    given = [node for key in keys if (node := value_at(entry, key))]
    external = value_at(entry, "external")
    if len(given) > 1:
        yield _refused_key(f"{', '.join(keys)} exclude each other", given[1], "keep one of them")
    if given or (external is not None and external.value is not False):
        return
    # of a config Docker Compose looks for one only where nothing is said of external
    if kind == "secrets" or external is None:
        yield _refused_key(f"none of {', '.join(keys)}", entry, f"add {keys[0]}: or external: true")


def _external_volume(entry: Node) -> Iterator[Problem]:
    external = value_at(entry, "external")
    if external is None or external.value is not True:
        return
    for key, node in entry.items():
        if key not in {"external", "name"} and not key.startswith("x-") and node.value is not None:
            yield _refused_key(f"external and {key} exclude each other", node, "remove one of them")
