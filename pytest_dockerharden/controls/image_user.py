"""Whom the containers of an image run as."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from pytest_dockerharden.model.build import (
    commands,
    holds_files_only,
    instructions,
    is_windows,
    may_ship,
    mentions,
    plain,
)
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction, Stage
from pytest_dockerharden.model.fact import NotApplicable, UnknownFact, not_applicable, unknown
from pytest_dockerharden.model.finding import Finding, Findings, Remedy
from pytest_dockerharden.model.known_images import NOBODYS, default_user, server_user, steps_down
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice, insert_behind, replace_text
from pytest_dockerharden.model.shell import Command

_ROOT = pattern(r"root\Z|\+?0+\Z|containeradministrator\Z", re.IGNORECASE)
_PLAIN_USER = pattern(r"[\w.:-]+")
_STEP_DOWN = (
    "gosu",
    "su-exec",
    "setpriv",
    "runuser",
    "su",
    "chroot",
    "s6-setuidgid",
    "setuidgid",
    "chpst",
    "step-down",
)
_CREATORS = ("useradd", "adduser")
_NUMBER = pattern(r"\+?\d+\Z")
# what a distroless base has in its /etc/passwd
_DISTROLESS_USERS = frozenset({"root", "nobody", "nonroot"})

_USERADD_VALUED = frozenset(
    """-u --uid -g --gid -G --groups -d --home --home-dir -s --shell -c --comment -k --skel -K --key -b --base-dir
    -e --expiredate -f --inactive -p --password -R --root -P --prefix -Z --selinux-user -F""".split()  # noqa: SIM905
)
# Debian's adduser and busybox's
_ADDUSER_VALUED = frozenset(
    """-u --uid --gid --ingroup -G -g --gecos --comment -h --home -s --shell -k --conf --firstuid --lastuid --firstgid
    --lastgid""".split()  # noqa: SIM905
)


def is_root(user: str) -> bool:
    """Whether ``user[:group]`` is uid 0; an empty user is."""
    name = user.split(":", 1)[0].strip()
    return not name or bool(_ROOT.match(name))


_ROOTS = "a program that needs files or ports of root"
_STARTING = frozenset({"CMD", "ENTRYPOINT", "HEALTHCHECK", "STOPSIGNAL", "EXPOSE", "LABEL"})


def _switching(stage: Stage, user: str) -> Remedy:
    """USER above what ends the stage and needs no root to be built."""
    end = next((i for i in reversed(stage.instructions) if i.keyword not in _STARTING), stage.instructions[0])
    lines = stage.dockerfile.text.split("\n")
    line = lines[end.origin.end_line - 1].rstrip("\r")
    escape = stage.dockerfile.directives.get("escape")
    if line.rstrip().endswith(escape.text if escape else "\\"):  # the file ends where the instruction goes on
        return advice(f"USER {user}")
    behind = replace(end.origin, end_column=max(len(line) + 1, end.origin.end_column))
    like = end.keyword_origin
    keyword = "user" if lines[like.line - 1][like.column - 1 : like.end_column - 1].islower() else "USER"
    return insert_behind(behind, f"\n{keyword} {user}", text=f"USER {user}", breaks=_ROOTS)


def _switching_to_a_number(stage: Stage) -> Remedy:
    number = _number(stage)
    base = stage.root_base() or ""
    if default_user(base) is None and _server_of(stage) is None:
        return advice(f"USER {number}")
    return _switching(stage, number)


def _server_of(stage: Stage) -> tuple[int, int] | None:
    base = stage.root_base()
    return server_user(parse_reference(base)) if base else None


def _number(stage: Stage) -> str:
    """The server's own user, else a number: it needs no account, and no program to make one."""
    uid, gid = _server_of(stage) or NOBODYS
    return f"{uid}:{gid}"


