"""The fixtures, in a user's own tests."""

from __future__ import annotations

import pytest

from tests.live_run.conftest import Stack

pytestmark = pytest.mark.live

COMPOSE = """\
services:
  web:
    image: IMAGE
    command: ["nc", "-ll", "-p", "8080", "-e", "echo", "hello"]
    init: true
    user: "1000:1000"
    ports: ["80:8080"]
"""
TESTS = """\
import socket
import pytest

@pytest.mark.parametrize("number", range(4))
def test_it_answers(harden_stack, number):
    with socket.create_connection(harden_stack.address("web", 8080), timeout=5) as connection:
        assert connection.recv(5) == b"hello"

def test_who_it_is(harden_host):
    assert harden_host("web").check_output("id -u") == "1000"
    assert harden_host("web", user="root").check_output("id -u") == "0"

def test_what_the_kernel_says(harden_posture):
    posture = harden_posture("web")
    assert posture.uid.value == 1000
    assert posture.predicted.uid.value == 1000

def test_a_typing_error(harden_host):
    harden_host("wbe")
"""


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_one_stack_serves_all_tests_and_is_removed(stack: Stack, arguments: tuple[str, ...]) -> None:
    stack.add("docker-compose.yml", COMPOSE)
    stack.add("test_web.py", TESTS)
    done = stack.run(*arguments)
    assert "no service `wbe` runs; did you mean `web`?" in done.stdout, done.stdout
    assert "1 failed, 6 passed" in done.stdout, done.stdout
    assert done.stdout.count("web: running") == 1


def test_own_tests_and_phases_share_the_stack_though_it_is_stopped_in_between(stack: Stack) -> None:
    stack.add("docker-compose.yml", COMPOSE)
    stack.add("test_web.py", TESTS)
    done = stack.run("--harden-live", "docker-compose.yml", "test_web.py", "-n", "2")
    assert "no service `wbe` runs" in done.stdout, done.stdout
    assert "ERROR" not in done.stdout, done.stdout
    assert "publishes no port" not in done.stdout, done.stdout
    assert done.stdout.count("web: creating") <= 1


def test_a_stack_that_was_stopped_is_up_again_for_who_has_it_already(stack: Stack) -> None:
    stack.add("docker-compose.yml", COMPOSE)
    stack.add("test_before.py", TESTS)
    stack.add("test_web.py", TESTS)
    files = ("test_before.py", "docker-compose.yml", "test_web.py")
    done = stack.run("--harden-live", *files, "-k", "answers or survives")
    assert "9 passed" in done.stdout, done.stdout


def test_a_test_that_asks_for_nothing_starts_nothing(stack: Stack) -> None:
    stack.add("docker-compose.yml", COMPOSE)
    stack.add("test_other.py", "def test_other():\n    pass\n")
    done = stack.run("-n", "2", DOCKER_HOST="tcp://127.0.0.1:1")
    assert done.returncode == 0, done.stdout
