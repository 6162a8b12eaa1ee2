"""How a build installs packages of the distribution."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import is_covered, mounted_caches, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Finding, Findings, Remedy
from pytest_dockerharden.model.packages import (
    CACHES,
    CLEAN,
    DEBIAN,
    INSTALL,
    RED_HAT,
    SYSTEM,
    UPDATE,
    UPGRADE,
    Invocation,
    invocations,
)  # fmt: skip
from pytest_dockerharden.model.remedies import advice, text_edit


def _installs(stage: Stage, *managers: str) -> Iterator[tuple[Instruction, Invocation]]:
    for run in runs(stage):
        for call in invocations(run, *(managers or SYSTEM)):
            if call.action == INSTALL:
                yield run, call


def _unattended(stage: Stage, *managers: str) -> Findings:
    found = list(_installs(stage, *managers))
    if not found:
        not_applicable(f"{managers[0]} installs nothing")
    for run, call in found:
        if not _assumes_yes(stage, run, call):
            message = f"{call.manager} {call.verb} asks for confirmation"
            yield run.finding(message, call.with_option("-y", effect="safe"), at=call.command.origin)


@control(
    severity="low",
    equivalents={
        "kics": "apt_get_missing_flags_to_avoid_manual_input",
        "trivy": "DS-0021",
        "hadolint": "DL3014",
        "semgrep": "missing-assume-yes-switch",
        "sonar": "S6584",
    },
)
def unattended_apt_install(stage: Stage) -> Findings:
    """apt does not wait for an answer.

    A build has no one to say yes: the step aborts, and it does so on the day when a package brings a new dependency.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install curl  # <-

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -qqy curl
    """
    yield from _unattended(stage, *DEBIAN)


@control(
    severity="low",
    equivalents={
        "kics": "yum_install_allows_manual_input",
        "hadolint": "DL3030",
        "semgrep": "missing-yum-assume-yes-switch",
        "terrascan": "AC_DOCKER_0004",
    },
)
def unattended_yum_install(stage: Stage) -> Findings:
    """yum does not wait for an answer.

    A build has no one to say yes: the step aborts, and it does so on the day when a package brings a new dependency.

    Bad::

        FROM amazonlinux:2
        RUN yum install curl  # <-

    Good::

        FROM amazonlinux:2
        RUN yum install -y curl && yum clean all
    """
    yield from _unattended(stage, "yum")


@control(
    severity="low",
    equivalents={
        "kics": "missing_flag_from_dnf_install",
        "hadolint": "DL3038",
        "semgrep": "missing-dnf-assume-yes-switch",
    },
)
def unattended_dnf_install(stage: Stage) -> Findings:
    """dnf does not wait for an answer.

    A build has no one to say yes: the step aborts, and it does so on the day when a package brings a new dependency.

    Bad::

        FROM fedora:42
        RUN dnf install curl  # <-

    Good::

        FROM fedora:42
        RUN dnf install --assumeyes curl && dnf clean all
    """
    yield from _unattended(stage, "dnf", "microdnf", "tdnf")


@control(
    severity="low",
    equivalents={
        "kics": "missing_zypper_non_interactive_switch",
        "hadolint": "DL3034",
        "semgrep": "missing-zypper-no-confirm-switch",
    },
)
def unattended_zypper_install(stage: Stage) -> Findings:
    """zypper does not wait for an answer.

    A build has no one to say yes: the step aborts, and it does so on the day when a package brings a new dependency.

    Bad::

        FROM opensuse/leap:15.6
        RUN zypper install curl  # <-

    Good::

        FROM opensuse/leap:15.6
        RUN zypper --non-interactive install curl && zypper clean
    """
    for run in runs(stage):
        for call in invocations(run, "zypper"):
            if call.verb in _ZYPPER_ASKS and not _assumes_yes(stage, run, call):
                message = f"zypper {call.verb} asks for confirmation"
                yield run.finding(message, call.with_option("-y", effect="safe"), at=call.command.origin)


_ZYPPER_ASKS = frozenset({"install", "in", "remove", "rm", "source-install", "si", "patch", "update", "up", "dup"})


def _assumes_yes(stage: Stage, run: Instruction, call: Invocation) -> bool:
    if call.manager in DEBIAN:
        quiet = sum(option.count("q") for option in call.options if re.match(r"-[a-zA-Z]+\Z", option))
        if call.has("-y", "--yes", "--assume-yes", "--force-yes", "--assume-no", "-s", "--dry-run", "--simulate", "-d"):
            return True
        if quiet > 1 or any(re.match(r"-q=?[2-9]\Z|--quiet=[2-9]", option) for option in call.options):
            return True
        texts = [*call.values.values(), *call.options]
        return any(re.search(r"(?i)assume-yes[=\s]\"?(true|1|yes)", text) for text in texts) or _configured_yes(
            stage, run
        )
    if call.manager == "zypper":
        return call.has("-n", "--non-interactive", "-y", "--no-confirm", "-D", "--dry-run")
    assumed = call.has("-y", "--assumeyes", "-q=y", "--assumeno", "--downloadonly")
    return assumed or any(re.search(r"assumeyes=(1|true)", text) for text in (*call.options, *call.values.values()))


def _configured_yes(stage: Stage, run: Instruction) -> bool:
    """Whether an earlier step, or this one, writes `APT::Get::Assume-Yes` into apt's configuration; or ``yes |``."""
    texts = [part.text for part in stage.instructions if part.keyword == "RUN"]
    return any(re.search(r"(?i)apt::get::assume-yes[\s\"]", text) for text in texts) or any(
        command.name == "yes" and command.connector == "|" for command in run.script.commands
    )


