"""``pytest --harden-import`` as users run it: items, exit status, header, reports, single items, workers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.importing.conftest import AWS_KEY, AWS_SECRET, DATA, TOKEN, Project, data


def run(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments]
    environment = {**os.environ, "PATH": f"/usr/bin{os.pathsep}/bin"}
    return subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def scanned(project: Project) -> Project:
    shutil.copy(DATA / "trivy-fs.json", project.path / "trivy.json")
    return project


def test_the_import_alone_judges_nothing_else(scanned: Project) -> None:
    done = run(scanned, "--harden-import", "trivy.json", "-v")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "dockerharden: imported trivy.json: trivy: 3 files, 15 findings" in done.stdout
    items = {line.split(" ")[0] for line in done.stdout.splitlines() if "::" in line and " FAILED" in line}
    assert "app/Dockerfile::trivy:DS-0010" in items
    assert not [item for item in items if "::trivy:" not in item]
    assert "trivy.json::import-readable PASSED" in done.stdout


def test_what_is_said_by_a_control_of_ours_names_the_scanner(scanned: Project) -> None:
    done = run(scanned, "--harden-static", "--harden-import", "trivy.json", "--harden-report", "json:report.json")
    assert "also found by trivy:DS-0010" in done.stdout
    items: list[dict[str, Any]] = json.loads((scanned.path / "report.json").read_text())["items"]
    by_id = {item["id"]: item for item in items}
    assert by_id["app/Dockerfile::no-sudo-in-build[build]"]["also_found_by"] == ["trivy:DS-0010"]
    assert by_id["Dockerfile::trivy:DS-0017"]["phase"] == "import"


def test_no_report_shows_a_secret(scanned: Project) -> None:
    formats = ("json", "sarif", "html", "markdown", "github", "codequality")
    targets = [option for name in formats for option in ("--harden-report", f"{name}:out/{name}")]
    done = run(scanned, "--harden-import", "trivy.json", "-rA", "--junitxml=out/junit", *targets)
    written = [path.read_text(encoding="utf-8") for path in (scanned.path / "out").iterdir()]
    assert len(written) == len(formats) + 1
    for text in (done.stdout, done.stderr, *written):
        for secret in (AWS_KEY, AWS_SECRET, TOKEN):
            assert secret not in text


def test_one_item_is_chosen_by_its_id(scanned: Project) -> None:
    done = run(scanned, "--harden-import", "trivy.json", "app/Dockerfile::trivy:DS-0010")
    assert "1 failed" in done.stdout
    assert "Using 'sudo' in Dockerfile should be avoided" in done.stdout


def test_a_missing_report_fails_the_run_without_a_traceback(project: Project) -> None:
    done = run(project, "--harden-import", "none.json")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "none.json: it cannot be read: No such file or directory" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_scanner_that_nobody_knows_is_a_mistake_in_the_command(project: Project) -> None:
    done = run(project, "--harden-scanner", "trivia")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "invalid choice: 'trivia'" in done.stderr


def test_a_worker_sees_what_one_process_sees(scanned: Project) -> None:
    pytest.importorskip("xdist")
    done = run(scanned, "--harden-import", "trivy.json", "-q", "-n", "1")
    assert done.stdout.splitlines()[-1].startswith("15 failed, 1 passed in ")


def test_text_of_a_report_cannot_drive_the_terminal(project: Project) -> None:
    document = data("trivy-fs.json")
    document["Results"][0]["Misconfigurations"][0]["Title"] = "\x1b[2Jgone"
    document["Results"][0]["Misconfigurations"][0]["Message"] = "\x1b]0;title\x07"
    document["Results"][0]["Target"] = "else\x1b[2Jwhere"
    project.report(document)
    done = run(project, "--harden-import", "report.json", "-v", "-rA")
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout


def test_a_section_of_a_benchmark_counts_what_was_imported_and_names_the_scanner(project: Project) -> None:
    shutil.copy(DATA / "docker-bench.json", project.path / "bench.json")
    shutil.copy(DATA / "trivy-fs.json", project.path / "trivy.json")
    imports = ("--harden-import", "bench.json", "--harden-import", "trivy.json")
    done = run(project, *imports, "--harden-suite", "cis-docker", "--harden-report", "json:report.json")
    folder = project.path.name
    (benchmark,) = json.loads((project.path / "report.json").read_text())["benchmarks"]
    told = {
        number: (section["status"], section["failing"], section["imported_from"])
        for section in benchmark["sections"]
        if (number := section["number"]) in {"1.1.1", "1.2.1", "2.2", "2.7", "4.1", "5.11", "5.18", "6.1"}
    }
    assert told == {
        "1.1.1": ("passed", [], ["docker-bench"]),
        "1.2.1": ("by hand", [], []),  # said by neither
        "2.2": ("failed", [f"{folder}/bench.json"], ["docker-bench"]),
        "2.7": ("needs --harden-live", [], []),
        "4.1": (
            "failed",
            ["st-nearpriv", "st-plain", f"{folder}/Dockerfile", "app/Dockerfile"],
            ["docker-bench", "trivy"],
        ),
        "5.11": ("failed", ["st-share", "st-sockalt"], ["docker-bench"]),
        "5.18": ("needs --harden-static", [], []),  # left to people by it, too
        "6.1": ("by hand", [], []),
    }
    assert "Memory is limited: st-share, st-sockalt; imported from docker-bench\n" in done.stdout
