"""Every row of the plan is a control, a test or a reason, and what is named exists."""

from __future__ import annotations

import re
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
KINDS = {"S", "L", "B", "P", "S+P", "L+P", "S+L", "P to S"}
# reading the reports of other scanners is a later issue
LATER = {"R087", "R150"}
# how people used docker exec: nothing that a container shows
NOT_OF_A_CONTAINER = {"5.24"}


def test_every_row_of_the_plan_is_there() -> None:
    assert list(ROWS) == [f"R{number:03}" for number in range(1, 172)]
    assert {row["kind"] for row in ROWS.values()} == KINDS


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_a_control_a_test_or_a_reason(row: str) -> None:
    answer = ROWS[row]
    assert answer.get("controls") or answer.get("tests") or answer.get("reason")
    assert not set(answer.get("controls", ())) - set(load_all())


@pytest.mark.parametrize("test", sorted({test for row in ROWS.values() for test in row.get("tests", ())}))
def test_what_proves_a_row_is_there(test: str) -> None:
    path, _, function = test.partition("::")
    assert (ROOT / path).exists()
    if function:
        assert re.search(rf"^def {function}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("row", [row for row in ROWS if ROWS[row]["kind"][0] in "LB" or "L" in ROWS[row]["kind"]])
def test_a_row_that_is_to_be_seen_live_is(row: str) -> None:
    judges = {load_all()[control].judges for control in ROWS[row].get("controls", ())}
    tests = [test for test in ROWS[row].get("tests", ()) if test.startswith("tests/plan/")]
    assert tests or judges & {"Posture", "Drill"} or row in LATER or row == "R015"


def test_the_benchmark_s_chapter_on_containers_has_controls() -> None:
    carried = {section for control in load_all().values() for section in control.cis}
    assert {f"5.{number}" for number in range(1, 33)} - carried == NOT_OF_A_CONTAINER
