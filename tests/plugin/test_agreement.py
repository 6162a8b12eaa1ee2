"""What base and overlays have in common is one item; where they differ there is one for each."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import Repo

BASE = "services:\n  redis:\n    image: redis:7.2\n  web:\n    image: app\n    read_only: true\n"
FILE = "docker-compose.yml::static::"
ROOTFS = f"{FILE}read-only-rootfs"


@pytest.fixture
def stack(repo: Repo) -> Repo:
    repo.add("dockerharden.toml", 'select = ["read-only-rootfs", "declared-resources-are-used"]\n')
    repo.add("docker-compose.yml", BASE)
    return repo


def overlay(repo: Repo, name: str, text: str) -> None:
    repo.add(f"docker-compose.{name}.yml", text)


NEUTRAL = "services:\n  redis:\n    restart: always\n"
SAFE = "services:\n  redis:\n    read_only: true\n"
MORE = "services:\n  web:\n    restart: always\n  job:\n    image: job\n"


def test_what_no_overlay_changes_is_one_item(stack: Repo) -> None:
    overlay(stack, "prod", NEUTRAL)
    assert stack.verdicts("-k", "read-only-rootfs") == {f"{ROOTFS}[redis]": "FAILED", f"{ROOTFS}[web]": "PASSED"}


def test_the_text_names_the_combinations(stack: Repo) -> None:
    overlay(stack, "prod", NEUTRAL)
    stack.judge().stdout.fnmatch_lines(["redis: the root filesystem is writable", "  in base and prod"])


def test_one_combination_is_not_named(stack: Repo) -> None:
    assert "  in " not in stack.judge().stdout.str()


def test_what_differs_stays_an_item_for_each_group_of_combinations(stack: Repo) -> None:
    overlay(stack, "a", SAFE)
    overlay(stack, "b", NEUTRAL)
    verdicts = stack.verdicts("-k", "read-only-rootfs and redis")
    assert verdicts == {f"{ROOTFS}[base/redis]": "FAILED", f"{ROOTFS}[a/redis]": "PASSED"}
    stack.judge().stdout.fnmatch_lines(["base/redis: the root filesystem is writable", "  in base and b"])


def test_a_service_of_one_combination_keeps_its_name(stack: Repo) -> None:
    overlay(stack, "prod", MORE)
    assert f"{ROOTFS}[prod/job]" in stack.verdicts()


def test_the_same_fault_at_another_place_is_another_item(stack: Repo) -> None:
    stack.add("docker-compose.yml", "services:\n  redis:\n    image: redis:7.2\n    read_only: false\n")
    overlay(stack, "prod", "services:\n  redis:\n    read_only: false\n")
    assert stack.verdicts("-k", "read-only-rootfs").keys() == {f"{ROOTFS}[base/redis]", f"{ROOTFS}[prod/redis]"}


def test_the_project_as_a_whole_has_no_subject_where_all_agree(stack: Repo) -> None:
    overlay(stack, "prod", NEUTRAL)
    stack.add("docker-compose.yml", BASE + "networks:\n  a: {}\n")
    assert stack.verdicts("-k", "declared-resources") == {f"{FILE}declared-resources-are-used": "FAILED"}


@pytest.mark.parametrize("words", ["prod", "base", "prod/redis", "base/redis", "redis and prod"])
def test_k_knows_every_combination_that_an_item_stands_for(stack: Repo, words: str) -> None:
    overlay(stack, "prod", NEUTRAL)
    assert f"{ROOTFS}[redis]" in stack.verdicts("-k", words)


@pytest.mark.parametrize("subject", ["redis", "base/redis", "prod/redis"])
def test_an_id_may_name_any_combination(stack: Repo, subject: str) -> None:
    overlay(stack, "prod", NEUTRAL)
    assert stack.verdicts(f"{ROOTFS}[{subject}]") == {f"{ROOTFS}[redis]": "FAILED"}


def test_an_id_without_a_combination_means_all_of_them(stack: Repo) -> None:
    overlay(stack, "prod", SAFE)
    assert stack.verdicts(f"{ROOTFS}[redis]") == {f"{ROOTFS}[base/redis]": "FAILED", f"{ROOTFS}[prod/redis]": "PASSED"}


def test_an_id_chooses_out_of_the_whole_run(stack: Repo) -> None:
    overlay(stack, "prod", SAFE)
    assert stack.verdicts(f"{ROOTFS}[prod/redis]") == {f"{ROOTFS}[prod/redis]": "PASSED"}


def test_an_id_of_no_combination_is_not_found(stack: Repo) -> None:
    overlay(stack, "prod", NEUTRAL)
    assert stack.judge(f"{ROOTFS}[dev/redis]").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("redis", {f"{ROOTFS}[redis]": "XFAIL"}),
        ("prod/redis", {f"{ROOTFS}[base/redis]": "FAILED", f"{ROOTFS}[prod/redis]": "XFAIL"}),
        ("*/redis", {f"{ROOTFS}[redis]": "XFAIL"}),
    ],
)
def test_a_waiver_of_one_combination_is_a_difference(stack: Repo, subject: str, expected: dict[str, str]) -> None:
    overlay(stack, "prod", NEUTRAL)
    waiver = f'[[waiver]]\ncontrol = "read-only-rootfs"\nsubject = "{subject}"\nreason = "x"\n'
    stack.add("dockerharden.toml", 'select = ["read-only-rootfs"]\n' + waiver)
    assert stack.verdicts("-k", "redis") == expected


def test_the_report_names_the_combinations(stack: Repo) -> None:
    overlay(stack, "prod", NEUTRAL)
    stack.judge("--harden-report=json:out.json")
    items = json.loads((stack.path / "out.json").read_text())["items"]
    combinations = {item["id"]: item.get("combinations") for item in items if item["verdict"] == "failed"}
    assert combinations == {f"{ROOTFS}[redis]": ["base", "prod"]}


def test_a_baseline_of_some_combinations_names_each(stack: Repo) -> None:
    overlay(stack, "a", SAFE)
    overlay(stack, "b", NEUTRAL)
    stack.pytester.runpytest_inprocess("--harden-baseline")
    written = (stack.path / "dockerharden.toml").read_text(encoding="utf-8").splitlines()
    subjects = [line for line in written if line.startswith("subject")]
    assert subjects == ['subject = "base/redis"', 'subject = "b/redis"']


def test_the_summary_has_a_row_for_each_service(stack: Repo) -> None:
    overlay(stack, "a", SAFE)
    rows = [line.split() for line in stack.judge().outlines]
    assert ["redis", "1", "1", "-", "-"] in rows
