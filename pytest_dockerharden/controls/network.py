"""What a container can be reached by, and what it reaches."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.controls.published_engine import listens_in_clear_text
from pytest_dockerharden.controls.published_stores import lets_everybody_in
from pytest_dockerharden.controls.traefik import open_api
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import UnknownFact, not_applicable
from pytest_dockerharden.model.finding import Edit, Finding, Findings, Remedy
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.ports import shown, unpublished
from pytest_dockerharden.model.posture import Port, Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, remove_key, rewrite_item, set_in_item
from pytest_dockerharden.model.roles import (
    is_data_store,
    is_for_swarm,
    is_web_server,
    on_every_interface,
    open_to_all,
    uses,
)

_PRIVILEGED = 1024
_PORT_DIGITS = 5


def _bounds(port: Port) -> tuple[int, int] | None:
    """First and last host port; None where the engine picks one or it is not known."""
    first, _, last = port.host_port.partition("-")
    last = last or first
    numbers = all(bound.isascii() and bound.isdigit() and len(bound) <= _PORT_DIGITS for bound in (first, last))
    return (int(first), int(last)) if numbers else None


# host ports that are of no use unless everybody reaches them: web, mail, DNS, DHCP, VPN
PUBLIC_PORTS = (
    "25", "53", "67", "80", "110", "143", "443", "465", "587", "853", "993", "995", "1194", "51820",
)  # fmt: skip
# container ports of protocols that only peers outside speak, whatever the host port: SSH, RTMP, STUN, SIP, XMPP,
# BitTorrent, Matrix federation, MQTT over TLS, Minecraft, Syncthing, Ethereum, Steam, Mumble
_FOR_PEERS = frozenset(
    {22, 1935, 3478, 5060, 5061, 5222, 5269, 5349, 6881, 8448, 8883, 19132, 21027, 22000, 25565, 27015, 30303, 51413,
     51820, 64738}
)  # fmt: skip


def _on_loopback(posture: Posture, port: Port) -> Remedy:
    """The port as it is written, with the address in front of it."""
    text = f'ports:\n  - "127.0.0.1:{port.host_port}:{port.container_port}"'
    place, service = port.origin, posture.service
    if service is not None and is_for_swarm(service):  # it ignores an address, or refuses it
        return advice(f"remove {shown(port)} from `ports`: Swarm binds no address; its proxy needs none of them")
    breaks = "clients on other machines"
    if not isinstance(place, TextOrigin) or service is None or service.source_text is None:
        return advice(text)
    written = service.source_text(place).strip("\"' ")
    if re.match(r"\w+:\s|\{", written):
        return set_in_item("ports", place, "host_ip", "127.0.0.1", breaks=breaks)
    bound = re.match(r"(?:0\.0\.0\.0|\[::\]|::)(?=:)", written)
    if bound:
        return rewrite_item("ports", place, f"127.0.0.1{written[bound.end() :]}", text=text, breaks=breaks)
    if port.host_ip:
        return advice(text)
    front = "127.0.0.1:{}" if port.host_port else "127.0.0.1::{}"
    return rewrite_item("ports", place, front, text=text, breaks=breaks)


def _internal(posture: Posture, names: list[str]) -> Remedy:
    text = f"networks:\n  {names[0]}:\n    internal: true"
    edits = tuple(Edit("set", ("", "networks", name, "internal"), True) for name in names)
    return Remedy(text, edits, "behaviour-changing", "a service on it that calls out, or publishes a port")


@control(
    severity="medium",
    plan="P1",
    cis="5.14",
    owasp="RULE 5",
    nist="4.4.2",
    equivalents={
        "kics": "container_traffic_not_bound_to_host_interface",
        "compose-lint": "CL-0005",
        "dclint": "no-unbound-port-interfaces",
        "docker-bench": "5.14",
    },
)
def ports_bound_to_interface(posture: Posture, *, allowed: tuple[str, ...] = PUBLIC_PORTS) -> Findings:
    """Published ports are bound to one interface.

    A port without an address is open on every interface, IPv4 and IPv6, and the engine's rules come before those of a
    host firewall such as ufw. ``allowed`` names the host ports that are meant for everybody: web, mail, DNS and VPN;
    the ports of protocols for peers outside (BitTorrent, Minecraft, SIP, SSH) are known by the container's port.
    Of a data store ``data-stores-not-published`` speaks, of an open API ``no-published-engine-api`` and
    ``published-traefik-api-asks-for-a-password``.

    Bad::

        services:
          web:
            image: app
            ports:
              - "8080:80"  # <-
              - "80"  # <-

    Good::

        services:
          web:
            image: app
            ports:
              - "127.0.0.1:8080:80"
              - "[::1]:8080:80"
            expose: ["9000"]

    Good::

        services:
          proxy:
            image: traefik:3.1
            ports: ["80:80", "443:443", "443:443/udp"]
    """
    for port in _on_every_interface(posture, allowed):
        if not names_all(posture, port):
            yield _published_everywhere(posture, port)


@control(
    severity="medium",
    plan="P1",
    cis="5.14",
    owasp="RULE 5",
    nist="4.4.2",
    equivalents={
        "kics": "container_traffic_not_bound_to_host_interface",
        "compose-lint": "CL-0005",
        "docker-bench": "5.14",
    },
)
def ports_not_bound_to_every_address(posture: Posture, *, allowed: tuple[str, ...] = PUBLIC_PORTS) -> Findings:
    """The address of a published port is not the one that stands for all.

    `0.0.0.0` and `[::]` are every interface of the machine, as if no address were there; whoever wrote it may have
    meant the container's. ``allowed`` names the host ports that are meant for everybody.

    Bad::

        services:
          web:
            image: app
            ports:
              - "0.0.0.0:8443:443"  # <-
              - "[::]:8080:80"  # <-

    Good::

        services:
          web:
            image: app
            ports:
              - "127.0.0.1:8443:443"
              - "[::1]:8080:80"
    """
    for port in _on_every_interface(posture, allowed):
        if names_all(posture, port):
            yield _published_everywhere(posture, port)


def _on_every_interface(posture: Posture, allowed: tuple[str, ...]) -> Iterator[Port]:
    if is_data_store(posture):
        not_applicable("data-stores-not-published judges it")
    everywhere = [port for port in posture.ports.value if on_every_interface(port) and port.host_port not in allowed]
    found = [port for port in everywhere if port.container_port not in _FOR_PEERS]
    alone = _judged_alone(posture) if found else set()
    yield from (port for port in found if port.container_port not in alone)


def _judged_alone(posture: Posture) -> set[int]:
    """The container's ports of which a control of their own says what is wrong with publishing them at all."""
    try:
        api = open_api(posture)
        return listens_in_clear_text(posture) | ({api} if api else set())
    except UnknownFact:
        return set()


