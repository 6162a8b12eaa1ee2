"""Every command in the documentation is run, in the order of its page, and prints what the page shows.

A block ``console`` holds commands behind ``$`` and lines that they print; ``...`` stands for any number of lines, and
within a line for anything. A status above 1 is shown by ``echo $?``. A block with ``title="PATH"`` is a file that is
written first. ``<!-- live -->`` before a block: it needs an engine. A block ``sh`` is not run: it installs something.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.live import busybox_image, labelled_run, live_engine

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/start"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^(?P<live><!-- live -->\n)?```(?P<language>\w*)(?P<rest>[^\n]*)\n(?P<text>.*?)^```", re.M | re.S)
INSTALLS = re.compile(r"pip install |dockerharden --junitxml|eval \"\$\(register-python-argcomplete|sh dev/")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the commands are those of a POSIX shell")


class Block(NamedTuple):
    language: str
    title: str
    text: str
    live: bool


def blocks(page: Path) -> Iterator[Block]:
    for match in FENCE.finditer(page.read_text(encoding="utf-8")):
        title = re.search(r'title="([^"]+)"', match["rest"])
        yield Block(match["language"], title[1] if title else "", match["text"], bool(match["live"]))


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block and the lines that it is shown to print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.rstrip("\n").split("\n")
        yield command, shown


def as_pattern(shown: list[str]) -> str:
    lines = ["(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in shown]
    return "".join(lines)


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES if "console" in page.read_text()])
def test_the_commands_of_a_page(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    shutil.copytree(EXAMPLE, folder)
    status = 0
    for block in blocks(page):
        if block.title:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "console" and not block.live:
            for command, shown in commands(block.text):
                if command == "echo $?":
                    assert shown == [str(status)]
                    status = 0
                else:
                    assert status <= 1, f"a command before `{command}` ended with {status}"
                    status = run(command, shown, folder)


def run(command: str, shown: list[str], folder: Path) -> int:
    """Run it and compare what it prints; the exit status."""
    bin_folder = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": os.pathsep.join([bin_folder, os.environ["PATH"]]), "COLUMNS": "80"}
    for name in ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "GITHUB_ACTIONS", "CI"):
        environment.pop(name, None)
    done = subprocess.run(
        ["sh", "-c", f"{command} 2>&1"], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert "Traceback" not in done.stdout
    assert not shown or re.fullmatch(as_pattern(shown), done.stdout), f"$ {command}\n{done.stdout}"
    return done.returncode


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_what_is_not_run_only_installs(page: Path) -> None:
    lines = [
        line for block in blocks(page) if block.language in ("sh", "bash", "shell") for line in block.text.splitlines()
    ]
    assert [line for line in lines if line.strip() and not INSTALLS.match(line)] == []


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_every_option_that_is_named_is_one(page: Path, pytestconfig: pytest.Config) -> None:
    known = pytestconfig._parser.optparser.format_help()
    assert {
        name for name in re.findall(r"--harden-[a-z-]+", page.read_text(encoding="utf-8")) if name not in known
    } == set()


@pytest.mark.live
@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.name) for page in PAGES if any(block.live for block in blocks(page))]
)
def test_the_live_commands_of_a_page(page: Path, tmp_path: Path) -> None:
    client = live_engine()
    with labelled_run(client) as made:
        image = busybox_image(client, made)
        service = f"{{image: '{image}', command: [/busybox, sleep, '600'], init: true, read_only: true}}"
        (tmp_path / "docker-compose.yml").write_text(f"services:\n  web: {service}\n", encoding="utf-8")
        for block in blocks(page):
            for command, shown in commands(block.text) if block.live else ():
                assert run(command, shown, tmp_path) == 0
