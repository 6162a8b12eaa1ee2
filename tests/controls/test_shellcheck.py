"""ShellCheck's diagnostics stand where they belong, and nothing is run unasked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pytest_dockerharden.assemble import shellcheck
from tests.helpers import assemble_files, hits, judgements

CONTROL = "shell-scripts-pass-shellcheck"


def found(folder: Path, text: str, **parameters: object) -> list[tuple[int, str]]:
    return [(hit.line, hit.message.split(":")[0]) for hit in hits(folder, {"Dockerfile": text}, CONTROL, **parameters)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("RUN cd /a && x=$(y) && echo $x\n", [(2, "SC2086")], id="one line"),
        pytest.param(
            "RUN x=$(y) && \\\n  # why\n\n  echo $x\n", [(5, "SC2086")], id="below a comment and an empty line"
        ),
        pytest.param("RUN --mount=type=cache,target=/c --network=none x=$(y); echo $x\n", [(2, "SC2086")], id="flags"),
        pytest.param("ONBUILD RUN x=$(y); echo $x\n", [(2, "SC2086")], id="a trigger"),
        pytest.param("RUN <<EOF\nx=$(y)\necho $x\nEOF\n", [(4, "SC2086")], id="a heredoc"),
        pytest.param("RUN <<-EOF\n\tx=$(y)\n\techo $x\n\tEOF\n", [(4, "SC2086")], id="an indented heredoc"),
        pytest.param(
            "RUN <<EOF\n#!/usr/bin/env bash\nx=$(y)\necho $x\nEOF\n", [(5, "SC2086")], id="with an interpreter"
        ),
        pytest.param("RUN cat <<'EOF' > $(y)\n$(x\nEOF\n", [(2, "SC2046")], id="what goes into a file is no script"),
        pytest.param("RUN [[ -n x ]]\n", [(2, "SC3010")], id="what only bash knows"),
    ],
)
def test_a_diagnostic_stands_on_its_line(tmp_path: Path, text: str, expected: list[tuple[int, str]]) -> None:
    assert set(expected) <= set(found(tmp_path, f"FROM debian:12\n{text}"))


def test_a_diagnostic_stands_on_its_column(tmp_path: Path) -> None:
    text = "# escape=`\nFROM debian:12\nRUN x=$(y); `\n\techo a $x\n"
    dockerfile = next(iter(assemble_files(tmp_path, {"Dockerfile": text}, shellcheck=True).dockerfiles.values()))
    assert dockerfile.shell_diagnostics is not None
    places = {(said.code, said.origin.line, said.origin.column) for said in dockerfile.shell_diagnostics.value}
    assert ("SC2086", 4, 9) in places


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('FROM debian:12\nRUN x=$(y); echo "$x"\n', id="quoted"),
        pytest.param("FROM debian:12\nARG N=1\nENV M=2\nRUN echo $N $M\n", id="numbers of ARG and ENV do not split"),
        pytest.param('FROM debian:12\nARG name\nRUN echo "$name"\n', id="an argument without a value is assigned"),
        pytest.param('FROM debian:12\nRUN ["sh", "-c", "echo $x"]\n', id="exec form"),
        pytest.param("FROM debian:12\nRUN python3 <<'EOF'\nprint($x)\nEOF\n", id="a program's input"),
        pytest.param("FROM debian:12\nRUN <<EOF\n#!/usr/bin/python3\nprint($x)\nEOF\n", id="another language"),
        pytest.param('FROM x:1\nSHELL ["pwsh", "-Command"]\nRUN $x = 1; echo $x\n', id="PowerShell"),
        pytest.param("FROM mcr.microsoft.com/windows/nanoserver:ltsc2022\nRUN echo %x%\n", id="Windows"),
        pytest.param('FROM debian:12\nSHELL ["/bin/bash", "-c"]\nRUN [[ -n $PATH ]]\n', id="bash by SHELL"),
        pytest.param("FROM alpine:3.22\nRUN set -o pipefail; echo x | cat\n", id="busybox knows pipefail"),
        pytest.param("FROM debian:12\nRUN . /etc/os-release\n", id="a file that is sourced"),
        pytest.param("FROM debian:12\n", id="nothing is run"),
    ],
)
def test_what_shellcheck_lets_pass_is_silent(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []


def test_codes_and_levels_are_chosen(tmp_path: Path) -> None:
    text = "FROM debian:12\nRUN x=$(y); echo $x\n"
    assert found(tmp_path, text, ignore=("SC2086",)) == []
    assert found(tmp_path, text, severity="warning") == []


def test_nothing_is_executed_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", pytest.fail)
    assembly = assemble_files(tmp_path, {"Dockerfile": "FROM debian:12\nRUN echo $x\n"})
    assert [dockerfile.shell_diagnostics for dockerfile in assembly.dockerfiles.values()] == [None]


@pytest.mark.parametrize(
    ("replaced", "by", "reason"),
    [
        pytest.param("_program", lambda: None, "not installed", id="not installed"),
        pytest.param("_program", lambda: "/bin/false", "no answer for the RUN in line 2", id="no answer"),
        pytest.param("TIMEOUT", 0.0, "longer than 0 s for the RUN in line 2", id="no time"),
    ],
)
def test_what_was_not_looked_at_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: str, by: object, reason: str
) -> None:
    monkeypatch.setattr(shellcheck, replaced, by)
    (judgement,) = judgements(tmp_path, {"Dockerfile": "FROM debian:12\nRUN echo $x\n"}, CONTROL)
    assert judgement.verdict == "unknown"
    assert reason in judgement.reason


def test_no_configuration_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".shellcheckrc").write_text("disable=SC2086\n")
    monkeypatch.setenv("SHELLCHECK_OPTS", "--exclude=SC2086")
    monkeypatch.chdir(tmp_path)
    assert found(tmp_path, "FROM debian:12\nRUN x=$(y); echo $x\n") == [(2, "SC2086")]