@control(
    severity="high",
    plan="P0",
    cis="4.1",
    owasp="RULE 2",
    nist="4.1.2",
    equivalents={
        "kics": "missing_user_instruction",
        "trivy": "DS-0002",
        "checkov": "CKV_DOCKER_3",
        "semgrep": ("missing-user", "missing-user-entrypoint"),
        "sonar": "S6471",
        "dockle": "CIS-DI-0001",
        "docker-bench": "4.1",
    },
)
def image_sets_a_user(dockerfile: Dockerfile) -> Findings:
    """The image sets the user that it runs as.

    Without USER, what runs is root, and root in a container is root for the kernel: one flaw in the runtime, one mount
    too many, and it is root on the host. A base image that is known to set a user will do.

    Bad::

        FROM python:3.12-slim  # <-
        COPY app.py /app.py
        CMD ["python", "/app.py"]

    Bad::

        FROM debian:12-slim  # <-
        RUN useradd --system app
        CMD ["sleep", "1"]

    Good::

        FROM golang:1.24 AS build
        FROM gcr.io/distroless/static-debian12:nonroot
        COPY --from=build /app /app

    Good::

        FROM python:3.12-slim
        RUN useradd --uid 1000 app
        USER 1000:1000
    """
    stage = _final(dockerfile)
    if stage.last("USER"):
        not_applicable("USER is set")
    if not _starts_as_root(stage):
        return
    created = _created_user(stage)
    remedy = _switching(stage, created) if created else _switching_to_a_number(stage)
    if created:
        yield stage.finding(f"no USER is set: {created} is created and never switched to", remedy)
    elif default_user(stage.root_base() or "") is None:
        yield stage.finding("no USER is set, and the base image is not known to set one", remedy)
    else:
        yield stage.finding("no USER is set, so it runs as root", remedy)


@control(
    severity="high",
    plan="P0",
    cis="4.1",
    owasp="RULE 2",
    nist="4.1.2",
    equivalents={
        "kics": "last_user_is_root",
        "trivy": "DS-0002",
        "checkov": "CKV_DOCKER_8",
        "hadolint": "DL3002",
        "semgrep": "last-user-is-root",
        "sonar": "S6471",
        "dockle": "CIS-DI-0001",
        "terrascan": "AC_DOCKER_0005",
        "docker-bench": "4.1",
    },
)
def non_root_image_user(dockerfile: Dockerfile) -> Findings:
    """The user that the image sets is not root.

    Root in a container is root for the kernel: one flaw in the runtime, one mount too many, and it is root on the
    host. The USER in force at the end of the stage that ships counts, and so does the one of a stage it builds on.

    Bad::

        FROM node:22-slim
        USER node
        RUN npm ci
        USER root  # <-

    Bad::

        FROM jenkins/jenkins:2.479-jdk21
        USER 0  # <-

    Good::

        FROM node:22-slim
        USER root
        RUN apt-get update
        USER node

    Good::

        FROM golang:1.24 AS build
        USER root
        FROM alpine:3.22
        USER 1000:1000
    """
    stage = _final(dockerfile)
    user = stage.last("USER") or not_applicable("there is no USER")
    if _starts_as_root(stage):
        created = _created_user(stage)
        known = created is not None and user in stage.instructions and user.words
        remedy = replace_text(user.words[0], str(created), text=f"USER {created}", breaks=_ROOTS) if known else None
        yield user.finding("the last USER is root", remedy or advice(f"USER {created or _number(stage)}"))


@control(
    severity="info",
    optional=True,
    cis="4.1",
    equivalents={
        "kics": "missing_user_instruction",
        "trivy": "DS-0002",
        "checkov": "CKV_DOCKER_3",
        "semgrep": ("missing-user", "missing-user-entrypoint"),
    },
)
def user_not_left_to_the_base_image(dockerfile: Dockerfile) -> Findings:
    """Some USER is set, whatever the base image and the entrypoint do.

    That the base image sets a user, or a script in it steps down from root, is nowhere in the project: it may change
    with the next one. Of images that run as root ``image-sets-a-user`` speaks.

    Bad::

        ARG BASE
        FROM ${BASE}  # <-
        CMD ["/app"]

    Bad::

        FROM gcr.io/distroless/static-debian12:nonroot  # <-
        COPY app /app
        CMD ["/app"]

    Good::

        FROM debian:12-slim AS base
        USER 1000:1000
        FROM base
        CMD ["/app"]
    """
    stage = _final(dockerfile)
    if any(each.last("USER") for each in dockerfile.stages):
        not_applicable("USER is set")
    if holds_files_only(stage) or is_windows(stage):
        not_applicable("the image only holds files, or a Windows image has no root")
    if _is_known_to_start_as_root(stage):
        not_applicable("image-sets-a-user judges it")
    yield stage.finding("its user is left to the base image", _switching_to_a_number(stage))


