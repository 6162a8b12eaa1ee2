"""Run items whose verdict is known: reports are handed out ready-made, without setup, call and teardown.

pytest's own protocol costs about 0.4 ms an item: three phases, a dozen wrappers for capturing, logging and warnings of
test code. Nothing of that is needed where no test code runs. Where nobody but pytest itself listens, and no line for
each item is asked for, those that passed are only counted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest

from pytest_dockerharden.items import HardenItem
from pytest_dockerharden.late_report import LateReport, When, expectation_of, outcome_of
from pytest_dockerharden.report.excerpt import clean
from pytest_dockerharden.report.properties import properties_of
from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    from pytest_dockerharden.session import StaticSession

_REPORTING = ("pytest_runtest_logreport", "pytest_runtest_logstart", "pytest_runtest_logfinish")
# who is known to need nothing but the report of the call; anyone else gets all three
_CALL_IS_ENOUGH = ("_pytest.", "xdist.", "pytest_dockerharden.")
# and who can do without the reports of what passed
_FAILURES_ARE_ENOUGH = (
    "_pytest.main.",
    "_pytest.terminal",
    "_pytest.logging.",
    "_pytest.runner.",
    "pytest_dockerharden.",
)
# and who needs no item for each control that passed
_COLLECTING = (
    "pytest_collectreport",
    "pytest_itemcollected",
    "pytest_collection_modifyitems",
    "pytest_deselected",
    "pytest_collection_finish",
    "pytest_runtestloop",
)
_NUMBERS_ARE_ENOUGH = ("_pytest.", "_hypothesis_pytestplugin.", "pytest_dockerharden.")
_CHOOSING = ("keyword", "markexpr", "deselect", "collectonly", "maxfail", "lf", "failedfirst", "newfirst", "stepwise")


class Protocol:
    """Hands out the reports of one session."""

    def __init__(self, static: StaticSession) -> None:
        self.static = static
        self.config = static.config
        self._whens: tuple[When, ...] = ()
        self.counting = False

    def run(self, item: HardenItem) -> None:
        """All hooks that a reporter listens to, in their order. Of what does not apply nobody hears."""
        if item.result.verdict == "not-applicable":
            return
        hook = self.config.hook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for when in self.whens():
            hook.pytest_runtest_logreport(report=self.report(item, when))
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def can_count(self, items: Sequence[pytest.Item]) -> bool:
        """Whether it is enough to count what passed."""
        option = self.config.option
        return (
            self.static.live is None
            and self.static.images is None
            and all(isinstance(item, HardenItem) for item in items)
            and self.config.getoption("verbose", 0) <= 0
            and not set(getattr(option, "reportchars", "")) & set("pPA")
            and option.durations is None
            and not option.setupshow
            and all(self._is_enough(module) for name in _REPORTING for module in _listeners(self.config, name))
        )

    def can_tally(self) -> bool:
        """Whether nobody can ask for one of those that passed, from collection to the end of the run."""
        static, option = self.static, self.config.option
        judges_more = static.request.imports or static.request.scanners or not option.harden_static
        names_each = bool(static.targets) or static.earlier is not None
        return (
            static.alone
            and not (judges_more or static.request.choosing or names_each or static.mending)
            and not any(getattr(option, name, None) for name in _CHOOSING)
            and all(m.startswith(_NUMBERS_ARE_ENOUGH) for name in _COLLECTING for m in _listeners(self.config, name))
            and self.can_count(())
        )

    def _is_enough(self, module: str) -> bool:
        if module == "_pytest.cacheprovider.":
            # --lf forgets what passed only where it remembers a failure
            return not getattr(self.config.pluginmanager.getplugin("lfplugin"), "lastfailed", True)
        return module.startswith(_FAILURES_ARE_ENOUGH)

    def run_counting(self, session: pytest.Session) -> None:
        """All items, with a line for each file instead of a letter for each item."""
        self.counting = True
        try:
            self._run_counting(session)
        finally:
            self.counting = False

    def _run_counting(self, session: pytest.Session) -> None:
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        for file, items in groupby(session.items, key=lambda item: item.path):
            counts: Counter[str] = Counter()
            for item in items:
                assert isinstance(item, HardenItem)
                counts[item.result.verdict] += item.times
                self._count(item, session, reporter)
            if reporter is not None and self.config.getoption("verbose", 0) == 0:
                words = ", ".join(f"{counts[verdict]} {verdict}" for verdict in sorted(counts))
                colour = "red" if counts["failed"] or counts["error"] else "green"
                reporter.write(f"{clean(self.static.node_path(str(file)))}: ")
                reporter.write(f"{words}\n", **{colour: True})

    def _count(self, item: HardenItem, session: pytest.Session, reporter: pytest.TerminalReporter | None) -> None:
        self.static.judged.append(item.result)
        passed = reporter.stats.get("passed", []) if reporter is not None and item.result.verdict == "passed" else []
        if passed:
            passed += passed[:1] * item.times
            return
        self.config.hook.pytest_runtest_logreport(report=LateReport(item))
        if reporter is not None and item.times > 1:
            reporter.stats["passed"] *= item.times
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)

    def whens(self) -> tuple[When, ...]:
        """The phases that somebody in this session wants a report of."""
        if not self._whens:
            listeners = _listeners(self.config, "pytest_runtest_logreport")
            enough = all(m.startswith(_CALL_IS_ENOUGH) and m != "_pytest.junitxml." for m in listeners)
            self._whens = ("call",) if enough else ("setup", "call", "teardown")
        return self._whens

    def whole(self, item: HardenItem) -> pytest.TestReport:
        """What a report that came late would have been."""
        # failures that are printed in groups are shown by what they say, and most of them not at all
        brief = item.result.fails and self.static.terminal.is_grouping()
        text = self.static.excerpts.first_line(item.result) if brief else self._text(item)
        return self._report(item, "call", text)

    def report(self, item: HardenItem, when: When) -> pytest.TestReport:
        """The report of one phase; setup and teardown have always passed."""
        if when != "call":
            return self._report(item, when, None)
        extra = expectation_of(item.result)
        if hasattr(self.config, "workerinput"):
            extra |= self._for_the_controller(item.result)
        else:
            self.static.judged.append(item.result)
        return self._report(item, when, self._text(item), **extra)

    def _report(self, item: HardenItem, when: When, longrepr: Any, **extra: Any) -> pytest.TestReport:
        result = item.result
        outcome = outcome_of(result) if when == "call" else "passed"
        now = time.time()
        return pytest.TestReport(
            item.nodeid,
            item.location,
            {item.name: 1},
            outcome,
            longrepr,
            when,
            result.evidence if outcome == "failed" else (),
            item.duration if when == "call" else 0.0,
            now - item.duration,
            now,
            properties_of(result, self.static.request.start),
            **extra,
        )

    def _for_the_controller(self, result: Result) -> dict[str, Any]:
        name = [result.file, result.name, result.phase]
        if result.phase != "image":
            return {"harden": name}
        from pytest_dockerharden.live.broker import dump

        return {"harden": name, "harden_result": dump(result)}  # the controller has not read the image

    def _text(self, item: HardenItem) -> Any:
        result = item.result
        if result.verdict == "unknown":
            path, line, _ = item.reportinfo()
            return str(path), (line or 0) + 1, f"Skipped: unknown: {result.reason}"
        return None if result.verdict == "passed" else self.static.excerpts.text_of(result)


def _listeners(config: pytest.Config, name: str) -> list[str]:
    implementations = getattr(config.hook, name).get_hookimpls()
    return [f"{getattr(i.plugin, '__name__', None) or type(i.plugin).__module__}." for i in implementations]
