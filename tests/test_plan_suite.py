"""Every row of the plan is a control, a test or a reason, and what is named exists."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_dockerharden.controls import load_all

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
ROWS = tomllib.loads((ROOT / "suites" / "plan" / "requirements.toml").read_text(encoding="utf-8"))


def test_every_row_of_the_plan_is_there() -> None:
    assert list(ROWS) == [f"R{number:03}" for number in range(1, 172)]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_a_control_a_test_or_a_reason(row: str) -> None:
    answer = ROWS[row]
    assert answer.get("controls") or answer.get("tests") or answer.get("reason")
    assert not set(answer.get("controls", ())) - set(load_all())
    assert all((ROOT / path).exists() for path in answer.get("tests", ()))
