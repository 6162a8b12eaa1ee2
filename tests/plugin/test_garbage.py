"""The garbage collector is left alone where the process ends with the run, and nowhere else."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

OBSERVER = """
import gc
import pytest

before = gc.get_freeze_count()  # of what Python 3.12 starts with

@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    print("frozen:", gc.get_freeze_count() > before, gc.get_threshold())
"""
TEST = "def test_of_the_user():\n    pass\n"


def shown(folder: Path, *arguments: str) -> str:
    """What the observer says at the end of a process."""
    (folder / "observer.py").write_text(OBSERVER)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "test_it.py").write_text(TEST)
    command = [sys.executable, *arguments, "-q", "-p", "observer", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return ended.stdout.rsplit("frozen: ", 1)[-1].strip()


def test_nothing_looks_for_garbage_where_the_process_ends_with_the_run(tmp_path: Path) -> None:
    assert shown(tmp_path, "-m", "pytest", "--harden-static") == f"True {gc.get_threshold()}"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("-m", "pytest", "--harden-static", ".", "test_it.py"), id="a test of the user may leave garbage"),
        pytest.param(("-m", "pytest", "test_it.py"), id="nothing was asked of us"),
        pytest.param(("own.py", "--harden-static"), id="a program that goes on"),
    ],
)
def test_garbage_is_looked_for_as_ever(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "own.py").write_text("import sys\nimport pytest\n\npytest.main(sys.argv[1:])\n")
    assert shown(tmp_path, *arguments) == f"False {gc.get_threshold()}"
