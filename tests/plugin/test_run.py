"""What ``pytest --harden-static`` shows: items, outcomes, text."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Repo

SUITE = 'select = ["read-only-rootfs", "memory-limit", "non-root-image-user"]\n'
COMPOSE = """\
services:
  redis:
    image: redis:7.2
    mem_limit: 64m
  web:
    image: app
    read_only: true
    mem_limit: 64m
"""
DOCKERFILE = "FROM alpine:3.20\nRUN true\nUSER root\n"


@pytest.fixture
def stack(repo: Repo) -> Repo:
    repo.add("dockerharden.toml", SUITE)
    repo.add("docker-compose.yml", COMPOSE)
    repo.add("proxy/Dockerfile", DOCKERFILE)
    return repo


def test_one_item_for_each_control_and_subject(stack: Repo) -> None:
    assert stack.verdicts() == {
        "docker-compose.yml::static::read-only-rootfs[redis]": "FAILED",
        "docker-compose.yml::static::read-only-rootfs[web]": "PASSED",
        "docker-compose.yml::static::memory-limit[redis]": "PASSED",
        "docker-compose.yml::static::memory-limit[web]": "PASSED",
        "proxy/Dockerfile::non-root-image-user": "FAILED",
    }


def test_the_header_says_what_was_found_and_what_was_not_visited(stack: Repo) -> None:
    stack.add("node_modules/x/Dockerfile", DOCKERFILE)
    stack.judge().stdout.fnmatch_lines(
        "dockerharden: 1 compose file, 1 combination, 1 Dockerfile; not visited: node_modules (dependencies)"
    )


def test_the_text_of_a_finding(stack: Repo) -> None:
    result = stack.judge("docker-compose.yml")
    lines = result.stdout.str().split("\n")
    start = lines.index("redis: the root filesystem is writable")
    assert lines[start : start + 5] == [
        "redis: the root filesystem is writable",
        "  --> docker-compose.yml:2:3",
        "  1 | services:",
        "  2 |   redis:",
        "    |   ^^^^^",
    ]
    result.stdout.fnmatch_lines(
        [
            "  3 |     image: redis:7.2",
            "  why: *",
            "  instead:",
            "      read_only: true",
            "  medium, priority P1, CIS 5.13, OWASP RULE 8*",
            "  waive with: # harden: waive read-only-rootfs until YYYY-MM-DD -- reason",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_several_combinations_name_their_subjects(stack: Repo) -> None:
    stack.add("docker-compose.prod.yml", "services:\n  redis:\n    read_only: true\n")
    verdicts = stack.verdicts("-k", "read-only-rootfs and redis")
    assert verdicts == {
        "docker-compose.yml::static::read-only-rootfs[base/redis]": "FAILED",
        "docker-compose.yml::static::read-only-rootfs[prod/redis]": "PASSED",
    }


def test_configured_combinations_go_before_our_guess(stack: Repo) -> None:
    stack.add("docker-compose.prod.yml", "services:\n  redis:\n    read_only: true\n")
    stack.add(
        "dockerharden.toml",
        SUITE + '[combinations]\nlive = ["docker-compose.yml", "docker-compose.prod.yml"]\n',
    )
    assert stack.verdicts("-k", "read-only-rootfs") == {
        "docker-compose.yml::static::read-only-rootfs[redis]": "PASSED",
        "docker-compose.yml::static::read-only-rootfs[web]": "PASSED",
    }


def test_an_overlay_list_on_the_command_line(stack: Repo) -> None:
    stack.add("a.yml", "services:\n  redis:\n    read_only: true\n")
    arguments = ("--harden-compose", "docker-compose.yml", "--harden-compose", "a.yml", "-k", "read-only-rootfs")
    assert set(stack.verdicts(*arguments).values()) == {"PASSED"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["proxy/Dockerfile"], {"proxy/Dockerfile::non-root-image-user"}, id="a file"),
        pytest.param(["proxy"], {"proxy/Dockerfile::non-root-image-user"}, id="a folder"),
        pytest.param(["proxy", "proxy/Dockerfile"], {"proxy/Dockerfile::non-root-image-user"}, id="both"),
        pytest.param(
            ["docker-compose.yml::static::memory-limit"],
            {
                "docker-compose.yml::static::memory-limit[redis]",
                "docker-compose.yml::static::memory-limit[web]",
            },
            id="a control",
        ),
        pytest.param(
            ["docker-compose.yml::static::memory-limit[web]"],
            {"docker-compose.yml::static::memory-limit[web]"},
            id="an item",
        ),
    ],
)
def test_arguments_choose(stack: Repo, arguments: list[str], expected: set[str]) -> None:
    assert stack.verdicts(*arguments).keys() == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("medium", {"docker-compose.yml::static::read-only-rootfs[redis]"}),
        ("P1 and redis", {"docker-compose.yml::static::read-only-rootfs[redis]"}),
        ("filesystem and redis", {"docker-compose.yml::static::read-only-rootfs[redis]"}),
    ],
)
def test_k_knows_severity_priority_and_family(stack: Repo, words: str, expected: set[str]) -> None:
    assert expected <= stack.verdicts("-k", words).keys()
    assert "proxy/Dockerfile::non-root-image-user" not in stack.verdicts("-k", words)


def test_findings_below_the_threshold_are_xfailed(stack: Repo) -> None:
    verdicts = stack.verdicts("--harden-fail-on", "critical")
    assert verdicts["docker-compose.yml::static::read-only-rootfs[redis]"] == "XFAIL"
    assert stack.judge("--harden-fail-on", "critical").ret == pytest.ExitCode.OK


def test_the_severity_of_a_control_can_be_changed(stack: Repo) -> None:
    stack.add("dockerharden.toml", SUITE + '[severity]\nread-only-rootfs = "info"\n')
    assert stack.verdicts()["docker-compose.yml::static::read-only-rootfs[redis]"] == "XFAIL"


def test_what_is_not_known_is_skipped_with_the_reason(stack: Repo) -> None:
    stack.add("dockerharden.toml", 'select = ["custom-user"]\ncontrols = ["own.py"]\n')
    stack.add("own.py", UNKNOWN)
    result = stack.judge("docker-compose.yml", "-rs")
    result.stdout.fnmatch_lines(["SKIPPED * docker-compose.yml:2: unknown: nobody can tell"])
    result.assert_outcomes(skipped=2)


UNKNOWN = '''
from __future__ import annotations
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import unknown
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.posture import Posture

@control(severity="high")
def custom_user(posture: Posture) -> Findings:
    """Nobody knows."""
    unknown("nobody can tell")
    yield
'''


def test_a_crash_of_a_control_is_no_finding(stack: Repo) -> None:
    stack.add("dockerharden.toml", 'select = ["custom-user"]\ncontrols = ["own.py"]\n')
    stack.add("own.py", UNKNOWN.replace('unknown("nobody can tell")', "raise KeyError(1)"))
    result = stack.judge("docker-compose.yml")
    result.stdout.fnmatch_lines(
        ["the control custom-user of own.py raised an error: this is no finding", "*KeyError: 1"]
    )
    result.assert_outcomes(failed=2)


def test_a_malformed_file_is_one_failure_and_the_rest_is_judged(stack: Repo) -> None:
    stack.add("broken/compose.yml", "services:\n\tweb: {}\n")
    verdicts = stack.verdicts()
    assert verdicts.pop("broken/compose.yml::static::readable") == "FAILED"
    assert len(verdicts) == 5
    result = stack.judge("broken")
    result.stdout.fnmatch_lines(["  --> broken/compose.yml:2:*"])
    assert "Traceback" not in result.stdout.str()


def test_a_file_that_another_includes_is_judged_there_only(stack: Repo) -> None:
    stack.add("compose.common.yml", "services:\n  base:\n    image: x\n    read_only: true\n")
    stack.add("app/compose.yml", "services:\n  a:\n    extends: {file: ../compose.common.yml, service: base}\n")
    result = stack.judge("-v")
    result.stdout.fnmatch_lines("dockerharden: *; judged where they are included: compose.common.yml")
    assert not [line for line in result.outlines if line.startswith("compose.common.yml::")]


def test_a_dockerfile_that_only_a_build_names_is_judged(repo: Repo) -> None:
    repo.add("dockerharden.toml", SUITE)
    repo.add("compose.yml", "services:\n  a:\n    build: {context: ., dockerfile: images/a.txt}\n")
    repo.add("images/a.txt", DOCKERFILE)
    assert repo.verdicts()["images/a.txt::non-root-image-user"] == "FAILED"


def test_the_summary_counts_by_service_the_worst_first(stack: Repo) -> None:
    result = stack.judge()
    lines = [line.split() for line in result.outlines]
    assert ["redis", "1", "1", "-", "-"] in lines
    assert ["web", "-", "2", "-", "-"] in lines
    result.stdout.fnmatch_lines(["most important first:", " 1. *(high) proxy/Dockerfile:3:1"])


def test_secret_values_are_not_shown(stack: Repo) -> None:
    stack.add("dockerharden.toml", 'select = ["read-only-rootfs"]\n')
    stack.add("docker-compose.yml", "services:\n  a:\n    environment: {DB_PASSWORD: hunter2hunter2}\n    image: x\n")
    output = stack.judge().stdout.str()
    assert "DB_PASSWORD" in output
    assert "hunter2" not in output


def test_a_hostile_line_cannot_drive_the_terminal(stack: Repo) -> None:
    stack.add("proxy/Dockerfile", "FROM alpine:3.20\nRUN echo \x1b[31m \u202e\nUSER root\n")
    output = stack.judge("proxy").stdout.str()
    assert "\x1b[31m \u202e" not in output
    assert "RUN echo ?[31m ?" in output


def test_nothing_to_judge_says_so(repo: Repo) -> None:
    result = repo.judge()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines("dockerharden: 0 compose files, 0 combinations, 0 Dockerfiles")


def test_without_the_option_nothing_of_ours_is_collected(stack: Repo) -> None:
    stack.add("test_x.py", "def test_x(): pass\n")
    stack.pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_test_files_may_be_named_beside_ours(stack: Repo) -> None:
    stack.add("test_x.py", "def test_x(): pass\n")
    verdicts = stack.verdicts("test_x.py", "docker-compose.yml")
    assert verdicts.pop("test_x.py::test_x") == "PASSED"
    assert len(verdicts) == 4


def test_fixtures_give_the_prediction_to_own_tests(stack: Repo) -> None:
    stack.add(
        "test_x.py",
        "def test_x(harden_project, harden_service):\n"
        "    assert set(harden_project.services) == {'redis', 'web'}\n"
        "    assert harden_service('web').posture.read_only_rootfs.value is True\n",
    )
    stack.pytester.runpytest_inprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "services:\n  a:\n    environment: {X: y, DB_PASSWORD: hunter2hunter2}\n    image: x\n", id="flow"
        ),
        pytest.param(
            "services:\n  b: {image: y, read_only: true, mem_limit: 1g, environment: [DB_PASSWORD=hunter2hunter2]}\n"
            "  a:\n    image: x\n",
            id="the line above",
        ),
        pytest.param(
            "services:\n  b:\n    image: y\n    read_only: true\n    mem_limit: 1g\n    environment:\n"
            "      DB_PASSWORD: >-\n        hunter2hunter2\n  a:\n    image: x\n",
            id="block text above",
        ),
        pytest.param(
            "services:\n  b:\n    image: y\n    read_only: true\n    mem_limit: 1g\n    environment:\n"
            "      DB_PASSWORD:\n        hunter2hunter2\n  a:\n    image: x\n",
            id="a value below its key",
        ),
        pytest.param(
            "services:\n  b:\n    image: y\n    command:\n      - redis-server\n      - --requirepass\n"
            "      - hunter2hunter2\n  a:\n    image: x\n",
            id="an item behind its option",
        ),
        pytest.param(
            "services:\n  b:\n    image: y\n    healthcheck:\n      test:\n      - CMD\n      - redis-cli\n      - -a\n"
            "      - hunter2hunter2\n  a:\n    image: x\n",
            id="an item two behind its program",
        ),
    ],
)
def test_no_neighbour_line_gives_a_secret_away(stack: Repo, text: str) -> None:
    stack.add("docker-compose.yml", text)
    output = stack.judge("docker-compose.yml").stdout.str()
    assert "a: the root filesystem is writable" in output
    assert "hunter2" not in output
