"""What can go wrong with a stack for a reason that is not a bug of ours."""

from __future__ import annotations

from pytest_dockerharden.model.problem import Problem


class StackError(Exception):
    """One thing for the user to read: what, where, what to do. ``details`` are evidence, such as last log lines."""

    def __init__(self, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return "\n".join((self.message, *(f"  {line}" for line in self.details)))


class EngineError(StackError):
    """The engine cannot be reached, or stopped answering."""


class RefusedError(StackError):
    """The files say what is not to be started, or what Docker Compose would not start either."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message, (problem.hint,) if problem.hint else ())
        self.origin = problem.origin
