"""Where the characters of a text cut out of a file stand in that file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from pytest_dockerharden.model.origin import TextOrigin

Piece = tuple[int, int, int]
"""An offset of the text, and the line and column where the characters from there on stand."""


class Places:
    """Maps offsets of a text back to lines and columns of its file.

    The text is made of pieces, each of them consecutive characters of one line: the lines of a continued
    instruction, of a heredoc, of a block scalar.
    """

    __slots__ = ("base", "columns", "file", "lines", "starts")

    def __init__(self, file: str, pieces: Iterable[Piece], base: int = 0) -> None:
        self.file = file
        self.base = base
        starts, lines, columns = zip(*pieces, strict=True)
        self.starts: Sequence[int] = starts
        self.lines: Sequence[int] = lines
        self.columns: Sequence[int] = columns

    @classmethod
    def of_lines(cls, file: str, lines: Sequence[str], first_line: int = 1, column: int = 1) -> Places:
        """For a text that is ``"\\n".join(lines)``, each of them standing at ``column`` of its own line."""
        pieces, offset = [(0, first_line, column)], 0
        for number, line in enumerate(lines, first_line):
            pieces.append((offset, number, column))
            offset += len(line) + 1
        return cls(file, pieces)

    def from_(self, offset: int) -> Places:
        """For the part of the text that begins at ``offset``."""
        part = Places.__new__(Places)
        part.file, part.starts, part.lines, part.columns = self.file, self.starts, self.lines, self.columns
        part.base = self.base + offset
        return part

    def at(self, offset: int) -> tuple[int, int]:
        """Line and column of the character at ``offset``."""
        offset += self.base
        piece = bisect_right(self.starts, offset) - 1 if len(self.starts) > 1 else 0
        return self.lines[piece], self.columns[piece] + offset - self.starts[piece]

    def origin(self, start: int, end: int) -> TextOrigin:
        """The span of ``text[start:end]``."""
        start += self.base
        end += self.base
        starts = self.starts
        piece = bisect_right(starts, start) - 1 if len(starts) > 1 else 0
        line, shift = self.lines[piece], self.columns[piece] - starts[piece]
        if end <= start:
            return TextOrigin(self.file, line, start + shift, line, start + shift)
        if len(starts) > piece + 1 and starts[piece + 1] < end:
            piece = bisect_right(starts, end - 1) - 1
            end_line, end_shift = self.lines[piece], self.columns[piece] - starts[piece]
            return TextOrigin(self.file, line, start + shift, end_line, end + end_shift)
        return TextOrigin(self.file, line, start + shift, line, end + shift)

    def pieces(self, length: int) -> list[Piece]:
        """The pieces of the first ``length`` characters."""
        inner = [
            (start - self.base, line, column)
            for start, line, column in zip(self.starts, self.lines, self.columns, strict=True)
            if self.base < start < self.base + length
        ]
        return [(0, *self.at(0)), *inner]

    def pick(self, offsets: Sequence[int]) -> Places:
        """For a text whose characters are those at ``offsets`` of this one (quotes or indentation left out)."""
        pieces: list[Piece] = []
        expected = None
        for index, offset in enumerate(offsets):
            line, column = self.at(offset)
            if (line, column) != expected:
                pieces.append((index, line, column))
            expected = (line, column + 1)
        return Places(self.file, pieces or [(0, *self.at(0))])
