"""Completion in a shell, asked for as argcomplete's shell function asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("argcomplete", reason="argcomplete is not installed")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="it answers on file descriptor 8")


def completions(line: str, folder: Path) -> list[str]:
    """What a person is offered who presses TAB behind ``line``."""
    program = Path(sys.executable).with_name(line.split()[0])
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(folder / "offered"),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    subprocess.run([str(program)], cwd=folder, env=environment, capture_output=True, timeout=60)
    return [word.strip() for word in (folder / "offered").read_text(encoding="utf-8").split("\n")]


@pytest.mark.parametrize("program", ["pytest", "dockerharden"])
def test_an_option_is_completed(program: str, tmp_path: Path) -> None:
    if not Path(sys.executable).with_name(program).exists():
        pytest.skip(f"{program} is not installed")
    assert completions(f"{program} --harden-stat", tmp_path) == ["--harden-static"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        pytest.param("pytest --harden-suite ", "cis-docker nist-800-190 owasp recommended strict", id="suites"),
        pytest.param("pytest --harden-suite st", "strict", id="a suite"),
        pytest.param("pytest --harden-report ", "codequality github html json markdown sarif", id="formats"),
        pytest.param("dockerharden --harden-explain read-only-root", "read-only-rootfs", id="a control"),
        pytest.param("pytest --harden-list hado", "hadolint", id="a tool"),
    ],
)
def test_the_values_of_an_option_are_offered(line: str, offered: str, tmp_path: Path) -> None:
    assert completions(line, tmp_path) == offered.split()


def test_the_choices_of_an_option_are_offered(tmp_path: Path) -> None:
    assert completions("pytest --harden-fail-on ", tmp_path) == ["info", "low", "medium", "high", "critical"]
