"""The table of known rules is complete: each rule has a control, or a reason why it has none."""

from __future__ import annotations

import importlib.util

import pytest

from pytest_dockerharden.controls import load_all
from tests.controls.coverage import TABLE, controls_of, holders, rows

RULES = [
    pytest.param(row, peer, identifier, id=f"{row}-{peer}-{identifier}")
    for row, table in rows().items()
    for peer, identifiers in table.get("peers", {}).items()
    for identifier in identifiers
]


@pytest.mark.parametrize(("row", "peer", "identifier"), RULES)
def test_a_rule_has_a_control_or_a_reason_why_not(row: str, peer: str, identifier: str) -> None:
    assert holders().get((peer, identifier)) or rows()[row].get("without")


@pytest.mark.parametrize("row", [pytest.param(row, id=row) for row in rows()])
def test_a_row_has_a_control_or_a_reason_why_not(row: str) -> None:
    assert controls_of(row) or rows()[row].get("without")


@pytest.mark.parametrize("row", [row for row, table in rows().items() if table["class"] in ("security", "correctness")])
def test_what_matters_has_a_control_unless_no_text_shows_it(row: str) -> None:
    judged_elsewhere = {"empty-password", "from-platform-mismatch"}
    assert controls_of(row) or row in judged_elsewhere


def test_every_control_that_the_table_names_is_there() -> None:
    named = {name for table in rows().values() for name in table.get("controls", ())}
    assert named <= set(load_all())


def test_every_rule_that_a_control_claims_is_known() -> None:
    known = {(peer, i) for table in rows().values() for peer, ids in table.get("peers", {}).items() for i in ids}
    claimed = {(peer, i) for peer, i in holders() if peer != "docker-bench"}
    assert claimed - known == {("sonar", "S5547")}, "spell rules as docs/coverage/rules.toml does"


def test_the_page_is_as_the_table_says() -> None:
    path = TABLE.parents[1] / "coverage.py"
    spec = importlib.util.spec_from_file_location("dockerharden_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run: python docs/coverage.py"
