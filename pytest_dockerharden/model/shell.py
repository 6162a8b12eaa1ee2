"""Shell text down to simple commands, each word with its place in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.origin import TextOrigin

Connector = Literal["", ";", "&&", "||", "|", "&"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word.

    ``raw`` is the source text. ``value`` is what the program would get, quotes removed and known variables
    expanded, or None where an unknown variable, a command substitution or a glob decides it.
    """

    raw: str
    value: str | None
    origin: TextOrigin

    @property
    def text(self) -> str:
        """``value`` where it is known, else the source text."""
        return self.raw if self.value is None else self.value


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirection: ``operator`` (``>``, ``>>``, ``<``, ``2>``, ``&>``, ``<<``) and target (the body for ``<<``)."""

    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command.

    ``words`` starts with the program, assignments in front of it are in ``assignments`` (``A=1 cmd``). ``connector``
    is what stands between this command and the next one of the script. ``pipeline`` numbers the pipeline it belongs to
    (commands of one pipe share it). ``via`` names the wrappers it was found in, outermost first
    (``("sh -c",)``, ``("sudo", "sh -c")``, ``("$()",)``, ``("if",)``, ``("function",)``); the wrapper command itself is
    a command of its own in the script, standing before those inside it.
    """

    words: tuple[Word, ...]
    origin: TextOrigin
    connector: Connector = ""
    pipeline: int = 0
    assignments: tuple[tuple[str, Word], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    via: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The program's base name (``curl`` for ``/usr/bin/curl``); empty where only assignments stand."""
        return self.words[0].text.rsplit("/", 1)[-1] if self.words else ""

    @property
    def args(self) -> tuple[Word, ...]:
        return self.words[1:]

    def has(self, *flags: str) -> bool:
        """Whether one of the words is one of ``flags``; ``--x=1`` counts as ``--x``, ``-qy`` as ``-q`` and ``-y``."""
        return self.flag(*flags) is not None

    def flag(self, *flags: str) -> Word | None:
        """The first word that is one of ``flags``, see :meth:`has`."""
        short = {flag[1] for flag in flags if len(flag) == 2 and flag[0] == "-"}
        for word in self.args:
            text = word.text
            if text in flags or text.split("=", 1)[0] in flags:
                return word
            if short and len(text) > 2 and text[0] == "-" and text[1] != "-" and short.intersection(text[1:]):
                return word
        return None


@dataclass(frozen=True, slots=True)
class Script:
    """What a piece of shell text runs. ``complete`` is False where the text could not be parsed as a whole."""

    text: str
    commands: tuple[Command, ...]
    origin: TextOrigin
    complete: bool = True

    def run(self, *names: str) -> list[Command]:
        """The commands whose program is one of ``names``."""
        return [command for command in self.commands if command.name in names]

    def pipelines(self) -> list[list[Command]]:
        """The commands grouped by the pipe they are in."""
        groups: dict[int, list[Command]] = {}
        for command in self.commands:
            groups.setdefault(command.pipeline, []).append(command)
        return list(groups.values())


@dataclass(frozen=True, slots=True)
class ShellDiagnostic:
    """What ShellCheck says of a place: its code (``SC2086``), its level, its own words."""

    code: str
    level: Literal["error", "warning", "info", "style"]
    message: str
    origin: TextOrigin


EMPTY_SCRIPT = Script("", (), TextOrigin("", 1, 1, 1, 1))


class Scripts(Mapping[str, Script]):
    """Scripts by path, each parsed when it is looked at for the first time."""

    def __init__(self, sources: Mapping[str, tuple[str, str]], parse: Callable[[str, str], Script]) -> None:
        """``sources`` has file and text by path; ``parse`` takes file and text."""
        self._sources = sources
        self._parse = parse
        self._parsed: dict[str, Script] = {}

    def __getitem__(self, path: str) -> Script:
        if path not in self._parsed:
            file, text = self._sources[path]
            self._parsed[path] = self._parse(file, text)
        return self._parsed[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def text(self, path: str) -> str:
        """The source text, without parsing it."""
        return self._sources[path][1]
