"""How a build installs packages of the distribution."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import appended, is_covered, may_ship, mounted_caches, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.packages import (
    CLEAN,
    DEBIAN,
    INSTALL,
    RED_HAT,
    SYSTEM,
    UPDATE,
    UPGRADE,
    Invocation,
    invocations,
    unpinned,
)  # fmt: skip
from pytest_dockerharden.model.remedies import advice, text_edit


def _installs(stage: Stage, *managers: str) -> Iterator[tuple[Instruction, Invocation]]:
    for run in runs(stage):
        for call in invocations(run, *(managers or SYSTEM)):
            if call.action == INSTALL:
                yield run, call


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": (
            "apt_get_install_pin_version_not_defined",
            "unpinned_package_version_in_apk_add",
            "yum_install_without_version",
            "zypper_install_without_version",
            "missing_version_specification_in_dnf_install",
        ),
        "hadolint": ("DL3008", "DL3018", "DL3033", "DL3037", "DL3041"),
        "terrascan": "AC_DOCKER_0033",
    },
)
def pinned_system_packages(stage: Stage) -> Findings:
    """Packages of the distribution are installed in a named version.

    Two builds of one commit then hold the same programs. The price: distributions drop old versions, so pins need
    care, or a snapshot mirror.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y curl  # <-

    Bad::

        FROM alpine:3.22
        RUN apk add --no-cache --virtual .build gcc  # <-

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y curl=7.88.* ./local.deb $EXTRA
    """
    found = list(_installs(stage))
    if not found:
        not_applicable("nothing is installed")
    for run, call in found:
        names = [plain(word) for word in unpinned(call)]
        if names and "group" not in call.verb:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield run.finding(f"{names[0]}{more} without a version", advice("NAME=VERSION"), at=call.command.origin)


@control(
    severity="low",
    equivalents={
        "kics": (
            "apt_get_missing_flags_to_avoid_manual_input",
            "yum_install_allows_manual_input",
            "missing_flag_from_dnf_install",
            "missing_zypper_non_interactive_switch",
        ),
        "trivy": "DS-0021",
        "hadolint": ("DL3014", "DL3030", "DL3034", "DL3038"),
        "semgrep": (
            "missing-assume-yes-switch",
            "missing-yum-assume-yes-switch",
            "missing-dnf-assume-yes-switch",
            "missing-zypper-no-confirm-switch",
        ),
        "sonar": "S6584",
        "terrascan": "AC_DOCKER_0004",
    },
)
def unattended_package_install(stage: Stage) -> Findings:
    """The package manager does not wait for an answer.

    A build has no one to say yes: the step aborts, and it does so on the day when a package brings a new dependency.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install curl  # <-

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -qqy curl
    """
    found = [(run, call) for run, call in _installs(stage) if call.manager != "apk"]
    if not found:
        not_applicable("nothing is installed")
    for run, call in found:
        if not _assumes_yes(stage, run, call):
            yield run.finding(
                f"{call.manager} {call.verb} asks for confirmation",
                call.with_option("-y", effect="safe"),
                at=call.command.origin,
            )


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
            remedy = call.with_option("--no-install-recommends", breaks=breaks)
            yield run.finding("recommended packages are installed too", remedy, at=call.command.origin)


def _without_recommends(call: Invocation) -> bool:
    if call.has("--no-install-recommends", "-R", "--without-recommends"):
        return True
    texts = [*call.options, *call.values.values()]
    return any(re.search(r"(?i)install-recommends[=\s]\"?(0|false|no)", text) for text in texts)


_CACHES = {
    **dict.fromkeys(DEBIAN, ("/var/lib/apt/lists",)),
    "apk": ("/var/cache/apk", "/etc/apk/cache"),
    "yum": ("/var/cache/yum", "/var/cache/dnf"),
    "dnf": ("/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum"),
    "microdnf": ("/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5"),
    "tdnf": ("/var/cache/tdnf",),
    "zypper": ("/var/cache/zypp",),
}


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": (
            "apt_get_install_lists_were_not_deleted",
            "apk_add_using_local_cache_path",
            "yum_clean_all_missing",
            "missing_zypper_clean",
            "missing_dnf_clean_all",
        ),
        "trivy": ("DS-0015", "DS-0019", "DS-0020", "DS-0025", "DS-0027"),
        "hadolint": ("DL3009", "DL3019", "DL3032", "DL3036", "DL3040"),
        "semgrep": (
            "remove-package-lists",
            "remove-package-cache",
            "missing-apk-no-cache",
            "missing-yum-clean-all",
            "missing-zypper-clean",
            "missing-dnf-clean-all",
        ),
        "sonar": "S6587",
        "dockle": ("DKL-DI-0004", "DKL-DI-0005"),
        "terrascan": ("AC_DOCKER_0009", "AC_DOCKER_00025"),
    },
)
def clean_package_cache(stage: Stage) -> Findings:
    """Package lists and caches are not left in the image.

    Removing them in a later RUN frees nothing, because the layer below keeps them. Stages that do not ship may keep
    what they like, and a cache mount is in no layer.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y curl  # <-

    Bad::

        FROM alpine:3.22
        RUN apk add curl  # <-

    Bad::

        FROM fedora:42
        RUN dnf install -y curl  # <-

    Good::

        FROM debian:12 AS build
        RUN apt-get update && apt-get install -y gcc
        FROM debian:12-slim
        COPY --from=build /app /app
        RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*

    Good::

        FROM alpine:3.22
        RUN apk add --no-cache curl

    Good::

        FROM fedora:42
        RUN dnf install -y curl && dnf clean all
    """
    if not may_ship(stage):
        not_applicable("the stage does not ship")
    fills = [(run, call) for run in runs(stage) for call in _fills_cache(stage, run)]
    if not fills:
        not_applicable("nothing is installed")
    for run, call in fills:
        if not _is_cleaned(run, call):
            yield run.finding(
                f"{call.manager} leaves its {'lists' if call.manager in DEBIAN else 'cache'} in the layer",
                _cleaned(run, call),
                at=call.command.origin,
            )


_CLEANING = {
    **dict.fromkeys(DEBIAN, "rm -rf /var/lib/apt/lists/*"),
    "apk": "apk add --no-cache",
    "zypper": "zypper clean --all",
}


def _cleaned(run: Instruction, call: Invocation) -> Remedy:
    if call.manager == "apk":
        return call.with_option("--no-cache", effect="safe")
    cleaning = _CLEANING.get(call.manager, f"{call.manager} clean all")
    return appended(run, cleaning) or advice(cleaning)


def _fills_cache(stage: Stage, run: Instruction) -> list[Invocation]:
    """The last call of each manager in a RUN that writes a cache."""
    found: dict[str, Invocation] = {}
    for call in invocations(run, *SYSTEM):
        if call.action == INSTALL or (call.action in {UPDATE, UPGRADE} and call.manager != "zypper"):
            previous = found.get(call.manager)
            if previous is None or previous.action != INSTALL or call.action == INSTALL:
                found[call.manager] = call
    # an install without an update of its own writes no lists, unless nobody else can have written them
    updates = any(c.action == UPDATE for other in runs(stage) for c in invocations(other, *DEBIAN))
    return [c for c in found.values() if not (c.manager in DEBIAN and updates and not _updates(run))]


def _updates(run: Instruction) -> bool:
    return any(call.action == UPDATE for call in invocations(run, *DEBIAN))


def _is_cleaned(run: Instruction, call: Invocation) -> bool:
    paths = _CACHES[call.manager]
    covered = mounted_caches(run)
    if any(is_covered(path, covered) for path in paths):
        return True
    if call.manager == "apk" and (call.has("--no-cache") or _apk_without_cache(run)):
        return True
    commands = run.script.commands
    start = next((index for index, command in enumerate(commands) if command is call.command), 0)
    for command in commands[start:]:
        if command.name in {"rm", "find", "unlink"} and any(_names(plain(word), paths) for word in command.args):
            return True
    calls = invocations(run, *SYSTEM)
    after = next((index for index, other in enumerate(calls) if other.command is call.command), 0)
    return any(_cleans(other, call.manager) for other in calls[after:])


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


def _cleans(call: Invocation, manager: str) -> bool:
    if manager in DEBIAN:
        return call.manager in DEBIAN and call.verb in {"distclean", "dist-clean"}
    if manager in RED_HAT:
        return call.manager in RED_HAT and call.action == CLEAN
    return call.manager == manager and call.action == CLEAN


@control(
    severity="low",
    optional=True,
    equivalents={
        "trivy": "DS-0024",
        "hadolint": "DL3035",
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
    """The build does not upgrade the whole distribution.

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
            if call.action == UPGRADE and not call.packages:
                yield run.finding(
                    f"{call.manager} {call.verb} upgrades everything",
                    advice("FROM a newer base"),
                    at=call.command.origin,
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
            if not any(is_covered(path, mounted_caches(run)) for path in _CACHES[call.manager]):
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
