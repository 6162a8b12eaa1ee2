"""Whether an engine's API is open to whoever reaches the host."""

from __future__ import annotations

import re

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.hostpaths import has_engine_socket
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.ports import shown, unpublished
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.remedies import remove_key
from pytest_dockerharden.model.roles import family, filters_the_engine, open_to_all

_PORT = 2375
# --host=tcp://0.0.0.0:2375, -H tcp://:2375: an address of dockerd; that of loopback is nobody else's
_LISTENS = pattern(r"(?:^|\s)(?:--host|-H)[=\s]?tcp://(?!127\.|localhost|\[::1\])[^\s:/]*(?:\[[^\]]*\])?(?::(\d+))?")
_IN_TLS = pattern(r"(?:^|\s)--tls(?:verify)?(?:=true|=1)?(?=\s|$)")
_RELAYS = pattern(r"\btcp[46]?-l(?:isten)?:(\d+)", re.IGNORECASE)


@control(severity="critical", cis="5.14", owasp="RULE 1")
def no_published_engine_api(posture: Posture) -> Findings:
    """No engine's API is published without TLS.

    Who reaches it starts a privileged container and is root: on the host, or in `docker:dind`, which is privileged
    itself. Machines that scan the internet for port 2375 find it within hours. A proxy in front of the engine's socket
    filters what is asked, and asks nobody who they are; its clients reach it on a network of the stack.

    Bad::

        services:
          docker:
            image: docker:27-dind
            privileged: true
            environment:
              DOCKER_TLS_CERTDIR: ""
            ports:
              - "2375:2375"  # <-

    Bad::

        services:
          proxy:
            image: tecnativa/docker-socket-proxy:0.3
            ports:
              - "2375:2375"  # <-

    Good::

        services:
          docker:
            image: docker:27-dind
            privileged: true
            ports:
              - "2376:2376"

    Good::

        services:
          proxy:
            image: tecnativa/docker-socket-proxy:0.3
            expose: ["2375"]
    """
    listens = listens_in_clear_text(posture)
    if not listens:
        not_applicable("it offers no engine's API in clear text")
    for port in posture.ports.value:
        if port.container_port in listens and port.protocol == "tcp" and open_to_all(port):
            message = f"an engine's API is published without TLS on {shown(port)}"
            yield posture.ports.finding(message, unpublished(posture, port), at=port.origin)
    if posture.network_mode.value == "host":
        yield posture.network_mode.finding(
            f"an engine's API listens without TLS on port {min(listens)} of the host's network",
            remove_key("network_mode", breaks="clients that reach it at the host's address"),
        )


def listens_in_clear_text(posture: Posture) -> set[int]:
    """The ports of the container where an engine answers whoever asks."""
    if filters_the_engine(posture):
        return {_PORT}
    command = " ".join((*posture.entrypoint.get(()), *posture.command.get(())))
    if family(posture) in {"docker", "dind"} or "dockerd" in command:
        return _of_an_engine(posture, command)
    if has_engine_socket(posture):
        return {_PORT, *(int(found[1]) for found in _RELAYS.finditer(command))}
    return set()


def _of_an_engine(posture: Posture, command: str) -> set[int]:
    """Where the official image listens by itself: in TLS as long as it knows a directory for the certificates."""
    directory = posture.environment.get({}).get("DOCKER_TLS_CERTDIR")
    if "dockerd" in posture.command.get(()) or family(posture) not in {"docker", "dind"}:
        in_tls, listens = bool(_IN_TLS.search(command)), set()
    else:
        in_tls, listens = directory is None or directory.value != "", {_PORT}
    return set() if in_tls else listens | {int(found[1] or _PORT) for found in _LISTENS.finditer(command)}
