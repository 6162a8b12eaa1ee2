"""``--harden-baseline``: what fails today passes tomorrow, and nothing else does."""

from __future__ import annotations

import datetime
import sys

import pytest

from tests.plugin.conftest import Repo

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

COMPOSE = """\
services:
  redis:
    image: redis:7.2
  web:
    image: app
    mem_limit: 64m
"""
SELECT = 'select = ["read-only-rootfs", "memory-limit"]\n'
TODAY = datetime.date.today()
UNTIL = TODAY + datetime.timedelta(days=90)


@pytest.fixture
def stack(repo: Repo) -> Repo:
    repo.add("docker-compose.yml", COMPOSE)
    return repo


def baseline(stack: Repo, *arguments: str) -> pytest.RunResult:
    return stack.pytester.runpytest_inprocess("--harden-baseline", *arguments)


def waivers(stack: Repo, file: str = "dockerharden.toml") -> list[dict[str, object]]:
    table = tomllib.loads((stack.path / file).read_text(encoding="utf-8"))
    if file.endswith("pyproject.toml"):
        table = table["tool"]["dockerharden"]
    return list(table["waiver"])


def test_a_repository_without_configuration_passes_afterwards(stack: Repo) -> None:
    assert stack.judge().ret == pytest.ExitCode.TESTS_FAILED
    assert baseline(stack).ret == 0
    assert stack.judge().ret == pytest.ExitCode.OK


def test_each_failure_is_waived_by_itself_for_ninety_days(stack: Repo) -> None:
    stack.add("dockerharden.toml", SELECT)
    result = baseline(stack)
    assert result.outlines == [
        f"dockerharden.toml: added 3 waivers until {UNTIL}. Give each a reason, or mend what it waives and remove it."
    ]
    reason = f"TODO: say why this is acceptable, or mend it (found on {TODAY})"
    rest = {"file": "docker-compose.yml", "reason": reason, "until": UNTIL}
    found = sorted(waivers(stack), key=lambda waiver: (str(waiver["control"]), str(waiver["subject"])))
    assert found == [
        {"control": "memory-limit", "subject": "redis", **rest},
        {"control": "read-only-rootfs", "subject": "redis", **rest},
        {"control": "read-only-rootfs", "subject": "web", **rest},
    ]


def test_what_stood_there_still_stands_there(stack: Repo) -> None:
    stack.add("dockerharden.toml", "# ours\n" + SELECT)
    baseline(stack)
    text = (stack.path / "dockerharden.toml").read_text(encoding="utf-8")
    assert text.startswith("# ours\n" + SELECT + "\n# redis: the root filesystem is writable\n[[waiver]]\n")


def test_what_is_mended_later_fails_until_its_waiver_is_removed(stack: Repo) -> None:
    stack.add("dockerharden.toml", SELECT)
    baseline(stack)
    stack.add("docker-compose.yml", COMPOSE.replace("  web:\n", "  web:\n    read_only: true\n"))
    result = stack.judge()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines("*the waiver of read-only-rootfs is not in order: what it waives is not found any more")


def test_what_comes_later_fails(stack: Repo) -> None:
    stack.add("dockerharden.toml", SELECT)
    baseline(stack)
    stack.add("docker-compose.yml", COMPOSE + "  new:\n    image: new\n    read_only: true\n")
    verdicts = stack.verdicts()
    assert verdicts["docker-compose.yml::static::memory-limit[new]"] == "FAILED"
    assert verdicts["docker-compose.yml::static::memory-limit[redis]"] == "XFAIL"


def test_a_second_baseline_adds_nothing(stack: Repo) -> None:
    baseline(stack)
    before = (stack.path / "dockerharden.toml").read_text(encoding="utf-8")
    assert baseline(stack).outlines == ["nothing to waive"]
    assert (stack.path / "dockerharden.toml").read_text(encoding="utf-8") == before


def test_the_summary_counts_the_reasons_that_are_missing(stack: Repo) -> None:
    stack.add("dockerharden.toml", SELECT)
    baseline(stack)
    stack.judge().stdout.fnmatch_lines("3 waivers say TODO: a reason is still to be given")
    text = (stack.path / "dockerharden.toml").read_text(encoding="utf-8")
    stack.add("dockerharden.toml", text.replace("TODO: say why this is acceptable", "it runs in a cage"))
    stack.judge().stdout.no_fnmatch_line("*TODO*")


