"""Passwords on command lines, and switches that make them needless."""

from __future__ import annotations

from pytest_dockerharden.controls.configuration import option_value
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.finding import Edit, Findings, Remedy
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.shell import Command

_PASSWORD_FLAGS = (
    "--requirepass", "--masterauth", "--password", "--root-password", "--admin-password", "--token", "--secret",
    "--api-key", "--secret-key", "--default-password",
)  # fmt: skip


_VARIABLE = pattern(r"(?<!\$)(?:\$\$)*\$\{?[A-Za-z_]")


_FLAG_AND_VARIABLE = pattern(
    rf"(?:{'|'.join(_PASSWORD_FLAGS)})[ =]+[\"']?(?:\$\$)*\$\{{?[A-Za-z_]", needs=_PASSWORD_FLAGS
)


_BY_FILE = advice("secrets:\n  - NAME  # and let the program read /run/secrets/NAME")


def _unset(name: str) -> Remedy:
    breaks = "clients that give no password, and a start without one"
    return Remedy(f"remove {name}", (Edit("remove", ("environment", name)),), "behaviour-changing", breaks)


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
        "DISABLE_SECURITY_PLUGIN", "PLUGINS.SECURITY.DISABLED", "XPACK.SECURITY.ENABLED",
    }  # fmt: skip
    off = {"NEO4J_AUTH": {"none"}, "POSTGRES_HOST_AUTH_METHOD": {"trust"}, "XPACK.SECURITY.ENABLED": {"false"}}
    for name, variable in posture.environment.value.items():
        if name.upper() not in open_by_switch or variable.value is None or variable.place == "image":
            continue
        opening = off.get(name.upper(), {"yes", "true", "1", "on"})
        if variable.value.lower() in opening:
            yield posture.environment.finding(f"{name} lets everybody in", _unset(name), at=variable.origin)


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
    value = option_value(command, *_PASSWORD_FLAGS)
    # what the shell of the container puts there is not in the compose file
    return (
        value is not None and bool(value.value) and "$" not in value.raw and not value.raw.startswith(("-", "<", "/"))
    )
