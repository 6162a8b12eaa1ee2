from __future__ import annotations

import json
from typing import Any

import pytest

from tests.plugin.conftest import Repo, _registry  # noqa: F401 - a fixture

COMPOSE = """\
services:
  redis:
    image: redis:7.2
  web:
    image: app
    read_only: true
  old:  # harden: waive read-only-rootfs until 2999-03-31 -- it writes where it likes
    image: old
"""

OWN = '''
from __future__ import annotations
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.posture import Posture

@control(severity="high", cis="5.99")
def own(posture: Posture) -> Findings:
    """Ours.

    Because `we` say so.
    """
    if posture.subject == "old":
        not_applicable("never")
    if posture.subject == "web":
        unknown("nobody knows")
    assert posture.subject != "crash", "it crashed"
    if False:
        yield
'''


@pytest.fixture
def repo(pytester: pytest.Pytester) -> Repo:
    return Repo(pytester)


@pytest.fixture
def stack(repo: Repo) -> Repo:
    """redis fails one control, web fails none, what old fails is waived."""
    repo.add("dockerharden.toml", 'select = ["read-only-rootfs", "own"]\ncontrols = ["own.py"]\n')
    repo.add("own.py", OWN)
    repo.add("app/docker-compose.yml", COMPOSE)
    return repo


def report(repo: Repo, name: str, *arguments: str) -> str:
    """What ``--harden-report`` writes."""
    path = repo.path / f"out/{name}"
    path.unlink(missing_ok=True)
    repo.judge(f"--harden-report={name}:out/{name}", *arguments)
    return path.read_text(encoding="utf-8")


def report_as_json(repo: Repo, name: str, *arguments: str) -> Any:
    return json.loads(report(repo, name, *arguments))
