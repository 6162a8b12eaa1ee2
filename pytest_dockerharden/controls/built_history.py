"""The history of a built image: what `docker history` shows of the steps that made it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Finding, Findings, Remedy
from pytest_dockerharden.model.image import Image, Step
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.secrets import is_literal_secret, looks_like_secret

_MOUNT = advice("RUN --mount=type=secret,id=NAME,env=NAME ...\n# and replace the credential: it is known")
# |2 NAME=value OTHER=value /bin/sh -c ...
_ARGUMENTS = pattern(r"\|\d+ (?P<pairs>.*?) (?=/\S+ |[A-Za-z]:\\|/bin/sh)", re.DOTALL)
_PAIR = pattern(r"(?:^|(?<=[\s;&|(]))([A-Za-z_][\w.-]*)=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s;&|]*)")
_FLAGS = r"(?:\s+-\S{1,80}){0,9}\s+"
_RED_HAT = r"(?:yum|dnf|microdnf)"
_APT = r"(?:apt-get|apt|aptitude)"
_UPDATE = pattern(rf"\b(?:{_APT}{_FLAGS}update|apk{_FLAGS}update|{_RED_HAT}{_FLAGS}makecache)\b")
_INSTALL = pattern(rf"\b(?:{_APT}|apk|{_RED_HAT})\b[^;&|]{{0,200}}?\b(?:install|add|build-dep|upgrade|dist-upgrade)\b")
_UPGRADE = pattern(
    rf"\b(?:{_APT}{_FLAGS}(?:dist-upgrade|full-upgrade|upgrade)\b|apk{_FLAGS}upgrade\b"
    rf"|{_RED_HAT}{_FLAGS}(?:update|upgrade)(?:\s+-\S{{1,80}}){{0,9}}\s*(?:$|[;&|])"
    rf"|zypper{_FLAGS}(?:up|dup|update|dist-upgrade)\b)"
)
_SUDO = pattern(r"(?:^|[;&|(]\s*|\s(?:then|do|else)\s+)sudo\s")
_UNPACKED = pattern(r"\.(?:tar|tgz|tbz2?|txz|tar\.\w+)\b|https?://|\.git\b|git@|--checksum")


@control(
    severity="critical",
    cis="4.10",
    owasp="RULE 12",
    nist="4.1.4",
    equivalents={"dockle": "CIS-DI-0010", "docker-bench": "4.10"},
)
def built_without_secrets_in_history(image: Image) -> Findings:
    """No credential is in the image's history.

    `docker history` shows every build argument that a step was given, every variable that was set and later emptied,
    every command line. It goes with the image wherever that is pushed.

    Bad::

        FROM debian:12.5
        ARG NPM_TOKEN=npm_0123456789abcdefghijABCDEFGHIJ012345  # <-
        RUN echo "$NPM_TOKEN" >/dev/null  # <-

    Bad::

        FROM debian:12.5
        ENV DB_PASSWORD=hunter2-hunter2  # <-
        ENV DB_PASSWORD=

    Good::

        FROM debian:12.5
        ARG APP_VERSION=1.2.3
        ENV DB_PASSWORD_FILE=/run/secrets/db_password
        RUN echo "$APP_VERSION" >/version
    """
    environment = image.config.value.environment
    for step in image.history.value:
        for what in dict.fromkeys(_secrets_of(step, environment)):
            yield _at(image, step, what, _MOUNT)


def _secrets_of(step: Step, environment: dict[str, str]) -> Iterator[str]:
    keyword, text = step.instruction
    given = _ARGUMENTS.match(text) if keyword == "RUN" else None
    if given:
        for name, value in _pairs(given["pairs"]):
            if is_literal_secret(name, value):
                yield f"the build argument {name} is in the history"
        text = text[given.end() :]
    if keyword in ("ENV", "ARG", "LABEL", "RUN"):
        for name, value in _pairs(text):
            # what is still in the environment is shown there
            if is_literal_secret(name, value) and environment.get(name) != value:
                yield f"{name} is written out in the history"
                return
    if keyword in ("RUN", "ADD", "CMD", "ENTRYPOINT", "HEALTHCHECK") and looks_like_secret(text):
        yield "a credential is written out in the history"


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for name, value in _PAIR.findall(text):
        yield name, value.strip("\"'")


@control(
    severity="medium",
    optional=True,
    cis="4.7",
    nist="4.1.1",
    equivalents={"dockle": "CIS-DI-0007", "docker-bench": "4.7"},
)
def built_index_with_install(image: Image) -> Findings:
    """The package index was updated in the step that installed.

    In a layer of its own it is cached: months later the install still takes the versions of that day, fixes missing.

    Bad::

        FROM debian:12.5
        RUN true || apt-get update  # <-

    Good::

        FROM debian:12.5
        RUN true || (apt-get update && apt-get install -y curl)
    """
    for step in _runs(image):
        text = step.instruction[1]
        if _UPDATE.search(text) and not _INSTALL.search(text):
            remedy = advice("RUN apt-get update && apt-get install ...")
            yield _at(image, step, "the package index is updated in a step of its own", remedy)


@control(severity="low", optional=True, nist="4.1.1", equivalents={"dockle": "DKL-DI-0003"})
def built_without_distribution_upgrade(image: Image) -> Findings:
    """The build took its packages as the base image has them.

    An upgrade of everything gives another image on another day. A newer base image has the same fixes, and can be
    pinned.

    Bad::

        FROM debian:12.5
        RUN true || apt-get -y dist-upgrade  # <-

    Good::

        FROM debian:12.5
        RUN true || (apt-get update && apt-get install -y curl)
    """
    for step in _runs(image):
        if _UPGRADE.search(step.instruction[1]):
            yield _at(image, step, "all packages are upgraded", advice("FROM a newer base image"))


@control(severity="low", optional=True, nist="4.1.2", equivalents={"dockle": "DKL-DI-0001"})
def built_without_sudo_steps(image: Image) -> Findings:
    """No step of the build used sudo.

    A step runs as root or as the user that USER sets before it. sudo in an image is a way up that stays.

    Bad::

        FROM debian:12.5
        RUN true; sudo true || true  # <-

    Good::

        FROM debian:12.5
        RUN echo "no sudo here"
    """
    for step in _runs(image):
        if _SUDO.search(step.instruction[1]):
            yield _at(image, step, "a step uses sudo", advice("USER root\nRUN ...\nUSER 10001"))


@control(
    severity="low",
    optional=True,
    cis="4.9",
    owasp="RULE 9",
    equivalents={"dockle": "CIS-DI-0009", "docker-bench": "4.9"},
)
def built_with_copy(image: Image) -> Findings:
    """Local files came into the image by COPY, not by ADD.

    ADD unpacks what it takes for an archive and fetches what it takes for a URL. The step that made the root of the
    base image is not meant.

    Bad::

        FROM debian:12.5
        ADD app.py /app/  # <-
        # file: app.py
        print("hello")

    Good::

        FROM debian:12.5
        COPY app.py /app/
        # file: app.py
        print("hello")
    """
    for step in image.history.value:
        keyword, text = step.instruction
        base = step.layer == 0 or text.endswith((" in /", " /"))
        if keyword == "ADD" and not base and not _UNPACKED.search(text):
            yield _at(image, step, "a file came by ADD", advice("COPY ..."))


def _runs(image: Image) -> list[Step]:
    steps = [step for step in image.history.value if step.instruction[0] == "RUN" and step.instruction[1]]
    if not steps:
        not_applicable("the history has no RUN")
    return steps


def _at(image: Image, step: Step, message: str, remedy: Remedy) -> Finding:
    return Finding(message, image.at_step(step), remedy=remedy)
