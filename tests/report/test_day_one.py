"""What a person sees who never heard of it."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Repo
from tests.report.conftest import report

BAD = "services:\n  a: [\n"


def test_what_cannot_be_read_comes_first_and_is_named(repo: Repo) -> None:
    repo.add("compose.yaml", "services:\n  a:\n    image: x\n    privileged: true\n")
    repo.add("deploy/compose.yaml", BAD)
    lines = repo.judge().outlines
    first = lines[lines.index("most important first:") + 1]
    assert first.startswith(" 1. deploy/compose.yaml: not YAML: ")


def test_where_nothing_is_found_it_says_what_was_looked_for(repo: Repo) -> None:
    repo.add("README.md", "x\n")
    result = repo.judge()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["dockerharden: nothing here has the name of a compose file or a Dockerfile; *"])


def test_where_something_is_found_it_says_nothing_of_the_kind(repo: Repo) -> None:
    repo.add("Dockerfile", "FROM scratch\nUSER 1\n")
    repo.judge().stdout.no_fnmatch_line("*nothing here has the name*")


def test_letters_of_a_plan_that_nobody_has_read_are_not_in_the_first_lines(repo: Repo) -> None:
    repo.add("compose.yaml", "services:\n  a:\n    image: x\n")
    lines = repo.judge().outlines
    start = lines.index("most important first:")
    assert any("(medium) compose.yaml:2:3" in line for line in lines[start : start + 12])


def test_the_page_names_the_file_that_cannot_be_read(repo: Repo) -> None:
    repo.add("compose.yaml", BAD)
    assert ">compose.yaml: not YAML: " in report(repo, "html")
