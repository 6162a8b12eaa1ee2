"""The hooks of ``.pre-commit-hooks.yaml``, run by pre-commit itself out of a clone of this repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.ecosystem.conftest import GIT, ROOT, commit_all, git

HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
# `python -m` would look for modules in the repository first
PROGRAM = Path(sys.executable).with_name("pre-commit")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    "name",
    [
        *("Dockerfile", "a/b/Dockerfile", "Dockerfile.prod", "app.Dockerfile", "Containerfile", "dockerfile-web"),
        *("compose.yml", "docker-compose.yaml", "deploy/docker-compose.prod.yml", "compose.override.yaml"),
    ],
)
def test_what_the_hook_is_for(name: str) -> None:
    assert re.search(HOOKS["dockerharden"]["files"], name)


@pytest.mark.parametrize("name", ["README.md", "composer.json", "Dockerfile/notes.txt", "docker.yml", "mycompose.yml"])
def test_what_the_hook_is_not_for(name: str) -> None:
    assert not re.search(HOOKS["dockerharden"]["files"], name)


@pytest.mark.parametrize("name", ["dockerharden.toml", "app/.dockerignore", "Dockerfile"])
def test_what_changes_the_verdict_on_other_files(name: str) -> None:
    assert re.search(HOOKS["dockerharden-all"]["files"], name)


@pytest.fixture(scope="session")
def pre_commit_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps the environments that it makes: one for the whole session, for it takes a while."""
    if not PROGRAM.exists() or not shutil.which("git"):
        pytest.skip("pre-commit or git is not installed")
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture
def run(sample: Path, checkout: Path, pre_commit_home: Path) -> Run:
    """Run one of the hooks in the sample repository as a commit of everything would."""

    def run_hook(hook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        rev = git(checkout, "rev-parse", "HEAD").strip()
        hooks = [{"repo": str(checkout), "rev": rev, "hooks": [{"id": hook}]}]
        (sample / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": hooks}), encoding="utf-8")
        commit_all(sample)
        environment = {**os.environ, **GIT, "PRE_COMMIT_HOME": str(pre_commit_home), "PRE_COMMIT_COLOR": "never"}
        return subprocess.run(
            [str(PROGRAM), "run", *(arguments or ("--all-files",))],
            cwd=sample, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    return run_hook


def test_a_bad_stack_is_not_committed(run: Run) -> None:
    done = run("dockerharden")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "redis: the root filesystem is writable" in done.stdout
    assert "web/Dockerfile: no USER is set, so it runs as root" in done.stdout


def test_a_stack_with_a_baseline_is(sample: Path, run: Run) -> None:
    subprocess.run([sys.executable, "-m", "pytest", "--harden-baseline"], cwd=sample, check=True, capture_output=True)
    for hook in HOOKS:
        done = run(hook)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Passed" in done.stdout


def test_other_files_are_no_business_of_it(sample: Path, run: Run) -> None:
    (sample / "README.md").write_text("x\n", encoding="utf-8")
    done = run("dockerharden", "--files", "README.md")
    assert done.returncode == 0
    assert "(no files to check)Skipped" in done.stdout


def test_pytest_settings_of_the_repository_do_not_matter(sample: Path, run: Run) -> None:
    (sample / "pytest.ini").write_text("[pytest]\naddopts = --cov\nrequired_plugins = nothing>1\n", encoding="utf-8")
    (sample / "conftest.py").write_text("import nothing\n", encoding="utf-8")
    done = run("dockerharden")
    assert "redis: the root filesystem is writable" in done.stdout


def test_an_overlay_is_judged_upon_its_base(sample: Path, run: Run) -> None:
    (sample / "docker-compose.prod.yml").write_text("services:\n  web:\n    privileged: true\n", encoding="utf-8")
    done = run("dockerharden", "--files", "docker-compose.prod.yml")
    assert "prod/web: privileged mode is on" in done.stdout
    assert "neither an image nor a build" not in done.stdout


def test_a_hostile_repository_runs_nothing_and_is_judged(sample: Path, run: Run) -> None:
    for name in ("conftest.py", "yaml.py", "pytest.py", "sitecustomize.py", "pytest_dockerharden/__init__.py"):
        (sample / name).parent.mkdir(exist_ok=True)
        (sample / name).write_text(f"open({str(sample / 'broken')!r}, 'w')\n", encoding="utf-8")
    (sample / "pytest.ini").write_text("[pytest]\naddopts = -p conftest --nothing\n", encoding="utf-8")
    (sample / "$(touch broken)").mkdir()
    (sample / "$(touch broken)/Dockerfile").write_text("FROM x\nRUN echo $(touch broken)\n", encoding="utf-8")
    (sample / "a\n::error::b").mkdir()
    (sample / "a\n::error::b/Dockerfile").write_text("FROM x\n", encoding="utf-8")
    (sample / "-pevil.Dockerfile").write_text("FROM x\n", encoding="utf-8")
    (sample / "@options.Dockerfile").write_text("FROM x\n", encoding="utf-8")
    (sample / "options.Dockerfile").write_text("--nothing\n", encoding="utf-8")
    (sample / "out").mkdir()
    (sample / "out/Dockerfile").symlink_to("/etc/passwd")
    (sample / "deep").mkdir()
    (sample / "deep/compose.yaml").write_text("services: " + "[" * 20000, encoding="utf-8")
    done = run("dockerharden")
    assert done.returncode == 1
    assert not (sample / "broken").exists()
    assert "Traceback" not in done.stdout
    assert "root:x:" not in done.stdout
    assert not re.search(r"^::error", done.stdout, re.MULTILINE)
    for said in (
        "redis: the root filesystem is writable",
        "$(touch broken)/Dockerfile",
        "-pevil.Dockerfile",
        "@options.Dockerfile",
        "deep/compose.yaml: nested",
    ):
        assert said in done.stdout
