"""Whether the caches of package managers are left in the image, manager by manager."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_dockerharden.model.build import appended, is_covered, may_ship, mounted_caches, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.packages import (
    CACHES,
    CLEAN,
    DEBIAN,
    INSTALL,
    RED_HAT,
    UPDATE,
    UPGRADE,
    Invocation,
    invocations,
)  # fmt: skip
from pytest_dockerharden.model.remedies import advice


def _left(stage: Stage, calls: Iterable[tuple[Instruction, Invocation]], cache: str = "cache") -> Findings:
    """A finding for each of the calls after which nothing is cleaned. Stages that do not ship keep what they like."""
    if not may_ship(stage):
        not_applicable("the stage does not ship")
    calls = list(calls)
    if not calls:
        not_applicable("nothing is installed")
    for run, call in calls:
        if not _is_cleaned(run, call):
            message = f"{call.manager} leaves its {cache} in the layer"
            yield run.finding(message, _cleaned(stage, run, call), at=call.command.origin)


def _fillers(stage: Stage, *managers: str) -> list[tuple[Instruction, Invocation]]:
    """The call of each RUN that fills the cache: the last install, else the last update or upgrade."""
    found = []
    for run in runs(stage):
        calls = invocations(run, *managers)
        installs = [call for call in calls if call.action == INSTALL]
        others = [call for call in calls if call.action in {UPDATE, UPGRADE} and call.manager != "zypper"]
        found += [(run, call) for call in (installs or others)[-1:]]
    return found


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "apt_get_install_lists_were_not_deleted",
        "hadolint": "DL3009",
        "semgrep": ("remove-package-lists", "remove-package-cache"),
        "sonar": "S6587",
        "dockle": "DKL-DI-0005",
    },
)
def no_apt_lists_left(stage: Stage) -> Findings:
    """The package lists that apt-get update fetches are not left in the image.

    They are tens of megabytes, and tell everybody which versions are installed. Removing them in a later RUN frees
    nothing, because the layer below keeps them.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y curl  # <-

    Good::

        FROM debian:12 AS build
        RUN apt-get update && apt-get install -y gcc
        FROM debian:12-slim
        COPY --from=build /app /app
        RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*

    Good::

        FROM debian:12-slim
        RUN --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y curl
    """
    updating = [(run, call) for run, call in _fillers(stage, *DEBIAN) if _updates(run)]
    yield from _left(stage, updating, "lists")


@control(
    severity="low",
    optional=True,
    equivalents={"kics": "apt_get_install_lists_were_not_deleted", "sonar": "S6587", "dockle": "DKL-DI-0005"},
)
def no_apt_archives_left(stage: Stage) -> Findings:
    """The packages that apt downloads are not left in the image.

    The images of Debian and Ubuntu remove them by themselves; a base of your own may not. Where the same RUN updates
    the lists, no-apt-lists-left speaks of both.

    Bad::

        FROM registry.example.com/base:1
        RUN apt-get install -y curl  # <-

    Good::

        FROM registry.example.com/base:1
        RUN apt-get install -y curl && apt-get clean
    """
    yield from _left(stage, [(run, call) for run, call in _fillers(stage, *DEBIAN) if not _updates(run)], "archives")


def _updates(run: Instruction) -> bool:
    return any(call.action == UPDATE for call in invocations(run, *DEBIAN))


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "apk_add_using_local_cache_path",
        "trivy": "DS-0025",
        "hadolint": "DL3019",
        "semgrep": "missing-apk-no-cache",
        "sonar": "S6587",
        "dockle": "DKL-DI-0004",
    },
)
def no_apk_cache_left(stage: Stage) -> Findings:
    """The index that apk fetches is not left in the image.

    It is of no use later, and out of date by then.

    Bad::

        FROM alpine:3.22
        RUN apk add curl  # <-

    Good::

        FROM alpine:3.22
        RUN apk add --no-cache curl
        RUN --mount=type=cache,target=/var/cache/apk apk add git
    """
    yield from _left(stage, _fillers(stage, "apk"))


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "yum_clean_all_missing",
        "trivy": "DS-0015",
        "hadolint": "DL3032",
        "semgrep": "missing-yum-clean-all",
        "sonar": "S6587",
        "terrascan": "AC_DOCKER_0009",
    },
)
def no_yum_cache_left(stage: Stage) -> Findings:
    """The metadata and packages that yum fetches are not left in the image.

    They are a hundred megabytes and more, out of date when somebody could use them.

    Bad::

        FROM amazonlinux:2
        RUN yum install -y curl  # <-

    Good::

        FROM amazonlinux:2
        RUN yum install -y curl && yum clean all && rm -rf /var/cache/yum
    """
    yield from _left(stage, _fillers(stage, "yum"))


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "missing_dnf_clean_all",
        "trivy": ("DS-0019", "DS-0027"),
        "hadolint": "DL3040",
        "semgrep": "missing-dnf-clean-all",
        "sonar": "S6587",
        "terrascan": "AC_DOCKER_00025",
    },
)
def no_dnf_cache_left(stage: Stage) -> Findings:
    """The metadata and packages that dnf fetches are not left in the image.

    They are a hundred megabytes and more, out of date when somebody could use them.

    Bad::

        FROM fedora:42
        RUN dnf install -y curl  # <-

    Good::

        FROM fedora:42
        RUN dnf install -y curl && dnf clean all
    """
    yield from _left(stage, _fillers(stage, "dnf", "microdnf", "tdnf"))


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "missing_zypper_clean",
        "trivy": "DS-0020",
        "hadolint": "DL3036",
        "semgrep": "missing-zypper-clean",
        "sonar": "S6587",
    },
)
def no_zypper_cache_left(stage: Stage) -> Findings:
    """The metadata and packages that zypper fetches are not left in the image.

    They are tens of megabytes, out of date when somebody could use them.

    Bad::

        FROM opensuse/leap:15.6
        RUN zypper -n install curl  # <-

    Good::

        FROM opensuse/leap:15.6
        RUN zypper -n install curl && zypper clean --all
    """
    yield from _left(stage, _fillers(stage, "zypper"))


_CLEANING = {
    **dict.fromkeys(DEBIAN, "rm -rf /var/lib/apt/lists/*"),
    "zypper": "zypper clean --all",
}


def _cleaned(stage: Stage, run: Instruction, call: Invocation) -> Remedy:
    if call.manager == "apk":
        return call.with_option("--no-cache", effect="safe")
    if call.manager in DEBIAN and not _updates(run):
        return _appended(run, call, "apt-get clean")
    if call.manager in DEBIAN and _are_needed_later(stage, run):
        return advice("RUN apt-get update && apt-get install ... && rm -rf /var/lib/apt/lists/*")
    cleaning = _CLEANING.get(call.manager, f"{call.manager} clean all")
    return _appended(run, call, cleaning)


def _appended(run: Instruction, call: Invocation, cleaning: str) -> Remedy:
    """As whom the packages were installed: nobody else may remove what that left."""
    through = next((wrapper for wrapper in call.command.via if wrapper in {"sudo", "doas"}), "")
    written = f"{through} {cleaning}" if through else cleaning
    return appended(run, written) or advice(written)


def _are_needed_later(stage: Stage, run: Instruction) -> bool:
    """Whether a later step installs from the lists of this one: without them it finds no package."""
    for end in stage.dockerfile.stages:
        parts = list(end.chain())
        if not any(part is stage for part in parts):
            continue
        steps = [step for part in reversed(parts) for step in runs(part)]
        position = next(index for index, step in enumerate(steps) if step is run)
        for step in steps[position + 1 :]:
            calls = invocations(step, *DEBIAN)
            first = next((call.action for call in calls if call.action in {INSTALL, UPDATE, UPGRADE}), "")
            if first == UPDATE:
                break
            if first:
                return True
    return False


def _is_cleaned(run: Instruction, call: Invocation) -> bool:
    paths = CACHES[call.manager]
    if any(is_covered(path, mounted_caches(run)) for path in paths):
        return True
    if call.manager == "apk" and (call.has("--no-cache") or _apk_without_cache(run)):
        return True
    commands = run.script.commands
    start = next((index for index, command in enumerate(commands) if command is call.command), 0)
    for command in commands[start:]:
        if command.name in {"rm", "find", "unlink"} and any(_names(plain(word), paths) for word in command.args):
            return True
    calls = invocations(run)
    after = next((index for index, other in enumerate(calls) if other.command is call.command), 0)
    return any(_cleans(other, call, lists=_updates(run)) for other in calls[after:])


def _apk_without_cache(run: Instruction) -> bool:
    calls = [call for call in invocations(run, "apk") if call.action in {INSTALL, UPDATE, UPGRADE}]
    return all(call.has("--no-cache") for call in calls)


def _names(text: str, paths: tuple[str, ...]) -> bool:
    path = text.rstrip("/*").rstrip("/")
    if "{" in text:
        return any(
            re.split(r"[{,]", text, maxsplit=1)[0].rstrip("/") in {parent.rsplit("/", 1)[0], parent} for parent in paths
        )
    return any(path == p or path == p.rsplit("/", 1)[0] or path.startswith(f"{p}/") for p in paths)


def _cleans(call: Invocation, filler: Invocation, *, lists: bool) -> bool:
    if filler.manager in DEBIAN:  # `clean` removes packages, not lists
        cleaning = {"distclean", "dist-clean"} if lists else {"clean", "distclean", "dist-clean"}
        return call.manager in DEBIAN and call.verb in cleaning
    if filler.manager in RED_HAT:
        return call.manager in RED_HAT and call.action == CLEAN
    return call.manager == filler.manager and call.action == CLEAN
