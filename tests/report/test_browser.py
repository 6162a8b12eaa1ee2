"""The page in Debian's chromium, headless; skipped where there is none. A run takes some two seconds."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.plugin.conftest import Repo
from tests.report.conftest import report

CHROMIUM = shutil.which("chromium")
MEGABYTE = 1 << 20

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

SERVICE = """\
  service{n}:
    image: example/service{n}:1.{n}
    user: "{uid}"
    networks: [net{net}]
    ports: ["{port}:80"]
    volumes: ["data{n}:/data", "./conf:/etc/service:ro"]
    environment: {{A: b, LOG_LEVEL: info}}
    deploy: {{resources: {{limits: {{memory: 128M}}}}}}
"""
# milliseconds until the page is laid out, as the page itself sees it
PROBE = """
<script>addEventListener("load", () => {
  document.body.dataset.scrolls = document.documentElement.scrollWidth > innerWidth;
  document.body.dataset.took = Math.round(performance.now());
});</script></body>"""


def stack_of(number: int) -> str:
    services = [SERVICE.format(n=n, uid=0 if n % 3 else 10001, net=n % 5, port=8000 + n) for n in range(number)]
    networks = "".join(f"  net{n}: {{internal: {str(n > 2).lower()}}}\n" for n in range(5))
    volumes = "".join(f"  data{n}: {{}}\n" for n in range(number))
    return f"services:\n{''.join(services)}networks:\n{networks}volumes:\n{volumes}"


def loaded(path: Path, folder: Path, width: int) -> str:
    """The document as it is after loading."""
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --virtual-time-budget=5000 --dump-dom"
    command = [str(CHROMIUM), *flags.split(), f"--user-data-dir={folder}", f"--window-size={width},900", path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


def test_a_stack_of_fifty_services_is_small_and_opens_at_once(repo: Repo, folder: Path) -> None:
    repo.add("compose.yaml", stack_of(50))
    text = report(repo, "html")
    assert len(text.encode()) < MEGABYTE
    page = folder / "page.html"
    # without the policy, so that the probe may run
    page.write_text(re.sub(r"<meta http-equiv[^>]*>", "", text).replace("</body>", PROBE), encoding="utf-8")
    document = loaded(page, folder / "profile", 1280)
    took = re.search(r'data-took="(\d+)"', document)
    assert took, document[-500:]
    assert int(took[1]) < 1000


@pytest.mark.parametrize("width", [500, 1280])
def test_the_page_itself_does_not_scroll_sideways(stack: Repo, folder: Path, width: int) -> None:
    page = folder / "width.html"
    text = re.sub(r"<meta http-equiv[^>]*>", "", report(stack, "html")).replace("</body>", PROBE)
    page.write_text(text, encoding="utf-8")
    assert 'data-scrolls="false"' in loaded(page, folder / "profile", width)


def test_the_policy_of_the_page_lets_its_own_script_run_and_no_other(stack: Repo, folder: Path) -> None:
    page = folder / "policy.html"
    page.write_text(
        report(stack, "html").replace("</body>", "<script>document.title = 'foreign'</script></body>"), encoding="utf-8"
    )
    document = loaded(page, folder / "profile", 1280)
    assert '<input type="search"' in document
    assert "<title>foreign</title>" not in document
