"""What the builder's own checks and other tools say of the writing of a Dockerfile.

``docker build --check`` warns of most of it, and with ``# check=error=true`` the build stops.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import instructions, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction, Stage
from pytest_dockerharden.model.finding import Class, Findings, Remedy
from pytest_dockerharden.model.packages import INSTALL, SYSTEM, Invocation, invocations
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice, replace_text, text_edit


def _keywords(dockerfile: Dockerfile) -> Iterator[tuple[Instruction, str]]:
    """Each instruction with its keyword as it is written."""
    lines = dockerfile.text.split("\n")
    for instruction in dockerfile.instructions:
        start = instruction.keyword_origin
        if start.line <= len(lines):
            yield instruction, lines[start.line - 1][start.column - 1 :][: len(instruction.keyword)]


@control(severity="info", optional=True, equivalents={"buildkit": "ConsistentInstructionCasing"})
def instructions_have_one_casing(dockerfile: Dockerfile) -> Findings:
    """Instructions are all upper case or all lower case.

    The builder warns of each that differs from the rest.

    Bad::

        FROM debian:12-slim
        run true  # <-
        COPY a /a
        Cmd ["x"]  # <-

    Good::

        from debian:12-slim
        run true
        copy a /a
    """
    written = list(_keywords(dockerfile))
    lower = sum(keyword.islower() for _, keyword in written)
    majority = str.lower if lower > sum(keyword.isupper() for _, keyword in written) else str.upper
    for instruction, keyword in written:
        if keyword != majority(keyword):
            remedy = _in_upper_case(instruction) if majority is str.upper else _ALL_OR_NONE
            message = f"{keyword} is not written like the other instructions"
            yield instruction.finding(message, remedy, at=instruction.keyword_origin)


@control(severity="info", optional=True, equivalents={"sonar": "S6476"})
def upper_case_instructions(dockerfile: Dockerfile) -> Findings:
    """Instructions are written in upper case.

    A reader tells them from their arguments at a glance.

    Bad::

        from debian:12-slim  # <-
        run true  # <-

    Good::

        FROM debian:12-slim
        RUN true
    """
    for instruction, keyword in _keywords(dockerfile):
        if not keyword.isupper():
            remedy = _in_upper_case(instruction)
            yield instruction.finding(f"{keyword} is not upper case", remedy, at=instruction.keyword_origin)


def _in_upper_case(instruction: Instruction) -> Remedy:
    return replace_text(instruction.keyword_origin, instruction.keyword, effect="safe")


# an edit to lower case would undo that of upper-case-instructions
_ALL_OR_NONE = advice("write the others in upper case; where all are to be lower case, this one too")


@control(severity="info", optional=True, equivalents={"buildkit": "FromAsCasing"})
def as_is_written_like_from(dockerfile: Dockerfile) -> Findings:
    """AS is written in the case of its FROM.

    The builder warns of it.

    Bad::

        FROM debian:12-slim as build  # <-

    Good::

        FROM debian:12-slim AS build
        from debian:12-slim as test
    """
    for instruction, keyword in _keywords(dockerfile):
        if instruction.keyword == "FROM" and len(instruction.words) == 3:
            word = instruction.words[1]
            if word.raw.lower() == "as" and word.raw.isupper() != keyword.isupper():
                written = "AS" if keyword.isupper() else "as"
                remedy = replace_text(word.origin, written, effect="safe")
                yield instruction.finding(f"{word.raw} is not written like {keyword}", remedy, at=word.origin)


@control(severity="info", optional=True, equivalents={"buildkit": "StageNameCasing"})
def lower_case_stage_names(stage: Stage) -> Findings:
    """Names of stages are lower case.

    The builder takes them for lower case anyway, and warns.

    Bad::

        FROM debian:12-slim AS Build  # <-

    Good::

        FROM debian:12-slim AS build
    """
    first = stage.instructions[0]
    if first.keyword == "FROM" and len(first.words) == 3 and first.words[2].raw != first.words[2].raw.lower():
        named = first.words[2]
        remedy = replace_text(named, named.raw.lower(), effect="safe")  # the builder compares names without their case
        yield stage.finding(f"{named.raw} is not lower case", remedy, at=named.origin)


@control(severity="info", optional=True, equivalents={"buildkit": "ExposeProtoCasing"})
def lower_case_protocols(stage: Stage) -> Findings:
    """The protocol of EXPOSE is lower case.

    The builder warns of it.

    Bad::

        FROM debian:12-slim
        EXPOSE 80/TCP  # <-

    Good::

        FROM debian:12-slim
        EXPOSE 80/tcp
    """
    for expose in instructions(stage, "EXPOSE"):
        for word in expose.words:
            protocol = (word.value or "").partition("/")[2]
            if protocol != protocol.lower():
                kept, slash, written = word.raw.rpartition("/")
                remedy = (
                    replace_text(word, f"{kept}/{protocol.lower()}", effect="safe")
                    if slash and written == protocol
                    else advice(word.text.lower())
                )
                yield expose.finding(f"{protocol} is not lower case", remedy, at=word.origin)


@control(severity="info", optional=True, equivalents={"buildkit": "InvalidDefinitionDescription"})
def descriptions_begin_with_the_name(dockerfile: Dockerfile) -> Findings:
    """A comment right above a stage or an ARG begins with its name.

    `docker build --call=outline` shows such a comment as the description; another comment needs an empty line.

    Bad::

        # where it is compiled
        FROM debian:12-slim AS build  # <-

    Good::

        # build compiles
        FROM debian:12-slim AS build

        # ARG of another kind

        ARG VERSION=1
    """
    comments = {comment.origin.line: comment.text.strip() for comment in dockerfile.comments}
    for instruction in dockerfile.instructions:
        names = _defined(instruction)
        described, line = list[str](), instruction.origin.line - 1
        while line in comments:
            described.append(comments[line])
            line -= 1
        if names and described and not any(text.startswith(f"{name} ") for text in described for name in names):
            yield instruction.finding(f"the comment above does not begin with {names[0]}", advice(f"# {names[0]} ..."))


def _defined(instruction: Instruction) -> list[str]:
    if instruction.keyword == "FROM" and len(instruction.words) == 3:
        return [instruction.words[2].text]
    return [pair.key.text for pair in instruction.pairs] if instruction.keyword == "ARG" else []


@control(severity="info", optional=True, equivalents={"hadolint": "DL1001"})
def no_inline_ignores(dockerfile: Dockerfile) -> Findings:
    """No comment switches rules of hadolint off.

    Such a comment gives no reason, has no end, and is in no report. A waiver has all three.

    Bad::

        FROM debian:12-slim
        # hadolint ignore=DL3008  # <-
        RUN apt-get update && apt-get install -y curl

    Good::

        FROM debian:12-slim
        # curl is not pinned: Debian drops old versions
        RUN apt-get update && apt-get install -y curl
    """
    for comment in dockerfile.comments:
        if re.match(r"\s*hadolint\s+(global\s+)?ignore\s*=", comment.text):
            yield dockerfile.finding(
                "rules are switched off by a comment",
                advice("# harden: waive CONTROL until YYYY-MM-DD -- reason"),
                at=comment.origin,
            )


@control(severity="info", optional=True, equivalents={"sonar": "S7018", "tally": "tally/sort-packages"})
def sorted_packages(stage: Stage) -> Findings:
    """Packages that are installed together stand in alphabetical order.

    Duplicates are seen, and two people who add one do not meet in the same line.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y wget curl  # <-

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y curl wget
    """
    for run in runs(stage):
        for call in invocations(run, *SYSTEM, "pip", "npm", "yarn", "pnpm", "gem"):
            names = [re.split(r"[=<>~@]", plain(word))[0].lower() for word in call.packages]
            known = all(re.match(r"[a-z0-9]", name) and "/" not in name for name in names)
            if call.action == INSTALL and len(names) > 1 and known and names != sorted(names):
                yield run.finding(f"{call.manager} installs in no order", _sorted(run, call), at=call.command.origin)


def _sorted(run: Instruction, call: Invocation) -> Remedy:
    """The words change places, and line breaks stay. A comment may belong to what stands below it."""
    words = sorted(call.packages, key=lambda word: re.split(r"[=<>~@]", plain(word))[0].lower())
    texts = [word.raw for word in words]
    if any(call.command.origin.line <= c.origin.line <= call.command.origin.end_line for c in run.comments):
        return advice("sort them")
    moved = [(old, new) for old, new in zip(call.packages, texts, strict=True) if old.raw != new]
    effect: Class = "safe" if call.manager in SYSTEM else "behaviour-changing"
    return Remedy(" ".join(texts), tuple(text_edit(old, new) for old, new in moved), effect)


_ADDRESS = pattern(r"\w+://\S+")


@control(severity="info", optional=True, equivalents={"sonar": "S7020"})
def short_run_lines(stage: Stage, *, characters: int = 120) -> Findings:
    """RUN has no very long lines.

    What stands beyond the edge of the screen is not reviewed. Addresses are not counted.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y aaaaaaaa bbbbbbbb cccccccc dddddddd eeeeeeee ffffffff gggggggg hhhhhhhh iiiiiiii  # <-

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y \\
            curl
    """  # noqa: E501
    lines = stage.dockerfile.text.split("\n")
    for run in runs(stage):
        for number in range(run.origin.line, min(run.origin.end_line, len(lines)) + 1):
            text = _ADDRESS.sub("", lines[number - 1].rstrip("\r"))
            if len(text) > characters and len(text.split()) > 2:
                yield run.finding(f"a line of {len(text)} characters", advice("one command a line, joined by && \\"))
                break


@control(severity="info", optional=True, equivalents={"tally": "tally/prefer-run-heredoc"})
def long_scripts_are_heredocs(stage: Stage) -> Findings:
    """A RUN of many commands is a heredoc.

    `set -e` and a command a line need no chain of `&&` and backslashes, where one that is missing changes the meaning.

    Bad::

        FROM debian:12-slim
        RUN ./configure && make && make install  # <-

    Good::

        FROM debian:12-slim
        RUN <<EOF
        set -e
        ./configure
        make
        make install
        EOF
    """
    row = 0
    previous: Instruction | None = None
    for instruction in stage.instructions:
        follows = previous is not None and previous.keyword == "RUN" and instruction.keyword == "RUN"
        row = row + 1 if follows else 1
        previous = instruction
        if instruction.keyword != "RUN" or instruction.form != "shell" or instruction.heredocs:
            continue
        chained = len(re.findall(r"&&|;(?!;)", instruction.text)) >= 2 and len(instruction.script.commands) >= 3
        if row == 3 or chained:
            message = "a chain of many commands" if chained else "the third RUN in a row"
            yield instruction.finding(message, advice("RUN <<EOF"))
