"""What an overlay takes away from the files below it."""

from __future__ import annotations

from collections.abc import Callable

from pytest_dockerharden.controls.env_files import is_development_file
from pytest_dockerharden.model.capabilities import canonical
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import Fact, not_applicable
from pytest_dockerharden.model.finding import Edit, Findings, Remedy
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.posture import Port
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.remedies import advice

DEVELOPMENT = ("dev", "development", "local", "test", "debug", "override", "ci")


def base_of(project: Project) -> Project | None:
    """The combination whose files are the beginning of this one's: the longest of them."""
    below = [
        other
        for other in project.siblings
        if len(other.files) < len(project.files) and project.files[: len(other.files)] == other.files
    ]
    return max(below, key=lambda other: len(other.files), default=None)


def _is_for(project: Project, exempt: tuple[str, ...]) -> bool:
    """Whether an overlay says by its name that it is for one of these purposes."""
    base = base_of(project)
    added = project.files[len(base.files) :] if base else ()
    words: set[str] = set(project.combination.lower().replace("-", ".").replace("_", ".").split("."))
    for path in added:
        name = path.replace("\\", "/").rsplit("/", 1)[-1].lower()
        words |= set(name.replace("-", ".").replace("_", ".").split("."))
    return bool(words & set(exempt))


def base_service(service: Service, exempt: tuple[str, ...]) -> Service:
    """The service as the files below this combination have it; not applicable where there are none to compare with."""
    base = base_of(service.project)
    if base is None or service.name not in base.services:
        not_applicable("there is no combination below this one")
    if _is_for(service.project, exempt):
        not_applicable("this combination is for development")
    return base.services[service.name]


# a fact is lost where the base is known to be good and the overlay known not to be
_SWITCHES: tuple[tuple[str, str, Callable[[object], bool]], ...] = (
    ("read_only_rootfs", "the root filesystem is writable again", lambda value: value is True),
    ("no_new_privileges", "no-new-privileges is lost", lambda value: value is True),
    ("privileged", "it is privileged", lambda value: value is False),
    ("runs_as_root", "it runs as root again", lambda value: value is False),
    ("seccomp", "seccomp is switched off", lambda value: value != "unconfined"),
    ("apparmor", "AppArmor is switched off", lambda value: value != "unconfined"),
    ("masked_paths", "/proc and /sys are unmasked", lambda value: value is True),
    ("memory", "the memory limit is lost", lambda value: value is not None),
    ("cpus", "the CPU limit is lost", lambda value: value is not None),
    ("pids", "the process limit is lost", lambda value: value is not None),
    ("network_mode", "it joins the host's network", lambda value: value != "host"),
    ("pid_mode", "it sees the host's processes", lambda value: value != "host"),
    ("ipc_mode", "it shares the host's IPC", lambda value: value != "host"),
    ("healthcheck", "its healthcheck is lost", lambda value: value is not None),
)


@control(severity="high", plan="P1")
def overlays_keep_the_hardening(service: Service, *, exempt: tuple[str, ...] = DEVELOPMENT) -> Findings:
    """An overlay keeps the hardening of the files below it.

    Compose merges key by key: one line of a production file can undo what the base file secured, and each file alone
    looks right. Overlays that are named for development are exempt.

    Bad::

        services:
          web:
            image: app
            read_only: true
            mem_limit: 512m
        # file: compose.prod.yaml
        services:
          web:
            read_only: false  # <-
            mem_limit: 0  # <-

    Good::

        services:
          web:
            image: app
            read_only: true
            mem_limit: 512m
        # file: compose.prod.yaml
        services:
          web:
            restart: always
    """
    base = base_service(service, exempt)
    before, after = base.posture, service.posture
    if before is None or after is None:
        not_applicable("no posture is predicted")
    for name, message, good in _SWITCHES:
        old, new = getattr(before, name), getattr(after, name)
        if old.known and new.known and good(old.value) and not good(new.value):
            yield service.finding(message, _keep(), at=_place(new, service))
    gained = _gained(before.cap_bounding, after.cap_bounding)
    if gained and not after.privileged.get(False):
        yield service.finding(f"it gains {', '.join(gained)}", _keep(), at=_added(service, gained))


def _keep() -> Remedy:
    return advice("leave the line out, or write what the base file has")


def _place(fact: object, service: Service) -> TextOrigin:
    origin = getattr(fact, "origin", None)
    return origin if isinstance(origin, TextOrigin) else service.origin


def _added(service: Service, names: list[str]) -> TextOrigin:
    added = (node.place for node in service.items("cap_add") if canonical(node.text()) in {*names, "ALL"})
    return next(added, service.at("cap_add"))


def _gained(before: Fact[frozenset[str]], after: Fact[frozenset[str]]) -> list[str]:
    if not before.known or not after.known:
        return []
    return sorted(after.value - before.value)


