"""What a container writes at start, and whether it can."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from pytest_dockerharden.controls.process_one import entrypoint_file
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Stage
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.known_images import default_user
from pytest_dockerharden.model.posture import Mount, Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, append_item
from pytest_dockerharden.model.shell import Command, Script, Word

_ALWAYS_WRITABLE = ("/dev/", "/proc/", "/sys/")
# where images have no programs that a tmpfs would hide
_HOLDS_NO_PROGRAM = ("/tmp/", "/var/tmp/", "/run/", "/var/run/", "/var/lib/celery/")  # noqa: S108


_OF_ROOT = ("/etc/", "/usr/", "/opt/", "/srv/", "/lib/", "/bin/", "/sbin/", "/var/www/", "/var/lib/")
_WRITERS = frozenset({"tee", "touch", "mkdir", "cp", "mv", "ln", "install", "chown", "chmod"})


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
                append_item("tmpfs", posixpath.dirname(path), breaks="a program that needs what the image has there"),
                at=word.origin,
            )


@control(severity="medium", plan="P0")
def entrypoint_may_write_as_its_user(posture: Posture) -> Findings:
    """An entrypoint writes only where its user may.

    To make a file one must own its directory. `COPY --chown` gives the user the copied files and not the directory
    they are in: an entrypoint that renders a configuration there fails as soon as the image has a USER.

    Bad::

        services:
          web:
            build: .
        # file: Dockerfile
        FROM nginx:1.27.3
        COPY --chown=nginx site.template /etc/nginx/conf.d/site.template
        COPY entrypoint.sh /entrypoint.sh
        USER nginx
        ENTRYPOINT ["/entrypoint.sh"]
        CMD ["nginx", "-g", "daemon off;"]
        # file: entrypoint.sh
        #!/bin/sh
        envsubst < /etc/nginx/conf.d/site.template > /etc/nginx/conf.d/site.conf  # <-
        exec "$@"

    Good::

        services:
          web:
            build: .
        # file: Dockerfile
        FROM nginx:1.27.3
        RUN chown nginx /etc/nginx/conf.d
        COPY --chown=nginx site.template /etc/nginx/conf.d/site.template
        COPY entrypoint.sh /entrypoint.sh
        USER nginx
        ENTRYPOINT ["/entrypoint.sh"]
        CMD ["nginx", "-g", "daemon off;"]
        # file: entrypoint.sh
        #!/bin/sh
        envsubst < /etc/nginx/conf.d/site.template > /etc/nginx/conf.d/site.conf
        exec "$@"
    """
    service = posture.service
    script = entrypoint_file(service) if service is not None else None
    if service is None or script is None or service.stage is None or posture.read_only_rootfs.value:
        not_applicable("no entrypoint script on a writable root filesystem")
    if posture.runs_as_root.value:
        not_applicable("root may write everywhere")
    base = service.stage.root_base()
    if base is None or default_user(base) != "root":
        unknown("who owns the directories of the base image is not known")
    given = _given_away(service.stage)
    if given is None:
        unknown("a build step runs a script, which may give directories away")
    for word in written_paths(script):
        path = posixpath.normpath(word.text)
        if path.startswith(_OF_ROOT) and not can_be_written(path, posture.mounts.value) and not _under(path, given):
            yield service.finding(
                f"{posixpath.dirname(path)} does not belong to the user",
                advice(f"RUN chown USER {posixpath.dirname(path)}"),
                at=word.origin,
            )


def _given_away(stage: Stage) -> set[str] | None:
    """The paths whose owner or mode a build step changes or that it makes; None where one cannot tell."""
    paths: set[str] = set()
    for instruction in stage.inherited("RUN", "COPY", "ADD"):
        if instruction.keyword != "RUN":
            owned = instruction.flag("chown") or instruction.flag("chmod")
            paths.update(word.text for word in instruction.words[-1:] if owned and word.text.endswith("/"))
            continue
        for command in instruction.script.commands:
            if command.name.endswith(".sh") or not instruction.script.complete:
                return None
            if command.name in {"chown", "chmod", "chgrp", "install", "mkdir", "setfacl"}:
                paths.update(word.text for word in command.args)
    return paths


def _under(path: str, folders: set[str]) -> bool:
    return any(path.startswith(folder.rstrip("/") + "/") for folder in folders if folder.startswith("/"))


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
    given = option_value(command, "-s", "--schedule")
    if given is not None and given.value is None:
        unknown("a variable decides where the schedule is")
    schedule = given.text if given is not None else "celerybeat-schedule"
    path = schedule if schedule.startswith("/") else posixpath.join(posture.working_dir.value, schedule)
    if not can_be_written(path, posture.mounts.value):
        yield service.finding(
            f"the schedule {path} cannot be written",
            _schedule_on_a_tmpfs(posixpath.dirname(path)),
            at="command",
        )


def _schedule_on_a_tmpfs(folder: str) -> Remedy:
    if f"{folder}/".startswith(_HOLDS_NO_PROGRAM):
        return append_item("tmpfs", f"{folder}:size=16m", breaks="tasks that are due less often than it starts")
    return advice("-s /tmp/celerybeat-schedule, with a tmpfs or a volume there")


def _beat(service: Service) -> Iterator[Command]:
    for command in service.command_script.run("celery"):
        words = [word.text for word in command.args]
        scheduler = next((w for w in words if "DatabaseScheduler" in w or "redbeat" in w.lower()), None)
        if ("beat" in words or "-B" in words) and scheduler is None:
            yield command


def option_value(command: Command, *names: str) -> Word | None:
    """The value of an option, as the next word or behind ``=``."""
    for index, word in enumerate(command.args):
        flag, equals, value = word.text.partition("=")
        if flag in names:
            if equals:
                return Word(value, value if word.value is not None else None, word.origin)
            return command.args[index + 1] if index + 1 < len(command.args) else None
    return None
