from __future__ import annotations

import datetime

import pytest

from pytest_dockerharden.waivers import BadWaiver, Waiver, inline_waivers
from tests.plugin.conftest import Repo

COMPOSE = """\
services:
  redis:
    image: redis:7.2
  web:
    image: app
    read_only: true
    mem_limit: 64m
"""
SUITE = 'select = ["read-only-rootfs", "memory-limit"]\n'
REDIS = "docker-compose.yml::static::read-only-rootfs[redis]"


@pytest.fixture
def stack(repo: Repo) -> Repo:
    repo.add("dockerharden.toml", SUITE)
    repo.add("docker-compose.yml", COMPOSE)
    return repo


def waive(stack: Repo, **keys: object) -> None:
    table = {"control": "read-only-rootfs", "subject": "redis", "reason": "a cache", **keys}
    lines = [
        f"{key} = {value.isoformat() if isinstance(value, datetime.date) else repr(value)}"
        for key, value in table.items()
    ]
    stack.add("dockerharden.toml", SUITE + "[[waiver]]\n" + "\n".join(lines) + "\n")


def test_a_waived_finding_is_xfailed_with_its_reason(stack: Repo) -> None:
    waive(stack, until=datetime.date(2999, 1, 1))
    assert stack.verdicts()[REDIS] == "XFAIL"
    stack.judge("-rx").stdout.fnmatch_lines(
        f"XFAIL {REDIS.replace('[', '?')[:-1]}? - waived: a cache (until 2999-01-01)"
    )


def test_only_what_is_named_is_waived(stack: Repo) -> None:
    waive(stack)
    verdicts = stack.verdicts()
    assert verdicts["docker-compose.yml::static::memory-limit[redis]"] == "FAILED"
    assert verdicts[REDIS] == "XFAIL"


@pytest.mark.parametrize("subject", ["r*", "*", "redis"])
def test_a_subject_may_be_a_pattern(stack: Repo, subject: str) -> None:
    waive(stack, subject=subject)
    assert stack.verdicts()[REDIS] == "XFAIL"


def test_an_expired_waiver_does_not_help_and_says_so(stack: Repo) -> None:
    waive(stack, until=datetime.date(2020, 1, 1))
    assert stack.verdicts()[REDIS] == "FAILED"
    stack.judge().stdout.fnmatch_lines(
        ["  the waiver at dockerharden.toml: waiver 1 (read-only-rootfs) expired on 2020-01-01: a cache"]
    )


def test_a_waiver_that_is_not_needed_any_more_fails(stack: Repo) -> None:
    waive(stack, subject="web")
    verdicts = stack.verdicts()
    assert verdicts["dockerharden.toml::waiver[read-only-rootfs/web]"] == "FAILED"
    result = stack.judge("-k", "waiver")
    result.stdout.fnmatch_lines(
        [
            "the waiver of read-only-rootfs is not in order: what it waives is not found any more",
            "  --> dockerharden.toml:2:1",
        ]
    )


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"subject": "reddis"}, "nothing has this subject"),
        ({"control": "read-only-rotfs"}, "there is no such control; did you mean `read-only-rootfs`?"),
        ({"file": "other.yml"}, "nothing has this subject"),
    ],
)
def test_a_waiver_that_nothing_meets_fails(stack: Repo, keys: dict[str, str], why: str) -> None:
    waive(stack, **keys)
    stack.judge("-k", "waiver").stdout.fnmatch_lines(f"the waiver of * is not in order: {why}")


def test_an_unused_waiver_is_no_matter_where_only_some_files_are_judged(stack: Repo) -> None:
    waive(stack, subject="backend")
    stack.add("Dockerfile", "FROM alpine:3.20\n")
    assert not [node for node in stack.verdicts("docker-compose.yml") if "waiver" in node]


def test_an_unused_waiver_is_no_matter_where_its_control_is_not_applied(stack: Repo) -> None:
    waive(stack, control="cpu-limit")
    assert not [node for node in stack.verdicts() if "waiver" in node]


@pytest.mark.parametrize(
    ("subject", "requires", "expected"),
    [
        ("redis", ["memory-limit"], "FAILED"),
        ("redis", ["no-new-privileges"], "FAILED"),
        ("redis", ["not-privileged"], "XFAIL"),
    ],
)
def test_a_compensating_control_has_to_pass(stack: Repo, subject: str, requires: list[str], expected: str) -> None:
    waive(stack, subject=subject, requires=requires)
    verdicts = stack.verdicts()
    assert verdicts[REDIS] == expected
    assert not [node for node in verdicts if "privilege" in node], "a compensating control of no suite has no item"


