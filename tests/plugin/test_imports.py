"""What a pytest run that does not ask for us has to pay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, pytest
status = pytest.main(["-q", "-p", "no:cacheprovider", "test_x.py"])
assert status == 0, status
ours = sorted(name for name in sys.modules if name.split(".")[0] == "pytest_dockerharden")
heavy = sorted({name.split(".")[0] for name in sys.modules} & {"yaml", "docker", "tree_sitter", "pathspec"})
print("OURS", ours, heavy)
"""


def test_a_plain_run_imports_the_plugin_module_alone(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("def test_x(): pass\n")
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "pytest_dockerharden.plugin"}
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={**environment, "PATH": "", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "OURS ['pytest_dockerharden', 'pytest_dockerharden.plugin'] []" in result.stdout, (
        result.stdout + result.stderr
    )
