"""What of the host a container is given."""

from __future__ import annotations

from dataclasses import replace

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.hostpaths import (
    binds,
    engine_socket,
    holds_credentials,
    holds_more_than_sockets,
    holds_the_whole_system,
    in_project,
    is_of_init,
    is_of_sessions,
    is_of_the_kernel,
    is_program,
    is_root_equivalent,
    is_sensitive,
    is_started_by_root,
    is_state_of_managers,
    is_system_bus,
)
from pytest_dockerharden.model.paths import real
from pytest_dockerharden.model.posture import Mount, Posture
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.roles import filters_the_engine, watches_the_host

_INIT = "Over it root in the container has systemd start any program on the host, as root."


def given(posture: Posture) -> list[Mount]:
    """The mounts of host paths, also those that a secret or config with `file:` makes; these are read-only."""
    project = posture.service.project if posture.service else None
    files = []
    for mount in posture.mounts.value if project else ():
        if mount.kind in ("secret", "config") and project is not None:
            declared = (project.secrets if mount.kind == "secret" else project.configs).get(mount.source)
            path = declared.get("file") if declared is not None else None
            if path is not None and not path.unresolved:
                files.append(replace(mount, source=path.text(), read_only=True))
    return [*binds(posture), *files]


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
    does a mount of the directory that holds it; `use_api_socket` is the same socket without a volume line, and so is a
    secret whose `file:` it is. A known proxy that filters what may be asked may have it.

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
    for mount in given(posture):
        socket = _control_socket(mount)
        if socket is not None:
            # as it is written there: /var/run is /run, but nobody finds the one who looks for the other
            shown = mount.source if real(mount.source) == socket else f"{socket} (in {mount.source})"
            yield posture.mounts.finding(
                f"it is given the control socket {shown}",
                advice("remove it; for reading events put a filtering socket proxy in between"),
                at=mount.origin,
                why=_INIT if is_of_init(socket) else None,
            )


def _control_socket(mount: Mount) -> str | None:
    """The engine's or systemd's own socket that this mount is for."""
    if holds_more_than_sockets(mount.source) or is_system_bus(mount.source) or is_of_sessions(mount.source):
        return None
    return engine_socket(mount.source)


@control(
    severity="critical",
    plan="P1",
    cis="5.6",
    owasp="RULE 8",
    nist=("4.4.4", "4.5.5"),
    equivalents={"kics": "volume_has_sensitive_host_directory", "compose-lint": "CL-0001", "docker-bench": "5.6"},
)
def no_whole_system_mounted(posture: Posture) -> Findings:
    """The host's whole file system is not mounted.

    In / and /var are the engine's socket, its data and every password; a read-only bind leaves what is mounted below
    it writable, and connecting to a socket is no write. What the known exporters of a host read, read-only, is what
    they are for.

    Bad::

        services:
          web:
            image: app
            volumes:
              - /:/host:ro  # <-

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
              - /srv/media:/media:ro
    """
    for mount in given(posture):
        if holds_the_whole_system(mount.source) and not (mount.read_only and watches_the_host(posture)):
            yield posture.mounts.finding(_said(mount), advice("mount only the files it needs"), at=mount.origin)


