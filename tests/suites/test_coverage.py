"""The pages of docs/coverage/ are as their data and the registry say; each row is a control or a reason."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from pytest_dockerharden.controls import load_all

DOCS = Path(__file__).parents[2] / "docs"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dockerharden_benchmarks", DOCS / "benchmarks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()
ROWS = GENERATOR._table(GENERATOR.LIVE)
CONTROLS = load_all()
# what a live suite should have, and none of ours asks: each has its reason
WANTED_AND_NOT_ASKED = {"5", "76", "84", "85", "89", "98", "109"}
SEEN_LIVE = {"Posture", "Drill", "Engine", "Image"}


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in GENERATOR.pages()])
def test_a_page_is_as_its_data_say(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == GENERATOR.pages()[path], "run: python docs/benchmarks.py"


def test_every_live_check_is_there() -> None:
    assert list(ROWS) == [str(number) for number in range(1, 135)]
    assert {row["wanted"] for row in ROWS.values()} == {"yes", "optional", "no"}


@pytest.mark.parametrize("number", ROWS)
def test_a_live_check_is_controls_or_a_reason(number: str) -> None:
    row = ROWS[number]
    assert [key in row for key in ("controls", "family", "reason")].count(True) == 1
    assert not set(row.get("controls", ())) - set(CONTROLS)
    assert row.get("reason", ".").endswith(".")


@pytest.mark.parametrize("number", [number for number, row in ROWS.items() if row["wanted"] != "no"])
def test_a_check_that_is_wanted_live_is_judged_where_it_can_be_seen(number: str) -> None:
    judges = {CONTROLS[identifier].judges for identifier in ROWS[number].get("controls", ())}
    assert judges & SEEN_LIVE or number in WANTED_AND_NOT_ASKED
