"""Names, ports and resources of a project that get in each other's way, or in nobody's."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.remedies import advice, remove_key

_ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


@control(severity="high", equivalents={"dclint": "no-duplicate-container-names"})
def unique_container_names(project: Project) -> Findings:
    """No two services share a container name.

    The engine refuses the second container: the stack comes up in part.

    Bad::

        services:
          web:
            image: app
            container_name: app
          worker:
            image: app
            container_name: app  # <-

    Good::

        services:
          web:
            image: app
            container_name: app_web
          worker:
            image: app
            container_name: app_worker
    """
    seen: dict[str, list[Service]] = {}
    for service in project.services.values():
        node = service.get("container_name")
        if node is None or node.unresolved:
            continue
        name = node.text()
        other = next((o for o in seen.get(name, ()) if _run_together(o, service)), None)
        seen.setdefault(name, []).append(service)
        if other is not None:
            yield project.finding(
                f"{service.name} has the container name of {other.name}",
                advice("remove `container_name`, or give each service its own"),
                at=node,
            )


@control(severity="high", equivalents={"dclint": "no-duplicate-exported-ports"})
def unique_host_ports(project: Project) -> Findings:
    """No host port is published twice.

    The second service, or the second entry, cannot bind it: the stack comes up in part, and which part depends on the
    order.

    Bad::

        services:
          web:
            image: app
            ports:
              - "127.0.0.1:8080:80"
          admin:
            image: app
            ports:
              - "127.0.0.1:8080:8000"  # <-

    Good::

        services:
          web:
            image: app
            ports:
              - "127.0.0.1:8080:80"
          admin:
            image: app
            ports:
              - "127.0.0.1:8081:8000"
    """
    seen: dict[tuple[str, str], list[tuple[str, Service]]] = {}
    for service in project.services.values():
        for port in service.items("ports"):
            number, protocol, address = _published(port)
            if not number:
                continue
            others = seen.setdefault((number, protocol), [])
            for other_address, other in others:
                if _overlap(address, other_address) and _run_together(other, service):
                    owner = "it publishes already" if other is service else f"{other.name} has"
                    yield project.finding(
                        f"{service.name} publishes host port {number}, which {owner}",
                        advice("publish each on a host port of its own"),
                        at=port,
                    )
                    break
            others.append((address, service))


def _published(port: Node) -> tuple[str, str, str]:
    """Host port (empty where there is none, a range or a variable decides it), protocol and address."""
    published, address = port.get("published"), port.get("host_ip")
    if published is None or published.unresolved or port.unresolved or not published.text().isdigit():
        return "", "", ""
    protocol = port.get("protocol")
    return published.text(), protocol.text() if protocol else "tcp", address.text() if address else ""


def _overlap(one: str, other: str) -> bool:
    return one == other or one in _ANY_ADDRESS or other in _ANY_ADDRESS


def _run_together(one: Service, other: Service) -> bool:
    """Services of different profiles are often two variants of one thing."""
    first, second = ({node.text() for node in service.items("profiles")} for service in (one, other))
    return not first or not second or bool(first & second)


@control(severity="info", optional=True)
def no_fixed_container_name(service: Service) -> Findings:
    """The container has no fixed name.

    A fixed name forbids a second replica and a second copy of the stack on the host, such as the one under test.

    Bad::

        services:
          web:
            image: app
            container_name: app_web  # <-

    Good::

        services:
          web:
            image: app
    """
    if service.get("container_name") is not None:
        yield service.finding(
            "a fixed container name allows one copy only", remove_key("container_name"), at="container_name"
        )


@control(severity="low")
def declared_resources_are_used(project: Project) -> Findings:
    """Every declared network, volume, secret and config is used.

    A volume that nobody mounts keeps no data, and a secret that nobody is granted protects nothing: the declaration
    says that there is persistence or secrecy where there is none.

    Bad::

        services:
          redis:
            image: redis
            tmpfs:
              - /data
        volumes:
          redis_data:  # <-

    Good::

        services:
          redis:
            image: redis
            volumes:
              - redis_data:/data
        volumes:
          redis_data:
    """
    if any(service.incomplete for service in project.services.values()):
        not_applicable("the part of a service that may use it is not at hand")
    used = _used(project)
    for kind, declared in (
        ("network", project.networks),
        ("volume", project.volumes),
        ("secret", project.secrets),
        ("config", project.configs),
    ):
        for name, node in declared.items():
            if name not in used[kind] and not (kind == "network" and name == "default"):
                yield project.finding(
                    f"{kind} {name} is declared and nobody uses it",
                    advice("use it, or remove the declaration"),
                    at=node,
                )


def _used(project: Project) -> dict[str, set[str]]:
    used: dict[str, set[str]] = {"network": set(), "volume": set(), "secret": set(), "config": set()}
    # what an overlay replaces is used by the base that runs without it
    for service in (service for each in (project, *project.siblings) for service in each.services.values()):
        used["network"].update(name for name, _ in _entries(service, "networks"))
        build_network = service.text("build.network")
        used["network"].add(build_network)
        used["volume"].update(_text(mount, "source") for mount in service.items("volumes"))
        for path in ("secrets", "build.secrets"):
            used["secret"].update(_text(grant, "source") for grant in service.items(path))
        used["config"].update(_text(grant, "source") for grant in service.items("configs"))
    return used


def _entries(service: Service, path: str) -> Iterator[tuple[str, Node]]:
    node = service.get(path)
    return node.items() if node else iter(())


def _text(node: Node, key: str) -> str:
    child = node.get(key)
    return child.text() if child else node.text()


@control(severity="info", optional=True)
def image_is_built_once(project: Project) -> Findings:
    """One service builds an image, and the others use it.

    The same build repeated in every service that runs it is built as many times, and one copy that is changed alone
    ships another program under the same name.

    Bad::

        services:
          api:
            build: ./app
            image: app:1.4.2
          worker:
            build: ./app  # <-
            image: app:1.4.2

    Good::

        services:
          api:
            build: ./app
            image: app:1.4.2
          worker:
            image: app:1.4.2
    """
    first: dict[str, Service] = {}
    for service in project.services.values():
        image, build = service.text("image"), service.get("build")
        if not image or build is None:
            continue
        if image in first:
            yield project.finding(
                f"{service.name} builds {image} again, as {first[image].name} does",
                advice("keep `build:` in one service, or share it by an anchor"),
                at=build,
            )
        else:
            first[image] = service
