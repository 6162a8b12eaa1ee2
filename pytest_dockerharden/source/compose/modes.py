"""File modes: octal texts, and numbers that look octal and are not."""

from __future__ import annotations

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.source.compose.derive import derive, warned
from pytest_dockerharden.source.compose.forms import Problems, as_integer, unreadable

OCTAL = pattern(r"[0-7]{1,7}")
MODE = pattern(r"[01]?[4-7][04-7][04-7]")


def file_mode(mode: Node, found: Problems) -> Node:
    """The mode of a secret or config as octal text."""
    if isinstance(mode.value, str):
        if not OCTAL.fullmatch(mode.value):
            return unreadable(mode, found, "a file mode", 'write it in octal: "0440"')
        return derive(mode, f"0{int(mode.value, 8):o}")
    _note_decimal_mode(mode, found)
    return derive(mode, f"0{int(mode.value):o}") if isinstance(mode.value, (int, float)) else mode


def tmpfs_mode(mode: Node, found: Problems) -> Node:
    """The mode of a tmpfs, an integer."""
    _note_decimal_mode(mode, found)
    return as_integer(mode, found)


def _note_decimal_mode(mode: Node, found: Problems) -> None:
    """Warn of ``1777``, which is decimal, where the octal ``01777`` is meant."""
    value, origin = mode.value, mode.origin
    if not isinstance(value, int) or mode.template is not None or origin.line != origin.end_line:
        return
    digits = str(value)
    as_written = origin.end_column - origin.column == len(digits)
    if as_written and _is_natural_mode(digits) and not _is_natural_mode(f"{value:o}"):
        found.append(warned(f"the mode {digits} is decimal, that is {value:o} in octal", mode, f"write 0{digits}"))


def _is_natural_mode(digits: str) -> bool:
    """Whether octal digits are a mode that somebody would choose: the owner may most, others least."""
    return bool(MODE.fullmatch(digits)) and digits[-3] >= digits[-2] >= digits[-1]
