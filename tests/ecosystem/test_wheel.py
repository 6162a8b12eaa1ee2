"""The wheel that is published, built and installed as a user would."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.ecosystem.conftest import ROOT


@pytest.fixture(scope="module")
def dist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    # what a developer made for the plan's stack is not ours to publish
    (checkout / "suites/plan/stack/hardened/secrets/made_password.txt").write_text("x", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(checkout)]
    subprocess.run(command, check=True)
    return folder


def test_it_has_what_is_needed_and_nothing_else(dist: Path) -> None:
    [wheel] = dist.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {"pytest_dockerharden/py.typed", "pytest_dockerharden/suites/recommended.toml"} <= set(names)
    assert not [name for name in names if not name.startswith("pytest_dockerharden/")]
    assert {Path(name).suffix for name in names if "/suites/" in name} == {".toml"}
    tracked = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pytest_dockerharden").rglob("*.py")}
    assert not [name for name in names if name.endswith(".py") and name not in tracked]
    assert not [name for name in names if re.search(r"_password\.txt|__pycache__|/tests/", name)]


def test_it_works_in_a_new_environment(dist: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "ci/try_wheel.py"), str(dist), str(tmp_path / "venv")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
