"""Items whose verdict is not known before the stack runs."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_dockerharden.items import HardenItem
from pytest_dockerharden.live.phases import Question
from pytest_dockerharden.live.session import live_of
from pytest_dockerharden.verdicts import Result


class LivePhase(pytest.Collector):
    """``live``, ``restarted`` or ``drill`` below a compose file."""

    def __init__(self, *, questions: list[Question], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.questions = questions

    @classmethod
    def of(cls, name: str, parent: pytest.Collector, questions: list[Question]) -> LivePhase:
        phase: LivePhase = cls.from_parent(parent, name=name, questions=questions)
        return phase

    def collect(self) -> Iterator[pytest.Item]:
        return (LiveItem.asking(question, self) for question in self.questions)


class LiveItem(HardenItem):
    """The verdict on one control and one service of a stack that runs."""

    question: Question

    def __init__(self, *, question: Question, **kwargs: Any) -> None:
        self.question = question
        self.attach(**kwargs)

    @classmethod
    def asking(cls, question: Question, parent: pytest.Collector) -> LiveItem:
        item: LiveItem = cls.from_parent(parent, name=question.name, question=question)
        return item

    @functools.cached_property
    def result(self) -> Result:  # type: ignore[override]
        """Asked for when the item runs: the stack is brought up for the first one."""
        began = time.monotonic()
        try:
            return ask(self.config, self.question)
        except AttributeError as error:  # it would seem to be one of ours that is missing
            raise RuntimeError(f"bug in live mode: {error}") from error
        finally:
            self.duration = time.monotonic() - began

    @property
    def known_result(self) -> Result | None:
        known: Result | None = vars(self).get("result")
        return known

    def words(self) -> tuple[str, ...]:
        control = self.question.control
        return (control.severity, control.plan, control.family, self.question.phase)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.path, None, self.name


def ask(config: pytest.Config, question: Question) -> Result:
    """The answer of whoever owns the stack."""
    live = live_of(config)
    return live.courses.result(question.stack, question.phase, question.name, live.needed)
