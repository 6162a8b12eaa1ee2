"""What a reader could not accept: shown as one located line, never as a traceback."""

from __future__ import annotations

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.origin import TextOrigin


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a source text.

    ``kind`` is ``refused`` (the reference tool would not load it), ``warning`` (loads, but not as one thinks),
    ``limit`` (a bound of ours was hit) or ``template`` (must be rendered before anybody can read it). ``hint`` says
    what to do, e.g. ``did you mean cap_drop?``. ``written`` is the text at the place that ``instead`` says the same as.
    """

    kind: str
    message: str
    origin: TextOrigin
    hint: str = ""
    written: str = ""
    instead: str = ""


class SourceError(Exception):
    """A text that cannot be read at all. Carries the one problem to show."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.origin}: {problem.message}")
        self.problem = problem
