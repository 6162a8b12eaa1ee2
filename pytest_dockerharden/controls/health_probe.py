"""What a healthcheck runs: whether that can fail, can run at all, and asks the right port."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.probe import never_fails, redis_ping_accepts_refusal
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, set_key, text_edit
from pytest_dockerharden.model.shell import Command, Script, Word

_SHELL_SYNTAX = pattern(r"\$\(|`|\$\{?[A-Za-z_]|^(?:\|\|?|&&|;|[0-9]?>>?(?:&[0-9])?|<)$", needs=tuple("$`|&;><"))
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh", "/bin/sh", "/bin/bash", "/bin/ash", "/usr/bin/env"})
# these take a program of their own language, in which a dollar means something else
_INTERPRETERS = frozenset(
    {
        "python", "python3", "node", "deno", "bun", "php", "perl", "ruby", "pwsh", "powershell", "mongosh", "mongo",
        "jq", "awk", "gawk", "lua", "java", "psql", "mysql",
    }
)  # fmt: skip
_URL = pattern(
    r"(?P<scheme>https?)://(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0)(?::(?P<port>\d+))?(?P<path>/[^\s\"'?#]*)?"
)
_HTTP = pattern(r"https?://|localhost|127\.0\.0\.1|\[::1\]", re.IGNORECASE)
_CREDENTIAL_FLAGS = ("--password", "--pass", "--token", "--secret", "--api-key", "--apikey")
_SHORT_CREDENTIAL_FLAGS = {
    "redis-cli": ("-a",),
    "valkey-cli": ("-a",),
    "curl": ("-u", "--user"),
    "mysqladmin": ("-p",),
    "mysql": ("-p",),
    "mariadb": ("-p",),
    "mariadb-admin": ("-p",),
    "mongosh": ("-p",),
    "mongo": ("-p",),
}


def _test(service: Service) -> Node:
    test = service.get("healthcheck.test")
    if test is None or not list(test):
        not_applicable("no healthcheck in the compose file")
    return test


def _words(service: Service) -> list[Node]:
    """The words of an exec-form test after ``CMD``."""
    items = list(_test(service))
    if items[0].text() != "CMD":
        not_applicable("the healthcheck is run by a shell")
    return items[1:]


def _by_a_shell(service: Service) -> Remedy:
    """The words as one text for a shell, where it is clear how they are to be put together."""
    words = service.items("healthcheck.test")[1:]
    texts = [word.text() for word in words]
    if any("$" in (word.template or "").replace("$$", "") for word in words) or (
        len(texts) > 1 and any(re.search(r"[\s\"']", text) for text in texts)
    ):
        return advice('test: ["CMD-SHELL", "..."]')
    return set_key("healthcheck.test", ["CMD-SHELL", " ".join(texts)])


@control(severity="medium", plan="P3")
def healthcheck_is_switched_off_by_a_list(service: Service) -> Findings:
    """A healthcheck is switched off by `["NONE"]` and not by `NONE`.

    As a string it is a shell command called NONE: the container is always unhealthy.

    Bad::

        services:
          web:
            image: app
            healthcheck:
              test: NONE  # <-

    Good::

        services:
          web:
            image: app
            healthcheck:
              test: ["NONE"]
    """
    test = [item.text() for item in _test(service)]
    if test[0] == "CMD-SHELL" and len(test) > 1 and test[1].strip().upper() == "NONE":
        yield service.finding(
            "a command called NONE is run", set_key("healthcheck.test", ["NONE"]), at="healthcheck.test"
        )


@control(severity="medium", plan="P3")
def exec_healthcheck_has_no_shell_syntax(service: Service) -> Findings:
    """A healthcheck in exec form has no shell syntax.

    Behind `CMD` no shell runs: `$$VAR`, `$$(...)`, `|` and `&&` reach the program as text. The check then always fails,
    or always succeeds.

    Bad::

        services:
          worker:
            image: app
            healthcheck:
              test: ["CMD", "celery", "-A", "app", "inspect", "ping", "-d", "celery@$$HOSTNAME"]  # <-

    Good::

        services:
          worker:
            image: app
            healthcheck:
              test: ["CMD-SHELL", "celery -A app inspect ping -d celery@$$HOSTNAME"]
    """
    for word in shell_syntax(_words(service)):
        yield service.finding(
            f"`{_shown(word)}` reaches the program as text: no shell runs",
            _by_a_shell(service),
            at="healthcheck.test",
        )
        return


def shell_syntax(words: list[Node]) -> Iterator[Node]:
    """The words of an argument list that only a shell would understand."""
    program = words[0].text().rsplit("/", 1)[-1] if words else ""
    if program in _INTERPRETERS or program in _SHELLS:
        return
    if program == "env" and any(word.text() in _SHELLS for word in words[1:3]):
        return
    yield from (word for word in words[1:] if not word.unresolved and _SHELL_SYNTAX.search(word.text()))


def _shown(word: Node) -> str:
    match = _SHELL_SYNTAX.search(word.text())
    text = word.text()[match.start() :] if match else ""
    if text.startswith("$("):
        return "$(...)"
    name = re.match(r"\$\{?[A-Za-z_]\w*\}?", text)
    return name[0] if name else text[:2]


@control(severity="medium", plan="P3")
def healthcheck_can_fail(service: Service) -> Findings:
    """The healthcheck can fail.

    A check that succeeds whatever happens is worse than none: everyone believes it.

    Bad::

        services:
          web:
            image: app
            healthcheck:
              test: curl -f http://localhost:8000/ || exit 0  # <-
          cache:
            image: redis:7.4
            command: ["redis-server", "--aclfile", "/etc/redis/users.acl"]
            healthcheck:
              test: ["CMD", "redis-cli", "-a", "x", "ping"]  # <-

    Good::

        services:
          web:
            image: app
            healthcheck:
              test: curl -f http://localhost:8000/ || exit 1
          cache:
            image: redis:7.4
            command: ["redis-server", "--aclfile", "/etc/redis/users.acl"]
            healthcheck:
              test: redis-cli ping | grep -q PONG
    """
    _test(service)
    script = service.health_script
    reason = never_fails(script)
    if reason is None and needs_redis_password(service):
        reason = redis_ping_accepts_refusal(script)
    if reason is not None:
        yield service.finding(reason, advice("end with the command whose failure counts"), at="healthcheck.test")


@control(severity="medium", plan="P3")
def image_healthcheck_can_fail(stage: Stage) -> Findings:
    """The healthcheck of the image can fail.

    A check that succeeds whatever happens is worse than none: everyone believes it. `certbot certificates` for one
    exits 0 where there is no certificate, and takes the lock that the renewal needs.

    Bad::

        FROM certbot/certbot:v3.0.1
        HEALTHCHECK CMD certbot certificates || exit 1  # <-

    Good::

        FROM certbot/certbot:v3.0.1
        HEALTHCHECK CMD test -s /etc/letsencrypt/live/example.com/fullchain.pem
    """
    check = next(iter(reversed(stage.of("HEALTHCHECK"))), None)
    if check is None or check.none:
        not_applicable("no healthcheck in this stage")
    reason = never_fails(check.script) or redis_ping_accepts_refusal(check.script, authenticated_only=True)
    if reason is not None:
        yield check.finding(reason, advice("end with the command whose failure counts"))


def needs_redis_password(service: Service) -> bool:
    """Whether a password is in play, so that a refusal is an answer one gets."""
    for script in (service.command_script, service.entrypoint_script):
        if any(word.text.lower() in {"--requirepass", "--aclfile"} for c in script.commands for word in c.words):
            return True
    if any(word.text in {"-a", "--pass", "--askpass"} for c in service.health_script.commands for word in c.words):
        return True
    return bool(service.items("secrets")) or "REDISCLI_AUTH" in dict(_environment(service))


def _environment(service: Service) -> list[tuple[str, Node]]:
    node = service.get("environment")
    return list(node.items()) if node else []


@control(severity="medium", plan="P3")
def healthcheck_fails_on_http_errors(service: Service) -> Findings:
    """A healthcheck by curl fails on an error page.

    Without `-f` curl succeeds as soon as anything answers, be it "500 Internal Server Error".

    Bad::

        services:
          web:
            image: app
            healthcheck:
              test: ["CMD", "curl", "http://localhost:8000/health"]  # <-

    Good::

        services:
          web:
            image: app
            healthcheck:
              test: ["CMD", "curl", "-fsS", "http://localhost:8000/health"]
    """
    _test(service)
    found = [c for c in service.health_script.run("curl") if _ignores_status(c, service.health_script)]
    if found:
        yield service.finding("curl takes an error page for success", _failing(service, found), at="healthcheck.test")


def _failing(service: Service, commands: list[Command]) -> Remedy:
    """``curl -f``, in the string that a shell takes or in the list of words."""
    text, test, words = "curl -fsS ...", service.items("healthcheck.test"), [c.words[0] for c in commands]
    if test and test[0].text() == "CMD":
        given = [item.text() for item in test]
        if any(item.template for item in test) or given[1].rsplit("/", 1)[-1] != "curl":
            return advice(text)
        return replace(set_key("healthcheck.test", [*given[:2], "-f", *given[2:]]), text=text)
    edits = tuple(text_edit(word, f"{word.raw} -f", "healthcheck.test") for word in words)
    return Remedy(text, edits, "behaviour-changing")


def _ignores_status(command: Command, script: Script) -> bool:
    """A curl whose own exit status counts and that does not ask for failure. One that is read by others is let be."""
    if command.has("-f", "--fail", "--fail-with-body") or "$()" in command.via or command.connector == "|":
        return False
    if any(redirect.operator in {">", ">>"} and redirect.target.text != "/dev/null" for redirect in command.redirects):
        return False
    addresses = [word.text for word in command.args if _HTTP.search(word.text)]
    others = [c for c in script.commands if c is not command and c.name in {"grep", "jq", "test", "[", "[["}]
    return bool(addresses) and not others


@control(severity="medium", plan="P2")
def healthcheck_keeps_passwords_off_the_command_line(service: Service) -> Findings:
    """A healthcheck passes no password as an argument.

    The process list shows it while the probe runs, and `docker inspect` shows it for ever. A program that reads it from
    a file or from its environment does not give it away.

    Bad::

        services:
          cache:
            image: redis:7.4
            healthcheck:
              test: ["CMD", "redis-cli", "-e", "-a", "${REDIS_PASSWORD}", "ping"]  # <-

    Good::

        services:
          cache:
            image: redis:7.4
            healthcheck:
              test: ["CMD-SHELL", "REDISCLI_AUTH=$$(cat /run/secrets/redis) redis-cli -e ping"]
            secrets:
              - redis
        secrets:
          redis:
            file: ./secrets/redis
    """
    _test(service)
    for command in service.health_script.commands:
        flag = credential_argument(command)
        if flag is not None:
            yield service.finding(
                f"{command.name} gets a password by `{_name_of(flag)}`",
                _by_environment(service),
                at="healthcheck.test",
            )
            return


def _by_environment(service: Service) -> Remedy:
    """Where ``redis-cli ping`` gets what is in the container's environment anyway, from there."""
    text = "give it by a file or an environment variable, such as REDISCLI_AUTH or MYSQL_PWD"
    test = service.items("healthcheck.test")
    given = [item.template or item.text() for item in test]
    if len(given) != 5 or given[:2] != ["CMD", "redis-cli"] or given[2] not in {"-a", "--pass"} or given[4] != "ping":
        return advice(text)
    for name, node in _environment(service):
        if node.template is not None and node.template == test[3].template:
            probe = f"REDISCLI_AUTH=${name} redis-cli ping | grep -q PONG"
            return replace(set_key("healthcheck.test", ["CMD-SHELL", probe]), text=text)
    return advice(text)


