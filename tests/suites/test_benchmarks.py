"""The published benchmarks as suites: every section is there once, and says who judges it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.suites import Section, Suite, check_against, load_suite

ROOT = Path(__file__).parents[2]
CONTROLS = load_all()
SUITES = {name: load_suite(name, ".") for name in ("cis-docker", "owasp", "nist-800-190")}
SECTIONS = [pytest.param(suite, section, id=f"{suite.name} {section.number}")
            for suite in SUITES.values() for section in suite.sections.values()]  # fmt: skip
# how many sections each chapter of the CIS benchmark has
CIS = {"1.1": 18, "1.2": 2, "2": 18, "3": 24, "4": 12, "5": 32, "6": 2, "7": 9}


@pytest.mark.parametrize(("suite", "section"), SECTIONS)
def test_a_section_is_judged_or_looked_at_or_out_of_scope(suite: Suite, section: Section) -> None:
    judged = bool(suite.controls_of(section, CONTROLS.values()))
    assert [judged, bool(section.manual), bool(section.out_of_scope)].count(True) == 1
    assert judged or not section.rest


@pytest.mark.parametrize(("suite", "section"), SECTIONS)
def test_what_judges_a_section_is_in_the_suite(suite: Suite, section: Section) -> None:
    judging = suite.controls_of(section, CONTROLS.values())
    assert [control.id for control in judging if not suite.selects(control)] == []


@pytest.mark.parametrize("suite", [pytest.param(suite, id=suite.name) for suite in SUITES.values()])
def test_every_number_that_a_control_carries_is_a_section(suite: Suite) -> None:
    carried = {(control.id, number) for control in CONTROLS.values() for number in suite.numbers_of(control)}
    assert {(control, number) for control, number in carried if number not in suite.sections} == set()


@pytest.mark.parametrize("suite", [pytest.param(suite, id=suite.name) for suite in SUITES.values()])
def test_what_is_in_the_suite_has_a_section(suite: Suite) -> None:
    selected = [control for control in CONTROLS.values() if suite.selects(control)]
    assert [control.id for control in selected if not suite.numbers_of(control)] == []


def test_the_cis_benchmark_is_whole_and_in_its_order() -> None:
    expected = [f"{chapter}.{number}" for chapter, last in CIS.items() for number in range(1, last + 1)]
    assert list(SUITES["cis-docker"].sections) == expected


def test_the_cheat_sheet_is_whole() -> None:
    rules = [*map(str, range(6)), "5a", *map(str, range(6, 14))]
    assert list(SUITES["owasp"].sections) == [f"RULE {rule}" for rule in rules]


def test_the_countermeasures_of_nist_are_whole() -> None:
    chapters = {"4.1": 5, "4.2": 3, "4.3": 5, "4.4": 5, "4.5": 5}
    expected = [f"{chapter}.{number}" for chapter, last in chapters.items() for number in range(1, last + 1)]
    assert list(SUITES["nist-800-190"].sections) == [*expected, "4.6"]


@pytest.mark.parametrize(("suite", "section"), SECTIONS)
def test_a_title_says_what_holds_and_fits_on_its_line(suite: Suite, section: Section) -> None:
    assert 0 < len(section.title) <= 72
    assert not re.match(r"Ensure|Verify", section.title)
    assert not section.title.endswith(".")
    for text in (section.manual, section.out_of_scope, section.rest):
        assert not text or text.endswith(".")


def test_levels_are_those_of_the_cis_benchmark_alone() -> None:
    assert {section.level for section in SUITES["cis-docker"].sections.values()} == {1, 2}
    assert {section.level for name in ("owasp", "nist-800-190") for section in SUITES[name].sections.values()} == {0}


@pytest.mark.parametrize(("number", "later"), [("2.6", ""), ("2.7", "2.8"), ("2.18", "2.19"), ("5.13", "")])
def test_numbers_that_a_later_edition_moved_are_told(number: str, later: str) -> None:
    assert SUITES["cis-docker"].sections[number].later == later


DOCUMENTED = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/suites.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", DOCUMENTED)
def test_the_examples_of_the_documentation_are_suites(tmp_path: Path, text: str) -> None:
    (tmp_path / "house.toml").write_text(text, encoding="utf-8")
    suite = load_suite("house.toml", str(tmp_path))
    check_against(suite, CONTROLS, "house.toml")
    assert suite.sections
