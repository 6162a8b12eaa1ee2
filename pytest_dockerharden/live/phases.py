"""The phases of a run, in the order in which they happen: its engine, then each stack from up to stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_dockerharden.model.control import Control

Phase = Literal["engine", "live", "restarted", "drill"]
# all there is where a stack is attached to
READING: tuple[Phase, ...] = ("engine", "live")
PHASES: tuple[Phase, ...] = (*READING, "restarted", "drill")


@dataclass(frozen=True, slots=True)
class Question:
    """What one item asks: a control and a service (empty: the whole stack, or the engine) in one phase of one stack.

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
