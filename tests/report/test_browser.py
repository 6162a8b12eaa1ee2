"""The page in Debian's chromium, headless; skipped where there is none. A run takes some two seconds."""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_dockerharden.evaluation import evaluate
from pytest_dockerharden.model.fact import Known
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.policy import Overrides
from pytest_dockerharden.report import Report, Stack
from pytest_dockerharden.report.formats import html
from pytest_dockerharden.request import Request
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


def opening_time(text: str, folder: Path) -> int:
    """Milliseconds until a page is laid out. Its policy is taken out, so that the probe may run."""
    page = folder / "page.html"
    page.write_text(re.sub(r"<meta http-equiv[^>]*>", "", text).replace("</body>", PROBE), encoding="utf-8")
    document = loaded(page, folder / "profile", 1280)
    took = re.search(r'data-took="(\d+)"', document)
    assert took, document[-500:]
    return int(took[1])


def as_observed(posture: Posture, phase: str) -> Posture:
    """The container that does what was predicted, each fact with a line of the kernel's."""
    origin = KernelOrigin(posture.subject, "/proc/1/status", "CapEff: 00000000a80425fb; Seccomp: 2; NoNewPrivs: 0")
    seen = {name: Known(fact.value, origin) for name, fact in posture.facts() if isinstance(fact, Known)}
    return replace(posture, phase=phase, predicted=posture, **seen)


def observed_report(folder: Path, number: int) -> Report:
    """Of a stack that runs as its files say, before and after a restart."""
    (folder / "compose.yaml").write_text(stack_of(number), encoding="utf-8")
    start = str(folder)
    evaluation = evaluate(Request(start, start, (start,), overrides=Overrides(directory=start)))
    [project] = evaluation.projects
    postures = {name: service.posture for name, service in project.services.items() if service.posture}
    observed = {
        phase: {name: [as_observed(posture, phase)] for name, posture in postures.items()}
        for phase in ("live", "restarted")
    }
    results = [*evaluation.all_results()]
    results += [replace(r, phase=phase) for phase in observed for r in results if r.control.judges == "Posture"]
    entries = [(f"compose.yaml::{result.phase}::{result.name}", result) for result in results]
    return Report(entries, start, start, [Stack(project, observed)], datetime.date(2026, 1, 1))


def test_fifty_services_that_were_observed_are_small_and_open_at_once(tmp_path: Path, folder: Path) -> None:
    text = html.render(observed_report(tmp_path, 50))
    assert "Observed in the kernel" in text
    assert "CapEff: 00000000a80425fb" in text
    assert len(text.encode()) < MEGABYTE
    # a machine that does something else at the time is no fault of the page
    assert any(opening_time(text, folder) < 1000 for _ in range(3))


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