def test_a_failing_compensating_control_is_named(stack: Repo) -> None:
    waive(stack, requires=["memory-limit"])
    stack.judge().stdout.fnmatch_lines(["  the waiver at * needs memory-limit, which is failed here"])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(COMPOSE.replace("  redis:", "  redis:  # {}"), id="beside the service"),
        pytest.param(COMPOSE.replace("  redis:", "  # {}\n  redis:"), id="above the service"),
        pytest.param(COMPOSE.replace("services:", "services:  # {}"), id="beside all services"),
        pytest.param("# {}\n\n# more\n" + COMPOSE, id="above all services"),
    ],
)
def test_an_inline_waiver_covers_what_it_stands_at(stack: Repo, text: str) -> None:
    stack.add("docker-compose.yml", text.replace("{}", "harden: waive read-only-rootfs -- a cache"))
    assert stack.verdicts()[REDIS] == "XFAIL"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(COMPOSE.replace("  web:", "  web:  # {}"), id="another service"),
        pytest.param(COMPOSE.replace("image: redis:7.2", "image: redis:7.2  # {}"), id="another line"),
        pytest.param(COMPOSE.replace("image: redis:7.2", 'image: "redis:7.2# {}"'), id="inside a string"),
    ],
)
def test_an_inline_waiver_covers_nothing_else(stack: Repo, text: str) -> None:
    stack.add("docker-compose.yml", text.replace("{}", "harden: waive read-only-rootfs -- a cache"))
    assert stack.verdicts()[REDIS] == "FAILED"


def test_an_inline_waiver_that_waives_nothing_fails(stack: Repo) -> None:
    stack.add("docker-compose.yml", COMPOSE.replace("  web:", "  web:  # harden: waive read-only-rootfs -- why"))
    assert stack.verdicts()["docker-compose.yml::static::waiver[read-only-rootfs]"] == "FAILED"


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("harden: waive read-only-rootfs", "a waiver needs a reason: write *"),
        ("harden: waive read-only-rootfs --  ", "a waiver needs a reason: write *"),
        ("harden: waive read-only-rootfs because", "a waiver needs a reason: write *"),
        ("harden: ignore read-only-rootfs -- x", "not understood; write *"),
        ("harden: waive", "not understood; write *"),
        ("harden: waive read-only-rootfs, a-b until 2999-01-01 -- x", "a waiver names one control, write a comment *"),
        ("harden: waive read-only-rootfs until tomorrow -- x", "*`until` is a date such as 2027-03-31"),
    ],
)
def test_a_comment_that_is_no_waiver_fails_at_its_line(stack: Repo, comment: str, message: str) -> None:
    stack.add("docker-compose.yml", COMPOSE.replace("  redis:", f"  redis:  # {comment}"))
    result = stack.judge("-k", "waiver")
    result.stdout.fnmatch_lines([message, "  --> docker-compose.yml:2:11"])
    assert stack.verdicts()[REDIS] == "FAILED"


def test_a_dash_may_stand_before_the_reason(stack: Repo) -> None:
    comment = "  redis:  # harden: waive read-only-rootfs until 2999-01-01 \u2014 it writes"
    stack.add("docker-compose.yml", COMPOSE.replace("  redis:", comment))
    assert stack.verdicts()[REDIS] == "XFAIL"


def test_a_waiver_in_an_overlay_covers_the_overlay(stack: Repo) -> None:
    stack.add(
        "docker-compose.prod.yml",
        "services:\n  # harden: waive read-only-rootfs -- x\n  redis:\n    read_only: false\n",
    )
    verdicts = stack.verdicts("-k", "rootfs and redis")
    assert verdicts["docker-compose.yml::static::read-only-rootfs[base/redis]"] == "FAILED"
    assert verdicts["docker-compose.yml::static::read-only-rootfs[prod/redis]"] == "XFAIL"


def test_a_waiver_in_pyproject(stack: Repo) -> None:
    (stack.path / "dockerharden.toml").unlink()
    stack.add(
        "pyproject.toml",
        "[tool.dockerharden]\n" + SUITE + '[[tool.dockerharden.waiver]]\ncontrol = "read-only-rootfs"\nreason = "x"\n',
    )
    assert stack.verdicts()[REDIS] == "XFAIL"


def lines(text: str) -> list[tuple[str, tuple[int, int] | None]]:
    return [
        (w.control, w.lines) if isinstance(w, Waiver) else (w.message, None) for w in inline_waivers("/f", text, "f")
    ]


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("FROM a\nRUN x \\\n  && y # harden: waive c -- r\n", (3, 3)),
        ("FROM a\n# harden: waive c -- r\nRUN x \\\n  && y \\\n\n  z\nUSER b\n", (3, 6)),
        ("# harden: waive c -- r\nFROM a\nRUN x\nFROM b\n", (2, 3)),
        ("# harden: waive c -- r\n# harden: waive d -- r\n\nFROM a\nRUN x\n", (4, 5)),
        ("a:\n  # harden: waive c -- r\n  ports:\n  - 1\n  - 2\n  other: 1\n", (3, 5)),
        ("a:\n  ports:\n    - 1 # harden: waive c -- r\n    - 2\n", (3, 3)),
    ],
)
def test_the_block_that_a_comment_covers(text: str, covered: tuple[int, int]) -> None:
    assert lines(text)[0] == ("c", covered)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("RUN echo harden: waive x\n", id="no comment"),
        pytest.param("# hardening: see the wiki\n", id="another word"),
        pytest.param("image: a#harden: waive c -- r\n", id="no space before the hash"),
    ],
)
def test_what_is_no_waiver(text: str) -> None:
    assert lines(text) == []


def test_until_and_requires_inline() -> None:
    [waiver] = inline_waivers("/f", "a: 1 # harden: waive c until 2030-01-02 requires d,e -- since f\n", "f")
    assert not isinstance(waiver, BadWaiver)
    assert (waiver.until, waiver.requires, waiver.reason) == (datetime.date(2030, 1, 2), ("d", "e"), "since f")