@control(
    severity="low",
    optional=True,
    cis="4.1",
    equivalents={
        "kics": "last_user_is_root",
        "trivy": "DS-0002",
        "checkov": "CKV_DOCKER_8",
        "hadolint": "DL3002",
        "semgrep": "last-user-is-root",
    },
)
def stepping_down_not_left_to_the_entrypoint(dockerfile: Dockerfile) -> Findings:
    """The last USER is not root, whatever the entrypoint does.

    A script that steps down does so for its own command. `docker exec`, healthchecks and another entrypoint are root.

    Bad::

        FROM debian:12-slim
        USER root  # <-
        ENTRYPOINT ["gosu", "app", "/app"]

    Good::

        FROM debian:12-slim
        USER app
        ENTRYPOINT ["/app"]
    """
    stage = _final(dockerfile)
    user = stage.last("USER")
    if user is None or not user.words or user.words[0].value is None or not is_root(user.words[0].text):
        not_applicable("root is not its last USER")
    if _is_known_to_start_as_root(stage):
        not_applicable("non-root-image-user judges it")
    yield user.finding("the last USER is root", advice(f"USER {_number(stage)}"))


def _is_known_to_start_as_root(stage: Stage) -> bool:
    try:
        return _starts_as_root(stage)
    except (NotApplicable, UnknownFact):
        return False


@control(severity="low", optional=True, cis="4.1", equivalents={"tally": "tally/user-created-but-never-used"})
def created_user_is_used(dockerfile: Dockerfile) -> Findings:
    """A user that the image creates is the one it runs as.

    Somebody meant the program to have a user of its own; without USER it still runs as root, and a reader who sees
    `useradd` thinks otherwise.

    Bad::

        FROM debian:12-slim
        RUN useradd --system app  # <-
        CMD ["sleep", "1"]

    Good::

        FROM debian:12-slim
        RUN useradd --system app
        USER app
        CMD ["sleep", "1"]

    Good::

        FROM debian:12-slim
        RUN useradd --system app
        ENTRYPOINT ["setpriv", "--reuid=app", "--init-groups", "server"]
    """
    stage = _final(dockerfile)
    created = dict(_created_users(stage)) or not_applicable("no user is created")
    if _starts_as_root(stage):
        for name, run in created.items():
            yield run.finding(f"{name} is created, and the image runs as root", advice(f"USER {name}"))


_DATA = pattern(r"/(?:data|var/lib/(?!apt\b|dpkg\b)[\w.-]+|var/(?:log|cache|spool)/[\w.-]+|srv/[\w.-]+)(?:/|$)")


@control(severity="low", optional=True, cis="4.1", equivalents={"tally": "tally/stateful-root-runtime"})
def image_with_data_does_not_run_as_root(dockerfile: Dockerfile) -> Findings:
    """An image that keeps data does not run as root.

    What root writes to a volume belongs to root: it outlives the container, the next one must be root to read it, and
    on a bind mount those are files of the host's root.

    Bad::

        FROM debian:12-slim
        VOLUME /var/lib/app  # <-
        CMD ["sleep", "1"]

    Good::

        FROM debian:12-slim
        VOLUME /var/lib/app
        USER 1000:1000
        CMD ["sleep", "1"]
    """
    stage = _final(dockerfile)
    keeping = next(_keeping_data(stage), None) or not_applicable("no data is kept")
    if _starts_as_root(stage):
        yield keeping.finding("data is kept here, and it belongs to root", advice("USER UID:GID"))


