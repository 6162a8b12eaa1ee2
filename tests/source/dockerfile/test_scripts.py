"""What RUN, CMD, ENTRYPOINT and HEALTHCHECK run."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.shell import Script
from pytest_dockerharden.source.dockerfile import parse


def script(text: str, before: str = "FROM a\n") -> Script:
    instruction = parse(before + text, "/Dockerfile").instructions[-1]
    return (instruction.nested or instruction).script


def commands(text: str, before: str = "FROM a\n") -> list[str]:
    return [" ".join(word.text for word in command.words) for command in script(text, before).commands]


def places(text: str) -> list[tuple[str, int, int]]:
    return [(c.name, c.origin.line, c.origin.column) for c in script(text).commands]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("RUN a && b", ["a", "b"], id="shell form"),
        pytest.param('RUN ["a", "b c"]', ["a b c"], id="exec form"),
        pytest.param('RUN ["sh", "-c", "a | b"]', ["sh -c a | b", "a", "b"], id="exec form, looked through"),
        pytest.param("RUN --mount=type=cache,target=/x a", ["a"], id="flags are not the command"),
        pytest.param("RUN <<E\na\nb\nE", ["a", "b"], id="a heredoc"),
        pytest.param("RUN <<-E\n\ta\n\tE", ["a"], id="a heredoc with tabs"),
        pytest.param("RUN <<E bash\na\nE", ["bash", "a"], id="a heredoc for a shell"),
        pytest.param("RUN <<E python3\nimport os\nE", ["python3"], id="a heredoc for python"),
        pytest.param("RUN <<E\n#!/bin/bash -e\na\nE", ["a"], id="a shebang"),
        pytest.param("RUN <<E\n#!/usr/bin/env bash\na\nE", ["a"], id="a shebang through env"),
        pytest.param("RUN cat <<E > /x && b\na\nE", ["cat", "b"], id="a heredoc for a file"),
        pytest.param("RUN cat <<A > /x && sh <<B | c\na\nA\nb\nB", ["cat", "sh", "b", "c"], id="two heredocs"),
        pytest.param("CMD exec a", ["exec a", "a"], id="CMD"),
        pytest.param('ENTRYPOINT ["tini", "--", "a"]', ["tini -- a", "a"], id="ENTRYPOINT"),
        pytest.param("HEALTHCHECK --interval=1s CMD a || exit 1", ["a", "exit 1"], id="HEALTHCHECK"),
        pytest.param("HEALTHCHECK NONE", [], id="no HEALTHCHECK"),
        pytest.param("ONBUILD RUN a && b", ["a", "b"], id="a trigger"),
        pytest.param("USER a", [], id="nothing runs"),
        pytest.param("RUN", [], id="nothing given"),
        pytest.param("RUN []", [], id="an empty array"),
    ],
)
def test_commands(text: str, expected: list[str]) -> None:
    assert commands(text) == expected
    assert script(text).complete


@pytest.mark.parametrize(
    ("before", "text"),
    [
        pytest.param("", "RUN <<E\n#!/usr/bin/env python3\nimport os\nE", id="a shebang of python"),
        pytest.param('SHELL ["powershell", "-Command"]\n', "RUN Get-Item | Out-Null", id="PowerShell"),
        pytest.param('SHELL ["cmd", "/S", "/C"]\n', "RUN dir", id="cmd"),
        pytest.param('SHELL ["pwsh.exe", "-c"]\n', "RUN <<E\nx\nE", id="PowerShell, a heredoc"),
    ],
)
def test_what_no_posix_shell_reads_is_incomplete(before: str, text: str) -> None:
    found = script(text, "FROM a\n" + before)
    assert (found.commands, found.complete) == ((), False)


@pytest.mark.parametrize(
    "shell", ['["/bin/bash", "-o", "pipefail", "-c"]', '["conda", "run", "-n", "x", "/bin/bash", "-c"]']
)
def test_a_posix_shell_anywhere_in_shell_is_one(shell: str) -> None:
    assert commands("RUN a", f"FROM a\nSHELL {shell}\n") == ["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("RUN a && \\\n  # c\n\n   b", [("a", 2, 5), ("b", 5, 4)], id="continued"),
        pytest.param("RUN <<E\na\n  b\nE", [("a", 3, 1), ("b", 4, 3)], id="a heredoc"),
        pytest.param("RUN <<-E\n\t\ta\n\tE", [("a", 3, 3)], id="a heredoc with tabs"),
        pytest.param("RUN x && sh <<E\na\nE", [("x", 2, 5), ("sh", 2, 10), ("a", 3, 1)], id="a heredoc for sh"),
        pytest.param(
            'RUN ["sh", "-c", "é\\t| b"]', [("sh", 2, 6), ("é", 2, 19), ("b", 2, 24)], id="JSON with an escape"
        ),
        pytest.param("RUN sh -c 'a; \\\n  b'", [("sh", 2, 5), ("a", 2, 12), ("b", 3, 3)], id="quoted and continued"),
        pytest.param("HEALTHCHECK CMD \\\n a", [("a", 3, 2)], id="a probe"),
        pytest.param("ONBUILD RUN a; b", [("a", 2, 13), ("b", 2, 16)], id="a trigger"),
    ],
)
def test_places(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert places(text) == expected


def test_run_knows_arguments_and_environment_what_starts_knows_the_environment() -> None:
    before = "FROM a\nARG A=1\nENV E=2\n"
    assert [word.value for word in script("RUN x $A $E", before).commands[0].words] == ["x", "1", "2"]
    assert [word.value for word in script("CMD x $A $E", before).commands[0].words] == ["x", None, "2"]


def test_a_script_is_parsed_once() -> None:
    instruction = parse("FROM a\nRUN b", "/Dockerfile").instructions[-1]
    assert instruction.script is instruction.script
