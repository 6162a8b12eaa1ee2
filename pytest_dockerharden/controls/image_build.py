"""How well a build uses layers and cache, and what it leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import commands, instructions, is_covered, may_ship, mounted_caches, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction, Pair, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Finding, Findings, Remedy
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.packages import INSTALL, SYSTEM, Invocation, invocations
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice, insert_behind, remove_word
from pytest_dockerharden.model.shell import Command

_LOCKED = {
    "npm": {"install", "i", "ci", "clean-install"}, "pnpm": {"install", "i", "fetch"}, "yarn": {"install"},
    "pip": {"install"}, "uv": {"install"}, "poetry": {"install"}, "bundle": {"install"}, "composer": {"install", "i"},
    "go": {"mod"}, "bun": {"install", "i"},
}  # fmt: skip


def _installs_dependencies(run: Instruction) -> str:
    """The package manager that installs what a manifest of the project lists; empty where none does."""
    for call in invocations(run, *_LOCKED):
        if call.verb not in _LOCKED[call.manager]:
            continue
        if (
            call.manager == "pip"
            and not call.has("-r", "--requirement")
            and "." not in [plain(w) for w in call.packages]
        ):
            continue
        if call.manager == "go" and [plain(word) for word in call.packages[:1]] != ["download"]:
            continue
        if call.manager in {"npm", "pnpm", "yarn", "bun", "uv"} and call.packages:
            continue
        return call.manager
    return ""


def _copies_sources(instruction: Instruction) -> bool:
    if instruction.keyword not in {"COPY", "ADD"} or instruction.flag("from") is not None:
        return False
    return any(re.fullmatch(r"(\./?)+|/+|\*", plain(word)) for word in instruction.words[:-1])


def _caching(command: Command) -> Remedy:
    option = next((word for word in command.args if word.raw == "--no-cache-dir"), None)
    if option is None or option is command.words[-1]:
        return advice("drop --no-cache-dir")
    return remove_word(option.origin, text="drop --no-cache-dir", effect="safe")


def _without_log(command: Command) -> Remedy:
    text = "useradd --no-log-init"
    return insert_behind(command.words[0], " --no-log-init", text=text, effect="safe")


@control(severity="low", plan="P1", optional=True)
def dependencies_before_sources(stage: Stage) -> Findings:
    """Dependencies are installed before the sources are copied.

    Every change of a source file invalidates the layers after its COPY: with `COPY . .` in front, each build downloads
    all dependencies again. Copy the manifest and lock file, install, then copy the rest.

    Bad::

        FROM node:22-slim
        COPY . .  # <-
        RUN npm ci

    Good::

        FROM node:22-slim
        COPY package.json package-lock.json ./
        RUN npm ci
        COPY . .
        RUN npm run build
    """
    copied: Instruction | None = None
    for instruction in stage.instructions:
        if instruction.keyword == "RUN":
            manager = _installs_dependencies(instruction)
            if manager and copied is not None:
                yield copied.finding(
                    f"every change of a file makes {manager} install again", advice("COPY the lock file first")
                )
            if manager:
                return
        elif _copies_sources(instruction) and copied is None:
            copied = instruction


_CLEANERS = pattern(
    r"(apt-get|apt|aptitude) (clean|autoclean|distclean)|(npm|yarn) cache clean|pip3? cache purge|conda clean|go clean|"
    r"(dnf|yum|microdnf) clean|apk cache clean"
)


@control(severity="low", optional=True)
def cache_mounts_are_kept(stage: Stage) -> Findings:
    """A cache mount is not emptied by the step that uses it.

    It is in no layer, so cleaning it saves nothing and makes the next build download everything again; a flag that
    switches the cache off makes the mount pointless.

    Bad::

        FROM debian:12-slim
        RUN --mount=type=cache,target=/root/.cache/pip pip install --no-cache-dir -r requirements.txt  # <-

    Bad::

        FROM debian:12-slim
        RUN --mount=type=cache,target=/var/cache/apt apt-get update && apt-get install -y curl && apt-get clean  # <-

    Good::

        FROM debian:12-slim
        RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
        RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*
    """
    for run in runs(stage):
        targets = [target for target in mounted_caches(run) if target and "type=cache" in _mount_text(run)]
        if not targets:
            continue
        for command in run.script.commands:
            text = " ".join([command.name, *(plain(word) for word in command.args)])
            if command.name == "rm" and any(is_covered(plain(w).rstrip("/*"), targets) for w in command.args):
                yield run.finding("the cache mount is emptied", advice("leave the cache alone"), at=command.origin)
            elif _CLEANERS.match(text) and any("cache" in target for target in targets):
                yield run.finding(f"{command.name} empties the cache mount", advice("leave it out"), at=command.origin)
            elif "--no-cache-dir" in text and any("pip" in target or target.endswith(".cache") for target in targets):
                yield run.finding("the cache is mounted and switched off", _caching(command), at=command.origin)


def _mount_text(run: Instruction) -> str:
    return " ".join(flag.value.text for flag in run.flags if flag.name == "mount" and flag.value is not None)


@control(
    severity="info",
    optional=True,
    equivalents={
        "tally": "tally/prefer-package-cache-mounts",
    },
)
def package_downloads_are_cached(stage: Stage) -> Findings:
    """Package downloads are kept in a cache mount.

    A changed lock file then fetches what is new, and not everything; nothing of it is in the image.

    Bad::

        FROM node:22 AS build
        RUN npm ci  # <-

    Good::

        FROM node:22 AS build
        RUN --mount=type=cache,target=/root/.npm npm ci
    """
    for run in runs(stage):
        manager = _downloads_packages(run)
        if manager and manager != "bundle" and not mounted_caches(run):
            yield run.finding(f"{manager} downloads everything each time", advice("RUN --mount=type=cache,target=..."))


@control(
    severity="info",
    optional=True,
    equivalents={"tally": ("tally/ruby/prefer-bundler-cache-mount", "tally/prefer-package-cache-mounts")},
)
def gem_downloads_are_cached(stage: Stage) -> Findings:
    """Gems are kept in a cache mount.

    A changed lock file then fetches what is new, and not everything.

    Bad::

        FROM ruby:3.4 AS build
        RUN bundle install  # <-

    Good::

        FROM ruby:3.4 AS build
        RUN --mount=type=cache,target=/usr/local/bundle/cache bundle install
    """
    for run in runs(stage):
        if _downloads_packages(run) == "bundle" and not mounted_caches(run):
            yield run.finding("bundle downloads everything each time", advice("RUN --mount=type=cache,target=..."))


def _downloads_packages(run: Instruction) -> str:
    """The package manager that fetches something; empty where none does."""
    if run.flag("network") is not None:
        return ""
    calls = invocations(run)
    found = next((c.manager for c in calls if c.action in {INSTALL, "update", "upgrade", "ci", "fetch"}), "")
    if found or not _BUILDERS.search(run.text):
        return found
    return next((c.name for c in run.script.commands if _fetches_sources(c)), "")


_BUILDERS = pattern(r"\b(go|cargo|dotnet|uv)\b")
_FETCHING = {
    "go": {"build", "mod"},
    "cargo": {"build", "fetch", "check"},
    "dotnet": {"restore", "build", "publish"},
    "uv": {"sync"},
}


def _fetches_sources(command: Command) -> bool:
    return bool(command.args) and plain(command.args[0]) in _FETCHING.get(command.name, ())


@control(
    severity="info",
    optional=True,
    equivalents={
        "kics": "multiple_run_add_copy_instructions_listed",
        "hadolint": "DL3059",
        "sonar": "S7031",
    },
)
def consecutive_steps_are_one(stage: Stage) -> Findings:
    """Steps that follow each other are one layer.

    What one RUN creates and the next removes stays in the image. Files that go to one directory can be one COPY.

    Bad::

        FROM debian:12-slim
        RUN ./configure
        RUN make  # <-

    Bad::

        FROM debian:12-slim
        COPY a.txt /app/
        COPY b.txt /app/  # <-

    Good::

        FROM debian:12-slim
        RUN ./configure && make
        COPY a.txt /app/
        RUN --mount=type=cache,target=/root/.cache make cached
        RUN make uncached
    """
    previous: Instruction | None = None
    for instruction in stage.instructions:
        if previous is not None and instruction.keyword == previous.keyword and _could_be_one(previous, instruction):
            yield instruction.finding(
                f"it could be one layer with the {instruction.keyword} before", advice("join them")
            )
        previous = instruction


def _could_be_one(one: Instruction, other: Instruction) -> bool:
    if one.keyword not in {"RUN", "COPY", "ADD"} or _flags(one) != _flags(other):
        return False
    if one.keyword == "RUN":
        return one.shell == other.shell
    if not one.words or not other.words or one.heredocs or other.heredocs:
        return False
    return plain(one.words[-1]) == plain(other.words[-1]) and plain(one.words[-1]).endswith(("/", "."))


def _flags(instruction: Instruction) -> set[tuple[str, str]]:
    return {(flag.name, flag.value.text if flag.value else "") for flag in instruction.flags}


_COMPILERS = pattern(
    r"(gcc|g\+\+|clang|make|cmake|build-essential|build-base|rustc|cargo|golang|go|maven|gradle|openjdk-\d+-jdk\S*|"
    r"default-jdk\S*|gfortran|autoconf|automake|bison|flex|python3?-dev|\S+-headers|linux-headers\S*|musl-dev|libc6?-dev|"
    r"gcc-c\+\+|kernel-devel)(=.*)?\Z"
)


@control(
    severity="low",
    plan="P2",
    optional=True,
    cis="4.3",
    nist="4.1.1",
    equivalents={"tally": "tally/prefer-multi-stage-build"},
)
def build_tools_do_not_ship(stage: Stage) -> Findings:
    """The image that ships holds no compilers and build tools.

    They are the first thing an intruder wants and half of what scanners report. Build in a stage of its own and copy
    the result, or remove them in the RUN that installed them.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y gcc make  # <-

    Good::

        FROM debian:12 AS build
        RUN apt-get update && apt-get install -y gcc make && make
        FROM debian:12-slim
        COPY --from=build /app /app

    Good::

        FROM python:3.13-alpine
        RUN apk add --no-cache --virtual .build gcc musl-dev && pip install x==1 && apk del .build
    """
    if not may_ship(stage) or re.search(r"build|dev|test|ci\b", stage.name):
        not_applicable("the stage does not ship")
    for run in runs(stage):
        calls = invocations(run, *SYSTEM)
        if any(call.action == "remove" for call in calls):
            continue
        for call in calls:
            tool = _compiler(call)
            if tool:
                yield run.finding(
                    f"{tool} stays in the image", advice("install it in a build stage"), at=call.command.origin
                )


def _compiler(call: Invocation) -> str:
    if call.action != INSTALL:
        return ""
    return next((plain(word) for word in call.packages if _COMPILERS.match(plain(word))), "")


@control(severity="low", plan="P1", optional=True, equivalents={"tally": "tally/prefer-copy-chmod"})
def ownership_set_while_copying(stage: Stage) -> Findings:
    """Owner and mode are given while copying, not in a layer after it.

    `RUN chown -R` writes every file a second time, so the image holds them twice. COPY has --chown and --chmod.

    Bad::

        FROM debian:12-slim
        COPY app /app
        RUN chown -R app:app /app  # <-

    Good::

        FROM debian:12-slim
        COPY --chown=app:app app /app
        RUN mkdir /data && chown -R app:app /data
    """
    targets: list[str] = []
    for instruction in stage.instructions:
        if instruction.keyword in {"COPY", "ADD"} and instruction.words:
            targets.append(plain(instruction.words[-1]).rstrip("/"))
        elif instruction.keyword == "RUN" and targets and re.search(r"\bch(own|mod)\b", instruction.text):
            for command in instruction.script.commands:
                if command.name in {"chown", "chmod"} and _touches([plain(w) for w in command.args], targets):
                    remedy = advice(f"COPY --{command.name}=...")
                    yield instruction.finding(f"{command.name} writes the files again", remedy, at=command.origin)
                    break


def _touches(words: list[str], targets: list[str]) -> bool:
    recursive = any(re.match(r"-[a-zA-Z]*R|--recursive", word) for word in words)
    paths = [word.rstrip("/") for word in words if not word.startswith("-")][1:]
    for path in paths:
        if path in targets or any(
            target and path.startswith(f"{target}/") for target in targets if target not in {"", "."}
        ):
            return True
        if recursive and any(
            target.startswith(f"{path}/") or (path in {"", "."} and target in {"", "."}) for target in targets
        ):
            return True
    return False


_LABELS = tuple(f"org.opencontainers.image.{key}" for key in ("title", "description", "source", "licenses"))


@control(severity="info", plan="P2", optional=True, equivalents={"hadolint": "DL3049"})
def image_labels(dockerfile: Dockerfile, *, labels: tuple[str, ...] = _LABELS) -> Findings:
    """The image says what it is, in the labels of the OCI.

    Whoever finds a container running can tell from them what it is, where its source is and whom to ask.

    Bad::

        FROM debian:12-slim  # <-
        LABEL maintainer="someone"

    Good::

        FROM debian:12-slim
        LABEL org.opencontainers.image.title="App" org.opencontainers.image.description="Does it" \\
              org.opencontainers.image.source="https://example.com/app" org.opencontainers.image.licenses="MIT"
    """
    stage = dockerfile.final
    if stage is None or stage.is_fragment:
        not_applicable("there is no stage")
    given = {pair.key.text for label in stage.inherited("LABEL") for pair in label.pairs}
    missing = [label for label in labels if label not in given]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield stage.finding(
            f"label {missing[0]}{more} is missing", advice("\n".join(f'LABEL {label}="..."' for label in missing))
        )


_LABEL_KEY = pattern(r"[a-z0-9](?:[.-]?[a-z0-9])*\Z")
_RESERVED = ("com.docker.", "io.docker.", "org.dockerproject.")
_DOCKERS_OWN = frozenset({"com.docker.image.source.entrypoint"})
_OCI = "org.opencontainers.image."
_FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    "url": (pattern(r"[a-z][a-z0-9+.-]*://\S+\Z"), "a URL"),
    "rfc3339": (
        pattern(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z"), "an RFC 3339 time",
    ),
    "spdx": (
        pattern(r"\(?[A-Za-z0-9][A-Za-z0-9.+-]*\)?((\s+(AND|OR|WITH)\s+)\(?[A-Za-z0-9][A-Za-z0-9.+-]*\)?)*\Z"),
        "an SPDX expression",
    ),
    "hash": (pattern(r"[0-9a-f]{7}([0-9a-f]{33})?\Z"), "a commit"),
    "semver": (
        pattern(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(-[\dA-Za-z-]+(\.[\dA-Za-z-]+)*)?(\+[\dA-Za-z-]+(\.[\dA-Za-z-]+)*)?\Z"),
        "a semantic version",
    ),
    "email": (pattern(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+\Z"), "an e-mail address"),
}  # fmt: skip
_VALUES: dict[str, tuple[re.Pattern[str], str]] = {
    **dict.fromkeys((f"{_OCI}url", f"{_OCI}source", f"{_OCI}documentation"), _FORMS["url"]),
    f"{_OCI}created": _FORMS["rfc3339"],
    f"{_OCI}licenses": _FORMS["spdx"],
    f"{_OCI}base.digest": (pattern(r"sha256:[0-9a-f]{64}\Z"), "a digest"),
    f"{_OCI}revision": (pattern(r"[0-9a-f]{7,64}\Z|[\w./+-]*\d[\w./+-]*\Z"), "a revision"),
}


@control(severity="info", optional=True, equivalents={"hadolint": "DL3048", "tally": "tally/labels/valid-key"})
def valid_label_keys(stage: Stage) -> Findings:
    """Labels have keys that tools can read.

    Keys are lower case with dots and dashes; `com.docker` and its like are Docker's own.

    Bad::

        FROM debian:12-slim
        LABEL Bad_Key=x  # <-
        LABEL com.docker.example=x  # <-

    Good::

        FROM debian:12-slim
        LABEL org.example.owner-team="platform"
    """
    for label in instructions(stage, "LABEL"):
        for pair in label.pairs:
            key = pair.key.text
            if "$" not in key and not _LABEL_KEY.match(key):
                yield label.finding(f"label {key} is no valid key", at=pair.origin)
            elif key.startswith(_RESERVED) and key not in _DOCKERS_OWN:
                yield label.finding(f"label {key} is reserved for Docker", at=pair.origin)


@control(severity="info", optional=True, equivalents={"tally": "tally/labels/no-duplicate-keys"})
def labels_are_given_once(stage: Stage) -> Findings:
    """No label is given twice in a stage.

    Only the last one counts.

    Bad::

        FROM debian:12-slim
        LABEL version=1
        LABEL version=2  # <-

    Good::

        FROM debian:12-slim AS one
        LABEL version=1
        FROM debian:12-slim
        LABEL version=2
    """
    seen: set[str] = set()
    for label in stage.of("LABEL"):
        for pair in label.pairs:
            if pair.key.text in seen:
                yield label.finding(f"label {pair.key.text} is given twice in the stage", at=pair.origin)
            seen.add(pair.key.text)


@control(
    severity="info",
    optional=True,
    equivalents={"hadolint": ("DL3051", "DL3052", "DL3053", "DL3054", "DL3055", "DL3056", "DL3058")},
)
def valid_label_values(stage: Stage, *, forms: tuple[str, ...] = ()) -> Findings:
    """Labels have values of the form that the OCI, or the house, asks for.

    A source that is no URL, a time that no tool can read, an empty title is worse than none. Of labels of your own
    `forms` says it as hadolint's `--require-label` does: `version:semver`, `contact:email`, `commit:hash`,
    `created:rfc3339`, `home:url`, `licence:spdx`.

    Bad::

        FROM debian:12-slim
        LABEL org.opencontainers.image.source="somewhere"  # <-
        LABEL org.opencontainers.image.title=""  # <-

    Good::

        FROM debian:12-slim
        ARG CREATED
        LABEL org.opencontainers.image.source="https://example.com/app" org.opencontainers.image.created=$CREATED
    """
    own = {name: _FORMS[form] for name, _, form in (each.rpartition(":") for each in forms) if form in _FORMS}
    for label in instructions(stage, "LABEL"):
        for pair in label.pairs:
            problem = _value_problem(pair, own)
            if problem:
                yield label.finding(f"label {pair.key.text} {problem}", at=pair.origin)


def _value_problem(pair: Pair, own: dict[str, tuple[re.Pattern[str], str]]) -> str:
    value = pair.value.value if pair.value else ""
    if value is None:
        return ""
    if value == "":
        return "is empty"
    form, what = own.get(pair.key.text) or _VALUES.get(pair.key.text) or (None, "")
    return f"is not {what}" if form is not None and not form.match(value) else ""


@control(severity="info", optional=True, equivalents={"tally": "tally/labels/no-stale-base-digest"})
def base_digest_label_is_true(stage: Stage) -> Findings:
    """The label of the base digest names the digest of FROM.

    Update tools compare it with the registry: a stale one hides that the base has moved.

    Bad::

        FROM debian@sha256:21dc6063fd678b478f57c0e13f47560d0ea4eeba26dfc947b2a4f81f686b9f45
        LABEL org.opencontainers.image.base.digest="sha256:0123"  # <-

    Good::

        ARG DIGEST=sha256:21dc6063fd678b478f57c0e13f47560d0ea4eeba26dfc947b2a4f81f686b9f45
        FROM debian@${DIGEST}
        ARG DIGEST
        LABEL org.opencontainers.image.base.digest=$DIGEST
    """
    digest = parse_reference(stage.root_base() or "").digest
    for label in instructions(stage, "LABEL"):
        for pair in label.pairs:
            value = pair.value.value if pair.value else None
            if pair.key.text == f"{_OCI}base.digest" and value and digest and digest != value:
                yield label.finding(f"label {pair.key.text} is not the digest of FROM", at=pair.origin)


@control(severity="low", plan="P2", optional=True)
def pinned_syntax_image(dockerfile: Dockerfile, *, digest: bool = False) -> Findings:
    """The frontend that `# syntax=` names has a version.

    It is an image that is downloaded and reads the whole build: `latest` and names outside `docker/` are other
    people's code in the builder. `docker/dockerfile:1` is the stable line; `digest = true` asks for a digest as well.

    Bad::

        # syntax=docker/dockerfile:latest  # <-
        FROM debian:12-slim

    Good::

        # syntax=docker/dockerfile:1.7
        FROM debian:12-slim
    """
    word = dockerfile.directives.get("syntax")
    if word is None:
        not_applicable("there is no syntax directive")
    image = parse_reference(word.text.split()[0] if word.text.split() else "")
    if image.digest:
        return
    if not image.tag or image.tag in {"latest", "labs", "master"}:
        message = "the image that reads this file (its frontend) has no version"
    elif digest:
        message = "the frontend is not pinned by a digest"
    elif not image.path.startswith("docker/dockerfile"):
        message = "the frontend is not Docker's, and has no digest"
    else:
        return
    yield Finding(message, word.origin, advice("# syntax=docker/dockerfile:1"))


@control(severity="low", optional=True, equivalents={"hadolint": "DL3046"})
def high_user_ids_leave_no_huge_file(stage: Stage) -> Findings:
    """useradd with a high id does not write a huge log file.

    `/var/log/faillog` and `lastlog` are arrays indexed by uid: a uid above 100000 makes them sparse files of
    gigabytes, which the layer's archive writes out.

    Bad::

        FROM debian:12-slim
        RUN useradd -u 1234567 app  # <-

    Good::

        FROM debian:12-slim
        RUN useradd --no-log-init -u 1234567 app && useradd -u 10001 other
    """
    for run, command in commands(stage, "useradd"):
        words = [plain(word) for word in command.args]
        match = re.search(r"(?:-[a-zA-Z]*u|--uid)[= ]?(\d+)", " ".join(words))
        if match and len(match[1]) > 5 and not command.has("-l", "--no-log-init"):
            yield run.finding(f"uid {match[1]} makes a huge lastlog", _without_log(command), at=command.origin)


@control(
    severity="info",
    optional=True,
    equivalents={
        "kics": "run_using_wget_and_curl",
        "trivy": "DS-0014",
        "hadolint": "DL4001",
        "semgrep": "use-either-wget-or-curl",
    },
)
def one_download_tool(dockerfile: Dockerfile) -> Findings:
    """One download tool is enough.

    With both curl and wget in the image there are two to patch, and two for an intruder to choose from.

    Bad::

        FROM debian:12-slim
        RUN curl -fsSO https://example.com/a
        RUN wget https://example.com/b  # <-

    Good::

        FROM debian:12-slim
        RUN wget https://example.com/a && wget https://example.com/b
    """
    for stage in dockerfile.stages:
        used: dict[str, tuple[Instruction, TextOrigin]] = {}
        for tool, run, origin in _download_tools(stage):
            used.setdefault(tool, (run, origin))
        if len(used) == 2:
            tool, (run, origin) = list(used.items())[1]
            yield run.finding(f"{tool} is used beside {next(iter(used))}", advice("use one of them"), at=origin)


def _download_tools(stage: Stage) -> Iterator[tuple[str, Instruction, TextOrigin]]:
    for run in runs(stage):
        if not re.search(r"\b(curl|wget)\b", run.text) and not any(
            re.search(r"curl|wget", h.body) for h in run.heredocs
        ):
            continue
        for command in run.script.commands:
            if command.name in {"curl", "wget"}:
                yield command.name, run, command.origin
