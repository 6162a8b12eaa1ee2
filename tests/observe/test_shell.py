"""The kept-open shell."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_dockerharden.observe.shell import ProbeDidNotRun, Shell, ShellClosed
from pytest_dockerharden.stack.run import Run
from tests.live import busybox_image, labelled_run, live_engine

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    client = live_engine()
    yield client
    client.close()


@pytest.fixture(scope="module")
def run(client: Any) -> Iterator[Run]:
    with labelled_run(client) as run:
        yield run


def start(client: Any, run: Run, image: str) -> str:
    body = {"Image": image, "Entrypoint": ["/busybox", "sleep", "1000"], "Labels": run.labels, "User": "4242:4243"}
    container = str(client.api.create_container_from_config(body | {"HostConfig": {"NetworkMode": "none"}})["Id"])
    client.api.start(container)
    return container


@pytest.fixture(scope="module")
def container(client: Any, run: Run) -> str:
    applets = ("sh", "cat", "sleep", "head", "yes", "true", "false", "id", "printf", "wc")
    return start(client, run, busybox_image(client, run, tuple(f"bin/{name}" for name in applets)))


@pytest.fixture
def shell(client: Any, container: str) -> Iterator[Shell]:
    with Shell(client, container) as shell:
        yield shell


@pytest.mark.parametrize(
    ("command", "code", "stdout", "stderr"),
    [
        pytest.param("echo hello", 0, b"hello\n", b"", id="output"),
        pytest.param("printf hello", 0, b"hello", b"", id="no newline at the end"),
        pytest.param("true", 0, b"", b"", id="silence"),
        pytest.param("echo no >&2; exit 3", 3, b"", b"no\n", id="errors apart, and the exit code"),
        pytest.param("printf '\\0\\377\\n\\n'", 0, b"\0\xff\n\n", b"", id="bytes as they are"),
        pytest.param("cat", 0, b"", b"", id="no input"),
        pytest.param("cat <<EOF\na\nEOF", 0, b"a\n", b"", id="several lines"),
        pytest.param("echo 'ä€'", 0, "ä€\n".encode(), b"", id="beyond ascii"),
        pytest.param("id -u; id -g", 0, b"4242\n4243\n", b"", id="the service's own user"),
    ],
)
def test_answers_with_code_output_and_errors(
    shell: Shell, command: str, code: int, stdout: bytes, stderr: bytes
) -> None:
    output = shell.run(command)
    assert (output.exit_code, output.stdout, output.stderr) == (code, stdout, stderr)


def test_a_command_leaves_nothing_behind(shell: Shell) -> None:
    shell.run("x=1; cd /tmp; exit 1")
    assert shell.run('echo "$x" "$PWD"').stdout == b" /\n"


@pytest.mark.parametrize("command", ["echo 'open", 'echo "open', "if true", ")", "echo $(", "&&"])
def test_a_syntax_error_is_the_commands_own(shell: Shell, command: str) -> None:
    output = shell.run(command)
    assert output.exit_code != 0
    assert output.stderr
    assert shell.run("echo alive").stdout == b"alive\n"


def test_big_output_and_big_commands_pass(shell: Shell) -> None:
    assert len(shell.run("head -c 3000000 /dev/zero").stdout) == 3_000_000
    assert len(shell.run("yes x | head -c 500000 >&2").stderr) == 500_000
    assert shell.run(f"printf %s {'x' * 100_000} | wc -c").stdout.strip() == b"100000"


def test_a_command_that_hangs_ends_with_its_time_limit(client: Any, container: str) -> None:
    with Shell(client, container) as shell:
        began = time.monotonic()
        with pytest.raises(ShellClosed, match="in time"):
            shell.run("sleep 60", timeout=0.3)
        assert time.monotonic() - began < 2
        with pytest.raises(ShellClosed):
            shell.run("true")


def test_a_shell_that_is_killed_is_said_to_have_ended(shell: Shell) -> None:
    with pytest.raises(ShellClosed):
        shell.run("kill -9 $$")


def test_a_command_costs_milliseconds(shell: Shell) -> None:
    began = time.monotonic()
    for _ in range(20):
        shell.run("true")
    assert (time.monotonic() - began) / 20 < 0.05


def test_no_shell_is_no_answer(client: Any, run: Run) -> None:
    container = start(client, run, busybox_image(client, run))
    with pytest.raises(ProbeDidNotRun, match="no /bin/sh"):
        Shell(client, container)