def names_all(posture: Posture, port: Port) -> bool:
    """Whether an address that stands for all is written; a container that is observed shows one for every port."""
    return posture.service is not None and posture.phase == "static" and bool(port.host_ip)


def _published_everywhere(posture: Posture, port: Port) -> Finding:
    message = f"{shown(port)} is published on every interface"
    return posture.ports.finding(message, _on_loopback(posture, port), at=port.origin)


_FROM_A_VARIABLE = pattern(r"\$(?:\w+|\{\w+(?::?\?[^}]*)?\}):\d[\d-]*(?:/\w+)?")


@control(
    severity="info",
    optional=True,
    cis="5.14",
    equivalents={
        "kics": "container_traffic_not_bound_to_host_interface",
        "compose-lint": "CL-0005",
        "dclint": "no-unbound-port-interfaces",
    },
)
def every_port_names_an_address(service: Service) -> Findings:
    """Ports for peers, of data stores and from variables name an address.

    What ``ports-bound-to-interface`` takes as meant for everybody by its container's port, what
    ``data-stores-not-published`` judges, and a host port that is known on the machine alone.

    Bad::

        services:
          game:
            image: app
            ports:
              - "25565:25565"  # <-

    Bad::

        services:
          web:
            image: app
            ports:
              - "${PORT}:80"  # <-

    Good::

        services:
          game:
            image: app
            ports:
              - "203.0.113.7:25565:25565"
              - "127.0.0.1:${PORT}:80"
    """
    for item in service.items("ports"):
        if item.unresolved and _FROM_A_VARIABLE.fullmatch(item.template or ""):
            yield service.finding("its address may be every interface", advice('"127.0.0.1:..."'), at=item)
    posture = service.posture
    for port in posture.ports.get(()) if posture is not None else ():
        if posture is not None and (port.container_port in _FOR_PEERS or is_data_store(posture)) and not port.host_ip:
            yield service.finding(f"{shown(port)} names no address", _on_loopback(posture, port), at=port.origin)


