"""What of the host a container had better not be given either, though it is asked for with good reason."""

from __future__ import annotations

from pytest_dockerharden.controls.mount_modes import mounted_read_only
from pytest_dockerharden.controls.mounts import given, is_exposed
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.hostpaths import (
    engine_socket,
    holds_the_whole_system,
    in_project,
    is_of_the_system,
    is_program,
    is_time_zone,
)
from pytest_dockerharden.model.paths import covers, real
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Mount, Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.roles import filters_the_engine, watches_the_host

_INERT = pattern(r"/dev/(?:null|zero|full|random|urandom)")
_KERNEL_MODULES = pattern(r"/(?:usr/)?lib/modules(?:/.*)?")


@control(
    severity="low",
    optional=True,
    cis="5.32",
    owasp="RULE 1",
    equivalents={
        "kics": "docker_socket_mounted_in_container",
        "semgrep": "exposing-docker-socket-volume",
        "compose-lint": "CL-0001",
    },
)
def no_engine_socket_behind_a_filter(service: Service) -> Findings:
    """Not even a filtering proxy has the engine's socket.

    A proxy that lets chosen requests through is one mistake in its settings away from the whole engine. Where the
    engine listens on TLS, or nothing asks it, no container needs the socket.

    Bad::

        services:
          proxy:
            image: tecnativa/docker-socket-proxy:0.3
            volumes:
              - /var/run/docker.sock:/var/run/docker.sock:ro  # <-

    Good::

        services:
          proxy:
            image: tecnativa/docker-socket-proxy:0.3
            volumes:
              - ./haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro
    """
    posture = service.posture
    if posture is None or not filters_the_engine(posture):
        not_applicable("no-engine-socket judges it")
    for mount in given(posture):
        if engine_socket(mount.source) is not None:
            yield service.finding("it is given the engine's socket", advice("remove it"), at=mount.origin)


@control(
    severity="low",
    optional=True,
    equivalents={"kics": "volume_has_sensitive_host_directory", "compose-lint": "CL-0013"},
)
def no_host_state_mounted(service: Service) -> Findings:
    """No state of the host is mounted, what looks harmless included.

    Host names, certificates, udev's data, a sound card below /dev, and what an exporter reads: each tells of the
    machine, and ties the service to it.

    Bad::

        services:
          web:
            image: app
            volumes:
              - /etc/hosts:/etc/hosts:ro  # <-
              - /run/udev:/run/udev:ro  # <-

    Good::

        services:
          web:
            image: app
            volumes:
              - /etc/localtime:/etc/localtime:ro
              - /dev/null:/etc/app/default.conf
              - /usr/share/fonts:/usr/share/fonts:ro
    """
    posture = service.posture
    for mount in given(posture) if posture is not None else ():
        if posture is not None and (_is_state(posture, mount) or _is_watched(posture, mount)):
            yield service.finding(f"{mount.source} of the host is mounted", advice("remove it"), at=mount.origin)


def _is_watched(posture: Posture, mount: Mount) -> bool:
    return mount.read_only and watches_the_host(posture) and is_exposed(posture, mount)


def _is_state(posture: Posture, mount: Mount) -> bool:
    path = real(mount.source)
    if in_project(posture, path) or is_exposed(posture, mount) or engine_socket(path) is not None:
        return False
    if is_time_zone(path):
        return not mount.read_only and not is_program(path)
    if covers("/run", path) or covers("/dev", path):
        return path not in ("/run", "/dev") and not _INERT.fullmatch(path)
    return mount.read_only and covers("/etc", path)


@control(severity="low", optional=True, cis="5.6", owasp="RULE 8", equivalents={"compose-lint": "CL-0025"})
def no_writable_system_files(service: Service) -> Findings:
    """No file of the host's system is mounted writable, harmless or not.

    Certificates, `/etc/hosts` and kernel modules are made to be read by everybody; whoever writes them decides whom the
    host trusts, where its names lead and what its kernel loads.

    Bad::

        services:
          vpn:
            image: app
            volumes:
              - /lib/modules:/lib/modules  # <-

    Good::

        services:
          vpn:
            image: app
            volumes:
              - /lib/modules:/lib/modules:ro
    """
    posture = service.posture
    for mount in given(posture) if posture is not None else ():
        path = real(mount.source)
        system = _KERNEL_MODULES.fullmatch(path) or (covers("/etc", path) and not is_time_zone(path))
        if system and not mount.read_only and posture is not None and not in_project(posture, path):
            yield service.finding(
                f"{mount.source} of the host is mounted writable", mounted_read_only(posture, mount), at=mount.origin
            )


@control(severity="info", optional=True, cis="5.6", equivalents={"kics": "volume_has_sensitive_host_directory"})
def no_program_trees_mounted(service: Service) -> Findings:
    """No tree of the host's programs or libraries is mounted.

    The programs of the host fit the libraries of the host: in an image they run by chance, until one of the two is
    brought up to date. Nor does an exporter need the whole file system for what it reports.

    Bad::

        services:
          web:
            image: app
            volumes:
              - /usr/bin/git:/usr/bin/git:ro  # <-

    Good::

        services:
          web:
            image: app
            volumes:
              - ./bin/tool:/usr/local/bin/tool:ro
    """
    posture = service.posture
    for mount in given(posture) if posture is not None else ():
        if posture is None or not mount.read_only or in_project(posture, mount.source):
            continue
        whole = holds_the_whole_system(mount.source) and watches_the_host(posture)
        if whole or (is_program(mount.source) and is_of_the_system(mount.source)):
            yield service.finding(f"{mount.source} of the host is mounted", advice("remove it"), at=mount.origin)
