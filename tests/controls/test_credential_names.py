from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found

VALUE = "no-value-under-the-name-of-a-credential"
ARGUMENT = "no-credential-among-arguments"


@pytest.mark.parametrize(
    "variable",
    [
        pytest.param("DB_PASSWORD=", id="empty"),
        pytest.param("DB_PASSWORD", id="taken-from-the-shell"),
        pytest.param("DB_PASSWORD=${DB_PASSWORD}", id="a-reference"),
        pytest.param("DB_PASSWORD=${DB_PASSWORD:-}", id="an-empty-default"),
        pytest.param("DB_PASSWORD_FILE=/run/secrets/db", id="a-file"),
        pytest.param("MYSQL_ALLOW_EMPTY_PASSWORD=maybe", id="a-switch-by-name"),
        pytest.param("REQUIRE_TOKEN=1", id="a-switch-by-value"),
        pytest.param("TOKEN_EXPIRY=900s", id="a-lifetime"),
        pytest.param("PASSWORD_MIN_LENGTH=8", id="a-policy"),
        pytest.param("COMPASS_MODE=abc", id="a-name-with-pass-in-it"),
        pytest.param("SECRET_NAME=foo", id="what-a-secret-is-called"),
        pytest.param("DB_USER=root", id="another-name"),
    ],
)
def test_what_is_no_value_of_a_credential_is_silent(tmp_path: Path, variable: str) -> None:
    assert found(tmp_path, VALUE, f"environment:\n  - {variable}") == []


@pytest.mark.parametrize(
    "variable",
    ["DB_PASSWORD=<password>", "API_TOKEN=abc", "AUTH_SALT=x", "SENTRY_DSN=https://a@b/1", "SECRET_KEY=12345",
     "AUTH_TOKENS=your_token", "db_pwd=pa$$word", "TOKEN=${TOKEN:-abc}", "DB_PASSWORD=hunter2$X"],
)  # fmt: skip
def test_a_value_under_the_name_of_a_credential_is_reported(tmp_path: Path, variable: str) -> None:
    name = variable.split("=")[0]
    assert found(tmp_path, VALUE, f"environment:\n  - {variable}") == [(5, f"{name} has its value in the file")]


@pytest.mark.parametrize(
    "body",
    [
        "command: redis-server --requirepass ${PW}",
        "command: redis-server --requirepass $$PW",
        "command: sh -c 'redis-server --requirepass \"$$(cat /run/secrets/pw)\"'",
        "command: app --password-file /run/secrets/pw --token-ttl 900 --require-password true",
        "command: app --password ./pw.txt -p 8080",
        "healthcheck: {disable: true, test: app --password x}",
    ],
)
def test_an_argument_without_a_credential_is_silent(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, ARGUMENT, body) == []


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("command: redis-server --requirepass hunter2", "requirepass"),
        ("entrypoint: [app, --api-key=abc]", "api_key"),
        ("command: sh -c 'PGPASSWORD=hunter2 psql'", "PGPASSWORD"),
        ("healthcheck: {test: [CMD, mysqladmin, ping, -proot]}", "MYSQL_PASSWORD"),
    ],
)
def test_a_credential_among_the_arguments_is_reported(tmp_path: Path, body: str, name: str) -> None:
    assert found(tmp_path, ARGUMENT, body) == [(4, f"{name} has its value among the arguments")]