def _name_of(flag: Word) -> str:
    """Without the password, which may be in the same word: ``--password=x``, ``-px``."""
    return flag.text.split("=")[0] if flag.text.startswith("--") else flag.text[:2]


def credential_argument(command: Command) -> Word | None:
    """The flag by which a password is given to a program as an argument."""
    short = _SHORT_CREDENTIAL_FLAGS.get(command.name, ())
    for index, word in enumerate(command.args):
        text = word.text
        flag, equals, value = text.partition("=")
        if flag in _CREDENTIAL_FLAGS and (value if equals else index + 1 < len(command.args)):
            return word
        if text in short and command.name not in {"mysqladmin", "mysql", "mariadb", "mariadb-admin"}:
            return word
        if short == ("-p",) and text.startswith("-p") and len(text) > 2 and not command.name.startswith("mongo"):
            return word
    return None


@control(severity="medium", plan="P3")
def healthcheck_asks_a_served_port(service: Service) -> Findings:
    """The healthcheck asks a port that the service listens on.

    A check of another port fails for ever, or finds another program healthy.

    Bad::

        services:
          web:
            build: .
            healthcheck:
              test: ["CMD", "curl", "-f", "http://localhost/health"]  # <-
        # file: Dockerfile
        FROM app-base
        EXPOSE 8080

    Good::

        services:
          web:
            build: .
            healthcheck:
              test: ["CMD", "curl", "-f", "http://localhost:8080/health"]
        # file: Dockerfile
        FROM app-base
        EXPOSE 8080
    """
    _test(service)
    for port, implied in asked_ports(service.health_script):
        served = nginx_ports(service)
        if served and port not in served:
            message = f"port {port} is asked, and nginx listens on {_ports(served)}"
        elif not served and implied and _exposed(service) and port not in _exposed(service):
            message = f"port {port} is asked, and the service has {_ports(_exposed(service))}"
        else:
            continue
        yield service.finding(message, advice("ask the port that the service listens on"), at="healthcheck.test")
        return