def _keeping_data(stage: Stage) -> Iterator[Instruction]:
    for part in stage.chain():
        yield from part.of("VOLUME")
        for instruction in part.of("WORKDIR", "COPY", "ADD"):
            if instruction.words and _DATA.match(plain(instruction.words[-1])):
                yield instruction
        for run, command in commands(part, "mkdir", "install"):
            if any(_DATA.match(plain(word)) for word in command.args):
                yield run


def _final(dockerfile: Dockerfile) -> Stage:
    return dockerfile.final or not_applicable("there is no stage")


def _starts_as_root(stage: Stage) -> bool:
    """Whether the first process of the image's containers is root, and stays so as far as text tells."""
    user = stage.last("USER")
    if not (_sets_root(user) if user else _base_is_root(stage)):
        return False
    if _hands_over(stage):
        unknown("the entrypoint steps down from root")
    return True


def _sets_root(user: Instruction) -> bool:
    if user.words and user.words[0].value is None:
        unknown(f"USER {user.words[0].raw} is decided at build time")
    return bool(user.words) and is_root(user.words[0].text)


_LAMBDA = pattern(r"\A(public\.ecr\.aws/lambda/|amazon/aws-lambda-)")


def _base_is_root(stage: Stage) -> bool:
    if holds_files_only(stage):
        not_applicable("the image only holds files")
    if is_windows(stage):
        not_applicable("a Windows image has no root")
    base = stage.root_base() or unknown("the base image depends on a build argument")
    if _LAMBDA.search(base) and not stage.last("ENTRYPOINT"):
        unknown("AWS Lambda runs it as a user of its own")
    if default_user(base) not in {None, "root"}:
        return False
    if steps_down(base) and not stage.last("ENTRYPOINT") and _created_user(stage) is None:
        unknown("the entrypoint of the base image steps down from root, as long as the command is its server")
    return True


def _hands_over(stage: Stage) -> bool:
    """Whether what is started changes the user, or is a script of the image's own with a tool for that at hand."""
    entrypoint, command = stage.last("ENTRYPOINT"), stage.last("CMD")
    if any(run.name in _STEP_DOWN for start in (entrypoint, command) if start for run in start.script.commands):
        return True
    is_script = entrypoint is not None and any(
        run.name.endswith(".sh") or "entry" in run.name for run in entrypoint.script.commands
    )
    return is_script and any(_brings_step_down(part) for part in stage.chain())


def _brings_step_down(stage: Stage) -> bool:
    tools = {"gosu", "su-exec"}
    for instruction in instructions(stage, "RUN", "COPY", "ADD"):
        if instruction.keyword != "RUN":
            if any(word.text.rsplit("/", 1)[-1].split(":")[0] in tools for word in instruction.words):
                return True
        elif any(tool in instruction.text or any(tool in h.body for h in instruction.heredocs) for tool in tools):
            return True
    return False


def _created_user(stage: Stage) -> str | None:
    """The last user that the image creates for itself."""
    return next(reversed([name for name, _ in _created_users(stage)]), None)


def _created_users(stage: Stage) -> Iterator[tuple[str, Instruction]]:
    for part in reversed(list(stage.chain())):
        for run, command in commands(part, *_CREATORS):
            name = created_name(command)
            if name and not is_root(name):
                yield name, run


def created_name(command: Command) -> str | None:
    """The user that ``useradd``/``adduser`` creates; None where it is not known, or for ``adduser USER GROUP``."""
    valued = _USERADD_VALUED if command.name == "useradd" else _ADDUSER_VALUED
    words = iter(command.args)
    names = []
    for word in words:
        text = plain(word)
        if text in valued:
            next(words, None)
        elif not text.startswith("-"):
            names.append(word)
    return names[0].value if len(names) == 1 or (names and command.name == "useradd") else None


