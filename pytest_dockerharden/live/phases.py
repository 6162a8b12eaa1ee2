"""The phases of a running stack, in the order in which they happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.finding import Findings

Phase = Literal["live", "restarted", "drill"]
PHASES: tuple[Phase, ...] = ("live", "restarted", "drill")


def stack_comes_up(stack: object) -> Findings:
    """The stack comes up and is healthy.

    What does not run proves nothing, so nothing else of it is judged.
    """
    yield from ()


COMES_UP = Control("stack-comes-up", stack_comes_up, "Drill", "high", "stack")


@dataclass(frozen=True, slots=True)
class Question:
    """What one item asks: a control and a service (empty: the whole stack) in one phase of one stack.

    ``stack`` is the key of the stack; ``subject`` is the service as node ids name it (``prod/redis``).
    """

    stack: str
    phase: Phase
    control: Control
    service: str
    subject: str

    @property
    def name(self) -> str:
        """The last part of the node id."""
        return f"{self.control.id}[{self.subject}]" if self.subject else self.control.id
