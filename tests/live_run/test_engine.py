"""``pytest --harden-live`` judges the engine once, whatever number of stacks there is."""

from __future__ import annotations

import pytest

from tests.live_run.conftest import Stack

pytestmark = pytest.mark.live

COMPOSE = """\
services:
  web:
    image: IMAGE
    command: ["sleep", "1000"]
    init: true
"""
ASKED = 'select = ["swarm-mode-off", "engine-release-is-maintained", "no-new-privileges"]\n'


@pytest.fixture
def twice(stack: Stack) -> Stack:
    stack.add("dockerharden.toml", f"{ASKED}[parameters]\nengine-release-is-maintained = {{oldest = [1000]}}\n")
    for name in ("a", "b"):
        (stack.path / name).mkdir()
        stack.add(f"{name}/compose.yaml", COMPOSE)
    return stack


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_the_first_file_alone_has_the_items_of_the_engine(twice: Stack, arguments: tuple[str, ...]) -> None:
    found = twice.outcomes("--harden-live", "-k", "engine", *arguments)
    assert found == {
        "a/compose.yaml::engine::swarm-mode-off[engine]": "passed",
        "a/compose.yaml::engine::engine-release-is-maintained[engine]": "failed",
    }


def test_no_stack_is_brought_up_for_them(twice: Stack) -> None:
    done = twice.run("--harden-live", "-k", "swarm-mode-off", "-v")
    assert "1 passed" in done.stdout
    assert "web: running" not in done.stdout


def test_they_are_judged_where_a_stack_does_not_come_up(twice: Stack) -> None:
    twice.add("a/compose.yaml", COMPOSE.replace("IMAGE", "there-is-no-such-image:1"))
    found = twice.outcomes("--harden-live", "a/compose.yaml", "-k", "not restarted")
    assert found["a/compose.yaml::engine::swarm-mode-off[engine]"] == "passed"
    assert found["a/compose.yaml::live::stack-comes-up"] == "failed"


def test_a_waiver_of_the_configuration_speaks_of_the_engine(twice: Stack) -> None:
    waiver = (
        '[[waiver]]\ncontrol = "engine-release-is-maintained"\nsubject = "engine"\nreason = "the runner is not ours"\n'
    )
    twice.add("dockerharden.toml", f"{(twice.path / 'dockerharden.toml').read_text()}{waiver}")
    found = twice.outcomes("--harden-live", "-k", "engine")
    assert found["a/compose.yaml::engine::engine-release-is-maintained[engine]"] == "waived"


def test_an_engine_that_does_not_answer_fails_itself_and_each_stack_once(twice: Stack) -> None:
    done = twice.run("--harden-live", DOCKER_HOST="tcp://127.0.0.1:1")
    assert "no Docker Engine answers at tcp://127.0.0.1:1" in done.stdout
    assert "3 failed" in done.stdout


def test_the_recommended_suite_asks_nothing_of_the_engine(twice: Stack) -> None:
    twice.add("dockerharden.toml", "")
    assert "::engine::" not in twice.run("--harden-live", "--co", "-q").stdout


def test_a_stack_that_runs_already_has_them_too(twice: Stack) -> None:
    found = twice.outcomes("--harden-attach", "nobody-has-this-name", "a/compose.yaml", "-k", "engine")
    assert found["a/compose.yaml::engine::swarm-mode-off[engine]"] == "passed"


def test_a_benchmark_is_told_with_what_the_engine_is(twice: Stack) -> None:
    twice.add("dockerharden.toml", "")
    done = twice.run(
        "--harden-live", "--harden-suite", "cis-docker", "-k", "swarm-mode-off or engine-files-are-protected"
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["5.1", "L1", "passed", "The", "engine", "is", "in", "no", "swarm"] in lines
    assert any(line[:3] in (["3.16", "L1", "passed"], ["3.16", "L1", "unknown"]) for line in lines)
    assert "sections: not asked" in done.stdout
