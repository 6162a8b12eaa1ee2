"""Accounts, modes and privileges that a build leaves in the image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import commands, instructions, plain
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Stage
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.shell import Command, Word


@control(
    severity="medium",
    cis="4.8",
    owasp="RULE 2",
    equivalents={
        "kics": "run_using_sudo",
        "trivy": "DS-0010",
        "checkov": "CKV2_DOCKER_1",
        "hadolint": "DL3004",
        "semgrep": "no-sudo-in-dockerfile",
        "dockle": "DKL-DI-0001",
        "terrascan": "AC_DOCKER_0007",
    },
)
def no_sudo_in_build(stage: Stage) -> Findings:
    """RUN does not use sudo.

    A step that needs root belongs before USER. Where sudo is in the image, the program's user has a way to root at
    run time too, and `no-new-privileges` breaks what relies on it.

    Bad::

        FROM debian:12-slim
        RUN sudo apt-get update  # <-
        RUN <<EOF
        sudo make install  # <-
        EOF

    Good::

        FROM debian:12-slim
        RUN echo "never use sudo" > /etc/motd
        COPY sudo.conf /etc/
    """
    for run, command in commands(stage, "sudo", "doas"):
        yield run.finding(
            f"{command.name} runs in the build", advice("USER root\nRUN ...\nUSER ..."), at=command.origin
        )


@control(severity="high", cis="4.8", owasp="RULE 2")
def no_passwordless_sudo(stage: Stage) -> Findings:
    """No user of the image becomes root without a password.

    `NOPASSWD` in a sudoers file makes the non-root USER a formality: any code in the process is root with one word.

    Bad::

        FROM debian:12-slim
        RUN echo "app ALL=(ALL) NOPASSWD:ALL" > /etc/sudoers.d/app  # <-

    Good::

        FROM debian:12-slim
        RUN useradd app
        USER app
    """
    for instruction in instructions(stage, "RUN", "COPY"):
        bodies = [heredoc for heredoc in instruction.heredocs if "NOPASSWD" in heredoc.body]
        if instruction.keyword == "COPY":
            for heredoc in bodies:
                yield instruction.finding("sudo is allowed without a password", at=heredoc.origin)
        elif bodies or "NOPASSWD" in instruction.text:
            place = next(
                (
                    word.origin
                    for command in instruction.script.commands
                    for word in command.words
                    if "NOPASSWD" in word.raw
                ),
                instruction.origin,
            )
            yield instruction.finding("sudo is allowed without a password", advice("remove sudo"), at=place)


@control(severity="high", cis="4.10", owasp="RULE 12", equivalents={"checkov": "CKV2_DOCKER_17"})
def no_passwords_set_in_build(stage: Stage) -> Findings:
    """The build sets no account's password.

    A password given in a RUN is in the image's history for everyone who pulls, and an empty one lets everybody in.
    Accounts of a container need none: lock them.

    Bad::

        FROM debian:12-slim
        RUN echo "root:$PASS" | chpasswd  # <-
        RUN passwd -d app  # <-

    Good::

        FROM debian:12-slim
        RUN useradd --system app && passwd -l app
    """
    for run, command in commands(stage, "chpasswd", "passwd", "useradd", "usermod"):
        words = [plain(word) for word in command.args]
        if command.name == "chpasswd":
            message = "chpasswd sets a password"
        elif command.name == "passwd" and {"-d", "--delete"}.intersection(words):
            message = "passwd -d leaves the account open"
        elif command.name == "passwd" and "--stdin" in words:
            message = "passwd sets a password"
        elif command.name in {"useradd", "usermod"} and _gives_password(words):
            message = f"{command.name} -p sets a password"
        else:
            continue
        yield run.finding(message, advice("lock the account: passwd -l USER"), at=command.origin)


def _gives_password(words: list[str]) -> bool:
    for index, word in enumerate(words):
        if word in {"-p", "--password"} or word.startswith("--password="):
            value = word.partition("=")[2] or (words[index + 1] if index + 1 < len(words) else "")
            return value.strip("'\"") not in {"*", "!", "!!", "x", "NP", "*NP*"}
    return False


_OCTAL = pattern(r"[0-7]{1,5}\Z")


_SYMBOLIC = pattern(r"(?:^|,)(?P<who>[ugoa]*)(?P<op>[+=])(?P<what>[rwxXst]*)")


def others_may_write(mode: str) -> bool:
    """Whether a mode of chmod gives everyone write access. The sticky bit (1777, as /tmp has it) makes up for it."""
    if _OCTAL.match(mode):
        bits = int(mode, 8)
        return bool(bits & 0o002) and not bits & 0o1000
    return (
        any("w" in m["what"] and {"o", "a"}.intersection(m["who"]) for m in _SYMBOLIC.finditer(mode))
        and "t" not in mode
    )


def _mode_words(command: Command) -> Iterator[Word]:
    """The words of a command that are a mode, or hold one."""
    args = command.args
    if command.name == "chmod":
        operands = [word for word in args if not re.match(r"-(?![rwxXst]+\Z)\w|--", plain(word))]
        if operands and not any(plain(word).startswith("--reference") for word in args):
            yield operands[0]
        return
    for index, word in enumerate(args):
        text = plain(word)
        if text in {"-m", "--mode"} and index + 1 < len(args):
            yield args[index + 1]
        elif re.match(r"(-m|--mode=)[0-7a-z]", text):
            yield word


def _is_of_devices(command: Command) -> bool:
    """Whether all that is changed lies in /dev, which is made anew for each container."""
    paths = [plain(word) for word in command.args if "/" in word.text]
    return bool(paths) and all(path.startswith("/dev/") for path in paths)


def _mode(word: Word) -> str:
    return re.sub(r"\A(--mode=|-m)", "", plain(word))


@control(
    severity="high",
    owasp="RULE 2",
    equivalents={"tally": "tally/world-writable-state-path-workaround", "sonar": ("S2612", "S6504")},
)
def no_world_writable_files(stage: Stage) -> Findings:
    """No file of the image is writable for everyone.

    `chmod 777` is what is tried when a permission is denied. It lets every process in the container, whatever its
    user, replace the program, its configuration or its data. Give the directory to the user that needs it.

    Bad::

        FROM debian:12-slim
        RUN mkdir -p /data && chmod -R 777 /data  # <-
        COPY --chmod=0666 settings.ini /etc/app/  # <-

    Good::

        FROM debian:12-slim
        RUN mkdir -p /data && chown app /data && chmod 775 /data && chmod +w /data && chmod 1777 /scratch
        COPY --chmod=755 app /usr/local/bin/app
    """
    for instruction in instructions(stage, "COPY", "ADD"):
        flag = instruction.flag("chmod")
        if flag and flag.value and others_may_write(plain(flag.value)):
            yield instruction.finding(
                f"--chmod={flag.value.text} lets everyone write", advice("--chmod=0644 or 0755"), at=flag.origin
            )
    for run, command in commands(stage, "chmod", "install", "mkdir"):
        for word in _mode_words(command):
            if others_may_write(_mode(word)) and not _is_of_devices(command):
                yield run.finding(
                    f"mode {_mode(word)} lets everyone write",
                    advice("chown to the user that needs it, and mode 755 or 775"),
                    at=word.origin,
                )


@control(severity="medium", cis="4.8", owasp="RULE 4", nist="4.1.2", equivalents={"sonar": "S2612"})
def no_privileges_on_files(stage: Stage) -> Findings:
    """The build gives no binary privileges of its own.

    A setuid bit or file capabilities turn whoever can run the file into root, or give him the capability. With
    `no-new-privileges` they have no effect, and a port below 1024 needs none in a container's own network.

    Bad::

        FROM debian:12-slim
        RUN chmod u+s /usr/bin/tool  # <-
        RUN setcap cap_net_bind_service=+ep /usr/local/bin/app  # <-

    Good::

        FROM debian:12-slim
        RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +
        RUN setcap -r /usr/local/bin/app && chmod g+s /shared
    """
    for run, command in commands(stage, "chmod", "setcap", "install"):
        words = [plain(word) for word in command.args]
        if command.name == "setcap":
            if not {"-r", "-v", "-h"}.intersection(words) and any("+" in word or "=" in word for word in words):
                yield run.finding("setcap gives capabilities to a file", advice("remove it"), at=command.origin)
            continue
        for word in _mode_words(command):
            if _sets_uid(_mode(word)):
                yield run.finding("the setuid bit is set on a file", advice("remove it"), at=word.origin)


def _sets_uid(mode: str) -> bool:
    if _OCTAL.match(mode):
        return bool(int(mode, 8) & 0o4000)
    return any("s" in m["what"] and ("u" in m["who"] or m["who"] in {"", "a"}) for m in _SYMBOLIC.finditer(mode))
