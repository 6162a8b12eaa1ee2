"""Install a built wheel in a new environment and use it as a user would: ``python ci/try_wheel.py dist [VENV]``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

COMPOSE = "services:\n  redis:\n    image: redis:7.4\n"


def main(dist: Path, environment: Path) -> None:
    """Raises AssertionError where the installed package does not do what it must."""
    [wheel] = dist.glob("*.whl")
    venv.create(environment, with_pip=True)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    pip = [str(scripts / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", str(wheel.resolve())], check=True)
    subprocess.run([*pip, "check"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "docker-compose.yml").write_text(COMPOSE, encoding="utf-8")
        for command in (
            ["dockerharden"],
            ["pytest", "--harden-static"],
            ["pytest", "--harden-static", "--harden-suite=strict"],
        ):
            _expect(scripts, folder, command, 1, "redis: the root filesystem is writable")
        _expect(scripts, folder, ["pytest", "--harden-list"], 0, "read-only-rootfs")
        _expect(scripts, folder, ["pytest", "--harden-baseline"], 0, "dockerharden.toml: added")
        _expect(scripts, folder, ["dockerharden"], 0, "xfailed")
    sys.stdout.write(f"{wheel.name} works with Python {sys.version.split()[0]}\n")


def _expect(scripts: Path, folder: str, command: list[str], status: int, text: str) -> None:
    program = [str(scripts / command[0]), *command[1:]]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace")
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert text in done.stdout, f"{command}: no `{text}` in\n{done.stdout}"


if __name__ == "__main__":
    if len(sys.argv) > 2:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as place:
            main(Path(sys.argv[1]), Path(place))
