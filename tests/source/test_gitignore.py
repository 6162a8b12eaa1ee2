"""What ``.gitignore`` files say, held against the library that reads the hard ones."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from pytest_dockerharden.source.gitignore import matcher

NAMES = st.sampled_from(["a", "b", "ab", "a.b", ".a", "a*", "*b", "*", "*.b", "?b", "a*b", "a?*", "**", "[ab]"])
LINES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "", "/", "!", "#"]),
    st.lists(NAMES, min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "", "/"]),
    st.sampled_from(["", "", " "]),
)
PATHS = st.builds(
    "{}{}".format,
    st.lists(st.sampled_from(["a", "b", "ab", "a.b", ".a", "b.b", "aab"]), min_size=1, max_size=4).map("/".join),
    st.sampled_from(["", "/"]),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(LINES, max_size=3), PATHS)
def test_paths_are_ignored_as_the_library_says(lines: list[str], path: str) -> None:
    assert matcher(lines)(path) == GitIgnoreSpec.from_lines(lines).check_file(path).include


@pytest.mark.parametrize("lines", [["build/", "*.pyc", "/dist", "docs/_build/", "# !x", ""], []])
def test_plain_files_need_no_library(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pathspec", None)
    assert matcher(lines)("src/app.py") is None
