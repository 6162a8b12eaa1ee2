from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.conftest import Repo
from tests.report.conftest import report


@pytest.fixture(autouse=True)
def summary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("runner") / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    return path


def test_a_failure_is_annotated_at_its_line(stack: Repo) -> None:
    [line] = report(stack, "github").splitlines()
    place, _, message = line.removeprefix("::warning ").partition("::")
    assert place == "file=app/docker-compose.yml,line=2,endLine=2,col=3,endColumn=8,title=read-only-rootfs"
    assert message == "redis: the root filesystem is writable"


def test_a_line_with_several_findings_is_annotated_once(repo: Repo) -> None:
    repo.add("compose.yaml", "services:\n  a:\n    image: x\n")
    repo.add("dockerharden.toml", 'select = ["read-only-rootfs", "no-new-privileges"]\n')
    [line] = report(repo, "github").splitlines()
    assert (
        "title=2 hardening findings::medium: a: its processes can gain privileges (no-new-privileges)%0Amedium: a:"
        in line
    )


def test_annotations_are_the_last_thing_on_the_terminal(stack: Repo) -> None:
    lines = stack.judge("--harden-report=github", "-q").stdout.lines
    assert [line for line in lines if line.startswith("::warning file=app/docker-compose.yml,line=2")]


def test_a_hostile_name_is_no_command(repo: Repo) -> None:
    repo.add("a,b: 100%/compose.yaml", "services:\n  a:\n    image: x\n")
    repo.add("dockerharden.toml", 'select = ["read-only-rootfs"]\n')
    assert report(repo, "github").startswith("::warning file=a%2Cb%3A 100%25/compose.yaml,line=2,")


def test_a_name_of_a_file_does_not_drive_the_terminal(repo: Repo) -> None:
    repo.add("a\x1b[31m\nb/compose.yaml", "services:\n  web:\n    image: app\n")
    assert report(repo, "github").startswith("::warning file=a\\x1b[31m\\nb/compose.yaml,line=2,")


def test_the_summary_of_the_step_is_appended(stack: Repo, summary: Path) -> None:
    report(stack, "github")
    before, headline, *_ = summary.read_text().splitlines()
    assert (before, headline) == ("before", "### :x: Hardening: 1 failed, 2 passed, 1 waived, 1 unknown")


def test_without_a_runner_nothing_is_appended(stack: Repo, summary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    report(stack, "github")
    assert summary.read_text() == "before\n"


def test_nothing_is_annotated_where_nothing_fails(stack: Repo) -> None:
    assert report(stack, "github", "-k", "web or old") == ""


@pytest.mark.parametrize(("severity", "level"), [("critical", "error"), ("medium", "warning"), ("low", "notice")])
def test_ten_of_each_level_are_shown_so_the_level_is_that_of_the_severity(
    stack: Repo, severity: str, level: str
) -> None:
    policy = (stack.path / "dockerharden.toml").read_text()
    stack.add("dockerharden.toml", f'{policy}[severity]\nread-only-rootfs = "{severity}"\n')
    assert report(stack, "github").startswith(f"::{level} file=")
