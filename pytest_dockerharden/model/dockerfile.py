"""A Dockerfile: directives, stages, instructions, every one with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Literal

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.fact import Fact
from pytest_dockerharden.model.finding import Finding, Remedy
from pytest_dockerharden.model.ignorefile import IgnoreFile
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.shell import EMPTY_SCRIPT, Script, ShellDiagnostic, Word

Form = Literal["", "exec", "shell"]


@dataclass(frozen=True, slots=True)
class Flag:
    """``--name=value`` of an instruction. ``value`` is None for a bare flag; expansion is in ``value.value``."""

    name: str
    value: Word | None
    origin: TextOrigin


@dataclass(frozen=True, slots=True)
class Heredoc:
    """``<<NAME`` and its body. ``expand`` is False where the name was quoted, ``chomp`` True for ``<<-``."""

    name: str
    body: str
    origin: TextOrigin
    expand: bool = True
    chomp: bool = False
    terminated: bool = True


@dataclass(frozen=True, slots=True)
class Pair:
    """``key=value`` of ENV, LABEL or ARG; ``value`` is None for ``ARG name``."""

    key: Word
    value: Word | None
    origin: TextOrigin
    legacy: bool = False


@dataclass(slots=True, eq=False)
class Instruction:
    """One instruction.

    ``keyword`` is upper case. ``origin`` spans the instruction from its keyword to its last line, heredocs included.
    ``words`` are the arguments after the flags: the sources and the destination of COPY and ADD, the ports of EXPOSE,
    the paths of VOLUME, the one path of WORKDIR, the user of USER, the image (and ``AS``, name) of FROM, and for exec
    form the JSON strings. ``form`` is set for RUN, CMD, ENTRYPOINT, HEALTHCHECK, SHELL. For HEALTHCHECK, ``words`` and
    ``script`` are those of its CMD; ``none`` is True for ``HEALTHCHECK NONE``. ``text`` is the argument text with
    continuations joined and comments dropped. ``environment`` is what ARG and ENV give at this point (None = declared
    without a value). ``nested`` is the instruction of an ONBUILD.
    """

    keyword: str
    origin: TextOrigin
    keyword_origin: TextOrigin
    text: str
    words: tuple[Word, ...] = ()
    flags: tuple[Flag, ...] = ()
    pairs: tuple[Pair, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()
    form: Form = ""
    none: bool = False
    environment: dict[str, str | None] = field(default_factory=dict, repr=False)
    shell: tuple[str, ...] = ("/bin/sh", "-c")
    nested: Instruction | None = None
    comments: tuple[Comment, ...] = ()
    parse_script: Callable[[], Script] | None = field(default=None, repr=False)
    _script: Script | None = field(default=None, repr=False)

    @property
    def script(self) -> Script:
        """The shell commands it runs (exec form: the one command; ``sh -c`` is looked through). Parsed on first use."""
        if self._script is None:
            self._script = self.parse_script() if self.parse_script else EMPTY_SCRIPT
        return self._script

    def flag(self, name: str) -> Flag | None:
        """The flag of that name, without the dashes."""
        return next((flag for flag in self.flags if flag.name == name), None)

    def finding(
        self, message: str, remedy: Remedy | None = None, *, at: TextOrigin | None = None, why: str | None = None
    ) -> Finding:
        return Finding(message, at or self.origin, remedy=remedy, why=why)


@dataclass(frozen=True, slots=True)
class Comment:
    """A whole-line comment, without its ``#``."""

    text: str
    origin: TextOrigin


