"""The pages of the site: every control has one, and no link leads nowhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pytest_dockerharden.controls import load_all

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dockerharden_docs_controls", DOCS / "controls.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    pages: dict[str, str] = load_generator().pages()
    return pages


@pytest.fixture(scope="module")
def pages(made: dict[str, str]) -> dict[str, str]:
    """Every page of the site by its path below ``docs/``."""
    written = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
    assert not written.keys() & made.keys()
    return {**written, **made}


def test_every_control_has_a_page_that_says_why_and_how_to_accept_it(made: dict[str, str]) -> None:
    for control in load_all().values():
        page = made[f"controls/{control.id}.md"]
        assert control.title in page
        assert control.documentation.why in page
        assert "## Accept it" in page
        assert f"[{control.id}]({control.id}.md)" in made["controls/index.md"]


def test_a_page_shows_the_remedy_and_marks_the_lines(made: dict[str, str]) -> None:
    page = made["controls/read-only-rootfs.md"]
    assert '```yaml title="compose.yaml" hl_lines="2"\nservices:\n  web:\n    image: app\n```' in page
    assert "## Instead\n\n```text\nread_only: true\n```" in page
    assert "# <-" not in page


def anchors(text: str) -> set[str]:
    """What the headings of a page are reached by, as Python-Markdown names them."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def test_no_link_leads_nowhere(pages: dict[str, str]) -> None:
    broken = []
    for name, text in pages.items():
        prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", prose):
            if re.match(r"https?:", link):
                continue
            target, _, anchor = link.partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(name), target)) if target else name
            known = path in pages or (DOCS / path).is_file()
            if not known or (anchor and anchor not in anchors(pages[path])):
                broken.append(f"{name}: {link}")
    assert broken == []


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    if importlib.util.find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed (tox -e docs)")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "controls/read-only-rootfs/index.html").exists()
