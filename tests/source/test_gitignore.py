"""What ``.gitignore`` files say, held against git, and the hard ones against the library that reads them."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from pytest_dockerharden.source.gitignore import Matcher, matcher

PLAIN = ["a", "b", "ab", "a.b", ".a", "a*", "*b", "*", "*.b", "?b", "a*b", "a?*"]
NAMES = ["a", "b", "ab", "a.b", ".a", "b.b", "aab"]


def ignored(says: Matcher, path: str) -> bool:
    """As it is asked by who walks down from the top: what is in an ignored folder is never asked for."""
    folders = [path[: index + 1] for index, letter in enumerate(path[:-1]) if letter == "/"]
    return any(map(says, folders)) or bool(says(path))


def git_ignores(folder: Path, lines: Sequence[str], paths: Sequence[str]) -> set[str]:
    (folder / ".gitignore").write_text("\n".join(lines) + "\n")
    command = ["git", "-C", str(folder), "-c", "core.excludesFile=", "check-ignore", "--no-index", "--stdin"]
    done = subprocess.run(command, input="\n".join(paths), capture_output=True, text=True, check=False)
    return set(done.stdout.splitlines())


def test_plain_lines_are_understood_as_by_git(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    choose = random.Random(7)
    for _ in range(60):
        lines = [
            choose.choice(["", "", "/", "!", "!/"])
            + "/".join(choose.choices(PLAIN, k=choose.choice([1, 1, 2, 3])))
            + choose.choice(["", "", "/"])
            for _ in range(choose.randint(1, 4))
        ]
        paths = sorted({"/".join(choose.choices(NAMES, k=choose.randint(1, 4))) + "/" * (n % 2) for n in range(40)})
        says = matcher(lines)
        assert {path for path in paths if ignored(says, path)} == git_ignores(tmp_path, lines, paths), lines


@pytest.mark.parametrize("path", ["app/", "app/Dockerfile", "Dockerfile"])
def test_a_list_of_what_is_kept_hides_no_folder(path: str) -> None:
    assert not ignored(matcher(["*", "!*/", "!Dockerfile"]), path)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from(["a/**", "**/b", "[ab]", "!a/**/b", "a", "\\!a", "b/"]), max_size=3),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join),
)
def test_hard_lines_are_left_to_the_library(lines: list[str], path: str) -> None:
    assert matcher(lines)(path) == GitIgnoreSpec.from_lines(lines).check_file(path).include


@pytest.mark.parametrize("lines", [["build/", "*.pyc", "/dist", "docs/_build/", "# !x", "!kept", ""], []])
def test_plain_files_need_no_library(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pathspec", None)
    assert matcher(lines)("src/app.py") is None


@pytest.mark.parametrize("line", ["!", "[b-a]", "a\\", "! ", "[[:alpha:]", "![z-a]", "["])
def test_a_line_that_nobody_understands_takes_no_other_with_it(tmp_path: Path, line: str) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    lines, paths = ["out/", line, "*.tmp"], ["out/a", "x.tmp", "kept"]
    says = matcher(lines)
    assert {path for path in paths if ignored(says, path)} == git_ignores(tmp_path, lines, paths)


@pytest.mark.parametrize("line", ["[a]" + "*a" * 30 + "b", "**/a/" * 30 + "b"])
def test_a_line_with_very_many_stars_takes_no_time(line: str) -> None:
    assert not matcher([line])("/".join(["a" * 60] + ["a"] * 60))
