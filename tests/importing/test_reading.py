"""What reports say: real ones of each scanner, and documents that are none."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.importing.document import LIMIT, parse_document
from pytest_dockerharden.importing.reading import read_report, scans_of
from pytest_dockerharden.importing.sarif import path_of
from pytest_dockerharden.importing.scan import MOST, Scan, UnreadableReportError
from pytest_dockerharden.importing.trivy import rule_name
from tests.importing.conftest import DATA, data

TRIVY: dict[str, Any] = {"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem"}


def scan(document: Any) -> Scan:
    (only,) = scans_of(document, "")
    return only


def sarif(*results: Any, **driver: Any) -> dict[str, Any]:
    return {
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "Some Linter", **driver}}, "results": list(results)}],
    }


def test_trivy_says_rule_severity_and_lines() -> None:
    read = scan(data("trivy-fs.json"))
    assert read.targets == ["Dockerfile", "app/Dockerfile", "Dockerfile", "app/settings.py"]
    found = [(f.rule, f.severity, f.path, f.line, f.end_line) for f in read.found]
    assert found == [
        ("DS-0001", "medium", "Dockerfile", 1, 1),
        ("DS-0002", "high", "Dockerfile", 0, 0),
        ("DS-0004", "medium", "Dockerfile", 7, 7),
        ("DS-0005", "low", "Dockerfile", 6, 6),
        ("DS-0017", "high", "Dockerfile", 3, 3),
        ("DS-0021", "high", "Dockerfile", 4, 5),
        ("DS-0026", "low", "Dockerfile", 0, 0),
        ("DS-0029", "high", "Dockerfile", 4, 5),
        ("DS-0031", "critical", "Dockerfile", 2, 2),
        ("DS-0002", "high", "app/Dockerfile", 4, 4),
        ("DS-0010", "critical", "app/Dockerfile", 2, 2),
        ("DS-0026", "low", "app/Dockerfile", 0, 0),
        ("aws-secret-access-key", "critical", "Dockerfile", 2, 2),
        ("aws-access-key-id", "critical", "app/settings.py", 2, 2),
        ("github-pat", "critical", "app/settings.py", 3, 3),
    ]


def test_trivy_as_sarif_says_the_same() -> None:
    native, foreign = scan(data("trivy-fs.json")), scan(data("trivy-fs.sarif"))
    assert {(f.rule, f.severity, f.path) for f in native.found} == {(f.rule, f.severity, f.path) for f in foreign.found}
    said = {f.rule: f.message for f in foreign.found}
    assert said["DS-0001"] == "Specify a tag in the 'FROM' statement for image 'debian'"
    assert said["aws-access-key-id"] == "AWS Access Key ID"
    assert foreign.found[0].title == "':latest' tag used"


def test_an_image_has_all_its_names_and_is_the_subject() -> None:
    read = scan(data("trivy-image.json"))
    assert read.images[0][0] == "dockerharden-base/redis:bookworm"
    assert [(f.rule, f.subject, f.path) for f in read.found] == [
        ("DS-0002", "dockerharden-base/redis:bookworm", ""),
        ("DS-0026", "dockerharden-base/redis:bookworm", ""),
    ]


def test_an_archive_is_called_by_the_tag_in_it() -> None:
    read = scan(
        TRIVY | {"ArtifactType": "container_image", "ArtifactName": "web.tar", "Metadata": {"RepoTags": ["a/web:1"]}}
    )
    assert read.images == [("a/web:1", "web.tar")]


# no database of vulnerabilities was at hand to make this one: it is written after Trivy's documentation
VULNERABLE = {
    "SchemaVersion": 2,
    "ArtifactName": "acme/web:1",
    "ArtifactType": "container_image",
    "Metadata": {"RepoTags": ["acme/web:1"]},
    "Results": [
        {
            "Target": "acme/web:1 (debian 12.5)",
            "Class": "os-pkgs",
            "Type": "debian",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2024-0001", "PkgName": "libssl3", "InstalledVersion": "3.0.11-1",
                    "FixedVersion": "3.0.13-1", "Status": "fixed", "Severity": "HIGH", "Title": "openssl: overflow",
                },
                {
                    "VulnerabilityID": "CVE-2024-0001", "PkgName": "openssl", "InstalledVersion": "3.0.11-1",
                    "Status": "will_not_fix", "Severity": "UNKNOWN",
                },
            ],
        }
    ],
}  # fmt: skip


def test_a_vulnerability_says_what_is_installed_and_what_to_install() -> None:
    first, second = scan(VULNERABLE).found
    assert (first.rule, first.severity, first.subject) == ("CVE-2024-0001", "high", "acme/web:1")
    assert first.message == "libssl3 3.0.11-1 is vulnerable (fixed in 3.0.13-1)"
    assert first.remedy == "libssl3 3.0.13-1"
    assert (second.message, second.severity) == ("openssl 3.0.11-1 is vulnerable (will not fix)", "medium")


def test_what_trivy_was_told_to_ignore_is_waived_there() -> None:
    waived = [(f.rule, f.reason) for f in scan(data("trivy-suppressed.json")).found if f.outcome == "waived"]
    assert waived == [
        ("DS-0002", ".trivyignore.yaml: drops privileges itself"),
        ("github-pat", ".trivyignore.yaml: fake"),
    ]


def test_hadolint_has_no_rules_in_its_report_and_is_read_all_the_same() -> None:
    read = scan(data("hadolint.sarif"))
    assert (read.scanner, read.version) == ("hadolint", "2.15.1")
    assert [(f.rule, f.severity, f.path, f.line) for f in read.found][:3] == [
        ("DL3007", "medium", "Dockerfile", 1),
        ("DL3064", "medium", "Dockerfile", 2),
        ("DL3009", "low", "Dockerfile", 3),
    ]


def test_checkov_is_read() -> None:
    read = scan(data("checkov.sarif"))
    assert [(f.rule, f.path, f.line) for f in read.found if f.path == "app/Dockerfile"] == [
        ("CKV_DOCKER_8", "app/Dockerfile", 4),
        ("CKV_DOCKER_2", "app/Dockerfile", 1),
        ("CKV2_DOCKER_1", "app/Dockerfile", 2),
    ]


def test_docker_bench_passes_warns_and_leaves_the_rest_open() -> None:
    found = [(f.rule, f.outcome, f.subject) for f in scan(data("docker-bench.json")).found]
    assert found == [
        ("1.1.1", "passed", ""),
        ("1.1.12", "failed", ""),
        ("1.2.1", "unknown", ""),
        ("1.2.2", "unknown", ""),
        ("2.2", "failed", ""),
        ("2.5", "passed", ""),
        ("3.7", "unknown", ""),
        ("4.1", "failed", "st-nearpriv"),
        ("4.1", "failed", "st-plain"),
        ("4.6", "failed", "rl-bb:1"),
        ("4.6", "failed", "seedexp/base:1"),
        ("5.11", "failed", "st-share"),
        ("5.11", "failed", "st-sockalt"),
        ("5.18", "unknown", ""),
        ("5.30", "unknown", ""),
        ("6.1", "unknown", ""),
    ]


def test_docker_bench_says_what_it_saw() -> None:
    by_rule = {f.rule: f for f in scan(data("docker-bench.json")).found}
    assert by_rule["4.1"].message == "running as root"
    assert by_rule["1.1.12"].title.startswith("Ensure auditing is configured for Dockerfiles")
    assert by_rule["3.7"].reason == "Docker Bench says INFO: Directory not found"
    assert by_rule["1.2.1"].reason == "Docker Bench says INFO: a person is to look at this"


@pytest.mark.parametrize(
    ("result", "severity"),
    [
        pytest.param({}, "medium", id="SARIF's default is a warning"),
        pytest.param({"level": "error"}, "high", id="error"),
        pytest.param({"level": "note"}, "low", id="note"),
        pytest.param({"level": "none"}, "info", id="none"),
        pytest.param({"level": "error", "properties": {"security-severity": "9.8"}}, "critical", id="a score counts"),
        pytest.param({"level": "error", "properties": {"security-severity": 3.9}}, "low", id="a score as a number"),
        pytest.param({"properties": {"security-severity": "0.0"}}, "info", id="a score of nothing"),
        pytest.param({"level": "error", "properties": {"security-severity": "high"}}, "high", id="no score"),
        pytest.param({"level": "error", "properties": {"security-severity": "nan"}}, "high", id="not a number"),
        pytest.param({"level": "error", "kind": "informational"}, "info", id="informational"),
    ],
)
def test_a_level_or_score_of_sarif_is_a_severity(result: Any, severity: str) -> None:
    assert scan(sarif({"ruleId": "X", **result})).found[0].severity == severity


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        pytest.param({"kind": "pass"}, "passed", id="pass"),
        pytest.param({"kind": "review"}, "unknown", id="for a person"),
        pytest.param({"suppressions": [{"kind": "inSource", "justification": "x"}]}, "waived", id="suppressed"),
        pytest.param({"suppressions": [{"status": "rejected"}]}, "failed", id="a suppression that was rejected"),
        pytest.param({"suppressions": []}, "failed", id="no suppression"),
        pytest.param({}, "failed", id="nothing is said"),
    ],
)
def test_a_kind_or_suppression_of_sarif_is_an_outcome(result: Any, outcome: str) -> None:
    assert scan(sarif({"ruleId": "X", **result})).found[0].outcome == outcome


def test_what_a_baseline_says_is_gone_is_gone() -> None:
    assert scan(sarif({"ruleId": "X", "baselineState": "absent"})).found == []


def test_a_rule_is_found_by_its_place_and_its_message_by_its_name() -> None:
    rule = {
        "id": "R1",
        "shortDescription": {"text": "A rule"},
        "messageStrings": {"default": {"text": "{0} has {1}"}},
        "defaultConfiguration": {"level": "error"},
    }
    result = {"ruleIndex": 0, "message": {"id": "default", "arguments": ["web", "no user"]}}
    (found,) = scan(sarif(result, rules=[rule])).found
    assert (found.rule, found.title, found.message, found.severity) == ("R1", "A rule", "web has no user", "high")


def test_a_place_may_be_an_artifact_by_its_number() -> None:
    place = {"physicalLocation": {"artifactLocation": {"index": 0}, "region": {"startLine": 3}}}
    document = sarif({"ruleId": "X", "locations": [place]})
    document["runs"][0]["artifacts"] = [{"location": {"uri": "a/Dockerfile"}}, {"location": {"uri": "b/Dockerfile"}}]
    read = scan(document)
    assert (read.found[0].path, read.found[0].line) == ("a/Dockerfile", 3)
    assert read.targets == ["a/Dockerfile", "b/Dockerfile"]


def test_kics_has_names_for_its_numbers() -> None:
    rule = {"id": "fd54f200-402c-4333-a5a4-36ef6709af2f", "name": "Missing User Instruction"}
    document = sarif({"ruleId": rule["id"], "ruleIndex": 0}, name="KICS", rules=[rule])
    assert scan(document).found[0].rule == "missing_user_instruction"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("Dockerfile", "Dockerfile"),
        ("app/my%20Dockerfile", "app/my Dockerfile"),
        ("file:///src/Dockerfile", "/src/Dockerfile"),
        ("https://example.org/Dockerfile", ""),
        ("http://[", ""),
        ("C:/src/Dockerfile", "C:/src/Dockerfile"),
        ("a%00b", "ab"),
    ],
)
def test_a_uri_is_a_path_or_nothing(uri: str, path: str) -> None:
    assert path_of(uri) == path


@pytest.mark.parametrize("name", ["DS002", "AVD-DS-0002", "DS-0002"])
def test_every_name_that_trivy_had_for_a_rule_is_one(name: str) -> None:
    assert rule_name(name) == "DS-0002"


@pytest.mark.parametrize("name", ["CVE-2024-0001", "github-pat", "GHSA-aaaa-bbbb-cccc", "DS", ""])
def test_other_names_are_left_alone(name: str) -> None:
    assert rule_name(name) == name


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(TRIVY, id="Trivy met no file of a kind it knows"),
        pytest.param(TRIVY | {"Results": None}, id="Go writes null for an empty list"),
        pytest.param(TRIVY | {"Results": [{"Target": "Dockerfile", "Class": "config"}]}, id="Trivy found nothing"),
        pytest.param(sarif(), id="SARIF without results"),
        pytest.param(sarif(rules=[]), id="SARIF without rules"),
        pytest.param({"dockerbenchsecurity": "1.6.0", "tests": []}, id="no section was asked for"),
    ],
)
def test_nothing_found_is_no_finding(document: Any) -> None:
    assert scan(document).found == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "it is empty", id="empty"),
        pytest.param(" \n", "it is empty", id="blank"),
        pytest.param("FROM debian", "it is not JSON: Expecting value in line 1", id="a Dockerfile"),
        pytest.param('{"a": 1', "it is not JSON", id="cut off"),
        pytest.param('"x"', "JSON of no known format", id="a string"),
        pytest.param("[]", "JSON of no known format", id="an empty list"),
        pytest.param('[{"Target": "a"}]', "Trivy before 0.20", id="an old Trivy"),
        pytest.param('{"SchemaVersion": 3, "ArtifactName": "."}', "format is not known", id="a Trivy of the future"),
        pytest.param('{"version": "2.0.0", "runs": []}', "it is SARIF 2.0.0: 2.1.0 is read", id="an old SARIF"),
        pytest.param('{"runs": [{}]}', "SARIF without a version", id="no version"),
        pytest.param('{"version": "2.1.0", "runs": []}', "without a run", id="no run"),
        pytest.param('{"version": "2.1.0", "runs": [{}]}', "has no name", id="no tool"),
        pytest.param('{"version": "2.1.0", "runs": {}}', "runs is not an array", id="runs of another type"),
        pytest.param('{"dockerbenchsecurity": "1", "tests": 3}', "tests is not an array", id="tests of another type"),
        pytest.param("[" * 100_000 + "]" * 100_000, "it is nested too deep", id="nested"),
        pytest.param(f"[1{'0' * 100_000}]", "it is", id="a number of a hundred thousand digits"),
    ],
)
def test_what_is_no_report_says_so(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(UnreadableReportError) as error:
        read_report(str(path))
    assert problem in str(error.value)


def test_a_report_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    with path.open("wb") as stream:
        stream.truncate(LIMIT + 1)
    with pytest.raises(UnreadableReportError, match="larger than 64 MiB"):
        read_report(str(path))


def test_a_report_that_says_too_much_is_refused() -> None:
    with pytest.raises(UnreadableReportError, match="more than 20,000 things"):
        scans_of(sarif(*[{"ruleId": "X"}] * (MOST + 1)), "")


def test_a_folder_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(UnreadableReportError, match="it is a directory"):
        read_report(str(tmp_path))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_a_shell_of_windows_writes_is_read(encoding: str) -> None:
    assert parse_document('{"a": "ü"}'.encode(encoding)) == {"a": "ü"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", [path.name for path in sorted(DATA.iterdir())])
@settings(deadline=None, max_examples=25)
@given(draw=st.data())
def test_a_report_with_anything_anywhere_is_read_or_refused(name: str, draw: st.DataObject) -> None:
    document = copy.deepcopy(data(name))
    holder: Any = document
    while True:
        keys = range(len(holder)) if isinstance(holder, list) else sorted(holder)
        key = draw.draw(st.sampled_from(list(keys)))
        if not isinstance(holder[key], (list, dict)) or not holder[key] or draw.draw(st.integers(0, 5)) == 0:
            holder[key] = draw.draw(JSON)
            break
        holder = holder[key]
    with contextlib.suppress(UnreadableReportError):
        scans_of(json.loads(json.dumps(document)), "")
