from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found
from tests.helpers import hits

KEY = "AKIAIOSFODNN7EXAMPLE"


def env(*lines: str) -> str:
    return "environment:\n" + "\n".join(f"  {line}" for line in lines)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("DB_PASSWORD: ${DB_PASSWORD}", id="a-reference"),
        pytest.param("DB_PASSWORD: ${DB_PASSWORD:?needed}", id="a-required-reference"),
        pytest.param("DB_PASSWORD: ${DB_PASSWORD:-}", id="an-empty-default"),
        pytest.param("DB_PASSWORD:", id="taken-from-the-environment"),
        pytest.param('DB_PASSWORD: ""', id="empty"),
        pytest.param("DB_PASSWORD_FILE: /run/secrets/db", id="a-file"),
        pytest.param("DB_PASSWORD: /run/secrets/db", id="a-path"),
        pytest.param('ALLOW_EMPTY_PASSWORD: "yes"', id="a-switch"),
        pytest.param("TOKENIZERS_PARALLELISM: 'false'", id="tokenizers"),
        pytest.param("GPG_KEY: A035C8C19219BA821ECEA86B64E628F8D684696D", id="a-fingerprint"),
        pytest.param("ACCESS_TOKEN_EXPIRE_MINUTES: 30", id="about-a-token"),
        pytest.param("API_KEY: <your key here>", id="a-blank"),
        pytest.param("LOG_LEVEL: debug", id="not-a-secret"),
        pytest.param("DATABASE_URL: postgres://app:hunter2@db/app", id="a-url-is-another-control"),
        pytest.param("SSH_PUBLIC_KEY: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", id="a-public-key"),
        pytest.param("SECRET_KEY: ${A}${B}", id="references-only"),
    ],
)
def test_a_variable_that_gives_nothing_away_is_not_reported(tmp_path: Path, line: str) -> None:
    assert found(tmp_path, "no-secrets-written-in-environment", env(line)) == []


@pytest.mark.parametrize(
    ("line", "name", "how"),
    [
        ("DB_PASSWORD: hunter2", "DB_PASSWORD", "is written out in the file"),
        ("DB_PASSWORD: changeme", "DB_PASSWORD", "is written out in the file"),
        ("DB_PASSWORD: 12345", "DB_PASSWORD", "is written out in the file"),
        ("DB_PASSWORD: ${DB_PASSWORD:-hunter2}", "DB_PASSWORD", "has a default in the file"),
        ("DB_PASSWORD: ${DB_PASSWORD-hunter2}", "DB_PASSWORD", "has a default in the file"),
        ("DB_PASSWORD: ${A:-${B:-hunter2}}", "DB_PASSWORD", "has a default in the file"),
        ("JWT_SECRET: hun$$ter2", "JWT_SECRET", "is written out in the file"),
        ("NEO4J_AUTH: neo4j/hunter2", "NEO4J_AUTH", "is written out in the file"),
    ],
)
def test_a_written_credential_is_reported_without_its_value(tmp_path: Path, line: str, name: str, how: str) -> None:
    assert found(tmp_path, "no-secrets-written-in-environment", env(line)) == [(5, f"the value of {name} {how}")]
    listed = "environment:\n  - " + line.replace(": ", "=", 1)
    assert found(tmp_path, "no-secrets-written-in-environment", listed) == [(5, f"the value of {name} {how}")]


def test_a_default_is_reported_although_the_environment_sets_the_variable(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DB_PASSWORD=other\n")
    assert len(found(tmp_path, "no-secrets-written-in-environment", env("DB_PASSWORD: ${DB_PASSWORD:-hunter2}"))) == 1
    assert found(tmp_path, "no-secrets-written-in-environment", env("DB_PASSWORD: ${DB_PASSWORD}")) == []


@pytest.mark.parametrize(
    "control",
    ["no-secrets-written-in-environment", "no-passwords-in-connection-strings", "no-known-tokens"],
)
def test_an_env_file_is_not_the_compose_file(tmp_path: Path, control: str) -> None:
    (tmp_path / "app.env").write_text(f"DB_PASSWORD=hunter2\nURL=postgres://a:hunter2@db/x\nID={KEY}\n")
    assert found(tmp_path, control, "env_file: [app.env]") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(env("URL: postgres://app@db/app"), id="no-password"),
        pytest.param(env("URL: postgres://app:${PW}@db/app"), id="a-reference"),
        pytest.param(env("URL: postgres://${USER:-app}:${PW:?}@db/app"), id="references-with-a-default-user"),
        pytest.param(env("URL: https://example.com:8443/@me"), id="an-at-sign-in-the-path"),
        pytest.param('command: ["curl", "http://localhost:80/"]', id="a-plain-url"),
        pytest.param("command: sh -c 'psql postgres://app:$$PW@db/app'", id="a-variable-of-the-shell"),
    ],
)
def test_a_url_without_a_password_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "no-passwords-in-connection-strings", body) == []


