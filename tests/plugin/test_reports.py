from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import Repo

COMPOSE = "services:\n  redis:\n    image: redis:7.2\n  web:\n    image: app\n    read_only: true\n"


@pytest.fixture
def stack(repo: Repo) -> Repo:
    repo.add("dockerharden.toml", 'select = ["read-only-rootfs", "own"]\ncontrols = ["own.py"]\n')
    repo.add("own.py", OWN)
    repo.add("app/docker-compose.yml", COMPOSE)
    return repo


OWN = '''
from __future__ import annotations
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.posture import Posture

@control(severity="high")
def own(posture: Posture) -> Findings:
    """Ours."""
    not_applicable("never")
    yield
'''

FINDING = {
    "message": "the root filesystem is writable",
    "file": "app/docker-compose.yml",
    "line": 2,
    "column": 3,
    "remedy": "read_only: true",
}


def items(repo: Repo, *arguments: str) -> dict[str, dict[str, object]]:
    repo.judge("--harden-report=json:out/report.json", *arguments)
    report = json.loads((repo.path / "out/report.json").read_text())
    assert report["version"] == 1
    return {item.pop("id"): item for item in report["items"]}


def test_json_has_every_verdict(stack: Repo) -> None:
    prefix = "app/docker-compose.yml::static::"
    common = {"phase": "static", "severity": "medium", "control": "read-only-rootfs"}
    found = items(stack)
    assert found[f"{prefix}read-only-rootfs[redis]"] == {
        **common, "subject": "redis", "verdict": "failed", "findings": [FINDING]
    }  # fmt: skip
    assert found[f"{prefix}read-only-rootfs[web]"] == {**common, "subject": "web", "verdict": "passed", "findings": []}
    assert found[f"{prefix}own[web]"]["verdict"] == "not-applicable"
    assert found[f"{prefix}own[web]"]["reason"] == "never"
    assert len(found) == 4


def test_files_are_relative_to_where_pytest_was_started(stack: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stack.path / "app")
    stack.judge("--rootdir=..", "--harden-report=json:r.json", "docker-compose.yml")
    [item] = [i for i in json.loads((stack.path / "app/r.json").read_text())["items"] if i["verdict"] == "failed"]
    assert item["id"] == "app/docker-compose.yml::static::read-only-rootfs[redis]"
    assert item["findings"][0]["file"] == "docker-compose.yml"


def test_what_was_deselected_is_not_in_the_report(stack: Repo) -> None:
    assert "app/docker-compose.yml::static::read-only-rootfs[web]" not in items(stack, "-k", "redis")


def test_a_waiver_is_in_the_report(stack: Repo) -> None:
    stack.add(
        "app/docker-compose.yml", COMPOSE.replace("redis:\n", "redis:  # harden: waive read-only-rootfs -- why\n")
    )
    item = items(stack)["app/docker-compose.yml::static::read-only-rootfs[redis]"]
    assert item["verdict"] == "waived"
    assert item["reason"] == "why"
    assert item["waiver"] == {"reason": "why", "until": None, "place": "app/docker-compose.yml:2", "requires": []}


def test_json_is_written_without_a_terminal(stack: Repo) -> None:
    assert len(items(stack, "-p", "no:terminal")) == 4


def test_json_goes_to_the_terminal_without_a_path(stack: Repo) -> None:
    assert '"version": 1' in stack.judge("--harden-report=json").stdout.str()


def test_an_unknown_format_is_a_usage_error(stack: Repo) -> None:
    result = stack.judge("--harden-report=jsn:x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: --harden-report: no format `jsn`; did you mean `json`? *")


def test_collect_only_writes_no_report(stack: Repo) -> None:
    stack.judge("--co", "--harden-report=json:out.json")
    assert not (stack.path / "out.json").exists()


def test_a_report_that_cannot_be_written_is_a_usage_error(stack: Repo) -> None:
    (stack.path / "taken").mkdir()
    result = stack.judge("--harden-report=json:taken")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*--harden-report: taken cannot be written: Is a directory*")
