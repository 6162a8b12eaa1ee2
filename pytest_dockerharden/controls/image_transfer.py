"""How curl and wget behave in a build: what they do with redirects, failures and the build log."""

from __future__ import annotations

import re

from pytest_dockerharden.model.build import commands, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Stage
from pytest_dockerharden.model.finding import Class, Findings, Remedy
from pytest_dockerharden.model.packages import invocations
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice, insert_behind
from pytest_dockerharden.model.shell import Command


def _fetches(command: Command) -> bool:
    words = [plain(word) for word in command.args]
    if any(word in {"--version", "--help", "-V", "-h", "--spider"} for word in words):
        return False
    return any("://" in word or word.startswith("$") for word in words)


def _is_local(command: Command) -> bool:
    return any(re.search(r"://(localhost|127\.|\[::1\])", plain(word)) for word in command.args)


def _with(command: Command, option: str, effect: Class = "behaviour-changing") -> Remedy:
    text = f"{command.name} {option}"
    if "sh -c" in command.via:
        return advice(text)
    return insert_behind(command.words[0], f" {option}", text=text, effect=effect)


_BUSYBOX = pattern(r"alpine|busybox|openwrt")


def _with_wget_option(stage: Stage, command: Command, option: str) -> Remedy:
    """BusyBox's wget knows few options of GNU's, `--progress` not, and ends with its usage."""
    base = stage.root_base() or ""
    steps = [step for part in stage.chain() for step in runs(part)]
    packages = [plain(word) for step in steps for call in invocations(step) for word in call.packages]
    installed = any(package.startswith("wget") for package in packages)
    if _BUSYBOX.search(base) and not installed:
        return advice(f"{command.name} {option}")
    known = installed or parse_reference(base).official
    return _with(command, option, "safe" if known else "behaviour-changing")


@control(severity="info", optional=True, equivalents={"hadolint": "DL3047"})
def downloads_do_not_fill_the_log(stage: Stage) -> Findings:
    """wget does not draw its progress into the build log.

    Without a terminal it writes a line for every 50 KiB: the message that matters is lost among thousands.

    Bad::

        FROM debian:12-slim
        RUN wget https://example.com/x.tgz  # <-

    Good::

        FROM debian:12-slim
        RUN wget --progress=dot:giga https://example.com/x.tgz && wget -q https://example.com/y.tgz
    """
    for run, command in commands(stage, "wget"):
        quiet = command.has("-q", "--quiet", "-nv", "--no-verbose", "-o", "--output-file", "-a", "--append-output")
        if _fetches(command) and not quiet and not command.has("--progress", "--show-progress"):
            yield run.finding(
                "wget fills the log", _with_wget_option(stage, command, "--progress=dot:giga"), at=command.origin
            )


@control(severity="low", optional=True, equivalents={"tally": "tally/curl-should-follow-redirects"})
def curl_follows_redirects(stage: Stage) -> Findings:
    """A download by curl follows a redirect.

    Release servers answer with one. Without `-L` curl saves its few bytes of text under the name of the program.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSO https://example.com/x.tgz  # <-

    Good::

        FROM debian:12-slim
        RUN curl -fsSLO --proto '=https' https://example.com/x.tgz && curl -fsS http://localhost/ready
    """
    for run, command in commands(stage, "curl"):
        follows = command.has(
            "-L", "--location", "--location-trusted", "--max-redirs", "-I", "--head", "-X", "--request"
        )
        if _fetches(command) and not follows and not _is_local(command):
            yield run.finding("curl does not follow a redirect", _with(command, "-L"), at=command.origin)


@control(severity="info", optional=True, equivalents={"tally": "tally/prefer-curl-config"})
def curl_tries_again(stage: Stage) -> Findings:
    """A download by curl is tried again when it fails.

    One lost packet ends a build of an hour. `--retry` does it, or a `.curlrc`.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSLO https://example.com/x.tgz  # <-

    Good::

        FROM debian:12-slim
        RUN curl --retry 5 -fsSLO https://example.com/x.tgz
    """
    yield from _gives_up(stage, "curl")


@control(severity="info", optional=True, equivalents={"tally": "tally/prefer-wget-config"})
def wget_tries_again(stage: Stage) -> Findings:
    """A download by wget says how often it is tried.

    By itself wget hangs on for twenty tries of fifteen minutes, BusyBox's for none. `--tries`, or a `.wgetrc`.

    Bad::

        FROM debian:12-slim
        RUN wget -q https://example.com/x.tgz  # <-

    Good::

        FROM debian:12-slim
        RUN wget --tries=5 -q https://example.com/x.tgz
    """
    yield from _gives_up(stage, "wget")


def _gives_up(stage: Stage, tool: str) -> Findings:
    configured = any(re.search(r"\.?(curlrc|wgetrc)\b", part.text) for part in stage.instructions)
    for run, command in commands(stage, tool):
        retries = command.has("--retry", "--tries", "-t", "--retry-connrefused", "-K", "--config")
        if _fetches(command) and not _is_local(command) and not configured and not retries:
            curl = command.name == "curl"
            remedy = _with(command, "--retry 5", "safe") if curl else _with_wget_option(stage, command, "--tries=5")
            yield run.finding(f"{command.name} gives up at once", remedy, at=command.origin)