@pytest.mark.parametrize(
    ("body", "line", "what"),
    [
        (env("DATABASE_URL: postgres://app:hunter2@db/app"), 5, "DATABASE_URL"),
        (env("DATABASE_URL: postgres://app:${PW:-hunter2}@db/app"), 5, "DATABASE_URL"),
        (env("BROKER: amqp://${U:-guest}:guest@mq"), 5, "BROKER"),
        ("command:\n  - --broker\n  - redis://:hunter2@cache", 6, "command"),
        ("healthcheck:\n  test: [CMD, curl, 'http://me:hunter2@localhost/']", 5, "test"),
        ("labels:\n  backup.url: s3://id:hunter2@bucket", 5, "the value"),
    ],
)
def test_a_url_with_a_password_is_reported(tmp_path: Path, body: str, line: int, what: str) -> None:
    message = f"{what} has a URL with a password"
    assert found(tmp_path, "no-passwords-in-connection-strings", body) == [(line, message)]


@pytest.mark.parametrize(
    ("body", "line", "what"),
    [
        (env(f"ID: {KEY}"), 5, "ID"),
        (env(f"ID: ${{ID:-{KEY}}}"), 5, "ID"),
        (f"command: [x, --id={KEY}]", 4, "command"),
        ("labels: {token: ghp_" + "a1B2" * 9 + "}", 4, "token"),
        ("configs: []\nenvironment:\n  PEM: |\n    -----BEGIN PRIVATE KEY-----\n    abc", 6, "PEM"),
    ],
)
def test_a_token_is_reported_wherever_it_stands(tmp_path: Path, body: str, line: int, what: str) -> None:
    assert found(tmp_path, "no-known-tokens", body) == [(line, f"{what} holds an access token or key")]


@pytest.mark.parametrize(
    "value",
    ["sha256:" + "ab" * 32, "3f786850e387550fdab836ed7e6dc881de23001b", "-----BEGIN CERTIFICATE-----", "${ID}", "AKIA"],
)
def test_a_text_that_is_no_token_is_not_reported(tmp_path: Path, value: str) -> None:
    assert found(tmp_path, "no-known-tokens", env(f"ID: '{value}'")) == []


CONFIG = "services:\n  web:\n    image: app\n    configs: [c]\nconfigs:\n  c:\n    content: |\n      {}\n"


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("password = hunter2", [7]),
        ('"secret_key": "hunter2",', [7]),
        ("url: postgres://a:hunter2@db", [7]),
        ("password_file = /run/secrets/x", []),
        ("password = ${DB_PASSWORD}", []),
        ("# the password is elsewhere", []),
        ("log_level = debug", []),
        ("proxy_pass http://api:8000;", []),
    ],
)
def test_the_content_of_a_config_is_read(tmp_path: Path, line: str, lines: list[int]) -> None:
    result = hits(tmp_path, {"compose.yaml": CONFIG.format(line)}, "no-secrets-in-config-content")
    assert [hit.line for hit in result] == lines
    assert not any("hunter2" in hit.message for hit in result)


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("DB_PASSWORD: ${DB_PASSWORD}", [5]),
        ("DB_PASSWORD: hunter2", [5]),
        ("DB_PASSWORD_FILE: /run/secrets/x", []),
        ("ALLOW_EMPTY_PASSWORD: 'yes'", []),
        ("API_TOKEN: 'false'", []),
        ("MODE: production", []),
    ],
)
def test_any_credential_in_the_environment_is_reported_by_the_strict_control(
    tmp_path: Path, line: str, lines: list[int]
) -> None:
    assert [number for number, _ in found(tmp_path, "secrets-not-in-environment", env(line))] == lines


@pytest.mark.parametrize("item", ["API_KEY=${API_KEY}", "API_KEY=${API_KEY:?}", "API_KEY=${OTHER:-}", "API_KEY"])
def test_a_reference_in_an_item_of_a_list_is_no_credential(item: str, tmp_path: Path) -> None:
    text = f"services:\n  web:\n    image: app\n    environment:\n      - {item}\n"
    assert hits(tmp_path, {"compose.yaml": text}, "no-secrets-written-in-environment") == []
