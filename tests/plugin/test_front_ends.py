"""The console script, pre-commit, and what is printed without a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.plugin.conftest import Repo

ROOT = Path(__file__).parents[2]
DOCKERFILE = "FROM alpine:3.20\nRUN true\nUSER root\n"


def dockerharden(repo: Repo, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from pytest_dockerharden.cli import main; raise SystemExit(main())", *arguments],
        cwd=repo.path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def hostile(repo: Repo) -> Repo:
    """Everything that makes a plain ``pytest --harden-static`` fail in the environment of a pre-commit hook."""
    repo.add("dockerharden.toml", 'select = ["non-root-image-user"]\n')
    repo.add("build/Dockerfile", DOCKERFILE)
    repo.add("conftest.py", "import a_module_that_is_not_there\n")
    repo.add("build/conftest.py", "raise RuntimeError\n")
    repo.add(
        "pytest.ini",
        "[pytest]\ntestpaths = tests\naddopts = --cov=x --no-such-option\nrequired_plugins = pytest-nothing\n"
        "filterwarnings = error\nnorecursedirs = build\n",
    )
    return repo


@pytest.mark.parametrize("arguments", [("build/Dockerfile",), (), (".",)])
def test_the_command_needs_nothing_of_the_repository(hostile: Repo, arguments: tuple[str, ...]) -> None:
    result = dockerharden(hostile, *arguments, PYTEST_ADDOPTS="--no-such-option", PYTEST_PLUGINS="nothing")
    assert result.returncode == 1, result.stderr
    assert "build/Dockerfile::non-root-image-user" in result.stdout
    assert "the last USER is root" in result.stdout


def test_the_command_leaves_nothing_behind(hostile: Repo) -> None:
    before = sorted(hostile.path.rglob("*"))
    dockerharden(hostile)
    assert sorted(hostile.path.rglob("*")) == before


def test_nothing_to_judge_is_no_failure_of_the_command(repo: Repo) -> None:
    result = dockerharden(repo)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_file_of_tests_is_refused_and_not_run(repo: Repo) -> None:
    repo.add("compose.yml", "services: {}\n")
    repo.add("test_x.py", "open('run', 'w').close()\ndef test_x(): pass\n")
    result = dockerharden(repo, "test_x.py", "compose.yml")
    assert not (repo.path / "run").exists()
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "not found: " in result.stderr
    assert "test_x.py" in result.stderr


def test_the_command_takes_the_options_of_pytest(hostile: Repo) -> None:
    result = dockerharden(hostile, "-q", "--harden-fail-on=critical", "build/Dockerfile")
    assert result.returncode == 0
    assert "1 xfailed" in result.stdout


def test_pre_commit_is_given_compose_files_and_dockerfiles() -> None:
    import re

    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert hooks["dockerharden"]["entry"] == hooks["dockerharden-all"]["entry"] == "dockerharden"
    assert hooks["dockerharden-all"]["pass_filenames"] is False
    pattern = re.compile(hooks["dockerharden"]["files"])
    for name in ("Dockerfile", "a/Dockerfile.dev", "web.Dockerfile", "Containerfile", "compose.yaml"):
        assert pattern.search(name), name
    for name in ("docker-compose.prod.yml", "x/docker-compose.yaml", "compose.override.yml"):
        assert pattern.search(name), name
    for name in ("mydockerfile.txt", "composer.json", "decompose.yml", "a/Dockerfile/readme.md"):
        assert not pattern.search(name), name


def test_the_list_names_every_control(repo: Repo) -> None:
    result = repo.pytester.runpytest_inprocess("--harden-list")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "*the control, its severity, its priority in the hardening plan*",
            "filesystem:",
            "  read-only-rootfs * medium * P1  The root filesystem is read-only.",
        ]
    )


def test_the_list_as_json_has_all_metadata(repo: Repo) -> None:
    result = repo.pytester.runpytest_inprocess("--harden-list", "json")
    controls = {control["id"]: control for control in json.loads("\n".join(result.outlines))}
    control = controls["read-only-rootfs"]
    assert control["severity"] == "medium"
    assert control["plan"] == "P1"
    assert control["cis"] == ["5.13"]
    assert control["judges"] == "Posture"
    assert "compose-lint" in control["equivalents"]
    assert control["title"] == "The root filesystem is read-only."


def test_own_controls_are_listed(repo: Repo) -> None:
    repo.add("dockerharden.toml", 'controls = ["tools/harden.py"]\n')
    repo.add(
        "tools/harden.py",
        "from pytest_dockerharden.model.control import control\n"
        "@control(severity='high')\n"
        "def house_rule(stage: 'Stage'):\n    '''The house rule holds.'''\n    yield from ()\n",
    )
    repo.pytester.runpytest_inprocess("--harden-list").stdout.fnmatch_lines(["harden:", "  house-rule *"])


def test_a_control_is_explained_with_its_examples(repo: Repo) -> None:
    result = repo.pytester.runpytest_inprocess("--harden-explain", "read-only-rootfs")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "read-only-rootfs: The root filesystem is read-only.",
            "(medium, priority P1, CIS 5.13*",
            "Bad:",
            "    services:",
            "Good:",
        ]
    )


def test_an_unknown_control_is_a_usage_error(repo: Repo) -> None:
    result = repo.pytester.runpytest_inprocess("--harden-explain", "read-only-rotfs")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: no control 'read-only-rotfs'; did you mean `read-only-rootfs`?")


def test_the_rules_of_another_tool_are_listed_with_their_controls(repo: Repo) -> None:
    result = repo.pytester.runpytest_inprocess("--harden-list", "hadolint")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["DL3002  non-root-image-user*", "DL3008  pinned-apt-packages (strict)"])


def test_a_tool_that_is_not_known_is_a_usage_error(repo: Repo) -> None:
    result = repo.pytester.runpytest_inprocess("--harden-list", "hadolnit")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: --harden-list: no `hadolnit`; did you mean `hadolint`? (there are: text, json*")


@pytest.mark.parametrize("name", ["-pevil.Dockerfile", "--basetemp=x.Dockerfile", "@options.Dockerfile", "@any"])
def test_a_name_of_a_file_does_not_act_as_an_option(repo: Repo, name: str) -> None:
    for file in (name, "options.Dockerfile", "any"):
        repo.add(file, "FROM x:1\nUSER root\nCMD --nothing\n")
    result = dockerharden(repo, name)
    assert f"{name}: the last USER is root" in result.stdout
    assert result.returncode == 1


def test_an_option_stays_one_where_a_file_has_its_name(repo: Repo) -> None:
    repo.add("-q", "FROM x:1\n")
    repo.add("Dockerfile", "FROM x:1\n")
    assert "-q" not in dockerharden(repo, "-q", "Dockerfile").stdout
