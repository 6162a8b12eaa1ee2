"""Whether Traefik's API and dashboard are open to whoever reaches them."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.paths import covers
from pytest_dockerharden.model.ports import shown, unpublished
from pytest_dockerharden.model.posture import Port, Posture
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.roles import family, open_to_all

_PORT = 8080
_TRUE = frozenset({"true", "t", "1"})
# where Traefik looks for its configuration; with a file there it ignores flags and variables
_FILES = tuple(f"/etc/traefik/traefik.{ending}" for ending in ("yml", "yaml", "toml"))
_BEHIND_A_ROUTER = advice(
    "labels:\n"
    '  - "traefik.http.routers.api.service=api@internal"\n'
    '  - "traefik.http.routers.api.middlewares=NAME"  # a middleware that asks for a password\n'
    "# and no api.insecure"
)


@control(severity="high", cis="5.14", owasp="RULE 5")
def published_traefik_api_asks_for_a_password(posture: Posture) -> Findings:
    """Traefik's API is not published without a password.

    With `api.insecure` the dashboard and the API answer whoever asks: every host name, every backend and every
    middleware of the stack, the hashes of its passwords included. On a network of the stack alone, or on loopback,
    ``traefik-api-asks-for-a-password`` speaks of it.

    Bad::

        services:
          proxy:
            image: traefik:3.1
            command: ["--api.insecure=true", "--providers.docker"]
            ports:
              - "80:80"
              - "8080:8080"  # <-

    Good::

        services:
          proxy:
            image: traefik:3.1
            command: ["--api.dashboard=true", "--providers.docker"]
            ports:
              - "80:80"

    Good::

        services:
          proxy:
            image: traefik:3.1
            command: ["--api.insecure=true", "--providers.docker"]
            ports:
              - "80:80"
              - "127.0.0.1:8080:8080"
    """
    listens = open_api(posture)
    if listens is None:
        not_applicable("its API is not open to all")
    for port in _ways_in(posture, listens):
        message = f"its API is published without a password on {shown(port)}"
        yield posture.ports.finding(message, unpublished(posture, port), at=port.origin)
    if posture.network_mode.value == "host":
        message = f"its API listens without a password on port {listens} of the host's network"
        yield posture.network_mode.finding(message, _BEHIND_A_ROUTER)


@control(severity="medium", optional=True, owasp="RULE 5")
def traefik_api_asks_for_a_password(posture: Posture) -> Findings:
    """Traefik's API asks for a password on the networks of the stack, too.

    It tells every container beside it what else there is to attack. Put it on a router with a middleware that asks.

    Bad::

        services:
          proxy:
            image: traefik:3.1
            command: ["--api.insecure=true"]  # <-

    Good::

        services:
          proxy:
            image: traefik:3.1
            command: ["--api.dashboard=true"]
            labels:
              - "traefik.http.routers.api.rule=Host(`traefik.example.com`)"
              - "traefik.http.routers.api.service=api@internal"
              - "traefik.http.routers.api.middlewares=auth"
              - "traefik.http.middlewares.auth.basicauth.usersfile=/run/secrets/users"
            secrets: [users]
        secrets:
          users:
            file: ./secrets/users
    """
    listens = open_api(posture)
    if listens is None:
        not_applicable("its API is not open to all")
    if posture.network_mode.value == "host" or any(_ways_in(posture, listens)):
        not_applicable("published-traefik-api-asks-for-a-password judges it")
    by_flag = bool(_flags(posture))
    said = posture.command if posture.command.get(()) else posture.entrypoint
    switch = posture.environment.get({}).get("TRAEFIK_API_INSECURE")
    place = None if by_flag or switch is None else switch.origin
    message = f"its API asks nobody on port {listens} for a password"
    yield said.finding(message, _BEHIND_A_ROUTER, at=place)


def open_api(posture: Posture) -> int | None:
    """The container's port on which Traefik's API answers whoever asks; None where it does not.

    Traefik takes its static configuration from a file, else from flags, else from variables, and never from two of
    them. Ends with the verdict unknown where a file may say so.
    """
    if family(posture) != "traefik":
        return None
    options = _flags(posture) or _variables(posture)
    if not options.get("api.insecure"):
        return None
    if "configfile" in options or any(covers(m.target, file) for m in posture.mounts.value for file in _FILES):
        unknown("the configuration file of Traefik is not read, and replaces flags and variables")
    if options["api.insecure"].lower() not in _TRUE:
        return None
    port = options.get("entrypoints.traefik.address", "").partition("/")[0].rpartition(":")[2]
    return int(port) if port.isdigit() else _PORT


def _ways_in(posture: Posture, listens: int) -> Iterator[Port]:
    for port in posture.ports.value:
        if port.container_port == listens and port.protocol == "tcp" and open_to_all(port):
            yield port


def _flags(posture: Posture) -> dict[str, str]:
    """The options of the command line by name in lower case; one without a value is a switch that is on."""
    given = posture.service is not None and posture.service.get("command") is not None
    words = (*posture.entrypoint.get(()), *(posture.command.value if given else posture.command.get(())))
    pairs = (word.lstrip("-").partition("=") for word in words if word.startswith("-"))
    return {name.lower(): value if equals else "true" for name, equals, value in pairs}


def _variables(posture: Posture) -> dict[str, str]:
    given = posture.environment.get({}).items()
    return {
        name[8:].replace("_", ".").lower(): variable.value or ""
        for name, variable in given
        if name.upper().startswith("TRAEFIK_")
    }
