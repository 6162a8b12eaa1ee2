"""The phases of a running stack, in the order in which they happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_dockerharden.model.control import Control

Phase = Literal["live", "restarted", "drill"]
PHASES: tuple[Phase, ...] = ("live", "restarted", "drill")


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
