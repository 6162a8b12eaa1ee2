"""What COPY and ADD bring into an image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from pytest_dockerharden.model.build import commands, instructions, is_windows, mounts, plain
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Class, Findings, Remedy
from pytest_dockerharden.model.known_images import default_user
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice, insert_behind, replace_text
from pytest_dockerharden.model.shell import Word

_ARCHIVE = pattern(r"(?i)\.(tar|tar\.[*\w]+|tgz|tbz2?|tb2|txz|tlz|tzst|tz|gz|bz2|xz|lzma|zst)\Z")
_FILE_NAME = pattern(r"(?i)\.(jar|war|ear|py|js|sh|conf|json|ya?ml|toml|ini|xml|txt|properties|dll|exe|so|sql|html?)\Z")
# further names of what is no archive; of an ADD from a variable they say less
_TEXT_NAME = pattern(
    r"(?i)(\.(tsx?|jsx|mjs|cjs|css|s[ac]ss|md|rst|rb|go|rs|c|h|cc|cpp|cs|php|pl|lua|kt|java|scala|vue|bash|zsh|ps1|env|cfg|"
    r"cnf|list|repo|rules|service|timer|pem|crt|cer|key|pub|csv|te?mpl|tpl|template|j2|jinja2?|erb|lock|mod|sum|gradle|"
    r"proto|graphql|vcl|vim|cron|pth|zip|whl|png|jpe?g|gif|svg|ico|woff2?|ttf|pdf)|^\.\w+)\Z"
)
_FILES = frozenset(
    {"Makefile", "Gemfile", "Procfile", "Rakefile", "Pipfile", "LICENSE", "README", "Dockerfile", "Caddyfile"}
)
_REMOTE = pattern(r"(?i)(https?|ftp|git|ssh)://|git@", needs=("://", "git@"))


def _as_copy(add: Instruction) -> Remedy:
    text = f"COPY {add.text}"
    plain_files = all(_is_plain_file(word, plain(add.words[-1])) for word in add.words[:-1])
    may_match = any(re.search(r"[*?\[]", word.raw) and not _holds_no_archive(word) for word in add.words[:-1])
    if (
        not plain_files
        or may_match
        or any(flag.name not in {"chown", "chmod", "link", "exclude"} for flag in add.flags)
    ):
        return advice(text)
    effect: Class = "safe" if all(_holds_no_archive(word) for word in add.words[:-1]) else "behaviour-changing"
    breaks = "" if effect == "safe" else "a build whose file is a tar archive by another name, which ADD unpacks"
    return replace_text(add.keyword_origin, "COPY", text=text, effect=effect, breaks=breaks)


def _holds_no_archive(word: Word) -> bool:
    """Whether a source is a directory for sure, or has the name of what is no archive: ADD looks into the file."""
    text = plain(word)
    name = text.rsplit("/", 1)[-1]
    return name in {"", ".", ".."} or name in _FILES or bool(_FILE_NAME.search(name) or _TEXT_NAME.search(name))


def _with_slash(target: Word, text: str) -> Remedy:
    if target.raw != text:
        return advice(f"{text}/")
    return insert_behind(target, "/", text=f"{text}/", effect="safe")


@control(
    severity="low",
    cis="4.9",
    owasp="RULE 13",
    equivalents={
        "kics": "add_instead_of_copy",
        "trivy": "DS-0005",
        "checkov": "CKV_DOCKER_4",
        "hadolint": "DL3020",
        "semgrep": "prefer-copy-over-add",
        "sonar": "S7029",
        "dockle": "CIS-DI-0009",
        "terrascan": "AC_DOCKER_0032",
        "docker-bench": "4.9",
    },
)
def copy_for_local_files(stage: Stage) -> Findings:
    """Local files come in by COPY.

    ADD unpacks what turns out to be an archive and downloads what looks like a URL: two surprises that a copy of
    files does not need.

    Bad::

        FROM debian:12-slim
        ADD app.py /app/  # <-

    Good::

        FROM debian:12-slim
        COPY app.py /app/
        ADD rootfs.tar.xz /
        ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/t /
    """
    adds = list(instructions(stage, "ADD"))
    if not adds:
        not_applicable("there is no ADD")
    for add in adds:
        if any(_is_plain_file(word, plain(add.words[-1])) for word in add.words[:-1]):
            yield add.finding("ADD copies local files", _as_copy(add))


def _is_plain_file(word: Word, target: str) -> bool:
    text = plain(word)
    if _ARCHIVE.search(text) or _REMOTE.match(text):
        return False
    if text.startswith("$"):  # it may be an address or an archive, unless what it becomes has a name of its own
        return bool(_FILE_NAME.search(text.rsplit("}", 1)[-1]) or _FILE_NAME.search(target))
    return True


@control(severity="info", optional=True, equivalents={"hadolint": "DL3010"})
def add_unpacks_archives(stage: Stage) -> Findings:
    """A local archive is unpacked by ADD.

    COPY and `tar x` leave the archive in one layer and its content in the next; ADD leaves the content alone.

    Bad::

        FROM debian:12-slim
        COPY app.tar.gz /tmp/  # <-
        RUN tar -xzf /tmp/app.tar.gz -C /opt

    Good::

        FROM debian:12-slim
        ADD app.tar.gz /opt/
        COPY other.tar.gz /srv/download/
    """
    for copy in instructions(stage, "COPY"):
        if copy.flag("from") is not None:
            continue
        for word in copy.words[:-1]:
            name = plain(word).rsplit("/", 1)[-1]
            if _ARCHIVE.search(name) and _is_unpacked(stage, name, plain(copy.words[-1])):
                yield copy.finding(f"{name} is copied and then unpacked", advice(f"ADD {plain(word)} DIRECTORY/"))


def _is_unpacked(stage: Stage, name: str, destination: str) -> bool:
    names = {name, destination.rsplit("/", 1)[-1]} - {""}
    for _, command in commands(stage, "tar", "bsdtar", "gunzip", "unxz"):
        if any(plain(word).rsplit("/", 1)[-1] in names for word in command.args):
            return command.name != "tar" or any(re.match(r"-?[a-zA-Z]*x|--extract", plain(w)) for w in command.args)
    return False


@control(
    severity="medium",
    equivalents={
        "kics": "copy_with_more_than_two_arguments_not_ending_with_slash",
        "trivy": "DS-0011",
        "hadolint": "DL3021",
    },
)
def copy_of_several_files_names_a_directory(stage: Stage) -> Findings:
    """COPY of several sources ends with a slash.

    Otherwise the destination is a file: the build stops, or each source overwrites the one before.

    Bad::

        FROM node:22-slim
        COPY package.json package-lock.json /app  # <-

    Good::

        FROM node:22-slim
        COPY package.json package-lock.json /app/
        COPY package.json package-lock.json .
        COPY one.txt /app
    """
    for copy in instructions(stage, "COPY", "ADD"):
        if len(copy.words) > 2:
            target = copy.words[-1]
            text = plain(target)
            if not text.endswith(("/", "\\")) and text not in {".", ".."} and not text.endswith(("/.", "/..")):
                if target.value is None and "$" in text:
                    continue
                yield copy.finding(f"{text} does not end with a slash", _with_slash(target, text), at=target.origin)


@control(
    severity="high",
    equivalents={
        "kics": "copy_from_references_current_from_alias",
        "trivy": "DS-0006",
        "hadolint": "DL3023",
        "semgrep": "copy-from-own-alias",
    },
)
def copy_from_another_stage(stage: Stage) -> Findings:
    """A stage does not copy from itself.

    The builder stops with a circular dependency, or takes the name for an image of somebody else.

    Bad::

        FROM debian:12 AS build
        COPY --from=build /app /app  # <-

    Good::

        FROM debian:12 AS build
        FROM debian:12-slim
        COPY --from=build /app /app
    """
    for instruction, name, word in _sources(stage):
        if stage.dockerfile.stage(name) is stage:
            yield instruction.finding("the stage copies from itself", advice("name an earlier stage"), at=word.origin)


@control(severity="high", equivalents={"hadolint": "DL3022"})
def copy_from_an_earlier_stage(stage: Stage) -> Findings:
    """COPY --from counts stages that come before its own.

    Stages are counted from 0, and one that comes later is not built yet.

    Bad::

        FROM debian:12 AS build
        FROM debian:12-slim
        COPY --from=2 /app /app  # <-

    Good::

        FROM debian:12 AS build
        FROM debian:12-slim
        COPY --from=0 /app /app
        COPY --from=nginx:1.27.3 /etc/nginx/nginx.conf /etc/
    """
    for instruction, name, word in _sources(stage):
        if stage.dockerfile.stage(name) is None and name.isdigit():
            yield instruction.finding(f"there is no stage {name} yet", advice("name an earlier stage"), at=word.origin)


@control(severity="high", equivalents={"tally": "tally/circular-stage-deps"})
def stages_form_no_circle(stage: Stage) -> Findings:
    """Two stages do not copy from each other.

    Neither can be built first: the builder stops.

    Bad::

        FROM debian:12 AS one
        COPY --from=two /a /a  # <-
        FROM debian:12 AS two
        COPY --from=one /b /b  # <-

    Good::

        FROM debian:12 AS one
        FROM debian:12 AS two
        COPY --from=one /b /b
    """
    for instruction, name, word in _sources(stage):
        named = stage.dockerfile.stage(name)
        if named is not None and named is not stage and stage.index in stage.dockerfile.needed_by(named.index):
            yield instruction.finding(f"{name} needs this stage itself", advice("name another stage"), at=word.origin)


@control(severity="high", equivalents={"tally": "tally/copy-from-empty-scratch-stage"})
def copied_stage_has_files(stage: Stage) -> Findings:
    """COPY --from names a stage that has files.

    A stage from scratch that nothing was copied to is empty: the build stops.

    Bad::

        FROM scratch AS assets
        FROM debian:12-slim
        COPY --from=assets /app /app  # <-

    Good::

        FROM scratch AS assets
        COPY dist /app
        FROM debian:12-slim
        COPY --from=assets /app /app
    """
    for instruction, name, word in _sources(stage):
        named = stage.dockerfile.stage(name)
        if named is not None and named.index < stage.index and _is_empty(named):
            yield instruction.finding(
                f"stage {name} has no files", advice("name the stage that builds"), at=word.origin
            )


def _is_empty(stage: Stage) -> bool:
    return stage.root_base() == "scratch" and not stage.inherited("COPY", "ADD", "RUN", "WORKDIR")


def _sources(stage: Stage) -> Iterator[tuple[Instruction, str, Word]]:
    for instruction in stage.of("COPY"):
        flag = instruction.flag("from")
        if flag is not None and flag.value is not None and flag.value.value:
            yield instruction, flag.value.value, flag.value


@control(severity="medium", optional=True, equivalents={"hadolint": "DL3022"})
def copy_from_a_known_source(stage: Stage) -> Findings:
    """COPY --from names a stage of the file, or an image in full.

    A name that is no stage is looked up as a build context, then on Docker Hub: a typing error copies from a
    stranger's image.

    Bad::

        FROM debian:12 AS builder
        FROM debian:12-slim
        COPY --from=biulder /app /app  # <-

    Good::

        FROM debian:12 AS builder
        FROM debian:12-slim
        COPY --from=builder /app /app
        COPY --from=0 /lib /lib
        COPY --from=ghcr.io/owner/tool:1.2 /tool /tool

    Good::

        services:
          web:
            build:
              context: .
              additional_contexts:
                assets: ../assets
        # file: Dockerfile
        FROM debian:12-slim
        COPY --from=assets /app /app
    """
    for instruction, name, word in _sources(stage):
        if stage.dockerfile.stage(name) is not None or name.isdigit() or re.search(r"[:/@]", name):
            continue
        if name in stage.dockerfile.contexts or default_user(name) is not None:
            continue
        names = [other.name for other in stage.dockerfile.stages if other.name]
        close = get_close_matches(name.lower(), names, 1, 0.6)
        hint = f", did you mean {close[0]}?" if close else ""
        yield instruction.finding(
            f"no stage is named {name}{hint}", advice("name a stage, or IMAGE:TAG"), at=word.origin
        )


@control(severity="low", optional=True, equivalents={"kics": "using_unnamed_build_stages"})
def stages_are_copied_by_name(stage: Stage) -> Findings:
    """COPY --from names its stage, and does not count.

    A number means another stage as soon as one is put in before it, and the build goes on with the wrong files.

    Bad::

        FROM golang:1.24
        FROM debian:12-slim
        COPY --from=0 /app /app  # <-

    Good::

        FROM golang:1.24 AS build
        FROM debian:12-slim
        COPY --from=build /app /app
    """
    for instruction, name, word in _sources(stage):
        if name.isdigit() and int(name) < stage.index:
            yield instruction.finding(f"--from={name} counts stages", advice("FROM ... AS NAME"), at=word.origin)


# the directory that these images start in, from their publishers' build files
_WORKDIRS = frozenset(
    """golang php httpd tomcat composer redis rabbitmq wordpress drupal nextcloud joomla jetty ghost solr logstash
    kibana elasticsearch phpmyadmin adminer odoo redmine plone convertigo julia cassandra""".split()  # noqa: SIM905
)


@control(severity="low", optional=True, equivalents={"hadolint": "DL3045"})
def copy_into_a_named_directory(stage: Stage) -> Findings:
    """COPY to a relative path has a WORKDIR before it.

    Without one the files land wherever the base image happens to stand, which is `/` today and may change.

    Bad::

        FROM debian:12-slim
        COPY app.py app/  # <-

    Good::

        FROM debian:12-slim
        WORKDIR /srv
        COPY app.py app/

    Good::

        FROM golang:1.24
        COPY go.mod src/
    """
    base = "" if stage.is_fragment else stage.root_base()
    if base is None or is_windows(stage) or parse_reference(base).official in _WORKDIRS:
        not_applicable("the base image has a working directory")
    has_workdir = bool(stage.parent and stage.parent.last("WORKDIR"))
    for instruction in stage.instructions:
        if instruction.keyword == "WORKDIR":
            has_workdir = True
        elif instruction.keyword in {"COPY", "ADD"} and not has_workdir and instruction.words:
            target = plain(instruction.words[-1])
            if not re.match(r"/|\$|[A-Za-z]:|\\|<<", target):
                yield instruction.finding(f"{target} is relative to an unknown directory", advice("WORKDIR /app"))


@control(severity="low", equivalents={"buildkit": "CopyIgnoredFile"})
def copied_files_are_not_ignored(dockerfile: Dockerfile) -> Findings:
    """What is copied is not excluded by the ignore file.

    The builder never sees an excluded file, so COPY fails, or copies a directory with a hole in it.

    Bad::

        FROM debian:12-slim
        COPY config/app.env /etc/app.env  # <-
        # file: .dockerignore
        **/*.env

    Good::

        FROM debian:12-slim AS build
        FROM debian:12-slim
        COPY app.py /app/
        COPY --from=build /srv/app.env /etc/
        # file: .dockerignore
        **/*.env
    """
    ignore = dockerfile.ignore
    if ignore is None:
        not_applicable("there is no ignore file")
    for stage in dockerfile.stages:
        for instruction in stage.of("COPY", "ADD"):
            if instruction.flag("from") is not None:
                continue
            for word in instruction.words[:-1]:
                path = word.value or ""
                if not path or _REMOTE.match(path) or re.search(r"[*?\[]|\A<<|\A\.{0,2}/*\Z", path):
                    continue
                if ignore.excludes(re.sub(r"\A(\./|/)+", "", path).rstrip("/")):
                    yield instruction.finding(
                        f"{path} is excluded by the ignore file", advice(f"!{path}"), at=word.origin
                    )


@control(severity="medium", optional=True, equivalents={"hadolint": "DL3067"})
def no_whole_filesystem_copy(stage: Stage) -> Findings:
    """No stage copies the whole root filesystem of another.

    With `/` everything comes along that the other stage was made to leave behind: compilers, caches, credentials.

    Bad::

        FROM debian:12 AS build
        FROM scratch
        COPY --from=build / /  # <-

    Good::

        FROM debian:12 AS build
        FROM debian:12-slim
        COPY --from=build /out/ /
    """
    for instruction in stage.of("COPY"):
        if instruction.flag("from") is not None and any(
            re.fullmatch(r"/+[.*]?", plain(w)) for w in instruction.words[:-1]
        ):
            yield instruction.finding(
                "the whole filesystem of a stage is copied", advice("copy what is needed by name")
            )


@control(severity="info", optional=True, equivalents={"tally": "tally/prefer-vex-attestation"})
def vex_is_attested(stage: Stage) -> Findings:
    """A VEX document is attached to the image, not copied into it.

    Scanners look for it among the attestations; inside the image nobody finds it, and correcting it means a rebuild.

    Bad::

        FROM debian:12-slim
        COPY app.openvex.json /  # <-

    Good::

        FROM debian:12-slim
        COPY app.json /
    """
    for instruction in instructions(stage, "COPY", "ADD"):
        if any(re.search(r"(?i)(^|[./_-])(open)?vex\.json\Z", plain(word)) for word in instruction.words):
            yield instruction.finding(
                "a vulnerability statement (VEX) is copied", advice("docker scout attest, or cosign attest")
            )


@control(severity="low", optional=True, equivalents={"tally": "tally/windows/no-chown-flag"})
def windows_image_gives_no_owner(stage: Stage) -> Findings:
    """A Windows image does not use --chown, which Windows ignores.

    The permission that one reads in the file does not exist.

    Bad::

        FROM mcr.microsoft.com/windows/nanoserver:ltsc2022
        COPY --chown=app:app app.exe C:/app/  # <-

    Good::

        FROM mcr.microsoft.com/windows/nanoserver:ltsc2022
        COPY app.exe C:/app/
    """
    for instruction in _on_windows(stage, "COPY", "ADD"):
        if instruction.flag("chown") is not None:
            yield instruction.finding("--chown has no effect on Windows", advice("leave it out"))


@control(severity="low", optional=True, equivalents={"tally": "tally/windows/no-stopsignal"})
def windows_image_names_no_signal(stage: Stage) -> Findings:
    """A Windows image does not use STOPSIGNAL, which Windows ignores.

    The clean stop that one reads in the file does not happen.

    Bad::

        FROM mcr.microsoft.com/windows/nanoserver:ltsc2022
        STOPSIGNAL SIGTERM  # <-

    Good::

        FROM mcr.microsoft.com/windows/nanoserver:ltsc2022
        CMD ["app.exe"]
    """
    for instruction in _on_windows(stage, "STOPSIGNAL"):
        yield instruction.finding("STOPSIGNAL has no effect on Windows", advice("leave it out"))


@control(severity="low", optional=True, equivalents={"tally": "tally/windows/no-run-mounts"})
def windows_image_mounts_nothing(stage: Stage) -> Findings:
    """A Windows image does not use RUN --mount, which Windows has not.

    The secret or the cache that one reads in the file is not there.

    Bad::

        FROM mcr.microsoft.com/windows/nanoserver:ltsc2022
        RUN --mount=type=secret,id=token setup.exe  # <-

    Good::

        FROM mcr.microsoft.com/windows/nanoserver:ltsc2022
        RUN setup.exe
    """
    for run in _on_windows(stage, "RUN"):
        if mounts(run):
            yield run.finding("--mount has no effect on Windows", advice("leave it out"))


def _on_windows(stage: Stage, *keywords: str) -> Iterator[Instruction]:
    if not is_windows(stage):
        not_applicable("not a Windows image")
    return instructions(stage, *keywords)
