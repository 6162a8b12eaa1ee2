"""What a compose file had better say itself, though an image or a habit may say it too."""

from __future__ import annotations

import re

from pytest_dockerharden.controls.health import why_none_is_missed
from pytest_dockerharden.controls.network import PUBLIC_PORTS, names_all
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.hostpaths import (
    binds,
    engine_socket,
    in_project,
    is_of_the_system,
    is_root_equivalent,
    is_sensitive,
)
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.remedies import advice, remove_key, set_key, text_edit
from pytest_dockerharden.model.roles import on_every_interface


@control(severity="low", optional=True, equivalents={"kics": "healthcheck_not_set"})
def explicit_healthcheck(service: Service) -> Findings:
    """A service whose image is not known to have a healthcheck gives one.

    Whether the image brings one is not said anywhere in the project, and may change with the next image. Of workers,
    which ``healthcheck-defined`` leaves out, the same is said: a hung one is replaced by nobody.

    Bad::

        services:
          web:  # <-
            image: registry.example.com/app:1.4

    Good::

        services:
          web:
            image: registry.example.com/app:1.4
            healthcheck:
              test: ["CMD", "/app", "--check"]
    """
    posture = service.posture
    if posture is None or service.get("healthcheck") is not None:
        not_applicable("healthcheck-defined judges it")
    if posture.healthcheck.known and (posture.healthcheck.value is not None or why_none_is_missed(posture) is None):
        not_applicable("healthcheck-defined judges it")
    yield service.finding(
        "no healthcheck is given, and the image may have none", advice('healthcheck:\n  test: ["CMD", "..."]')
    )


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
def explicit_interface_for_public_ports(posture: Posture, *, ports: tuple[str, ...] = PUBLIC_PORTS) -> Findings:
    """A port that is meant for everybody names its address as well.

    On a machine with an inner and an outer network, 80 and 443 are then open on the outer one alone. Of all other
    ports ``ports-bound-to-interface`` speaks.

    Bad::

        services:
          proxy:
            image: traefik:3.1
            ports:
              - "443:443"  # <-

    Good::

        services:
          proxy:
            image: traefik:3.1
            ports:
              - "203.0.113.7:443:443"
    """
    for port in posture.ports.value:
        if port.host_port in ports and on_every_interface(port) and not names_all(posture, port):
            yield posture.ports.finding(
                f"port {port.host_port} is open on every interface",
                advice(f'ports:\n  - "ADDRESS:{port.host_port}:{port.container_port}"'),
                at=port.origin,
            )


@control(
    severity="low",
    optional=True,
    cis="5.6",
    owasp="RULE 8",
    equivalents={"kics": "volume_has_sensitive_host_directory"},
)
def no_system_files_mounted(posture: Posture) -> Findings:
    """No file of the host's system is mounted, the harmless ones included.

    `/etc/hosts`, certificates, a log directory or `/dev/shm` give nothing away by themselves. They tie the service to
    one host, and what it needs of them a config, a secret or a volume can bring.

    Bad::

        services:
          web:
            image: app
            volumes:
              - /etc/ssl/certs:/etc/ssl/certs:ro  # <-

    Good::

        services:
          web:
            image: app
            volumes:
              - /etc/localtime:/etc/localtime:ro
              - /srv/certs:/certs:ro
    """
    for mount in binds(posture):
        known = engine_socket(mount.source) or is_sensitive(mount.source) or is_root_equivalent(mount.source)
        if not known and is_of_the_system(mount.source) and not in_project(posture, mount.source):
            yield posture.mounts.finding(
                f"{mount.source} of the host is mounted", advice("bring a file of the project's own"), at=mount.origin
            )


_CONTAINER_NAME = pattern(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+\Z")


@control(severity="high", equivalents={"dclint": "service-container-name-regex"})
def valid_container_name(service: Service) -> Findings:
    """A container's name is one that the engine takes.

    Letters, digits, `_`, `.` and `-`, and not the latter three in front: with anything else the container is not made.

    Bad::

        services:
          web:
            image: app
            container_name: my app  # <-

    Good::

        services:
          web:
            image: app
            container_name: my-app_1.0
    """
    node = service.get("container_name")
    if node is None or node.unresolved:
        not_applicable("no name is given")
    if not _CONTAINER_NAME.match(node.text()):
        yield service.finding("the engine refuses the container's name", remove_key("container_name"), at=node)


@control(severity="info", optional=True, equivalents={"dclint": "no-build-and-image"})
def image_is_built_or_pulled(service: Service) -> Findings:
    """A service with `build:` and `image:` says which of them counts.

    The name is given to what is built here, and `docker compose pull` puts what a registry has in its place.
    `pull_policy: build` or `never` settles it.

    Bad::

        services:
          web:
            build: .
            image: registry.example.com/app:1.4  # <-

    Good::

        services:
          web:
            build: .
            image: registry.example.com/app:1.4
            pull_policy: build
          worker:
            image: registry.example.com/worker:1.4
    """
    if service.get("build") is None or service.get("image") is None:
        not_applicable("it is built or pulled")
    if service.get("pull_policy") is None:
        yield service.finding("it may be built or pulled", set_key("pull_policy", "build"), at="image")


@control(severity="info", optional=True, equivalents={"dclint": "require-project-name-field"})
def project_names_itself(project: Project) -> Findings:
    """The project has a name of its own.

    Without `name:` it is called as the directory is: a second checkout in a directory of the same name takes over the
    containers, networks and volumes of the first.

    Bad::

        services:  # <-
          web:
            image: app

    Good::

        name: shop
        services:
          web:
            image: app
    """
    name = project.model.get("name")
    if (
        name is None or name.key_origin is None
    ):  # the loader gives every model a name, a key has only one that is written
        yield project.finding("the directory gives the project its name", advice("name: ..."), at=_first_key(project))


def _first_key(project: Project) -> TextOrigin | None:
    places = [node.place for key, node in project.model.items() if key != "name" and node.place.file in project.files]
    return min(places, key=lambda place: (project.files.index(place.file), place.line), default=None)


@control(severity="low", optional=True, equivalents={"dclint": "require-quotes-in-ports"})
def ports_are_quoted(service: Service) -> Findings:
    """Port mappings stand in quotes.

    YAML 1.1 reads `22:22` as a number to the base of 60. Docker Compose does not, but other readers of the file do,
    and old versions did: quotes mean the same to all.

    Bad::

        services:
          web:
            image: app
            ports:
              - 127.0.0.1:2222:22  # <-

    Good::

        services:
          web:
            image: app
            ports:
              - "127.0.0.1:2222:22"
              - target: 80
                published: "8080"
    """
    if service.source_text is None:
        not_applicable("there is no text")
    for port in service.items("ports"):
        text = service.source_text(port.origin).lstrip()
        if re.match(r"[\d\[$]", text) and port.origin.line == port.origin.end_line:
            yield service.finding("the port is not quoted", _quoted(port.origin, text), at=port)


def _quoted(at: TextOrigin, written: str) -> Remedy:
    text = f'"{written.strip()}"'
    if written != written.strip() or any(mark in written for mark in '"\\#,'):
        return advice(text)
    return Remedy(text, (text_edit(at, text, "ports"),), "safe")
