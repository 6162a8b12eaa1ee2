"""``--harden-diff`` and ``--harden-fix``: what pytest shows and writes of the remedies of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_dockerharden.evaluation import Evaluation
from pytest_dockerharden.paths import shown_path

if TYPE_CHECKING:
    from pytest_dockerharden.remedy.plan import Plan
    from pytest_dockerharden.session import StaticSession


class Mending:
    """Takes the evaluation of a run; with ``--harden-fix`` the texts are written and judged as they are then."""

    def __init__(self, static: StaticSession) -> None:
        self.static = static
        option = static.config.option
        self.saying = option.harden_fix + option.harden_fix_all
        self.everything = bool(option.harden_fix_all) or not self.saying
        self.plan: Plan | None = None

    def apply(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation to show. Raises UsageError where a file must not be overwritten."""
        # workers read what the controller has written before it started them
        if hasattr(self.static.config, "workerinput"):
            return evaluation
        from pytest_dockerharden.remedy.plan import plan_of
        from pytest_dockerharden.remedy.save import NotSavedError, save

        self.plan = plan_of(evaluation, safe_only=not self.everything)
        if not self.saying:
            return evaluation
        try:
            save(self.plan, evaluation.request.top, self._shown, forced=self.saying > 1)
        except NotSavedError as refusal:
            raise pytest.UsageError(f"dockerharden: {refusal}") from None
        return self.plan.evaluation

    def _shown(self, path: str) -> str:
        return shown_path(path, self.static.request.start)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        assert self.static.evaluation is not None  # written before any worker or item reads

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.plan is None:
            return
        from pytest_dockerharden.remedy.diff import plan_lines

        terminalreporter.section("remedies")
        with_diff = bool(self.static.config.option.harden_diff)
        lines = plan_lines(self.plan, self._shown, written=bool(self.saying), with_diff=with_diff)
        for text, colour in lines:
            terminalreporter.write_line(text, **({colour: True} if colour else {}))
