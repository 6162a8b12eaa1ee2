"""A seccomp profile of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import hits, verdicts, write_git_index

STRICT = '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}'
MISSING = "the seccomp profile p.json does not exist"
NONE = "p.json is no seccomp profile"
OPEN = "p.json allows every system call that it does not name"


def files(option: str, profile: str | None = None) -> dict[str, str]:
    text = f"services:\n  a:\n    image: x\n    security_opt:\n      - '{option}'\n"
    return {"compose.yaml": text} if profile is None else {"compose.yaml": text, "p.json": profile}


@pytest.mark.parametrize(
    ("option", "profile"),
    [
        pytest.param("seccomp:p.json", STRICT, id="strict"),
        pytest.param("seccomp=./p.json", STRICT.replace("ERRNO", "KILL_PROCESS"), id="kills"),
        pytest.param("seccomp:unconfined", None, id="none at all, which is judged elsewhere"),
        pytest.param("seccomp:builtin", None, id="the engine's own"),
        pytest.param("no-new-privileges:true", None, id="another option"),
        pytest.param("seccomp:${PROFILE}", None, id="unknown"),
        pytest.param("seccomp:/etc/docker/seccomp.json", None, id="outside of the project"),
    ],
)
def test_a_profile_that_filters_is_silent(tmp_path: Path, option: str, profile: str | None) -> None:
    assert hits(tmp_path, files(option, profile), "seccomp-profile-filters") == []


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        pytest.param(None, MISSING, id="missing"),
        pytest.param("", NONE, id="empty"),
        pytest.param("{", NONE, id="not JSON"),
        pytest.param("[]", NONE, id="a list"),
        pytest.param('{"syscalls": []}', NONE, id="no default"),
        pytest.param('{"defaultAction": 1}', NONE, id="a number"),
        pytest.param("[" * 100_000, NONE, id="nested without end"),
        pytest.param(
            '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO"}]}',
            OPEN,
            id="allows what it does not name",
        ),
    ],
)
def test_a_profile_that_does_not_is_reported_at_its_line(tmp_path: Path, profile: str | None, message: str) -> None:
    found = hits(tmp_path, files("seccomp:p.json", profile), "seccomp-profile-filters")
    assert found == [("a", "compose.yaml", 5, message)]


def test_one_that_git_ignores_is_made_elsewhere(tmp_path: Path) -> None:
    write_git_index(tmp_path, [])
    given = {**files("seccomp:p.json"), ".gitignore": "*.json\n"}
    assert verdicts(tmp_path, given, "seccomp-profile-filters") == {"a": "unknown"}


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        pytest.param(STRICT, "passed", id="refuses by default"),
        pytest.param(
            '{"defaultAction": "SCMP_ACT_LOG", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_KILL"}]}',
            "passed",
            id="refuses one call",
        ),
        pytest.param(None, "passed", id="not at hand"),
        pytest.param("{", "passed", id="no profile at all, which is judged elsewhere"),
        pytest.param('{"defaultAction": "SCMP_ACT_ALLOW"}', "failed", id="lets everything pass"),
        pytest.param(
            '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_LOG"}]}',
            "failed",
            id="writes a log and lets everything pass",
        ),
    ],
)
def test_a_profile_that_refuses_nothing_is_no_confinement(tmp_path: Path, profile: str | None, expected: str) -> None:
    given = files("seccomp:p.json", profile)
    assert verdicts(tmp_path, given, "seccomp-confined") == {"a": expected}
    if expected == "failed":
        assert hits(tmp_path, given, "seccomp-profile-filters") == []
