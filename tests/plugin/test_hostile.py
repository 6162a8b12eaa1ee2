"""What lies in a repository by mistake or by malice: one line each, and the rest is judged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugin.conftest import Repo

COMPOSE = "services:\n  a:\n    image: x:1\n"
EXTENDING = "services:\n  a:\n    image: x:1\n    extends: {{file: {other}, service: a}}\n"


def circle(path: Path) -> None:
    path.symlink_to(path.name)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def utf16(path: Path) -> None:
    path.write_bytes(COMPOSE.encode("utf-16-le"))


@pytest.mark.parametrize("name", ["docker-compose.yml", "Dockerfile"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(os.mkfifo, "it is not a regular file", id="a pipe"),
        pytest.param(circle, "too many levels of symbolic links", id="a link to itself"),
        pytest.param(dangling, "no such file or directory", id="a link to nowhere"),
        pytest.param(utf16, "not text: a null byte", id="UTF-16"),
    ],
)
def test_what_cannot_be_read_is_one_line(repo: Repo, name: str, make: Callable[[Path], None], message: str) -> None:
    repo.add("other/docker-compose.yml", COMPOSE)
    make(repo.path / name)
    result = repo.judge()
    result.stdout.fnmatch_lines([f"*{message}*", f"*--> {name}:1:*", "*other/docker-compose.yml*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


@pytest.mark.parametrize("name", [".gitignore", ".env", "pyproject.toml", ".dockerignore"])
def test_a_pipe_in_place_of_a_list_does_not_stop_the_run(repo: Repo, name: str) -> None:
    repo.add("docker-compose.yml", COMPOSE)
    os.mkfifo(repo.path / name)
    assert "docker-compose.yml::static::read-only-rootfs[a]" in repo.verdicts()


def test_of_files_that_extend_each_other_one_is_judged(repo: Repo) -> None:
    repo.add("docker-compose.yml", EXTENDING.format(other="docker-compose.b.yml"))
    repo.add("docker-compose.b.yml", EXTENDING.format(other="docker-compose.yml"))
    assert [node for node, outcome in repo.verdicts().items() if "accepted-by-compose" in node] != []


def test_a_directory_with_the_name_of_a_compose_file_is_no_file(repo: Repo) -> None:
    repo.add("compose.yaml/docker-compose.yml", COMPOSE)
    assert "compose.yaml/docker-compose.yml::static::read-only-rootfs[a]" in repo.verdicts()


def test_a_folder_with_two_colons_is_no_id(repo: Repo) -> None:
    repo.add("a\n::error::b/Dockerfile", "FROM x\n")
    result = repo.judge("a\n::error::b/Dockerfile")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert not [line for line in result.outlines if line.startswith("::error")]


def test_a_file_that_is_not_there_cannot_write_lines_of_its_own(repo: Repo) -> None:
    result = repo.judge("a\nb/Dockerfile")
    result.stderr.fnmatch_lines(["ERROR: file or directory not found: a\\nb/Dockerfile"])


def test_no_name_of_a_file_drives_the_terminal(repo: Repo) -> None:
    repo.add("a\x1b[31m\nb/Dockerfile", "FROM x:1\n")
    repo.add("a\x1b[31m\nb/docker-compose.yml", COMPOSE)
    repo.add("c\x1b[31m/node_modules/docker-compose.yml", COMPOSE)
    result = repo.judge()
    assert "\x1b[31m\n" not in result.stdout.str()
    result.stdout.fnmatch_lines(["*not visited: c?[[]31m/node_modules *", "a?[[]31m?b/Dockerfile: *"])


def test_a_path_without_end_does_not_fill_the_header(repo: Repo) -> None:
    repo.add("/".join(["d" * 100] * 9) + "/node_modules/docker-compose.yml", COMPOSE)
    header = next(line for line in repo.judge().outlines if "not visited" in line)
    assert len(header) < 300
    assert header.endswith("/node_modules (dependencies)")


@pytest.mark.skipif(os.name == "nt", reason="links")
@pytest.mark.parametrize("name", ["docker-compose.yml", "Dockerfile"])
def test_no_report_shows_what_a_link_leads_to_outside(
    repo: Repo, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "passwd"
    outside.write_text("root:x:0:0\n")
    repo.add("docker-compose.prod.yml", COMPOSE)
    (repo.path / "a").mkdir()
    (repo.path / "a" / name).symlink_to(outside)
    formats = ("html", "sarif", "codequality", "markdown", "github", "json")
    result = repo.judge(*(f"--harden-report={each}:{each}.out" for each in formats))
    result.stdout.fnmatch_lines(["*lies outside the project, it is not opened*"])
    for text in (result.stdout.str(), *((repo.path / f"{each}.out").read_text() for each in formats)):
        assert "root:x" not in text


def test_what_a_link_leads_to_inside_is_shown(repo: Repo) -> None:
    repo.add("docker-compose.yml", COMPOSE)
    (repo.path / "a").mkdir()
    (repo.path / "a/docker-compose.yml").symlink_to("../docker-compose.yml")
    repo.judge("a/docker-compose.yml").stdout.fnmatch_lines(["  --> a/docker-compose.yml:2:3", "  2 |   a:"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(
            "Dockerfile",
            "FROM alpine:3.22\nENV " + " ".join(f"A{n}=$A{n - 1}" for n in range(1, 4_000)) + "\n",
            id="variables that are not there",
        ),
        pytest.param("Dockerfile", "FROM alpine:3.22\nENV X=" + "${A:-" * 20_000 + "\n", id="braces left open"),
        pytest.param(
            "compose.yaml",
            "services:\n" + "".join(f"  s{n}: {{image: 'nginx:1.27.3'}}\n" for n in range(400)),
            id="services with one image",
        ),
    ],
)
def test_much_of_one_kind_takes_the_time_of_its_length(repo: Repo, name: str, text: str) -> None:
    repo.add(name, text)
    started = time.process_time()
    repo.judge("-q", "--no-summary")
    assert time.process_time() - started < 10


NUMBERS = [
    "pids_limit: {}",
    "oom_score_adj: {}",
    "ports: [{{target: 80, published: {}}}]",
    "ports: [{{target: {}}}]",
    "healthcheck: {{test: [CMD, x], retries: {}}}",
    "volumes: [{{type: tmpfs, target: /t, tmpfs: {{size: {0}, mode: {0}}}}}]",
]


@pytest.mark.parametrize("number", [".nan", "-.inf", "\u00b2", "1" + "0" * 5_000])
def test_a_number_that_is_none_ends_nothing(repo: Repo, number: str) -> None:
    services = "".join(f"  s{n}:\n    image: x:1\n    {key.format(number)}\n" for n, key in enumerate(NUMBERS))
    repo.add("compose.yaml", f"services:\n{services}")
    result = repo.judge("--harden-suite=strict")
    result.stdout.fnmatch_lines(["*--> compose.yaml:*"])
    result.stdout.no_fnmatch_line("*Traceback*")