@control(
    severity="low",
    optional=True,
    cis="5.8",
    equivalents={"kics": "privileged_ports_mapped_in_container", "docker-bench": "5.8"},
)
def no_privileged_ports(posture: Posture, *, allowed: tuple[str, ...] = ()) -> Findings:
    """No port below 1024 is published.

    Low ports are where clients expect the machine's own services; only what is meant to be one of them belongs there.

    Bad::

        services:
          web:
            image: app
            ports:
              - "127.0.0.1:80:8080"  # <-

    Good::

        services:
          web:
            image: app
            ports:
              - "127.0.0.1:8080:80"
    """
    for port in posture.ports.value:
        bounds = _bounds(port)
        if bounds and 0 < bounds[0] < _PRIVILEGED and port.host_port not in allowed:
            yield posture.ports.finding(f"host port {shown(port)} is below 1024", at=port.origin)


@control(severity="info", optional=True, equivalents={"kics": "privileged_ports_mapped_in_container"})
def no_privileged_container_ports(posture: Posture) -> Findings:
    """No port below 1024 inside is published.

    A program that listens on a low port wants to start as root, or NET_BIND_SERVICE, wherever the engine's default for
    unprivileged ports is not in force.

    Bad::

        services:
          web:
            image: app
            ports:
              - "127.0.0.1:8080:80"  # <-

    Good::

        services:
          web:
            image: app
            ports:
              - "127.0.0.1:8080:8080"
    """
    for port in posture.ports.value:
        if 0 < port.container_port < _PRIVILEGED:
            yield posture.ports.finding(f"port {port.container_port} inside is below 1024", at=port.origin)


@control(
    severity="high",
    plan="P1",
    cis="5.10",
    owasp="RULE 5",
    equivalents={"kics": "shared_host_network_namespace", "compose-lint": "CL-0008", "docker-bench": "5.10"},
)
def no_host_network(posture: Posture) -> Findings:
    """The network is not the host's.

    On the host's network every port the service listens on is the machine's, and it reaches what listens on loopback
    alone: databases, the engine's API, other services' admin ports.

    Bad::

        services:
          web:
            image: app
            network_mode: host  # <-

    Good::

        services:
          web:
            image: app
            ports: ["127.0.0.1:8080:80"]
    """
    if posture.network_mode.value == "host":
        yield posture.network_mode.finding(
            "it is on the host's network",
            remove_key("network_mode", breaks="a service that others reach at the host's address; publish its ports"),
        )


@control(severity="medium", plan="P1", cis="5.30", owasp="RULE 5", equivalents={"docker-bench": "5.30"})
def no_default_bridge(posture: Posture) -> Findings:
    """The service is not on the engine's default bridge.

    On the default bridge it meets every container of the machine that was started without a network, of all projects.

    Bad::

        services:
          web:
            image: app
            network_mode: bridge  # <-

    Good::

        services:
          web:
            image: app
            networks: [front]
        networks:
          front: {}
    """
    service = posture.service
    if service is not None and service.get("network_mode") is None:
        return  # a network of the project may have that name
    if any(network.name == "bridge" for network in posture.networks.value):
        yield posture.networks.finding("it is on the engine's default bridge", remove_key("network_mode"))


@control(severity="low", optional=True, plan="P1", equivalents={"kics": "networks_not_set"})
def networks_declared(posture: Posture) -> Findings:
    """The service says which networks it is on.

    Left out, all services of a project meet on one network: each of them reaches all the others.

    Bad::

        services:
          web:  # <-
            image: app

    Good::

        services:
          web:
            image: app
            networks: [front]
        networks:
          front: {}
    """
    if posture.service is None:
        not_applicable("what is declared is a matter of the files")
    if any(network.default for network in posture.networks.value):
        yield posture.networks.finding(
            "it is on the network that all services share",
            advice("networks:\n  - NAME  # and NAME below the `networks:` of the file"),
        )


