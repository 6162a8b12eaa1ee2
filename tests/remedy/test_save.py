"""How remedies get into files, and what they never overwrite."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_dockerharden.remedy.save import NotSavedError, save, unsaved
from tests.remedy.helpers import plan_for

TEXT = "services:\n  web:\n    image: app\n"


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def saved(folder: Path, text: str = TEXT, *, forced: bool = False) -> str:
    plan = plan_for(folder, {"compose.yaml": text})
    save(plan, str(folder), os.path.basename, forced=forced)
    return (folder / "compose.yaml").read_bytes().decode()


def test_a_byte_order_mark_and_line_ends_stay(tmp_path: Path) -> None:
    text = saved(tmp_path, "\ufeffservices:\r\n  web:\r\n    image: app\r\n")
    assert text.startswith("\ufeffservices:\r\n")
    assert "\n" not in text.replace("\r\n", "")


@pytest.mark.skipif(os.name == "nt", reason="modes and links are those of POSIX")
def test_a_file_keeps_its_mode_and_the_link_that_leads_to_it(tmp_path: Path) -> None:
    real = tmp_path / "real" / "stack.txt"
    real.parent.mkdir()
    real.write_text(TEXT)
    real.chmod(0o640)
    (tmp_path / "compose.yaml").symlink_to(real)
    saved(tmp_path)
    assert (tmp_path / "compose.yaml").is_symlink()
    assert "read_only: true" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in real.parent.iterdir()] == ["stack.txt"]


def test_a_file_that_git_does_not_have_is_not_overwritten(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(NotSavedError, match=r"git does not have compose\.yaml as it is"):
        saved(tmp_path)
    assert (tmp_path / "compose.yaml").read_text() == TEXT


def test_changes_that_are_not_staged_are_not_overwritten_unless_it_is_said_twice(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "compose.yaml").write_text(TEXT)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    changed = TEXT.replace("app", "other")
    with pytest.raises(NotSavedError):
        saved(tmp_path, changed)
    assert (tmp_path / "compose.yaml").read_text() == changed
    assert "read_only: true" in saved(tmp_path, changed, forced=True)


def test_a_clean_file_is_written_whatever_else_was_changed(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "compose.yaml").write_text(TEXT)
    (tmp_path / "notes").write_text("a")
    git(tmp_path, "add", ".")
    (tmp_path / "notes").write_text("b")
    assert "read_only: true" in saved(tmp_path)
    assert unsaved([str(tmp_path / "compose.yaml")], str(tmp_path)) == [str(tmp_path / "compose.yaml")]


def test_what_somebody_else_wrote_meanwhile_stays(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, {"compose.yaml": TEXT})
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    with pytest.raises(NotSavedError, match="changed by somebody else"):
        save(plan, str(tmp_path), os.path.basename, forced=True)
    assert (tmp_path / "compose.yaml").read_text() == "services: {}\n"
