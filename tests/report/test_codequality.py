from __future__ import annotations

import pytest

from tests.plugin.conftest import Repo
from tests.report.conftest import report_as_json


def test_an_issue_has_what_gitlab_asks_for(stack: Repo) -> None:
    [issue] = report_as_json(stack, "codequality")
    assert issue["description"] == "redis: the root filesystem is writable"
    assert issue["check_name"] == "read-only-rootfs"
    assert issue["severity"] == "major"
    assert issue["location"] == {"path": "app/docker-compose.yml", "lines": {"begin": 2, "end": 2}}
    assert len(issue["fingerprint"]) == 32


@pytest.mark.parametrize("chosen", ["old", "web", "own"])
def test_what_is_waived_passed_or_unknown_is_no_issue(stack: Repo, chosen: str) -> None:
    assert report_as_json(stack, "codequality", "-k", chosen) == []


def test_no_two_issues_have_the_same_fingerprint(repo: Repo) -> None:
    repo.add("compose.yaml", 'services:\n  a:\n    image: x\n    ports: ["5432:5432", "6379:6379"]\n  b: {image: x}\n')
    repo.add("b/compose.yaml", "services:\n  a:\n    image: x\n")
    found = [issue["fingerprint"] for issue in report_as_json(repo, "codequality")]
    assert len(found) > 10
    assert len(found) == len(set(found))
