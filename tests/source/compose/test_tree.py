"""YAML text to positioned nodes."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.source.compose.problems import Problems
from pytest_dockerharden.source.compose.scalars import Timestamp, typed
from pytest_dockerharden.source.compose.tree import Document, parse


def documents(text: str) -> list[Document]:
    return parse(text, "/c.yaml", Problems(strict=True))


def root(text: str) -> Node:
    return documents(text)[0].root


def refusals(text: str) -> list[tuple[str, int, int]]:
    problems = Problems()
    parse(text, "/c.yaml", problems)
    return [(problem.message, problem.origin.line, problem.origin.column) for problem in problems]


def span(origin: TextOrigin) -> tuple[int, int, int, int]:
    return origin.line, origin.column, origin.end_line, origin.end_column


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("yes", "yes"),
        ("off", "off"),
        ("null", None),
        ("~", None),
        ("", None),
        ("22:22", "22:22"),
        ("0123", 83),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("0b2", "0b2"),
        ("08", 8.0),
        ("1_000", 1000),
        ("_1", "_1"),
        ("+1", 1),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".0_", ".0_"),
        (".0_5", 0.05),
        ("1.2.3", "1.2.3"),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("1e400", "1e400"),
        ("2001-01-01", Timestamp("2001-01-01 00:00:00 +0000 UTC")),
        ("2001-1-2T3:4:5.60Z", Timestamp("2001-01-02 03:04:05.6 +0000 UTC")),
        ("2001-01-02 03:04:05", Timestamp("2001-01-02 03:04:05 +0000 UTC")),
        ("2001-01-02t03:04:05-05:30", Timestamp("2001-01-02 03:04:05 -0530 -0530")),
        ("2001-02-30", "2001-02-30"),
        ("2001-01-02 03:04", "2001-01-02 03:04"),
        ("2001-01-02 03:04:05Z", "2001-01-02 03:04:05Z"),
        ("2001-01-02T03:04:05", "2001-01-02T03:04:05"),
        ("2001-01-02T03:04:05+25:00", "2001-01-02T03:04:05+25:00"),
        ("2001-13-01", "2001-13-01"),
        ("20010101", 20010101),
        ("-", "-"),
    ],
)
def test_plain_scalars_have_the_types_of_docker_compose(text: str, value: object) -> None:
    found = typed(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!float 3", 3.0),
        ("!!bool 'true'", True),
        ("!!null ''", None),
        ("!!timestamp '2001-01-02'", Timestamp("2001-01-02 00:00:00 +0000 UTC")),
        ("!!binary aGVsbG8=", "hello"),
        ("!!binary |\n  aGVs\n  bG8=", "hello"),
        ("!own 5", "5"),
    ],
)
def test_a_tag_decides_the_type(text: str, value: object) -> None:
    found = root(f"a: {text}\n").get("a")
    assert found is not None
    assert (type(found.value), found.value) == (type(value), value)


@pytest.mark.parametrize("text", ["!!bool yes", "!!int 1.5", "!!binary x!", "!!null x", "!!timestamp x"])
def test_a_text_that_is_not_what_its_tag_says_is_refused(text: str) -> None:
    tag = text.partition(" ")[0]
    assert refusals(f"b: 1\na: {text}\n") == [(f"this cannot be read as {tag}", 2, 4)]


@given(
    st.from_regex(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z?)?", fullmatch=True)
)
@settings(deadline=None)
def test_a_date_never_fails(text: str) -> None:
    typed(text)


@given(st.text(max_size=12))
@settings(deadline=None)
def test_typing_never_fails(text: str) -> None:
    typed(text)


def test_a_value_knows_its_span_and_that_of_its_key() -> None:
    node = root("services:\n  web:\n    image: 'redis:7' # the cache\n").get("services", "web", "image")
    assert node is not None and node.key_origin is not None
    assert span(node.origin) == (3, 12, 3, 21)
    assert span(node.key_origin) == (3, 5, 3, 10)


def test_a_block_ends_with_its_last_value_not_with_the_comments_behind_it() -> None:
    web = root("services:\n  web:\n    image: a\n    # a comment\n\n# another\nvolumes: {}\n").get("services", "web")
    assert web is not None
    assert span(web.origin) == (3, 5, 3, 13)


def test_a_flow_collection_spans_its_brackets() -> None:
    node = root("a: [1,\n  2]\n").get("a")
    assert node is not None
    assert span(node.origin) == (1, 4, 2, 5)


@pytest.mark.parametrize("odd", ["\x85", "\u2028", "\u2029"])
def test_lines_are_counted_as_editors_do(odd: str) -> None:
    tree = root(f"a: 'x{odd}y'\nb: 1\n")
    assert tree.plain() == {"a": f"x{odd}y", "b": 1}
    assert tree.value["b"].origin.line == 2  # type: ignore[call-overload, index, union-attr]


def test_a_byte_order_mark_and_carriage_returns_do_not_move_columns() -> None:
    node = root("a: 1\r\nbc: 2\r\n").get("bc")
    assert node is not None
    assert span(node.origin) == (2, 5, 2, 6)


WORDS = st.text(alphabet=string.ascii_letters + "äß→💥", min_size=1, max_size=6).filter(
    lambda word: typed(word) == word
)
MODELS = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(WORDS, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


def lines_of(model: object, depth: int = 0) -> list[str]:
    """Block style, with comments and blank lines between."""
    indent = "  " * depth
    if isinstance(model, dict):
        pairs = [(f"{indent}{key}:", value) for key, value in model.items()]
    elif isinstance(model, list):
        pairs = [(f"{indent}-", value) for value in model]
    else:
        return [f"{indent}{model}"]
    lines = []
    for head, value in pairs:
        if isinstance(value, str):
            lines += [f"{head} {value}  # {value}", ""]
        else:
            lines += [head, f"{indent}# below", *lines_of(value, depth + 1)]
    return lines


@given(st.dictionaries(WORDS, MODELS, min_size=1, max_size=4))
@settings(deadline=None)
def test_the_text_of_a_span_is_the_value_it_stands_for(model: dict[str, object]) -> None:
    lines = lines_of(model)
    tree = root("\n".join(lines) + "\n")
    assert tree.plain() == model
    todo = [tree]
    while todo:
        node = todo.pop()
        todo += [child for _, child in node.items()] + list(node)
        assert all(text_at(lines, child.key_origin) == key for key, child in node.items())
        if isinstance(node.value, str):
            assert text_at(lines, node.origin) == node.value


def text_at(lines: list[str], origin: TextOrigin | None) -> str:
    assert origin is not None and origin.line == origin.end_line
    return lines[origin.line - 1][origin.column - 1 : origin.end_column - 1]


def test_an_alias_points_at_its_anchor_and_remembers_the_way() -> None:
    tree = root("x-a: &a {user: root}\nweb: *a\n")
    user = tree.get("web", "user")
    assert user is not None and user.key_origin is not None
    assert user.key_origin.line == 1
    assert [origin.line for origin in user.related] == [2]
    web = tree.get("web")
    assert web is not None and web.key_origin is not None
    assert (web.key_origin.line, web.origin.line) == (2, 1)


def test_local_keys_and_earlier_sources_win_over_merge_keys() -> None:
    tree = root("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  c: 3\n  <<: [*x, *y]\n")
    assert tree.get("z") is not None
    assert tree.plain()["z"] == {"c": 3, "a": 1, "b": 1}


def test_a_merge_key_is_shallow() -> None:
    tree = root("x: &x {env: {A: 1}}\nz: {<<: *x, env: {B: 2}}\n")
    assert tree.plain()["z"] == {"env": {"B": 2}}


def test_a_quoted_merge_key_is_a_key() -> None:
    assert root("z: {'<<': {a: 1}}\n").plain() == {"z": {"<<": {"a": 1}}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", ("the key 'a' is already defined in line 1", 3, 1), id="twice"),
        pytest.param("x: {k: {b: 1, b: 2}}\n", ("the key 'b' is already defined in line 1", 1, 15), id="deep"),
        pytest.param("1: a\n", ("a key must be a string: 1", 1, 1), id="integer"),
        pytest.param("true: a\n", ("a key must be a string: true", 1, 1), id="truth"),
        pytest.param("~: a\n", ("a key must be a string: null or a list", 1, 1), id="null"),
        pytest.param("a: &a [*a]\n", ("the alias stands inside its own anchor", 1, 8), id="recursive"),
        pytest.param("x: &x 1\na: {<<: *x}\n", ("<< takes a mapping or a list of mappings", 2, 9), id="merge"),
        pytest.param("x: &x {}\na: {<<: *x, <<: *x}\n", ("a second << in one mapping", 2, 13), id="two merges"),
        pytest.param("a: .inf\n", (".inf is not a number that can be used here", 1, 4), id="infinite"),
    ],
)
def test_what_docker_compose_refuses_is_located(text: str, found: tuple[str, int, int]) -> None:
    assert refusals(text) == [found]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("on: 1\nno: 2\n", id="words that are no truth values"),
        pytest.param("'1': a\n'true': b\n", id="quoted keys"),
        pytest.param("a: &a {x: 1}\nb: &a {y: 2}\nc: *a\n", id="an anchor defined again"),
        pytest.param("a: {b: 1}\nc: {b: 1}\n", id="one key in two mappings"),
        pytest.param("a: 1\n---\na: 2\n", id="one key in two documents"),
        pytest.param("x: &x {a: 1}\nz: {<<: *x, a: 2}\n", id="a key that a merge brings too"),
        pytest.param("a: !custom [1]\n", id="a tag of somebody's own"),
        pytest.param("a: |\n  x\n\n# c\n", id="a block text"),
    ],
)
def test_what_docker_compose_accepts_is_silent(text: str) -> None:
    assert refusals(text) == []


def test_reset_takes_a_value_out_and_both_tags_clear_earlier_files() -> None:
    (document,) = documents("s: {a: !reset 1, b: !override [2], c: [!reset 3, 4]}\n")
    assert document.root.plain() == {"s": {"b": [2], "c": [4]}}
    assert sorted(document.cleared, key=str) == [("s", "a"), ("s", "b"), ("s", "c", 0)]


def test_a_scalar_under_a_tag_of_its_own_is_a_text() -> None:
    assert root("a: !override 1000\nb: !own '12'\nc: !!str 12\n").plain() == {"a": "1000", "b": "12", "c": "12"}


def test_empty_documents_are_left_out() -> None:
    assert [document.root.plain() for document in documents("---\n# nothing\n---\na: 1\n---\n")] == [{"a": 1}]


@given(st.text(alphabet="ab: -[]{}&*!<>|'\"#\n\t,?%@`\x00é", max_size=40))
@settings(deadline=None, max_examples=300)
def test_any_text_ends_in_documents_or_one_located_error(text: str) -> None:
    try:
        parse(text, "/c.yaml", Problems())
    except SourceError as error:
        assert error.problem.origin.line <= text.count("\n") + 2
