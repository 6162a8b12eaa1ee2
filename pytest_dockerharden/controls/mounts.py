"""What of the host a container is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import isabs, join, normpath

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.hostpaths import engine_socket, holds_credentials, is_root_equivalent, is_sensitive
from pytest_dockerharden.model.paths import covers, real
from pytest_dockerharden.model.posture import Mount, Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, remove_key

_CONFIGURATION = re.compile(
    r"/etc/(?!letsencrypt(?:/|$)).+\.(?:conf|cnf|cfg|ini|ya?ml|toml|json|xml|properties|template|tmpl|rules|hcl|vcl|lua)"
    r"|/usr/local/etc/.+\.\w+|/etc/(?:nginx|apache2|httpd|haproxy|traefik|caddy|ssl|mysql|redis)(?:/[\w.-]+)*"
    r"|/docker-entrypoint(?:-initdb)?\.d(?:/.*)?"
)
_KEY_OR_START_SCRIPT = re.compile(
    r".+\.(?:pem|crt|cer|key|p12|pfx|jks)|.*/(?:docker-)?entrypoint[\w.-]*(?:\.sh)?|/[\w-]+\.sh"
)
_FILE_NAME = re.compile(r".*/[^/]*\.(?:[a-zA-Z]\w{0,9})")


def _from_host(posture: Posture) -> Iterator[tuple[str, Mount]]:
    """Host path and mount of every bind, also of the binds that call themselves volumes."""
    for mount in posture.mounts.value:
        if mount.kind in ("bind", "npipe"):
            yield mount.source, mount
        elif mount.kind == "volume" and mount.source:
            device = _device_behind(posture, mount)
            if device:
                yield device, mount


def _device_behind(posture: Posture, mount: Mount) -> str | None:
    """The host path that a volume with ``driver_opts: {o: bind, device: PATH}`` binds."""
    project = posture.service.project if posture.service else None
    if project is None:
        return None
    volume = project.volumes.get(mount.source) or next(
        (node for node in project.volumes.values() if (name := node.get("name")) and name.text() == mount.source), None
    )
    options, device = (volume.get("driver_opts", "o"), volume.get("driver_opts", "device")) if volume else (None, None)
    if device is None or device.unresolved or options is None:
        return None
    if not {"bind", "rbind"}.intersection(options.text().split(",")):
        return None
    return normpath(device.text() if isabs(device.text()) else join(project.directory, device.text()))


def _of_the_project(posture: Posture, path: str) -> bool:
    """Whether a host path lies in the project's own directory, wherever that is."""
    project = posture.service.project if posture.service else None
    return project is not None and project.directory != "/" and covers(project.directory, path)


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
    does a mount of the directory that holds it; `use_api_socket` is the same socket without a volume line.

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
    service = posture.service
    switch = service.get("use_api_socket") if service else None
    if service is not None and switch is not None and switch.value is True:
        yield service.finding("use_api_socket hands it the engine's socket", remove_key("use_api_socket"), at=switch)
    for path, mount in _from_host(posture):
        socket = engine_socket(path)
        if socket is not None and not (switch is not None and service and mount.origin == service.at("use_api_socket")):
            inside = "" if real(path) == socket else f" (in {path})"
            yield posture.mounts.finding(
                f"it is given the control socket {socket}{inside}",
                advice("remove the mount; if it only reads events, put a filtering socket proxy in between"),
                at=mount.origin,
            )