def _said(mount: Mount) -> str:
    how = "" if mount.read_only else "writable "
    return f"{real(mount.source)} of the host is mounted {how}at {mount.target}"


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

    Who writes to /etc, /usr/bin, /root, /boot, /proc or the engine's own data plants a job, a key or a program, and is
    root on the host.

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
              - settings:/host  # <-
        volumes:
          settings:
            driver: local
            driver_opts: {type: none, o: bind, device: /etc}

    Good::

        services:
          web:
            image: app
            volumes:
              - ./data:/data
              - /etc/localtime:/etc/localtime:ro
    """
    for mount in binds(posture):
        if _is_writable_system(posture, mount) and not _is_of_others(mount):
            yield posture.mounts.finding(
                _said(mount), advice("mount only the files it needs, and those `:ro`"), at=mount.origin
            )


@control(
    severity="high",
    plan="P1",
    cis="5.6",
    owasp="RULE 8",
    nist=("4.4.4", "4.5.5"),
    equivalents={"kics": "volume_has_sensitive_host_directory", "docker-bench": "5.6"},
)
def no_state_of_host_services_mounted(posture: Posture) -> Findings:
    """Nothing is mounted that the host's own services live on.

    kubelet, cron and systemd start what lies in their directories, and libraries are loaded by whatever runs next:
    what is written there runs on the host.

    Bad::

        services:
          web:
            image: app
            volumes:
              - /var/spool/cron:/jobs  # <-
              - /usr/local/lib:/host/lib  # <-

    Good::

        services:
          web:
            image: app
            volumes:
              - /usr/local/lib:/host/lib:ro
              - /var/lib/app:/data
    """
    for mount in binds(posture):
        state = is_state_of_managers(mount.source) and not in_project(posture, mount.source)
        if state or (_is_writable_system(posture, mount) and _is_of_others(mount)):
            yield posture.mounts.finding(_said(mount), advice("mount only the files it needs"), at=mount.origin)


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

    /etc holds password hashes and host keys, /proc, /sys and /dev the kernel's state, /var/lib/docker every other
    container's files, a home directory keys and tokens; over the system's D-Bus root has systemd start anything. A
    secret or config whose `file:` lies there is the same mount. What the known exporters and log shippers of a host
    read, read-only, is what they are for.

    Bad::

        services:
          exporter:
            image: app
            volumes:
              - /proc:/host/proc:ro  # <-
              - /sys:/host/sys  # <-

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
    for mount in given(posture):
        if mount.read_only and watches_the_host(posture):
            continue
        if is_exposed(posture, mount):
            yield posture.mounts.finding(
                f"{real(mount.source)} of the host is mounted at {mount.target}",
                advice("mount only the files it needs"),
                at=mount.origin,
                why=_INIT if is_system_bus(mount.source) else None,
            )


def is_exposed(posture: Posture, mount: Mount) -> bool:
    """Whether this mount gives something of the host away, and none of the controls above speaks of it."""
    source = mount.source
    if is_system_bus(source) or is_of_sessions(source):
        return True
    if _control_socket(mount) is not None or holds_the_whole_system(source) or is_state_of_managers(source):
        return False
    if _is_writable_system(posture, mount) or (is_program(source) and not holds_credentials(source)):
        return False
    return (is_sensitive(source) and not in_project(posture, source)) or holds_credentials(source)


def _is_writable_system(posture: Posture, mount: Mount) -> bool:
    """Whether what is written there runs as root; in /sys and /dev the kernel has the last word."""
    source = mount.source
    if mount.read_only or holds_the_whole_system(source) or is_of_the_kernel(source) or _control_socket(mount):
        return False
    return is_root_equivalent(source) and not in_project(posture, source)


def _is_of_others(mount: Mount) -> bool:
    """Whether it takes another program of the host to run what is written there."""
    if is_state_of_managers(mount.source) or real(mount.source) == "/var/spool":
        return True
    return is_program(mount.source) and not is_started_by_root(mount.source)


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
        if mount.propagation in refused:
            yield posture.mounts.finding(
                f"its mount at {mount.target} propagates ({mount.propagation})",
                advice("remove the propagation option"),
                at=mount.origin,
            )


@control(severity="info", optional=True, equivalents={"kics": "volume_mounted_in_multiple_containers"})
def no_mount_follows_the_host(posture: Posture) -> Findings:
    """What the host mounts later does not appear in the container.

    With `slave` or `rslave` every disk that is put in and every share that is mounted below the path is in the
    container as well, whoever it is for.

    Bad::

        services:
          web:
            image: app
            volumes:
              - /srv/data:/data:rslave  # <-

    Good::

        services:
          web:
            image: app
            volumes:
              - /srv/data:/data
    """
    for mount in posture.mounts.value:
        if mount.propagation in ("slave", "rslave"):
            yield posture.mounts.finding(
                f"its mount at {mount.target} follows the host ({mount.propagation})",
                advice("remove the propagation option"),
                at=mount.origin,
            )
