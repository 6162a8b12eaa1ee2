"""Whether a build checks who signed what it installs: one control for each package manager."""

from __future__ import annotations

import re

from pytest_dockerharden.model.build import heredoc_bodies, mentions, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Stage
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice

_NEVER = pattern(r"(?!)")
_WRITERS = frozenset({"echo", "printf", "sed", "tee", "cat", "add-apt-repository"})
_KEY = "install the repository's key, and drop the option"


def _unsigned(
    stage: Stage,
    hints: tuple[str, ...],
    programs: re.Pattern[str],
    option: re.Pattern[str],
    setting: re.Pattern[str] = _NEVER,
    written: re.Pattern[str] = _NEVER,
) -> Findings:
    """What tells ``programs`` not to check: an option, a setting among the words, or text put into a file.

    ``hints`` are words in lower case of which each of these has one.
    """
    for run in runs(stage):
        if not mentions(run, *hints):
            continue
        texts = [run.text, *(heredoc.body for heredoc in run.heredocs)]
        if not any(hint.search(text) for hint in (option, setting, written) for text in texts):
            continue  # parsing shell text is what costs
        for command in run.script.commands:
            words = [plain(word) for word in command.args]
            if programs.match(command.name):
                found = next((word for word in words if option.fullmatch(word)), "") or _match(setting, words)
            else:
                found = _match(written, [*words, *heredoc_bodies(command)]) if command.name in _WRITERS else ""
            if found:
                yield run.finding(f"{found}: signatures are not checked", advice(_KEY), at=command.origin)


def _match(wanted: re.Pattern[str], words: list[str]) -> str:
    match = wanted.search(" ".join(words))
    return match[0].removeprefix("\\n") if match else ""


_APK = pattern(r"apk\Z")
_APK_OPTION = pattern(r"--allow-untrusted")


@control(
    severity="high",
    cis="4.11",
    owasp="RULE 13",
    nist="4.1.1",
    equivalents={"checkov": "CKV2_DOCKER_7", "docker-bench": "4.11"},
)
def signed_apk_packages(stage: Stage) -> Findings:
    """apk installs packages only when their signature is right.

    The signature is what ties a package to its distribution. Without it a mirror, or anyone who answers for it, can
    put what he likes into the image, as root.

    Bad::

        FROM alpine:3.22
        RUN apk add --no-cache --allow-untrusted ./tool.apk  # <-

    Good::

        FROM alpine:3.22
        COPY tool.rsa.pub /etc/apk/keys/
        RUN apk add --no-cache ./tool.apk
    """
    return _unsigned(stage, ("--allow-untrusted",), _APK, _APK_OPTION)


_APT = pattern(r"(apt|apt-get|aptitude)\Z")
_APT_OPTION = pattern(r"--allow-unauthenticated|--allow-insecure-repositories|--no-allow-authenticated\S*")
_APT_SETTING = pattern(r"(?i)(APT::Get::AllowUnauthenticated|Acquire::AllowInsecureRepositories)[=\s]+\"?(true|1|yes)")
_APT_WRITTEN = pattern(r"(?i)\[[^\]]*trusted=yes[^\]]*\]|AllowUnauthenticated\s+\"?true")


@control(
    severity="high",
    cis="4.11",
    owasp="RULE 13",
    nist="4.1.1",
    equivalents={"checkov": "CKV2_DOCKER_8", "docker-bench": "4.11"},
)
def signed_apt_packages(stage: Stage) -> Findings:
    """apt installs packages only from repositories whose signature is right.

    The signature is what ties a package to its distribution. Without it a mirror, or anyone who answers for it, can
    put what he likes into the image, as root.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y --allow-unauthenticated tool  # <-
        RUN echo "deb [trusted=yes] https://deb.example.com stable main" > /etc/apt/sources.list.d/tool.list  # <-

    Good::

        FROM debian:12-slim
        COPY tool.gpg /usr/share/keyrings/
        RUN echo "deb [signed-by=/usr/share/keyrings/tool.gpg] https://deb.example.com stable main" > /etc/apt/tool.list
        RUN apt-get update && apt-get install -y --no-install-recommends tool && rm -rf /var/lib/apt/lists/*
    """
    return _unsigned(stage, ("authenticated", "insecure", "trusted=yes"), _APT, _APT_OPTION, _APT_SETTING, _APT_WRITTEN)


_FORCE = pattern(r"--force-yes")


