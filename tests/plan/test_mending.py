"""The stack before hardening passes after ``--harden-fix-all`` and a few lines by hand, and still does its work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.evaluation import Evaluation, evaluate
from pytest_dockerharden.policy import Overrides
from pytest_dockerharden.remedy.plan import plan_of
from pytest_dockerharden.remedy.save import save
from pytest_dockerharden.request import Request
from tests.plan.running import SUITE, Running, eventually, failures, running

# what no file tells: how a password gets to redis, how beat is asked, which release is meant, what certbot writes
BY_HAND = {
    "docker-compose.yml": {
        "    command: redis-server --requirepass ${REDIS_PASSWORD:-defaultpassword} --appendonly yes --dir /data\n": (
            "    command: sh -c 'exec redis-server --requirepass \"$$REDIS_PASSWORD\" --appendonly yes --dir /data'\n"
            '    user: "999:1000"\n'
        ),
        "      disable: true\n": (
            '      test: ["CMD-SHELL", "find /tmp -name \'celerybeat-schedule*\' -mmin -5 | grep -q ."]\n'
        ),
    },
    "docker-compose.prod.yml": {
        "        CERTBOT_IMAGE: ${CERTBOT_IMAGE:-certbot/certbot}\n": (
            "        CERTBOT_IMAGE: ${CERTBOT_IMAGE:-certbot/certbot:v3.0.1}\n"
        ),
        '    user: "1000:1000"\n': (
            '    user: "101:101"\n'
            '    tmpfs: ["/var/lib/letsencrypt:uid=101,size=9m", "/var/log/letsencrypt:uid=101,size=9m"]\n'
        ),
    },
    "certbot/Dockerfile": {
        "ARG CERTBOT_IMAGE=certbot/certbot\n": "ARG CERTBOT_IMAGE=certbot/certbot:v3.0.1\n",
        "USER 1000:1000\n": (
            "RUN install -d -o 101 -g 101 /etc/letsencrypt /var/lib/letsencrypt /var/log/letsencrypt /var/www/certbot\n"
            "USER 101:101\n"
            "HEALTHCHECK CMD test -w /etc/letsencrypt && test -w /var/www/certbot\n"
        ),
    },
}
# where Debian's nginx, which stands in for the upstream image, writes instead; and it comes without a wget
STAND_INS = """\
services:
  proxy: &nginx
    tmpfs:
      - /var/log/nginx:size=16m,uid=101,gid=101
      - /var/lib/nginx:size=16m,uid=101,gid=101
  frontend:
    <<: *nginx
    healthcheck:
      test: ["CMD", "curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:80/"]
      interval: 1s
"""


def evaluated(folder: Path) -> Evaluation:
    start = str(folder)
    return evaluate(Request(start, start, (start,), overrides=Overrides(directory=start)))


def failing(evaluation: Evaluation) -> list[str]:
    return [result.name for result in evaluation.all_results() if result.fails]


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stack's folder, mended by the tool and by hand."""
    stack = tmp_path_factory.mktemp("mending").resolve() / "stack"
    for name in ("before", "hardened/backend"):
        shutil.copytree(SUITE / name, stack / name)
    folder = stack / "before"
    mend(folder)
    change(folder)
    mend(folder)  # redis is no root any more, and needs no capabilities to step down
    return folder


def mend(folder: Path) -> None:
    save(plan_of(evaluated(folder)), str(folder), os.path.basename, forced=False)


def change(folder: Path) -> None:
    for name, lines in BY_HAND.items():
        text = (folder / name).read_text(encoding="utf-8")
        for old, new in lines.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (folder / name).write_text(text, encoding="utf-8")


def test_ten_lines_by_hand_are_enough() -> None:
    assert sum(new.count("\n") for lines in BY_HAND.values() for new in lines.values()) <= 10


def test_nothing_fails_any_more(mended: Path) -> None:
    assert failing(evaluated(mended)) == []


@pytest.fixture(scope="module")
def stack(mended: Path, engine: Any) -> Iterator[Running]:
    overlay = mended / "stand-ins.yml"
    overlay.write_text(STAND_INS, encoding="utf-8")
    files = (mended / "docker-compose.yml", mended / "docker-compose.prod.yml", overlay)
    with running(engine, *files, ENV_FILE=".env.local", REDIS_PASSWORD="defaultpassword") as up:
        yield up


@pytest.mark.live
def test_it_does_its_work(stack: Running) -> None:
    pool = stack.http("proxy", 80)
    job = pool.request("POST", "/api/jobs/", json={"sequence": "ACGT", "rounds": 3}).json()["id"]
    assert eventually(lambda: pool.request("GET", f"/api/jobs/{job}/").json()["result"]) == 12
    assert pool.request("GET", "/").status == 200


@pytest.mark.live
def test_the_kernel_finds_nothing_either(stack: Running) -> None:
    recommended = {control.id for control in load_all().values() if not control.optional}
    assert [(service, id) for service, found in failures(stack).items() for id in found.keys() & recommended] == []
