"""What process 1 of a container is, and what reaches it."""

from __future__ import annotations

import posixpath

from pytest_dockerharden.controls.health_probe import shell_syntax
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.known_images import starts_an_init
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import Reference, parse_reference
from pytest_dockerharden.model.remedies import advice, insert_before, set_key, text_edit
from pytest_dockerharden.model.roles import base_image
from pytest_dockerharden.model.shell import Command, Script

_ON_DEBIAN = frozenset(
    {
        "debian", "ubuntu", "python", "node", "ruby", "golang", "rust", "php", "nginx", "httpd", "redis", "postgres",
        "mysql", "mariadb", "memcached", "rabbitmq", "mongo",
    }
)  # fmt: skip


# what ends by itself where it stands last: a job, which nobody stops
_ENDS = frozenset(
    {
        "exit", "true", ":", "echo", "printf", "mc", "curl", "wget", "psql", "mysql", "mariadb", "mongosh",
        "mongoimport", "mongorestore", "createdb", "pg_restore", "rabbitmqadmin", "kafka-topics", "kafka-topics.sh",
        "rpk", "aws", "awslocal", "chown", "chmod", "cp", "mkdir", "rm", "touch",
    }
)  # fmt: skip
_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


_INITS = frozenset({"tini", "dumb-init", "catatonit", "init", "my_init", "s6-svscan", "systemd"})
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh"})


@control(severity="medium", plan="P3", equivalents={"hadolint": "DL3025"})
def signals_reach_the_program(service: Service) -> Findings:
    """Process 1 is the program, or hands its signals on.

    A shell as process 1 swallows SIGTERM: stopping takes the whole grace period and ends in SIGKILL, which loses what
    the program has not written. `exec` puts the program in the shell's place.

    Bad::

        services:
          web:
            image: app
            command: sh -c "./migrate && ./serve"  # <-

    Good::

        services:
          web:
            image: app
            command: sh -c "./migrate && exec ./serve"
    """
    if service.posture is not None and service.posture.init.get(False):
        not_applicable("an init process is process 1")
    path = "entrypoint" if service.get("entrypoint") is not None else "command"
    script = service.entrypoint_script if path == "entrypoint" else service.command_script
    if service.get(path) is None or not _shell_keeps_process_1(script, dash=_has_dash(service)):
        return
    # a command below an entrypoint of the image is process 1 only if that one hands over to it
    if path == "command" and _entrypoint_of_the_image(service):
        return
    yield service.finding("a shell is process 1 and does not hand over", _handing_over(script, path), at=path)


def _entrypoint_of_the_image(service: Service) -> bool:
    return service.stage is not None and service.stage.last("ENTRYPOINT") is not None and not service.scripts


def _has_dash(service: Service) -> bool:
    """Whether ``sh`` is the dash of Debian: an official image that is not built on alpine."""
    base = service.stage.root_base() if service.stage else "" if service.get("build") else service.text("image")
    image = parse_reference(base or "scratch")
    return image.official in _ON_DEBIAN and "alpine" not in image.tag


def _shell_keeps_process_1(script: Script, *, dash: bool) -> bool:
    """``sh -c`` without a final ``exec``. A single command is exec'ed by bash and ash, and not by dash."""
    if not script.commands or script.commands[0].name not in _SHELLS or not script.complete:
        return False
    inner = [command for command in script.commands[1:] if "$()" not in command.via and len(command.via) == 1]
    running = [command for command in inner if command.name not in {"set", "export", "cd", "umask", "ulimit", "trap"}]
    if any(command.name == "trap" for command in inner) or not running or running[-1].name in {"exec", *_ENDS}:
        return False
    return len(running) > 1 or (dash and script.commands[0].name == "sh")


def _handing_over(script: Script, path: str) -> Remedy:
    text, last = "put `exec` before the last command", script.commands[-1]
    if len(last.via) != 1 or not last.words or last.pipeline == script.commands[-2].pipeline:
        return advice(text)
    word = last.words[0]
    return Remedy(text, (text_edit(word, f"exec {word.raw}", path),), "behaviour-changing")


def _exec(last: Command) -> Remedy:
    text = 'exec "$@"'
    simple = not last.via and not last.connector and not last.assignments and last.words
    return insert_before(last.words[0], "exec ", text=text) if simple else advice(text)


@control(severity="medium", plan="P3")
def entrypoint_script_hands_over(service: Service) -> Findings:
    """An entrypoint script ends in `exec`.

    Else the script's shell stays process 1, swallows SIGTERM, and the program is killed after the grace period.

    Bad::

        services:
          web:
            build: .
        # file: Dockerfile
        FROM debian:12
        COPY entrypoint.sh /entrypoint.sh
        ENTRYPOINT ["/entrypoint.sh"]
        CMD ["app"]
        # file: entrypoint.sh
        #!/bin/sh
        ./migrate
        "$@"  # <-

    Good::

        services:
          web:
            build: .
        # file: Dockerfile
        FROM debian:12
        COPY entrypoint.sh /entrypoint.sh
        ENTRYPOINT ["/entrypoint.sh"]
        CMD ["app"]
        # file: entrypoint.sh
        #!/bin/sh
        ./migrate
        exec "$@"
    """
    script = entrypoint_file(service)
    if script is None or not script.commands or not script.complete:
        not_applicable("no entrypoint script is at hand")
    if service.posture is not None and service.posture.init.get(False):
        not_applicable("an init process is process 1")
    if not any(command.name == "exec" or command.name == "trap" for command in script.commands):
        yield service.finding(
            "the entrypoint script never execs",
            _exec(_last_of_the_script(script)),
            at=_last_of_the_script(script).origin,
        )


