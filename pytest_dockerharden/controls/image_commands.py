"""Commands that do not belong into RUN, or not as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import commands, instructions, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.shell import Command

_HOST_KEYS_OFF = pattern(
    r"StrictHostKeyChecking[=\s]+[\"']?(no|off|accept-new)\b|UserKnownHostsFile[=\s]+[\"']?/dev/null|HostKeyAlias=\*",
    re.I,
    needs=("hostkey", "knownhosts"),
)


@control(severity="medium", nist="4.1.4")
def ssh_host_keys_are_known(stage: Stage) -> Findings:
    """SSH in the build knows whom it talks to.

    Without a known host key anyone on the way can be the git server, and what he serves is built in. `ssh-keyscan`
    in the same build asks that very network for the key. Copy the key, or write it down.

    Bad::

        FROM alpine:3.22
        RUN --mount=type=ssh ssh-keyscan github.com >> ~/.ssh/known_hosts && git clone git@github.com:o/r.git  # <-
        ENV GIT_SSH_COMMAND="ssh -o StrictHostKeyChecking=no"  # <-

    Good::

        FROM alpine:3.22
        COPY known_hosts /root/.ssh/known_hosts
        RUN --mount=type=ssh git clone git@github.com:o/r.git
    """
    remedy = advice("COPY known_hosts /etc/ssh/ssh_known_hosts")
    for instruction in instructions(stage, "RUN", "ENV", "ARG"):
        texts = [instruction.text, *(heredoc.body for heredoc in instruction.heredocs)]
        if any(_HOST_KEYS_OFF.search(text) for text in texts):
            yield instruction.finding("host keys are not checked", remedy, at=_place(instruction))
    for run, command in commands(stage, "ssh-keyscan"):
        if not any("fingerprint" in text or "ssh-keygen -lf" in text for text in (run.text,)):
            yield run.finding("ssh-keyscan trusts whoever answers", remedy, at=command.origin)


def _place(instruction: Instruction) -> TextOrigin:
    for pair in instruction.pairs:
        if pair.value is not None and _HOST_KEYS_OFF.search(pair.value.raw):
            return pair.origin
    if instruction.keyword == "RUN":
        for command in instruction.script.commands:
            if _HOST_KEYS_OFF.search(" ".join(word.raw for word in command.words)):
                return command.origin
    return instruction.origin


_FETCH = frozenset({"curl", "wget", "fetch", "http", "https", "aria2c", "lynx"})


_INTERPRETERS = pattern(r"(ba|da|a|z|k|fi)?sh\Z|(python|perl|ruby|node|php|pypy)[\d.]*\Z|pwsh\Z|source\Z|\.\Z|eval\Z")


@control(severity="high", owasp="RULE 13", nist="4.1.1")
def no_remote_code_piped_to_a_shell(stage: Stage) -> Findings:
    """No script is piped from the network into an interpreter.

    What the server sends is run, unseen and unchecked: another script tomorrow, half of one when the connection
    breaks. Download it, compare its checksum, then run it.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSL https://example.com/install.sh | bash  # <-
        RUN bash -c "$(wget -qO- https://example.com/install.sh)"  # <-

    Good::

        FROM debian:12-slim
        RUN curl -fsSLo install.sh https://example.com/install.sh \\
            && echo "0a1b...  install.sh" | sha256sum -c - && sh install.sh
        RUN curl -fsSL https://example.com/key.asc | gpg --dearmor -o /etc/apt/keyrings/x.gpg
        RUN curl -fsSL https://example.com/x.tar.gz | tar xz
    """
    remedy = advice("curl -o FILE URL && echo 'SHA256  FILE' | sha256sum -c - && sh FILE")
    for run in runs(stage):
        text = run.text + "".join(heredoc.body for heredoc in run.heredocs)
        if not re.search(r"curl|wget|fetch|aria2c|https?\b|lynx", text):
            continue
        for command in {command.origin.line: command for command in _piped(run)}.values():
            yield run.finding(f"{command.name} runs what the network sends", remedy, at=command.origin)


def _piped(run: Instruction) -> Iterator[Command]:
    fetching: Command | None = None
    found = list(run.script.commands)
    for index, command in enumerate(found):
        inside = bool({"$()", "<()"}.intersection(command.via))
        if command.name in _FETCH and inside and _feeds_interpreter(found, index):
            yield command
        if fetching is not None and command.pipeline != fetching.pipeline:
            fetching = None
        if command.name in _FETCH and not inside:
            fetching = command
        elif fetching is not None and _INTERPRETERS.match(command.name) and _reads_input(command):
            yield fetching
            fetching = None


def _reads_input(command: Command) -> bool:
    """Whether an interpreter runs its standard input: no script file and no ``-c`` of its own."""
    words = [plain(word) for word in command.args]
    if not command.name.endswith("sh"):
        return not words or words[0] == "-"
    return not any(word in {"-c"} for word in words) or "-s" in words


def _feeds_interpreter(found: list[Command], index: int) -> bool:
    """Whether the substitution that the command stands in is the code of an interpreter before it."""
    return any(
        _takes_code(outer) and any(mark in word.raw for word in outer.args for mark in ("$(", "<(", "`"))
        for outer in found[:index]
    )


def _takes_code(command: Command) -> bool:
    if command.name in {"eval", "source", "."}:
        return True
    is_shell = bool(_INTERPRETERS.match(command.name)) and command.name.endswith("sh")
    return is_shell and (command.has("-c") or bool(command.args and command.args[0].raw.startswith("<(")))


_NONSENSE = frozenset(
    "ssh vim vi nano shutdown reboot service ps free top htop kill killall mount ifconfig systemctl halt".split()  # noqa: SIM905
)


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "run_utilities_and_posix_commands",
        "hadolint": "DL3001",
        "semgrep": "nonsensical-command",
    },
)
def only_build_commands(stage: Stage) -> Findings:
    """RUN runs no command that makes no sense in a build.

    A build has no terminal, no services and no machine to shut down: what such a step seems to do is gone when the
    step ends.

    Bad::

        FROM debian:12-slim
        RUN service nginx start  # <-

    Good::

        FROM debian:12-slim
        RUN systemctl enable nginx && apt-get install -y vim
    """
    for run, command in commands(stage):
        if command.name in _NONSENSE and not (command.name == "systemctl" and _enables(command)):
            yield run.finding(f"{command.name} does nothing that lasts", advice("remove it"), at=command.origin)


def _enables(command: Command) -> bool:
    verb = next((word.text for word in command.args if not word.text.startswith("-")), "")
    return verb in {"enable", "disable", "mask", "unmask", "set-default", "preset"}


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "shell_running_a_pipe_without_pipefail_flag",
        "hadolint": "DL4006",
        "semgrep": "set-pipefail",
    },
)
def pipes_fail_with_their_parts(stage: Stage) -> Findings:
    """A pipe fails when any part of it fails.

    The status of a pipe is that of its last command: a download that breaks off before `| tar` leaves half an image,
    and the build goes on.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSL https://example.com/x.tgz | tar xz  # <-

    Good::

        FROM debian:12-slim
        SHELL ["/bin/bash", "-o", "pipefail", "-c"]
        RUN curl -fsSL https://example.com/x.tgz | tar xz

    Good::

        FROM debian:12
        RUN set -o pipefail && curl -fsSL https://example.com/x.tgz | tar xz
        RUN ["sh", "-c", "true || false"]
    """
    for run in runs(stage):
        if run.form != "shell" or _has_pipefail(run):
            continue
        bodies = "".join(heredoc.body for heredoc in run.heredocs)
        if "|" not in (run.text + bodies).replace("||", "") or not _posix(run):
            continue
        piped = next((c for c in run.script.commands if c.connector == "|" and "$()" not in c.via), None)
        if piped is not None:
            yield run.finding(
                f"the failure of {piped.name or 'a part'} is not seen",
                advice('SHELL ["/bin/bash", "-o", "pipefail", "-c"]'),
                at=piped.origin,
            )


def _posix(run: Instruction) -> bool:
    program = re.split(r"[\\/]", run.shell[0])[-1].lower() if run.shell else "sh"
    return program in {"sh", "bash", "ash", "dash", "zsh", "ksh"}


def _has_pipefail(run: Instruction) -> bool:
    texts = [*run.shell[1:], run.text, *(heredoc.body for heredoc in run.heredocs)]
    return any("pipefail" in text for text in texts)
