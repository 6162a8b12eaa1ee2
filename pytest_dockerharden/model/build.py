"""Questions about a build that several controls ask: what RUN runs, what ends up in an image, what is mounted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction, Stage
from pytest_dockerharden.model.finding import Remedy
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import insert_behind
from pytest_dockerharden.model.shell import Command, Word

_WINDOWS = pattern(
    r"mcr\.microsoft\.com/(windows|dotnet/framework/|.*(nanoserver|windowsservercore))|(nanoserver|windowsservercore)(:|-|$)"
)
_WINDOWS_SHELL = pattern(r"(\A|[\\/])(powershell|cmd)(\.exe)?\Z")  # PowerShell's on Linux is pwsh
_POSIX_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh", "mksh"})


def instructions(stage: Stage, *keywords: str) -> Iterator[Instruction]:
    """The stage's own instructions of these kinds, the triggers of ONBUILD among them."""
    for instruction in stage.instructions:
        actual = instruction.nested or instruction
        if actual.keyword in keywords:
            yield actual


def runs(stage: Stage) -> Iterator[Instruction]:
    """The RUN instructions of a stage, ONBUILD's too."""
    return instructions(stage, "RUN")


def mentions(run: Instruction, *words: str) -> bool:
    """Whether one of these words, given in lower case, stands in what RUN runs, in whatever case.

    It says which steps are worth parsing: that is what costs. A pattern in its place would be compiled at start-up.
    """
    texts = [run.text.casefold(), *(heredoc.body.casefold() for heredoc in run.heredocs)]
    return any(word in text for text in texts for word in words)


def heredoc_bodies(command: Command) -> list[str]:
    """The texts that a command reads from heredocs."""
    return [plain(redirect.target) for redirect in command.redirects if redirect.operator.startswith("<<")]


def commands(stage: Stage, *names: str) -> Iterator[tuple[Instruction, Command]]:
    """What RUN runs in this stage; with ``names`` only these programs."""
    for run in runs(stage):
        if names and not any(name in run.text or any(name in h.body for h in run.heredocs) for name in names):
            continue  # parsing shell text is what costs
        for command in run.script.commands:
            if not names or command.name in names:
                yield run, command


def may_ship(stage: Stage) -> bool:
    """Whether the stage's layers can be in an image: it is the final one or a base of it, or nothing uses it.

    A stage that nothing uses can only be there to be built with ``--target``.
    """
    return stage.index in shipped(stage.dockerfile)


def shipped(dockerfile: Dockerfile) -> set[int]:
    """Indexes of the stages for which :func:`may_ship` holds."""
    used = frozenset[int]().union(*dockerfile.dependencies)
    ends = [stage for stage in dockerfile.stages if stage.index not in used]
    if dockerfile.final is not None:
        ends.append(dockerfile.final)
    return {stage.index for end in ends for stage in end.chain()}


def mounts(run: Instruction) -> list[dict[str, str]]:
    """The ``--mount`` options of a RUN; aliases are resolved (``dst`` is ``target``), a bare option is ``true``."""
    aliases = {"dst": "target", "destination": "target", "src": "source", "ro": "readonly", "rw": "readwrite"}
    found = []
    for flag in run.flags:
        if flag.name == "mount" and flag.value is not None:
            pairs = [part.partition("=") for part in flag.value.text.split(",") if part]
            options = {
                aliases.get(key.strip().lower(), key.strip().lower()): value if equals else "true"
                for key, equals, value in pairs
            }
            found.append({"type": "bind", **options})
    return found


def mounted_caches(run: Instruction) -> list[str]:
    """The targets of cache and tmpfs mounts of a RUN: what is written there is in no layer."""
    return [mount.get("target", "").rstrip("/") for mount in mounts(run) if mount["type"] in {"cache", "tmpfs"}]


def is_covered(path: str, targets: list[str]) -> bool:
    """Whether ``path`` is one of the directories or lies in one."""
    return any(path == target or path.startswith(f"{target}/") for target in targets if target)


def is_windows(stage: Stage) -> bool:
    """Whether the stage builds a Windows image, as its base, platform, shell or ``escape`` directive tells."""
    platform = stage.platform.text if stage.platform else ""
    base = stage.root_base() or ""
    if platform.startswith("windows") or _WINDOWS.search(base):
        return True
    if parse_reference(base).official:  # those for Windows say so in their tags
        return False
    escape = stage.dockerfile.directives.get("escape")
    shells = [shell.words[0].text.lower() for shell in stage.inherited("SHELL") if shell.words]
    return (escape is not None and escape.text == "`") or any(_WINDOWS_SHELL.search(shell) for shell in shells)


def has_posix_shell(instruction: Instruction) -> bool:
    """Whether the shell form is run by a shell of the Bourne family."""
    program = instruction.shell[0] if instruction.shell else ""
    return re.split(r"[\\/]", program)[-1].lower() in _POSIX_SHELLS


def holds_files_only(stage: Stage) -> bool:
    """Whether the image is a bag of files, for ``--output`` or COPY: from scratch, with nothing to run."""
    if stage.root_base() != "scratch" or len(stage.dockerfile.stages) == 1:
        return False
    chain = [instruction.keyword for part in stage.chain() for instruction in part.instructions]
    return "COPY" in chain and not {"CMD", "ENTRYPOINT", "RUN", "HEALTHCHECK"}.intersection(chain)


def plain(word: Word) -> str:
    """The value, or the source text without its quotes where a variable or a glob is in it."""
    return re.sub(r"[\"']", "", word.raw) if word.value is None else word.value


def appended(run: Instruction, command: str) -> Remedy | None:
    """A RUN with a further command at its end; None where it is not clear that its end is where one can be added."""
    last = run.script.commands[-1].origin if run.script.commands else run.origin
    ends = (last.end_line, last.end_column) == (run.origin.end_line, run.origin.end_column)
    if run.script.commands and run.script.commands[-1].name in {"exit", "exec"}:  # nothing behind it is run
        return None
    if run.form != "shell" or run.heredocs or not run.script.complete or not ends:
        return None
    return insert_behind(run.origin, f" && {command}", text=command, effect="safe")