def test_a_run_without_waivers_says_how_to_start(stack: Repo) -> None:
    stack.judge().stdout.fnmatch_lines("to start from here: --harden-baseline *")


def test_a_short_run_says_nothing_of_it(stack: Repo) -> None:
    stack.add("dockerharden.toml", SELECT)
    stack.judge().stdout.no_fnmatch_line("*--harden-baseline*")


def test_a_pyproject_that_is_the_configuration_is_added_to(stack: Repo) -> None:
    stack.add("pyproject.toml", "[tool.dockerharden]\n" + SELECT + "\n[tool.other]\nx = 1")
    baseline(stack)
    assert [waiver["control"] for waiver in waivers(stack, "pyproject.toml")].count("read-only-rootfs") == 2
    assert stack.judge().ret == pytest.ExitCode.OK


def test_a_pyproject_of_others_is_left_alone(stack: Repo) -> None:
    stack.add("pyproject.toml", '[project]\nname = "x"\n')
    baseline(stack)
    assert (stack.path / "pyproject.toml").read_text(encoding="utf-8") == '[project]\nname = "x"\n'
    assert waivers(stack)


def test_each_configuration_of_a_monorepo_gets_its_own(stack: Repo) -> None:
    stack.add("dockerharden.toml", SELECT)
    stack.add("inner/dockerharden.toml", SELECT)
    stack.add("inner/compose.yml", "services:\n  db:\n    image: db\n    read_only: true\n")
    baseline(stack)
    [waiver] = waivers(stack, "inner/dockerharden.toml")
    assert (waiver["control"], waiver["file"]) == ("memory-limit", "compose.yml")
    assert stack.judge().ret == pytest.ExitCode.OK


def test_line_ends_are_kept(stack: Repo) -> None:
    (stack.path / "dockerharden.toml").write_bytes(SELECT.encode().replace(b"\n", b"\r\n"))
    baseline(stack)
    written = (stack.path / "dockerharden.toml").read_bytes()
    assert written.count(b"\n") == written.count(b"\r\n")


def test_a_folder_with_the_signs_of_a_pattern_means_itself(stack: Repo) -> None:
    stack.add("dockerharden.toml", SELECT)
    stack.add("[a]*/compose.yml", "services:\n  db:\n    image: db\n    read_only: true\n")
    baseline(stack)
    assert "[[]a][*]/compose.yml" in [waiver["file"] for waiver in waivers(stack)]
    assert stack.judge().ret == pytest.ExitCode.OK


def test_an_expired_waiver_is_for_a_person_to_renew(stack: Repo) -> None:
    own = '[[waiver]]\ncontrol = "memory-limit"\nreason = "x"\nuntil = 2020-01-01\n'
    stack.add("dockerharden.toml", SELECT + own)
    result = baseline(stack)
    assert [waiver["control"] for waiver in waivers(stack)].count("memory-limit") == 1
    result.stdout.fnmatch_lines(["1 cannot be waived so, and will fail:", "*memory-limit*expired on 2020-01-01: x"])


def test_a_file_that_cannot_be_read_is_not_waived(stack: Repo) -> None:
    stack.add("compose.bad.yml", "services: [\n")
    result = baseline(stack)
    assert not [waiver for waiver in waivers(stack) if waiver["control"] == "readable"]
    result.stdout.fnmatch_lines(["1 cannot be waived so, and will fail:", "  *: readable: *"])


def test_waivers_in_one_line_cannot_be_added_to(stack: Repo) -> None:
    text = SELECT + 'waiver = [{control = "memory-limit", subject = "redis", reason = "x"}]\n'
    stack.add("dockerharden.toml", text)
    result = baseline(stack)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*dockerharden.toml: no waiver can be added at its end; write *")
    assert (stack.path / "dockerharden.toml").read_text(encoding="utf-8") == text


def test_only_what_was_asked_for_is_waived(stack: Repo) -> None:
    stack.add("other/compose.yml", "services:\n  db:\n    image: db\n")
    baseline(stack, "other/compose.yml")
    assert {waiver["file"] for waiver in waivers(stack)} == {"other/compose.yml"}