@control(severity="medium", plan="P3")
def inherited_healthcheck_fits_the_command(service: Service) -> Findings:
    """The healthcheck that a service inherits is for the program that it runs.

    A worker that shares the image of the API inherits the API's check, and is unhealthy for ever: nobody listens.

    Bad::

        services:
          worker:
            build: .
            command: ["celery", "-A", "app", "worker"]  # <-
        # file: Dockerfile
        FROM python:3.12
        HEALTHCHECK CMD curl -f http://localhost:8000/health || exit 1
        CMD ["uvicorn", "app:app"]

    Good::

        services:
          worker:
            build: .
            command: ["celery", "-A", "app", "worker"]
            healthcheck:
              test: celery -A app inspect ping -d celery@$$HOSTNAME
        # file: Dockerfile
        FROM python:3.12
        HEALTHCHECK CMD curl -f http://localhost:8000/health || exit 1
        CMD ["uvicorn", "app:app"]
    """
    check = service.get("healthcheck")
    if (
        service.get("command") is None
        or service.stage is None
        or (check and (check.get("test") or check.get("disable")))
    ):
        not_applicable("no healthcheck of the Dockerfile is in force for another command")
    usual = service.stage.last("CMD")
    if usual is None or not asked_ports(service.health_script):
        not_applicable("the Dockerfile has no command or no healthcheck over HTTP")
    programs = [_program(script) for script in (service.command_script, usual.script)]
    if all(programs) and programs[0] != programs[1]:
        yield service.finding(
            f"it runs {programs[0]}, and inherits the healthcheck of {programs[1]}",
            advice("give it a healthcheck of its own"),
            at="command",
        )


