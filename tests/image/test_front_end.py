"""``pytest --harden-image``: items, verdicts, waivers and reports of images. Archives need no engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.image.archives import KEY, File, Made, files, layer, layout, saved, unpacked_into

SECRET = "hunter2-hunter2"
BAD = Made(
    [files("etc/a"), layer(File("root/key", KEY)), files("root/.wh.key")],
    {"Cmd": ["x"], "Env": [f"DB_PASSWORD={SECRET}"]},
    [("ADD file:0 in /", False), ("COPY key /root/", False), (f"RUN |1 API_TOKEN={SECRET}x /bin/sh -c rm key", False)],
    ("bad:1",),
)
GOOD = Made(
    [layer(File("etc/passwd", b"root:x:0:0::/:/bin/sh\n"))],
    {"User": "1:1", "Cmd": ["x"]},
    [("COPY a", False)],
    ("g:1",),
)
KEYS = "built-without-keys"


class Repository:
    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DOCKER_HOST": f"unix://{self.path}/none.sock"}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments]
        return subprocess.run(command, cwd=self.path, capture_output=True, text=True, check=False, env=environment)

    def verdicts(self, *arguments: str) -> dict[str, str]:
        done = self.run("--harden-report", "json:report.json", *arguments)
        report = self.path / "report.json"
        assert report.exists(), done.stdout + done.stderr
        items: list[dict[str, Any]] = json.loads(report.read_text())["items"]
        return {item["id"]: item["verdict"] for item in items if item["verdict"] != "not-applicable"}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "bad.tar").write_bytes(saved(BAD))
    (tmp_path / "two.tar").write_bytes(saved(BAD, GOOD))
    unpacked_into(tmp_path / "good", layout(GOOD))
    return Repository(tmp_path)


def test_a_good_image_passes(repository: Repository) -> None:
    done = repository.run("--harden-image", "good")
    assert done.returncode == 0, done.stdout
    assert "1 image" in done.stdout
    assert "image:good " in done.stdout


def test_a_bad_image_fails_and_no_secret_is_shown(repository: Repository) -> None:
    done = repository.run(
        "--harden-image", "bad.tar", "-v", "-rA", "--junitxml=junit.xml", "--harden-report", "json:r.json"
    )
    assert done.returncode == 1
    assert f"FAILED image:bad.tar::{KEYS}" in done.stdout
    assert "bad.tar: /root/key is a private key, in a layer below the one that deletes it" in done.stdout
    assert "  see bad.tar: history 1\n    | COPY key /root/" in done.stdout
    assert "the variable DB_PASSWORD holds a credential" in done.stdout
    assert "the build argument API_TOKEN is in the history" in done.stdout
    written = (
        done.stdout
        + done.stderr
        + (repository.path / "junit.xml").read_text()
        + (repository.path / "r.json").read_text()
    )
    assert SECRET not in written
    assert "b3BlbnNzaC" not in written


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ([f"image:bad.tar::{KEYS}"], {f"image:bad.tar::{KEYS}": "failed"}),
        (["image:bad.tar::image-readable", "-k", "keys"], {}),
        (["-k", "built-without-keys and image"], {f"image:bad.tar::{KEYS}": "failed", f"image:good::{KEYS}": "passed"}),
        (["-k", "critical", "image:good"], None),
    ],
)
def test_items_are_chosen_as_ever(repository: Repository, chosen: list[str], expected: dict[str, str] | None) -> None:
    found = repository.verdicts("--harden-image", "bad.tar", "--harden-image", "good", *chosen)
    if expected is None:
        assert found and all(identifier.startswith("image:good::") for identifier in found)
    else:
        assert found == expected


def test_an_id_can_be_given_as_a_run_in_a_folder_shows_it(repository: Repository) -> None:
    (repository.path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    below = Repository(repository.path / "below")
    below.path.mkdir()
    done = below.run("--harden-image", "../bad.tar", "-rf")
    shown = next(line.split()[1] for line in done.stdout.splitlines() if KEYS in line and line.startswith("FAILED"))
    assert below.verdicts("--harden-image", "../bad.tar", shown) == {f"image:../bad.tar::{KEYS}": "failed"}


def test_an_id_that_is_not_there_is_a_usage_error(repository: Repository) -> None:
    done = repository.run("--harden-image", "good", "image:good::no-such-control")
    assert done.returncode == 4
    assert "not found: image:good::no-such-control" in done.stderr


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("missing:1", "no Docker Engine answers"),
        ("./missing.tar", "it cannot be read: No such file or directory"),
        ("two.tar", "several images are in it; add # and one of these: bad:1, g:1"),
        ("two.tar#other:1", "none of the images in it is that"),
        ("report.txt", "it is no tar archive"),
    ],
)
def test_an_image_that_cannot_be_read_fails_once(repository: Repository, reference: str, message: str) -> None:
    (repository.path / "report.txt").write_text("some text that is no archive\n" * 100)
    done = repository.run("--harden-image", reference)
    assert done.returncode == 1
    assert "1 failed" in done.stdout and " passed" not in done.stdout.splitlines()[-1]
    assert message in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_one_of_several_images_is_named_after_a_hash(repository: Repository) -> None:
    found = repository.verdicts("--harden-image", "two.tar#g:1")
    assert found[f"image:two.tar#g:1::{KEYS}"] == "passed"


def waiver(control: str, subject: str) -> str:
    return f'[[waiver]]\ncontrol = "{control}"\nsubject = "{subject}"\nreason = "known"\nuntil = 2099-01-01\n'


def test_a_waiver_names_the_image(repository: Repository) -> None:
    (repository.path / "dockerharden.toml").write_text(waiver(KEYS, "bad.tar"))
    assert repository.verdicts("--harden-image", "bad.tar")[f"image:bad.tar::{KEYS}"] == "waived"


def test_the_line_of_the_dockerfile_is_named_and_may_bear_the_waiver(repository: Repository) -> None:
    (repository.path / "compose.yaml").write_text("services: {web: {build: ., image: bad.tar}}\n")
    text = "FROM debian:12\nCOPY key /root/\nRUN rm key\n"
    (repository.path / "Dockerfile").write_text(text)
    assert "  change Dockerfile:2:1" in repository.run("--harden-image", "bad.tar", "-v").stdout
    marked = text.replace("COPY", f"# harden: waive {KEYS} until 2099-01-01 -- a sample\nCOPY")
    (repository.path / "Dockerfile").write_text(marked)
    assert repository.verdicts("--harden-image", "bad.tar")[f"image:bad.tar::{KEYS}"] == "waived"
    assert repository.verdicts("--harden-static", "Dockerfile").get("Dockerfile::waiver") is None


def test_a_waiver_that_is_not_needed_fails(repository: Repository) -> None:
    (repository.path / "dockerharden.toml").write_text(waiver(KEYS, "good"))
    done = repository.run("--harden-image", "good")
    assert done.returncode == 1
    assert "what it waives is not found any more" in done.stdout


def test_a_waiver_of_an_image_does_not_disturb_a_static_run(repository: Repository) -> None:
    (repository.path / "dockerharden.toml").write_text(waiver(KEYS, "good"))
    (repository.path / "compose.yaml").write_text("services: {}\n")
    assert repository.run("--harden-static").returncode == 0


def test_suites_and_severities_apply(repository: Repository) -> None:
    (repository.path / "dockerharden.toml").write_text(
        f'select = ["{KEYS}"]\nfail-on = "critical"\n[severity]\n{KEYS} = "low"\n'
    )
    found = repository.run("--harden-image", "bad.tar", "-rx")
    assert found.returncode == 0
    assert "1 passed, 1 xfailed" in found.stdout


def test_images_and_files_are_judged_together(repository: Repository) -> None:
    (repository.path / "compose.yaml").write_text("services: {web: {image: 'nginx:1.27.3', privileged: true}}\n")
    found = repository.verdicts("--harden-static", "--harden-image", "good")
    assert found["compose.yaml::static::not-privileged[web]"] == "failed"
    assert found[f"image:good::{KEYS}"] == "passed"


def test_images_alone_are_judged_where_a_compose_file_is_broken(repository: Repository) -> None:
    (repository.path / "compose.yaml").write_text("services: [\n")
    assert repository.run("--harden-image", "good").returncode == 0


def test_workers_of_xdist_report_what_one_process_does(repository: Repository) -> None:
    pytest.importorskip("xdist")
    arguments = ("--harden-image", "bad.tar", "--harden-image", "good", "--harden-suite", "strict")
    alone = repository.verdicts(*arguments)
    assert repository.verdicts(*arguments, "-n", "2") == alone


def test_the_repositorys_own_tests_run_beside(repository: Repository) -> None:
    (repository.path / "test_own.py").write_text("def test_own(): pass\n")
    done = repository.run("--harden-image", "good", "test_own.py", "-v")
    assert done.returncode == 0
    assert "test_own.py::test_own PASSED" in done.stdout
    assert f"image:good::{KEYS} PASSED" in done.stdout


def test_without_the_option_nothing_is_read(repository: Repository) -> None:
    (repository.path / "test_own.py").write_text("def test_own(): pass\n")
    assert "1 passed" in repository.run().stdout
