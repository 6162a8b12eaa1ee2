"""Edits of a text: spans and what replaces them."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence

from pytest_dockerharden.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Replace ``text[start:end]`` of a file by ``new``. Offsets count code points, behind a byte order mark.

    Of insertions at one place the one with the greater ``depth`` comes first: it belongs to what ends there. Of those
    of one depth the one with the lower ``rank`` does.
    """

    file: str
    start: int
    end: int
    new: str
    depth: int = 0
    rank: int = 0


class Taken:
    """Edits that do not overlap, and whether further ones would overlap any of them."""

    def __init__(self, edits: Iterable[TextEdit] = ()) -> None:
        # by file: starts and ends, both in order as the edits do not overlap
        self._spans: dict[str, tuple[list[int], list[int]]] = {}
        self.add(edits)

    def is_free(self, edit: TextEdit) -> bool:
        starts, ends = self._spans.get(edit.file, ((), ()))
        behind = bisect_right(ends, edit.start)
        return behind == len(ends) or starts[behind] >= edit.end

    def add(self, edits: Iterable[TextEdit]) -> None:
        for edit in edits:
            starts, ends = self._spans.setdefault(edit.file, ([], []))
            insort(starts, edit.start)
            insort(ends, edit.end)


def overlap(first: TextEdit, second: TextEdit) -> bool:
    """Whether two edits of one file get in each other's way. Insertions at one place do not: they keep their order."""
    return first.file == second.file and first.start < second.end and second.start < first.end


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """The text with all edits made. They do not overlap; those at one place are written in the order given."""
    parts, position = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end, -edit.depth, edit.rank)):
        parts += [text[position : edit.start], edit.new]
        position = edit.end
    return "".join([*parts, text[position:]])


def edited(before: Mapping[str, str], edits: Sequence[TextEdit]) -> dict[str, str]:
    """The texts of files with all edits made, each in its file."""
    return {file: apply_edits(text, [edit for edit in edits if edit.file == file]) for file, text in before.items()}


def newline_of(text: str) -> str:
    """How the lines of a text end: as the first one does."""
    end = text.find("\n")
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"


def line_starts(text: str) -> list[int]:
    """The offset of each line."""
    starts, end = [0], text.find("\n")
    while end >= 0:
        starts.append(end + 1)
        end = text.find("\n", end + 1)
    return starts
