from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found, in_files, stack, verdict
from tests.helpers import judgements

BUILD = "services:\n  web:\n    build: .\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('user: "1000:1000"', id="a-number"),
        pytest.param("user: app", id="a-name"),
        pytest.param('user: "${USER_ID:-1000}"', id="a-default-that-is-not-root"),
        pytest.param('user: "1000:0"', id="group-0-is-another-control"),
        pytest.param("image: nginxinc/nginx-unprivileged:1.27", id="an-image-with-a-user"),
        pytest.param("image: gcr.io/distroless/static:nonroot", id="distroless-nonroot"),
        pytest.param("image: redis:7-alpine", id="an-entrypoint-that-steps-down"),
        pytest.param("image: app", id="an-image-nobody-knows"),
        pytest.param('user: "${USER_ID}"', id="a-variable-that-nothing-sets"),
    ],
)
def test_who_is_not_surely_root_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "non-root-user", body) == []


@pytest.mark.parametrize(
    ("body", "line"),
    [
        pytest.param("user: root", 4, id="by-name"),
        pytest.param('user: "0"', 4, id="by-number"),
        pytest.param('user: "0:1000"', 4, id="with-another-group"),
        pytest.param("user: root:app", 4, id="by-name-with-another-group"),
        pytest.param('user: "${USER_ID:-0}"', 4, id="by-default"),
        pytest.param("image: nginx:1.27", 2, id="by-the-image"),
        pytest.param("image: redis:7-alpine\nuser: root\ncommand: sh -c 'redis-server'", 4, id="no-step-down-from-sh"),
    ],
)
def test_root_is_reported_where_it_is_decided(tmp_path: Path, body: str, line: int) -> None:
    assert found(tmp_path, "non-root-user", body) == [(line, "it runs as root")]


def test_an_unknown_user_is_never_a_pass(tmp_path: Path) -> None:
    assert verdict(tmp_path, "non-root-user", "image: app") == "unknown"


def test_the_last_user_of_the_dockerfile_counts(tmp_path: Path) -> None:
    text = "FROM debian:12.5\nUSER app\nRUN true\nUSER root\n"
    assert [(h.file, h.line) for h in in_files(tmp_path, "non-root-user", BUILD, Dockerfile=text)] == [
        ("Dockerfile", 4)
    ]


def test_the_service_overrides_the_dockerfile(tmp_path: Path) -> None:
    compose = BUILD + '    user: "1000:1000"\n'
    assert in_files(tmp_path, "non-root-user", compose, Dockerfile="FROM debian:12.5\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('user: "1000:1000"', id="a-group-of-its-own"),
        pytest.param("user: root", id="root-itself"),
        pytest.param('user: "1000"', id="the-image-may-have-the-user"),
        pytest.param("user: app", id="a-name"),
    ],
)
def test_a_group_that_is_not_surely_roots_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "non-root-group", body) == []


def test_the_root_group_is_reported(tmp_path: Path) -> None:
    assert found(tmp_path, "non-root-group", 'user: "1000:0"') == [(4, "its group is 0, the group of root")]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('image: redis:7-alpine\nuser: "999:1000"', id="redis-alpine"),
        pytest.param('image: redis:7-bookworm\nuser: "999:999"', id="redis-debian"),
        pytest.param('image: postgres:17-alpine\nuser: "70:70"', id="postgres-alpine"),
        pytest.param('image: postgres:17\nuser: "1000:1000"', id="the-owner-of-a-bind-mount"),
        pytest.param('image: redis\nuser: "999:999"', id="no-tag-no-verdict"),
        pytest.param('image: mine/redis:7-alpine\nuser: "999:999"', id="not-the-official-image"),
        pytest.param("image: redis:7-alpine\nuser: redis", id="a-name"),
        pytest.param("image: redis:7-alpine", id="no-user"),
        pytest.param('image: app\nuser: "999:999"', id="any-image"),
    ],
)
def test_a_user_that_may_be_meant_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "user-matches-image", body) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('image: redis:7-alpine\nuser: "999:999"', "user 999:999 is not redis in this image (999:1000)"),
        ('image: postgres:17-alpine\nuser: "999:999"', "user 999:999 is not postgres in this image (70:70)"),
        ('image: postgres:17\nuser: "70:70"', "user 70:70 is not postgres in this image (999:999)"),
        ('image: nginx:1.27\nuser: "101:0"', "user 101:0 is not nginx in this image (101:101)"),
    ],
)
def test_a_user_of_the_other_variant_is_reported(tmp_path: Path, body: str, message: str) -> None:
    assert found(tmp_path, "user-matches-image", body) == [(4, message)]


def test_an_explicit_user_is_asked_for(tmp_path: Path) -> None:
    assert found(tmp_path, "explicit-user", "") == [(2, "only the image decides which user it runs as")]
    assert found(tmp_path, "explicit-user", "user: app") == []


@pytest.mark.parametrize(
    ("body", "effect", "user"),
    [
        ("image: wordpress:6", "behaviour-changing", "33:33"),
        ("image: nextcloud:30-fpm-alpine", "behaviour-changing", "82:82"),
        ("image: nginx:1.27", "behaviour-changing", "101:101"),
        ("image: caddy:2", "behaviour-changing", "1000:1000"),
        ("image: caddy:2\nvolumes: ['/srv/www:/srv']", "behaviour-changing", "1000:1000"),
        ("image: traefik:3.1\nvolumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']", "advice", "1000:1000"),
    ],
)
def test_the_user_to_write_is_the_image_s_and_advice_beside_the_engines_socket(
    tmp_path: Path, body: str, effect: str, user: str
) -> None:
    (judged,) = judgements(tmp_path, {"compose.yaml": stack(body)}, "non-root-user")
    (finding,) = judged.findings
    assert finding.remedy is not None
    assert finding.remedy.effect == effect
    assert finding.remedy.text.startswith(f'user: "{user}"')
