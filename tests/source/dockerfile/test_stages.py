"""Stages, what they build on and need, and which variables are known where."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.dockerfile import Dockerfile
from pytest_dockerharden.source.dockerfile import parse


def read(text: str, **args: str) -> Dockerfile:
    return parse(text, "/Dockerfile", args=args)


def value(text: str, **args: str) -> str | None:
    """What the last instruction's last word becomes."""
    instruction = read(text, **args).instructions[-1]
    if instruction.pairs:
        pair = instruction.pairs[-1]
        return pair.value.value if pair.value else None
    return instruction.words[-1].value


@pytest.mark.parametrize(
    ("text", "bases"),
    [
        pytest.param("FROM a:1@sha256:b", ["a:1@sha256:b"], id="plain"),
        pytest.param("ARG V=3\nFROM a:$V", ["a:3"], id="a default"),
        pytest.param("ARG A=a\nARG V=${A}-1\nFROM x:${V}", ["x:a-1"], id="a default of a default"),
        pytest.param("ARG V\nFROM a:$V", [None], id="no default"),
        pytest.param("ARG V\nFROM a:${V:-2}", ["a:2"], id="a default in the line"),
        pytest.param("ARG D\nFROM a${D:+-debug}", ["a"], id="nothing to add"),
        pytest.param("ARG D=1\nFROM a${D:+-debug}", ["a-debug"], id="something to add"),
        pytest.param("FROM a:$V", ["a:"], id="not declared is empty"),
        pytest.param("FROM a-$TARGETARCH", [None], id="a platform argument"),
        pytest.param("FROM a\nARG V=3\nFROM b:$V", ["a", "b:"], id="an argument of a stage is not seen"),
        pytest.param("ARG V=3.12.1\nFROM a:${V%.*}", ["a:3.12"], id="a suffix cut"),
        pytest.param("ARG V=v3\nFROM a:${V#v}", ["a:3"], id="a prefix cut"),
        pytest.param("ARG V=a.b.c\nFROM x:${V##*.}-${V%%.*}", ["x:c-a"], id="greedy cuts"),
        pytest.param("ARG V=a_b_c\nFROM x:${V/_/-}-${V//_/-}", ["x:a-b_c-a-b-c"], id="replaced"),
    ],
)
def test_bases(text: str, bases: list[str | None]) -> None:
    assert [stage.base for stage in read(text).stages] == bases


def test_build_arguments_beat_defaults() -> None:
    assert read("ARG V=3\nFROM a:$V", V="4").stages[0].base == "a:4"
    assert value("FROM a\nARG U=x\nUSER $U", U="y") == "y"


def test_an_empty_base_is_refused() -> None:
    assert [p.message for p in read("ARG V\nFROM ${V:+x}").problems] == ["the base name ${V:+x} is empty"]


def test_stages_by_name_and_number() -> None:
    dockerfile = read("FROM a AS Base\nFROM base AS two\nFROM b")
    assert [(s.label, s.parent and s.parent.label) for s in dockerfile.stages] == [
        ("base", None),
        ("two", "base"),
        ("2", None),
    ]
    assert dockerfile.stage("BASE") is dockerfile.stages[0]
    assert dockerfile.stage("1") is dockerfile.stages[1]
    assert dockerfile.stages[1].root_base() == "a"
    assert dockerfile.stages[1].base == "base"


