"""Whom a container runs as."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.hostpaths import has_engine_socket
from pytest_dockerharden.model.known_images import NOBODYS, SERVER_USERS, server_user, user_to_run_as
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.remedies import advice, set_key
from pytest_dockerharden.model.roles import base_image


def _suggested_user(posture: Posture) -> str:
    image = base_image(posture)
    uid, gid = user_to_run_as(image) if image is not None else NOBODYS
    return f"{uid}:{gid}"


def _another_user(posture: Posture) -> Remedy:
    """Advice where it talks to the engine: the group that the socket belongs to is known on the host alone."""
    user = _suggested_user(posture)
    if has_engine_socket(posture):
        return advice(
            f'user: "{user}"\ngroup_add: ["..."]  # the group of the engine\'s socket, which it cannot open without'
        )
    return set_key("user", user, breaks="a program that needs files of root")


@control(
    severity="high",
    plan="P0",
    cis="4.1",
    owasp="RULE 2",
    nist="4.4.3",
    equivalents={
        "docker-bench": "4.1",
    },
)
def non_root_user(posture: Posture) -> Findings:
    """Nothing in the container runs as root.

    Root in a container is root to the kernel: one escape bug, one host mount, and the host is lost. The verdict is
    about every process, in whatever way it got its user.

    Bad::

        services:
          web:
            image: app
            user: root  # <-

    Bad::

        services:
          web:
            build: .
        # file: Dockerfile
        FROM debian:12.5
        USER 0:0  # <-

    Good::

        services:
          web:
            image: app
            user: "1000:1000"

    Good::

        services:
          web:
            build: .
        # file: Dockerfile
        FROM debian:12.5
        USER 1000:1000
    """
    others = [p for p in posture.processes.get(()) if 0 in p.uids and p.pid != 1]
    for process in others:
        name = process.executable.rsplit("/", 1)[-1]
        yield posture.runs_as_root.finding(f"process {process.pid} ({name}) runs as root", at=process.origin)
    if posture.runs_as_root.value:
        yield posture.runs_as_root.finding("it runs as root", _another_user(posture))


@control(severity="low", optional=True, owasp="RULE 2")
def explicit_user(posture: Posture) -> Findings:
    """The service says itself which user it runs as.

    A user that only the image decides changes with the image; written in the compose file it is seen and reviewed.

    Bad::

        services:
          web:  # <-
            image: app

    Good::

        services:
          web:
            image: app
            user: "1000:1000"
    """
    service = posture.service
    if service is None:
        not_applicable("who decides the user is a matter of the files")
    if not service.text("user"):
        yield service.finding(
            "only the image decides which user it runs as",
            set_key("user", _suggested_user(posture), breaks="a program that needs another user's files"),
        )


@control(severity="low", optional=True, owasp="RULE 2")
def non_root_group(posture: Posture) -> Findings:
    """A user that is not root is not in the root group either.

    ``user: "4242"`` gives group 0 where the image knows no such uid, and with it every file and socket that is open to
    the root group.

    Bad::

        services:
          web:
            image: app
            user: "4242"  # <-

    Good::

        services:
          web:
            image: app
            user: "4242:4242"
    """
    if posture.runs_as_root.value:
        not_applicable("it runs as root")
    if posture.gid.value == 0:
        uid = posture.uid.get(None)
        remedy = advice("user: UID:GID") if uid is None else set_key("user", f"{uid}:{uid}")
        yield posture.gid.finding("its group is 0, the group of root", remedy)


@control(severity="medium", plan="P1")
def user_matches_image(posture: Posture) -> Findings:
    """The user and group are those that the image made for its server.

    In redis:alpine group 999 is `ping`, and redis is 999:1000. With another group the server may not read its own
    files, and with a uid that the image gives to nobody it cannot write its data.

    Bad::

        services:
          redis:
            image: redis:7-alpine
            user: "999:999"  # <-

    Good::

        services:
          redis:
            image: redis:7-alpine
            user: "999:1000"

    Good::

        services:
          redis:
            image: redis:7-bookworm
            user: "999:999"
    """
    image = base_image(posture)
    expected = server_user(image) if image else None
    if image is None or expected is None:
        not_applicable("the users of this image are not known")
    given = (posture.uid.get(None), posture.gid.get(None))
    if given == expected or posture.runs_as_root.get(True):
        return
    # any other uid may be meant: only what the image's other variant uses is surely taken from the wrong one
    if given in SERVER_USERS.get(image.official, ()) or given[0] == expected[0]:
        uid, gid = expected
        yield posture.uid.finding(
            f"user {given[0]}:{given[1]} is not {image.official} in this image ({uid}:{gid})",
            set_key("user", f"{uid}:{gid}", breaks="existing data that belongs to the other user"),
        )
