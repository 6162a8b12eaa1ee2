"""The edits of one finding alone, as other tools get them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_dockerharden.evaluation import Evaluation, evaluate
from pytest_dockerharden.model.finding import Edit, Finding
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.policy import Overrides
from pytest_dockerharden.remedy.replacements import Replacement, Replacements
from pytest_dockerharden.request import Request
from pytest_dockerharden.verdicts import Result

LIMITS = ("memory-limit", "pids-limit")


def evaluated(folder: Path, files: dict[str, str], suite: str = "recommended") -> Evaluation:
    for name, text in files.items():
        (folder / name).write_bytes(text.encode())
    start = str(folder)
    return evaluate(Request(start, start, (start,), overrides=Overrides(directory=start, suite=suite)))


def findings(evaluation: Evaluation, *controls: str) -> list[Finding]:
    return [f for result in evaluation.all_results() if result.control.id in controls for f in result.findings]


def test_an_insertion_is_an_empty_span_behind_the_last_key(tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path, {"compose.yaml": "services:\r\n  web:\r\n    image: app  # c\r\n"})
    (finding,) = findings(evaluation, "read-only-rootfs")
    path = str(tmp_path / "compose.yaml")
    assert Replacements(evaluation).of(finding) == (Replacement(path, 3, 20, 3, 20, "\r\n    read_only: true"),)


def test_findings_that_add_the_same_key_each_have_their_own(tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path, {"compose.yaml": "services:\n  web:\n    image: app\n"})
    replacements = Replacements(evaluation)
    new = [replacements.of(finding)[0].new for finding in findings(evaluation, *LIMITS)]
    assert [text.split("\n")[-1].strip().split(":")[0] for text in sorted(new)] == ["memory", "pids"]
    assert all(text.split("\n")[1] == "    deploy:" for text in new)


def test_a_second_place_is_taken_where_the_first_would_change_another_service(tmp_path: Path) -> None:
    text = (
        "x-base: &base\n  image: app\n  read_only: false\nservices:\n  a:\n    <<: *base\n"
        "  # harden: waive read-only-rootfs until 2999-01-01 -- it writes\n  b:\n    <<: *base\n"
    )
    evaluation = evaluated(tmp_path, {"compose.yaml": text})
    replacements = Replacements(evaluation)
    result = next(r for r in evaluation.all_results() if r.name == "read-only-rootfs[a]")
    assert [edit.line for edit in replacements.of(result.findings[0])] == [6]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "services:\n  web:\n    image: app\n    read_only: ${RO:-${NO:-false}}\n", id="the value is two variables'"
        ),
        pytest.param(
            "services:\n  web:  # harden: waive read-only-rootfs until 2999-01-01 -- w\n    image: app\n",
            id="the finding is waived",
        ),
    ],
)
def test_there_is_none_where_nothing_would_be_written(text: str, tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path, {"compose.yaml": text})
    (finding,) = findings(evaluation, "read-only-rootfs")
    assert Replacements(evaluation).of(finding) == ()


def test_a_value_that_stays_is_in_no_replacement(tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path, {"Dockerfile": "FROM a:1\nENV PASSWORD hunter2\n"}, "strict")
    (finding,) = findings(evaluation, "equals-sign-in-variables")
    assert Replacements(evaluation).of(finding) == (Replacement(str(tmp_path / "Dockerfile"), 2, 13, 2, 14, "="),)


def observed(evaluation: Evaluation, name: str) -> Result:
    """What a running stack would say of the same."""
    static = next(result for result in evaluation.all_results() if result.name == name)
    seen = KernelOrigin("web", "/proc/1/mountinfo", "overlay / rw")
    found = tuple(replace(finding, origin=seen) for finding in static.findings)
    return replace(static, phase="live", findings=found, service="")


def test_what_is_seen_in_a_running_stack_is_mended_in_the_text_as_well(tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path, {"compose.yaml": "services:\n  web:\n    image: app\n"})
    live = observed(evaluation, "read-only-rootfs[web]")
    replacements = Replacements(evaluation, [live])
    path = str(tmp_path / "compose.yaml")
    assert replacements.of(live.findings[0]) == (Replacement(path, 3, 15, 3, 15, "\n    read_only: true"),)
    assert replacements.of(live.findings[0]) == replacements.of(findings(evaluation, "read-only-rootfs")[0])


def test_what_a_running_stack_got_along_with_goes_before_what_text_suggests(tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path, {"compose.yaml": "services:\n  web:\n    image: app\n"})
    live = observed(evaluation, "read-only-rootfs[web]")
    proven = (Edit("set", ("read_only",), True), Edit("append", ("tmpfs",), "/cache:size=16m"))
    key = (live.file, "read-only-rootfs", "web")
    new = [edit.new for edit in Replacements(evaluation, [live], {key: proven}).of(live.findings[0])]
    assert new == ["\n    read_only: true", "\n    tmpfs:\n      - /cache:size=16m"]


def test_what_only_a_running_stack_shows_has_none_where_the_service_is_not_in_the_text(tmp_path: Path) -> None:
    evaluation = evaluated(tmp_path, {"compose.yaml": "services:\n  web:\n    image: app\n"})
    live = replace(observed(evaluation, "read-only-rootfs[web]"), subject="gone")
    assert Replacements(evaluation, [live]).of(live.findings[0]) == ()
