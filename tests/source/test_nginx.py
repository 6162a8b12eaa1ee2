"""nginx files to directives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.model.nginx import Directive
from pytest_dockerharden.source.nginx import parse


def shape(directive: Directive) -> object:
    words = " ".join([directive.name, *(arg.text for arg in directive.args)])
    return words if directive.block is None else (words, [shape(inner) for inner in directive.block])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a b c;", ["a b c"], id="words"),
        pytest.param("a {\n b;\n c { d; }\n}", [("a", ["b", ("c", ["d"])])], id="blocks"),
        pytest.param("a 'b;c' \"d}e\";", ["a b;c d}e"], id="quotes"),
        pytest.param(r'a "b\"c";', ['a b"c'], id="an escaped quote"),
        pytest.param("a; # b;\nc;", ["a", "c"], id="a comment"),
        pytest.param("a b#c;", ["a b#c"], id="a hash inside a word"),
        pytest.param("listen ${PORT};", ["listen ${PORT}"], id="a template's variable"),
        pytest.param("a ${X}y$z;", ["a ${X}y$z"], id="variables in a word"),
        pytest.param("location ~ \\.php$ { x; }", [("location ~ \\.php$", ["x"])], id="a regular expression"),
        pytest.param("content_by_lua_block { if a then { } end }\nb;", ["content_by_lua_block", "b"], id="lua"),
        pytest.param("a\n  b\n  c;", ["a b c"], id="over several lines"),
        pytest.param("", [], id="nothing"),
        pytest.param(";;", [], id="empty directives"),
    ],
)
def test_directives(text: str, expected: list) -> None:
    config = parse(text, "/x.conf")
    assert [shape(directive) for directive in config.directives] == expected
    assert config.problems == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a {", "a block is not closed", id="open block"),
        pytest.param("}", "a brace closes nothing", id="too many braces"),
        pytest.param('a "b;', "a quote is not closed", id="open quote"),
        pytest.param("a {" * 1000, "blocks are nested too deep", id="nesting"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    assert message in [problem.message for problem in parse(text, "/x.conf").problems]


def test_the_context_is_told_from_the_text() -> None:
    assert parse("events {}\nhttp {}", "/x").context == "main"
    assert parse("server {}", "/x").context == "http"
    assert parse("server {}", "/x", "main").context == "main"


def test_the_span_of_a_directive_is_its_text() -> None:
    text = "# top\nserver {\n    listen 80;\n}\n"
    [server] = parse(text, "/x").directives
    assert (server.origin.line, server.origin.column, server.origin.end_line, server.origin.end_column) == (2, 1, 4, 2)
    assert server.block is not None
    listen = server.block[0].origin
    assert text.split("\n")[listen.line - 1][listen.column - 1 : listen.end_column - 1] == "listen 80;"


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="ab{};\"'\\#$ \n", max_size=60))
def test_nothing_makes_it_fail(text: str) -> None:
    for directive in parse(text, "/x").walk():
        for word in directive.args:
            line = text.split("\n")[word.origin.line - 1]
            if word.origin.line == word.origin.end_line:
                assert line[word.origin.column - 1 : word.origin.end_column - 1] == word.raw