@control(
    severity="high",
    cis="4.11",
    owasp="RULE 13",
    nist="4.1.1",
    equivalents={"checkov": "CKV2_DOCKER_11", "docker-bench": "4.11"},
)
def apt_is_not_forced(stage: Stage) -> Findings:
    """apt is not forced to go on where it would refuse.

    --force-yes installs what nobody signed, takes older packages for newer ones and removes essential ones, all
    without a word. Newer versions of apt have an option for each of these.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y --force-yes tool  # <-

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y --no-install-recommends --allow-downgrades tool=1.0
    """
    return _unsigned(stage, ("--force-yes",), _APT, _FORCE)


_YUM = pattern(r"(yum|dnf|microdnf|tdnf|dnf5|yum-config-manager)\Z")
_YUM_OPTION = pattern(r"--no-?gpg-?checks?|--setopt=\S*gpgcheck=(0|false|no)|--nosignature")
_YUM_SETTING = pattern(r"--setopt \S*gpgcheck=(0|false|no)\b")
_YUM_WRITTEN = pattern(r"(?i)(\b|\\n)gpgcheck\s*=\s*0\b")


@control(
    severity="high",
    cis="4.11",
    owasp="RULE 13",
    nist="4.1.1",
    equivalents={"checkov": "CKV2_DOCKER_9", "docker-bench": "4.11"},
)
def signed_yum_packages(stage: Stage) -> Findings:
    """yum and dnf install packages only when their signature is right.

    The signature is what ties a package to its distribution. Without it a mirror, or anyone who answers for it, can
    put what he likes into the image, as root.

    Bad::

        FROM fedora:42
        RUN dnf install -y --nogpgcheck tool  # <-
        RUN sed -i s/gpgcheck=1/gpgcheck=0/ /etc/yum.repos.d/tool.repo  # <-

    Good::

        FROM fedora:42
        RUN rpm --import https://rpm.example.com/key.asc && dnf install -y tool && dnf clean all
    """
    return _unsigned(stage, ("gpg", "--nosignature"), _YUM, _YUM_OPTION, _YUM_SETTING, _YUM_WRITTEN)


_RPM = pattern(r"rpm\Z")
_RPM_OPTION = pattern(r"--(nosignature|nodigest|noverify|nofiledigest|nogpgcheck)")


@control(
    severity="high",
    cis="4.11",
    owasp="RULE 13",
    nist="4.1.1",
    equivalents={"checkov": "CKV2_DOCKER_10", "docker-bench": "4.11"},
)
def signed_rpm_packages(stage: Stage) -> Findings:
    """rpm installs packages only when their signature and digest are right.

    They are what ties a package to its distribution. Without them a mirror, or anyone who answers for it, can put what
    he likes into the image, as root.

    Bad::

        FROM fedora:42
        RUN rpm -i --nosignature tool.rpm  # <-

    Good::

        FROM fedora:42
        RUN rpm --import /etc/pki/rpm-gpg/tool && rpm -i tool.rpm
    """
    return _unsigned(stage, ("--no",), _RPM, _RPM_OPTION)


_OTHER_HINTS = ("gpg", "--allow-unsigned", "--force-bad-verify", "--no-debsig", "siglevel")
_OTHER = pattern(r"(zypper|dpkg)\Z")
_OTHER_OPTION = pattern(
    r"--no-gpg-checks|--allow-unsigned(-rpm)?|--gpgcheck-allow-unsigned\S*|--no-gpgcheck|--force-bad-verify|--no-debsig"
)
_OTHER_WRITTEN = pattern(r"(?i)SigLevel\s*=\s*(Never|.*TrustAll)")


@control(severity="high", cis="4.11", owasp="RULE 13", nist="4.1.1", equivalents={"docker-bench": "4.11"})
def signed_packages(stage: Stage) -> Findings:
    """zypper, dpkg and pacman install signed packages only.

    The signature is what ties a package to its distribution. Without it a mirror, or anyone who answers for it, can
    put what he likes into the image, as root.

    Bad::

        FROM opensuse/leap:15.6
        RUN zypper --no-gpg-checks install -y tool  # <-

    Good::

        FROM opensuse/leap:15.6
        RUN zypper --gpg-auto-import-keys install -y tool && zypper clean --all
    """
    return _unsigned(stage, _OTHER_HINTS, _OTHER, _OTHER_OPTION, written=_OTHER_WRITTEN)
