"""What a run prints on a bad stack: what matters most at once, and one text for all that one change mends."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_dockerharden.late_report import LateReport
from pytest_dockerharden.report.excerpt import clean
from pytest_dockerharden.report.groups import Group, groups, rest_of
from pytest_dockerharden.report.summary import most_important
from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    from pytest_dockerharden.session import StaticSession

# so many lines of the short summary are still read
_SHORT = 20


class Terminal:
    """Prints failures in groups where pytest would print them one by one. Reports for machines keep every one."""

    def __init__(self, static: StaticSession) -> None:
        self.static = static
        self.config = static.config
        self._ours: list[pytest.TestReport] = []

    def pytest_report_collectionfinish(self, items: Sequence[pytest.Item]) -> list[str]:
        if self.config.getoption("verbose", 0) < 0 or self.config.option.collectonly:
            return []
        # of a stack that does not run yet there is none
        known = [getattr(item, "known_result", None) for item in items]
        results = [result for result in known if isinstance(result, Result)]
        return [line for line, _ in most_important(results, self.static.excerpts, remedies=True)]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None]:
        stats = terminalreporter.stats
        everything = stats.get("failed", [])
        if not everything or not self.is_grouping():
            yield
            return
        results = self._results_of(everything)
        self._ours = [report for report, result in zip(everything, results, strict=True) if result]
        stats["failed"] = [report for report, result in zip(everything, results, strict=True) if not result]
        self._print(terminalreporter, groups(filter(None, results)))
        try:
            yield
        finally:
            stats["failed"] = everything

    def before_short_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Let pytest list failures that are few, or that were asked for."""
        typed = any(str(argument).startswith("-r") for argument in self.config.invocation_params.args)
        if len(self._ours) <= _SHORT or typed:
            terminalreporter.stats.get("failed", []).extend(self._ours)

    def is_grouping(self) -> bool:
        """Whether failures are printed in groups, with the whole text of the first of each."""
        option = self.config.option
        quiet = getattr(option, "no_summary", False) or getattr(option, "tbstyle", "") in ("no", "line")
        return not quiet and self.config.getoption("verbose", 0) <= 0

    def _results_of(self, reports: Sequence[pytest.TestReport]) -> list[Result | None]:
        if all(isinstance(report, LateReport) for report in reports):
            return [report.item.result for report in reports if isinstance(report, LateReport)]
        by_id = dict(self.static.entries([result for result in self.static.judged if result.fails]))
        return [by_id.get(report.nodeid) for report in reports]

    def _print(self, reporter: pytest.TerminalReporter, found: Iterable[Group]) -> None:
        if not self._ours:
            return
        reporter.section("FAILURES, the most important first")
        for group in found:
            more = f" and {len(group) - 1} more" if len(group) > 1 else ""
            reporter.write_sep("_", f"{group[0].name}{more}", red=True, bold=True)
            reporter.write_line(self.static.excerpts.text_of(group[0]))
            for title, text in group[0].evidence:
                reporter.write_line(f"  {title}:")
                reporter.write_line("\n".join(f"      {clean(line)}" for line in text.splitlines()))
            if more:
                reporter.write_line("  the same at:")
            for line in rest_of(group, self.static.excerpts):
                reporter.write_line(line)
