"""Reports of failures that hardly anybody reads one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    from pytest_dockerharden.items import HardenItem

When = Literal["setup", "call", "teardown"]
Outcome = Literal["passed", "failed", "skipped"]

# what pytest's own constructor sets
_LATER = frozenset(
    {
        *("_id", "nodeid", "location", "keywords", "longrepr", "user_properties"),
        *("sections", "duration", "start", "stop"),
    }
)


class LateReport(pytest.TestReport):
    """The report of an item's call that becomes a whole one when somebody asks for more than its outcome.

    Of thousands of files there are thousands of failures, and a whole report of each takes a kilobyte.
    """

    when: When = "call"

    def __init__(self, item: HardenItem) -> None:
        self.item = item
        self.outcome = outcome_of(item.result)
        expectation = expectation_of(item.result)
        if expectation:
            vars(self).update(expectation)

    def __getattr__(self, name: str) -> Any:
        if name not in _LATER:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.__dict__.update({**vars(self.item.static.protocol.whole(self.item)), **vars(self)})
        return getattr(self, name)


def outcome_of(result: Result) -> Outcome:
    """What pytest calls a verdict."""
    return "passed" if result.verdict == "passed" else "failed" if result.fails else "skipped"


def expectation_of(result: Result) -> dict[str, str]:
    """What makes a skip an expected failure, where it is one."""
    if result.verdict == "waived":
        return {"wasxfail": f"waived: {result.reason}"}
    if result.tolerated and result.verdict == "failed":
        return {"wasxfail": f"{result.severity}, below --harden-fail-on: {result.findings[0].message}"}
    return {}
