"""A bad stack is many failures and few changes; what is printed says the changes."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from tests.plugin.conftest import Repo

BAD = "".join(f"  s{number}:\n    image: app\n" for number in range(4))
COMPOSE = f"services:\n{BAD}  good:\n    image: app\n    read_only: true\n    mem_limit: 64m\n"
SUITE = 'select = ["read-only-rootfs", "memory-limit", "non-root-image-user"]\n'


@pytest.fixture
def stack(repo: Repo) -> Repo:
    repo.add("dockerharden.toml", SUITE)
    repo.add("compose.yml", COMPOSE)
    repo.add("app/Dockerfile", "FROM alpine:3.20\nRUN true\nUSER root\n")
    return repo


def test_the_lines_to_write_are_said_once(stack: Repo) -> None:
    result = stack.judge("compose.yml")
    assert result.outlines.count("      read_only: true") == 2  # at the start, and in the text
    result.stdout.fnmatch_lines(
        [
            "____* read-only-rootfs?s0? and 3 more ____*",
            "s0: the root filesystem is writable",
            "  the same at:",
            "      compose.yml:4:3  s1",
            "      compose.yml:6:3  s2",
            "      compose.yml:8:3  s3",
        ]
    )


def test_what_matters_most_stands_before_all_else_with_what_to_write(stack: Repo) -> None:
    lines = stack.judge().outlines
    start = lines.index("most important first:")
    assert lines[start - 1] == "collected 11 items"
    assert lines[start + 1].startswith(" 1. app/Dockerfile: ") or "(high) app/Dockerfile:3:1" in lines[start + 1]
    assert "s0, s1, s2 and 1 more: the root filesystem is writable (medium) compose.yml:2:3" in "".join(lines)
    assert lines.index("      read_only: true") < next(
        i for i, line in enumerate(lines) if line.startswith("compose.yml:")
    )


def test_failures_are_ordered_by_what_they_matter(stack: Repo) -> None:
    titles = [line.strip("_ ").split("[")[0].split(" ")[0] for line in stack.judge().outlines if line.startswith("___")]
    assert titles == ["non-root-image-user", "memory-limit", "read-only-rootfs"]


@pytest.mark.parametrize("arguments", [("-v",), ("--tb=line",), ("--tb=no",)])
def test_each_failure_stands_alone_where_that_is_asked_for(stack: Repo, arguments: tuple[str, ...]) -> None:
    assert "the same at:" not in stack.judge(*arguments).stdout.str()


def test_each_failure_is_counted_and_listed(stack: Repo) -> None:
    result = stack.judge()
    result.assert_outcomes(failed=9, passed=2)
    listed = [line for line in result.outlines if line.startswith("FAILED compose.yml::static::read-only-rootfs")]
    assert len(listed) == 4


def test_a_list_that_nobody_reads_is_left_out(stack: Repo) -> None:
    stack.add("compose.yml", "services:\n" + "".join(f"  s{n}:\n    image: app\n" for n in range(30)))
    result = stack.judge()
    result.assert_outcomes(failed=61)
    assert "FAILED compose.yml" not in result.stdout.str()
    assert "      ... and 14 more (-v shows all)" in result.outlines
    assert "FAILED compose.yml" in stack.judge("-rf").stdout.str()


def test_a_message_of_its_own_is_not_lost_in_a_group(stack: Repo) -> None:
    stack.add("dockerharden.toml", 'select = ["ports-bound-to-interface"]\n')
    stack.add(
        "compose.yml", 'services:\n  a:\n    image: x\n    ports: ["82:82"]\n  b:\n    image: x\n    ports: ["81:81"]\n'
    )
    output = stack.judge("compose.yml").stdout.str()
    assert "a: " in output
    assert "b: " in output


def test_reports_for_machines_have_the_whole_text_of_each(stack: Repo) -> None:
    stack.judge("--junitxml=out.xml")
    cases = {case.get("name"): case for case in ET.parse(stack.path / "out.xml").iter("testcase")}
    failure = cases["read-only-rootfs[s3]"].find("failure")
    assert failure is not None
    assert "read_only: true" in str(failure.text)


def test_own_tests_that_fail_are_shown_as_ever(stack: Repo) -> None:
    stack.add("test_x.py", "def test_x(): assert False, 'mine'\n")
    result = stack.judge("test_x.py", "compose.yml")
    result.stdout.fnmatch_lines(["*= FAILURES =*", "*_ test_x _*", "*AssertionError: mine"])
    result.stdout.fnmatch_lines(["FAILED test_x.py::test_x - AssertionError: mine*"])
    result.assert_outcomes(failed=9, passed=2)


def test_workers_print_the_same_groups(stack: Repo) -> None:
    pytest.importorskip("xdist")
    result = stack.pytester.runpytest_subprocess(
        "--harden-static", "-n2", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"
    )
    result.stdout.fnmatch_lines(["____* read-only-rootfs?s0? and 3 more ____*", "  the same at:"])
    result.assert_outcomes(failed=9, passed=2)


def test_one_rule_of_the_benchmark_is_one_change(stack: Repo) -> None:
    stack.add("dockerharden.toml", 'select = ["non-root-user", "non-root-image-user", "read-only-rootfs"]\n')
    stack.add("compose.yml", "services:\n  a:\n    build: app\n")
    lines = stack.judge("-q").outlines
    start = lines.index("most important first:")
    assert "(high)" in lines[start + 1]
    assert "the root filesystem is writable" in lines[start + 2]


def test_quiet_runs_start_quietly(stack: Repo) -> None:
    assert stack.judge("-q").outlines.count("most important first:") == 1
    assert stack.judge("--co").outlines.count("most important first:") == 0


def test_a_good_stack_has_nothing_that_matters(stack: Repo) -> None:
    output = stack.judge("-k", "good").stdout.str()
    assert "most important" not in output
    assert "FAILURES" not in output


def test_of_very_many_findings_of_one_control_the_first_hundred_are_shown(repo: Repo) -> None:
    images = "".join(f"ENV SECRET_KEY_{number}=hunter2x{number}\n" for number in range(130))
    repo.add("Dockerfile", f"FROM alpine:3.20\n{images}USER 1000\n")
    output = repo.judge("Dockerfile", "-k", "secret-values", "--harden-report", "json:out.json").stdout.str()
    assert output.count("  --> Dockerfile:") == 100
    assert "\nand 30 more; --harden-report json:FILE has them all\n" in output
    [failed] = [i for i in json.loads((repo.path / "out.json").read_text())["items"] if i["verdict"] == "failed"]
    assert len(failed["findings"]) == 130
