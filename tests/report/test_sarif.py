from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.report.documentation import as_text, sections
from tests.plugin.conftest import Repo
from tests.report.conftest import COMPOSE, OWN, report, report_as_json

SCHEMA = json.loads((Path(__file__).parents[1] / "data/sarif/sarif-2.1.0.schema.json").read_text())


def run_of(repo: Repo, *arguments: str) -> dict[str, Any]:
    log = report_as_json(repo, "sarif", *arguments)
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    [run] = log["runs"]
    return run


def results(repo: Repo, *arguments: str) -> dict[str, dict[str, Any]]:
    return {r["locations"][0]["logicalLocations"][0]["name"]: r for r in run_of(repo, *arguments)["results"]}


def fingerprints(repo: Repo, *arguments: str) -> list[str]:
    return [r["partialFingerprints"]["dockerharden/v1"] for r in run_of(repo, *arguments)["results"]]


def test_a_failure_is_a_result_with_its_place_and_what_to_write(stack: Repo) -> None:
    redis = results(stack)["redis"]
    assert (redis["ruleId"], redis["level"]) == ("read-only-rootfs", "warning")
    assert redis["message"]["text"] == "redis: the root filesystem is writable\n\nInstead:\nread_only: true"
    assert redis["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "app/docker-compose.yml", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 8},
    }
    assert "suppressions" not in redis


def test_a_waived_finding_is_suppressed_where_the_waiver_stands(stack: Repo) -> None:
    [suppression] = results(stack)["old"]["suppressions"]
    assert suppression["kind"] == "inSource"
    assert suppression["justification"] == "it writes where it likes (until 2999-03-31)"
    assert suppression["location"]["physicalLocation"]["region"]["startLine"] == 7
    assert suppression["properties"]["until"] == "2999-03-31"


def test_a_waiver_of_the_configuration_is_external(stack: Repo) -> None:
    policy = (stack.path / "dockerharden.toml").read_text()
    stack.add(
        "dockerharden.toml", f'{policy}[[waiver]]\ncontrol = "read-only-rootfs"\nsubject = "redis"\nreason = "a"\n'
    )
    [suppression] = results(stack)["redis"]["suppressions"]
    assert (suppression["kind"], suppression["justification"]) == ("external", "a")


def test_what_passed_is_no_result_and_has_no_rule(stack: Repo) -> None:
    run = run_of(stack)
    assert {result["ruleId"] for result in run["results"]} == {"read-only-rootfs"}
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["read-only-rootfs"]


def test_what_is_unknown_is_a_notice(stack: Repo) -> None:
    [invocation] = run_of(stack)["invocations"]
    [notice] = invocation["toolExecutionNotifications"]
    assert notice["message"]["text"] == "app/docker-compose.yml::static::own[web]: unknown: nobody knows"
    assert notice["level"] == "note"
    assert invocation["executionSuccessful"] is True


def test_a_control_that_crashed_is_no_finding(stack: Repo) -> None:
    stack.add("app/docker-compose.yml", COMPOSE + "  crash:\n    image: x\n")
    run = run_of(stack)
    [invocation] = run["invocations"]
    [notice] = [n for n in invocation["toolExecutionNotifications"] if n["level"] == "error"]
    assert notice["message"]["text"].endswith("own[crash]: the control crashed: AssertionError: it crashed")
    assert invocation["executionSuccessful"] is False
    assert "own" not in {result["ruleId"] for result in run["results"]}


def test_a_rule_explains_itself(stack: Repo) -> None:
    [rule] = run_of(stack)["tool"]["driver"]["rules"]
    assert rule["shortDescription"]["text"] == "The root filesystem is read-only."
    assert "```yaml\nservices:" in rule["help"]["markdown"]
    assert rule["properties"]["security-severity"] == "5.5"
    assert "CIS 5.13" in rule["properties"]["tags"]


def test_the_severity_is_that_of_the_policy(stack: Repo) -> None:
    policy = (stack.path / "dockerharden.toml").read_text()
    stack.add("dockerharden.toml", f'{policy}[severity]\nread-only-rootfs = "critical"\n')
    run = run_of(stack)
    assert run["tool"]["driver"]["rules"][0]["properties"]["security-severity"] == "9.5"
    assert {result["level"] for result in run["results"]} == {"error"}


def test_what_is_below_the_threshold_is_still_there(stack: Repo) -> None:
    assert results(stack, "--harden-fail-on=high")["redis"]["properties"]["tolerated"] is True


@pytest.mark.parametrize(
    "edited",
    [
        pytest.param("# a comment\n" + COMPOSE, id="lines move"),
        pytest.param(COMPOSE.replace("redis:7.2", "redis:8"), id="something else changes"),
        pytest.param(
            COMPOSE.replace("services:\n", "services:\n\n  new:\n    image: x\n    read_only: true\n"),
            id="a service more",
        ),
    ],
)
def test_a_fingerprint_stays(stack: Repo, edited: str) -> None:
    before = fingerprints(stack)
    stack.add("app/docker-compose.yml", edited)
    assert set(fingerprints(stack)) == set(before)


