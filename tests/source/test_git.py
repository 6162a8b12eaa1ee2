"""What git has and what it ignores, compared with git itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_dockerharden.source.git import find_checkout
from tests.helpers import write, write_git_index

GIT = shutil.which("git")
FILES = {
    ".gitignore": "*.log\n/build/\nsecrets/*\n!secrets/README\n# a comment\nsub/deep.txt\n",
    "a.txt": "",
    "a.log": "",
    "build/x": "",
    "sub/build/x": "",
    "secrets/pw": "",
    "secrets/README": "",
    "sub/.gitignore": "!keep.log\nlocal.env\n",
    "sub/keep.log": "",
    "sub/other.log": "",
    "sub/local.env": "",
    "sub/deep.txt": "",
    "ignored dir/ö.txt": "",
}


def run(folder: Path, *arguments: str) -> str:
    command = [GIT or "git", "-c", "core.excludesFile=/dev/null", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.mark.skipif(GIT is None, reason="git is the oracle")
@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_it_says_what_git_says(tmp_path: Path, version: str) -> None:
    write(tmp_path, FILES)
    run(tmp_path, "init", "-q")
    run(tmp_path, "add", ".")
    run(tmp_path, "update-index", f"--index-version={version}")
    checkout = find_checkout(str(tmp_path), str(tmp_path))
    assert checkout is not None
    listed = set(run(tmp_path, "ls-files", "-z").split("\0"))
    for name in FILES:
        path = str(tmp_path / name)
        assert checkout.tracked(path) is (name in listed), name
        assert checkout.ignored(path) is bool(run(tmp_path, "check-ignore", "--no-index", name)), name


@pytest.mark.skipif(GIT is None, reason="git is the oracle")
@pytest.mark.parametrize("relative", [False, True])
def test_a_worktree_has_an_index_of_its_own(tmp_path: Path, relative: bool) -> None:
    write(tmp_path / "main", {"a.txt": "", "b.txt": ""})
    run(tmp_path / "main", "init", "-q")
    run(tmp_path / "main", "add", "a.txt")
    run(tmp_path / "main", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "a")
    run(tmp_path / "main", "worktree", "add", "-q", "../tree")
    (tmp_path / "main/.git/info/exclude").write_text("*.secret\n")
    if relative:
        (tmp_path / "tree/.git").write_text("gitdir: ../main/.git/worktrees/tree\n")
    write(tmp_path / "tree", {"c.txt": "", "d.txt": "", "e.secret": ""})
    run(tmp_path / "tree", "add", "c.txt")
    checkout = find_checkout(str(tmp_path / "tree"), str(tmp_path))
    assert checkout is not None
    names = ["a.txt", "b.txt", "c.txt", "d.txt"]
    assert [checkout.tracked(str(tmp_path / "tree" / name)) for name in names] == [True, False, True, False]
    assert checkout.ignored(str(tmp_path / "tree/e.secret"))


@pytest.mark.skipif(GIT is None, reason="git is the oracle")
def test_a_submodule_has_its_index_in_the_repository_around_it(tmp_path: Path) -> None:
    write(tmp_path, {"part/a.txt": "", "part/b.txt": ""})
    run(tmp_path, "init", "-q")
    (tmp_path / ".git/modules").mkdir()
    run(tmp_path / "part", "init", "-q", "--separate-git-dir", "../.git/modules/part")
    run(tmp_path / "part", "add", "a.txt")
    checkout = find_checkout(str(tmp_path / "part"), str(tmp_path))
    assert checkout is not None
    assert checkout.folder == str(tmp_path / "part")
    assert [checkout.tracked(str(tmp_path / "part" / name)) for name in ("a.txt", "b.txt")] == [True, False]


@pytest.mark.parametrize(
    "pointer",
    [
        pytest.param("gitdir: /nowhere\n", id="nowhere"),
        pytest.param("gitdir: ../other\n", id="no repository"),
        pytest.param("gitdir: \n", id="empty"),
        pytest.param("gitdir: \0\n", id="a null byte"),
        pytest.param("text\n", id="no pointer"),
        pytest.param("", id="an empty file"),
    ],
)
def test_a_pointer_to_no_repository_is_not_followed(tmp_path: Path, pointer: str) -> None:
    write(tmp_path, {"tree/.git": pointer, "other/index": "DIRC", "other/HEAD": "secret text", "other/objects/x": ""})
    checkout = find_checkout(str(tmp_path / "tree"), str(tmp_path))
    assert checkout is not None
    assert checkout.tracked(str(tmp_path / "tree/a")) is None
    assert not checkout.ignored(str(tmp_path / "tree/a"))


def test_a_folder_without_git_is_no_checkout(tmp_path: Path) -> None:
    assert find_checkout(str(tmp_path), str(tmp_path)) is None


def test_a_checkout_above_the_root_is_not_looked_at(tmp_path: Path) -> None:
    write_git_index(tmp_path, ["a"])
    (tmp_path / "project").mkdir()
    assert find_checkout(str(tmp_path / "project"), str(tmp_path / "project")) is None


def test_in_a_worktree_nothing_is_known_of_the_index(tmp_path: Path) -> None:
    write(tmp_path, {".git": "gitdir: /elsewhere\n", ".gitignore": "x\n"})
    checkout = find_checkout(str(tmp_path), str(tmp_path))
    assert checkout is not None
    assert checkout.tracked(str(tmp_path / "x")) is None
    assert checkout.ignored(str(tmp_path / "x")) is True


@pytest.mark.parametrize("index", [b"", b"DIRC", b"DIRC\0\0\0\2\0\0\0\x09", b"\xff" * 100])
def test_a_broken_index_has_nothing(tmp_path: Path, index: bytes) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/index").write_bytes(index)
    checkout = find_checkout(str(tmp_path), str(tmp_path))
    assert checkout is not None and checkout.tracked(str(tmp_path / "a")) is False
