"""What changed since an earlier run."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import Repo
from tests.report.conftest import COMPOSE, report, report_as_json


@pytest.fixture
def compared(stack: Repo) -> Repo:
    """The stack with the report of its first run in before.json."""
    stack.judge("--harden-report=json:before.json")
    return stack


def changes(repo: Repo, *arguments: str) -> dict[str, list[str]]:
    since = report_as_json(repo, "json", "--harden-compare=before.json", *arguments)["since"]
    return {
        kind: [f"{c['control']}[{c['subject']}]" for c in found]
        for kind, found in since.items()
        if kind not in ("file", "same")
    }


@pytest.mark.parametrize(
    ("compose", "expected"),
    [
        pytest.param(COMPOSE, {}, id="nothing"),
        pytest.param("# moved\n" + COMPOSE, {}, id="lines move"),
        pytest.param(
            COMPOSE.replace("redis:7.2", "redis:7.2\n    read_only: true"),
            {"mended": ["read-only-rootfs[redis]"]},
            id="mended",
        ),
        pytest.param(
            COMPOSE.replace("    read_only: true", "    read_only: false"),
            {"new": ["read-only-rootfs[web]"]},
            id="passed before",
        ),
        pytest.param(
            COMPOSE + "  more:\n    image: x\n", {"new": ["read-only-rootfs[more]"]}, id="a service more"
        ),
        pytest.param(
            COMPOSE.replace("  redis:", "  queue:"),
            {"new": ["read-only-rootfs[queue]"], "gone": ["read-only-rootfs[redis]"]},
            id="another name",
        ),
        pytest.param(
            COMPOSE.replace("redis:7.2", "redis:7.2\n    read_only: ${X:?}"),
            {"undecided": ["read-only-rootfs[redis]"]},
            id="unknown is no improvement",
        ),
        pytest.param(
            COMPOSE.replace("  redis:", "  redis:  # harden: waive read-only-rootfs until 2999-01-01 -- x"),
            {"accepted": ["read-only-rootfs[redis]"]},
            id="waived is no improvement",
        ),
    ],
)  # fmt: skip
def test_what_became_of_each_failure(compared: Repo, compose: str, expected: dict[str, list[str]]) -> None:
    compared.add("app/docker-compose.yml", compose)
    assert changes(compared) == expected


def test_what_the_earlier_run_did_not_judge_is_not_new(compared: Repo) -> None:
    (compared.path / "before.json").write_text('{"version": 1, "items": []}')
    assert changes(compared) == {"first": ["read-only-rootfs[redis]"]}


def test_the_terminal_names_what_is_new(compared: Repo) -> None:
    compared.add("app/docker-compose.yml", COMPOSE.replace("    read_only: true", "    read_only: false"))
    result = compared.judge("--harden-compare=before.json")
    result.stdout.fnmatch_lines(
        [
            "since before.json: 1 new, 1 as before",
            "  new: web: the root filesystem is writable (read-only-rootfs) app/docker-compose.yml:6:5",
        ]
    )


def test_the_pull_request_is_told(compared: Repo) -> None:
    compared.add("app/docker-compose.yml", COMPOSE.replace("    read_only: true", "    read_only: false"))
    text = report(compared, "markdown", "--harden-compare=before.json")
    assert "Since <code>before.json</code>: 1 new, 1 as before." in text
    assert "- **web: the root filesystem is writable** (<code>read-only-rootfs</code>)" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(None, "No such file or directory", id="no file"),
        pytest.param("{", "is no report of --harden-report=json", id="no JSON"),
        pytest.param("[]", "is no report of --harden-report=json", id="another JSON"),
        pytest.param('{"version": 2, "items": []}', "is no report of --harden-report=json", id="of the future"),
        pytest.param('{"version": 1, "items": [{"id": 1}]}', "is no report of --harden-report=json", id="broken"),
        pytest.param(json.dumps({"version": 1, "items": ["x"]}), "is no report of", id="items that are none"),
    ],
)
def test_a_wrong_file_is_told_before_anything_runs(stack: Repo, text: str | None, message: str) -> None:
    if text is not None:
        stack.add("before.json", text)
    result = stack.judge("--harden-compare=before.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: dockerharden: --harden-compare: before.json*{message}*"])


@pytest.mark.parametrize("arguments", [pytest.param((), id="alone"), pytest.param(("-n1",), id="by a worker")])
def test_what_passes_now_is_mended_though_no_report_asks_for_it(compared: Repo, arguments: tuple[str, ...]) -> None:
    compared.add("app/docker-compose.yml", COMPOSE.replace("redis:7.2", "redis:7.2\n    read_only: true"))
    if arguments:
        pytest.importorskip("xdist")
    result = compared.judge("--harden-compare=before.json", *arguments)
    result.stdout.fnmatch_lines(["since before.json: 1 mended"])
