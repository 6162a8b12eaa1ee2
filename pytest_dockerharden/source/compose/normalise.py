"""What Docker Compose fills in: networks, names, dependencies, defaults and absolute paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.compose.derive import Entries, default, derive, entries_below
from pytest_dockerharden.source.compose.merge import merge_service
from pytest_dockerharden.source.compose.paths import Resolver
from pytest_dockerharden.source.compose.problems import Problems
from pytest_dockerharden.source.compose.schema_table import CONTAINER

NAMED = ("networks", "volumes", "secrets", "configs")
NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")
DEFAULT_NETWORK = "default"
# a container before the service takes the volumes from that of the service
INHERITED = CONTAINER.keys() - {"volumes"}


def normalise(model: Node, *, project: str, directory_of: Callable[[Node], str], home: str | None) -> list[Problem]:
    """Fill in a canonical model, in place.

    ``project`` is the project's name. ``directory_of`` answers the directory that the relative paths of a node start
    from: the project's, or that of the included or extended file. ``home`` is what ``~`` stands for; None leaves it.
    """
    if not isinstance(model.value, dict):
        return []
    services = entries_below(model, "services")
    workloads = {**entries_below(model, "jobs"), **services}
    resolver = Resolver(directory_of, home)
    for service in workloads.values():
        if isinstance(service.value, dict):
            _complete_service(service, service.value, resolver)
    _complete_networks(model.value, workloads)
    for kind in NAMED:
        for key, entry in entries_below(model, kind).items():
            _complete_resource(kind, key, entry, project, resolver)
    return []


def _complete_service(service: Node, entries: Entries, resolver: Resolver) -> None:
    build = entries.get("build")
    if build is not None and isinstance(build.value, dict):
        _complete_build(build, build.value, resolver)
    _complete_dependencies(service, entries)
    _complete_replicas(entries)
    resolver.service(service)


def _complete_build(build: Node, entries: Entries, resolver: Resolver) -> None:
    entries.setdefault("context", default(build, "."))
    if "dockerfile_inline" not in entries:
        entries.setdefault("dockerfile", default(build, "Dockerfile"))


def _complete_replicas(entries: Entries) -> None:
    """``scale`` is the number of replicas of a ``deploy`` that names none."""
    scale, deploy = entries.get("scale"), entries.get("deploy")
    if scale is not None and scale.value is not None and deploy is not None and isinstance(deploy.value, dict):
        deploy.value.setdefault("replicas", scale)


def _complete_dependencies(service: Node, entries: Entries) -> None:
    implied = dict(_implied_dependencies(service))
    if not implied:
        return
    declared = entries.get("depends_on")
    known = dict(declared.items()) if declared is not None else {}
    merged = {**implied, **known}
    entries["depends_on"] = derive(declared, merged) if declared is not None else default(service, merged)


def _implied_dependencies(service: Node) -> Iterator[tuple[str, Node]]:
    """The services that this one needs because it shares something with them."""
    for item in service.get("volumes_from") or ():
        name = item.text().split(":")[0]
        if not item.text().startswith("container:") and not item.unresolved:
            yield name, _dependency(item, restart=False)
    for item in service.get("links") or ():
        if not item.unresolved:
            yield item.text().split(":")[0], _dependency(item, restart=True)
    for key in NAMESPACES:
        item = service.get(key) or Node(None, service.origin)
        kind, _, name = item.text().partition(":")
        if kind == "service" and not item.unresolved:
            yield name, _dependency(item, restart=True)


def _dependency(reason: Node, *, restart: bool) -> Node:
    entries = {"condition": default(reason, "service_started"), "required": default(reason, True)}
    if restart:
        entries["restart"] = default(reason, True)
    return default(reason, dict(entries))


def _complete_networks(entries: Entries, services: Entries) -> None:
    """Attach the services that name no network to the default one, and declare it where one does."""
    used = None
    for service in services.values():
        if not isinstance(service.value, dict) or service.get("provider") is not None:
            continue
        networks = service.get("networks")
        if networks is not None and not networks.value:
            del service.value["networks"]
            networks = None
        if networks is None and service.get("network_mode") is None:
            service.value["networks"] = default(service, {DEFAULT_NETWORK: default(service, None)})
        _complete_hooks(service)
        if service.get("networks", DEFAULT_NETWORK) is not None:
            used = used or service
    if used is not None:
        declared = entries.setdefault("networks", default(used, {}))
        if isinstance(declared.value, dict) and DEFAULT_NETWORK not in declared.value:
            declared.value[DEFAULT_NETWORK] = default(used, {})


def _complete_hooks(service: Node) -> None:
    """A container that runs before the service is made as that of the service is, where it does not say otherwise."""
    for hook in service.get("pre_start") or ():
        if isinstance(hook.value, dict):
            inherited = {key: node for key, node in service.items() if key in INHERITED}
            hook.value = merge_service(default(hook, inherited), hook, Problems()).value


def _complete_resource(kind: str, key: str, entry: Node, project: str, resolver: Resolver) -> None:
    if entry.value is None:
        entry.value = {}
    if not isinstance(entry.value, dict):
        return
    external = entry.get("external")
    plain = key if external is not None and external.value is True else f"{project}_{key}"
    name = entry.get("name")
    if name is None or name.value in {None, ""}:
        entry.value["name"] = default(entry, plain)
    resolver.resource(kind, entry)
