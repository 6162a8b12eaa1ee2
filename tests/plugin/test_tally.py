"""Runs on thousands of files keep what somebody can still ask for; the rest is counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pytest_dockerharden.assemble import Combination
from pytest_dockerharden.batches import in_batches
from pytest_dockerharden.evaluation import Evaluation, evaluate
from pytest_dockerharden.policy import Overrides
from pytest_dockerharden.request import Request

REPO = {
    "compose.yml": "services:\n  web:\n    image: nginx:1.27.3\n    build: app\n",
    "compose.prod.yml": "services:\n  web:\n    read_only: true\n",
    "all/compose.yml": "include: [../included/compose.yml]\nservices:\n  cache:\n    image: redis:7.4.1\n",
    "included/compose.yml": "services:\n  db:\n    image: redis:7.4.1 # harden: waive memory-limit it is small\n",
    "app/Dockerfile": "FROM python:3.12-slim\nUSER 1000\n",
    "lone/Dockerfile": "FROM debian\n",
    "broken/compose.yml": "services:\n  web: [\n",
}
WAIVED = (
    "services:\n  web:\n    image: nginx:1.27.3\n    # harden: waive memory-limit it is small\n    read_only: true\n"
)


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def evaluated(folder: Path, *, tallying: bool) -> Evaluation:
    top = str(folder)
    return evaluate(Request(top, top, (top,), overrides=Overrides(directory=top), tallying=tallying))


def shown(evaluation: Evaluation) -> list[object]:
    """All that a run can show of what did not pass, and how often each file did."""
    passed: Counter[str] = Counter()
    for result in evaluation.all_results():
        passed[result.file] += result.times * (result.verdict == "passed")
    rest = [
        (r.file, r.name, r.verdict, r.findings, r.reason) for r in evaluation.all_results() if r.verdict != "passed"
    ]
    return [passed, rest, sum(r.times for r in evaluation.not_applicable), evaluation.combinations, evaluation.absorbed]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """More combinations than are assembled at once."""
    files = {f"app{number:02}/compose.yml": WAIVED if number % 2 else REPO["compose.prod.yml"] for number in range(28)}
    return written(tmp_path, files | REPO)


def test_verdicts_are_the_same_where_those_that_passed_are_only_counted(many: Path) -> None:
    assert shown(evaluated(many, tallying=True)) == shown(evaluated(many, tallying=False))


def test_no_model_and_no_result_of_each_pass_is_kept(many: Path) -> None:
    evaluation = evaluated(many, tallying=True)
    assert not evaluation.projects
    assert not any(scope.assembly.projects or scope.assembly.dockerfiles for scope in evaluation.scopes)
    passed = [r for r in evaluation.results[str(many / "app01/compose.yml")] if r.verdict == "passed"]
    assert {result.subject: result.times > 1 for result in passed} == {"": True, "web": True}


def test_a_suite_that_renders_a_document_is_shown_what_passed(tmp_path: Path) -> None:
    written(tmp_path, {"compose.yml": WAIVED, "dockerharden.toml": 'suite = "cis-docker"\n'})
    assert {result.times for result in evaluated(tmp_path, tallying=True).all_results()} == {1}


@pytest.mark.parametrize(
    "text",
    ["services: {a: {build: .}}", "include: [x.yml]", "services: {a: {extends: b}}", '"\\x62uild"', "\0"],
    ids=["a build", "an include", "an extends", "a word in disguise", "another encoding"],
)
def test_what_may_lead_elsewhere_is_assembled_together(tmp_path: Path, text: str) -> None:
    written(tmp_path, {"one.yml": "services: {}", "two.yml": text, "three.yml": "services: {}"})
    one, two, three = (str(tmp_path / f"{name}.yml") for name in ("one", "two", "three"))
    alone, overlaid, other = Combination((one,)), Combination((one, two), "two"), Combination((three,))
    assert in_batches([alone, overlaid, other], 2) == ([alone, overlaid], [[other]])


def test_combinations_that_share_a_file_stay_in_one_batch(tmp_path: Path) -> None:
    written(tmp_path, {f"{name}.yml": "services: {}" for name in "abcd"})
    a, b, c, d = (str(tmp_path / f"{name}.yml") for name in "abcd")
    first, other, joining = Combination((a,)), Combination((d,)), Combination((b, c))
    bridge, again = Combination((a, b), "b"), Combination((d,), "again")
    together, batches = in_batches([first, other, joining, bridge, again], 3)
    assert not together
    assert sorted(batches, key=len) == [[other, again], [first, joining, bridge]]


def test_few_are_assembled_at_once(tmp_path: Path) -> None:
    combinations = [Combination((str(tmp_path / "compose.yml"),))]
    assert in_batches(combinations, 1) == (combinations, [])
