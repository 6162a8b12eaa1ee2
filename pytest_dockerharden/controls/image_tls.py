"""Whether a build verifies whom it talks to: one control for each program, which is told otherwise in its own way."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from pytest_dockerharden.model.build import commands, heredoc_bodies, instructions, mentions, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Stage
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.shell import Command

_ZERO = pattern(r"0\Z")
_ANY = pattern(r"")
_FILLED = pattern(r".")
_FALSE = pattern(r"(?i)(0|false|no|off|none|)\Z")
_TRUE = pattern(r"(?i)(1|true|yes|on)\Z")
_NEVER = pattern(r"(?!)")
_OTHER_PROGRAMS = (
    "aria2c", "http", "helm", "kubectl", "apk", "svn", "conda", "mamba", "compose", "bundle", "apt", "go", "poetry",
)  # fmt: skip
_SETTERS = frozenset({"export", "env", "declare", "set", "setx"})
_WRITERS = frozenset({"echo", "printf", "sed", "tee", "cat"})


class _Client(NamedTuple):
    """A program, and every way to tell it not to verify.

    One of the words ``hints``, in lower case, is in the text of every RUN that does; ``variables`` have the values that
    do; ``flag`` finds the option among the words of a command, ``setting`` reads the whole command, and ``written`` the
    text that is put into a file.
    """

    hints: tuple[str, ...]
    programs: re.Pattern[str] = _NEVER
    variables: Mapping[str, re.Pattern[str]] = {}
    flag: Callable[[list[str]], str] = lambda words: ""
    setting: re.Pattern[str] = _NEVER
    written: re.Pattern[str] = _NEVER


def _one_of(flags: str) -> Callable[[list[str]], str]:
    wanted = pattern(rf"({flags})\Z")
    return lambda words: next((word for word in words if wanted.match(word)), "")


def _unverified(stage: Stage, client: _Client) -> Findings:
    for instruction in instructions(stage, "ENV", "ARG") if client.variables else ():
        for pair in instruction.pairs:
            if pair.value is not None and _switches_off(client, pair.key.text, plain(pair.value)):
                told = f"{pair.key.text} switches verification off"
                yield instruction.finding(told, _remedy(told), at=pair.origin)
    for run in runs(stage):
        if mentions(run, *client.hints):
            for command in run.script.commands:
                yield from (run.finding(m, _remedy(m), at=at) for m, at in _told(client, command))


def _remedy(told: str) -> Remedy:
    # the checksum database of Go has nothing to do with certificates
    return advice("remove it" if told.startswith("GO") else "COPY the CA certificate and run update-ca-certificates")


def _switches_off(client: _Client, name: str, value: str) -> bool:
    wanted = client.variables.get(name.upper())
    return wanted is not None and bool(wanted.match(value))


def _told(client: _Client, command: Command) -> Iterator[tuple[str, TextOrigin]]:
    for name, value in command.assignments:
        if _switches_off(client, name, value.text):
            yield f"{name} switches verification off", value.origin
    if command.name in _SETTERS:
        for word in command.args:
            name, equals, text = plain(word).partition("=")
            if equals and _switches_off(client, name, text):
                yield f"{name} switches verification off", word.origin
    elif client.programs.match(command.name):
        words = [plain(word) for word in command.args]
        if flag := client.flag(words):
            yield f"{command.name} {flag} does not verify the certificate", command.origin
        elif client.setting.match(" ".join([command.name, *words])):
            yield f"{command.name} is told not to verify certificates", command.origin
    elif command.name in _WRITERS and _is_written(client, command):
        yield "a configuration switches verification off", command.origin


def _is_written(client: _Client, command: Command) -> bool:
    writes = (
        command.name in {"sed", "tee"}
        or command.connector == "|"
        or any(redirect.operator in {">", ">>", "&>"} for redirect in command.redirects)
    )
    text = " ".join(plain(word) for word in command.args)
    return writes and bool(client.written.search(text) or client.written.search("".join(heredoc_bodies(command))))


# curl's one-letter options that take a value: what follows in the cluster, or else the next word, is that value
_CURL_VALUED = set("AbcCdDeEFhHKmoPQrTtuUwxXyYz")
_CURL_LONG_VALUED = pattern(
    r"--(data(-(raw|binary|ascii|urlencode))?|json|form(-string)?|header|user(-agent)?|output(-dir)?|request|url|proxy"
    r"(-user|-header)?|preproxy|referer|cookie(-jar)?|write-out|config|cacert|capath|cert|key|upload-file|range|resolve)\Z"
)


def _curl_flag(words: list[str]) -> str:
    return next((word for word in _curl_options(words) if _is_curl_insecure(word)), "")


def _curl_options(words: list[str]) -> Iterator[str]:
    """The words without those that are the value of an option before them."""
    rest = iter(words)
    for word in rest:
        yield word
        cluster = re.match(r"-([A-Za-z0-9#:]+)\Z", word)
        first = next((i for i, letter in enumerate(cluster[1]) if letter in _CURL_VALUED), None) if cluster else None
        if _CURL_LONG_VALUED.match(word) or (cluster and first == len(cluster[1]) - 1):
            next(rest, None)


def _is_curl_insecure(word: str) -> bool:
    if word in {"--insecure", "--proxy-insecure", "--doh-insecure"}:
        return True
    if not re.match(r"-[A-Za-z0-9#:]+\Z", word):
        return False
    options = itertools.takewhile(lambda letter: letter not in _CURL_VALUED, word[1:])
    return "k" in options


_CURL = _Client(
    hints=("curl",),
    programs=pattern(r"curl\Z"),
    variables={"CURL_INSECURE": _TRUE},
    flag=_curl_flag,
    written=pattern(r"(?im)^\s*insecure\s*$"),
)


@control(severity="high", owasp="RULE 13", nist="4.1.1", equivalents={"checkov": "CKV2_DOCKER_2", "sonar": "S4830"})
def curl_verifies_certificates(stage: Stage) -> Findings:
    """curl verifies the certificates of the servers it downloads from.

    Without, anyone on the way can answer in the server's place, and what he sends is built in.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSLk https://example.com/x.tgz -o x.tgz  # <-
        RUN curl --insecure https://example.com/x.tgz -o x.tgz  # <-

    Good::

        FROM debian:12-slim
        COPY internal-ca.pem /usr/local/share/ca-certificates/internal-ca.crt
        RUN update-ca-certificates && curl -fsSL https://example.com/x.tgz -o x.tgz
        RUN echo "curl -k is bad"
    """
    return _unverified(stage, _CURL)


_WGET = _Client(
    hints=("wget",),
    programs=pattern(r"wget\Z"),
    flag=_one_of(r"--no-check(-[certifa]*)?|--check-certificate=(off|quiet|no|0)"),  # it takes abbreviations
    written=pattern(r"(?i)(\b|\\n)check_certificate\s*=\s*off"),
)


@control(severity="high", owasp="RULE 13", nist="4.1.1", equivalents={"checkov": "CKV2_DOCKER_3", "sonar": "S4830"})
def wget_verifies_certificates(stage: Stage) -> Findings:
    """wget verifies the certificates of the servers it downloads from.

    Without, anyone on the way can answer in the server's place, and what he sends is built in.

    Bad::

        FROM debian:12-slim
        RUN wget -q --no-check-certificate https://example.com/x.tgz  # <-

    Good::

        FROM debian:12-slim
        RUN wget -q https://example.com/x.tgz
        RUN echo "wget --no-check-certificate is bad"
    """
    return _unverified(stage, _WGET)


_PIP = _Client(
    hints=("trusted", "insecure"),
    programs=pattern(r"(pip|python)[0-9.]*\Z|uv\Z|pipenv\Z"),
    variables={"PIP_TRUSTED_HOST": _FILLED, "UV_INSECURE_HOST": _FILLED},
    flag=lambda words: next(
        (word.split("=")[0] for word in words if re.match(r"--(trusted|allow-insecure)-host(=|\Z)", word)), ""
    ),
    setting=pattern(r"pip\S* config .*set .*trusted-host"),
    written=pattern(r"(?i)(\b|\\n)trusted-host\s*=|(\b|\\n)PIP_TRUSTED_HOST\s*="),
)


@control(severity="high", owasp="RULE 13", nist="4.1.1", equivalents={"checkov": ("CKV2_DOCKER_4", "CKV2_DOCKER_16")})
def pip_verifies_certificates(stage: Stage) -> Findings:
    """pip and uv verify the certificates of their indexes.

    A trusted host may have any certificate, or none: anyone on the way can answer in its place, and the packages he
    sends run code while they are installed.

    Bad::

        FROM python:3.13-slim
        RUN pip install --trusted-host pypi.example.com app==1.0  # <-
        ENV PIP_TRUSTED_HOST=pypi.example.com  # <-

    Good::

        FROM python:3.13-slim
        COPY internal-ca.pem /etc/ssl/internal-ca.pem
        RUN pip install --cert /etc/ssl/internal-ca.pem --index-url https://pypi.example.com/simple app==1.0
    """
    return _unverified(stage, _PIP)


_PYTHON = _Client(
    hints=("pythonhttpsverify",),
    variables={"PYTHONHTTPSVERIFY": _ZERO},
    written=pattern(r"(\b|\\n)PYTHONHTTPSVERIFY\s*=\s*[\"']?0"),
)


@control(severity="high", owasp="RULE 13", nist="4.1.1", equivalents={"checkov": "CKV2_DOCKER_5"})
def python_verifies_certificates(stage: Stage) -> Findings:
    """Python verifies the certificates of the servers it talks to.

    PYTHONHTTPSVERIFY=0 switches it off for all of the standard library, and as ENV at run time as well.

    Bad::

        FROM python:3.13-slim
        ENV PYTHONHTTPSVERIFY=0  # <-

    Good::

        FROM python:3.13-slim
        ENV PYTHONHTTPSVERIFY=1 SSL_CERT_FILE=/etc/ssl/internal-ca.pem
    """
    return _unverified(stage, _PYTHON)


_NODE = _Client(
    hints=("node_tls_reject_unauthorized",),
    variables={"NODE_TLS_REJECT_UNAUTHORIZED": _ZERO},
    written=pattern(r"(\b|\\n)NODE_TLS_REJECT_UNAUTHORIZED\s*=\s*[\"']?0"),
)


@control(severity="high", owasp="RULE 13", nist="4.1.1", equivalents={"checkov": "CKV2_DOCKER_6"})
def node_verifies_certificates(stage: Stage) -> Findings:
    """Node verifies the certificates of the servers it talks to.

    NODE_TLS_REJECT_UNAUTHORIZED=0 switches it off for every connection, and as ENV at run time as well.

    Bad::

        FROM node:22-slim
        ENV NODE_TLS_REJECT_UNAUTHORIZED=0  # <-

    Good::

        FROM node:22-slim
        ENV NODE_EXTRA_CA_CERTS=/etc/ssl/internal-ca.pem NODE_TLS_REJECT_UNAUTHORIZED=1
    """
    return _unverified(stage, _NODE)


_NPM = _Client(
    hints=("strictssl", "strict-ssl", "strict_ssl", "bun_config_no_verify"),
    programs=pattern(r"(npm|pnpm|yarn)\Z"),
    variables={
        "NPM_CONFIG_STRICT_SSL": _FALSE,
        "YARN_STRICT_SSL": _FALSE,
        "YARN_ENABLE_STRICT_SSL": _FALSE,
        "BUN_CONFIG_NO_VERIFY": _TRUE,
    },
    flag=_one_of(r"--strict-ssl=false|--no-strict-ssl"),
    setting=pattern(
        r"(?i)\w+ (config (-\S+ )*set (-\S+ )*[\"']?(enable)?strict-?ssl[ =]+[\"']?(false|0)|set strict-ssl[ =]false"
        r"|.*--strict-ssl[= ]false)"
    ),
    written=pattern(r"(?i)(\b|\\n)strict-ssl\s*=\s*false|(\b|\\n)NPM_CONFIG_STRICT_SSL\s*=\s*false"),
)


@control(severity="high", owasp="RULE 13", nist="4.1.1", equivalents={"checkov": ("CKV2_DOCKER_12", "CKV2_DOCKER_13")})
def npm_verifies_certificates(stage: Stage) -> Findings:
    """npm, pnpm and yarn verify the certificates of their registry.

    Without, anyone on the way can answer in its place, and the packages he sends run scripts while they are installed.

    Bad::

        FROM node:22-slim
        RUN npm config set strict-ssl false  # <-
        ENV NPM_CONFIG_STRICT_SSL=false  # <-

    Good::

        FROM node:22-slim
        RUN npm config set cafile /etc/ssl/internal-ca.pem && npm config set strict-ssl true
    """
    return _unverified(stage, _NPM)


_GIT = _Client(
    hints=("sslverify", "git_ssl_no_verify"),
    programs=pattern(r"git\Z"),
    variables={"GIT_SSL_NO_VERIFY": _ANY},  # git looks whether it is there, not at its value
    setting=pattern(r"(?i)git (.* )?(-c |config .*)http\.(\S+\.)?sslverify[ =]+[\"']?(false|0|no|off)"),
    written=pattern(
        r"(?i)\[http\b[^\]]*\][\s\S]*(\b|\\n)sslverify\s*=\s*(false|0|no|off)|(\b|\\n)GIT_SSL_NO_VERIFY\s*="
    ),
)


@control(severity="high", owasp="RULE 13", nist="4.1.1", equivalents={"checkov": "CKV2_DOCKER_14"})
def git_verifies_certificates(stage: Stage) -> Findings:
    """git verifies the certificates of the servers it clones from.

    Without, anyone on the way can answer in the server's place, and the sources he sends are built in.

    Bad::

        FROM debian:12-slim
        ENV GIT_SSL_NO_VERIFY=1  # <-
        RUN git config --global http.sslVerify false  # <-

    Good::

        FROM debian:12-slim
        RUN git config --global http.sslCAInfo /etc/ssl/internal-ca.pem
    """
    return _unverified(stage, _GIT)


_YUM = _Client(
    hints=("sslverify",),
    programs=pattern(r"(yum|dnf|microdnf|tdnf|yum-config-manager|dnf-3|dnf5)\Z"),
    setting=pattern(r"(?i).*\bsslverify=(false|0|no)"),
    written=pattern(r"(?i)\A(?![\s\S]*\[http\b)[\s\S]*(\b|\\n)sslverify\s*=\s*(false|0|no)\b"),
)


@control(severity="high", owasp="RULE 13", nist="4.1.1", equivalents={"checkov": "CKV2_DOCKER_15"})
def yum_verifies_certificates(stage: Stage) -> Findings:
    """yum and dnf verify the certificates of their repositories.

    Without, anyone on the way can answer in their place, and hold back the updates he does not want to be installed.

    Bad::

        FROM fedora:42
        RUN dnf install -y --setopt=sslverify=false tool  # <-
        RUN echo "sslverify=false" >> /etc/yum.conf  # <-

    Good::

        FROM fedora:42
        RUN dnf install -y --setopt=sslcacert=/etc/ssl/internal-ca.pem tool && dnf clean all
    """
    return _unverified(stage, _YUM)


_OTHERS = _Client(
    hints=(
        *("insecure", "verify", "gosumdb", "gonosum", "disable-tls", "disable_tls"),
        *("certificate", "trust-server", "secure-http", "conda"),
    ),
    programs=pattern(
        r"(aria2c|https?|helm|kubectl|apk|svn|conda|mamba|micromamba|composer|bundle|apt|apt-get|aptitude|go|poetry)\Z",
        needs=_OTHER_PROGRAMS,
    ),
    variables={
        "CONDA_SSL_VERIFY": _FALSE,
        "GOINSECURE": _FILLED,
        "GONOSUMDB": pattern(r"\*\Z"),
        "GONOSUMCHECK": _FILLED,
        "GOSUMDB": pattern(r"off\Z"),
        "BUNDLE_SSL_VERIFY_MODE": pattern(r"(0|:?none)\Z"),
        "COMPOSER_DISABLE_TLS": _TRUE,
        "HELM_KUBEINSECURE_SKIP_TLS_VERIFY": _TRUE,
    },
    setting=pattern(
        r"(?i)aria2c .*--check-certificate=false|https? .*--verify=(no|false)|svn .*--trust-server-cert"
        r"|(helm|kubectl) .*--insecure-skip-tls-verify(?!=false)|apk .*--(no-check-certificate|no-verify)"
        r"|(conda|mamba|micromamba) (.* )?(--insecure|-k)( |\Z)|\w+ config .*--set ssl_verify (false|no|0)"
        r"|composer .*--disable-tls|composer config .*(disable-tls (true|1)|secure-http (false|0))"
        r"|bundle config .*ssl_verify_mode (0|:?none)|poetry config certificates\.\S+\.cert false"
        r"|apt\S* .*acquire::https?::(\S+::)?verify-(peer|host)[= ]\"?(false|0|no)"
        r"|go env -w .*(GOINSECURE=\S|GOSUMDB=off)"
    ),
    written=pattern(r"(?i)(\b|\\n)verify-(peer|host)\s+[\"']?(false|0)"),
)


@control(severity="high", owasp="RULE 13", nist="4.1.1")
def verified_tls(stage: Stage) -> Findings:
    """The other programs of a build verify certificates as well.

    Package managers and clients that have no control of their own here: apt, apk, go, conda, composer, bundler, helm.
    Without, anyone on the way can answer in the server's place, and what he sends is built in.

    Bad::

        FROM debian:12-slim
        RUN apt-get -o Acquire::https::Verify-Peer=false update  # <-
        RUN conda config --set ssl_verify false  # <-
        ENV GOSUMDB=off  # <-

    Good::

        FROM debian:12-slim
        COPY internal-ca.pem /usr/local/share/ca-certificates/internal-ca.crt
        RUN update-ca-certificates && apt-get update && apt-get install -y --no-install-recommends tool
    """
    return _unverified(stage, _OTHERS)


# `--tlsv1` and `-1` allow 1.0
_OLD_TLS = frozenset({"--tlsv1", "--tlsv1.0", "--tlsv1.1", "--sslv2", "--sslv3", "-1", "-2", "-3"})


@control(severity="high", nist="4.1.1", equivalents={"sonar": "S4423"})
def modern_tls(stage: Stage) -> Findings:
    """Downloads use TLS 1.2 or newer.

    SSL and TLS 1.0 and 1.1 are broken; a server that needs them needs an update.

    Bad::

        FROM debian:12-slim
        RUN curl --tlsv1.0 -O https://example.com/x  # <-
        RUN wget --secure-protocol=TLSv1 https://example.com/x  # <-

    Good::

        FROM debian:12-slim
        RUN curl --tlsv1.2 -O https://example.com/x
        RUN wget --secure-protocol=TLSv1_2 https://example.com/x
    """
    for run, command in commands(stage, "curl", "wget"):
        words = [plain(word) for word in command.args]
        if command.name == "curl":
            old = next((word for word in words if word in _OLD_TLS), "")
            limit = next((limit for flag, limit in itertools.pairwise(words) if flag == "--tls-max"), "")
            limit = limit or next((word[10:] for word in words if word.startswith("--tls-max=")), "")
            old = old or (f"--tls-max {limit}" if limit in {"1.0", "1.1"} else "")
        else:
            text = " ".join(words)
            match = re.search(r"--secure-protocol[= ](SSLv[23]|TLSv1(_1)?)(?![\w.])", text, re.IGNORECASE)
            old = match[0] if match else ""
        if old:
            yield run.finding(f"{old} asks for a broken protocol", advice("TLS 1.2 or newer"), at=command.origin)
