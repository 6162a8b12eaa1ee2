"""Where the characters of YAML scalars stand."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.source.scalars import place_of_scalar


def places(source: str, value: str | None = None) -> list[tuple[str, int, int]]:
    """Each word of the value of ``k`` with its line and column."""
    node = yaml.compose(source, Loader=yaml.SafeLoader).value[0][1]
    start, end = node.start_mark, node.end_mark
    origin = TextOrigin("/x", start.line + 1, start.column + 1, end.line + 1, end.column + 1)
    text = node.value if value is None else value
    found = place_of_scalar(text, origin, source)
    offset, words = 0, []
    for word in text.split():
        offset = text.index(word, offset)
        words.append((word, *found.at(offset)))
        offset += len(word)
    return words


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("k: a bc", [("a", 1, 4), ("bc", 1, 6)], id="plain"),
        pytest.param("k: 'a ''b'' c'", [("a", 1, 5), ("'b'", 1, 7), ("c", 1, 13)], id="single quotes"),
        pytest.param('k: "a\\tb \\x41 c"', [("a", 1, 5), ("b", 1, 8), ("A", 1, 10), ("c", 1, 15)], id="double quotes"),
        pytest.param("k: |\n  a b\n\n  c\n", [("a", 2, 3), ("b", 2, 5), ("c", 4, 3)], id="literal block"),
        pytest.param("k: |-\n  a\n    b", [("a", 2, 3), ("b", 3, 5)], id="indented in a block"),
        pytest.param("k: >\n  a b\n  c\n", [("a", 2, 3), ("b", 2, 5), ("c", 3, 3)], id="folded block"),
        pytest.param("k: a\n  b\n  c", [("a", 1, 4), ("b", 2, 3), ("c", 3, 3)], id="plain over lines"),
        pytest.param('k: "a\n  b"', [("a", 1, 5), ("b", 2, 3)], id="quoted over lines"),
        pytest.param('k: "a \\\n  b"', [("a", 1, 5), ("b", 2, 3)], id="quoted, broken by a backslash"),
    ],
)
def test_words_of_a_scalar(source: str, expected: list[tuple[str, int, int]]) -> None:
    assert places(source) == expected


def test_an_escaped_dollar_is_one_character() -> None:
    assert places("k: a $$b c", "a $b c") == [("a", 1, 4), ("$b", 1, 6), ("c", 1, 10)]


def test_behind_a_variable_the_place_is_that_of_the_variable() -> None:
    assert places("k: a ${B} c", "a 123 c") == [("a", 1, 4), ("123", 1, 6), ("c", 1, 6)]


def test_without_a_text_one_line_is_exact() -> None:
    assert place_of_scalar("a b", TextOrigin("/x", 3, 5, 3, 8)).at(2) == (3, 7)
    assert place_of_scalar("a b", TextOrigin("/x", 3, 5, 3, 10)).at(2) == (3, 8)


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=40), st.sampled_from(["'", '"', "|", None]))
def test_any_scalar_has_a_place_for_every_character(text: str, style: str | None) -> None:
    source = yaml.dump({"k": text}, default_style=style, allow_unicode=True, width=20)
    node = yaml.compose(source, Loader=yaml.SafeLoader).value[0][1]
    start, end = node.start_mark, node.end_mark
    origin = TextOrigin("/x", start.line + 1, start.column + 1, end.line + 1, end.column + 1)
    found = place_of_scalar(node.value, origin, source)
    for offset in range(len(node.value)):
        line, column = found.at(offset)
        assert 1 <= line <= len(source.split("\n")) + 1 and column >= 1