def _program(script: Script) -> str:
    """What is run in the end, behind ``sh -c`` and ``exec``."""
    last = next((command for command in reversed(script.commands) if "$()" not in command.via), None)
    if last is None:
        return ""
    return last.args[0].text.rsplit("/", 1)[-1] if last.name == "exec" and last.args else last.name


def _ports(ports: set[int]) -> str:
    return ", ".join(map(str, sorted(ports)[:4]))


def asked_ports(script: Script) -> list[tuple[int, bool]]:
    """The ports of this container that the check asks over HTTP, and whether the port is only implied."""
    found = []
    for command in script.commands:
        for word in command.args:
            match = _URL.match(word.text)
            if match:
                found.append((int(match["port"] or (443 if match["scheme"] == "https" else 80)), not match["port"]))
    return found


def asked_paths(script: Script) -> list[str]:
    """The paths that the check asks of this container over HTTP."""
    words = [word.text for command in script.commands for word in command.args]
    return [match["path"] or "/" for match in map(_URL.match, words) if match]


def nginx_ports(service: Service) -> set[int]:
    """The ports of the nginx configuration; empty where it is not at hand or a variable decides one."""
    ports: set[int] = set()
    for config in service.nginx:
        for directive in config.named("listen"):
            port = directive.args[0].text.rsplit(":", 1)[-1].strip("[]") if directive.args else ""
            if not port.isdigit():
                return set()
            ports.add(int(port))
    return ports


def _exposed(service: Service) -> set[int]:
    """The ports that the Dockerfile and the compose file speak of; empty where one of them is not certain."""
    if service.stage is None:
        return set()
    texts = [word.text for i in service.stage.inherited("EXPOSE") for word in i.words]
    texts += [node.text() for node in service.items("expose")]
    texts += [target.text() for port in service.items("ports") if (target := port.get("target")) is not None]
    numbers = [text.split("/")[0] for text in texts]
    return {int(number) for number in numbers} if all(number.isdigit() for number in numbers) else set()
