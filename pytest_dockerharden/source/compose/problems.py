"""Where the loader's complaints go."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem, SourceError


class Problems:
    """Collects problems once each; a ``strict`` one raises :class:`SourceError` at the first that is not a warning."""

    __slots__ = ("_seen", "strict")

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self._seen: dict[Problem, None] = {}

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._seen)

    def add(self, *problems: Problem) -> None:
        for problem in problems:
            self._seen.setdefault(problem)
            if self.strict and problem.kind != "warning":
                raise SourceError(problem)

    def refuse(self, message: str, origin: TextOrigin, hint: str = "") -> None:
        """Note what Docker Compose would not load."""
        self.add(Problem("refused", message, origin, hint))

    def warn(self, message: str, origin: TextOrigin, hint: str = "") -> None:
        """Note what loads, but not as one thinks."""
        self.add(Problem("warning", message, origin, hint))


class Budget:
    """How many values one load may make, whatever aliases, ``extends``, ``include`` and env files multiply."""

    __slots__ = ("spent",)
    MOST = 200_000

    def __init__(self) -> None:
        self.spent = 0

    def spend(self, values: int, origin: TextOrigin) -> None:
        """Raise SourceError where these are too many."""
        self.spent += values
        if self.spent > self.MOST:
            raise refusal(f"more than {self.MOST:,} values once everything is expanded", origin, kind="limit")


def refusal(message: str, origin: TextOrigin, hint: str = "", kind: str = "refused") -> SourceError:
    """The error to raise where nothing is left to judge."""
    return SourceError(Problem(kind, message, origin, hint))
