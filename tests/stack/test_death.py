"""Whatever ends a run, nothing of it stays on the engine, and nothing of others is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.stack.run import RUN, is_kept
from tests.live import what_is_left

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[2]
DEADLINE = 60

COMPOSE = """
services:
  web:
    image: IMAGE
    command: [sleep, "1000"]
    volumes: [data:/data, /anonymous]
    networks: [inner]
  slow:
    image: IMAGE
    command: [sleep, "1000"]
    init: true
    networks: [inner]
    healthcheck: {test: [CMD, sh, -c, exit 1], interval: 100s, retries: 3}
    depends_on: [web]
volumes: {data: }
networks: {inner: }
"""
HEALTHY = COMPOSE.replace("exit 1], interval: 100s", "exit 0], interval: 1s")


class Victim:
    """A run in a process, and in a process group, of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.id = self.until("run ").split()[1]

    def until(self, start: str) -> str:
        """Its next line that starts so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(start):
                return line
        raise AssertionError(f"it ended without saying {start!r}: {self.lines}")

    def ends(self) -> str:
        """What it still said."""
        output, _ = self.process.communicate(timeout=DEADLINE)
        return output


@contextmanager
def victim(folder: Path, text: str, *options: str) -> Iterator[Victim]:
    file = folder / "docker-compose.yml"
    file.write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("victim.py")), str(file), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
        # a shell that starts the tests in the background makes them ignore SIGINT, and all of their children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with process:
        try:
            yield Victim(process)
        finally:
            process.kill()


def gone(client: Any, run: str) -> bool:
    """Waits for the reaper."""
    until = time.monotonic() + DEADLINE
    while what_is_left(client, f"{RUN}={run}"):
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


MOMENTS = {"creating": "slow: creating", "waiting": "slow: waiting for its healthcheck", "up": "up"}


ENDS = ("SIGKILL", "SIGKILL of the group", "SIGTERM", "SIGINT", "SIGINT twice")


def ended(client: Any, image: str, folder: Path, moment: str, end: str) -> bool:
    """Whether nothing is left of a run that is ended at that moment."""
    with victim(folder, (HEALTHY if moment == "up" else COMPOSE).replace("IMAGE", image)) as run:
        run.until(MOMENTS[moment])
        kill = os.killpg if "group" in end else os.kill
        kill(run.process.pid, getattr(signal, end.split()[0]))
        if "twice" in end:
            run.until("removing the stack")
            kill(run.process.pid, signal.SIGINT)
        run.ends()
        return gone(client, run.id)


@pytest.fixture(scope="module")
def deaths(
    client: Any, image: str, bystander: Callable[[], bool], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str], Future[bool]]]:
    """Several runs at a time, each of which must meet neither the others nor the bystander."""
    with ThreadPoolExecutor(4) as pool:
        yield {
            (moment, end): pool.submit(ended, client, image, tmp_path_factory.mktemp("death"), moment, end)
            for moment in MOMENTS
            for end in ENDS
        }
    assert bystander()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("end", ENDS)
def test_leaves_nothing_whatever_ends_it(deaths: dict[tuple[str, str], Future[bool]], moment: str, end: str) -> None:
    assert deaths[moment, end].result()


def test_ctrl_c_ends_the_wait_for_a_healthcheck_at_once(client: Any, image: str, tmp_path: Path) -> None:
    with victim(tmp_path, COMPOSE.replace("IMAGE", image)) as run:
        run.until(MOMENTS["waiting"])
        began = time.monotonic()
        os.killpg(run.process.pid, signal.SIGINT)
        assert "KeyboardInterrupt" in run.ends()
        assert time.monotonic() - began < 15
    assert what_is_left(client, f"{RUN}={run.id}") == []


def test_a_kept_stack_outlives_its_killed_owner(client: Any, image: str, tmp_path: Path) -> None:
    with victim(tmp_path, HEALTHY.replace("IMAGE", image), "--keep") as run:
        run.until("up")
        reaper = child_of(run.process.pid)
        os.kill(run.process.pid, signal.SIGKILL)
        run.ends()
    try:
        wait_for_end(reaper)
        kept = what_is_left(client, f"{RUN}={run.id}")
        assert is_kept(client, run.id)
        assert sum(name.startswith("container") for name in kept) == 2
    finally:
        command = [sys.executable, "-m", "pytest_dockerharden.stack.remove", run.id]
        removal = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (removal.returncode, removal.stderr) == (0, "")
    assert what_is_left(client, f"{RUN}={run.id}") == []


def child_of(pid: int) -> int:
    """The reaper is the only one."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0])


def wait_for_end(pid: int) -> None:
    until = time.monotonic() + DEADLINE
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.1)
