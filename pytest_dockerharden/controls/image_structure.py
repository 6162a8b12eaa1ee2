"""Whether a Dockerfile says what its author means."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from pytest_dockerharden.model.build import commands, instructions, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction, Pair, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Edit, Finding, Findings, Remedy
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice, replace_text, text_edit, whole_lines

# what other controls say of the same place, in more words
_JUDGED_ELSEWHERE = pattern(
    r"refers to itself|there is no stage \d|looks like a JSON array|circular dependency|before the first FROM|"
    r"there is no FROM|there are no instructions|unknown instruction|not allowed as an ONBUILD trigger"
)
_PLATFORM_ARGUMENTS = frozenset(
    f"{side}{part}" for side in ("BUILD", "TARGET") for part in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")
) | {"TARGETSTAGE"}
_MOST_COMPARED = 200
_PROXY_ARGUMENTS = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"})
_VARIABLE = pattern(r"(?<![\\$])\$(?:\{(?P<braced>[A-Za-z_]\w*)(?P<rest>[^}]{0,999})\}|(?P<bare>[A-Za-z_]\w*))")


def _as_label(maintainer: Instruction) -> Remedy:
    key = "LABEL org.opencontainers.image.authors="
    name = maintainer.text.strip().strip("\"'")
    if maintainer.origin.line != maintainer.origin.end_line or re.search(r"[\"\\$]", name) or not name:
        return advice(f'{key}"..."')
    return replace_text(maintainer.origin, f'{key}"{name}"', effect="safe")


def _with_equals_sign(instruction: Instruction, pair: Pair) -> Remedy:
    text, value = f"{instruction.keyword} {pair.key.text}=...", pair.value
    if value is None or value.origin.line != pair.key.origin.line or not re.fullmatch(r"[^\"'\\`]+", value.raw):
        return advice(text)
    start, end = pair.key.origin, value.origin
    behind = TextOrigin(start.file, start.end_line, start.end_column, end.end_line, end.end_column)
    quoted = value.raw if re.fullmatch(r"[\w./:@+-]+", value.raw) else f'"{value.raw}"'
    return replace_text(behind, f"={quoted}", text=text, effect="safe")


def _empty_lines(dockerfile: Dockerfile, first: TextOrigin) -> Iterator[Edit]:
    """Those of the instruction that goes on at ``first``: the builder warns of one at a time."""
    directive = dockerfile.directives.get("escape")
    escape = directive.text if directive else "\\"
    for number, line in enumerate(dockerfile.text.split("\n")[first.line - 1 : -1], first.line):
        written = line.strip()
        if not written:
            yield text_edit(whole_lines(TextOrigin(first.file, number, 1, number, 1)), "")
        elif written[0] != "#" and (not written.endswith(escape) or written.endswith(2 * escape)):
            return


def _absolute(stage: Stage, workdir: Instruction, text: str) -> Remedy:
    """The path that a relative one is from the WORKDIR before it, where the file has that."""
    before = stage.inherited("WORKDIR")
    base = ""
    for earlier in before[: before.index(workdir)] if workdir in before else ():
        value = earlier.words[0].value if earlier.words else None
        base = posixpath.join(base, value) if value is not None else ""
    word = workdir.words[0] if workdir.words else None
    if not base.startswith("/") or word is None or word.raw != text or not text:
        return advice(f"WORKDIR /{text}")
    path = posixpath.normpath(posixpath.join(base, text))
    return replace_text(word, path, text=f"WORKDIR {path}", effect="safe")


@control(severity="high", equivalents={"sonar": "S2260"})
def accepted_by_the_builder(dockerfile: Dockerfile) -> Findings:
    """The builder accepts the Dockerfile.

    A flag that no instruction has, a heredoc without an end, a wrong number of arguments: the build stops there, and
    what a scanner says of the rest is worth nothing.

    Bad::

        FROM debian:12-slim
        COPY --form=build a b  # <-

    Bad::

        # file: Dockerfile
        FROM debian:12-slim
        # file: .dockerignore
        .git
        [build  # <-

    Good::

        # syntax=docker/dockerfile:1
        ARG VERSION=12
        FROM debian:${VERSION}-slim
        COPY --from=golang:1.24 /usr/local/go /usr/local/go
    """
    ignored = dockerfile.ignore.problems if dockerfile.ignore else ()
    for problem in (*dockerfile.problems, *ignored):
        if problem.kind != "warning" and not _JUDGED_ELSEWHERE.search(problem.message):
            yield _refused(dockerfile, problem)


def _refused(dockerfile: Dockerfile, problem: Problem) -> Finding:
    hint = f" ({problem.hint})" if problem.hint else ""
    return dockerfile.finding(f"{problem.message}{hint}", at=problem.origin)


@control(severity="high", equivalents={"tally": "tally/unknown-instruction", "sonar": "S2260"})
def known_instructions(dockerfile: Dockerfile) -> Findings:
    """Every instruction is one that the builder knows.

    It stops at the first other word.

    Bad::

        FROM debian:12-slim
        COPPY a b  # <-

    Good::

        from debian:12-slim
        copy a b
    """
    for problem in dockerfile.problems:
        if problem.message.startswith("unknown instruction") and not _is_trigger(dockerfile, problem):
            yield _refused(dockerfile, problem)


@control(
    severity="high", equivalents={"hadolint": "DL3043", "tally": "tally/invalid-onbuild-trigger", "sonar": "S2260"}
)
def onbuild_triggers_are_allowed(dockerfile: Dockerfile) -> Findings:
    """ONBUILD triggers an instruction that may be triggered.

    FROM, ONBUILD and MAINTAINER may not, and an unknown one is found out by whoever builds on the image.

    Bad::

        FROM debian:12-slim
        ONBUILD FROM alpine  # <-
        ONBUILD ONBUILD RUN true  # <-
        ONBUILD COPPY a b  # <-

    Good::

        FROM debian:12-slim
        ONBUILD COPY . /app
        ONBUILD RUN make
    """
    for problem in dockerfile.problems:
        if "not allowed as an ONBUILD trigger" in problem.message or (
            problem.message.startswith("unknown instruction") and _is_trigger(dockerfile, problem)
        ):
            yield _refused(dockerfile, problem)


def _is_trigger(dockerfile: Dockerfile, problem: Problem) -> bool:
    triggers = (i.origin for i in dockerfile.instructions if i.keyword == "ONBUILD")
    return any(origin.line <= problem.origin.line <= origin.end_line for origin in triggers)


@control(severity="high", equivalents={"hadolint": "DL3061", "tally": "tally/require-stages", "sonar": "S2260"})
def first_instruction_is_from(dockerfile: Dockerfile) -> Findings:
    """FROM comes first; only ARG may stand before it.

    There is nothing yet that another instruction could change: the builder stops.

    Bad::

        RUN echo too early  # <-
        FROM debian:12-slim

    Good::

        # syntax=docker/dockerfile:1
        ARG VERSION=12
        FROM debian:${VERSION}-slim
    """
    for problem in dockerfile.problems:
        if re.search(r"before the first FROM|there is no FROM|there are no instructions", problem.message):
            yield _refused(dockerfile, problem)


@control(severity="high", equivalents={"tally": "tally/syntax-directive-typo"})
def known_directives(dockerfile: Dockerfile) -> Findings:
    """A comment that is meant as a directive is one.

    A misspelt `# syntax=` is a comment: the file is read by another frontend than its author thinks.

    Bad::

        # sytnax=docker/dockerfile:1  # <-
        FROM debian:12-slim

    Good::

        # syntax=docker/dockerfile:1
        # escape=`
        FROM debian:12-slim
    """
    yield from _misspelt_directives(dockerfile)


def _misspelt_directives(dockerfile: Dockerfile) -> Findings:
    first = dockerfile.instructions[0].origin.line if dockerfile.instructions else 1
    for comment in dockerfile.comments:
        match = re.match(r"\s*([a-z]{4,8})\s*=\s*\S+\s*\Z", comment.text)
        if match and comment.origin.line < first and match[1] not in {"syntax", "escape", "check"}:
            close = get_close_matches(match[1], ("syntax", "escape"), 1, 0.75)
            if close:
                yield dockerfile.finding(f"{match[1]} is no directive, did you mean {close[0]}?", at=comment.origin)


@control(severity="low", equivalents={"buildkit": "NoEmptyContinuation"})
def no_empty_continuation(dockerfile: Dockerfile) -> Findings:
    r"""No empty line stands inside a continued instruction.

    Builders will refuse it one day. Usually a line was deleted and the backslash above was meant to go too, so the
    next instruction is read as part of this one.

    Bad::

        FROM debian:12-slim
        RUN echo a && \
        # <-
            echo b

    Good::

        FROM debian:12-slim
        RUN echo a && \
            # a comment is fine
            echo b
    """
    for problem in dockerfile.problems:
        if problem.kind == "warning" and "empty line" in problem.message:
            yield dockerfile.finding(
                "an empty line continues the instruction",
                Remedy("remove it", tuple(_empty_lines(dockerfile, problem.origin)), "safe"),
                at=problem.origin,
            )


@control(
    severity="medium",
    equivalents={
        "kics": "same_alias_in_different_froms",
        "trivy": "DS-0012",
        "checkov": "CKV_DOCKER_11",
        "hadolint": "DL3024",
        "semgrep": "alias-must-be-unique",
        "buildkit": "DuplicateStageName",
    },
)
def unique_stage_names(dockerfile: Dockerfile) -> Findings:
    """Every stage has a name of its own.

    The later one hides the earlier: `COPY --from` and `--target` mean another stage than the reader thinks.

    Bad::

        FROM debian:12 AS build
        FROM alpine:3.22 AS Build  # <-

    Good::

        FROM debian:12 AS build
        FROM build AS test
    """
    seen: set[str] = set()
    for stage in dockerfile.stages:
        if stage.name and stage.name in seen:
            yield stage.finding(f"another stage is named {stage.name}", advice("give it another name"))
        seen.add(stage.name)


@control(severity="low", equivalents={"hadolint": "DL3063", "buildkit": "ReservedStageName"})
def unreserved_stage_names(stage: Stage) -> Findings:
    """No stage is named like a word of the builder.

    `scratch` is the empty image and `context` the build context: as a name of a stage they mean one thing to the
    reader and another to the builder.

    Bad::

        FROM debian:12 AS scratch  # <-

    Good::

        FROM scratch AS empty
    """
    if stage.name in {"scratch", "context"}:
        yield stage.finding(f"{stage.name} is a reserved name", advice("give it another name"))


@control(severity="low", optional=True, equivalents={"buildkit": "LegacyKeyValueFormat", "sonar": "S6574"})
def equals_sign_in_variables(stage: Stage) -> Findings:
    """ENV and LABEL are written with an equals sign.

    `ENV NAME value` takes the whole rest of the line as one value, a second variable or a comment on it included.

    Bad::

        FROM debian:12-slim
        ENV A 1 B=2  # <-

    Good::

        FROM debian:12-slim
        ENV A=1 B=2
    """
    for instruction in instructions(stage, "ENV", "LABEL", "ARG"):
        legacy = next((pair for pair in instruction.pairs if pair.legacy), None)
        if legacy is not None:
            yield instruction.finding(f"{legacy.key.text} has no equals sign", _with_equals_sign(instruction, legacy))


@control(
    severity="low",
    equivalents={
        "kics": "workdir_path_not_absolute",
        "trivy": "DS-0009",
        "checkov": "CKV_DOCKER_10",
        "hadolint": "DL3000",
        "semgrep": "use-absolute-workdir",
        "buildkit": "WorkdirRelativePath",
        "sonar": "S7021",
        "terrascan": "AC_DOCKER_0013",
    },
)
def absolute_workdir(stage: Stage) -> Findings:
    """WORKDIR is an absolute path.

    A relative one depends on where the base image, or the line before, happens to stand.

    Bad::

        FROM debian:12-slim
        WORKDIR app  # <-

    Good::

        FROM debian:12-slim
        ENV HOME_DIR=/srv/app
        WORKDIR /app
        WORKDIR ${HOME_DIR}
        WORKDIR $UNKNOWN/data
        WORKDIR "/with blank"
    """
    for workdir in instructions(stage, "WORKDIR"):
        path = workdir.words[0].value if workdir.words else None
        raw = workdir.words[0].raw.strip("\"'") if workdir.words else ""
        if path is None and (raw.startswith("$") or not raw):
            continue
        text = (plain(workdir.words[0]) if path is None else path).strip()
        if not re.match(r"[/\\]|[A-Za-z]:", text):
            yield workdir.finding(f"{text or 'the empty path'} is relative", _absolute(stage, workdir, text))


@control(
    severity="info",
    optional=True,
    equivalents={
        "kics": "maintainer_instruction_being_used",
        "trivy": "DS-0022",
        "checkov": "CKV_DOCKER_6",
        "hadolint": "DL4000",
        "semgrep": "maintainer-is-deprecated",
        "buildkit": "MaintainerDeprecated",
        "sonar": "S6586",
    },
)
def no_maintainer_instruction(dockerfile: Dockerfile) -> Findings:
    """The maintainer is a label.

    MAINTAINER is deprecated since 2017, and nothing that reads labels finds it.

    Bad::

        FROM debian:12-slim
        MAINTAINER someone@example.com  # <-

    Good::

        FROM debian:12-slim
        LABEL org.opencontainers.image.authors="someone@example.com"
    """
    for instruction in dockerfile.instructions:
        if instruction.keyword == "MAINTAINER":
            yield instruction.finding("MAINTAINER is deprecated", _as_label(instruction))


@control(severity="info", optional=True, equivalents={"tally": "tally/no-unreachable-stages"})
def stages_are_used(dockerfile: Dockerfile) -> Findings:
    """Every stage takes part in the image that is built.

    The classic builder builds the others too, and a reader takes them for part of the image. A stage for `--target`
    is worth a comment.

    Bad::

        FROM debian:12 AS leftover  # <-
        FROM debian:12-slim

    Good::

        FROM debian:12 AS build
        FROM debian:12-slim
        COPY --from=build /app /app
    """
    final = dockerfile.final
    if final is None:
        not_applicable("there is no stage")
    used = dockerfile.needed_by(final.index) | {final.index}
    for stage in dockerfile.stages:
        if stage.index not in used:
            yield stage.finding("nothing uses the stage", advice("remove it"))


@control(severity="medium", equivalents={"buildkit": ("UndefinedArgInFrom",)})
def declared_base_variables(dockerfile: Dockerfile) -> Findings:
    """Every variable of FROM is declared by an ARG before the first FROM.

    Inside a stage ARG comes too late for FROM: the variable is empty, and the name of the image with it.

    Bad::

        ARG VERSION=12
        FROM debian:${VERSON}-slim  # <-

    Good::

        ARG VERSION=12
        FROM --platform=$BUILDPLATFORM debian:${VERSION}-slim
        FROM debian:${VERSION:+12}
    """
    declared = {pair.key.text for arg in dockerfile.preamble for pair in arg.pairs if arg.keyword == "ARG"}
    for stage in dockerfile.stages:
        for word in (stage.base_word, stage.platform):
            for match in _VARIABLE.finditer(word.raw) if word is not None else ():
                name = match["braced"] or match["bare"]
                if name not in declared | _PLATFORM_ARGUMENTS:
                    hint = _did_you_mean(name, declared, 0.7)
                    if match["rest"]:  # a default of its own: no build argument can change it
                        hint = hint or ", so no build argument can set it"
                    yield stage.finding(f"${name} is not declared{hint}", advice(f"ARG {name}=..."))


def _variables(raw: str) -> Iterator[tuple[str, str]]:
    """Name and modifier of the variables of a word; those with a default of their own are left out."""
    for match in _VARIABLE.finditer(raw):
        rest = match["rest"] or ""
        if not re.match(r":?[-+?=]", rest):
            yield match["braced"] or match["bare"], rest


@control(severity="low", optional=True, equivalents={"buildkit": "InvalidDefaultArgInFrom"})
def base_image_has_a_default(stage: Stage) -> Findings:
    """FROM names an image even when no build argument is given.

    A plain `docker build .`, an editor or a scanner gives none: the reference is then empty or invalid.

    Bad::

        ARG TAG
        FROM debian:${TAG}  # <-

    Good::

        ARG TAG=12-slim
        ARG SUFFIX
        FROM debian:${TAG}${SUFFIX}
    """
    arguments = [pair for arg in stage.dockerfile.preamble for pair in arg.pairs]
    defaults = {pair.key.text: pair.value.value if pair.value else "" for pair in arguments}
    raw = stage.base_word.raw
    names = [name for name, _ in _variables(raw)]
    if not names:
        not_applicable("FROM has no variables")
    if any(name not in defaults or defaults[name] is None for name in names):
        return
    text = _VARIABLE.sub(lambda match: defaults.get(match["braced"] or match["bare"]) or "", raw).strip("\"'")
    if not any(defaults[name] == "" for name in names) or "$" in text:
        return
    if not parse_reference(text).valid and stage.dockerfile.stage(text) is None:
        empty = next(name for name in names if defaults[name] == "")
        yield stage.finding(f"${empty} has no default, so the image is {text or 'empty'!r}", advice(f"ARG {empty}=..."))


# bases whose configuration sets no variable but PATH
_BARE = frozenset("scratch alpine debian ubuntu busybox centos rockylinux almalinux amazonlinux archlinux".split())  # noqa: SIM905
_ALWAYS_THERE = frozenset({"PATH", "HOME", "HOSTNAME", "TERM", "USER", "PWD", "SHELL", "LANG"})
_SET_BY_NO_OFFICIAL_IMAGE = frozenset({"PYTHONPATH", "NODE_PATH"})
_EXPANDED = ("ADD", "COPY", "ENV", "EXPOSE", "LABEL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR")


@control(severity="medium", equivalents={"buildkit": "UndefinedVar", "sonar": "S6579"})
def declared_variables(stage: Stage) -> Findings:
    """Every variable is declared in the stage that uses it.

    An ARG before FROM reaches FROM alone; a stage must declare it again. What is not declared is empty:
    `COPY $APP /` then copies the whole context.

    Bad::

        ARG VERSION=1
        FROM debian:12-slim
        LABEL version=$VERSION  # <-

    Bad::

        FROM alpine:3.22
        COPY $sourec /app  # <-

    Good::

        ARG VERSION=1
        FROM python:3.13-slim
        ARG VERSION
        ARG TARGETARCH
        LABEL version=$VERSION arch=$TARGETARCH python=$PYTHON_VERSION
        ENV PATH=/venv/bin:$PATH
        RUN VERSION=2 && echo $VERSION $HOME
    """
    globals_ = {pair.key.text for arg in stage.dockerfile.preamble for pair in arg.pairs}
    official = parse_reference(stage.root_base() or "").official
    bare = official in _BARE or stage.root_base() == "scratch"
    later = {pair.key.text for part in stage.of("ARG", "ENV") for pair in part.pairs}
    for instruction in stage.of(*_EXPANDED):
        reported: set[str] = set()
        set_later: set[str] | None = None
        for name, origin in _used(instruction):
            if (
                name in instruction.environment
                or name in reported
                or name in _PROXY_ARGUMENTS
                or name.lower() == name.upper()
            ):
                continue
            if set_later is None:
                set_later = later - _extended(instruction, official)
            if _is_surely_undeclared(name, globals_, set_later, bare=bare):
                reported.add(name)
                hint = _did_you_mean(name, instruction.environment, 0.75)
                yield instruction.finding(f"${name} is not declared{hint}", advice(f"ARG {name}"), at=origin)
    for run in runs(stage):
        for name in sorted(_global_uses(run, globals_)):
            yield run.finding(f"${name} is not declared in this stage", advice(f"ARG {name}"))


def _did_you_mean(name: str, known: Collection[str], cutoff: float) -> str:
    close = get_close_matches(name, known, 1, cutoff) if len(known) <= _MOST_COMPARED else ()
    return f", did you mean {close[0]}?" if close else ""


def _used(instruction: Instruction) -> Iterator[tuple[str, TextOrigin]]:
    words = [*instruction.words]
    words += [pair.value for pair in instruction.pairs if pair.value is not None]
    words += [flag.value for flag in instruction.flags if flag.value is not None]
    for word in words:
        if "$" in word.raw and not word.raw.startswith("'"):
            for name, _ in _variables(word.raw):
                yield name, word.origin


def _extended(env: Instruction, official: str) -> set[str]:
    """What ``ENV X=/a:$X`` adds to: the base may set it, as CUDA's and Tomcat's set LD_LIBRARY_PATH."""
    names = {pair.key.text for pair in env.pairs} if env.keyword == "ENV" else set()
    return names - _SET_BY_NO_OFFICIAL_IMAGE if official else names


def _is_surely_undeclared(name: str, globals_: set[str], later: set[str], *, bare: bool) -> bool:
    """The base image may set a variable; these it does not."""
    if name in _ALWAYS_THERE:
        return False
    return name in globals_ or name in _PLATFORM_ARGUMENTS or bare or (name in later and name != "PATH")


def _global_uses(run: Instruction, globals_: set[str]) -> set[str]:
    """Global arguments that a RUN reads although the stage does not declare them and the script does not set them."""
    missing = {name for name in globals_ if name not in run.environment}
    if not missing or run.form != "shell" or not any(name in run.text for name in missing):
        return set()
    used = {name for name, _ in _variables(run.text)} & missing
    return {n for n in used if not re.search(rf"\b{n}=|\b(for|read|export|local|declare)\s[^;&|]*\b{n}\b", run.text)}


@control(severity="medium", equivalents={"hadolint": "DL3044"})
def env_does_not_use_itself(stage: Stage) -> Findings:
    """ENV does not use a variable that the same instruction sets.

    All values are expanded before any is set: the reference gives the old value, or nothing.

    Bad::

        FROM debian:12-slim
        ENV APP=/srv/app BIN=$APP/bin  # <-

    Good::

        FROM debian:12-slim
        ENV APP=/srv/app
        ENV BIN=$APP/bin PATH=$PATH:/srv/bin

    Good::

        FROM debian:12-slim
        ARG APP=/opt
        ENV APP=$APP OTHER=/srv
    """
    for env in stage.of("ENV"):
        keys = {pair.key.text for pair in env.pairs}
        for pair in env.pairs:
            if pair.value is None or "$" not in pair.value.raw or pair.value.raw.startswith("'"):
                continue
            for name in dict.fromkeys(name for name, _ in _variables(pair.value.raw)):
                if name in keys and name != pair.key.text and name not in env.environment:
                    yield env.finding(
                        f"${name} is set by this very instruction", advice("an ENV of its own"), at=pair.origin
                    )


@control(severity="medium", optional=True, equivalents={"sonar": "S6581"})
def variables_are_unset_where_they_are_set(stage: Stage) -> Findings:
    """A variable is unset in the layer that set it.

    `RUN unset X` ends with its own shell: an ENV is back in the next step and in the container, and stays readable.

    Bad::

        FROM debian:12-slim
        ENV BUILD_MODE=fast
        RUN unset BUILD_MODE  # <-

    Good::

        FROM debian:12-slim
        ENV BUILD_MODE=fast
        RUN export MODE=x && make && unset MODE
        RUN unset BUILD_MODE && make
    """
    for run, command in commands(stage, "unset"):
        last = run.script.commands[-1] is command
        name = next((plain(w) for w in command.args if plain(w) in run.environment), "")
        if name and last and not re.search(rf"(export|declare)\s+{name}=", run.text):
            yield run.finding(
                f"{name} stays set in the image", advice("set it in the RUN that needs it"), at=command.origin
            )


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "changing_default_shell_using_run_command",
        "hadolint": "DL4005",
        "semgrep": "use-shell-instruction",
        "terrascan": "AC_DOCKER_0020",
    },
)
def shell_is_set_by_shell(stage: Stage) -> Findings:
    """The shell of RUN is set by SHELL, not by replacing /bin/sh.

    Scripts of the distribution are written for its own /bin/sh: another one under its name breaks them at run time.

    Bad::

        FROM debian:12-slim
        RUN ln -sf /bin/bash /bin/sh  # <-

    Good::

        FROM debian:12-slim
        SHELL ["/bin/bash", "-o", "pipefail", "-c"]
        RUN ln -s /opt/tool/run.sh /usr/bin/tool
    """
    for run, command in commands(stage, "ln", "cp", "mv", "chsh", "usermod"):
        words = [plain(word) for word in command.args]
        if command.name in {"chsh", "usermod"}:
            shell = any(word in {"-s", "--shell"} or word.startswith("--shell=") for word in words)
            changes = command.name == "chsh" or (shell and ("root" in words or len(words) < 3))
        else:
            changes = bool(words) and words[-1] in {"/bin/sh", "/usr/bin/sh"}
        if changes:
            yield run.finding("the shell is replaced", advice('SHELL ["/bin/bash", "-c"]'), at=command.origin)


@control(
    severity="info",
    optional=True,
    equivalents={
        "kics": "run_command_cd_instead_of_workdir",
        "trivy": "DS-0013",
        "hadolint": "DL3003",
        "semgrep": "use-workdir",
        "sonar": "S6597",
        "terrascan": "AC_DOCKER_0018",
    },
)
def directories_are_changed_by_workdir(stage: Stage) -> Findings:
    """The directory of a step is set by WORKDIR.

    `cd` lasts as long as its RUN: the next one starts elsewhere, and `RUN cd x` alone does nothing. A subshell that
    comes back is fine.

    Bad::

        FROM debian:12-slim
        RUN cd /src && make  # <-

    Good::

        FROM debian:12-slim
        WORKDIR /src
        RUN make && (cd doc && make)
    """
    seen: set[int] = set()
    for run, command in commands(stage, "cd"):
        if id(run) not in seen and not {"()", "$()", "sh -c", "bash -c", "function", "for", "while"}.intersection(
            command.via
        ):
            alone = len(run.script.commands) == 1
            message = "cd alone changes nothing" if alone else "cd lasts for this RUN only"
            target = plain(command.args[0]) if command.args else "/"
            seen.add(id(run))
            yield run.finding(message, advice(f"WORKDIR {target}"), at=command.origin)
