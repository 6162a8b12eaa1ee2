"""Run an item whose verdict is known: reports are handed out ready-made, without setup, call and teardown.

pytest's own protocol costs about 0.4 ms an item (three phases, a dozen wrappers for capturing, logging and warnings
of test code). Nothing of that is needed where no test code runs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

import pytest

from pytest_dockerharden.items import HardenItem
from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    from pytest_dockerharden.session import StaticSession

When = Literal["setup", "call", "teardown"]
Outcome = Literal["passed", "failed", "skipped"]

# who is known to need nothing but the report of the call; anyone else gets all three
_CALL_IS_ENOUGH = ("_pytest.", "xdist.", "pytest_dockerharden.")


class Protocol:
    """Hands out the reports of one session."""

    def __init__(self, static: StaticSession) -> None:
        self.static = static
        self._whens: tuple[When, ...] = ()

    def run(self, item: HardenItem) -> None:
        """All hooks that a reporter listens to, in their order."""
        hook = item.config.hook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for when in self.whens(item.config):
            hook.pytest_runtest_logreport(report=self.report(item, when))
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def whens(self, config: pytest.Config) -> tuple[When, ...]:
        """The phases that somebody in this session wants a report of."""
        if not self._whens:
            listeners = config.hook.pytest_runtest_logreport.get_hookimpls()
            ours = all(_module_of(impl.plugin).startswith(_CALL_IS_ENOUGH) for impl in listeners)
            junit = config.pluginmanager.hasplugin("junitxml") and config.option.xmlpath
            self._whens = ("call",) if ours and not junit else ("setup", "call", "teardown")
        return self._whens

    def report(self, item: HardenItem, when: When) -> pytest.TestReport:
        """The report of one phase; setup and teardown have always passed."""
        result = item.result
        outcome, longrepr, extra = self._outcome(result, item) if when == "call" else ("passed", None, {})
        now = time.time()
        return pytest.TestReport(
            item.nodeid,
            item.location,
            {item.name: 1},
            outcome,
            longrepr,
            when,
            (),
            0.0,
            now,
            now,
            self._properties(result) if when == "call" else (),
            **extra,
        )

    def _outcome(self, result: Result, item: HardenItem) -> tuple[Outcome, Any, dict[str, Any]]:
        extra: dict[str, Any] = {"harden": [result.file, result.name]}
        if result.verdict == "passed":
            return "passed", None, extra
        if result.fails:
            return "failed", self.static.excerpts.text_of(result), extra
        if result.verdict == "unknown":
            path, line, _ = item.reportinfo()
            return "skipped", (str(path), (line or 0) + 1, f"Skipped: unknown: {result.reason}"), extra
        extra["wasxfail"] = _reason(result)
        return "skipped", self.static.excerpts.text_of(result), extra

    def _properties(self, result: Result) -> list[tuple[str, object]]:
        control = result.control
        properties: list[tuple[str, object]] = [
            ("harden_severity", result.severity),
            ("harden_verdict", result.verdict),
        ]
        sections = {"cis": control.cis, "owasp": control.owasp, "nist": control.nist}
        properties += [(f"harden_{name}", ", ".join(values)) for name, values in sections.items() if values]
        return properties


def _reason(result: Result) -> str:
    if result.verdict == "waived":
        return f"waived: {result.reason}"
    return f"{result.severity}, below --harden-fail-on: {result.findings[0].message}"


def _module_of(plugin: object) -> str:
    return f"{getattr(plugin, '__name__', None) or type(plugin).__module__}."