@control(severity="low", optional=True, equivalents={"hadolint": "DL3066"})
def numeric_image_user(dockerfile: Dockerfile) -> Findings:
    """The image's user is a number.

    A name is looked up in the image's own /etc/passwd, so nobody outside can tell that it is not root: Kubernetes
    refuses to start it under `runAsNonRoot`, and ids of mounted files have to be guessed.

    Bad::

        FROM node:22-slim
        USER node  # <-

    Good::

        FROM node:22-slim
        USER 1000:1000
    """
    user = dockerfile.final.last("USER") if dockerfile.final else None
    if user is None or not user.words:
        not_applicable("there is no USER")
    name = user.words[0].text.split(":", 1)[0]
    if user.words[0].value is None:
        unknown(f"USER {user.words[0].raw} is decided at build time")
    if name and not _NUMBER.match(name):
        yield user.finding(f"the user is the name {name} and not a number", advice("USER UID:GID"))


@control(severity="medium", equivalents={"tally": "tally/named-identity-in-passwdless-stage"})
def named_user_exists(stage: Stage) -> Findings:
    """A user given by name exists in the image.

    An image from scratch has no /etc/passwd, a distroless one knows `root`, `nobody` and `nonroot`: any other name
    fails when the container starts ("no matching entries in passwd file"), or when COPY --chown is built.

    Bad::

        FROM scratch
        COPY app /app
        USER app  # <-

    Good::

        FROM scratch
        COPY passwd /etc/passwd
        COPY app /app
        USER app

    Good::

        FROM gcr.io/distroless/static-debian12
        USER nonroot
    """
    base = stage.root_base() or ""
    if base != "scratch" and not base.startswith("gcr.io/distroless/"):
        not_applicable("the base image has a passwd file")
    if any(_may_bring_passwd(part) for part in stage.chain()):
        not_applicable("a passwd file is copied")
    known = frozenset() if base == "scratch" else _DISTROLESS_USERS
    for instruction, name in _named_identities(stage):
        if name not in known:
            yield instruction.finding(
                f"{name} is not in the image, which has {'no' if not known else 'its own'} passwd file",
                advice(f"{instruction.keyword} with a numeric UID:GID"),
            )


def _named_identities(stage: Stage) -> Iterator[tuple[Instruction, str]]:
    for instruction in instructions(stage, "USER", "COPY", "ADD"):
        word = instruction.words[0] if instruction.keyword == "USER" and instruction.words else None
        flag = instruction.flag("chown")
        word = flag.value if flag else word
        if word is not None and word.value:
            name = next((part for part in word.value.split(":") if part and not _NUMBER.match(part)), "")
            if name:
                yield instruction, name


def _may_bring_passwd(stage: Stage) -> bool:
    for instruction in instructions(stage, "COPY", "ADD", "RUN"):
        if instruction.keyword == "RUN":
            return True
        destination = plain(instruction.words[-1]).rstrip("/") if instruction.words else ""
        sources = [plain(word) for word in instruction.words[:-1]]
        if destination in {"", "/etc", "/etc/passwd"} and (
            instruction.keyword == "ADD" or instruction.heredocs or sources
        ):
            if destination != "" or any(
                word.rstrip("/") in {"", ".", "*"} or "etc" in word or "root" in word for word in sources
            ):
                return True
            if instruction.keyword == "ADD" or any(word.endswith("/") for word in sources):
                return True
    return False


