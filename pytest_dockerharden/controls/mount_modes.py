"""How volumes and binds are mounted: read-only or not, shared or not."""

from __future__ import annotations

import re

from pytest_dockerharden.controls.combinations import DEVELOPMENT, base_service
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.hostpaths import binds, in_project, is_of_the_system, is_root_equivalent, is_time_zone
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Mount, Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, rewrite_item, set_in_item

_CONFIGURATION = pattern(
    r"/etc/(?!letsencrypt(?:/|$)).+\.(?:conf|cnf|cfg|ini|ya?ml|toml|json|xml|properties|template|tmpl|rules|hcl|vcl|lua)"
    r"|/usr/local/etc/.+\.\w+|/etc/(?:nginx|apache2|httpd|haproxy|traefik|caddy|ssl|mysql|redis)(?:/[\w.-]+)*"
    r"|/docker-entrypoint(?:-initdb)?\.d(?:/.*)?"
)
_KEY_OR_START_SCRIPT = pattern(
    r".+\.(?:pem|crt|cer|key|p12|pfx|jks)|.*/(?:docker-)?entrypoint[\w.-]*(?:\.sh)?|/[\w-]+\.sh"
)
# redis-sentinel writes what it finds out into its own configuration, and does not start where it cannot
_WRITES_ITSELF = pattern(r".*sentinel[\w.-]*\.conf", re.IGNORECASE)
_FILE_NAME = pattern(r".*/[^/]*\.(?:[a-zA-Z]\w{0,9})")


def mounted_read_only(posture: Posture, mount: Mount) -> Remedy:
    """The mount as it is written, read-only."""
    text, breaks = f"...:{mount.target}:ro", "a program that writes there"
    service, place = posture.service, mount.origin
    if service is None or service.source_text is None or not isinstance(place, TextOrigin):
        return advice(text)
    if not any(item.origin == place for item in service.items("volumes")):
        return advice(text)
    written = service.source_text(place).strip("\"' ")
    if re.match(r"\w+:\s|\{", written):
        return set_in_item("volumes", place, "read_only", True, breaks=breaks)
    modes = re.search(r":(?:rw,?)?((?:(?:[zZ]|cached|delegated|consistent|nocopy),?)*)$", written)
    if written.rstrip("/").endswith(mount.target):
        return rewrite_item("volumes", place, "{}:ro", text=text, breaks=breaks)
    if modes is None:
        return advice(text)
    new = f"{written[: modes.start()]}:{','.join(filter(None, ('ro', modes[1])))}"
    return rewrite_item("volumes", place, new, text=text, breaks=breaks)


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
    for mount in binds(posture):
        if mount.read_only or (is_root_equivalent(mount.source) and not in_project(posture, mount.source)):
            continue
        if _WRITES_ITSELF.fullmatch(mount.target):
            continue
        if _CONFIGURATION.fullmatch(mount.target) or _KEY_OR_START_SCRIPT.fullmatch(mount.target):
            yield posture.mounts.finding(
                f"{mount.target} is mounted writable", mounted_read_only(posture, mount), at=mount.origin
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
    for mount in binds(posture):
        if not mount.read_only and _is_file(posture, mount.source):
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
    """No two services mount the same volume or directory.

    Through a shared volume one service that is taken over changes the files of another. Of what is of the host's system
    other controls speak.

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
        if _may_be_shared(mount):
            others = [name for name in _users_of(service.project.services, mount) if name != service.name]
            if others:
                what = f"volume {mount.source}" if mount.kind == "volume" else _as_written(service, mount)
                yield posture.mounts.finding(f"it shares {what} with {', '.join(others)}", at=mount.origin)


def _as_written(service: Service, mount: Mount) -> str:
    """A directory of the project by its path from there: the same on every machine."""
    root = service.project.directory.rstrip("/") + "/"
    return f"./{mount.source.removeprefix(root)}" if mount.source.startswith(root) else mount.source


def _may_be_shared(mount: Mount) -> bool:
    if mount.kind == "bind":
        return not is_of_the_system(mount.source) and not is_time_zone(mount.source)
    return mount.kind == "volume" and bool(mount.source) and not mount.anonymous


def _users_of(services: dict[str, Service], mount: Mount) -> list[str]:
    return [
        name
        for name, service in services.items()
        if service.posture
        and any(m.kind == mount.kind and m.source == mount.source for m in service.posture.mounts.get(()))
    ]


@control(severity="high", plan="P1")
def read_only_mounts_stay_read_only(posture: Posture, *, exempt: tuple[str, ...] = DEVELOPMENT) -> Findings:
    """An overlay keeps the read-only mounts of the files below it.

    Compose merges volumes by target: an overlay that names the target again without `:ro` makes it writable, and
    nothing warns. Overlays that are named for development are exempt.

    Bad::

        services:
          web:
            image: app
            volumes:
              - ./site:/srv/site:ro
        # file: compose.prod.yaml
        services:
          web:
            volumes:
              - ./site:/srv/site  # <-

    Good::

        services:
          web:
            image: app
            volumes:
              - ./site:/srv/site:ro
        # file: compose.prod.yaml
        services:
          web:
            restart: always
    """
    if posture.service is None:
        not_applicable("needs the other combinations of the project")
    base = base_service(posture.service, exempt).posture
    read_only = {
        m.target for m in (base.mounts.get(()) if base else ()) if m.read_only and m.kind in ("bind", "volume")
    }
    for mount in posture.mounts.value:
        if mount.target in read_only and not mount.read_only:
            yield posture.mounts.finding(
                f"{mount.target} is read-only in the base file, and writable here",
                mounted_read_only(posture, mount),
                at=mount.origin,
            )
