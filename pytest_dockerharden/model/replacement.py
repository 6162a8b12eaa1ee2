"""A change of a text as other tools take it: a span, and what is to stand there."""

from __future__ import annotations

from pytest_dockerharden.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Replacement:
    """Put ``new`` in place of a span of a file. Lines and columns count code points from 1, the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    new: str
