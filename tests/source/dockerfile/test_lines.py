"""Physical lines to instructions: directives, comments, continuations, heredocs, and where all of it stands."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.source.dockerfile import parse


def read(text: str) -> Dockerfile:
    return parse(text, "/Dockerfile")


def texts(text: str) -> list[str]:
    return [f"{i.keyword} {i.text}".strip() for i in read(text).instructions]


def problems(text: str) -> list[tuple[str, str, int]]:
    return [(p.kind, p.message, p.origin.line) for p in read(text).problems]


def span(origin: TextOrigin) -> tuple[int, int, int, int]:
    return origin.line, origin.column, origin.end_line, origin.end_column


def last(text: str) -> Instruction:
    return read(text).instructions[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("# syntax=docker/dockerfile:1\nFROM a", {"syntax": "docker/dockerfile:1"}, id="syntax"),
        pytest.param(
            "#ESCAPE = `\n# Check=skip=X;error=true\nFROM a",
            {"escape": "`", "check": "skip=X;error=true"},
            id="blanks and case",
        ),
        pytest.param("#!/usr/bin/env x\n# syntax=a\nFROM a", {"syntax": "a"}, id="behind a shebang"),
        pytest.param("\ufeff# syntax=a\nFROM a", {"syntax": "a"}, id="behind a byte order mark"),
        pytest.param("# hello\n# syntax=a\nFROM a", {}, id="not behind a comment"),
        pytest.param("\n# syntax=a\nFROM a", {}, id="not behind an empty line"),
        pytest.param("# foo=bar\n# syntax=a\nFROM a", {}, id="not behind an unknown one"),
        pytest.param("FROM a\n# syntax=a", {}, id="not behind an instruction"),
        pytest.param("# syntax\nFROM a", {}, id="not without a value"),
    ],
)
def test_directives(text: str, expected: dict[str, str]) -> None:
    assert {name: word.text for name, word in read(text).directives.items()} == expected


def test_the_value_of_a_directive_knows_its_place() -> None:
    word = read("# check=skip=all\n#  syntax = a/b:1  \nFROM a").directives["syntax"]
    assert (word.raw, span(word.origin)) == ("a/b:1", (2, 13, 2, 18))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("# syntax=a\n# syntax=b\nFROM a", "only one syntax directive can be used", id="twice"),
        pytest.param("# escape=x\nFROM a", "invalid escape character 'x': it is \\ or `", id="escape"),
    ],
)
def test_a_wrong_directive_is_said(text: str, message: str) -> None:
    assert message in [problem.message for problem in read(text).problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("FROM a\\\n  b", ["FROM a  b"], id="joined without trimming"),
        pytest.param("RUN a \\ \t\n b", ["RUN a  b"], id="blanks behind the continuation"),
        pytest.param("RUN a \\\n# no\n  # neither\n b", ["RUN a  b"], id="comments inside"),
        pytest.param("RUN a \\\n\n\n b", ["RUN a  b"], id="empty lines inside"),
        pytest.param("RUN a \\\\\nRUN b", ["RUN a \\\\", "RUN b"], id="two backslashes continue nothing"),
        pytest.param("RUN a # b\nRUN #c", ["RUN a # b", "RUN #c"], id="no comment behind words"),
        pytest.param("# escape=`\nRUN dir C:\\\nRUN a `\n b", ["RUN dir C:\\", "RUN a  b"], id="another escape"),
        pytest.param("RUN a\r\nRUN b \\\r\n c\r\n", ["RUN a", "RUN b  c"], id="CRLF"),
        pytest.param("RUN a \\", ["RUN a"], id="continued into the end"),
        pytest.param("  run\ta", ["RUN a"], id="indented, lower case"),
        pytest.param("R\\\nUN a", ["RUN a"], id="inside the keyword"),
        pytest.param("RUN a\n#RUN b\n\n   # RUN c", ["RUN a"], id="comments alone"),
        pytest.param("RUN a\x85b", ["RUN a\x85b"], id="NEL is no line break"),
    ],
)
def test_continuations(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_every_word_maps_back_through_continuations() -> None:
    words = last("FROM a\nCOPY é日 \\\n  # why\n\n  b\\\nc \\\n d/").words
    assert [(word.raw, span(word.origin)) for word in words] == [
        ("é日", (2, 6, 2, 8)),
        ("bc", (5, 3, 6, 2)),
        ("d/", (7, 2, 7, 4)),
    ]


def test_an_instruction_spans_from_its_keyword_to_its_last_line() -> None:
    instruction = last("FROM a\n\n  RUN a \\\n    b  \n")
    assert span(instruction.origin) == (3, 3, 4, 6)
    assert span(instruction.keyword_origin) == (3, 3, 3, 6)


def test_comments_go_to_the_instruction_below_or_around_them() -> None:
    dockerfile = read("# syntax=a\n# one\n\n# two\n# three\nFROM a\nRUN b \\\n  # four\n  c\n# five")
    assert [c.text for c in dockerfile.comments] == ["one", "two", "three", "four", "five"]
    assert [[c.text for c in i.comments] for i in dockerfile.instructions] == [["two", "three"], ["four"]]
    assert span(dockerfile.comments[3].origin) == (8, 3, 8, 9)


def test_an_empty_line_in_a_continuation_is_a_warning() -> None:
    text = "FROM a\nRUN b \\\n\n  c"
    assert problems(text) == [("warning", "an empty line inside a continued instruction", 3)]


def heredocs(text: str) -> list[tuple[str, str, bool, bool, bool]]:
    return [(h.name, h.body, h.expand, h.chomp, h.terminated) for h in last(text).heredocs]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("RUN <<EOF\na\nEOF", [("EOF", "a\n", True, False, True)], id="plain"),
        pytest.param("RUN <<-EOF\n\ta\n\tEOF", [("EOF", "\ta\n", True, True, True)], id="tabs chomped"),
        pytest.param("RUN <<'EOF'\n$a\nEOF", [("EOF", "$a\n", False, False, True)], id="single quotes"),
        pytest.param('RUN <<"A B"\na\nA B', [("A B", "a\n", False, False, True)], id="double quotes"),
        pytest.param("RUN 3<<E cat\na\nE", [("E", "a\n", True, False, True)], id="a file descriptor"),
        pytest.param("RUN <<E\nE", [("E", "", True, False, True)], id="empty"),
        pytest.param("ONBUILD RUN <<E\na\nE", [("E", "a\n", True, False, True)], id="in a trigger"),
        pytest.param(
            "RUN --mount=type=tmpfs,target=/x <<E\na\nE", [("E", "a\n", True, False, True)], id="behind a flag"
        ),
        pytest.param(
            "COPY <<A <<B /x/\na\nA\nb\nB", [("A", "a\n", True, False, True), ("B", "b\n", True, False, True)], id="two"
        ),
        pytest.param(
            "ADD <<A /x\n# b \\\n\nA",
            [("A", "# b \\\n\n", True, False, True)],
            id="comments and continuations are text",
        ),
        pytest.param("RUN <<E\r\na\r\nE\r\n", [("E", "a\r\n", True, False, True)], id="CRLF stays in the body"),
        pytest.param("RUN <<E\n E\nE \n", [("E", " E\nE \n", True, False, False)], id="never ended"),
        pytest.param("RUN cat <<< a", [], id="a here string"),
        pytest.param("RUN cat<<E", [], id="no blank in front"),
        pytest.param("RUN echo '<<E'", [], id="quoted"),
        pytest.param("RUN echo \"it's <<E", [], id="an open quote"),
        pytest.param("RUN echo $((1 << 2))", [], id="a shift"),
        pytest.param('RUN ["cat", "<<E"]', [], id="exec form"),
        pytest.param("CMD <<E", [], id="not in CMD"),
        pytest.param("ENV A <<E", [], id="not in ENV"),
    ],
)
def test_heredocs(text: str, expected: list[tuple[str, str, bool, bool, bool]]) -> None:
    assert heredocs("FROM a\n" + text) == expected


def test_the_body_of_a_heredoc_is_data() -> None:
    assert texts("FROM a\nCOPY <<E /x\nFROM b\nUSER root\nE\nUSER c") == ["FROM a", "COPY <<E /x", "USER c"]


def test_a_heredoc_belongs_to_the_span_of_its_instruction() -> None:
    instruction = read("FROM a\nRUN <<E\na\nb\nE\nRUN c").instructions[1]
    assert span(instruction.origin) == (2, 1, 5, 2)
    assert span(instruction.heredocs[0].origin) == (3, 1, 4, 2)


def test_a_heredoc_without_an_end_is_refused() -> None:
    assert problems("FROM a\nRUN <<E\na") == [("refused", "unterminated heredoc: no line 'E'", 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "there are no instructions", id="empty"),
        pytest.param("# a\n\n", "there are no instructions", id="comments"),
        pytest.param("ARG a=1", "there is no FROM", id="arguments only"),
        pytest.param("FROM a\nRUN " + "x" * 70000, "a line longer than 65535 bytes", id="a long line"),
    ],
)
def test_files_that_build_nothing(text: str, message: str) -> None:
    assert message in [problem.message for problem in read(text).problems]


def test_an_ordinary_file_has_no_problem() -> None:
    text = """# syntax=docker/dockerfile:1
ARG V=3
FROM --platform=$BUILDPLATFORM python:${V} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN --mount=type=cache,target=/root/.cache --mount=type=secret,id=x pip install a && \\
    # and clean up
    [ "$X" = y ]
FROM build
COPY --from=build --chown=1:1 --link a b /c/
ADD --checksum=sha256:1 https://example.org/x /x
LABEL a=b "c d"="e"
VOLUME ["/a"]
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=5s --timeout=1s --start-period=1s --start-interval=1s --retries=3 CMD ["a"]
ONBUILD RUN x
USER app
CMD ["a"]
"""
    assert problems(text) == []