@control(
    severity="low",
    optional=True,
    cis="4.3",
    nist="4.1.1",
    equivalents={
        "kics": "apt_get_not_avoiding_additional_packages",
        "trivy": "DS-0029",
        "hadolint": "DL3015",
        "semgrep": "missing-no-install-recommends",
        "sonar": "S6500",
        "terrascan": "AC_DOCKER_0014",
        "docker-bench": "4.3",
    },
)
def no_recommended_packages(stage: Stage) -> Findings:
    """apt installs what was asked for, not what it recommends besides.

    Recommended packages are for people at a desk. In an image they are dead weight with flaws of their own.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y git  # <-

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y --no-install-recommends git
    """
    found = list(_installs(stage, *DEBIAN))
    if not found:
        not_applicable("apt installs nothing")
    configured = any(
        re.search(r"(?i)apt::install-recommends[\s\"=]+(0|false|no)", run.text + "".join(h.body for h in run.heredocs))
        for part in stage.chain()
        for run in runs(part)
    )
    for run, call in found:
        if not configured and not _without_recommends(call):
            breaks = "a program that needs a package which is only recommended"
            if call.has("--install-recommends"):  # somebody wants them
                remedy = advice("--no-install-recommends")
            else:
                remedy = call.with_option("--no-install-recommends", breaks=breaks)
            yield run.finding("recommended packages are installed too", remedy, at=call.command.origin)


def _without_recommends(call: Invocation) -> bool:
    if call.has("--no-install-recommends", "-R", "--without-recommends"):
        return True
    texts = [*call.options, *call.values.values()]
    return any(re.search(r"(?i)install-recommends[=\s]\"?(0|false|no)", text) for text in texts)


@control(
    severity="low",
    optional=True,
    equivalents={
        "semgrep": (
            "avoid-apt-get-upgrade",
            "avoid-apk-upgrade",
            "avoid-yum-update",
            "avoid-dnf-update",
            "avoid-zypper-update",
        ),
        "dockle": "DKL-DI-0003",
        "terrascan": ("AC_DOCKER_0052", "AC_DOCKER_0039", "AC_DOCKER_0003", "AC_DOCKER_0029"),
    },
)
def no_distribution_upgrade(stage: Stage) -> Findings:
    """The build does not upgrade every package of the base image.

    What comes out depends on the day, and the cached layer keeps the fixes of its first day. Move the base image to
    its newest release, and upgrade single packages by name where a fix cannot wait.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get upgrade -y  # <-

    Good::

        FROM alpine:3.22
        RUN apk upgrade --no-cache libssl3
    """
    for run in runs(stage):
        for call in invocations(run, *SYSTEM):
            if call.action == UPGRADE and not call.packages and call.verb not in _RELEASE_UPGRADES:
                yield _upgrades(run, call, "everything")


