"""A scanner on PATH: how it is run, what it must not see, and what happens when it is missing or fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.importing import running
from pytest_dockerharden.importing.running import find_scanner
from pytest_dockerharden.importing.scan import UnreadableReportError
from pytest_dockerharden.verdicts import Result
from tests.importing.conftest import DATA, Project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for Trivy is a script for a shell")

PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
# writes down how it was called, and then what the real one said of the same files
SCRIPT = """\
#!/bin/sh
echo "$@" >> {log}
if [ "$1" = version ]; then echo '{version}'; exit 0; fi
pwd >> {log}.cwd; ls -A | grep -v -e errors >> {log}.ls; env | grep TRIVY_ >> {log}.env
{before}
cp {report} "$5"
"""


class Scanner:
    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.folder = folder
        self.log = folder / "log"
        folder.mkdir()

    def install(self, report: str = "trivy-fs.json", before: str = "", version: str = '{"Version": "0.59.1"}') -> None:
        program = self.folder / "trivy"
        text = SCRIPT.format(log=self.log, report=DATA / report, before=before, version=version)
        program.write_text(text)
        program.chmod(0o755)

    def results(self) -> dict[str, Result]:
        evaluation = self.project.evaluate(scanners=("trivy",))
        return {result.name: result for result in evaluation.all_results() if result.phase == "import"}

    def calls(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text().splitlines()]

    def told(self, what: str) -> list[str]:
        return Path(f"{self.log}.{what}").read_text().splitlines()


@pytest.fixture
def scanner(project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Scanner:
    folder = tmp_path_factory.mktemp("path") / "bin"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return Scanner(project, folder)


def problem(scanner: Scanner) -> str:
    (result,) = scanner.results().values()
    assert (result.name, result.verdict) == ("import-readable", "failed")
    return result.findings[0].message


def test_what_it_finds_is_judged(scanner: Scanner) -> None:
    scanner.install()
    results = scanner.results()
    assert results["trivy:DS-0010"].file == str(scanner.project.path / "app/Dockerfile")
    assert results["import-readable"].verdict == "passed"
    assert results["import-readable"].reason.startswith("trivy: 3 files, 15 findings")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_it_runs_once_whoever_judges(scanner: Scanner, workers: tuple[str, ...]) -> None:
    if workers:
        pytest.importorskip("xdist")
    scanner.install()
    command = [*PYTEST, "--harden-scanner", "trivy", "-q", *workers]
    done = subprocess.run(command, cwd=scanner.project.path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1].startswith("15 failed, 1 passed in ")
    assert [call[0] for call in scanner.calls()] == ["fs", "version"]


def test_a_failure_of_it_is_told_to_workers_as_well(scanner: Scanner) -> None:
    pytest.importorskip("xdist")
    scanner.install(before="echo no such flag >&2; exit 1")
    command = [*PYTEST, "--harden-scanner", "trivy", "-n", "2"]
    done = subprocess.run(command, cwd=scanner.project.path, capture_output=True, text=True, check=False)
    assert "scanner:trivy: it failed (exit status 1): no such flag" in done.stdout
    assert [call[0] for call in scanner.calls()] == ["fs"]


def test_it_is_told_to_stay_offline(scanner: Scanner) -> None:
    scanner.install()
    scanner.results()
    scan = scanner.calls()[0]
    assert scan[0] == "fs"
    assert {"--offline-scan", "--skip-check-update", "--skip-db-update"} <= set(scan)
    assert scan[scan.index("--misconfig-scanners") + 1] == "dockerfile"  # modules of Terraform are fetched
    assert scan[-2:] == ["--", str(scanner.project.path)]


def test_neither_the_repository_nor_the_environment_says_what_it_does(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIVY_SERVER", "http://192.0.2.1")
    monkeypatch.setenv("TRIVY_CACHE_DIR", "/nowhere")
    scanner.project.add("trivy.yaml", "severity: [LOW]\n")
    scanner.install()
    scanner.results()
    assert scanner.told("cwd") != [str(scanner.project.path)]
    assert scanner.told("ls") == []
    assert sorted(scanner.told("env")) == [
        "TRIVY_CACHE_DIR=/nowhere",
        "TRIVY_DISABLE_TELEMETRY=true",
        "TRIVY_SKIP_VERSION_CHECK=true",
    ]


def test_one_that_is_missing_is_a_failure(scanner: Scanner) -> None:
    assert problem(scanner) == "scanner:trivy: trivy was asked for and is not on PATH"


def test_one_in_the_repository_is_not_run(scanner: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    scanner.install()
    monkeypatch.chdir(scanner.folder)
    monkeypatch.setenv("PATH", ".")
    with pytest.raises(UnreadableReportError, match="is not on PATH"):
        find_scanner("trivy")


@pytest.mark.parametrize(
    ("before", "said"),
    [
        pytest.param(
            "echo FATAL no such flag >&2; exit 1", "it failed (exit status 1): FATAL no such flag", id="fails"
        ),
        pytest.param("exit 3", "it failed (exit status 3): it did not say why", id="fails without a word"),
        pytest.param("exit 0", "it cannot be read: No such file or directory", id="writes nothing"),
        pytest.param(': > "$5"; exit 0', "it is empty", id="writes an empty report"),
        pytest.param("echo AUTH_TOKEN=hunter2hunter2 >&2; exit 1", "AUTH_TOKEN=***", id="tells a secret"),
    ],
)
def test_one_that_fails_is_a_failure_that_says_why(scanner: Scanner, before: str, said: str) -> None:
    scanner.install(before=before)
    assert said in problem(scanner)


def test_one_that_is_never_done_is_ended(scanner: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "TIMEOUT", 0.2)
    scanner.install(before="sleep 60")
    assert "it was not done after 0 seconds" in problem(scanner)


def test_without_a_database_no_image_is_scanned_and_that_is_said(scanner: Scanner) -> None:
    scanner.install()
    results = scanner.results()
    assert results["import-readable"].reason.endswith(
        "images were not scanned: there is no database of vulnerabilities"
    )
    assert [call[0] for call in scanner.calls()] == ["fs", "version"]
    assert not any("scanned-image" in name for name in results)


def test_with_a_database_every_image_is_scanned(scanner: Scanner) -> None:
    scanner.project.add("docker-compose.yml", "services:\n  db:\n    image: dockerharden-base/redis:bookworm\n")
    version = json.dumps({"Version": "0.59.1", "VulnerabilityDB": {"Version": 2}})
    scanner.install(before=f'[ "$1" = image ] && cp {DATA / "trivy-image.json"} "$5" && exit 0', version=version)
    results = scanner.results()
    assert scanner.calls()[-1][0] == "image"
    assert scanner.calls()[-1][-2:] == ["--", "dockerharden-base/redis:bookworm"]
    assert results["import:scanned-image[db]"].verdict == "passed"
    assert results["trivy:DS-0002[dockerharden-base/redis:bookworm]"].verdict == "failed"
    assert results["import-readable[dockerharden-base/redis:bookworm]"].verdict == "passed"


def test_an_image_that_cannot_be_scanned_is_a_failure_of_its_own(scanner: Scanner) -> None:
    version = json.dumps({"Version": "0.59.1", "VulnerabilityDB": {"Version": 2}})
    scanner.install(before='[ "$1" = image ] && echo no such image >&2 && exit 1', version=version)
    results = scanner.results()
    assert results["import-readable[postgres:16]"].verdict == "failed"
    assert results["import-readable[postgres:16]"].findings[0].message.endswith("(exit status 1): no such image")


@pytest.mark.parametrize(
    ("ids", "outcome"),
    [
        pytest.param(["scanner:trivy::import-readable"], "1 passed in ", id="what was looked at"),
        pytest.param(["scanner:trivy::trivy:DS-0002[dockerharden-base/redis:bookworm]"], "1 failed in ", id="an image"),
        pytest.param(["../x/scanner:trivy::import-readable"], "1 passed in ", id="as shown from another folder"),
        pytest.param(["docker-compose.yml::import::import:scanned-image[db]"], "1 passed in ", id="a compose file"),
        pytest.param(
            ["app/Dockerfile::trivy:DS-0010", "scanner:trivy::import-readable"], "1 failed, 1 passed in ", id="2"
        ),
        pytest.param(["scanner:trivy::no-such-rule"], "not found: scanner:trivy::no-such-rule", id="none"),
    ],
)
def test_an_item_is_chosen_by_its_id(scanner: Scanner, ids: list[str], outcome: str) -> None:
    scanner.project.add("docker-compose.yml", "services:\n  db:\n    image: dockerharden-base/redis:bookworm\n")
    version = json.dumps({"Version": "0.59.1", "VulnerabilityDB": {"Version": 2}})
    scanner.install(before=f'[ "$1" = image ] && cp {DATA / "trivy-image.json"} "$5" && exit 0', version=version)
    command = [*PYTEST, "--harden-scanner", "trivy", "-q", *ids]
    done = subprocess.run(command, cwd=scanner.project.path, capture_output=True, text=True, check=False)
    assert outcome in done.stdout + done.stderr


def test_folders_that_are_not_visited_are_not_scanned(scanner: Scanner) -> None:
    scanner.project.add("node_modules/x/Dockerfile", "FROM x\n")
    scanner.project.add("dockerharden.toml", 'ignore = ["old"]\n')
    scanner.project.add("old/Dockerfile", "FROM x\n")
    scanner.install()
    scanner.results()
    scan: list[Any] = scanner.calls()[0]
    assert "old" in [scan[index + 1] for index, word in enumerate(scan) if word == "--skip-dirs"]


@pytest.mark.skipif(shutil.which("trivy") is None, reason="Trivy is not on PATH")
def test_the_real_one_finds_what_it_found(project: Project) -> None:
    results = {r.name: r for r in project.evaluate(scanners=("trivy",)).all_results() if r.phase == "import"}
    assert results["import-readable"].verdict == "passed", results["import-readable"].findings
    assert {"trivy:DS-0010", "trivy:github-pat", "trivy:DS-0002"} <= results.keys()
