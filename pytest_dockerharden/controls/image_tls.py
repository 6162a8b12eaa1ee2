"""Whether a build verifies whom it talks to and who signed what it installs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import commands, instructions, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Stage
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.shell import Command

_FALSE = pattern(r"(?i)(0|false|no|off|none|)\Z")


_TRUE = pattern(r"(?i)(1|true|yes|on)\Z")


# variable -> the values that switch the verification off
_VARIABLES: dict[str, re.Pattern[str]] = {
    "PYTHONHTTPSVERIFY": pattern(r"0\Z"),
    "NODE_TLS_REJECT_UNAUTHORIZED": pattern(r"0\Z"),
    "NPM_CONFIG_STRICT_SSL": _FALSE,
    "YARN_STRICT_SSL": _FALSE,
    "YARN_ENABLE_STRICT_SSL": _FALSE,
    "GIT_SSL_NO_VERIFY": pattern(r""),  # git looks whether it is there, not at its value
    "PIP_TRUSTED_HOST": pattern(r"."),
    "UV_INSECURE_HOST": pattern(r"."),
    "CONDA_SSL_VERIFY": _FALSE,
    "GOINSECURE": pattern(r"."),
    "GONOSUMDB": pattern(r"\*\Z"),
    "GONOSUMCHECK": pattern(r"."),
    "GOSUMDB": pattern(r"off\Z"),
    "BUNDLE_SSL_VERIFY_MODE": pattern(r"(0|:?none)\Z"),
    "COMPOSER_DISABLE_TLS": _TRUE,
    "CURL_INSECURE": _TRUE,
    "BUN_CONFIG_NO_VERIFY": _TRUE,
    "HELM_KUBEINSECURE_SKIP_TLS_VERIFY": _TRUE,
}


_CURL_FLAGS = ("-k", "--insecure", "--proxy-insecure", "--doh-insecure")


_FLAGS: dict[str, tuple[str, ...]] = {
    "aria2c": ("--check-certificate=false",),
    "http": ("--verify=no", "--verify=false"),
    "https": ("--verify=no", "--verify=false"),
    "helm": ("--insecure-skip-tls-verify",),
    "kubectl": ("--insecure-skip-tls-verify", "--insecure-skip-tls-verify=true"),
    "apk": ("--no-check-certificate", "--no-verify"),
    "npm": ("--strict-ssl=false", "--no-strict-ssl"),
    "pnpm": ("--strict-ssl=false", "--no-strict-ssl"),
    "yarn": ("--strict-ssl=false", "--no-strict-ssl"),
    "svn": ("--trust-server-cert",),
    "conda": ("--insecure", "-k"),
    "composer": ("--disable-tls",),
}


# the words of a command in order that write such a setting: name, and a pattern for the rest
_SETTINGS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (pattern(rf"({name})\Z"), pattern(rest, re.IGNORECASE))
    for name, rest in (
        ("npm|pnpm|yarn", r"config (-\S+ )*set (-\S+ )*[\"']?(enable)?strict-?ssl[ =]+[\"']?(false|0)"),
        ("npm|pnpm|yarn", r"set strict-ssl[ =]false|.*--strict-ssl[= ]false"),
        ("yarn", r"config set enableStrictSsl false"),
        ("git", r"(-c |config .*)http\.(\S+\.)?sslverify[ =]+[\"']?(false|0|no|off)"),
        ("pip[0-9.]*", r"config .*set .*trusted-host"),
        ("conda|mamba|micromamba", r"config .*--set ssl_verify (false|no|0)"),
        ("composer", r"config .*(disable-tls (true|1)|secure-http (false|0))"),
        ("bundle", r"config .*ssl_verify_mode (0|:?none)"),
        ("yum|dnf|microdnf|tdnf|yum-config-manager|dnf-3|dnf5", r".*--setopt[= ]\"?(\S+\.)?sslverify=(false|0|no)"),
        ("yum-config-manager|dnf", r".*sslverify=(false|0|no)"),
        ("apt|apt-get|aptitude", r".*acquire::https?::(\S+::)?verify-(peer|host)[= ]\"?(false|0|no)"),
        ("go", r"env -w .*(GOINSECURE=\S|GOSUMDB=off)"),
        ("poetry", r"config certificates\.\S+\.cert false"),
        ("openssl", r"s_client .*-verify_quiet\b.*-noverify"),
    )
)


# text written into a configuration file
_WRITTEN = pattern(
    r"(?i)\bsslverify\s*=\s*(false|0|no)\b|\bstrict-ssl\s*=\s*false|^\s*insecure\s*$|check_certificate\s*=\s*off|"
    r"verify-(peer|host)\s+[\"']?(false|0)|\btrusted-host\s*=|"
    r"\b(NODE_TLS_REJECT_UNAUTHORIZED|PYTHONHTTPSVERIFY)\s*=\s*[\"']?0|\bGIT_SSL_NO_VERIFY\s*=|\bNPM_CONFIG_STRICT_SSL\s*=\s*false"
)


@control(
    severity="high",
    owasp="RULE 13",
    nist="4.1.1",
    equivalents={
        "checkov": (
            "CKV2_DOCKER_2", "CKV2_DOCKER_3", "CKV2_DOCKER_4", "CKV2_DOCKER_5", "CKV2_DOCKER_6", "CKV2_DOCKER_12",
            "CKV2_DOCKER_13", "CKV2_DOCKER_14", "CKV2_DOCKER_15", "CKV2_DOCKER_16",
        ),
        "sonar": "S4830",
    },
)  # fmt: skip
def verified_tls(stage: Stage) -> Findings:
    """The build verifies the certificates of the servers it downloads from.

    Without, anyone on the way can answer in the server's place, and what he sends is built in. A variable or setting
    that stays in the image switches the verification off at run time as well.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSLk https://example.com/x.tgz -o x.tgz && wget -q --no-check-certificate https://example.com/y  # <-
        RUN pip install --trusted-host pypi.example.com app==1.0  # <-
        RUN npm config set strict-ssl false  # <-
        ENV NODE_TLS_REJECT_UNAUTHORIZED=0 PYTHONHTTPSVERIFY=0  # <-

    Good::

        FROM debian:12-slim
        COPY internal-ca.pem /usr/local/share/ca-certificates/internal-ca.crt
        RUN update-ca-certificates && curl -fsSL https://example.com/x.tgz -o x.tgz
        ENV NODE_TLS_REJECT_UNAUTHORIZED=1
        RUN echo "wget --no-check-certificate is bad"
    """
    remedy = advice("COPY the CA certificate and run update-ca-certificates")
    for instruction in instructions(stage, "ENV", "ARG"):
        for pair in instruction.pairs:
            value = plain(pair.value) if pair.value else ""
            pattern = _VARIABLES.get(pair.key.text.upper())
            if pattern and (pair.value is not None) and pattern.match(value):
                yield instruction.finding(f"{pair.key.text} switches verification off", remedy, at=pair.origin)
    for run in runs(stage):
        if _TLS_HINT.search(run.text) or any(_TLS_HINT.search(heredoc.body) for heredoc in run.heredocs):
            for command in run.script.commands:
                yield from (run.finding(m, remedy, at=at) for m, at in _unverified(command))


_TLS_HINT = pattern(
    r"(?i)curl|insecure|certificate|no-check|trusted|verify|ssl|tls|GOINSECURE|GOSUMDB|GONOSUM|secure-http|conda|-k\b"
)


def _unverified(command: Command) -> Iterator[tuple[str, TextOrigin]]:
    for name, value in command.assignments:
        pattern = _VARIABLES.get(name.upper())
        if pattern and pattern.match(value.text):
            yield f"{name} switches verification off", value.origin
    words = [plain(word) for word in command.args]
    if command.name in {"export", "env", "declare", "set", "setx"}:
        for word in command.args:
            name, equals, text = plain(word).partition("=")
            pattern = _VARIABLES.get(name.upper())
            if equals and pattern and pattern.match(text):
                yield f"{name} switches verification off", word.origin
        return
    flag = _unverified_flag(command, words)
    if flag:
        yield f"{command.name} {flag} does not verify the certificate", command.origin
        return
    rest = " ".join(words)
    if any(name.match(command.name) and pattern.match(rest) for name, pattern in _SETTINGS):
        yield f"{command.name} is told not to verify certificates", command.origin
    elif command.name in {"echo", "printf", "sed", "tee", "cat"} and _is_written(command):
        yield "a configuration switches verification off", command.origin


def _unverified_flag(command: Command, words: list[str]) -> str:
    if command.name == "curl":
        return next((word for word in _curl_options(words) if _is_curl_insecure(word)), "")
    if command.name == "wget":  # it takes abbreviations
        return next((word for word in words if _WGET_UNVERIFIED.match(word)), "")
    if re.match(r"pip[\d.]*\Z|python[\d.]*\Z|uv\Z|pipenv\Z", command.name):
        return next(
            (word.split("=")[0] for word in words if re.match(r"--(trusted|allow-insecure)-host(=|\Z)", word)), ""
        )
    flags = _FLAGS.get(command.name, ())
    return next((word for word in words if word in flags), "")


_WGET_UNVERIFIED = pattern(r"--no-check(-[certifa]*)?\Z|--check-certificate=(off|quiet|no|0)\Z")
# curl's one-letter options that take a value: what follows in the cluster, or else the next word, is that value
_CURL_VALUED = set("AbcCdDeEFhHKmoPQrTtuUwxXyYz")
_CURL_LONG_VALUED = pattern(
    r"--(data(-(raw|binary|ascii|urlencode))?|json|form(-string)?|header|user(-agent)?|output(-dir)?|request|url|proxy"
    r"(-user|-header)?|preproxy|referer|cookie(-jar)?|write-out|config|cacert|capath|cert|key|upload-file|range|resolve)\Z"
)


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
    if word in _CURL_FLAGS:
        return True
    if not re.match(r"-[A-Za-z0-9#:]+\Z", word) or word.startswith("--"):
        return False
    for letter in word[1:]:
        if letter == "k":
            return True
        if letter in _CURL_VALUED:
            return False
    return False


def _is_written(command: Command) -> bool:
    writes = (
        command.name in {"sed", "tee"}
        or command.connector == "|"
        or any(r.operator in {">", ">>", "&>"} for r in command.redirects)
    )
    text = " ".join(plain(word) for word in command.args)
    bodies = "".join(plain(r.target) for r in command.redirects if r.operator.startswith("<<"))
    return writes and bool(_WRITTEN.search(text) or _WRITTEN.search(bodies))


_UNSIGNED: dict[str, re.Pattern[str]] = {
    "apk": pattern(r"--allow-untrusted\Z"),
    "apt": pattern(r"--allow-unauthenticated\Z|--force-yes\Z|--allow-insecure-repositories\Z|--no-allow-authenticated"),
    "yum": pattern(r"--no-?gpg-?check(s)?\Z|--setopt=\S*gpgcheck=(0|false|no)\Z|--nosignature\Z"),
    "rpm": pattern(r"--(nosignature|nodigest|noverify|nofiledigest|nogpgcheck)\Z"),
    "zypper": pattern(r"--no-gpg-checks\Z|--allow-unsigned(-rpm)?\Z|--gpgcheck-allow-unsigned\S*|--no-gpgcheck\Z"),
    "dpkg": pattern(r"--force-bad-verify\Z|--no-debsig\Z"),
}


_UNSIGNED_NAMES = {
    "apk": "apk", "apt": "apt", "apt-get": "apt", "aptitude": "apt", "yum": "yum", "dnf": "yum", "microdnf": "yum",
    "tdnf": "yum", "dnf5": "yum", "yum-config-manager": "yum", "rpm": "rpm", "zypper": "zypper", "dpkg": "dpkg",
}  # fmt: skip


_UNSIGNED_OPTION = pattern(
    r"(?i)(APT::Get::AllowUnauthenticated|Acquire::AllowInsecureRepositories)[=\s]+\"?(true|1|yes)"
)


_UNSIGNED_TEXT = pattern(
    r"(?i)\[[^\]]*trusted=yes[^\]]*\]|\bgpgcheck\s*=\s*0\b|SigLevel\s*=\s*(Never|.*TrustAll)|AllowUnauthenticated\s+\"?true"
)


@control(
    severity="high",
    cis="4.11",
    owasp="RULE 13",
    nist="4.1.1",
    equivalents={
        "checkov": ("CKV2_DOCKER_7", "CKV2_DOCKER_8", "CKV2_DOCKER_9", "CKV2_DOCKER_10", "CKV2_DOCKER_11"),
        "docker-bench": "4.11",
    },
)
def signed_packages(stage: Stage) -> Findings:
    """Packages are installed only when their signature is right.

    The signature is what ties a package to its distribution. Without it a mirror, or anyone who answers for it, can
    put what he likes into the image, as root.

    Bad::

        FROM alpine:3.22
        RUN apk add --no-cache --allow-untrusted ./tool.apk  # <-

    Bad::

        FROM fedora:42
        RUN dnf install -y --nogpgcheck tool  # <-
        RUN rpm -i --nosignature tool.rpm  # <-

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y --no-install-recommends tool && rm -rf /var/lib/apt/lists/*
    """
    remedy = advice("install the repository's key, and drop the option")
    for run in runs(stage):
        if not _UNSIGNED_HINT.search(run.text) and not any(_UNSIGNED_HINT.search(h.body) for h in run.heredocs):
            continue
        for command in run.script.commands:
            option = _unsigned(command)
            if option:
                yield run.finding(f"{option}: signatures are not checked", remedy, at=command.origin)


_UNSIGNED_HINT = pattern(
    r"(?i)allow|force|no-?gpg|gpgcheck|nosig|nodigest|noverify|trusted=|siglevel|debsig|nofiledigest"
)


def _unsigned(command: Command) -> str:
    pattern = _UNSIGNED.get(_UNSIGNED_NAMES.get(command.name, ""))
    words = [plain(word) for word in command.args]
    if pattern is not None:
        found = next((word for word in words if pattern.match(word)), "")
        return found or ("AllowUnauthenticated" if _UNSIGNED_OPTION.search(" ".join(words)) else "")
    if command.name in {"echo", "printf", "sed", "tee", "cat", "add-apt-repository"}:
        bodies = [plain(r.target) for r in command.redirects if r.operator.startswith("<<")]
        match = _UNSIGNED_TEXT.search(" ".join([*words, *bodies]))
        return match[0] if match else ""
    return ""


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
