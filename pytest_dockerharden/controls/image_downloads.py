"""Where a build gets things from, and whether it checks what it got."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import commands, instructions, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.remedies import advice
from pytest_dockerharden.model.shell import Command

_FALSE = re.compile(r"(?i)(0|false|no|off|none|)\Z")
_TRUE = re.compile(r"(?i)(1|true|yes|on)\Z")

# variable -> the values that switch the verification off
_VARIABLES: dict[str, re.Pattern[str]] = {
    "PYTHONHTTPSVERIFY": re.compile(r"0\Z"),
    "NODE_TLS_REJECT_UNAUTHORIZED": re.compile(r"0\Z"),
    "NPM_CONFIG_STRICT_SSL": _FALSE,
    "YARN_STRICT_SSL": _FALSE,
    "YARN_ENABLE_STRICT_SSL": _FALSE,
    "GIT_SSL_NO_VERIFY": re.compile(r""),  # git looks whether it is there, not at its value
    "PIP_TRUSTED_HOST": re.compile(r"."),
    "UV_INSECURE_HOST": re.compile(r"."),
    "CONDA_SSL_VERIFY": _FALSE,
    "GOINSECURE": re.compile(r"."),
    "GONOSUMDB": re.compile(r"\*\Z"),
    "GONOSUMCHECK": re.compile(r"."),
    "GOSUMDB": re.compile(r"off\Z"),
    "BUNDLE_SSL_VERIFY_MODE": re.compile(r"(0|:?none)\Z"),
    "COMPOSER_DISABLE_TLS": _TRUE,
    "CURL_INSECURE": _TRUE,
    "BUN_CONFIG_NO_VERIFY": _TRUE,
    "HELM_KUBEINSECURE_SKIP_TLS_VERIFY": _TRUE,
}

_CURL_FLAGS = ("-k", "--insecure", "--proxy-insecure", "--doh-insecure")
_FLAGS: dict[str, tuple[str, ...]] = {
    "wget": ("--no-check-certificate",),
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
    (re.compile(rf"({name})\Z"), re.compile(rest, re.IGNORECASE))
    for name, rest in (
        ("npm|pnpm|yarn", r"config set (-\S+ |--\S+ )*[\"']?(enable)?strict-?ssl[ =]+[\"']?(false|0)"),
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
_WRITTEN = re.compile(
    r"(?i)\bsslverify\s*=\s*(false|0|no)\b|\bstrict-ssl\s*=\s*false|^\s*insecure\s*$|check_certificate\s*=\s*off|"
    r"verify-(peer|host)\s+[\"']?(false|0)|\btrusted-host\s*="
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


_TLS_HINT = re.compile(
    r"(?i)curl|insecure|certificate|trusted|verify|ssl|tls|GOINSECURE|GOSUMDB|GONOSUM|secure-http|conda|-k\b"
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
        return next((word for word in words if _is_curl_insecure(word)), "")
    if re.match(r"pip[\d.]*\Z|python[\d.]*\Z|uv\Z|pipenv\Z", command.name):
        return next(
            (word.split("=")[0] for word in words if re.match(r"--(trusted|allow-insecure)-host(=|\Z)", word)), ""
        )
    flags = _FLAGS.get(command.name, ())
    return next((word for word in words if word in flags), "")


# curl's one-letter options that take a value: what follows in the cluster is that value
_CURL_VALUED = set("AbcCdDeEFhHKmoPQrTtuUwxXyYz")


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
    "apk": re.compile(r"--allow-untrusted\Z"),
    "apt": re.compile(
        r"--allow-unauthenticated\Z|--force-yes\Z|--allow-insecure-repositories\Z|--no-allow-authenticated"
    ),
    "yum": re.compile(r"--no-?gpg-?check(s)?\Z|--setopt=\S*gpgcheck=(0|false|no)\Z|--nosignature\Z"),
    "rpm": re.compile(r"--(nosignature|nodigest|noverify|nofiledigest|nogpgcheck)\Z"),
    "zypper": re.compile(r"--no-gpg-checks\Z|--allow-unsigned(-rpm)?\Z|--gpgcheck-allow-unsigned\S*|--no-gpgcheck\Z"),
    "dpkg": re.compile(r"--force-bad-verify\Z|--no-debsig\Z"),
}
_UNSIGNED_NAMES = {
    "apk": "apk", "apt": "apt", "apt-get": "apt", "aptitude": "apt", "yum": "yum", "dnf": "yum", "microdnf": "yum",
    "tdnf": "yum", "dnf5": "yum", "yum-config-manager": "yum", "rpm": "rpm", "zypper": "zypper", "dpkg": "dpkg",
}  # fmt: skip
_UNSIGNED_OPTION = re.compile(
    r"(?i)(APT::Get::AllowUnauthenticated|Acquire::AllowInsecureRepositories)[=\s]+\"?(true|1|yes)"
)
_UNSIGNED_TEXT = re.compile(
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


_UNSIGNED_HINT = re.compile(
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


_DOWNLOADERS = frozenset(
    """curl wget git fetch aria2c http pip pip3 npm yarn pnpm gem bundle go svn hg lftp rpm yum dnf zypper apk
    apt-key rsync axel uv""".split()  # noqa: SIM905
)
_CLEAR_TEXT = re.compile(r"(?i)(?:^|[=\s'\"+])((?:http|ftp|git|svn)://([^/\s:'\"]+))")
_LOCAL = re.compile(r"(?i)(localhost|127\.\d+\.\d+\.\d+|\[::1\]|0\.0\.0\.0|host\.docker\.internal|\[?::1)\Z")


@control(severity="medium", nist="4.1.1", equivalents={"sonar": "S5332"})
def encrypted_downloads(stage: Stage) -> Findings:
    """Downloads are encrypted.

    Over `http://`, `ftp://` or `git://` nobody proves who he is: whoever is on the way can change the file. Package
    lists of apt and apk are signed and not meant here.

    Bad::

        FROM debian:12-slim
        RUN wget http://example.com/tool.tgz  # <-
        ADD http://example.com/data.json /data/  # <-

    Good::

        FROM debian:12-slim
        RUN echo "deb http://deb.debian.org/debian bookworm main" > /etc/apt/sources.list
        RUN curl -fsS http://localhost:8080/ready
        RUN wget https://example.com/tool.tgz
    """
    for instruction in instructions(stage, "ADD"):
        for word in instruction.words[:-1]:
            if _clear_text(plain(word)):
                yield instruction.finding("the file comes unencrypted", advice("https://"), at=word.origin)
    for run in runs(stage):
        if "://" not in run.text and not any("://" in heredoc.body for heredoc in run.heredocs):
            continue
        for command in run.script.commands:
            if command.name in _DOWNLOADERS or re.match(r"pip[\d.]+\Z", command.name):
                url = next((word for word in command.args if _clear_text(plain(word))), None)
                if url is not None:
                    yield run.finding(f"{command.name} downloads unencrypted", advice("https://"), at=url.origin)


def _clear_text(text: str) -> bool:
    match = _CLEAR_TEXT.search(text)
    return match is not None and not _LOCAL.match(match[2].rsplit("@", 1)[-1])


@control(severity="medium", optional=True, nist="4.1.1", equivalents={"sonar": "S6506"})
def redirects_stay_encrypted(stage: Stage) -> Findings:
    """A download that follows redirects does not leave https.

    `curl -L` and `wget` go where the server sends them, to clear text too, where anyone on the way can answer.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSL https://example.com/x.tgz -o x.tgz  # <-

    Good::

        FROM debian:12-slim
        RUN curl --proto '=https' --tlsv1.2 -fsSL https://example.com/x.tgz -o x.tgz
        RUN wget --max-redirect=0 https://example.com/x.tgz
    """
    for run, command in commands(stage, "curl", "wget"):
        words = [plain(word) for word in command.args]
        if not any(word.startswith("https://") for word in words):
            continue
        if command.name == "curl":
            follows = command.has("-L", "--location", "--location-trusted")
            bound = any(word.startswith(("--proto", "--proto-redir")) for word in words)
            if command.has("--max-redirs") and "0" in words:
                bound = True
        else:
            follows = True
            bound = any(word.startswith(("--max-redirect=0", "--https-only")) for word in words)
        if follows and not bound:
            remedy = advice("curl --proto '=https' ..." if command.name == "curl" else "wget --max-redirect=0 ...")
            yield run.finding("a redirect may lead to clear text", remedy, at=command.origin)


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
            old = next((w for w in words if w in {"--tlsv1.0", "--tlsv1.1", "--sslv2", "--sslv3", "-2", "-3"}), "")
            limit = next((limit for flag, limit in itertools.pairwise(words) if flag == "--tls-max"), "")
            old = old or (f"--tls-max {limit}" if limit in {"1.0", "1.1"} else "")
        else:
            text = " ".join(words)
            match = re.search(r"--secure-protocol[= ](SSLv[23]|TLSv1(_1)?)(?![\w.])", text, re.IGNORECASE)
            old = match[0] if match else ""
        if old:
            yield run.finding(f"{old} asks for a broken protocol", advice("TLS 1.2 or newer"), at=command.origin)


@control(severity="medium", optional=True, nist="4.1.1", equivalents={"sonar": "S4790"})
def strong_checksums(stage: Stage) -> Findings:
    """Downloads are compared by SHA-256 or better.

    Two different files with the same MD5 or SHA-1 can be made by anyone with some money: such a sum proves only that
    the transfer was complete.

    Bad::

        FROM debian:12-slim
        RUN echo "d41d8cd98f00b204e9800998ecf8427e  x.tgz" | md5sum -c -  # <-

    Good::

        FROM debian:12-slim
        RUN echo "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  x.tgz" | sha256sum -c -
    """
    for run, command in commands(stage, "md5sum", "sha1sum", "md5", "openssl", "shasum", "sha1"):
        words = [plain(word) for word in command.args]
        if command.name == "openssl" and not {"md5", "sha1", "-md5", "-sha1"}.intersection(words[:4]):
            continue
        if (
            command.name == "shasum"
            and (command.has("-a") or command.has("--algorithm"))
            and not re.search(r"(-a ?|--algorithm[= ])1\b", " ".join(words))
        ):
            continue
        yield run.finding(f"{command.name} is no proof", advice("sha256sum -c"), at=command.origin)


_URL = re.compile(r"(?i)(https?|ftp)://")
_GIT_URL = re.compile(r"(?i)(git@|git://|ssh://|https?://[^\s#]*\.git(#|/?\Z))")


@control(
    severity="medium",
    cis="4.9",
    nist="4.1.1",
    equivalents={
        "kics": "curl_or_wget_instead_of_add",
        "terrascan": "AC_DOCKER_0035",
        "sonar": "S6474",
        "docker-bench": "4.9",
    },
)
def remote_add_is_verified(stage: Stage) -> Findings:
    """ADD of a URL says what it expects to get.

    What the server sends today is what is built in: without `--checksum` the next build may hold something else. A
    git repository is named by its commit.

    Bad::

        FROM alpine:3.22
        ADD https://example.com/tool /usr/local/bin/tool  # <-
        ADD https://github.com/o/r.git#main /src  # <-

    Good::

        FROM alpine:3.22
        ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/t /
        ADD https://github.com/o/r.git#2f6b4f2d2f4f8ac2f5e0f1d0c6b9a8e7d6c5b4a3 /src
        ADD rootfs.tar.gz /
    """
    for add in instructions(stage, "ADD"):
        if add.flag("checksum") is not None:
            continue
        for word in add.words[:-1]:
            text = plain(word)
            if _GIT_URL.match(text):
                if not re.search(r"#[0-9a-f]{40}(:|\Z)|[?&](checksum|commit)=[0-9a-f]{40}", text):
                    yield add.finding("the repository is not named by its commit", advice("URL#COMMIT"), at=word.origin)
            elif _URL.match(text):
                yield add.finding(
                    "the download has no checksum", advice("ADD --checksum=sha256:... URL"), at=word.origin
                )


_PROOFS = re.compile(
    r"sha(256|384|512)sum|shasum|sha1sum|md5sum|b2sum|gpg\b.*--verify|gpgv\b|cosign verify|minisign|openssl dgst|"
    r"signify|slsa-verifier|gh attestation|sha256\b|--checksum|apksigner|certutil -hashfile|rhash|b3sum|sigstore"
)


@control(severity="medium", optional=True, nist="4.1.1", equivalents={"sonar": "S6474"})
def verified_downloads(stage: Stage) -> Findings:
    """A downloaded file is compared with a checksum or signature.

    A server that was taken over, or a release that was replaced, sends what it likes: a sum in the Dockerfile is the
    only thing that notices.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSLo /usr/local/bin/tool https://example.com/tool  # <-

    Good::

        FROM debian:12-slim
        RUN curl -fsSLo tool https://example.com/tool \\
            && echo "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  tool" | sha256sum -c -
        RUN curl -fsS https://example.com/health
    """
    for run in runs(stage):
        text = run.text + "\n".join(heredoc.body for heredoc in run.heredocs)
        if not re.search(r"curl|wget", text) or _PROOFS.search(text):
            continue
        command = next((c for c in run.script.commands if c.name in {"curl", "wget"} and _saves(c)), None)
        if command is not None and not _checked_later(stage, run):
            yield run.finding(
                f"what {command.name} gets is not verified",
                advice("echo 'SHA256  FILE' | sha256sum -c -"),
                at=command.origin,
            )


def _saves(command: Command) -> bool:
    words = [plain(word) for word in command.args]
    if not any(re.match(r"(https?|ftp)://", word) for word in words):
        return False
    if any(re.search(r"://(localhost|127\.)", word) for word in words):
        return False
    if any(re.search(r"\.(asc|gpg|key|sig|sha256|sha512|pub|pem|crt)(\?|\Z)", word) for word in words):
        return False
    redirected = any(r.operator in {">", ">>"} and plain(r.target) != "/dev/null" for r in command.redirects)
    if command.name == "wget":
        quiet = command.has("--spider") or any(re.match(r"-[a-z]*O\Z", word) and "-" in words for word in words)
        return (not quiet and not re.search(r"-[a-zA-Z]*O ?-(\s|\Z)", " ".join(words))) or command.connector == "|"
    return command.has("-o", "-O", "--output", "--remote-name", "-J") or redirected or command.connector == "|"


def _checked_later(stage: Stage, run: Instruction) -> bool:
    following = stage.instructions[stage.instructions.index(run) + 1 :] if run in stage.instructions else ()
    return any(part.keyword == "RUN" and _PROOFS.search(part.text) for part in following)


@control(severity="low", optional=True, equivalents={"tally": "tally/prefer-add-git"})
def git_sources_come_by_add(stage: Stage) -> Findings:
    """A git repository comes in by ADD, not by a clone in RUN.

    `ADD <repository>#<commit>` is cached by the commit, can be checked, and needs no git in the image; a cached
    `git clone` layer keeps the state of its first day.

    Bad::

        FROM debian:12
        RUN git clone https://github.com/o/r.git /src  # <-

    Good::

        FROM debian:12
        ADD https://github.com/o/r.git#2f6b4f2d2f4f8ac2f5e0f1d0c6b9a8e7d6c5b4a3 /src
        RUN git config --global user.name build
    """
    for run, command in commands(stage, "git"):
        if re.match(r"(-[cC] \S+ |-\S+ )*clone( |\Z)", " ".join(plain(word) for word in command.args)):
            yield run.finding("git clone runs in RUN", advice("ADD URL#COMMIT /src"), at=command.origin)


@control(
    severity="low",
    optional=True,
    equivalents={"tally": "tally/prefer-telemetry-opt-out"},
)
def tools_do_not_phone_home(stage: Stage) -> Findings:
    """Build tools with telemetry are told not to send any.

    They report machine, project and usage to their maker from every build.

    Bad::

        FROM node:22-slim
        RUN npx next build  # <-

    Good::

        FROM node:22-slim
        ENV NEXT_TELEMETRY_DISABLED=1
        RUN npx next build
    """
    for run in runs(stage):
        if not _TELEMETRY_HINT.search(run.text):
            continue
        for command in run.script.commands:
            tool = _telemetry_tool(command)
            variable = _TELEMETRY.get(tool)
            given = {*run.environment, *(name for name, _ in command.assignments)}
            if variable and not {variable, "DO_NOT_TRACK"}.intersection(given):
                yield run.finding(f"{tool} sends telemetry", advice(f"ENV {variable}=1"), at=command.origin)
                break


_TELEMETRY = {
    "next": "NEXT_TELEMETRY_DISABLED", "gatsby": "GATSBY_TELEMETRY_DISABLED", "nuxt": "NUXT_TELEMETRY_DISABLED",
    "nuxi": "NUXT_TELEMETRY_DISABLED", "ng": "NG_CLI_ANALYTICS", "astro": "ASTRO_TELEMETRY_DISABLED",
    "turbo": "TURBO_TELEMETRY_DISABLED", "storybook": "STORYBOOK_DISABLE_TELEMETRY", "vcpkg": "VCPKG_DISABLE_METRICS",
    "dotnet": "DOTNET_CLI_TELEMETRY_OPTOUT", "pwsh": "POWERSHELL_TELEMETRY_OPTOUT", "wrangler": "WRANGLER_SEND_METRICS",
    "az": "AZURE_CORE_COLLECT_TELEMETRY", "brew": "HOMEBREW_NO_ANALYTICS",
}  # fmt: skip
_TELEMETRY_HINT = re.compile(rf"\b({'|'.join(_TELEMETRY)})\b")


def _telemetry_tool(command: Command) -> str:
    if command.name in {"npx", "bunx", "pnpx"} or (command.name in {"yarn", "pnpm", "npm"} and command.args):
        return next(
            (
                w.text.split("@")[0]
                for w in command.args
                if not w.text.startswith("-") and w.text not in {"exec", "dlx"}
            ),
            "",
        )
    return command.name