@control(
    severity="critical",
    plan="P1",
    cis="5.6",
    owasp="RULE 8",
    nist="4.4.4",
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
    for path, mount in _from_host(posture):
        if not mount.read_only and is_root_equivalent(path) and not _of_the_project(posture, path):
            yield posture.mounts.finding(
                f"{real(path)} of the host is mounted writable at {mount.target}",
                advice("mount only the files it needs, and those `:ro`"),
                at=mount.origin,
            )


@control(
    severity="high",
    plan="P1",
    cis="5.6",
    owasp="RULE 8",
    nist="4.4.4",
    equivalents={
        "kics": "volume_has_sensitive_host_directory",
        "compose-lint": "CL-0013",
        "docker-bench": "5.6",
    },
)
def no_sensitive_mounts(posture: Posture) -> Findings:
    """No sensitive directory of the host is mounted, read-only ones included.

    /etc holds password hashes and host keys, /proc and /sys the kernel's state, /var/lib/docker every other container's
    files, a home directory keys and tokens. And a read-only bind of / leaves what is mounted below it writable.

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
    for path, mount in _from_host(posture):
        inside = _of_the_project(posture, path)
        if not mount.read_only and is_root_equivalent(path) and not inside:
            continue  # reported as no_writable_system_mounts
        if (is_sensitive(path) and not inside) or holds_credentials(path):
            yield posture.mounts.finding(
                f"{real(path)} of the host is mounted at {mount.target}",
                advice("mount only the files it needs"),
                at=mount.origin,
            )


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


@control(severity="medium", plan="P1", owasp="RULE 8")
def configuration_mounted_read_only(posture: Posture) -> Findings:
    """Configuration, certificates and start scripts are mounted read-only.

    A service that can write its own configuration lets an intruder stay: in the file on the host the change survives
    every restart and rebuild.

    Bad::

        services:
          web:
            image: nginx:1.27
            volumes:
              - ./nginx.conf:/etc/nginx/nginx.conf  # <-
              - ./tls/site.key:/tls/site.key  # <-

    Good::

        services:
          web:
            image: nginx:1.27
            volumes:
              - ./nginx.conf:/etc/nginx/nginx.conf:ro
              - ./tls/site.key:/tls/site.key:ro
              - ./data:/var/lib/data
    """
    for path, mount in _from_host(posture):
        if mount.read_only or (is_root_equivalent(path) and not _of_the_project(posture, path)):
            continue
        if _CONFIGURATION.fullmatch(mount.target) or _KEY_OR_START_SCRIPT.fullmatch(mount.target):
            yield posture.mounts.finding(
                f"{mount.target} is mounted writable", advice(f"...:{mount.target}:ro"), at=mount.origin
            )


@control(severity="info", optional=True, plan="P2")
def no_writable_single_file_binds(posture: Posture) -> Findings:
    """No single file is bind-mounted writable.

    The mount holds on to the file's inode: an editor or program that replaces the file leaves the container with the
    old one, and a program inside that replaces it gets an error.

    Bad::

        services:
          web:
            image: app
            volumes:
              - ./state.json:/app/state.json  # <-

    Good::

        services:
          web:
            image: app
            volumes:
              - ./state:/app/state
              - ./settings.json:/app/settings.json:ro
    """
    for path, mount in _from_host(posture):
        if not mount.read_only and _is_file(posture, path):
            yield posture.mounts.finding(
                f"the single file {mount.target} is mounted writable",
                advice("mount its directory, or the file `:ro`"),
                at=mount.origin,
            )


def _is_file(posture: Posture, path: str) -> bool:
    fact = posture.service.project.local[path] if posture.service else None
    if fact is not None and fact.exists:
        return not fact.is_dir
    return bool(_FILE_NAME.fullmatch(path)) and not path.endswith((".sock", ".d"))


@control(severity="medium")
def read_only_mounts_are_recursive(posture: Posture) -> Findings:
    """A read-only bind is read-only all the way down.

    ``recursive: writable`` keeps file systems that are mounted below a read-only bind writable.

    Bad::

        services:
          web:
            image: app
            volumes:
              - type: bind  # <-
                source: /srv/media
                target: /media
                read_only: true
                bind:
                  recursive: writable

    Good::

        services:
          web:
            image: app
            volumes:
              - /srv/media:/media:ro
    """
    for mount in posture.mounts.value:
        if mount.kind == "bind" and mount.read_only and mount.recursive is False:
            yield posture.mounts.finding(
                f"what is mounted below {mount.target} stays writable",
                advice("bind:\n  recursive: readonly"),
                at=mount.origin,
            )


@control(severity="medium")
def no_inherited_mounts(posture: Posture) -> Findings:
    """A service names its own mounts.

    ``volumes_from`` takes over every mount of another container, an engine socket or a key directory included, with
    nothing to see here.

    Bad::

        services:
          web:
            image: app
            volumes: [data:/data]
          backup:
            image: app
            volumes_from:
              - web  # <-
        volumes:
          data: {}

    Good::

        services:
          web:
            image: app
            volumes: [data:/data]
          backup:
            image: app
            volumes: ["data:/data:ro"]
        volumes:
          data: {}
    """
    service = posture.service
    if service is None:
        not_applicable("an observed container's mounts are all known")
    for item in service.items("volumes_from"):
        yield service.finding(
            f"it takes over every mount of {item.text().removesuffix(':ro').removesuffix(':rw')}",
            advice("volumes:\n  - the one it needs, `:ro` if it only reads"),
            at=item,
        )


@control(severity="low", optional=True, equivalents={"kics": "shared_volumes_between_containers"})
def no_shared_volumes(posture: Posture) -> Findings:
    """No two services mount the same volume.

    Through a shared volume one service that is taken over changes the files of another.

    Bad::

        services:
          web:
            image: app
            volumes:
              - data:/data  # <-
          worker:
            image: app
            volumes:
              - data:/data  # <-
        volumes:
          data: {}

    Good::

        services:
          web:
            image: app
            volumes: [web:/data]
          worker:
            image: app
            volumes: [worker:/data]
        volumes:
          web: {}
          worker: {}
    """
    service = posture.service
    if service is None:
        not_applicable("needs the other services of the project")
    for mount in posture.mounts.value:
        if mount.kind == "volume" and mount.source and not mount.anonymous:
            others = [name for name in _users_of(service.project.services, mount.source) if name != service.name]
            if others:
                yield posture.mounts.finding(f"shares volume {mount.source} with {', '.join(others)}", at=mount.origin)


def _users_of(services: dict[str, Service], volume: str) -> list[str]:
    return [
        name
        for name, service in services.items()
        if service.posture and any(m.kind == "volume" and m.source == volume for m in service.posture.mounts.get(()))
    ]


@control(severity="high", plan="P1")
def read_only_mounts_stay_read_only(posture: Posture) -> Findings:
    """A mount that is read-only in one combination is so in all of them.

    Compose merges volumes by target: an overlay that names the target again without `:ro` makes it writable, and
    nothing warns.

    Bad::

        services:
          web:
            image: app
            volumes:
              - ./site:/srv/site  # <-
        # file: compose.base.yaml
        services:
          web:
            image: app
            volumes:
              - ./site:/srv/site:ro

    Good::

        services:
          web:
            image: app
            volumes:
              - ./site:/srv/site:ro
    """
    service = posture.service
    if service is None:
        not_applicable("needs the other combinations of the project")
    for sibling in service.project.siblings:
        other = sibling.services.get(service.name)
        if other is None or other.posture is None:
            continue
        read_only = {m.target: m for m in other.posture.mounts.get(()) if m.read_only and m.kind in ("bind", "volume")}
        for mount in posture.mounts.value:
            if mount.target in read_only and not mount.read_only and mount.kind in ("bind", "volume"):
                yield posture.mounts.finding(
                    f"{mount.target} is writable here, and read-only in {sibling.combination or 'another combination'}",
                    advice(f"...:{mount.target}:ro"),
                    at=mount.origin,
                )