@dataclass(slots=True, eq=False)
class Stage:
    """A build stage: a FROM and what follows it.

    ``base`` is the image reference after expansion of global ARG defaults, or None where an ARG without a default
    decides it; ``parent`` the earlier stage it builds on, if any. ``name`` is lower case, empty when unnamed.
    """

    index: int
    name: str
    instructions: tuple[Instruction, ...]
    base: str | None
    base_word: Word
    parent: Stage | None
    dockerfile: Dockerfile
    platform: Word | None = None

    @property
    def label(self) -> str:
        """Its name, or its number."""
        return self.name or str(self.index)

    @property
    def is_fragment(self) -> bool:
        """Whether it has no FROM: the whole text has none, and its base is not known."""
        return self.instructions[0].keyword != "FROM"

    @property
    def origin(self) -> TextOrigin:
        """The FROM."""
        return self.instructions[0].origin

    def chain(self) -> Iterator[Stage]:
        """This stage, the stage it builds on, and so on."""
        stage: Stage | None = self
        while stage is not None:
            yield stage
            stage = stage.parent

    def root_base(self) -> str | None:
        """The external image at the end of the chain."""
        stage = self
        while stage.parent is not None:
            stage = stage.parent
        return stage.base

    def of(self, *keywords: str) -> list[Instruction]:
        """Its own instructions of these kinds, in order (ONBUILD not looked into)."""
        return [instruction for instruction in self.instructions if instruction.keyword in keywords]

    def inherited(self, *keywords: str) -> list[Instruction]:
        """Those of the whole chain, the deepest base first, so that the last one is in force."""
        return [i for stage in reversed(list(self.chain())) for i in stage.of(*keywords)]

    def last(self, *keywords: str) -> Instruction | None:
        """The one in force among :meth:`inherited`, or None."""
        found = self.inherited(*keywords)
        return found[-1] if found else None

    def uses(self) -> set[int]:
        """Indexes of the stages this one needs: its base, ``COPY --from`` and ``RUN --mount=from=``, transitively."""
        return self.dockerfile.needed_by(self.index)

    def finding(
        self, message: str, remedy: Remedy | None = None, *, at: TextOrigin | None = None, why: str | None = None
    ) -> Finding:
        return Finding(message, at or self.origin, remedy=remedy, why=why)


@dataclass(slots=True, eq=False)
class Dockerfile:
    """A parsed Dockerfile.

    ``path`` is absolute. ``directives`` maps ``syntax``, ``escape`` and ``check`` to the word given. ``preamble`` are
    the ARGs before the first FROM. ``built_by`` names the services that build it (filled by the assembly), ``target``
    the stage that they ship where all agree, else the last. ``context`` is the absolute build context where one is
    known and ``ignore`` the ignore file in force for it (None: there is none). ``contexts`` are the further build
    contexts by name, which FROM and ``COPY --from`` take for images. ``shell_diagnostics`` is what ShellCheck says of
    its RUN instructions, None where a project does not ask for it.
    """

    path: str
    text: str
    directives: dict[str, Word] = field(default_factory=dict)
    preamble: tuple[Instruction, ...] = ()
    stages: tuple[Stage, ...] = ()
    comments: tuple[Comment, ...] = ()
    problems: tuple[Problem, ...] = ()
    built_by: tuple[str, ...] = ()
    target: str | None = None
    context: str | None = None
    ignore: IgnoreFile | None = None
    dependencies: tuple[frozenset[int], ...] = ()
    contexts: frozenset[str] = frozenset()
    shell_diagnostics: Fact[tuple[ShellDiagnostic, ...]] | None = None

    @property
    def instructions(self) -> list[Instruction]:
        """Every instruction in order, the preamble first."""
        return [*self.preamble, *(i for stage in self.stages for i in stage.instructions)]

    @property
    def final(self) -> Stage | None:
        """The stage that ships: the target, else the last one."""
        return self.stage(self.target) if self.target else (self.stages[-1] if self.stages else None)

    @property
    def origin(self) -> TextOrigin:
        """The first line that says something."""
        first = next(iter(self.instructions), None)
        return first.origin if first else TextOrigin(self.path, 1, 1, 1, 1)

    def stage(self, name: str) -> Stage | None:
        """A stage by name (case does not matter) or number, as ``COPY --from`` and ``target`` name it."""
        named = [stage for stage in self.stages if stage.name and stage.name == name.lower()]
        if named:
            return named[-1]
        number = int(name) if name.isascii() and name.isdigit() and len(name) < 10 else len(self.stages)
        return self.stages[number] if number < len(self.stages) else None

    def needed_by(self, index: int) -> set[int]:
        """Indexes of the stages that stage ``index`` depends on, transitively; not itself."""
        found: set[int] = set()
        queue = [index]
        while queue:
            for dependency in self.dependencies[queue.pop()]:
                if dependency not in found:
                    found.add(dependency)
                    queue.append(dependency)
        return found

    def shipped(self) -> list[Stage]:
        """The final stage and the stages it builds FROM: what ends up in the image."""
        return list(self.final.chain()) if self.final else []

    def finding(
        self, message: str, remedy: Remedy | None = None, *, at: TextOrigin | None = None, why: str | None = None
    ) -> Finding:
        return Finding(message, at or self.origin, remedy=remedy, why=why)
