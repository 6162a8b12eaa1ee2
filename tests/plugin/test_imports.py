"""What a pytest run that does not ask for us has to pay, and what one that does need not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLAIN = """
import sys, pytest
status = pytest.main(["-q", "-p", "no:cacheprovider", "test_x.py"])
assert status == 0, status
ours = sorted(name for name in sys.modules if name.split(".")[0] == "pytest_dockerharden")
heavy = sorted({name.split(".")[0] for name in sys.modules} & {"yaml", "docker", "tree_sitter", "pathspec"})
print("OURS", ours, heavy)
"""
STATIC = """
import sys, pytest
status = pytest.main(["-q", "-p", "no:cacheprovider", "--harden-static", sys.argv[1]])
print("STATUS", int(status))
names = ("yaml", "docker", "tree_sitter", "pathspec", "pytest_dockerharden.predict", "pytest_dockerharden.stack")
readers = ("pytest_dockerharden.source.compose", "pytest_dockerharden.source.dockerfile")
print("LOADED", *(name for name in (*names, *readers) if name in sys.modules))
loaders = {type(m.__loader__).__name__ for n, m in sys.modules.items() if n.startswith("pytest_dockerharden.model.")}
print("LOADERS", *loaders)
hooks = [finder for finder in sys.meta_path if type(finder).__name__ == "OwnModules"]
print("LEFT", len(hooks))
"""
COMPOSE = "services:\n  web:\n    image: nginx:1.27.3\n"
DOCKERFILE = 'FROM python:3.12-slim\nCOPY app /app\nCMD ["python", "/app"]\n'


def run(script: str, folder: Path, *arguments: str) -> str:
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "pytest_dockerharden.plugin"}
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env={**environment, "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr


def test_a_plain_run_imports_the_plugin_module_alone(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("def test_x(): pass\n")
    output = run(PLAIN, tmp_path)
    assert "OURS ['pytest_dockerharden', 'pytest_dockerharden.plugin'] []" in output, output


@pytest.mark.parametrize(
    ("name", "text", "loaded"),
    [
        ("compose.yml", COMPOSE, "yaml pytest_dockerharden.predict pytest_dockerharden.source.compose"),
        ("Dockerfile", DOCKERFILE, "pytest_dockerharden.source.dockerfile"),
    ],
)
def test_a_static_run_imports_the_readers_of_what_there_is(tmp_path: Path, name: str, text: str, loaded: str) -> None:
    (tmp_path / name).write_text(text)
    output = run(STATIC, tmp_path, name)
    assert f"LOADED {loaded}\n" in output, output


def test_our_own_modules_are_not_rewritten_and_nothing_stays_behind(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(COMPOSE)
    output = run(STATIC, tmp_path, "compose.yml")
    assert "LOADERS SourceFileLoader\n" in output, output
    assert "LEFT 0\n" in output, output
