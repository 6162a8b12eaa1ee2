"""Credentials that are written out where everybody with the file, or with `docker inspect`, reads them."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.posture import Posture, Variable
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.remedies import advice, require_variable
from pytest_dockerharden.model.secrets import (
    has_token,
    has_url_credentials,
    is_literal_secret,
    is_secret_name,
    with_defaults,
)

# where `$$NAME` is a variable of the container's shell
_FOR_A_SHELL = frozenset({"command", "entrypoint", "test"})
_BY_REFERENCE = "take it from a secret's file, or from the environment without a default"


@control(
    severity="high",
    plan="P2",
    cis="4.10",
    owasp="RULE 12",
    nist="4.1.4",
    equivalents={"kics": "passwords_and_secrets", "compose-lint": "CL-0020"},
)
def no_secrets_written_in_environment(posture: Posture) -> Findings:
    """No credential is written out under `environment`.

    What stands in the compose file is in the history of the repository, the same in every installation. A default in
    ``${PASSWORD:-default}`` is such a credential: it is in force wherever the variable was forgotten.

    Bad::

        services:
          db:
            image: postgres:17
            environment:
              POSTGRES_PASSWORD: hunter2  # <-
              API_TOKEN: ${API_TOKEN:-hunter2}  # <-

    Good::

        services:
          db:
            image: postgres:17
            environment:
              POSTGRES_PASSWORD_FILE: /run/secrets/db
              API_TOKEN: ${API_TOKEN}
              ALLOW_EMPTY_PASSWORD: "no"
              OTHER_PASSWORD: ${OTHER_PASSWORD:?set it}
    """
    service = posture.service
    if service is None or posture.phase != "static":
        not_applicable("what is written out is a matter of the files")
    for name, variable in posture.environment.value.items():
        text = _written(service, name, variable)
        if variable.place == "environment" and is_literal_secret(name, text) and is_secret_name(name):
            how = "has a default in the file" if "${" in _template(service, name) else "is written out in the file"
            yield posture.environment.finding(f"the value of {name} {how}", _remedy(service, name), at=variable.origin)


def _template(service: Service, name: str) -> str:
    node = service.node.get("environment", name)
    return (node.template or "") if node else ""


def _written(service: Service, name: str, variable: Variable) -> str:
    """What the file says the value is: the value where it is written out, else the template with its defaults."""
    template = _template(service, name)
    return with_defaults(template) if template else variable.value or ""


def _by_file(name: str) -> str:
    return f"{name}: ${{{name}:?}}\n# or {name}_FILE: /run/secrets/{name.lower()}"


def _remedy(service: Service, name: str) -> Remedy:
    text = _by_file(name)
    node = service.node.get("environment", name)
    return require_variable(f"environment.{name}", node, text, assigned=name) if node else advice(text)


@control(
    severity="high",
    plan="P2",
    cis="4.10",
    owasp="RULE 12",
    equivalents={"kics": "passwords_and_secrets", "compose-lint": "CL-0021"},
)
def no_passwords_in_connection_strings(service: Service) -> Findings:
    """No connection string carries a password.

    A URL is logged, shown in errors and passed on: a password in it is everywhere.

    Bad::

        services:
          web:
            image: app
            environment:
              DATABASE_URL: postgres://app:hunter2@db/app  # <-
              CACHE_URL: redis://:${CACHE_PASSWORD:-hunter2}@cache  # <-

    Good::

        services:
          web:
            image: app
            environment:
              DATABASE_URL: postgres://app:${DB_PASSWORD}@db/app
              CACHE_URL: redis://cache
    """
    for name, node in _texts(service):
        text = node.template or node.text()
        if "://" not in text or name == "context":
            continue
        if name not in _FOR_A_SHELL:
            text = text.replace("$$", "\0")  # a dollar of the password, and no reference
        if has_url_credentials(with_defaults(text)):
            yield service.finding(f"{_what(name)} has a URL with a password", advice(_BY_REFERENCE), at=node)


@control(severity="critical", plan="P2", cis="4.10", owasp="RULE 12", equivalents={"kics": "passwords_and_secrets"})
def no_known_tokens(service: Service) -> Findings:
    """No access token or private key stands in the compose file.

    Tokens of cloud and code hosts and private keys are recognised by their form, in whatever place they stand. One that
    was ever committed has to be revoked.

    Bad::

        services:
          web:
            image: app
            environment:
              AWS_ID: AKIAIOSFODNN7EXAMPLE  # <-

    Good::

        services:
          web:
            image: app
            environment:
              AWS_ID: ${AWS_ID}
              REVISION: 3f786850e387550fdab836ed7e6dc881de23001b
    """
    for name, node in _texts(service):
        if has_token(with_defaults(node.template or node.text())):
            yield service.finding(
                f"{_what(name)} holds an access token or key", advice(f"revoke it; {_BY_REFERENCE}"), at=node
            )


def _what(name: str) -> str:
    return name if name.isidentifier() or name.replace("-", "").isalnum() else "the value"


def _texts(service: Service) -> Iterator[tuple[str, Node]]:
    """Every text of a service and the key it stands under; what an env file set is not written in the compose file."""
    environment = service.posture.environment.get({}) if service.posture else {}
    from_files = {name for name, variable in environment.items() if variable.place == "env_file"}
    pending: list[tuple[str, Node, bool]] = [("", service.node, False)]
    while pending:
        name, node, inside = pending.pop()
        if isinstance(node.value, dict):
            pending.extend(
                (key, child, key == "environment")
                for key, child in reversed(node.value.items())
                if not (inside and key in from_files)
            )
        elif isinstance(node.value, list):
            pending.extend((name, child, False) for child in reversed(node.value))
        elif isinstance(node.value, str) and len(node.value) > 8:
            yield name, node


@control(severity="high", plan="P2", cis="4.10", owasp="RULE 12", equivalents={"kics": "passwords_and_secrets"})
def no_secrets_in_config_content(project: Project) -> Findings:
    """No config is written in the compose file with a credential in it.

    The ``content`` of a config is part of the compose file, and is readable for every user in the container.

    Bad::

        services:
          web:
            image: app
            configs: [settings]
        configs:
          settings:
            content: |  # <-
              url = https://example.com
              password = hunter2

    Good::

        services:
          web:
            image: app
            configs: [settings]
        configs:
          settings:
            content: |
              url = https://example.com
              password_file = /run/secrets/password
    """
    for name, config in project.configs.items():
        content = config.get("content")
        if content is None:
            continue
        lines = with_defaults(content.template or content.text()).splitlines()
        if any(_gives_away(line) for line in lines):
            yield project.finding(
                f"the content of config {name} holds a credential", advice("use a secret with `file:`"), at=content
            )


def _gives_away(line: str) -> bool:
    if has_token(line) or has_url_credentials(line):
        return True
    for separator in ("=", ":"):
        name, found, value = line.partition(separator)
        if found and is_literal_secret(name.strip().strip("\"'- "), value.strip().strip("\"',; ")):
            return True
    return False


@control(severity="low", optional=True, plan="P2", cis="4.10", owasp="RULE 12")
def secrets_not_in_environment(posture: Posture) -> Findings:
    """Credentials come as files, not as variables or arguments.

    Variables are in `docker inspect`, in every child process, in crash reports and debug pages; arguments are in every
    process list.

    Bad::

        services:
          web:
            image: app
            environment:
              DB_PASSWORD: ${DB_PASSWORD}  # <-

    Good::

        services:
          web:
            image: app
            environment:
              DB_PASSWORD_FILE: /run/secrets/db_password
    """
    for name, variable in posture.environment.value.items():
        known_harmless = variable.value is not None and not is_literal_secret(name, variable.value)
        if variable.place != "image" and is_secret_name(name) and not known_harmless:
            yield posture.environment.finding(
                f"{name} is an environment variable", advice(_by_file(name)), at=variable.origin
            )


@control(severity="high", owasp="RULE 12", equivalents={"kics": "passwords_and_secrets"})
def no_secrets_in_driver_options(project: Project) -> Findings:
    """No option of a volume's, network's or log driver holds a credential.

    What a share or a log collector asks for stands in the history of the repository then, and `docker volume inspect`
    or `docker inspect` shows it. The driver options of a share take `credentials=FILE`, or a variable.

    Bad::

        services:
          web:
            image: app
            logging:
              driver: splunk
              options:
                splunk-token: 176fcebf-4cf5-4edf-91bc-703796522d20  # <-
        volumes:
          share:
            driver_opts:
              type: cifs
              device: //nas/share
              o: username=web,password=hunter2  # <-

    Good::

        services:
          web:
            image: app
            logging:
              driver: splunk
              options:
                splunk-token: ${SPLUNK_TOKEN:?}
        volumes:
          share:
            driver_opts:
              type: cifs
              device: //nas/share
              o: username=web,password=${SHARE_PASSWORD:?},uid=1000
    """
    for options in _driver_options(project):
        for key, node in options.items():
            text = with_defaults(node.template or node.text())
            named = [(key, text), *((name, value) for name, _, value in (o.partition("=") for o in text.split(",")))]
            if any(is_secret_name(name) and is_literal_secret(name, value) for name, value in named):
                yield project.finding(f"the option {key} holds a credential", advice(_BY_REFERENCE), at=node)


def _driver_options(project: Project) -> Iterator[Node]:
    declared = [*project.volumes.values(), *project.networks.values()]
    services = [service.node.get("logging", "options") for service in project.services.values()]
    for options in [*(each.get("driver_opts") for each in declared), *services]:
        if options is not None and isinstance(options.value, dict):
            yield options