@control(severity="medium", plan="P1")
def overlays_publish_no_further_port(
    service: Service, *, exempt: tuple[str, ...] = DEVELOPMENT, web_ports: tuple[str, ...] = ("80", "443")
) -> Findings:
    """An overlay publishes no further port on every address.

    Lists of ports are added up: an overlay cannot narrow a port of the base to the loopback, it publishes it twice.

    Bad::

        services:
          db:
            image: postgres:17.2
        # file: compose.prod.yaml
        services:
          db:
            ports:
              - "5432:5432"  # <-

    Good::

        services:
          db:
            image: postgres:17.2
        # file: compose.prod.yaml
        services:
          db:
            ports:
              - "127.0.0.1:5432:5432"
    """
    base = base_service(service, exempt)
    if base.posture is None or service.posture is None:
        not_applicable("no posture is predicted")
    before = {_published(port) for port in base.posture.ports.get(())}
    for port in service.posture.ports.value:
        everywhere = port.host_ip in {"", "0.0.0.0", "::"}  # noqa: S104 - compared with, not bound to
        # a production file publishes the web ports: that is what it is for
        if everywhere and _published(port) not in before and port.host_port not in web_ports:
            yield service.finding(
                f"port {port.host_port or port.container_port} is published on every address",
                advice("bind it to 127.0.0.1, or use `!override`"),
                at=port.origin,
            )


def _published(port: Port) -> tuple[int, str, str, str]:
    return port.container_port, port.host_port, port.host_ip, port.protocol


@control(severity="high", plan="P2")
def overlays_drop_the_development_env_file(service: Service, *, exempt: tuple[str, ...] = DEVELOPMENT) -> Findings:
    """A production overlay does not load the development env file as well.

    Lists of env files are added up: the base's development file is still read, and every variable that the production
    file does not set comes from it.

    Bad::

        services:
          web:
            image: app
            env_file:
              - .env.local
        # file: compose.prod.yaml
        services:
          web:
            env_file:
              - .env.production  # <-
        # file: .env.local
        DEBUG=1
        # file: .env.production
        LOG_LEVEL=info

    Good::

        services:
          web:
            image: app
            env_file:
              - .env.local
        # file: compose.prod.yaml
        services:
          web:
            env_file: !override
              - .env.production
        # file: .env.local
        DEBUG=1
        # file: .env.production
        LOG_LEVEL=info
    """
    base = base_service(service, exempt)
    before = {_path(entry) for entry in base.env_files}
    after = service.env_files
    added = [entry for entry in after if _path(entry) not in before]
    kept = [_path(entry) for entry in after if _path(entry) in before and is_development_file(_path(entry))]
    if added and kept:
        name = kept[0].rsplit("/", 1)[-1]
        yield service.finding(
            f"{name} of the base file is still loaded",
            _overriding(added[0]),
            at=added[0].get("path") or added[0],
        )


def _overriding(entry: Node) -> Remedy:
    edit = Edit("tag", ("env_file",), "!override", entry.origin)
    breaks = "a service that needs what only the base's file sets"
    return Remedy("env_file: !override\n  - ...", (edit,), "behaviour-changing", breaks)


def _path(entry: Node) -> str:
    return (entry.get("path") or entry).text()


@control(severity="medium", plan="P1", optional=True)
def production_has_limits_of_its_own(
    service: Service, *, production: tuple[str, ...] = ("prod", "production")
) -> Findings:
    """A production overlay sets limits of its own.

    What fits a developer's machine is too little, or too much, for the server.

    Bad::

        services:
          web:  # <-
            image: app
            mem_limit: 512m
        # file: compose.prod.yaml
        services:
          web:
            restart: always

    Good::

        services:
          web:
            image: app
            mem_limit: 512m
        # file: compose.prod.yaml
        services:
          web:
            mem_limit: 2g
    """
    base = base_of(service.project)
    if base is None or service.name not in base.services or not _is_for(service.project, production):
        not_applicable("not a production overlay")
    before, after = base.services[service.name].posture, service.posture
    if before is None or after is None:
        not_applicable("no posture is predicted")
    if before.memory.value == after.memory.value and before.cpus.value == after.cpus.value:
        yield service.finding("its limits are those of the base file", advice("deploy.resources.limits for production"))


@control(severity="high", plan="P1")
def overlays_keep_every_service(project: Project, *, exempt: tuple[str, ...] = DEVELOPMENT) -> Findings:
    """An overlay keeps every service of the files below it.

    `!reset` takes a service out of the stack, and with it what the others rely on.

    Bad::

        services:  # <-
          web:
            image: app
          waf:
            image: waf
        # file: compose.prod.yaml
        services:
          waf: !reset null

    Good::

        services:
          web:
            image: app
          waf:
            image: waf
        # file: compose.prod.yaml
        services:
          web:
            restart: always
    """
    base = base_of(project)
    if base is None or _is_for(project, exempt):
        not_applicable("there is no combination below this one")
    for name in base.services:
        if name not in project.services:
            yield project.finding(f"service {name} is gone", advice("remove the `!reset`"))
