"""Redis: whom it lets in, and what it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Edit, Findings, Remedy
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice, append_item
from pytest_dockerharden.model.shell import Command, Word

_REDIS = frozenset({"redis-server", "valkey-server", "keydb-server"})


def redis_servers(service: Service) -> list[Command]:
    """The redis servers that a service's command starts."""
    scripts = (service.entrypoint_script, service.command_script)
    found = [command for script in scripts for command in script.commands if command.name in _REDIS]
    found = found or [c for script in scripts for command in script.run("exec") for c in _executed(command)]
    return found or list(_options_alone(service))


def _options_alone(service: Service) -> Iterator[Command]:
    """The entrypoint of the image puts the server in front of options and of a configuration file."""
    commands = service.command_script.commands
    if commands and _is_redis(service) and commands[0].words and service.get("entrypoint") is None:
        first = commands[0]
        if first.words[0].text.startswith("-") or first.words[0].text.endswith(".conf"):
            yield replace(first, words=(first.words[0], *first.words))


def _executed(command: Command) -> Iterator[Command]:
    if command.args and command.args[0].text.rsplit("/", 1)[-1] in _REDIS:
        yield Command(command.args, command.origin, command.connector, command.pipeline)


def _is_redis(service: Service) -> bool:
    image = parse_reference(service.text("image")) if service.get("image") and not service.get("build") else None
    return (
        bool(image) and image is not None and image.path.rsplit("/", 1)[-1] in {"redis", "valkey", "redis-stack-server"}
    )


def option_of_redis(service: Service, name: str) -> Word | None:
    """The value of an option of the server's command line."""
    return _redis_options(service).get(name)


def is_sentinel(service: Service) -> bool:
    """Whether it runs redis-sentinel, whose own password is in its configuration file alone."""
    scripts = (service.entrypoint_script, service.command_script)
    return any(
        command.name == "redis-sentinel" or command.has("--sentinel")
        for script in scripts
        for command in script.commands
    )


def _redis_options(service: Service) -> dict[str, Word | None]:
    """``--name value`` of the server's command line; unknown where a configuration file may say more."""
    options: dict[str, Word | None] = {}
    for command in redis_servers(service):
        if command.args and not command.args[0].text.startswith("-"):
            unknown("the configuration file of redis is not read")
        for index, word in enumerate(command.args):
            if word.text.startswith("--"):
                value = command.args[index + 1] if index + 1 < len(command.args) else None
                options[word.text[2:].lower()] = value
    return options


def _kept_on_a_volume(service: Service, directory: str) -> Remedy:
    """A volume, and its declaration."""
    written = append_item("volumes", f"redis_data:{directory}")
    if "redis_data" in service.project.volumes:
        return written
    return replace(written, edits=(*written.edits, Edit("set", ("", "volumes", "redis_data"), None)))


@control(severity="medium", plan="P2")
def redis_data_is_persistent(posture: Posture) -> Findings:
    """Redis with persistence keeps its data on a volume.

    `appendonly yes` on a tmpfs or in the container's own layer costs the writes, and loses the data with the container.

    Bad::

        services:
          cache:
            image: redis:7.4
            command: ["redis-server", "--appendonly", "yes"]  # <-
            tmpfs:
              - /data

    Good::

        services:
          cache:
            image: redis:7.4
            command: ["redis-server", "--appendonly", "yes"]
            volumes:
              - redis_data:/data
        volumes:
          redis_data:
    """
    service = posture.service
    options = _redis_options(service) if service is not None and redis_servers(service) else {}
    persists = options.get("appendonly")
    if service is None or persists is None or persists.text != "yes":
        not_applicable("no redis with an append-only file")
    given = options.get("dir")
    if given is not None and given.value is None:
        unknown("a variable decides where redis keeps its data")
    directory = given.text if given is not None else "/data" if _is_redis(service) else posture.working_dir.value
    over = [mount for mount in posture.mounts.value if _is_under(directory, mount.target)]
    mount = max(over, key=lambda m: len(m.target)) if over else None
    if mount is None or mount.kind == "tmpfs" or mount.anonymous:
        place = "a tmpfs" if mount is not None and mount.kind == "tmpfs" else "no volume of its own"
        yield service.finding(
            f"{directory} is on {place}: what is appended is lost",
            _kept_on_a_volume(service, directory)
            if mount is None
            else advice(f'volumes:\n  - "redis_data:{directory}"  # in place of what is mounted there'),
            at="command",
        )


def _is_under(path: str, target: str) -> bool:
    return path == target or path.startswith(target.rstrip("/") + "/")


@control(severity="medium", plan="P2", optional=True)
def redis_requires_a_password(service: Service) -> Findings:
    """Redis requires a password.

    Every container on its networks can otherwise read and write everything in it, and through `CONFIG SET` files too.

    Bad::

        services:
          cache:  # <-
            image: redis:7.4

    Good::

        services:
          cache:
            image: redis:7.4
            command: ["redis-server", "/run/secrets/redis.conf"]
            secrets:
              - redis.conf
        secrets:
          redis.conf:
            file: ./secrets/redis.conf

    Good::

        services:
          cache:
            image: redis:7.4
            command: sh -c 'exec redis-server --requirepass "$${REDIS_PASSWORD:?}"'
    """
    if not _is_redis(service):
        not_applicable("not a redis")
    if not has_password(service):
        place = "command" if service.get("command") is not None else ""
        yield service.finding("it lets everybody in", advice("--requirepass or --aclfile"), at=place)


def has_password(service: Service) -> bool:
    """Whether the server asks for a password, by its command line or by a variable of an image that knows one."""
    options = _redis_options(service)
    environment = service.posture.environment.get({}) if service.posture else {}
    return bool({"requirepass", "aclfile", "user"} & set(options)) or any(
        name in {"REDIS_PASSWORD", "REDIS_PASSWORD_FILE", "REDIS_ARGS", "VALKEY_PASSWORD", "VALKEY_EXTRA_FLAGS"}
        for name in environment
    )


@control(severity="medium", plan="P2", equivalents={})
def redis_protected_mode_is_on(service: Service) -> Findings:
    """Redis keeps its protected mode.

    With `--protected-mode no` and without a password it answers to every address.

    Bad::

        services:
          cache:
            image: redis:7.4
            command: ["redis-server", "--protected-mode", "no"]  # <-

    Good::

        services:
          cache:
            image: redis:7.4
            command: ["redis-server", "--protected-mode", "yes"]
    """
    if not redis_servers(service):
        not_applicable("not a redis with a command line")
    mode = _redis_options(service).get("protected-mode")
    if mode is not None and mode.text.lower() == "no" and not has_password(service):
        yield service.finding("it answers to every address", advice("--protected-mode yes"), at="command")