def test_fingerprints_are_the_same_wherever_pytest_is_started(stack: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    (stack.path / ".git").mkdir()
    before = fingerprints(stack)
    monkeypatch.chdir(stack.path / "app")
    stack.judge("--rootdir=..", "--harden-report=sarif:here.sarif")
    log = json.loads((stack.path / "app/here.sarif").read_text())
    there = log["runs"][0]["results"]
    assert [r["partialFingerprints"]["dockerharden/v1"] for r in there] == before
    assert there[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "app/docker-compose.yml"


def test_two_findings_of_one_item_have_their_own_fingerprints(repo: Repo) -> None:
    repo.add("compose.yaml", 'services:\n  a:\n    image: x\n    ports: ["5432:5432", "6379:6379"]\n')
    repo.add("dockerharden.toml", 'select = ["ports-bound-to-interface"]\n')
    found = fingerprints(repo)
    assert len(found) == len(set(found)) == 2


def test_a_path_with_spaces_is_a_uri(repo: Repo) -> None:
    repo.add("my app/compose.yaml", "services:\n  a:\n    image: x\n")
    repo.add("dockerharden.toml", 'select = ["read-only-rootfs"]\n')
    place = results(repo)["a"]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert place == "my%20app/compose.yaml"


def test_the_report_is_the_same_twice_and_names_no_folder_of_this_machine(stack: Repo) -> None:
    first = report(stack, "sarif")
    assert first == report(stack, "sarif")
    assert str(stack.path) not in first


def test_a_stack_that_cannot_be_read_is_a_result(repo: Repo) -> None:
    repo.add("compose.yaml", "services:\n  a: [\n")
    [result] = run_of(repo)["results"]
    assert (result["ruleId"], result["level"]) == ("readable", "error")


def test_nothing_to_judge_is_a_valid_report(stack: Repo) -> None:
    assert run_of(stack, "-k", "redis and own")["results"] == []


def mended(repo: Repo, result: dict[str, Any]) -> str:
    """A text after the fix of a result, as a viewer of SARIF applies it."""
    [fix] = result["fixes"]
    [change] = fix["artifactChanges"]
    path = repo.path / change["artifactLocation"]["uri"]
    text = path.read_text(encoding="utf-8")
    lines = [0, *(place.end() for place in re.finditer("\n", text))]
    for replacement in reversed(change["replacements"]):
        region = replacement["deletedRegion"]
        start = lines[region["startLine"] - 1] + region["startColumn"] - 1
        end = lines[region["endLine"] - 1] + region["endColumn"] - 1
        text = text[:start] + replacement.get("insertedContent", {}).get("text", "") + text[end:]
    return text


def test_a_fix_as_a_viewer_applies_it_mends_the_finding_and_nothing_else(stack: Repo) -> None:
    redis = results(stack)["redis"]
    assert redis["fixes"][0]["description"]["text"].startswith("read_only: true")
    text = mended(stack, redis)
    assert text == COMPOSE.replace("redis:7.2\n", "redis:7.2\n    read_only: true\n")
    stack.add("app/docker-compose.yml", text)
    assert "redis" not in results(stack)


def test_a_fix_that_may_break_something_says_so(repo: Repo) -> None:
    repo.add("compose.yaml", "services:\n  a:\n    image: x\n    privileged: true\n")
    repo.add("dockerharden.toml", 'select = ["not-privileged"]\n')
    [result] = run_of(repo)["results"]
    assert "\nMay break: " in result["fixes"][0]["description"]["text"]
    assert "privileged: true" not in mended(repo, result)


@pytest.mark.parametrize(
    ("control", "service"),
    [
        pytest.param("read-only-rootfs", "old", id="what is waived"),
        pytest.param("own", "web", id="what nobody knows how to mend"),
    ],
)
def test_there_is_no_fix_of(stack: Repo, control: str, service: str) -> None:
    stack.add("own.py", OWN.replace('unknown("nobody knows")', 'yield Finding("bad", posture.origin)').replace(
        "import Findings", "import Finding, Findings"))  # fmt: skip
    [result] = run_of(stack, "-k", f"{control} and {service}")["results"]
    assert "fixes" not in result


def test_no_rule_is_more_than_code_scanning_takes() -> None:
    """Texts are cut at 1024 characters, and a file with a rule of more than 20 tags is rejected."""
    for control in load_all().values():
        assert len(control.title) < 1024, control.id
        assert len(as_text(control)) < 1024, control.id
        assert len(sections(control)) + 2 <= 20, control.id
