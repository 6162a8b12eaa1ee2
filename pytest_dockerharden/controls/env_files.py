"""Env files: who can read them, and who is given which."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.controls.secret_files import is_sample, short_path
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.files import FileFact
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, require_variable
from pytest_dockerharden.model.roles import uses
from pytest_dockerharden.model.secrets import is_secret_name

_OTHERS_READ = 0o004


@control(severity="medium", plan="P2", owasp="RULE 12")
def env_files_are_not_tracked(service: Service) -> Findings:
    """No env file with secrets is in git.

    Bad::

        services:
          web:
            image: app
            env_file:
              - web.env  # <-
        # file: web.env (in git)
        DB_PASSWORD=not-a-real-one

    Good::

        services:
          web:
            image: app
            env_file:
              - web.env
        # file: web.env
        LOG_LEVEL=info

    Whoever can read the repository, or could at any time, has the secrets.
    """
    for node, fact in _env_files(service):
        if fact.tracked and _secret_keys(fact) and not is_sample(fact.path):
            yield service.finding(
                "an env file with secrets is in git",
                advice(f"git rm --cached {short_path(service.project, node)}, ignore it, and change the secrets"),
                at=node,
            )


@control(severity="high")
def required_env_files_exist(service: Service) -> Findings:
    """Every env file is there, unless it says that it may be missing.

    Compose stops at one that is missing. A file that git ignores, or that is made from a sample beside it, is made
    where the stack is deployed, so nothing is said of it here.

    Bad::

        services:
          web:
            image: app:1.4.2
            env_file: web.env  # <-

    Good::

        services:
          web:
            image: app:1.4.2
            env_file:
              - path: web.env
                required: false

    Good::

        services:
          web:
            image: app:1.4.2
            env_file: .env
        # file: .env.example
        LOG_LEVEL=info
    """
    made_later = False
    for path, fact in _env_files(service):
        if fact.is_dir:
            message = f"{path.text().rsplit('/', 1)[-1]} is a directory, not an env file"
            yield service.finding(message, advice("name a file"), at=path)
        if fact.exists or not fact.inside or not _is_required(service, path):
            continue
        if fact.git_ignored or fact.has_sample or _is_seldom_checked_in(fact):
            made_later = True
        else:
            message = f"the env file {path.text().rsplit('/', 1)[-1]} does not exist"
            yield service.finding(message, advice("add it, or set required: false"), at=path)
    if made_later:
        unknown("an env file is not here: it is made where the stack runs")


def _is_seldom_checked_in(fact: FileFact) -> bool:
    """A hidden env file is made on each machine; outside a checkout nothing tells whether this one is."""
    name = fact.path.rsplit("/", 1)[-1]
    return fact.git_ignored is None and name.startswith(".") and "env" in name


def _is_required(service: Service, path: Node) -> bool:
    entry = next(entry for entry in service.env_files if path in (entry, entry.get("path")))
    required = entry.get("required")
    return required is None or required.value is True


def _env_files(service: Service) -> Iterator[tuple[Node, FileFact]]:
    entries = service.env_files
    if not entries:
        not_applicable("no env file")
    for entry in entries:
        path = entry.get("path") or entry
        if not path.unresolved:
            yield path, service.project.local[path.text()]


def _secret_keys(fact: FileFact) -> list[str]:
    return [key for key in fact.keys if is_secret_name(key)]


@control(severity="low", plan="P2", optional=True, owasp="RULE 12")
def env_files_are_private(service: Service) -> Findings:
    """No env file with secrets is readable by every user of the host.

    Compose reads it as the user who calls it; nobody else needs to.

    Bad::

        services:
          web:
            image: app
            env_file:
              - web.env  # <-
        # file: web.env
        DB_PASSWORD=not-a-real-one

    Good::

        services:
          web:
            image: app
            env_file:
              - web.env
        # file: web.env
        LOG_LEVEL=info
    """
    for node, fact in _env_files(service):
        if fact.inside and fact.exists and fact.mode & _OTHERS_READ and _secret_keys(fact):
            yield service.finding(
                "every user of the host can read this env file",
                advice(f"chmod 0600 {short_path(service.project, node)}"),
                at=node,
            )


@control(severity="medium", plan="P2", owasp="RULE 12")
def edge_service_has_its_own_env_file(service: Service) -> Findings:
    """A service that faces the network does not share its env file.

    A proxy with the env file of the backends holds every secret of theirs, and is the first to be broken into. A
    service that shares it with workers of the same image, or with the servers it is a client of, needs what is in it.

    Bad::

        services:
          proxy:
            image: nginx:1.27.3
            ports:
              - "80:80"
            env_file:
              - app.env  # <-
          api:
            image: app
            env_file:
              - app.env
        # file: app.env
        DB_PASSWORD=not-a-real-one

    Good::

        services:
          proxy:
            image: nginx:1.27.3
            ports:
              - "80:80"
            env_file:
              - proxy.env
          api:
            image: app
            env_file:
              - app.env
        # file: proxy.env
        SERVER_NAME=example.com
        # file: app.env
        DB_PASSWORD=not-a-real-one
    """
    if not _faces_the_network(service):
        not_applicable("it publishes no port beyond the host")
    missing = False
    for node, fact in _env_files(service):
        if not any(fact.path in _paths(other) for other in _strangers(service)):
            continue
        secrets = _secret_keys(fact)
        missing = missing or (fact.inside and not fact.exists)
        if secrets:
            number = "a secret" if len(secrets) == 1 else f"{len(secrets)} secrets"
            yield service.finding(
                f"it gets {number} of the services it shares this file with",
                advice("give it an env file with what it needs"),
                at=node,
            )
    if missing:
        unknown("the env file that it shares is not there")


def _strangers(service: Service) -> Iterator[Service]:
    """The services that are other programs than this one, and whose secrets it has no use for."""
    for other in service.project.services.values():
        if other is not service and not _same_program(service, other) and not uses(service, other.name):
            yield other


def _same_program(service: Service, other: Service) -> bool:
    if service.get("build") is None and other.get("build") is None:
        return service.text("image") == other.text("image")
    return all(service.text(key) == other.text(key) for key in ("build.context", "build.dockerfile", "build.target"))


def _faces_the_network(service: Service) -> bool:
    addresses = [port.get("host_ip") for port in service.items("ports")]
    return any(a is None or not (a.text().startswith("127.") or a.text() == "::1") for a in addresses)


def _paths(service: Service) -> set[str]:
    return {(entry.get("path") or entry).text() for entry in service.env_files}


@control(severity="low", plan="P2")
def default_env_file_is_not_for_development(service: Service) -> Findings:
    """The env file that is used by default is not one for development.

    Where nobody sets the variable the stack starts with the development settings, in production too.

    Bad::

        services:
          web:
            image: app
            env_file:
              - ${ENV_FILE:-.env.local}  # <-
        # file: .env.local
        LOG_LEVEL=debug

    Good::

        services:
          web:
            image: app
            env_file:
              - ${ENV_FILE:-.env.production}
        # file: .env.production
        LOG_LEVEL=info
    """
    for node, fact in _env_files(service):
        template = node.template or ""
        if "${" in template and is_development_file(fact.path) and is_development_file(template):
            name = fact.path.rsplit("/", 1)[-1]
            yield service.finding(
                f"{name} is used where the variable is not set",
                require_variable("env_file", node, "require it: ${ENV_FILE:?}"),
                at=node,
            )


def is_development_file(path: str) -> bool:
    """Whether the name of an env or compose file says that it is for development."""
    name = path.rsplit("/", 1)[-1].lower().rstrip("}")
    words = set(name.replace("-", ".").replace("_", ".").split("."))
    return bool(words & {"local", "dev", "devel", "development", "test", "testing", "debug", "ci"})