def test_a_base_is_an_earlier_stage_only() -> None:
    dockerfile = read("FROM later\nFROM x AS later\nFROM 0")
    assert [stage.parent for stage in dockerfile.stages] == [None, None, None]
    assert dockerfile.problems == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("FROM x AS a\nFROM a", [set(), {0}], id="its base"),
        pytest.param("FROM x AS a\nFROM y\nCOPY --from=A b c", [set(), {0}], id="copied from by name"),
        pytest.param("FROM x\nFROM y\nCOPY --from=0 b c", [set(), {0}], id="copied from by number"),
        pytest.param("FROM x AS a\nFROM y\nRUN --mount=type=bind,from=a,target=/a b", [set(), {0}], id="mounted"),
        pytest.param("FROM x AS a\nFROM a AS b\nFROM y\nCOPY --from=b c d", [set(), {0}, {0, 1}], id="transitive"),
        pytest.param("FROM x\nCOPY --from=nginx:1 a b", [set()], id="an image"),
        pytest.param("FROM x\nARG A\nCOPY --from=$A a b", [set()], id="a variable"),
        pytest.param("FROM x\nCOPY --from=b c d\nFROM y AS b", [{1}, set()], id="a later stage"),
        pytest.param("FROM x AS a\nFROM y\nONBUILD COPY --from=a b c", [set(), set()], id="a trigger runs elsewhere"),
    ],
)
def test_what_a_stage_needs(text: str, expected: list[set[int]]) -> None:
    assert [stage.uses() for stage in read(text).stages] == expected


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        pytest.param("FROM x AS a\nCOPY --from=a b c", "stage a refers to itself", 2, id="itself"),
        pytest.param("FROM x\nCOPY --from=5 b c", "there is no stage 5", 2, id="a number too large"),
        pytest.param(
            f"FROM x\nCOPY --from={'9' * 5000} b c", f"there is no stage {'9' * 20}", 2, id="a number without end"
        ),
        pytest.param(
            "FROM x AS a\nCOPY --from=b c d\nFROM y AS b\nCOPY --from=a c d",
            "circular dependency of stage a",
            1,
            id="a circle",
        ),
    ],
)
def test_impossible_dependencies_are_refused(text: str, message: str, line: int) -> None:
    assert (message, line) in [(p.message, p.origin.line) for p in read(text).problems]


def test_the_target_ships() -> None:
    dockerfile = parse("FROM a AS dev\nFROM b AS prod", "/Dockerfile", target="dev")
    assert dockerfile.final is dockerfile.stages[0]


def test_a_platform_is_kept() -> None:
    platform = read("ARG P=linux/arm64\nFROM --platform=$P a").stages[0].platform
    assert platform is not None and platform.value == "linux/arm64"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("FROM a\nENV U=x\nUSER $U", "x", id="ENV"),
        pytest.param("FROM a\nARG U=x\nUSER ${U}", "x", id="ARG"),
        pytest.param("FROM a\nENV U=x\nARG U=y\nUSER $U", "x", id="ENV beats ARG"),
        pytest.param("FROM a\nARG U=x\nENV U=y\nUSER $U", "y", id="a later ENV"),
        pytest.param("ARG U=x\nFROM a\nUSER $U", None, id="a global ARG is not in scope"),
        pytest.param("ARG U=x\nFROM a\nARG U\nUSER $U", "x", id="a global ARG declared again"),
        pytest.param("ARG U=x\nFROM a\nARG U=y\nUSER $U", "y", id="with another default"),
        pytest.param("FROM a\nARG U\nUSER $U", None, id="no value"),
        pytest.param("FROM a\nARG U\nUSER ${U:-x}", "x", id="no value, a default"),
        pytest.param("FROM a\nUSER $U", None, id="the base image may set it"),
        pytest.param("FROM a\nUSER ${U:-x}", None, id="the base image may set it, a default"),
        pytest.param("FROM scratch\nUSER x$U", "x", id="scratch sets nothing"),
        pytest.param("FROM a\nARG TARGETARCH\nENV A=$TARGETARCH", None, id="a platform argument"),
        pytest.param("FROM a\nENV A=1\nENV A=2 B=$A", "1", id="as it was before the instruction"),
        pytest.param("FROM a\nENV P=/x:$PATH\nENV Q=$P", None, id="unknown stays unknown"),
        pytest.param("FROM a AS b\nENV U=x\nFROM b\nUSER $U", "x", id="inherited ENV"),
        pytest.param("FROM a AS b\nENV U=x\nFROM c\nUSER $U", None, id="not of another stage"),
        pytest.param("FROM a\nENV U=x\nUSER '$U'", "$U", id="single quotes"),
        pytest.param('FROM a\nENV U=x\nUSER "$U"', "x", id="double quotes"),
        pytest.param("FROM a\nENV U=x\nUSER \\$U", "$U", id="escaped"),
        pytest.param("# escape=`\nFROM a\nENV U=x\nUSER `$U", "$U", id="escaped by a backtick"),
        pytest.param("FROM a\nENV U=\nUSER ${U:-x}", "x", id="empty, :-"),
        pytest.param("FROM a\nENV U=\nUSER ${U-x}y", "y", id="empty, -"),
        pytest.param("FROM a\nENV U=v\nUSER ${U:+${U}${N:-1}}", None, id="nested, unknown"),
        pytest.param("FROM a\nENV U=v N=2\nUSER ${U:+${U}${N:-1}}", "v2", id="nested"),
        pytest.param("FROM a\nENV U=v\nUSER a$", "a$", id="a lone dollar"),
        pytest.param("FROM a\nENV U=v\nCOPY a $U/b", "v/b", id="in COPY"),
        pytest.param('FROM a\nENV U=v\nCOPY ["a", "$U/b"]', "v/b", id="in JSON"),
        pytest.param('FROM a\nENV U=v\nCMD ["$U"]', "$U", id="not in CMD"),
        pytest.param("FROM a\nENV U=v\nONBUILD USER $U\nUSER $U", "v", id="behind a trigger"),
    ],
)
def test_variables(text: str, expected: str | None) -> None:
    assert value(text) == expected


