"""Instructions to stages: variable scopes, which stage builds on which, which needs which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction, Stage
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.shell import Word
from pytest_dockerharden.source.dockerfile.expansion import Scope
from pytest_dockerharden.source.dockerfile.instructions import KEYWORDS, read
from pytest_dockerharden.source.dockerfile.lines import Lines, LogicalLine

PLATFORM_ARGUMENTS = (
    *(f"{side}{part}" for side in ("BUILD", "TARGET") for part in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")),
    "TARGETSTAGE",
)
DEFAULT_SHELL = ("/bin/sh", "-c")
WINDOWS_SHELL = ("cmd", "/S", "/C")
MOST_KEPT = 200_000
"""Variables that are remembered over all instructions (each has its own set); from there on all are unknown."""
MOST_CIRCLES = 20
"""Stages in a circle that are named."""
_WINDOWS_BASE = pattern(r"(?:^|/)windows(?:/|:|@|$)|(?:nano|windows)server|servercore", needs=("windows", "server"))


@dataclass(slots=True)
class Builder:
    """Reads the logical lines in order. ``arguments`` are build arguments, which beat the defaults of ARG."""

    dockerfile: Dockerfile
    escape: str
    arguments: Mapping[str, str]
    problems: list[Problem]
    globals: Scope = field(default_factory=lambda: Scope(dict.fromkeys(PLATFORM_ARGUMENTS), closed=True))
    scope: Scope = field(default_factory=Scope)
    shell: tuple[str, ...] = DEFAULT_SHELL
    preamble: list[Instruction] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    _ends: list[tuple[Scope, tuple[str, ...]]] = field(default_factory=list)
    _instructions: list[Instruction] = field(default_factory=list)
    _named: dict[str, Stage] = field(default_factory=dict)
    _kept: int = 0

    def read(self, lines: Lines) -> None:
        if lines.logical and not any(_is_from(line) for line in lines.logical):
            self._begin_fragment(lines.logical[0])
        for line in lines.logical:
            if _is_from(line):
                self._from(line)
            elif self.stages:
                self._in_stage(line)
            else:
                self._before_stages(line)
        self._close()
        self._finish()

    def _begin_fragment(self, line: LogicalLine) -> None:
        """A text without any FROM is refused, and what it does is still worth reading: a stage on an unknown base."""
        origin = line.places.origin(0, len(line.text))
        self._refuse("there is no FROM", origin)
        self.stages.append(Stage(0, "", (), None, Word("?", None, origin), None, self.dockerfile))

    def _before_stages(self, line: LogicalLine) -> None:
        instruction = read(line, self.globals, self.escape, self.shell, self.problems)
        if instruction.keyword == "ARG":
            self.globals = self._declare(self.globals, instruction)
        elif instruction.keyword in KEYWORDS:
            self._refuse(f"{instruction.keyword} stands before the first FROM", instruction.keyword_origin)
        self.preamble.append(instruction)

    def _from(self, line: LogicalLine) -> None:
        self._close()
        instruction = read(line, self.globals, self.escape, DEFAULT_SHELL, self.problems)
        base = instruction.words[0] if instruction.words else Word("", None, instruction.keyword_origin)
        if base.value == "" and instruction.words:
            self._refuse(f"the base name {base.raw} is empty", base.origin)
        image = None if base.value in self.dockerfile.contexts else base.value
        name = instruction.words[2].raw.lower() if len(instruction.words) > 2 else ""
        parent = self._named.get(base.value.lower()) if base.value else None  # FROM takes no numbers
        platform = instruction.flag("platform")
        self._instructions = [instruction]
        self.stages.append(
            Stage(
                len(self.stages),
                name,
                (),
                image or None,
                base,
                parent,
                self.dockerfile,
                platform.value if platform else None,
            )
        )
        if name:
            self._named[name] = self.stages[-1]
        if parent is not None:
            self.scope, self.shell = self._ends[parent.index]
        else:
            self.scope = Scope(closed=base.value == "scratch")
            self.shell = WINDOWS_SHELL if _WINDOWS_BASE.search(base.value or "") else DEFAULT_SHELL

    def _in_stage(self, line: LogicalLine) -> None:
        instruction = read(line, self.scope, self.escape, self.shell, self.problems)
        self._instructions.append(instruction)
        if instruction.keyword == "ARG":
            self.scope = self._declare(self.scope, instruction, in_stage=True)
        elif instruction.keyword == "ENV":
            variables = {pair.key.text: pair.value.value if pair.value else None for pair in instruction.pairs}
            self.scope = self._remembered(self.scope.with_environment(variables))
        elif instruction.keyword == "SHELL" and instruction.words:
            self.shell = tuple(word.text for word in instruction.words)

    def _declare(self, scope: Scope, instruction: Instruction, *, in_stage: bool = False) -> Scope:
        for pair in instruction.pairs:
            name = pair.key.text
            value, unset = (pair.value.value, False) if pair.value else (None, True)
            if pair.value is None and in_stage and name in self.globals.values:
                value, unset = self.globals.lookup(name)
            if name in self.arguments:
                value, unset = self.arguments[name], False
            scope = self._remembered(scope.with_argument(name, value, unset))
        return scope

    def _remembered(self, scope: Scope) -> Scope:
        self._kept += len(scope.values)
        return scope if self._kept <= MOST_KEPT else Scope()

    def _close(self) -> None:
        """End the current stage."""
        if self.stages:
            self.stages[-1].instructions = tuple(self._instructions)
            self._ends.append((self.scope, self.shell))

    def _finish(self) -> None:
        dockerfile = self.dockerfile
        dockerfile.preamble, dockerfile.stages = tuple(self.preamble), tuple(self.stages)
        dockerfile.dependencies = tuple(self._dependencies(stage) for stage in self.stages)
        self._find_cycles()
        if not self.stages:
            self._refuse("there are no instructions", dockerfile.origin)

    def _dependencies(self, stage: Stage) -> frozenset[int]:
        found = {stage.parent.index} if stage.parent else set()
        for name, word in self._sources(stage):
            other = self._named.get(name.lower())
            if other is None and name.isascii() and name.isdigit() and len(name) < 10 and int(name) < len(self.stages):
                other = self.stages[int(name)]
            if other is stage:
                self._refuse(f"stage {stage.label} refers to itself", word.origin)
            elif other is not None:
                found.add(other.index)
            elif name.isascii() and name.isdigit():
                self._refuse(f"there is no stage {name[:20]}", word.origin)
        return frozenset(found)

    def _sources(self, stage: Stage) -> list[tuple[str, Word]]:
        """What ``COPY --from`` and ``RUN --mount=from=`` name."""
        found = []
        for instruction in stage.of("COPY", "RUN"):
            for flag in instruction.flags:
                value = flag.value.value if flag.value else None
                if not value or flag.value is None:
                    continue
                if flag.name == "from":
                    found.append((value, flag.value))
                elif flag.name == "mount":
                    names = [part[5:] for part in value.split(",") if part[:5].lower() == "from="]
                    found.extend((name, flag.value) for name in names)
        return found

    def _find_cycles(self) -> None:
        """Stages are taken away as long as all that they need is gone; those in a circle remain."""
        waiting = dict(enumerate(map(set, self.dockerfile.dependencies)))
        needed_by: dict[int, list[int]] = {}
        for index, needs in waiting.items():
            for need in needs:
                needed_by.setdefault(need, []).append(index)
        free = [index for index, needs in waiting.items() if not needs]
        while free:
            gone = free.pop()
            del waiting[gone]
            for index in needed_by.get(gone, ()):
                waiting[index].discard(gone)
                if not waiting[index]:
                    free.append(index)
        for index in list(waiting)[:MOST_CIRCLES]:
            if index in self.dockerfile.needed_by(index):
                stage = self.stages[index]
                self._refuse(f"circular dependency of stage {stage.label}", stage.origin)

    def _refuse(self, message: str, origin: TextOrigin) -> None:
        self.problems.append(Problem("refused", message, origin))


def _is_from(line: LogicalLine) -> bool:
    text = line.text.lstrip()
    return text[:4].upper() == "FROM" and not text[4:5].strip()
