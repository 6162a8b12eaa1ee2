"""What is named like a credential and has its value in the file, however harmless the value looks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Posture, Variable
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.secrets import with_defaults
from pytest_dockerharden.model.shell import Command, Word

_NAME = pattern(
    r".*(?:PASSWORD|PASSPHRASE|TOKEN|SECRET|API_?KEY|PRIVATE_KEY|ACCESS_KEY|ENCRYPTION_KEY|CREDENTIAL).*"
    r"|.*(?:_PASS|_PWD|PASSWD|_SALT|_DSN)",
    re.IGNORECASE,
)
_NO_CREDENTIAL = pattern(r".*(?:_FILE|_NAME|ALLOW_EMPTY_.*|RANDOM_.*)", re.IGNORECASE)
_SERVERS_OWN_FLAGS = frozenset({"REQUIREPASS", "MASTERAUTH"})
# a lifetime, a size or a policy of the credential; with a bare quantity as its value it is no credential
_QUANTITY_NAME = pattern(
    r".*(?:TTL|TIMEOUT|EXPIR(?:E|Y|ATION)|VALIDITY|LIFETIME|MAX_?AGE|ROTATION|INTERVAL|RETENTION|DURATION|_SEC(?:OND)?S"
    r"|_MIN(?:UTE)?S|_HOURS|_DAYS|_MS|M(?:IN|AX)_?(?:LENGTH|CHAR)|_LENGTH|_SIZE|_LIMIT|POLICY|REQUIREMENTS|_BONUS"
    r"|_STRENGTH|_HISTORY|_ATTEMPTS|_RETRIES|TOKENS|ROUNDS|ITERATIONS|_COST|_PORT).*",
    re.IGNORECASE,
)
_QUANTITY = pattern(r"\d+(?:\.\d+)?[a-z]{0,3}", re.IGNORECASE)
_SWITCH = pattern(r"yes|no|true|false|on|off|0|1", re.IGNORECASE)
_REFERENCE = pattern(r"\$(?:\{[^}]*\}|\([^)]*\)|\w+)|`[^`]*`")
_PATH = pattern(r"(?:/|\.{1,2}/|~/).*")
_MYSQL = frozenset(
    {
        "mysql", "mysqladmin", "mysqlcheck", "mysqldump", "mysqlsh", "mysqlshow", "mariadb", "mariadb-admin",
        "mariadb-check", "mariadb-dump",
    }
)  # fmt: skip


def _names_a_credential(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and not _NO_CREDENTIAL.fullmatch(name)


def _is_given(name: str, value: str) -> bool:
    """Whether this value, in the file, is one that a program takes as the credential."""
    text = value.strip().strip("\"'")
    if _SWITCH.fullmatch(text) or (_QUANTITY.fullmatch(text) and _QUANTITY_NAME.fullmatch(name)):
        return False
    return bool(_REFERENCE.sub("", text).strip("\"'"))


@control(severity="low", optional=True, equivalents={"compose-lint": "CL-0020"})
def no_value_under_the_name_of_a_credential(posture: Posture) -> Findings:
    """No variable that is named like a credential has its value in a file.

    Placeholders, short and obviously false values included, which ``no-secrets-written-in-environment`` lets be: what
    is meant to be filled in is forgotten on some machine, and is in force there.

    Bad::

        services:
          web:
            image: app
            environment:
              API_TOKEN: your-token-here  # <-
              AUTH_SALT: abc  # <-

    Good::

        services:
          web:
            image: app
            environment:
              API_TOKEN: ${API_TOKEN:?}
              API_TOKEN_FILE: /run/secrets/token
              TOKEN_TTL: 900
              MYSQL_ALLOW_EMPTY_PASSWORD: "no"
    """
    service = posture.service
    if service is None or posture.phase != "static":
        not_applicable("what is written out is a matter of the files")
    for name, variable in posture.environment.value.items():
        if variable.place not in ("environment", "env_file") or not _names_a_credential(name):
            continue
        if _is_given(name, _written(service, name, variable)):
            yield posture.environment.finding(
                f"{name} has its value in the file", advice(f"{name}: ${{{name}:?}}"), at=variable.origin
            )


def _written(service: Service, name: str, variable: Variable) -> str:
    node = service.node.get("environment", name) if variable.place == "environment" else None
    template = (node.template or "").replace("$$", "\0") if node else ""
    return with_defaults(template) if template else (variable.value or "").replace("$", "\0")


@control(
    severity="low",
    optional=True,
    owasp="RULE 12",
    equivalents={"kics": "passwords_and_secrets", "compose-lint": "CL-0020"},
)
def no_credential_among_arguments(service: Service) -> Findings:
    """No argument that is named like a credential has its value in the file.

    `docker inspect` tells command, entrypoint and healthcheck to whoever may ask the engine, and the process list tells
    them to every user of the machine. A reference is another matter: ``no-password-on-the-command-line`` speaks of it.

    Bad::

        services:
          cache:
            image: redis:7.4
            command: redis-server --requirepass hunter2  # <-
            healthcheck:
              test: ["CMD-SHELL", "PGPASSWORD=hunter2 pg_isready"]  # <-

    Good::

        services:
          cache:
            image: redis:7.4
            command: app --password-file /run/secrets/app --token-ttl 900
            healthcheck:
              test: ["CMD-SHELL", "redis-cli --pass $$REDIS_PASSWORD ping"]
    """
    scripts = {
        "entrypoint": service.entrypoint_script,
        "command": service.command_script,
        "healthcheck.test": service.health_script,
    }
    for path, script in scripts.items():
        if service.get(path) is None or (path == "healthcheck.test" and _is_switched_off(service)):
            continue
        names = {
            name for command in script.commands for name, value in _arguments(command) if _is_argument(name, value)
        }
        for name in sorted(names):
            yield service.finding(
                f"{name} has its value among the arguments", advice("let the program read /run/secrets/..."), at=path
            )


def _is_switched_off(service: Service) -> bool:
    node = service.get("healthcheck.disable")
    return node is not None and node.value is True


_SETTING = frozenset({"export", "env", "declare"})


def _arguments(command: Command) -> Iterator[tuple[str, str]]:
    """Names and values: of assignments, also by `export`; of options and the word behind them; of mysql's -pX."""
    for name, word in command.assignments:
        yield name, _shown(word)
    words = command.words
    for index, word in enumerate(words):
        flag, equals, value = _shown(word).partition("=")
        if command.name in _MYSQL and flag.startswith("-p") and len(flag) > 2:
            yield "MYSQL_PASSWORD", f"{flag[2:]}{equals}{value}"
        elif flag.startswith("-"):
            following = _shown(words[index + 1]) if index + 1 < len(words) else ""
            yield flag.lstrip("-").replace("-", "_"), value if equals or following.startswith("-") else following
        elif equals and command.name in _SETTING:
            yield flag, value


def _shown(word: Word) -> str:
    return word.raw.strip("\"'")


def _is_argument(name: str, value: str) -> bool:
    named = _names_a_credential(name) or name.upper() in _SERVERS_OWN_FLAGS
    return named and not _PATH.fullmatch(value) and _is_given(name, value)
