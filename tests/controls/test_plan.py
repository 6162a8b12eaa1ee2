"""The "hardened" examples of the hardening plan, to the letter: what is wrong with them, line by line.

``tests/data/plan`` has the plan's compose file and Dockerfiles unchanged, the nginx templates with the change that the
plan asks for, and what it takes for granted (the backend, the frontend, the entrypoints, an env file).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_dockerharden.assemble import Combination, assemble
from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import Judgement, judge_dockerfile, judge_project
from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.origin import TextOrigin
from tests.helpers import write_git_index

PLAN = Path(__file__).parent.parent / "data" / "plan"
COMPOSE = "docker-compose.yml"
PROD = "docker-compose.prod.yml"
BACKEND = ("backend_api", "backend_worker_vntyper", "backend_worker_vntyper_long", "backend_worker", "backend_beat")


def judge_plan(root: Path, controls: list[Control], files: tuple[str, ...] = (COMPOSE,)) -> list[Judgement]:
    base = (str(root / COMPOSE),)
    combinations = [Combination(base, "base")]
    if files != (COMPOSE,):
        combinations.append(Combination(tuple(str(root / file) for file in files), "prod"))
    assembly = assemble(combinations, [str(path) for path in sorted(root.rglob("Dockerfile"))], root=str(root))
    assert assembly.failures == []
    found = list(judge_project(assembly.projects[-1], controls, {}))
    for dockerfile in assembly.dockerfiles.values():
        found += judge_dockerfile(dockerfile, controls, {})
    assert [judgement.reason for judgement in found if judgement.verdict == "error"] == []
    return found


def places(root: Path, control: str, files: tuple[str, ...] = (COMPOSE,)) -> set[tuple[str, str, int]]:
    result = set()
    for judgement in judge_plan(root, [load_all()[control]], files):
        for finding in judgement.findings:
            assert isinstance(finding.origin, TextOrigin)
            name = Path(finding.origin.file).relative_to(root).as_posix()
            result.add((judgement.subject, name, finding.origin.line))
    return result


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PLAN, tmp_path / "plan"))


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        pytest.param("valid-image-reference", {("redis", COMPOSE, 9)}, id="400: the digest of redis is a placeholder"),
        pytest.param("password-file-fails-closed", {("redis", COMPOSE, 34)}, id="425: redis starts without a password"),
        pytest.param("redis-data-is-persistent", {("redis", COMPOSE, 34)}, id="428: appendonly on a tmpfs"),
        pytest.param("exec-healthcheck-has-no-shell-syntax", {("redis", COMPOSE, 40)}, id="431: $$() in exec form"),
        pytest.param("healthcheck-can-fail", {("redis", COMPOSE, 40)}, id="431: redis-cli ping takes NOAUTH"),
        pytest.param(
            "healthcheck-keeps-passwords-off-the-command-line", {("redis", COMPOSE, 40)}, id="431: --pass in the argv"
        ),
        pytest.param("secret-files-exist", {("", COMPOSE, 347)}, id="738: the secret's file is nowhere made"),
        pytest.param("declared-resources-are-used", {("", COMPOSE, 340)}, id="731: redis_data is mounted by nobody"),
        pytest.param("healthcheck-tool-is-installed", {("backend_api", COMPOSE, 86)}, id="477: no curl in the image"),
        pytest.param(
            "inherited-healthcheck-fits-the-command",
            {("backend_beat", COMPOSE, 214)},
            id="599: beat has the API's check",
        ),
        pytest.param(
            "image-is-built-once", {("", COMPOSE, line) for line in (96, 135, 172, 209)}, id="487: built 5 times"
        ),
        pytest.param(
            "versioned-build-image",
            {(name, COMPOSE, line) for name, line in zip(BACKEND, (53, 99, 138, 175, 212), strict=True)},
            id="444: vntyper:latest",
        ),
        pytest.param(
            "default-env-file-is-not-for-development",
            {(n, COMPOSE, line) for n, line in zip((*BACKEND, "proxy"), (73, 117, 154, 191, 228, 280), strict=True)},
            id="464: .env.local by default",
        ),
        pytest.param("edge-service-has-its-own-env-file", {("proxy", COMPOSE, 280)}, id="671: the proxy gets it all"),
        pytest.param("entrypoint-keeps-a-command", {("proxy", COMPOSE, 281)}, id="672: the CMD is dropped"),
        pytest.param("dependants-wait-for-health", {("proxy", COMPOSE, 284)}, id="675: the API has a healthcheck"),
        pytest.param("healthcheck-asks-a-served-port", {("proxy", COMPOSE, 288)}, id="679: nobody listens on 80"),
        pytest.param("nginx-serves-the-published-ports", {("proxy", COMPOSE, 273)}, id="664: 80:80 against 8080"),
        pytest.param(
            "nginx-main-directives-in-main",
            {("proxy", "proxy/nginx.conf.template.http", 1), ("proxy", "proxy/nginx.conf.template.ssl", 1)},
            id="264: pid in a template",
        ),
        pytest.param(
            "nginx-answers-its-healthcheck",
            {("proxy", "proxy/nginx.conf.template.ssl", 3), ("proxy", "proxy/nginx.conf.template.acme", 1)},
            id="353: /health is in one template of three",
        ),
        pytest.param(
            "rendered-configuration-is-writable",
            {("proxy", "proxy/entrypoint.sh", 7)},
            id="642: envsubst on a read-only root",
        ),
        pytest.param("healthcheck-defined", {("frontend", COMPOSE, 298)}, id="692: no healthcheck for the frontend"),
        pytest.param("dockerfiles-are-built", {("", "certbot/Dockerfile", 9)}, id="367: no service builds certbot"),
        pytest.param("image-healthcheck-can-fail", {("0", "certbot/Dockerfile", 21)}, id="384: certbot certificates"),
    ],
)
def test_the_plan_is_wrong_here(plan: Path, control: str, expected: set[tuple[str, str, int]]) -> None:
    assert places(plan, control) == expected


@pytest.mark.parametrize(
    "control",
    [
        pytest.param("accepted-by-compose", id="compose loads it"),
        pytest.param("loads-as-written", id="as it is written"),
        pytest.param("nginx-modern-tls", id="TLS 1.2 and 1.3"),
        pytest.param("nginx-strong-ciphers", id="ciphers"),
        pytest.param("awaited-service-has-a-healthcheck", id="redis has a healthcheck to wait for"),
        pytest.param("healthcheck-fails-on-http-errors", id="curl -f"),
        pytest.param("unique-container-names", id="container names"),
        pytest.param("unique-host-ports", id="host ports"),
        pytest.param("versioned-image", id="versions"),
        pytest.param("known-restart-policy", id="unless-stopped"),
        pytest.param("restarts-after-a-failure", id="everything is restarted"),
        pytest.param("stops-gracefully", id="no SIGKILL"),
        pytest.param("logs-are-kept", id="logs"),
        pytest.param("no-password-on-the-command-line", id="the password is read in the container"),
        pytest.param("exec-command-has-no-shell-syntax", id="the command has its shell"),
        pytest.param("signals-reach-the-program", id="ash execs its one command"),
        pytest.param("no-secrets-in-build-arguments", id="no build arguments"),
        pytest.param("user-of-the-image-is-kept", id="the user of the backend"),
    ],
)
def test_the_plan_is_right_there(plan: Path, control: str) -> None:
    assert places(plan, control) == set()


def test_a_secret_of_root_is_unreadable_for_redis(plan: Path) -> None:
    secret = plan / "secrets/redis_password.txt"
    secret.parent.mkdir()
    secret.write_text("not-a-real-one")
    secret.chmod(0o600)
    assert places(plan, "secret-files-are-readable") == {("redis", COMPOSE, 33)}


def test_a_secret_that_nobody_told_git_to_ignore_is_found(plan: Path) -> None:
    (plan / "secrets").mkdir()
    (plan / "secrets/redis_password.txt").write_text("not-a-real-one")
    write_git_index(plan, [COMPOSE])
    assert places(plan, "secret-files-are-ignored") == {("", COMPOSE, 347)}
    (plan / ".gitignore").write_text("secrets/\n")
    assert places(plan, "secret-files-are-ignored") == set()


def test_the_production_overlay_undoes_what_the_base_does(plan: Path) -> None:
    both = (COMPOSE, PROD)
    assert places(plan, "overlays-drop-the-development-env-file", both) == {("proxy", PROD, 4)}
    assert places(plan, "overlays-publish-no-further-port", both) == {("redis", PROD, 11)}


def test_the_check_that_the_plan_recommends_for_workers_never_succeeds(plan: Path) -> None:
    text = (plan / COMPOSE).read_text()
    shell = 'test: ["CMD-SHELL", "celery -A app.celery_app inspect ping -d celery@$$HOSTNAME || exit 1"]'
    recommended = 'test: ["CMD", "celery", "-A", "app.celery_app", "inspect", "ping", "-d", "celery@$$HOSTNAME"]'
    assert text.count(shell) == 3
    (plan / COMPOSE).write_text(text.replace(shell, recommended))
    found = places(plan, "exec-healthcheck-has-no-shell-syntax")
    assert {subject for subject, _, _ in found} == {"redis", *BACKEND[1:4]}


def test_nothing_is_unknown_but_what_the_text_cannot_tell(plan: Path) -> None:
    families = {"compose_model", "health", "health_probe", "health_tools", "lifecycle", "nginx", "configuration"}
    controls = [control for control in load_all().values() if control.family in families]
    unknown = {(j.control.id, j.subject) for j in judge_plan(plan, controls) if j.verdict == "unknown"}
    assert unknown == set()