def _last_of_the_script(script: Script) -> Command:
    return next((c for c in reversed(script.commands) if not c.via), script.commands[-1])


def entrypoint_file(service: Service) -> Script | None:
    """The script of the project that is the container's entrypoint, if it is one."""
    words = service.posture.entrypoint.get(()) if service.posture else ()
    for word in words:
        script = script_named(service, word)
        if script is not None:
            return script
        if word.rsplit("/", 1)[-1] not in {*_SHELLS, "env", "tini", "dumb-init", "--", "-g", "-s"}:
            return None
    return None


def script_named(service: Service, word: str) -> Script | None:
    """The script of the project that a word of a command line runs: by its path, or found along PATH."""
    folder = service.posture.working_dir.get("/") if service.posture else "/"
    places = [posixpath.normpath(posixpath.join(folder, word))] if "/" in word else [f"{d}/{word}" for d in _PATH]
    return next((service.scripts[place] for place in places if place in service.scripts), None)


@control(severity="high", plan="P0")
def entrypoint_keeps_a_command(service: Service) -> Findings:
    """An `entrypoint:` comes with the command that it needs.

    It drops the image's CMD. An entrypoint that ends in `exec "$@"` then has nothing to run, and the container exits 0
    at once.

    Bad::

        services:
          web:
            build: .
            entrypoint: ["/entrypoint.sh"]  # <-
        # file: Dockerfile
        FROM debian:12
        ENTRYPOINT ["/entrypoint.sh"]
        CMD ["nginx", "-g", "daemon off;"]

    Good::

        services:
          web:
            build: .
            entrypoint: ["/entrypoint.sh"]
            command: ["nginx", "-g", "daemon off;"]
        # file: Dockerfile
        FROM debian:12
        ENTRYPOINT ["/entrypoint.sh"]
        CMD ["nginx", "-g", "daemon off;"]
    """
    entrypoint = service.get("entrypoint")
    words = [word.text() for word in entrypoint or ()]
    if entrypoint is None or not words or service.get("command") is not None:
        not_applicable("the command is that of the image or is given")
    dropped = service.stage.last("CMD") if service.stage else None
    if dropped is None:
        not_applicable("no CMD is known to be dropped")
    original = service.stage.last("ENTRYPOINT") if service.stage else None
    script = script_named(service, words[-1])
    same = original is not None and [word.text for word in original.words] == words
    if same if script is None else _runs_its_arguments(script):
        yield service.finding(
            "`entrypoint:` drops the image's CMD",
            set_key("command", [word.text for word in dropped.words])
            if dropped.form == "exec"
            else advice("command: ..."),
            at=entrypoint,
        )


def _runs_its_arguments(script: Script) -> bool:
    return any(word.raw.strip('"') in {"$@", "$*", "${@}"} for command in script.commands for word in command.words)


@control(severity="low", plan="P3", optional=True)
def init_reaps_children(posture: Posture) -> Findings:
    """An init process reaps orphans and forwards signals.

    A program that was not written to be process 1 ignores SIGTERM and leaves zombies of its children.

    Bad::

        services:
          web:  # <-
            image: app

    Good::

        services:
          web:
            image: app
            init: true
    """
    image = base_image(posture)
    entrypoint = posture.entrypoint.get(())
    if posture.service is not None and entrypoint and posixpath.basename(entrypoint[0]) in _INITS:
        return
    if image is not None and starts_an_init(image):
        return
    if not posture.init.value:
        yield posture.init.finding("no init process", _with_init(image))


def _with_init(image: Reference | None) -> Remedy:
    """Safe where the image is known: s6 and systemd end at once where they are not process 1."""
    if image is not None and "/" not in image.familiar:
        return set_key("init", True, effect="safe")
    return set_key("init", True, breaks="an image whose own init has to be process 1 (s6-overlay, systemd)")


@control(severity="medium", plan="P2")
def exec_command_has_no_shell_syntax(service: Service) -> Findings:
    """A command without a shell has no shell syntax.

    Neither a list nor a string is run by a shell: `$$(...)` and `$$VAR` reach the program as text, and from the first
    `|`, `&&`, `;` or `>` on, a string is dropped.

    Bad::

        services:
          cache:
            image: redis:7.4
            command: ["redis-server", "--requirepass", "$$(cat /run/secrets/redis)"]  # <-
          web:
            image: app
            command: ./migrate && ./serve  # <-

    Good::

        services:
          cache:
            image: redis:7.4
            command: ["sh", "-c", "exec redis-server --requirepass \\"$$(cat /run/secrets/redis)\\""]
    """
    for path in ("entrypoint", "command"):
        node = service.get(path)
        if node is None or _is_run_by_a_shell(service, path):
            continue
        remedy = advice(f'{path}: ["sh", "-c", "exec ..."]')
        dropped = [
            p for p in service.project.problems if p.origin == node.origin and p.message.startswith("everything")
        ]
        if dropped:
            yield service.finding(f"{dropped[0].message}: no shell runs", remedy, at=path)
        elif any(shell_syntax(list(node))):
            yield service.finding("shell syntax reaches the program as text: no shell runs", remedy, at=path)


def _is_run_by_a_shell(service: Service, path: str) -> bool:
    """A command below ``entrypoint: ["sh", "-c"]`` is shell text."""
    words = service.posture.entrypoint.get(()) if service.posture else ()
    return path == "command" and bool(words) and words[0].rsplit("/", 1)[-1] in _SHELLS
