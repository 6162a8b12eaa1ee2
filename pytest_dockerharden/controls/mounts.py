"""What of the host a container is given."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.hostpaths import (
    binds,
    engine_socket,
    holds_credentials,
    holds_more_than_sockets,
    in_project,
    is_of_init,
    is_root_equivalent,
    is_sensitive,
)
from pytest_dockerharden.model.paths import real
from pytest_dockerharden.model.posture import Mount, Posture
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.roles import filters_the_engine, watches_the_host

_INIT = "Over it root in the container has systemd start any program on the host, as root."


@control(
    severity="critical",
    plan="P1",
    cis="5.32",
    owasp="RULE 1",
    nist="4.4.3",
    equivalents={
        "kics": "docker_socket_mounted_in_container",
        "semgrep": "exposing-docker-socket-volume",
        "compose-lint": "CL-0001",
        "docker-bench": "5.32",
    },
)
def no_engine_socket(posture: Posture) -> Findings:
    """No control socket of an engine or of the init system is inside.

    Whoever talks to the engine's socket starts a privileged container and is root on the host. `:ro` does not help, nor
    does a mount of the directory that holds it; `use_api_socket` is the same socket without a volume line. Of a mount
    of / the controls for the host's directories speak. A known proxy that filters what may be asked may have it.

    Bad::

        services:
          agent:
            image: app
            volumes:
              - /var/run/docker.sock:/var/run/docker.sock:ro  # <-

    Bad::

        services:
          agent:
            image: app
            volumes:
              - type: bind  # <-
                source: /run
                target: /host/run

    Bad::

        services:
          agent:
            image: app
            use_api_socket: true  # <-

    Good::

        services:
          agent:
            image: app
            volumes:
              - ./docker.sock.d:/var/run/app
    """
    if filters_the_engine(posture):
        not_applicable("it is a proxy that filters what the engine may be asked")
    for mount in binds(posture):
        socket = engine_socket(mount.source)
        if socket is not None and not holds_more_than_sockets(mount.source):
            inside = "" if real(mount.source) == socket else f" (in {mount.source})"
            yield posture.mounts.finding(
                f"it is given the control socket {socket}{inside}",
                advice("remove it; for reading events put a filtering socket proxy in between"),
                at=mount.origin,
                why=_INIT if is_of_init(socket) else None,
            )


@control(
    severity="critical",
    plan="P1",
    cis="5.6",
    owasp="RULE 8",
    nist=("4.4.4", "4.5.5"),
    equivalents={
        "kics": "volume_has_sensitive_host_directory",
        "compose-lint": "CL-0025",
        "docker-bench": "5.6",
    },
)
def no_writable_system_mounts(posture: Posture) -> Findings:
    """No directory of the host's system is mounted writable.

    Who writes to /etc, /usr, /root, /boot or the engine's own data plants a job, a key or a binary, and is root on the
    host.

    Bad::

        services:
          web:
            image: app
            volumes:
              - /etc:/host/etc  # <-

    Bad::

        services:
          web:
            image: app
            volumes:
              - host:/host  # <-
        volumes:
          host:
            driver: local
            driver_opts: {type: none, o: bind, device: /}

    Good::

        services:
          web:
            image: app
            volumes:
              - ./data:/data
              - /etc/localtime:/etc/localtime:ro
    """
    for mount in binds(posture):
        if _is_writable_system(posture, mount) and not _is_for_its_socket(mount):
            yield posture.mounts.finding(
                f"{real(mount.source)} of the host is mounted writable at {mount.target}",
                advice("mount only the files it needs, and those `:ro`"),
                at=mount.origin,
            )


@control(
    severity="high",
    plan="P1",
    cis="5.6",
    owasp="RULE 8",
    nist=("4.4.4", "4.5.5"),
    equivalents={
        "kics": "volume_has_sensitive_host_directory",
        "compose-lint": "CL-0013",
        "docker-bench": "5.6",
    },
)
def no_sensitive_mounts(posture: Posture) -> Findings:
    """No sensitive directory of the host is mounted, read-only ones included.

    /etc holds password hashes and host keys, /proc and /sys the kernel's state, /var/lib/docker every other container's
    files, a home directory keys and tokens. And a read-only bind of / leaves what is mounted below it writable. What
    the known exporters and log shippers of a host read, read-only, is what they are for.

    Bad::

        services:
          exporter:
            image: app
            volumes:
              - /proc:/host/proc:ro  # <-
              - /:/rootfs:ro  # <-

    Bad::

        services:
          deploy:
            image: app
            volumes:
              - /home/me/.ssh:/root/.ssh:ro  # <-

    Good::

        services:
          web:
            image: app
            volumes:
              - ./data:/data
              - /srv/media:/media:ro
              - /etc/localtime:/etc/localtime:ro
    """
    for mount in binds(posture):
        if _is_for_its_socket(mount) or _is_writable_system(posture, mount):
            continue  # no_engine_socket and no_writable_system_mounts speak of these
        if mount.read_only and watches_the_host(posture):
            continue
        system = is_sensitive(mount.source) and not in_project(posture, mount.source)
        if system or holds_credentials(mount.source):
            yield posture.mounts.finding(
                f"{real(mount.source)} of the host is mounted at {mount.target}",
                advice("mount only the files it needs"),
                at=mount.origin,
            )


def _is_writable_system(posture: Posture, mount: Mount) -> bool:
    return not mount.read_only and is_root_equivalent(mount.source) and not in_project(posture, mount.source)


def _is_for_its_socket(mount: Mount) -> bool:
    return engine_socket(mount.source) is not None and not holds_more_than_sockets(mount.source)


@control(
    severity="medium",
    cis="5.20",
    equivalents={
        "kics": "volume_mounted_in_multiple_containers",
        "compose-lint": "CL-0017",
        "docker-bench": "5.20",
    },
)
def private_mount_propagation(posture: Posture, *, refused: tuple[str, ...] = ("shared", "rshared")) -> Findings:
    """What a container mounts does not appear on the host.

    With shared propagation a mount made in the container is made on the host as well.

    Bad::

        services:
          web:
            image: app
            volumes:
              - /srv/data:/data:rshared  # <-

    Good::

        services:
          web:
            image: app
            volumes:
              - /srv/data:/data:rslave
    """
    for mount in posture.mounts.value:
        if mount.kind == "bind" and mount.propagation in refused:
            yield posture.mounts.finding(
                f"its mount at {mount.target} propagates ({mount.propagation})",
                advice("remove the propagation option"),
                at=mount.origin,
            )
