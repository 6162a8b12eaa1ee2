"""What a build downloads, and whether it checks what it got."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import commands, instructions, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice, insert_line, replace_text
from pytest_dockerharden.model.shell import Command, Word

_DOWNLOADERS = frozenset(
    """curl wget git fetch aria2c http pip pip3 npm yarn pnpm gem bundle go svn hg lftp rpm yum dnf zypper apk
    apt-key rsync axel uv""".split()  # noqa: SIM905
)


_CLEAR_TEXT = pattern(r"(?i)(?:^|[=\s'\"+])((?:http|ftp|git|svn)://(\[[^\]]*\]|[^/\s:'\"]+))")


_LOCAL = pattern(r"(?i)(localhost|127\.\d+\.\d+\.\d+|\[::1\]|0\.0\.0\.0|host\.docker\.internal)\Z")


def _encrypted(word: Word) -> Remedy:
    new = word.raw.replace("http://", "https://", 1)
    return replace_text(word, new, text="https://", breaks="a host that does not speak TLS")


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
                yield instruction.finding("the file comes unencrypted", _encrypted(word), at=word.origin)
    for run in runs(stage):
        if "://" not in run.text and not any("://" in heredoc.body for heredoc in run.heredocs):
            continue
        for command in run.script.commands:
            if command.name in _DOWNLOADERS or re.match(r"pip[\d.]+\Z", command.name):
                url = next((word for word in _addresses(command) if _clear_text(plain(word))), None)
                if url is not None:
                    yield run.finding(f"{command.name} downloads unencrypted", _encrypted(url), at=url.origin)


_NOT_FETCHED = pattern(r"(?i)-[a-zA-Z]*[xeHA]\Z|--(\w+-)*(proxy|referer|header|user-agent)\Z|--proxy\Z")


def _addresses(command: Command) -> Iterator[Word]:
    """The words that may be what is fetched: an address of a proxy or a referer is not, nor is a setting."""
    words = [plain(word) for word in command.args]
    if command.name in {"git", "npm", "yarn", "pnpm", "pip"} and "config" in words[:2] and "proxy" in " ".join(words):
        return
    valued = command.name in {"curl", "wget"}
    for index, word in enumerate(command.args):
        if "proxy" not in words[index].lower() and not (valued and index and _NOT_FETCHED.match(words[index - 1])):
            yield word


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


_WEAK_DIGESTS = frozenset({"md2", "md4", "md5", "mdc2", "sha", "sha1", "rmd160", "ripemd160", "ripemd", "rmd"})


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
        if command.name == "openssl" and not _WEAK_DIGESTS.intersection(word.lstrip("-") for word in words[:4]):
            continue
        if (
            command.name == "shasum"
            and (command.has("-a") or command.has("--algorithm"))
            and not re.search(r"(-a ?|--algorithm[= ])1\b", " ".join(words))
        ):
            continue
        yield run.finding(f"{command.name} is no proof", advice("sha256sum -c"), at=command.origin)


_URL = pattern(r"(?i)(https?|ftp)://")


_GIT_URL = pattern(r"(?i)(git@|git://|ssh://|https?://[^\s#]*\.git(#|/?\Z))")


@control(
    severity="medium",
    cis="4.9",
    nist="4.1.1",
    equivalents={
        "kics": "curl_or_wget_instead_of_add",
        "checkov": "CKV_DOCKER_4",
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


_PROOFS = pattern(
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


_ARCHIVE = pattern(r"\.(tar(\.\w+)?|tgz|tbz2?|txz)(\?|\Z)")


@control(severity="info", optional=True, equivalents={"tally": "tally/prefer-add-unpack"})
def add_unpacks_downloads(stage: Stage) -> Findings:
    """A downloaded archive is unpacked by ADD.

    `ADD --unpack --checksum=sha256:...` verifies, unpacks and is cached by what it got; no downloader has to be in the
    image.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSL https://example.com/tool.tar.gz | tar -xz -C /opt  # <-

    Good::

        FROM debian:12-slim
        ADD --unpack=true https://example.com/tool.tar.gz /opt/
        RUN curl -fsSLO https://example.com/tool.tar.gz
    """
    for run, command in commands(stage, "curl", "wget"):
        archive = any("://" in plain(word) and _ARCHIVE.search(plain(word)) for word in command.args)
        unpacks = any(c.name == "tar" and _extracts(c) for c in run.script.commands)
        if archive and unpacks:
            yield run.finding(
                "an archive is downloaded and unpacked", advice("ADD --unpack=true URL"), at=command.origin
            )
            break


def _extracts(command: Command) -> bool:
    return any(re.match(r"-?[a-zA-Z]*x[a-zA-Z]*\Z|--(extract|get)\Z", plain(word)) for word in command.args)


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
    told: set[str] = set()  # one ENV above the first silences the rest
    for run in runs(stage):
        program = re.split(r"[\\\\/]", run.shell[0])[-1].lower().removesuffix(".exe") if run.shell else ""
        if program in {"powershell", "pwsh"} and _TELEMETRY[program] not in {*run.environment, *told}:
            told.add(_TELEMETRY[program])
            yield run.finding(f"{program} sends telemetry", _opt_out(run, program))
            continue
        if not _TELEMETRY_HINT.search(run.text):
            continue
        for command in run.script.commands:
            tool = _telemetry_tool(command)
            variable = _TELEMETRY.get(tool)
            given = {*told, *run.environment, *(name for name, _ in command.assignments)}
            if variable and not {variable, "DO_NOT_TRACK"}.intersection(given):
                told.add(variable)
                yield run.finding(f"{tool} sends telemetry", _opt_out(run, tool), at=command.origin)
                break


def _opt_out(run: Instruction, tool: str) -> Remedy:
    return insert_line(run.origin, f"ENV {_TELEMETRY[tool]}=1", effect="safe")


_TELEMETRY = {
    "next": "NEXT_TELEMETRY_DISABLED", "gatsby": "GATSBY_TELEMETRY_DISABLED", "nuxt": "NUXT_TELEMETRY_DISABLED",
    "nuxi": "NUXT_TELEMETRY_DISABLED", "ng": "NG_CLI_ANALYTICS", "astro": "ASTRO_TELEMETRY_DISABLED",
    "turbo": "TURBO_TELEMETRY_DISABLED", "storybook": "STORYBOOK_DISABLE_TELEMETRY", "vcpkg": "VCPKG_DISABLE_METRICS",
    "dotnet": "DOTNET_CLI_TELEMETRY_OPTOUT", "pwsh": "POWERSHELL_TELEMETRY_OPTOUT", "bun": "DO_NOT_TRACK",
    "powershell": "POWERSHELL_TELEMETRY_OPTOUT", "wrangler": "WRANGLER_SEND_METRICS",
    "az": "AZURE_CORE_COLLECT_TELEMETRY", "brew": "HOMEBREW_NO_ANALYTICS",
}  # fmt: skip


_TELEMETRY_HINT = pattern(rf"\b({'|'.join(_TELEMETRY)})\b")


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
