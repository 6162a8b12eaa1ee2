"""What holds of every text whatever it says."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.shell import Word
from pytest_dockerharden.source.dockerfile import parse
from tests.source.dockerfile.oracle import random_text

PIECES = [
    "FROM a",
    "RUN ",
    "COPY ",
    "ENV ",
    "ARG A",
    "USER $A",
    "ONBUILD ",
    "HEALTHCHECK CMD ",
    "LABEL ",
    "SHELL ",
    "VOLUME ",
    "AS b",
    "--from=b ",
    "--mount=type=x ",
    "\n",
    "\n\n",
    "\\\n",
    "`\n",
    "# c\n",
    "# escape=`\n",
    "<<E ",
    "<<-'F' ",
    "E\n",
    "\tF\n",
    '["a", "b"]',
    "[",
    "]",
    "a=b",
    '"',
    "'",
    "$",
    "${",
    "}",
    ":-",
    "&& ",
    "| ",
    ";",
    " ",
    "\t",
    "\r\n",
    "é",
    "日本",
    "\U0001f40b",
    "\ufeff",
    "\x85",
    "\0",
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.integers(0, 10**6).map(random_text),
    st.text(max_size=80),
)


def words(instruction: Instruction) -> Iterator[Word]:
    yield from instruction.words
    yield from (flag.value for flag in instruction.flags if flag.value)
    yield from (word for pair in instruction.pairs for word in (pair.key, pair.value) if word)
    if instruction.nested:
        yield from words(instruction.nested)
    for command in instruction.script.commands:
        yield from command.words
        yield from (word for _, word in command.assignments)
        yield from (redirect.target for redirect in command.redirects if redirect.operator != "<<")


def every_word(dockerfile: Dockerfile) -> Iterator[Word]:
    yield from dockerfile.directives.values()
    for instruction in dockerfile.instructions:
        yield from words(instruction)


def cut(lines: list[str], origin: TextOrigin) -> str:
    return lines[origin.line - 1][origin.column - 1 : origin.end_column - 1]


@settings(deadline=None, max_examples=300)
@given(TEXTS)
@example("FROM a\nRUN <<E")
@example("\ufeff\ufeffFROM a")
@example("FROM a\nCOPY <<''\n")
def test_no_text_raises_and_one_line_words_stand_where_they_say(text: str) -> None:
    dockerfile = parse(text, "/Dockerfile")
    lines = dockerfile.text.split("\n")
    for word in every_word(dockerfile):
        if word.origin.line == word.origin.end_line:
            assert cut(lines, word.origin) == word.raw


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_instructions_and_comments_cover_the_text_and_do_not_overlap(text: str) -> None:
    dockerfile = parse(text, "/Dockerfile")
    lines = dockerfile.text.split("\n")
    covered: dict[int, int] = {}
    for instruction in dockerfile.instructions:
        origin = instruction.origin
        for number in range(origin.line, origin.end_line + 1):
            assert number not in covered, "two instructions on one line"
            covered[number] = 1
    others = {comment.origin.line for comment in dockerfile.comments} | {
        word.origin.line for word in dockerfile.directives.values()
    }
    refused = {problem.origin.line for problem in dockerfile.problems if "directive" in problem.message}
    for number, line in enumerate(lines, 1):
        bare = line.strip().rstrip("\\`").strip()
        if number not in covered and number not in others | refused:
            assert not bare or line.strip()[:1] in "\\`#", line


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_spans_lie_in_the_text(text: str) -> None:
    dockerfile = parse(text, "/Dockerfile")
    lines = dockerfile.text.split("\n")
    origins = [word.origin for word in every_word(dockerfile)]
    origins += [instruction.origin for instruction in dockerfile.instructions]
    origins += [problem.origin for problem in dockerfile.problems]
    origins += [i.script.origin for i in dockerfile.instructions if i.script.origin.file]
    origins += [heredoc.origin for i in dockerfile.instructions for heredoc in i.heredocs]
    for origin in origins:
        assert (origin.line, origin.column) <= (origin.end_line, origin.end_column)
        assert 1 <= origin.line <= len(lines) and 1 <= origin.end_line <= len(lines)
        assert 1 <= origin.column <= len(lines[origin.line - 1]) + 1
        assert origin.end_column <= len(lines[origin.end_line - 1]) + 1


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_line_ends_do_not_matter(text: str) -> None:
    unix = text.replace("\r", "").lstrip("\ufeff")
    windows = parse("\ufeff" + unix.replace("\n", "\r\n"), "/Dockerfile")
    plain = parse(unix, "/Dockerfile")
    assert [(i.keyword, i.text, i.origin.line) for i in windows.instructions] == [
        (i.keyword, i.text, i.origin.line) for i in plain.instructions
    ]