@control(
    severity="medium", optional=True, equivalents={"tally": "tally/user-explicit-group-drops-supplementary-groups"}
)
def user_keeps_its_groups(stage: Stage) -> Findings:
    """USER does not drop the groups that the build gave to the user.

    `USER name:group` sets exactly that one group: what `usermod -aG` granted before is gone at run time, and the
    program is denied files it was meant to reach.

    Bad::

        FROM debian:12-slim
        RUN useradd app && usermod -aG video app
        USER app:app  # <-

    Good::

        FROM debian:12-slim
        RUN useradd app && usermod -aG video app
        USER app
    """
    granted: dict[str, str] = {}
    for part in reversed(list(stage.chain())):
        for _, command in commands(part, "usermod", "useradd", "adduser", "addgroup", "gpasswd"):
            granted.update(_granted_groups(command))
    if not granted:
        not_applicable("no supplementary groups are given")
    for user in stage.of("USER"):
        name, colon, group = (user.words[0].value or "").partition(":") if user.words else ("", "", "")
        if colon and name in granted:
            remedy = advice(f"USER {name}")
            if name == group:  # useradd makes a group of the user's own name: it stays
                remedy = replace_text(user.words[0], name, text=remedy.text)
            yield user.finding(f":{group} drops the group {granted[name]} from {name}", remedy)


def _granted_groups(command: Command) -> Iterator[tuple[str, str]]:
    words = [plain(word) for word in command.args]
    operands = [word for word in words if not word.startswith("-")]
    if command.name in {"usermod", "useradd"}:
        flag = next(
            (i for i, w in enumerate(words) if w in {"-G", "-aG", "-Ga", "--groups"} and i + 1 < len(words)), None
        )
        if flag is not None and words[-1] != words[flag + 1]:
            yield words[-1], words[flag + 1]
    elif command.name == "gpasswd" and len(words) == 3 and words[0] in {"-a", "--add"}:
        yield words[1], words[2]
    elif len(operands) == 2 == len(words):
        yield operands[0], operands[1]


_MANAGERS = frozenset({"apt-get", "apt", "dnf", "yum", "microdnf", "zypper", "apk"})
_CHANGING = frozenset({"install", "add", "update", "upgrade", "remove", "del"})
_ACCOUNTS = frozenset({"useradd", "adduser", "groupadd", "addgroup", "usermod", "chpasswd"})
_BECOMING_ROOT = frozenset({"sudo", "su", "doas", "gosu", "su-exec", "runuser", "fakeroot"})


@control(severity="medium", plan="P0")
def root_steps_come_before_user(stage: Stage) -> Findings:
    """What only root may do stands above USER.

    USER holds for the build as well: `apt-get install` below it ends with "Permission denied", and the quick way out,
    to drop USER, leaves a server that runs as root.

    Bad::

        FROM debian:12-slim
        USER 1000:1000
        RUN apt-get update && apt-get install -y curl  # <-

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y curl
        USER 1000:1000

    Good::

        FROM jenkins/jenkins:2.479.3-jdk21
        USER root
        RUN apt-get update && apt-get install -y curl
        USER jenkins
    """
    above = stage.parent.last("USER") if stage.parent else None
    user = _value_of(above) if above else None
    for instruction in stage.of("USER", "RUN"):
        if instruction.keyword == "USER":
            user = _value_of(instruction)
        elif user and not is_root(user):
            command = next(filter(_is_for_root_alone, _of_programs(instruction)), None)
            if command is not None:
                yield instruction.finding(
                    f"{user} may not run {command.name}: only root may", advice("move it above USER"), at=command.origin
                )


def _value_of(user: Instruction) -> str | None:
    return user.words[0].value if user.words else None


def _of_programs(run: Instruction) -> tuple[Command, ...]:
    return run.script.commands if mentions(run, *_MANAGERS, *_ACCOUNTS) else ()


def _is_for_root_alone(command: Command) -> bool:
    if command.connector == "||" or not _BECOMING_ROOT.isdisjoint(command.via):
        return False
    words = [word.text for word in command.args]
    elsewhere = any(
        word.startswith(("--root", "--installroot", "--prefix", "--simulate", "-R", "-p")) for word in words
    )
    changes = command.name in _MANAGERS and not _CHANGING.isdisjoint(words)
    return not elsewhere and (changes or command.name in _ACCOUNTS)