@control(
    severity="low",
    optional=True,
    equivalents={
        "trivy": "DS-0024",
        "hadolint": "DL3035",
        "semgrep": ("avoid-apt-get-upgrade", "avoid-zypper-update"),
        "dockle": "DKL-DI-0003",
        "terrascan": "AC_DOCKER_0052",
    },
)
def no_release_upgrade(stage: Stage) -> Findings:
    """The build does not move the base image to another release.

    `dist-upgrade` removes and replaces packages as it sees fit: what the tag of the base promises is gone. Another
    release is another FROM.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get -y dist-upgrade  # <-

    Good::

        FROM debian:13-slim
        RUN apt-get update && apt-get install -y --only-upgrade libssl3
    """
    for run in runs(stage):
        for call in invocations(run, *SYSTEM):
            if call.verb in _RELEASE_UPGRADES:
                yield _upgrades(run, call, "the release")


_RELEASE_UPGRADES = frozenset({"dist-upgrade", "full-upgrade", "dup", "distro-sync", "distribution-synchronization"})


def _upgrades(run: Instruction, call: Invocation, what: str) -> Finding:
    return run.finding(
        f"{call.manager} {call.verb} upgrades {what}", advice("FROM a newer base"), at=call.command.origin
    )


@control(
    severity="medium",
    optional=True,
    cis="4.7",
    nist="4.1.1",
    equivalents={
        "kics": "update_instruction_alone",
        "trivy": "DS-0017",
        "checkov": "CKV_DOCKER_5",
        "sonar": "S6595",
        "dockle": "CIS-DI-0007",
        "terrascan": "AC_DOCKER_0049",
        "docker-bench": "4.7",
    },
)
def index_updated_with_install(stage: Stage) -> Findings:
    """The package index is updated in the RUN that installs.

    In a layer of its own it is cached: months later the install still takes the versions of that day, fixes missing,
    or fails because they are gone.

    Bad::

        FROM debian:12-slim
        RUN apt-get update  # <-
        RUN apt-get install -y curl

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y curl
        RUN --mount=type=cache,target=/var/lib/apt apt-get update
    """
    for run in runs(stage):
        calls = invocations(run, *SYSTEM)
        lone = [call for call in calls if _refreshes(call) and not _is_used(call, calls)]
        for call in lone[:1]:
            if not any(is_covered(path, mounted_caches(run)) for path in CACHES[call.manager]):
                yield run.finding(
                    f"{call.manager} {call.verb} stands in a layer of its own",
                    advice(f"{call.manager} {call.verb} && {call.manager} install ..."),
                    at=call.command.origin,
                )


def _refreshes(call: Invocation) -> bool:
    plain_update = call.manager in RED_HAT and call.verb in {"update", "upgrade"} and not call.packages
    return (call.action == UPDATE and call.verb != "check-update") or plain_update


def _is_used(update: Invocation, calls: list[Invocation]) -> bool:
    following = [call for call in calls if call is not update and call.action not in {UPDATE, CLEAN}]
    family = DEBIAN if update.manager in DEBIAN else RED_HAT if update.manager in RED_HAT else (update.manager,)
    return any(call.manager in family and call.verb not in {"update", "remove"} for call in following)


@control(
    severity="info",
    optional=True,
    equivalents={
        "kics": "run_using_apt",
        "checkov": "CKV_DOCKER_9",
        "hadolint": "DL3027",
        "semgrep": "prefer-apt-get",
        "terrascan": "AC_DOCKER_0002",
    },
)
def apt_get_in_scripts(stage: Stage) -> Findings:
    """Builds use apt-get, not apt.

    `apt` is made for people: its own manual says that its options and output may change from one release to the next.

    Bad::

        FROM debian:12-slim
        RUN apt update && apt install -y curl  # <-

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y apt-transport-https
    """
    for run in runs(stage):
        calls = invocations(run, "apt")
        if calls:
            yield run.finding("apt is not made for scripts", _by_apt_get(calls), at=calls[0].command.origin)


def _by_apt_get(calls: list[Invocation]) -> Remedy:
    """The same calls of apt-get, which knows all subcommands that change something."""
    program = "apt-get"
    names = [call.command.words[0] for call in calls]
    known = all(call.action in {INSTALL, UPGRADE, UPDATE, CLEAN, "remove"} for call in calls)
    if not known or any(name.raw != "apt" for name in names):
        return advice(program)
    return Remedy(program, tuple(text_edit(name, program) for name in names), "safe")