def test_an_instruction_knows_the_variables_before_it() -> None:
    instructions = read("FROM a\nARG A\nENV B=1\nENV B=2\nRUN x").stages[0].instructions
    assert [dict(i.environment) for i in instructions[1:]] == [
        {},
        {"A": None},
        {"A": None, "B": "1"},
        {"A": None, "B": "2"},
    ]


def test_the_shell_follows_shell_and_stages() -> None:
    text = 'FROM a AS b\nSHELL ["/bin/bash", "-c"]\nRUN x\nFROM b\nRUN x\nFROM c\nRUN x'
    shells = [stage.of("RUN")[0].shell[0] for stage in read(text).stages]
    assert shells == ["/bin/bash", "/bin/bash", "/bin/sh"]


@pytest.mark.parametrize(
    ("base", "shell"),
    [
        ("mcr.microsoft.com/windows/servercore:ltsc2022", "cmd"),
        ("mcr.microsoft.com/windows/nanoserver:1809", "cmd"),
        ("mcr.microsoft.com/dotnet/sdk:8.0-windowsservercore-ltsc2022", "cmd"),
        ("mcr.microsoft.com/dotnet/sdk:8.0", "/bin/sh"),
        ("registry.example.org/windowshade/app:1", "/bin/sh"),
        ("$BASE", "/bin/sh"),
    ],
)
def test_the_shell_of_a_windows_image_is_cmd(base: str, shell: str) -> None:
    assert read(f"ARG BASE\nFROM {base}\nRUN x").stages[0].of("RUN")[0].shell[0] == shell


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("#a", "/b/c.d.e"),
        ("#x", "a/b/c.d.e"),
        ("#*/", "b/c.d.e"),
        ("##*/", "c.d.e"),
        ("#a*.", "d.e"),
        ("##a*.", "e"),
        ("#*", "a/b/c.d.e"),
        ("##*", ""),
        ("%e", "a/b/c.d."),
        ("%x", "a/b/c.d.e"),
        ("%.*", "a/b/c.d"),
        ("%%.*", "a/b/c"),
        ("%/*e", "a/b"),
        ("%%/*e", "a"),
        ("%*", "a/b/c.d.e"),
        ("%%*", ""),
        ("%*.*.", None),
        ("#?", None),
        ("/./-", "a/b/c-d.e"),
        ("//./-", "a/b/c-d-e"),
        ("/*/-", None),
    ],
)
def test_patterns(operation: str, expected: str | None) -> None:
    assert value(f"FROM a\nENV A=a/b/c.d.e\nUSER ${{A{operation}}}") == expected


def test_a_long_text_without_variables_stays_known() -> None:
    assert value(f"FROM a\nUSER '{'x' * 9000}'") == "x" * 9000


def test_a_text_without_any_from_is_read_as_a_stage_on_an_unknown_base() -> None:
    dockerfile = read("ENV A=1\nRUN apt-get update\n")
    assert [problem.message for problem in dockerfile.problems] == ["there is no FROM"]
    assert [(stage.base, [i.keyword for i in stage.instructions]) for stage in dockerfile.stages] == [
        (None, ["ENV", "RUN"])
    ]


def test_what_stands_before_the_first_from_is_in_no_stage() -> None:
    dockerfile = read("RUN early\nFROM a\n")
    assert [i.keyword for i in dockerfile.preamble] == ["RUN"]
    assert [i.keyword for i in dockerfile.stages[0].instructions] == ["FROM"]