@control(severity="low", optional=True, equivalents={"tally": "tally/copy-after-user-without-chown"})
def builder_owns_what_it_writes(stage: Stage) -> Findings:
    """What a RUN as non-root builds in belongs to that user.

    COPY writes as root whatever USER says. Root-owned code is good at run time, but a build step as another user that
    follows in the same directory (`npm ci`, `pip install -e .`, `mvn package`) is denied its output.

    Bad::

        FROM node:22-slim
        WORKDIR /app
        USER node
        COPY package.json package-lock.json ./  # <-
        RUN npm ci

    Good::

        FROM node:22-slim
        WORKDIR /app
        COPY package.json package-lock.json ./
        RUN npm ci
        USER node
        COPY src ./src

    Good::

        FROM node:22-slim
        USER node
        WORKDIR /home/node/app
        COPY --chown=node:node package.json package-lock.json ./
        RUN npm ci
    """
    user: str | None = None
    copied: list[Instruction] = []
    for instruction in stage.instructions:
        if instruction.keyword == "USER":
            user, copied = instruction.words[0].value if instruction.words else None, []
        elif instruction.keyword in {"COPY", "ADD"} and user and not is_root(user) and not instruction.flag("chown"):
            copied.append(instruction)
        elif instruction.keyword == "RUN" and copied and _writes_in_place(instruction):
            for copy in copied:
                yield _unowned(copy, user or "")
            copied = []


def _unowned(copy: Instruction, user: str) -> Finding:
    text = f"{copy.keyword} --chown={user} {copy.text}"
    given = insert_behind(copy.keyword_origin, f" --chown={user}", text=text, breaks="what must not be written to")
    remedy = given if _PLAIN_USER.fullmatch(user) else advice(text)
    return copy.finding(f"the files belong to root, and {user} builds with them", remedy)


_IN_PLACE: dict[str, set[str] | None] = {
    "npm": {"ci", "install", "i", "run", "run-script"}, "yarn": {"", "install", "build", "run"},
    "pnpm": {"install", "i", "run", "build"}, "mvn": None, "gradle": None, "gradlew": None, "mvnw": None, "make": None,
    "cargo": {"build", "install"}, "bundle": {"install"}, "composer": {"install"}, "dotnet": None, "go": {"build"},
    "poetry": {"install"}, "uv": {"sync"}, "pip": None, "pip3": None,
}  # fmt: skip


def _writes_in_place(run: Instruction) -> bool:
    for command in run.script.commands:
        verbs = _IN_PLACE.get(command.name, set())
        words = [plain(word) for word in command.args]
        if command.name in {"pip", "pip3"}:
            if {"-e", "--editable", "."}.intersection(words):
                return True
        elif verbs is None or (
            verbs and next((w for w in words if not w.startswith("-")), "") in verbs and "-g" not in words
        ):
            return True
    return False


@control(
    severity="low",
    optional=True,
    equivalents={"kics": "chown_flag_exists", "sonar": "S6504", "terrascan": "AC_DOCKER_00024"},
)
def code_not_writable_by_its_user(stage: Stage) -> Findings:
    """The program's files do not belong to the user that runs it.

    An intruder in the process can rewrite files that its user owns, and so stay. Root-owned files that everyone may
    read are enough to run a program; give the user its data directories only.

    Bad::

        FROM node:22-slim
        COPY --chown=node:node . /app  # <-
        USER node

    Good::

        FROM node:22-slim
        COPY . /app
        USER node

    Good::

        FROM node:22-slim
        COPY --chown=node:node --chmod=0555 . /app
        USER node
    """
    if not may_ship(stage):
        not_applicable("the stage does not ship")
    for instruction in instructions(stage, "COPY", "ADD"):
        chown, chmod = instruction.flag("chown"), instruction.flag("chmod")
        if chown is None or chown.value is None or chown.value.value is None or is_root(chown.value.value):
            continue
        if chmod is None or chmod.value is None or _owner_may_write(chmod.value.text):
            yield instruction.finding(
                f"{chown.value.text} may rewrite what is copied",
                advice("leave the files to root, or --chmod=0555"),
                at=chown.origin,
            )


def _owner_may_write(mode: str) -> bool:
    return not re.fullmatch(r"0?[0145][0-7]{2}", mode)
