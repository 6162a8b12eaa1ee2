"""``.dockerignore`` as the builder reads it."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.source import ignorefile
from pytest_dockerharden.source.ignorefile import parse
from tests.helpers import imported_or_skip


@pytest.mark.parametrize(
    ("text", "path", "excluded"),
    [
        pytest.param("secrets", "secrets/a", True, id="a folder and what is in it"),
        pytest.param("secrets/", "secrets/a", True, id="a slash at the end"),
        pytest.param("/secrets", "secrets/a", True, id="a slash at the start"),
        pytest.param("./secrets", "secrets", True, id="a dot at the start"),
        pytest.param("secrets", "a/secrets", False, id="only at the top"),
        pytest.param("**/secrets", "a/b/secrets", True, id="at any depth"),
        pytest.param("**/secrets", "secrets", True, id="any depth is also none"),
        pytest.param("*.txt", "a.txt", True, id="a star"),
        pytest.param("*.txt", "a/b.txt", False, id="a star does not cross folders"),
        pytest.param("**/*.txt", "a/b.txt", True, id="two stars do"),
        pytest.param("a/**", "a/b/c", True, id="two stars at the end"),
        pytest.param("**a", "b/ca", True, id="two stars and a name are a suffix"),
        pytest.param("a**", "ab/c", True, id="a name and two stars are a prefix"),
        pytest.param("x/**\n!x", "x/a", True, id="an exception that matched the folder too early"),
        pytest.param("x\n!x/a", "x/a/b", False, id="an exception for a folder in a folder"),
        pytest.param("a?", "ab", True, id="one character"),
        pytest.param("a[bc]", "ac", True, id="a class"),
        pytest.param("*\n!keep", "keep", False, id="an exception"),
        pytest.param("*\n!keep", "other", True, id="beside an exception"),
        pytest.param("*\n!a\na/b", "a/b", True, id="the last one decides"),
        pytest.param("# secrets", "# secrets", False, id="a comment"),
        pytest.param(" secrets ", "secrets", True, id="blanks around it"),
        pytest.param("", "a", False, id="nothing"),
        pytest.param(".", "a", False, id="a dot alone"),
        pytest.param("[", "[", False, id="no pattern"),
        pytest.param("\ufeffsecrets", "secrets", True, id="a byte order mark"),
        pytest.param("a\r\nsecrets\r", "secrets", True, id="carriage returns"),
    ],
)
def test_excludes(text: str, path: str, excluded: bool) -> None:
    assert parse(text, "/c/.dockerignore").excludes(path) is excluded


def test_a_pattern_knows_its_line() -> None:
    [first, second] = parse("# a\nb\n\n !c\n", "/x").patterns
    assert (first.text, first.negated, first.origin.line) == ("b", False, 2)
    assert (second.text, second.negated, second.origin.line, second.origin.column) == ("c", True, 4, 2)


@pytest.mark.parametrize(
    "pattern",
    ["[", "a[b", "[]", "[]a]", "[^]", "[-]", "[a-]", "[-a]", "[a-b-c]", "a\\", "[a\\]", "x/[", "*[", "!a[", "!", " ! "],
)
def test_a_pattern_that_the_builder_refuses_is_a_located_problem(pattern: str) -> None:
    (problem,) = parse(f".git\n{pattern}\n*.md\n", "/c/.dockerignore").problems
    assert (problem.kind, problem.origin.file, problem.origin.line) == ("refused", "/c/.dockerignore", 2)


@pytest.mark.parametrize(
    "pattern",
    [
        "[a]",
        "[a-z]",
        "[^a]",
        "[^^]",
        "[a^]",
        "[[]",
        "\\[",
        "[\\]]",
        "[\\-a]",
        "[a-z0-9]",
        "]",
        "a-b",
        "**/[ab]/*.log",
        "!**",
    ],
)
def test_a_pattern_that_the_builder_takes_is_none(pattern: str) -> None:
    assert parse(f"{pattern}\n", "/c/.dockerignore").problems == ()


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="ab*?[]!/\\.^-", max_size=12), st.text(alphabet="ab/", min_size=1, max_size=8))
def test_no_pattern_makes_it_fail(pattern: str, path: str) -> None:
    parse(pattern, "/x").excludes(path)


PARTS = [
    "a",
    "b",
    "ab",
    "a.b",
    ".env",
    "*",
    "**",
    "*.b",
    "a*",
    "?",
    "a?b",
    "[ab]",
    "[^a]",
    "**a",
    "a**",
    "\\*",
    "..",
    "[a-c]*",
    "é",
]


@pytest.mark.parametrize("many", [pytest.param(3, id="expressions"), pytest.param(-1, id="simulation")])
def test_random_patterns_exclude_what_the_port_of_the_builder_excludes(
    many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = imported_or_skip("e2b_dockerfile_utils")
    monkeypatch.setattr(ignorefile, "_MANY", many)
    dice = random.Random(7)
    for _ in range(400):
        lines = [dice.choice(["", "!", "/"]) + "/".join(dice.choices(PARTS, k=dice.randint(1, 4))) for _ in range(3)]
        found = parse("\n".join(lines), "/x")
        try:
            oracle = port.PatternMatcher([("!" if p.negated else "") + p.text for p in found.patterns])
        except ValueError:
            continue
        for _ in range(5):
            path = "/".join(dice.choices(["a", "b", "ab", "a.b", "x.b", ".env", "é", "*"], k=dice.randint(1, 4)))
            assert found.excludes(path) == oracle.matches(path), (lines, path)


@pytest.mark.parametrize("pattern", ["*a" * 40 + "*b", "**/a" * 30 + "/b", "**/*a*" * 20 + "b", "a**b" * 30])
def test_a_hostile_pattern_is_answered_in_time(pattern: str) -> None:
    start = time.process_time()
    parse(pattern, "/x").excludes("/".join(["a" * 200] * 5))
    assert time.process_time() - start < 2
