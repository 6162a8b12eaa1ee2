"""Look through commands that run another: ``sudo x``, ``sh -c '...'``, ``sh <<EOF``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.shell import Command
from pytest_dockerharden.source.places import Places
from pytest_dockerharden.source.shell import wrappers

DEEPEST = 32
"""How deep blocks, substitutions and wrappers are followed inside one another."""

Inner = tuple[str, Places]
"""Text for another shell, and where it stands."""
Read = Callable[[str, Places, tuple[str, ...]], tuple[list[Command], bool]]
"""Reads inner text found behind these wrappers; also tells whether all of it could be read."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a command brings along for an inner shell: its quoted words by index, the body of its heredoc."""

    words: Mapping[int, Callable[[], Inner | None]] = field(default_factory=dict)
    heredoc: Inner | None = None


def look_through(command: Command, given: Given, read: Read) -> tuple[list[Command], bool]:
    """The commands that ``command`` runs, and whether all of its text could be read."""
    found = _unwrapped(command)
    innermost = found[-1] if found else command
    skipped = len(command.words) - len(innermost.words)
    words = [word.text for word in innermost.words]
    script = wrappers.inline_script(words)
    name = wrappers.base_name(words[0]) if words else ""
    if script is not None:
        quoted = given.words.get(script + skipped)
        if quoted is None:  # a variable or a bare word: known to be one plain word, or not known at all
            return found, innermost.words[script].value is not None
        inner, label = quoted(), name if name == "eval" else f"{name} -c"
    elif given.heredoc is not None and wrappers.reads_standard_input(words):
        inner, label = given.heredoc, f"{name} <<"
    else:
        return found, True
    if inner is None or len(innermost.via) >= DEEPEST:
        return found, False
    commands, complete = read(*inner, (*innermost.via, label))
    return [*found, *commands], complete


def _unwrapped(command: Command) -> list[Command]:
    """``sudo env A=1 cmd``: ``env A=1 cmd`` and ``cmd``."""
    found: list[Command] = []
    while len(command.via) < DEEPEST:
        words = [word.text for word in command.words]
        start = wrappers.inner_command(words)
        if start is None:
            break
        first, outer = command.words[start].origin, command.origin
        command = replace(
            command,
            words=command.words[start:],
            origin=TextOrigin(outer.file, first.line, first.column, outer.end_line, outer.end_column),
            via=(*command.via, wrappers.base_name(words[0])),
            assignments=(),
            redirects=(),
        )
        found.append(command)
    return found
