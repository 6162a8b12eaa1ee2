"""Mend real files with the real engine."""

from __future__ import annotations

from pathlib import Path

from pytest_dockerharden.evaluation import evaluate
from pytest_dockerharden.policy import Overrides
from pytest_dockerharden.remedy.plan import Plan, plan_of
from pytest_dockerharden.request import Request


def plan_for(folder: Path, files: dict[str, str], *, safe_only: bool = False, suite: str | None = None) -> Plan:
    """What would be done to ``files``, written below ``folder``; line ends and marks as they are given."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    start = str(folder)
    request = Request(start, start, (start,), overrides=Overrides(suite=suite, directory=start))
    return plan_of(evaluate(request), safe_only=safe_only)
