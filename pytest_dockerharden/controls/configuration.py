"""Servers and their entrypoints: what they write at start, keep, and let in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pytest_dockerharden.controls.lifecycle import entrypoint_file
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.posture import Mount, Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice, append_item
from pytest_dockerharden.model.shell import Command, Script, Word

_ALWAYS_WRITABLE = ("/dev/", "/proc/", "/sys/")
_WRITERS = frozenset({"tee", "touch", "mkdir", "cp", "mv", "ln", "install", "chown", "chmod"})
_REDIS = frozenset({"redis-server", "valkey-server", "keydb-server"})
_PASSWORD_FLAGS = (
    "--requirepass", "--masterauth", "--password", "--root-password", "--admin-password", "--token", "--secret",
    "--api-key", "--secret-key", "--default-password",
)  # fmt: skip
_VARIABLE = re.compile(r"(?<!\$)(?:\$\$)*\$\{?[A-Za-z_]")
_FLAG_AND_VARIABLE = re.compile(rf"(?:{'|'.join(_PASSWORD_FLAGS)})[ =]+[\"']?(?:\$\$)*\$\{{?[A-Za-z_]")
_BY_FILE = advice("read it from a file of `secrets:`")
_LOOPBACK = ("127.", "::1", "localhost")


@control(severity="high", plan="P1")
def rendered_configuration_is_writable(posture: Posture) -> Findings:
    """An entrypoint writes only where the container can be written.

    One that renders its configuration at start (envsubst into /etc/nginx/conf.d, `sed -i`) fails on a read-only root
    filesystem, and the container with it.

    Bad::

        services:
          web:
            build: .
            read_only: true
        # file: Dockerfile
        FROM nginx:1.27.3
        COPY entrypoint.sh /entrypoint.sh
        ENTRYPOINT ["/entrypoint.sh"]
        CMD ["nginx", "-g", "daemon off;"]
        # file: entrypoint.sh
        #!/bin/sh
        envsubst < /templates/site.conf > /etc/nginx/conf.d/site.conf  # <-
        exec "$@"

    Good::

        services:
          web:
            build: .
            read_only: true
            tmpfs:
              - /etc/nginx/conf.d
        # file: Dockerfile
        FROM nginx:1.27.3
        COPY entrypoint.sh /entrypoint.sh
        ENTRYPOINT ["/entrypoint.sh"]
        CMD ["nginx", "-g", "daemon off;"]
        # file: entrypoint.sh
        #!/bin/sh
        envsubst < /templates/site.conf > /etc/nginx/conf.d/site.conf
        exec "$@"
    """
    service = posture.service
    script = entrypoint_file(service) if service is not None else None
    if service is None or script is None or not posture.read_only_rootfs.value:
        not_applicable("no entrypoint script on a read-only root filesystem")
    mounts = posture.mounts.value
    for word in written_paths(script):
        path = posixpath.normpath(word.text)
        if path.startswith("/") and not path.startswith(_ALWAYS_WRITABLE) and not can_be_written(path, mounts):
            yield service.finding(
                f"{path} is on the read-only root filesystem",
                append_item("tmpfs", posixpath.dirname(path)),
                at=word.origin,
            )


def written_paths(script: Script) -> Iterator[Word]:
    """The absolute paths that a script writes, as far as they are known."""
    for command in script.commands:
        for redirect in command.redirects:
            if ">" in redirect.operator and redirect.target.value is not None:
                yield redirect.target
        if command.name == "sed" and command.has("-i", "--in-place"):
            yield from (word for word in command.args[1:] if word.value is not None and word.value.startswith("/"))
        elif command.name in _WRITERS:
            yield from _targets(command)


def _targets(command: Command) -> Iterator[Word]:
    paths = [word for word in command.args if not word.text.startswith("-")]
    if command.name in {"cp", "mv", "ln", "install"}:
        paths = paths[-1:]
    elif command.name in {"chown", "chmod"}:
        paths = paths[1:]
    # mkdir -p of what is there writes nothing
    if command.name == "mkdir" and command.has("-p", "--parents"):
        return
    yield from (word for word in paths if word.value is not None and word.value.startswith("/"))


def can_be_written(path: str, mounts: tuple[Mount, ...]) -> bool:
    """Whether the deepest mount over a path is writable."""
    return _deepest_is_writable(_without_link(path), mounts)


def _deepest_is_writable(path: str, mounts: tuple[Mount, ...]) -> bool:
    over = [
        m
        for m in mounts
        if path == _without_link(m.target) or path.startswith(_without_link(m.target).rstrip("/") + "/")
    ]
    return bool(over) and not max(over, key=lambda mount: len(_without_link(mount.target))).read_only


def _without_link(path: str) -> str:
    return "/run" + path[8:] if path == "/var/run" or path.startswith("/var/run/") else path


@control(severity="high", plan="P1")
def beat_schedule_is_writable(posture: Posture) -> Findings:
    """Celery beat can write its schedule file.

    It keeps the time of the last runs in a file, in its working directory if nothing else is said, and does not start
    where it cannot.

    Bad::

        services:
          beat:
            image: app
            working_dir: /app
            read_only: true
            command: ["celery", "-A", "app", "beat"]  # <-

    Good::

        services:
          beat:
            image: app
            working_dir: /app
            read_only: true
            command: ["celery", "-A", "app", "beat", "-s", "/tmp/schedule"]
            tmpfs:
              - /tmp
    """
    service = posture.service
    command = next(iter(_beat(service)), None) if service is not None else None
    if service is None or command is None or not posture.read_only_rootfs.value:
        not_applicable("no celery beat on a read-only root filesystem")
    given = _option(command, "-s", "--schedule")
    if given is not None and given.value is None:
        unknown("a variable decides where the schedule is")
    schedule = given.text if given is not None else "celerybeat-schedule"
    path = schedule if schedule.startswith("/") else posixpath.join(posture.working_dir.value, schedule)
    if not can_be_written(path, posture.mounts.value):
        yield service.finding(
            f"the schedule {path} cannot be written",
            advice("-s /tmp/celerybeat-schedule, with a tmpfs or a volume there"),
            at="command",
        )


def _beat(service: Service) -> Iterator[Command]:
    for command in service.command_script.run("celery"):
        words = [word.text for word in command.args]
        scheduler = next((w for w in words if "DatabaseScheduler" in w or "redbeat" in w.lower()), None)
        if ("beat" in words or "-B" in words) and scheduler is None:
            yield command


def _option(command: Command, *names: str) -> Word | None:
    """The value of an option, as the next word or behind ``=``."""
    for index, word in enumerate(command.args):
        flag, equals, value = word.text.partition("=")
        if flag in names:
            if equals:
                return Word(value, value if word.value is not None else None, word.origin)
            return command.args[index + 1] if index + 1 < len(command.args) else None
    return None


def redis_servers(service: Service) -> list[Command]:
    """The redis servers that a service's command starts."""
    scripts = (service.entrypoint_script, service.command_script)
    found = [command for script in scripts for command in script.commands if command.name in _REDIS]
    return found or [c for script in scripts for command in script.run("exec") for c in _executed(command)]


