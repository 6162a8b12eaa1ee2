"""What a container shares a network with, and what it opens to the outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.posture import NetworkAttachment, Port, Posture
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.predict.layers import Layers
from pytest_dockerharden.predict.reading import integer, known, truth

_NO_NETWORK = ("none", "host")


def predict_network(service: Service, layers: Layers, posture: Posture) -> None:
    """Networks, what they reach, and ports."""
    posture.networks = _networks(service)
    posture.reaches = _reaches(service)
    posture.ports = _ports(service)
    posture.exposed = _exposed(service, layers, posture.ports)


def _networks(service: Service) -> Fact[tuple[NetworkAttachment, ...]]:
    mode = service.get("network_mode")
    if mode is not None and mode.unresolved:
        return Unknown("the networks depend on network_mode, which has no value here", mode.place)
    owner = _owner(service)
    if owner is None:
        return Unknown("the networks of another container are not in the project", service.at("network_mode"))
    if mode is not None and owner is service:
        return known(tuple(_bridge(name) for name in _keys(service)), mode)
    node = owner.get("networks")
    attachments = tuple(_attachment(service.project, name) for name in _keys(owner))
    return Known(attachments, service.at("network_mode" if mode else "networks") if mode or node else service.origin)


def _owner(service: Service) -> Service | None:
    """The service whose network namespace this one is in; None for a container outside the project."""
    seen = set()
    while service.name not in seen:
        seen.add(service.name)
        kind, _, name = service.text("network_mode").partition(":")
        if kind == "container" and name:
            return None
        if kind != "service" or not name:
            return service
        if name not in service.project.services:
            return None
        service = service.project.services[name]
    return service


def _keys(owner: Service) -> tuple[str, ...]:
    """The networks of a service that has a network namespace of its own."""
    mode = owner.text("network_mode")
    if mode in _NO_NETWORK:
        return ()
    if mode:
        return (mode,)
    node = owner.node.get("networks")
    return tuple(name for name, _ in node.items()) if node else ()


def _bridge(name: str) -> NetworkAttachment:
    """A network of the engine that ``network_mode`` names."""
    return NetworkAttachment(name, internal=False, driver="bridge" if name == "bridge" else "", external=True)


def _attachment(project: Project, name: str) -> NetworkAttachment:
    node = project.networks.get(name)
    if node is None:
        return NetworkAttachment(name, internal=False, default=name == "default")
    driver, internal, external = (node.get(key) for key in ("driver", "internal", "external"))
    return NetworkAttachment(
        name,
        internal=_is_true(internal),
        driver=driver.text() if driver else "",
        external=_is_true(external),
        default=name == "default",
    )


def _is_true(node: Node | None) -> bool:
    return node is not None and bool(truth(node))


def _reaches(service: Service) -> Fact[frozenset[str]]:
    """The services that a packet of this one can reach: a shared network, the same namespace, or the host's."""
    owner = _owner(service)
    mode = service.get("network_mode")
    if owner is None or (mode is not None and mode.unresolved):
        return Unknown("which networks it is on is not known", service.at("network_mode"))
    names = _neighbours(service.project).of(owner) - {service.name}
    return Known(frozenset(names), service.at("network_mode") if mode else service.at("networks"))


@dataclass(eq=False)
class _Neighbours:
    """Service names by what they are on: a network, the namespace of a service, the host's, any at all."""

    by_network: dict[str, set[str]] = field(default_factory=dict)
    by_owner: dict[str, set[str]] = field(default_factory=dict)
    on_host: set[str] = field(default_factory=set)
    connected: set[str] = field(default_factory=set)

    def add(self, name: str, owner: Service) -> None:
        self.by_owner.setdefault(owner.name, set()).add(name)
        for key in _keys(owner):
            self.by_network.setdefault(key, set()).add(name)
        mode = owner.text("network_mode")
        if mode != "none":
            self.connected.add(name)
        if mode == "host":
            self.on_host.add(name)

    def of(self, owner: Service) -> set[str]:
        """Whom a service in this one's network namespace reaches, itself included."""
        mode = owner.text("network_mode")
        if mode == "host":
            return set(self.connected)
        return set().union(
            self.by_owner.get(owner.name, ()),
            () if mode == "none" else self.on_host,
            *(self.by_network[key] for key in _keys(owner)),
        )


@lru_cache(maxsize=2)
def _neighbours(project: Project) -> _Neighbours:
    """Worked out once for all services of a project: by pairs it would take seconds for some hundred of them."""
    found = _Neighbours()
    for name, service in project.services.items():
        owner = _owner(service)
        if owner is not None:
            found.add(name, owner)
    return found


def _ports(service: Service) -> Fact[tuple[Port, ...]]:
    """On the host's network, and on none, the engine discards what is under ``ports``: there is nothing to publish."""
    node = service.get("ports")
    if node is None:
        return Known((), service.origin)
    mode = service.get("network_mode")
    if mode is not None and not mode.unresolved and mode.text() in ("host", "none"):
        return Known((), node.place)
    found = []
    for item in node:
        port = _port(item)
        if isinstance(port, Unknown):
            return port
        found.append(port)
    return known(tuple(found), node)


def _port(item: Node) -> Port | Unknown:
    """A variable in front of the port may hold an address as well, so that without one the interface is not known."""
    fields: Mapping[str, Node] = dict(item.items())
    target, published, address, protocol = (fields.get(k) for k in ("target", "published", "host_ip", "protocol"))
    if target is None or target.unresolved or integer(target) is None:
        return Unknown("which port is published depends on a variable that no file sets", item.place)
    if address is not None and address.unresolved:
        return Unknown("which address a port is published on depends on a variable that no file sets", item.place)
    open_port = published is not None and published.unresolved
    if open_port and address is None and item.template is not None:
        return Unknown("where a port is published depends on a variable that no file sets", item.place)
    number = integer(target) or 0
    host_port = published.text() if published and not open_port else ""
    return Port(
        number, host_port, address.text() if address else "", protocol.text() if protocol else "tcp", item.place
    )


def _exposed(service: Service, layers: Layers, ports: Fact[tuple[Port, ...]]) -> Fact[frozenset[str]]:
    """``80/tcp``: every port that the service, its Dockerfile or its image declares."""
    places = [service.at(key) for key in ("expose", "ports") if service.get(key) is not None]
    found = {_with_protocol(item.text()) for item in service.items("expose") if not item.unresolved}
    found |= {f"{port.container_port}/{port.protocol}" for port in ports.get(())}
    for instruction in layers.of("EXPOSE"):
        values = [layers.word(word) for word in instruction.words]
        found |= {_with_protocol(value) for value in values if value}
        places.append(instruction.origin)
    if layers.image is not None:
        found |= set(layers.image.exposed)
    elif not found:
        return layers.missing("what is exposed")
    return Known(frozenset(found), places[0] if places else service.origin, tuple(places[1:]))


def _with_protocol(port: str) -> str:
    number, _, protocol = port.partition("/")
    return f"{number}/{protocol.lower() or 'tcp'}"
