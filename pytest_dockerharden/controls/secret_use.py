"""Whether those who need a secret get it, and what they do without."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.posture import Variable
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, append_item
from pytest_dockerharden.model.secrets import is_secret_name


@control(severity="medium", plan="P2")
def clients_get_the_secret(service: Service) -> Findings:
    """A service that talks to a server with a password gets the password.

    The server was given it as a secret, its client was not: the client fails, or still has an old copy in its
    environment.

    Bad::

        services:
          worker:
            image: app
            depends_on:
              - redis  # <-
          redis:
            image: redis:7.4
            secrets:
              - redis_password
        secrets:
          redis_password:
            file: ./redis_password.txt

    Good::

        services:
          worker:
            image: app
            depends_on:
              - redis
            secrets:
              - redis_password
          redis:
            image: redis:7.4
            secrets:
              - redis_password
        secrets:
          redis_password:
            file: ./redis_password.txt
    """
    node = service.get("depends_on")
    if node is None:
        not_applicable("it depends on nothing")
    for name, dependency in node.items():
        server = service.project.services.get(name)
        passwords = sorted(secret for secret in _grants(server) if is_secret_name(secret)) if server else []
        if not passwords or not _is_data_store(server) or _grants(service) & set(passwords):
            continue
        if _may_know_a_password(service):
            continue
        yield service.finding(
            f"it talks to {name} and does not get {passwords[0]}",
            _granting(passwords),
            at=dependency,
        )


def _granting(passwords: list[str]) -> Remedy:
    """Which of several it needs is for people to say."""
    if len(passwords) > 1:
        return advice(f"secrets:\n  - {passwords[0]}  # or {', '.join(passwords[1:])}")
    return append_item("secrets", passwords[0])


def _grants(service: Service | None) -> set[str]:
    return {(grant.get("source") or grant).text() for grant in service.items("secrets")} if service else set()


def _is_data_store(service: Service | None) -> bool:
    stores = ("redis", "valkey", "keydb", "postgres", "mysql", "mariadb", "mongo", "rabbitmq", "elasticsearch")
    return service is not None and any(store in service.text("image") + service.name for store in stores)


def _may_know_a_password(service: Service) -> bool:
    """Whether its environment has a credential or a URL that may hold one."""
    if service.posture is not None and service.posture.environment.known:
        variables = service.posture.environment.value
    else:
        unknown("its environment is not known")
    return any(
        is_secret_name(name) or (name.upper().endswith(("_URL", "_DSN", "_URI", "_BROKER")) and _may_hold_one(variable))
        for name, variable in variables.items()
    )


def _may_hold_one(variable: Variable) -> bool:
    """A URL that is known and names no user, as ``redis://redis:6379/0``, holds no password."""
    url = variable.value
    return not url or "://" not in url or any(mark in url for mark in "@?$%{<")


@control(severity="high", plan="P2")
def password_file_fails_closed(service: Service) -> Findings:
    """A server does not start without its password.

    `--requirepass "$(cat FILE)"` gives the server an empty password where the file is missing or not readable, and it
    then lets everybody in. Neither `set -e` nor a healthcheck notices.

    Bad::

        services:
          redis:
            image: redis:7.4
            command: sh -c 'exec redis-server --requirepass "$$(cat /run/secrets/redis_password)"'  # <-

    Good::

        services:
          redis:
            image: redis:7.4
            command: >-
              sh -c 'test -s /run/secrets/redis_password
              && exec redis-server --requirepass "$$(cat /run/secrets/redis_password)"'
    """
    for path, script in (("entrypoint", service.entrypoint_script), ("command", service.command_script)):
        if service.get(path) is None or not any(_takes_password_from_file(c.words) for c in script.commands):
            continue
        if not any(_guards(c) for c in script.commands):
            yield service.finding(
                "where the file cannot be read, the server starts without a password",
                advice("test -s /run/secrets/NAME && exec ..."),
                at=path,
            )


def _takes_password_from_file(words: tuple[object, ...]) -> bool:
    raws = [getattr(word, "raw", "") for word in words]
    flags = ("--requirepass", "--masterauth", "--password", "--rootpw")
    for index, raw in enumerate(raws):
        flag, _, value = raw.partition("=")
        given = value or (raws[index + 1] if index + 1 < len(raws) else "")
        if flag.strip("\"'") in flags and ("$(" in given or "`" in given):
            return True
    return False


def _guards(command: object) -> bool:
    name, words = getattr(command, "name", ""), [getattr(w, "raw", "") for w in getattr(command, "words", ())]
    if name in {"test", "[", "[["}:
        return any(word in {"-s", "-n", "-r", "-z"} for word in words)
    return any(":?" in word for word in words)