def _executed(command: Command) -> Iterator[Command]:
    if command.args and command.args[0].text.rsplit("/", 1)[-1] in _REDIS:
        yield Command(command.args, command.origin, command.connector, command.pipeline)


def _is_redis(service: Service) -> bool:
    image = parse_reference(service.text("image")) if service.get("image") and not service.get("build") else None
    return (
        bool(image) and image is not None and image.path.rsplit("/", 1)[-1] in {"redis", "valkey", "redis-stack-server"}
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
            append_item("volumes", f"redis_data:{directory}"),
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
    if not _has_password(service):
        place = "command" if service.get("command") is not None else ""
        yield service.finding("it lets everybody in", advice("--requirepass or --aclfile"), at=place)


def _has_password(service: Service) -> bool:
    options = _redis_options(service)
    environment = service.posture.environment.get({}) if service.posture else {}
    return bool({"requirepass", "aclfile", "user"} & set(options)) or any(
        name in {"REDIS_PASSWORD", "REDIS_PASSWORD_FILE", "REDIS_ARGS", "VALKEY_PASSWORD", "VALKEY_EXTRA_FLAGS"}
        for name in environment
    )


@control(severity="high", plan="P2")
def published_redis_requires_a_password(service: Service) -> Findings:
    """A redis whose port is published requires a password.

    Open redis servers are found within minutes and used to run programs on their host.

    Bad::

        services:
          cache:
            image: redis:7.4
            ports:
              - "6379:6379"  # <-

    Good::

        services:
          cache:
            image: redis:7.4
            ports:
              - "127.0.0.1:6379:6379"
    """
    if not _is_redis(service):
        not_applicable("not a redis")
    for port in service.items("ports"):
        address = port.get("host_ip")
        if (address is None or not address.text().startswith(_LOOPBACK)) and not _has_password(service):
            yield service.finding("its port is published and it lets everybody in", advice("remove `ports:`"), at=port)


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
    if mode is not None and mode.text.lower() == "no" and not _has_password(service):
        yield service.finding("it answers to every address", advice("--protected-mode yes"), at="command")


@control(severity="high", plan="P2", owasp="RULE 12")
def databases_ask_for_a_password(posture: Posture) -> Findings:
    """No switch lets everybody into a database.

    `POSTGRES_HOST_AUTH_METHOD=trust` and `MYSQL_ALLOW_EMPTY_PASSWORD` make every container of the network an
    administrator.

    Bad::

        services:
          db:
            image: postgres:17.2
            environment:
              POSTGRES_HOST_AUTH_METHOD: trust  # <-

    Good::

        services:
          db:
            image: postgres:17.2
            environment:
              POSTGRES_PASSWORD_FILE: /run/secrets/postgres_password
    """
    open_by_switch = {
        "POSTGRES_HOST_AUTH_METHOD", "MYSQL_ALLOW_EMPTY_PASSWORD", "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD",
        "MARIADB_ALLOW_EMPTY_PASSWORD", "ALLOW_EMPTY_PASSWORD", "ALLOW_ANONYMOUS_LOGIN", "NEO4J_AUTH",
        "DISABLE_SECURITY_PLUGIN", "XPACK.SECURITY.ENABLED",
    }  # fmt: skip
    off = {"NEO4J_AUTH": {"none"}, "POSTGRES_HOST_AUTH_METHOD": {"trust"}, "XPACK.SECURITY.ENABLED": {"false"}}
    for name, variable in posture.environment.value.items():
        if name.upper() not in open_by_switch or variable.value is None or variable.place == "image":
            continue
        opening = off.get(name.upper(), {"yes", "true", "1", "on"})
        if variable.value.lower() in opening:
            yield posture.environment.finding(f"{name} lets everybody in", advice(f"remove {name}"), at=variable.origin)


@control(severity="high", plan="P2", owasp="RULE 12")
def no_password_on_the_command_line(service: Service) -> Findings:
    """No password stands on a service's command line.

    `docker inspect` shows it to whoever may talk to the engine; one with a default in `${...}` is the same in every
    installation as well.

    Bad::

        services:
          cache:
            image: redis:7.4
            command: redis-server --requirepass ${REDIS_PASSWORD:-defaultpassword}  # <-

    Good::

        services:
          cache:
            image: redis:7.4
            command: sh -c 'exec redis-server --requirepass "$$(cat /run/secrets/redis_password)"'
    """
    for path, script in (("entrypoint", service.entrypoint_script), ("command", service.command_script)):
        node = service.get(path)
        if node is None:
            continue
        if _interpolated_password(list(node)):
            yield service.finding("compose writes a password on the command line", _BY_FILE, at=path)
        elif any(_literal_password(command) for command in script.commands):
            yield service.finding("a password stands on the command line", _BY_FILE, at=path)


def _interpolated_password(words: list[Node]) -> bool:
    """``--requirepass ${REDIS_PASSWORD}`` in one text, or a flag and its value as items of a list."""
    before = ""
    for word in words:
        template = word.template or ""
        if _FLAG_AND_VARIABLE.search(template) or (before in _PASSWORD_FLAGS and _VARIABLE.search(template)):
            return True
        before = word.text()
    return False


def _literal_password(command: Command) -> bool:
    value = _option(command, *_PASSWORD_FLAGS)
    # what the shell of the container puts there is not in the compose file
    return (
        value is not None and bool(value.value) and "$" not in value.raw and not value.raw.startswith(("-", "<", "/"))
    )
