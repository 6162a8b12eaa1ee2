"""Shell text to simple commands, with the place of every word. Nothing is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.shell import Script, Word
from pytest_dockerharden.source.places import Places
from pytest_dockerharden.source.shell.wrappers import is_shell

__all__ = ["is_shell", "parse", "parse_command", "parse_text", "unread"]


def parse(
    text: str,
    place: Places,
    environment: Mapping[str, str | None] | None = None,
    heredocs: Mapping[int, tuple[str, Places, bool]] | None = None,
) -> Script:
    """Parse shell text whose characters stand at ``place``. Never raises.

    ``environment`` gives the variables whose value is known. What could not be parsed makes the script incomplete.
    ``heredocs`` are bodies kept apart from the text: by offset of the ``<`` the body, its places, whether it is
    expanded.
    """
    from pytest_dockerharden.source.shell.commands import Walker  # tree-sitter costs 30 ms to import

    return Walker(text, place, environment or {}, heredocs=heredocs).script()


def parse_command(words: Sequence[Word]) -> Script:
    """The script of an exec-form list: its one command, and what a ``sh -c`` in it runs."""
    from pytest_dockerharden.source.shell.commands import script_of_words

    return script_of_words(words)


def parse_text(text: str, origin: TextOrigin, source: str | None = None) -> Script:
    """Parse a string of a compose file, such as that of ``CMD-SHELL``.

    With the text of the file (``source``) the places are exact, else as exact as the span of the scalar allows.
    """
    from pytest_dockerharden.source.scalars import place_of_scalar

    return parse(text, place_of_scalar(text, origin, source))


def unread(text: str, place: Places) -> Script:
    """The script of text that is not for a POSIX shell: empty and incomplete."""
    return Script(text, (), place.origin(0, len(text.rstrip("\n"))), complete=False)
