"""From reports to verdicts: places, severities, waivers, what is said once, and which images were scanned."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_dockerharden.evaluation import evaluate
from pytest_dockerharden.model.origin import ReportOrigin, TextOrigin
from pytest_dockerharden.model.scanner import imported_id
from pytest_dockerharden.request import Request
from tests.importing.conftest import AWS_KEY, AWS_SECRET, DATA, TOKEN, Project, data
from tests.importing.test_reading import VULNERABLE, sarif


def waive(project: Project, control: str, **keys: str) -> None:
    rest = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    project.add("dockerharden.toml", f'[[waiver]]\ncontrol = "{control}"\nreason = "known"\n{rest}')


def place(uri: str, line: int = 1) -> Any:
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}


def trivy(target: str, *rules: str) -> Any:
    found = [{"AVDID": rule, "ID": rule, "Title": rule, "Severity": "HIGH", "Status": "FAIL"} for rule in rules]
    result = {"Target": target, "Class": "config", "Misconfigurations": found}
    return {"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem", "Results": [result]}


# places


def test_a_finding_stands_at_its_line_of_the_project(project: Project) -> None:
    result = project.imported("trivy-fs.json")["app/Dockerfile::trivy:DS-0010"]
    (finding,) = result.findings
    assert isinstance(finding.origin, TextOrigin)
    assert (finding.origin.file, finding.origin.line) == (str(project.path / "app/Dockerfile"), 2)
    assert (result.verdict, result.severity, result.phase) == ("failed", "critical", "import")
    assert result.control.title == "RUN using 'sudo'"
    assert finding.remedy is not None
    assert finding.remedy.text == "Don't use sudo"


def test_what_is_no_file_of_the_project_stands_under_the_report(project: Project) -> None:
    document = sarif({"ruleId": "X1", "message": {"text": "bad"}, "locations": [place("elsewhere/main.tf", 3)]})
    result = project.imported(document)["0.json::some-linter:X1[elsewhere/main.tf]"]
    assert result.findings[0].origin == ReportOrigin("elsewhere/main.tf:3", "")


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../../../etc/passwd", "file:///etc/passwd"])
def test_a_report_cannot_name_a_file_outside_the_project(project: Project, path: str) -> None:
    document = sarif({"ruleId": "X1", "message": {"text": "bad"}, "locations": [place(path)]})
    (name,) = [name for name in project.imported(document) if "X1" in name]
    assert name.startswith("0.json::")


def test_a_link_out_of_the_project_is_outside(project: Project) -> None:
    (project.path / "link").symlink_to("/etc")
    document = sarif({"ruleId": "X1", "message": {"text": "bad"}, "locations": [place("link/passwd")]})
    assert "0.json::some-linter:X1[link/passwd]" in project.imported(document)


def test_paths_are_relative_to_the_folder_that_was_scanned(project: Project) -> None:
    document = trivy("Dockerfile", "DS-0002") | {"ArtifactName": "app"}
    assert "app/Dockerfile::trivy:DS-0002" in project.imported(document)


def test_of_a_file_that_was_scanned_alone_the_folder_is_known(project: Project) -> None:
    document = trivy("Dockerfile", "DS-0002") | {"ArtifactName": "app/Dockerfile"}
    assert "app/Dockerfile::trivy:DS-0002" in project.imported(document)


def test_two_runs_in_one_report_have_folders_of_their_own(project: Project) -> None:
    first, second = (
        sarif({"ruleId": f"X{n}", "message": {"text": "bad"}, "locations": [place("Dockerfile")]}) for n in (1, 2)
    )
    root = project.path.as_uri()
    for document, folder in ((first, root), (second, f"{root}/app/")):
        document["runs"][0]["originalUriBaseIds"] = {"ROOT": {"uri": folder}}
        location = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
        location["uriBaseId"] = "ROOT"
    found = project.imported({**first, "runs": [*first["runs"], *second["runs"]]})
    assert {"Dockerfile::some-linter:X1", "app/Dockerfile::some-linter:X2"} <= found.keys()


def test_paths_of_another_machine_are_relative_to_where_the_user_is(project: Project) -> None:
    assert "app/Dockerfile::trivy:DS-0010" in project.imported("trivy-fs.sarif")


def test_a_vulnerability_is_one_result_for_each_image(project: Project) -> None:
    result = project.imported(VULNERABLE)["0.json::trivy:CVE-2024-0001[acme/web:1]"]
    assert [finding.message for finding in result.findings] == [
        "libssl3 3.0.11-1 is vulnerable (fixed in 3.0.13-1)",
        "openssl 3.0.11-1 is vulnerable (will not fix)",
    ]
    assert result.findings[0].origin == ReportOrigin("acme/web:1", "in acme/web:1 (debian 12.5)")


def test_containers_of_docker_bench_are_judged_one_by_one(project: Project) -> None:
    found = project.imported("docker-bench.json")
    verdicts = {name.partition("::")[2]: result.verdict for name, result in found.items()}
    assert verdicts["docker-bench:4.1[st-plain]"] == "failed"
    assert verdicts["docker-bench:2.5"] == "passed"
    assert verdicts["docker-bench:3.7"] == "unknown"
    assert found["docker-bench.json.json::docker-bench:4.1[st-plain]"].severity == "high"  # as our own control of 4.1


# one report


def test_a_report_without_findings_passes_and_says_what_was_looked_at(project: Project) -> None:
    result = project.imported(trivy("Dockerfile"))["0.json::import-readable"]
    assert (result.verdict, result.reason) == ("passed", "trivy: 1 file, 0 findings")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "report.json: it is empty", id="empty"),
        pytest.param("{}", "report.json: it is JSON of no known format", id="of no known format"),
        pytest.param(None, "report.json: it cannot be read: No such file or directory", id="missing"),
    ],
)
def test_a_report_that_is_none_is_one_failure(project: Project, text: str | None, problem: str) -> None:
    if text is not None:
        project.add("report.json", text)
    top = str(project.path)
    run = Request(top, top, (top,), imports=(f"{top}/report.json",), static=False)
    (failed,) = [result for result in evaluate(run).all_results() if result.phase == "import"]
    assert (failed.name, failed.verdict) == ("import-readable", "failed")
    assert failed.findings[0].message.startswith(problem)


def test_what_two_reports_say_of_one_place_is_one_result(project: Project) -> None:
    found = project.imported("trivy-fs.json", "trivy-fs.sarif")
    assert len(found["app/Dockerfile::trivy:DS-0010"].findings) == 1


@pytest.mark.parametrize("name", [path.name for path in sorted(DATA.iterdir())])
def test_no_secret_is_in_any_result(project: Project, name: str) -> None:
    said = repr([(r.findings, r.reason, r.evidence, r.control.documentation) for r in project.imported(name).values()])
    for secret in (AWS_KEY, AWS_SECRET, TOKEN, "***"):
        assert secret not in said


def test_a_secret_in_the_words_of_a_scanner_is_masked(project: Project) -> None:
    rule = {"id": "X1", "shortDescription": {"text": f"no {TOKEN}"}, "fullDescription": {"text": f"as in {TOKEN}"}}
    document = sarif({"ruleId": "X1", "message": {"text": f"remove {TOKEN}"}}, rules=[rule])
    said = repr([(r.findings, r.control.documentation) for r in project.imported(document).values()])
    assert TOKEN not in said
    assert "remove ***" in said


def test_a_secret_that_a_scanner_shows_is_not_shown(project: Project) -> None:
    leaking = {"RuleID": "generic", "Title": "A password", "Severity": "HIGH", "StartLine": 2, "Match": "hunter2"}
    document = trivy("app/settings.py")
    document["Results"][0]["Secrets"] = [leaking]
    other = sarif(
        {"ruleId": "hardcoded-password", "message": {"text": "found hunter2"}, "locations": [place("app/settings.py")]}
    )
    results = project.imported(document, other)
    assert "hunter2" not in repr([(r.findings, r.reason, r.control.documentation) for r in results.values()])
    assert results["app/settings.py::trivy:generic"].findings[0].origin == ReportOrigin("app/settings.py:2", "")


# our own configuration


def test_a_suite_says_how_severe_a_rule_is_and_which_does_not_apply(project: Project) -> None:
    project.add("dockerharden.toml", 'exclude = ["trivy:DS-0005"]\nseverity = { "trivy:DS-0026" = "info" }\n')
    found = project.imported("trivy-fs.json")
    assert "Dockerfile::trivy:DS-0005" not in found
    healthcheck = found["app/Dockerfile::trivy:DS-0026"]
    assert (healthcheck.severity, healthcheck.tolerated, healthcheck.fails) == ("info", True, False)


# waivers


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({}, id="everywhere"),
        pytest.param({"file": "app/Dockerfile"}, id="in this file"),
        pytest.param({"file": "app/*"}, id="in these files"),
    ],
)
def test_a_waiver_names_the_rule_of_a_scanner(project: Project, keys: dict[str, str]) -> None:
    waive(project, "trivy:DS-0010", **keys)
    result = project.imported("trivy-fs.json")["app/Dockerfile::trivy:DS-0010"]
    assert (result.verdict, result.reason) == ("waived", "known")


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"file": "Dockerfile"}, id="of another file"),
        pytest.param({"until": "2001-01-01"}, id="that has expired"),
    ],
)
def test_a_waiver_does_not_help(project: Project, keys: dict[str, str]) -> None:
    waive(project, "trivy:DS-0010", **keys)
    assert project.verdicts("trivy-fs.json")["app/Dockerfile::trivy:DS-0010"] == "failed"


def test_a_waiver_may_name_one_image(project: Project) -> None:
    waive(project, "trivy:CVE-2024-0001", subject="acme/web:1")
    assert project.verdicts(VULNERABLE)["0.json::trivy:CVE-2024-0001[acme/web:1]"] == "waived"


def test_a_comment_beside_the_line_waives(project: Project) -> None:
    text = (project.path / "app/Dockerfile").read_text()
    project.add("app/Dockerfile", text.replace("RUN sudo", "# harden: waive trivy:DS-0010 -- needed\nRUN sudo"))
    document = sarif(
        {"ruleId": "DS010", "message": {"text": "sudo"}, "locations": [place("app/Dockerfile", 3)]}, name="Trivy"
    )
    assert project.verdicts(document)["app/Dockerfile::trivy:DS-0010"] == "waived"


def test_a_comment_in_any_file_that_was_scanned_waives(project: Project) -> None:
    text = (project.path / "app/settings.py").read_text()
    project.add("app/settings.py", text.replace(f'"{TOKEN}"', f'"{TOKEN}"  # harden: waive trivy:github-pat -- fake'))
    assert project.verdicts("trivy-fs.json")["app/settings.py::trivy:github-pat"] == "waived"


def out_of_order(verdicts: dict[str, str]) -> list[str]:
    return [name for name in verdicts if "::waiver[" in name]


def test_a_waiver_of_what_a_scan_does_not_find_any_more_is_not_in_order(project: Project) -> None:
    waive(project, "trivy:DS-0011", file="app/Dockerfile")
    assert out_of_order(project.verdicts("trivy-fs.json")) == ["dockerharden.toml::waiver[trivy:DS-0011]"]


@pytest.mark.parametrize(
    ("control", "keys"),
    [
        pytest.param("checkov:CKV_DOCKER_2", {}, id="of a scanner that did not run"),
        pytest.param("house-linter:X", {}, id="of a scanner that nobody knows"),
        pytest.param("trivy:DS-0011", {"file": "other/Dockerfile"}, id="of a file that was not scanned"),
        pytest.param("trivy:CVE-2024-0001", {"subject": "acme/web:1"}, id="of an image that was not scanned"),
        pytest.param("trivy:DS-0010", {}, id="of what was found"),
    ],
)
def test_a_waiver_is_in_order(project: Project, control: str, keys: dict[str, str]) -> None:
    waive(project, control, **keys)
    assert out_of_order(project.verdicts("trivy-fs.json")) == []


def test_a_waiver_is_in_order_where_nothing_is_imported(project: Project) -> None:
    waive(project, "trivy:DS-0010")
    assert [r.name for r in project.evaluate(static=True).all_results() if r.control.id == "waiver"] == []


@pytest.mark.parametrize("reports", [(), ("trivy-fs.json",)], ids=["no import", "an import"])
def test_a_misspelt_scanner_is_found_out(project: Project, reports: tuple[str, ...]) -> None:
    waive(project, "trivvy:DS-0010")
    results = [r for r in project.evaluate(*reports, static=True).all_results() if r.control.id == "waiver"]
    assert [r.findings[0].message for r in results] == [
        "the waiver of trivvy:DS-0010 is not in order: there is no scanner `trivvy`; did you mean `trivy`?"
    ]


# said once


def also(project: Project, *reports: Any) -> dict[str, tuple[str, ...]]:
    results = project.evaluate(*reports, static=True).all_results()
    return {r.name: r.also for r in results if r.also}


def test_what_a_control_of_ours_says_is_not_said_again(project: Project) -> None:
    assert also(project, "trivy-fs.json", "hadolint.sarif", "checkov.sarif") == {
        "versioned-base-image[0]": ("trivy:DS-0001", "hadolint:DL3007", "checkov:CKV_DOCKER_7"),
        "copy-for-local-files[0]": ("trivy:DS-0005", "hadolint:DL3020", "checkov:CKV_DOCKER_4"),
        "unattended-apt-install[0]": ("trivy:DS-0021", "hadolint:DL3014"),
        "no-remote-shell-exposed[0]": ("trivy:DS-0004", "checkov:CKV_DOCKER_1"),
        "no-secret-values-in-build-variables": ("trivy:DS-0031", "hadolint:DL3064"),
        "image-sets-a-user": ("trivy:DS-0002", "checkov:CKV_DOCKER_3"),
        "healthcheck-defined[web]": ("trivy:DS-0026", "checkov:CKV_DOCKER_2"),
        "healthcheck-defined[app]": ("trivy:DS-0026", "checkov:CKV_DOCKER_2"),
        "no-sudo-in-build[build]": ("trivy:DS-0010", "hadolint:DL3004", "checkov:CKV2_DOCKER_1"),
        "non-root-image-user": ("trivy:DS-0002", "hadolint:DL3002", "checkov:CKV_DOCKER_8"),
    }
    assert "app/Dockerfile::trivy:DS-0010" not in project.verdicts("trivy-fs.json", static=True)


def test_a_stage_does_not_speak_for_another(project: Project) -> None:
    project.add("app/Dockerfile", "FROM debian:12 AS build\nFROM debian\nUSER 1:1\n")
    places = [place("app/Dockerfile", line) for line in (1, 2)]
    document = sarif({"ruleId": "DL3006", "locations": places}, name="Hadolint")
    results = project.imported(document, static=True)
    assert [f.origin.line for f in results["app/Dockerfile::hadolint:DL3006"].findings] == [1]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("configuration", "line"),
    [
        pytest.param('exclude = ["no-sudo-in-build"]', 2, id="the control does not apply"),
        pytest.param('severity = { no-sudo-in-build = "info" }', 2, id="the control is tolerated"),
        pytest.param("", 5, id="it is another instruction"),
    ],
)
def test_what_no_control_of_ours_says_stays(project: Project, configuration: str, line: int) -> None:
    project.add("dockerharden.toml", configuration)
    document = sarif(
        {"ruleId": "DL3004", "level": "error", "locations": [place("app/Dockerfile", line)]}, name="Hadolint"
    )
    assert project.verdicts(document, static=True)["app/Dockerfile::hadolint:DL3004"] == "failed"


def test_a_control_of_ours_that_is_waived_speaks_for_the_scanner(project: Project) -> None:
    waive(project, "no-sudo-in-build")
    assert "app/Dockerfile::trivy:DS-0010" not in project.verdicts("trivy-fs.json", static=True)


def test_a_waiver_of_what_a_control_of_ours_says_is_in_order(project: Project) -> None:
    waive(project, "trivy:DS-0010")
    assert out_of_order(project.verdicts("trivy-fs.json", static=True)) == []


def test_what_the_import_alone_says_is_all_said(project: Project) -> None:
    assert project.verdicts("trivy-fs.json")["app/Dockerfile::trivy:DS-0010"] == "failed"


# images


def scanned(*names: str, **metadata: Any) -> Any:
    return {
        "SchemaVersion": 2,
        "ArtifactName": names[0],
        "ArtifactType": "container_image",
        "Metadata": {"RepoTags": [*names], **metadata},
    }


def covered(project: Project, *reports: Any) -> dict[str, str]:
    verdicts = project.verdicts(*reports)
    return {name.partition("[")[2].rstrip("]"): v for name, v in verdicts.items() if "import:scanned-image" in name}


def test_every_image_of_the_project_must_be_in_some_report(project: Project) -> None:
    assert covered(project, scanned("acme/web:1"), scanned("docker.io/library/postgres:16")) == {
        "web": "passed",
        "app": "failed",
        "db": "passed",
    }


def test_an_image_without_a_name_has_that_of_compose(project: Project) -> None:
    assert covered(project, scanned(f"{project.path.name.replace('_', '-')}-app:latest"))["db"] == "failed"
    name = project.evaluate().projects[0].name
    assert covered(project, scanned(f"{name}-app"))["app"] == "passed"


def test_a_failure_names_the_image(project: Project) -> None:
    result = project.imported(scanned("acme/web:1"))["docker-compose.yml::import:scanned-image[db]"]
    assert result.findings[0].message == "no imported report is about its image postgres:16"
    assert isinstance(result.findings[0].origin, TextOrigin)
    assert result.findings[0].origin.line == 8


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("postgres:16.1", id="another tag"),
        pytest.param("acme/postgres:16", id="another repository"),
        pytest.param("postgres", id="latest"),
    ],
)
def test_another_image_is_not_it(project: Project, name: str) -> None:
    assert covered(project, scanned(name))["db"] == "failed"


def test_an_image_may_be_known_by_its_digest(project: Project) -> None:
    digest = f"postgres@sha256:{'a' * 64}"
    project.add("docker-compose.yml", f"services:\n  db:\n    image: {digest}\n")
    assert covered(project, scanned("postgres:16", RepoDigests=[digest])) == {"db": "passed"}


def test_an_image_that_a_variable_decides_is_unknown(project: Project) -> None:
    project.add("docker-compose.yml", "services:\n  db:\n    image: ${IMAGE}\n")
    assert covered(project, scanned("postgres:16")) == {"db": "unknown"}


def test_sarif_of_an_image_covers_it(project: Project) -> None:
    document = sarif(name="Trivy")
    document["runs"][0]["properties"] = {"imageName": "postgres:16", "repoTags": ["postgres:16"]}
    assert covered(project, document)["db"] == "passed"


@pytest.mark.parametrize("report", ["trivy-fs.json", "hadolint.sarif", "docker-bench.json"])
def test_where_no_report_is_about_an_image_none_is_asked_for(project: Project, report: str) -> None:
    assert covered(project, report) == {}


def test_an_image_that_cannot_be_scanned_is_waived_like_anything_else(project: Project) -> None:
    waive(project, "import:scanned-image", subject="db")
    assert covered(project, scanned("acme/web:1"))["db"] == "waived"


def test_overlays_are_covered_together(project: Project) -> None:
    project.add("docker-compose.prod.yml", "services:\n  db:\n    image: postgres:17\n")
    project.add("docker-compose.test.yml", "services:\n  db:\n    mem_limit: 1g\n")
    verdicts = covered(project, scanned("postgres:16"))
    assert [v for name, v in verdicts.items() if name.endswith("db")] == ["passed", "failed"]
    assert verdicts["web"] == "failed"


def test_the_data_is_what_was_written_without_secrets() -> None:
    for path in DATA.iterdir():
        assert AWS_KEY not in path.read_text(encoding="utf-8")
    assert data("trivy-fs.json")["Results"][3]["Secrets"][0]["Match"] == 'AWS_ACCESS_KEY_ID = "********************"'


def test_an_id_can_be_typed_whatever_a_rule_is_called() -> None:
    assert imported_id("semgrep", "python::lang::use of exec") == "semgrep:python-lang-use-of-exec"
