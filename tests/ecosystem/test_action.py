"""The GitHub action, its workflows and the template for GitLab: what they say is run as they would run it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ecosystem.conftest import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
GITLAB = yaml.safe_load((ROOT / "ci/gitlab.yml").read_text(encoding="utf-8"))
PROGRAM = Path(sys.executable).with_name("dockerharden")

needs_program = pytest.mark.skipif(
    os.name == "nt" or not PROGRAM.exists() or not shutil.which("bash"), reason="needs bash and the installed program"
)


def steps_of(document: Any) -> Iterator[dict[str, Any]]:
    for job in document.get("jobs", {"": document.get("runs", {})}).values():
        yield from job.get("steps", ())


DOCUMENTS = [
    pytest.param(yaml.safe_load(path.read_text(encoding="utf-8")), id=path.name)
    for path in [ROOT / "action.yml", *WORKFLOWS]
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_actions_are_pinned_to_a_commit(document: Any) -> None:
    used = [step["uses"] for step in steps_of(document) if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}|\./", name)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_script_has_an_input_in_its_text(document: Any) -> None:
    assert [step["run"] for step in steps_of(document) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in WORKFLOWS])
def test_a_workflow_may_do_nothing_but_what_its_jobs_say(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())


def test_only_the_job_that_publishes_may_ask_for_a_token_and_it_runs_nothing_of_ours() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))["jobs"]
    assert [name for name, job in jobs.items() if "id-token" in job["permissions"]] == ["publish"]
    assert jobs["publish"]["environment"] == "pypi"
    assert not [step for step in jobs["publish"]["steps"] if "run" in step]


def test_every_input_is_handed_over() -> None:
    handed = {value for step in steps_of(ACTION) for value in {**step.get("env", {}), **step.get("with", {})}.values()}
    assert {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]} == handed


def judge(sample: Path, tmp_path: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The action's own script, with this environment in place of the one that it would install."""
    program = tmp_path / "runner/dockerharden/bin/dockerharden"
    program.parent.mkdir(parents=True)
    program.symlink_to(PROGRAM)
    (tmp_path / "summary.md").write_text("of another command\n", encoding="utf-8")
    environment = {
        **os.environ,
        "RUNNER_TEMP": str(tmp_path / "runner"),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        **inputs,
    }
    return subprocess.run(
        ["bash", str(ROOT / "ci/action.sh"), "judge"], cwd=sample, env=environment, capture_output=True, text=True
    )


@needs_program
def test_the_action_annotates_summarises_and_fails(sample: Path, tmp_path: Path) -> None:
    done = judge(sample, tmp_path, SARIF="out/report.sarif", FAIL_ON="", SUITE="", PATHS="", LIVE="false")
    assert done.returncode == 1, done.stderr
    assert re.search(r"^::(error|warning) .*file=docker-compose\.yml,", done.stdout, re.MULTILINE)
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("of another command\n")
    assert summary.count("### :x: Hardening:") == 1
    assert "read-only-rootfs" in summary
    assert json.loads((sample / "out/report.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"


@needs_program
@pytest.mark.parametrize(("local_code", "status"), [("true", 1), ("false", 4)])
def test_code_of_the_repository_is_refused_on_request(
    sample: Path, tmp_path: Path, local_code: str, status: int
) -> None:
    (sample / "own.py").write_text("", encoding="utf-8")
    (sample / "dockerharden.toml").write_text('controls = ["own.py"]\n', encoding="utf-8")
    done = judge(sample, tmp_path, LOCAL_CODE=local_code)
    assert done.returncode == status, done.stdout + done.stderr


@needs_program
@pytest.mark.parametrize(
    ("inputs", "status"),
    [
        pytest.param({"FAIL_ON": "critical"}, 0, id="nothing is critical"),
        pytest.param({"PATHS": "web/Dockerfile\n"}, 1, id="one file"),
        pytest.param({"PATHS": "nowhere"}, 4, id="no such file"),
        pytest.param({"SUITE": "nothing"}, 4, id="no such suite"),
    ],
)
def test_the_inputs_of_the_action(sample: Path, tmp_path: Path, inputs: dict[str, str], status: int) -> None:
    done = judge(sample, tmp_path, **inputs)
    assert done.returncode == status, done.stdout + done.stderr


@needs_program
def test_an_input_is_data_and_no_script(sample: Path, tmp_path: Path) -> None:
    judge(sample, tmp_path, PATHS="$(touch broken)\n`touch broken`\n; touch broken", SUITE="x; touch broken")
    assert not (sample / "broken").exists()


@needs_program
def test_the_job_for_gitlab_writes_what_it_hands_over(sample: Path) -> None:
    [line] = GITLAB["dockerharden"]["script"]
    environment = {**os.environ, "DOCKERHARDEN_OPTIONS": "--harden-fail-on=medium"}
    line = line.replace("dockerharden ", f"{shlex.quote(str(PROGRAM))} ", 1)
    done = subprocess.run(["bash", "-c", line], cwd=sample, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    for name in GITLAB["dockerharden"]["artifacts"]["reports"].values():
        assert (sample / name).stat().st_size > 100
    issues = json.loads((sample / "gl-code-quality-report.json").read_text(encoding="utf-8"))
    assert {issue["location"]["path"] for issue in issues} == {"docker-compose.yml", "web/Dockerfile"}