@control(
    severity="high",
    plan="P1",
    owasp="RULE 5",
    nist="4.4.2",
)
def data_stores_not_published(posture: Posture) -> Findings:
    """No data store is published beyond the machine.

    Databases, caches and brokers are looked for on every address of the internet all the time, and a password is all
    that stands in between. Services of the stack reach them without a published port. Of one that asks for none
    ``published-stores-ask-for-a-password`` speaks.

    Bad::

        services:
          db:
            image: postgres:17
            ports:
              - "5432:5432"  # <-

    Good::

        services:
          db:
            image: postgres:17
            ports:
              - "127.0.0.1:5432:5432"

    Good::

        services:
          db:
            image: postgres:17
    """
    if not is_data_store(posture):
        not_applicable("it is not a data store that is known")
    for port in posture.ports.value:
        if open_to_all(port) and not lets_everybody_in(posture, port):
            yield posture.ports.finding(
                f"a data store is published on {shown(port)}", unpublished(posture, port), at=port.origin
            )


@control(severity="medium", optional=True, plan="P1", owasp="RULE 5", nist="4.4.2")
def data_stores_apart_from_the_edge(posture: Posture) -> Findings:
    """No service at the edge reaches a data store that it does not use.

    A flat network isolates nothing: whoever takes over the proxy talks to the database next. Give each its own
    network, and the service between them both.

    Bad::

        services:
          proxy:
            image: nginx:1.27
            ports: ["80:80"]
          db:  # <-
            image: postgres:17

    Good::

        services:
          proxy:
            image: nginx:1.27
            ports: ["80:80"]
            networks: [front]
          api:
            image: app
            networks: [front, back]
          db:
            image: postgres:17
            networks: [back]
        networks:
          front: {}
          back: {}

    Good::

        services:
          api:
            image: app
            ports: ["80:80"]
            depends_on: [db]
          db:
            image: postgres:17
    """
    service = posture.service
    if service is None or not is_data_store(posture):
        not_applicable("it is not a data store that is known")
    near = posture.reaches.value
    edge = [other for other in _edge(service) if other.name in near and not uses(other, service.name)]
    if edge:
        names = ", ".join(other.name for other in edge)
        yield posture.networks.finding(
            f"{names} is open to the outside and reaches it", advice("networks:\n  - one that the edge is not on")
        )


def _edge(service: Service) -> Iterator[Service]:
    """The services of the project that the outside reaches."""
    for other in service.project.services.values():
        ports = other.posture.ports.get(()) if other.posture else ()
        if other is not service and any(open_to_all(port) for port in ports):
            yield other


@control(severity="low", optional=True, plan="P1", owasp="RULE 5", nist="4.4.2")
def data_networks_internal(posture: Posture) -> Findings:
    """The networks of a data store are internal.

    A database has no business on the internet. On an ``internal`` network it can neither send data out nor fetch tools.

    Bad::

        services:
          db:
            image: postgres:17
            networks:  # <-
              - back
        networks:
          back: {}

    Good::

        services:
          db:
            image: postgres:17
            networks:
              - back
        networks:
          back:
            internal: true
    """
    if not is_data_store(posture):
        not_applicable("it is not a data store that is known")
    outside = [network.name for network in posture.networks.value if not network.internal]
    if outside:
        yield posture.networks.finding(f"its network {', '.join(outside)} leads outside", _internal(posture, outside))


@control(severity="info", optional=True, plan="P1", owasp="RULE 5")
def one_way_in(posture: Posture) -> Findings:
    """Behind a proxy, no other service is open to the outside.

    A port published beside the proxy is a way past its TLS, its limits and its logs.

    Bad::

        services:
          proxy:
            image: nginx:1.27
            ports: ["443:443"]
          api:
            image: app
            ports:
              - "8000:8000"  # <-

    Good::

        services:
          proxy:
            image: nginx:1.27
            ports: ["443:443"]
          api:
            image: app
            ports:
              - "127.0.0.1:8000:8000"
    """
    service = posture.service
    if service is None or is_web_server(posture):
        not_applicable("it is the way in")
    proxies = [other.name for other in _edge(service) if other.posture and is_web_server(other.posture)]
    for port in posture.ports.value if proxies else ():
        if open_to_all(port):
            yield posture.ports.finding(
                f"{shown(port)} is a way past {', '.join(proxies)}", unpublished(posture, port), at=port.origin
            )
