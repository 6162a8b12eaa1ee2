"""Whatever ends a run: nothing of it is left on the engine, and nothing else was touched."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.live import Valve, engine_on_tcp
from tests.live_run.conftest import Stack

pytestmark = pytest.mark.live

COMPOSE = """\
services:
  web:
    image: IMAGE
    command: ["sleep", "1000"]
    init: true
    volumes: ["data:/data"]
  slow:
    image: IMAGE
    command: ["sleep", "1000"]
    init: true
    healthcheck: {test: ["CMD", "false"], interval: 1s, retries: 1000}
volumes: {data: {}}
"""
MINUTE = 60.0


@pytest.fixture
def slow(stack: Stack) -> Stack:
    stack.add("docker-compose.yml", COMPOSE)
    return stack


def until(condition: Callable[[], bool], seconds: float = MINUTE) -> bool:
    """Whether it came true in time."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.1)
    return False


def owner(process: subprocess.Popen[str]) -> int:
    return process.pid


def interrupt(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)


def interrupt_twice(process: subprocess.Popen[str]) -> None:
    interrupt(process)
    time.sleep(0.3)
    interrupt(process)


def terminate(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()


def kill_group(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
@pytest.mark.parametrize("end", [interrupt, interrupt_twice, terminate, kill, kill_group])
def test_nothing_is_left_when_it_ends_in_the_middle(
    slow: Stack, end: Callable[[subprocess.Popen[str]], None], workers: tuple[str, ...]
) -> None:
    process = slow.start("--harden-live", *workers)
    try:
        assert until(lambda: len(slow.left(process.pid)) >= 4), "two containers, a network and a volume"
        end(process)
        process.wait(timeout=MINUTE)
        assert until(lambda: not slow.left(process.pid)), slow.left(process.pid)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--harden-live", "-x"), "stopping after 1 failures", id="-x"),
        pytest.param(("test_own.py",), "Exit: enough", id="pytest.exit"),
    ],
)
def test_nothing_is_left_when_it_is_cut_short(stack: Stack, arguments: tuple[str, ...], said: str) -> None:
    stack.add("docker-compose.yml", COMPOSE.replace('["CMD", "false"]', '["CMD", "true"]'))
    stack.add("test_own.py", "import pytest\ndef test_it(harden_stack):\n    pytest.exit('enough')\n")
    process = stack.start(*arguments)
    output, _ = process.communicate(timeout=120)
    assert said in output, output
    assert "web: running" in output, output
    assert stack.left(process.pid) == []


def test_a_worker_that_is_killed_takes_no_stack_with_it(stack: Stack) -> None:
    stack.add("docker-compose.yml", COMPOSE.replace('["CMD", "false"]', '["CMD", "true"]'))
    stack.add(
        "test_own.py",
        "import os, signal\n"
        "def test_dies(harden_stack):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "def test_lives(harden_stack):\n    assert harden_stack.container('web').status == 'running'\n"
        "def test_lives_too(harden_stack):\n    assert harden_stack.container('slow').status == 'running'\n",
    )
    process = stack.start("-n", "2")
    output, _ = process.communicate(timeout=120)
    assert "1 failed, 2 passed" in output, output
    assert stack.left(process.pid) == []


@pytest.mark.parametrize("keep", ["never", "failed", "always"])
def test_a_stack_is_kept_when_it_is_asked_for(stack: Stack, keep: str) -> None:
    stack.add("docker-compose.yml", COMPOSE.replace('["CMD", "false"]', '["CMD", "true"]'))
    process = stack.start("--harden-live", "-k", "live and read-only-rootfs", "--harden-keep", keep)
    output, _ = process.communicate(timeout=120)
    left = stack.left(process.pid)
    try:
        assert bool(left) == (keep != "never"), output
        assert ("kept; remove it with" in output) == (keep != "never"), output
    finally:
        api = stack.engine.api
        for container in api.containers(all=True):
            if container["Names"][0] in left:
                api.remove_container(container["Id"], force=True, v=True)
        for name in left:
            if not name.startswith("/"):
                (api.remove_network if "_default" in name else api.remove_volume)(name)


def test_two_runs_at_once_do_not_meet(slow: Stack) -> None:
    slow.add("docker-compose.yml", COMPOSE.replace('["CMD", "false"]', '["CMD", "true"]'))
    runs = [slow.start("--harden-live", "-k", "live and read-only-rootfs") for _ in range(2)]
    for run in runs:
        output, _ = run.communicate(timeout=120)
        assert "2 failed" in output, output
        assert slow.left(run.pid) == []


def test_an_engine_that_is_gone_in_the_middle_is_one_failure_and_is_cleaned_when_it_is_back(stack: Stack) -> None:
    stack.add("docker-compose.yml", COMPOSE.replace('["CMD", "false"]', '["CMD", "true"]'))
    valve = Valve()
    with engine_on_tcp(valve) as address:
        lines = []
        with stack.start("--harden-live", DOCKER_HOST=address, PYTHONUNBUFFERED="1") as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if "reading every container" in line:
                    valve.refuse()
        output = "".join(lines)
        assert "the engine stopped answering" in output, output
        assert "1 failed" in output, output
        assert "Traceback" not in output
        assert stack.left(process.pid), output
        valve.release()
        assert until(lambda: not stack.left(process.pid)), stack.left(process.pid)
