from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.model import secrets
from pytest_dockerharden.model.secrets import (
    has_url_credentials,
    is_for_browsers,
    is_literal_secret,
    is_secret_name,
    looks_like_secret,
    mask,
)


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD", "DB_PASSWORD", "POSTGRES_PASSWORD", "MYSQL_ROOT_PASSWORD", "PGPASSWORD", "MYSQL_PWD", "DB_PASS",
        "REDIS_PASSWORD_1", "SECRET", "SECRET_KEY", "SECRET_KEY_BASE",
        "DJANGO_SECRET_KEY", "clientSecret", "JWT_SECRET",
        "GITHUB_TOKEN", "NPM_TOKEN", "api_key", "APIKEY", "apiKey", "STRIPE_API_KEY", "AWS_SECRET_ACCESS_KEY",
        "PRIVATE_KEY", "ENCRYPTION_KEY", "APP_KEY", "FERNET_KEY", "NEO4J_AUTH", "AUTH_SALT", "GITHUB_PAT",
        "DB_CREDENTIALS", "SMTP_PASSPHRASE", "redis.password", "MINIO_ROOT_PASSWORD", "CLIENTSECRET", "dbpasswd",
    ],
)  # fmt: skip
def test_the_name_of_a_credential_is_recognised(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "token_file", "DB_PASSWORD_FILE", "POSTGRES_PASSWORD_FILE", "PASSWORD_VERSION", "TOKENIZERS_PARALLELISM",
        "GPG_KEY", "PUBLIC_KEY", "SSH_PUBLIC_KEY", "ALLOW_EMPTY_PASSWORD", "MYSQL_ALLOW_EMPTY_PASSWORD",
        "MYSQL_RANDOM_ROOT_PASSWORD", "SECRET_PATH", "SECRETS_DIR", "TOKEN_TTL", "ACCESS_TOKEN_EXPIRE_MINUTES",
        "PASSWORD_MIN_LENGTH", "AUTH_TYPE", "POSTGRES_HOST_AUTH_METHOD", "TOKEN_URL", "PWD", "OLDPWD", "PASS_THROUGH",
        "PRIMARY_KEY", "CACHE_KEY", "KEYBOARD", "MONKEY", "KEY", "MAX_TOKENS", "AWS_ACCESS_KEY_ID", "SECRET_NAME",
        "GOOGLE_APPLICATION_CREDENTIALS", "COMPASS", "BYPASS_CACHE", "AUTHOR", "TOKENIZER", "SECRETARY_EMAIL",
        "PASSWORD_HASHERS", "JWT_ALGORITHM", "KEYCLOAK_HOST", "", "_", "AUTH_SERVICE_URL", "USE_AUTH", "SALT",
        "REQUIRE_PASSWORD", "KEY_PREFIX", "PATH", "LICENSE", "PASSWORD_RESET_TIMEOUT", "TOKEN_ISSUER",
    ],
)  # fmt: skip
def test_a_name_that_speaks_about_a_credential_is_not_one(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2"), ("DB_PASSWORD", "changeme"), ("DB_PASSWORD", "1234"), ("API_KEY", "abcd1234"),
        ("NEO4J_AUTH", "neo4j/test1234"), ("SECRET_KEY", "secret"), ("MYSQL_ROOT_PASSWORD", "root"),
        ("ANYTHING", "AKIAIOSFODNN7EXAMPLE"), ("DATABASE_URL", "postgres://app:hunter2@db/app"),
        ("REDIS_PASSWORD", "pre${X}post"),
    ],
)  # fmt: skip
def test_a_credential_written_out_is_recognised(name: str, value: str) -> None:
    assert is_literal_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("DB_PASSWORD", "", id="empty"),
        pytest.param("DB_PASSWORD", "${DB_PASSWORD}", id="a-reference"),
        pytest.param("DB_PASSWORD", "$DB_PASSWORD", id="a-bare-reference"),
        pytest.param("DB_PASSWORD", "$(cat /run/secrets/db)", id="a-command-substitution"),
        pytest.param("DB_PASSWORD", "/run/secrets/db", id="a-path"),
        pytest.param("API_KEY", "true", id="a-switch"),
        pytest.param("API_KEY", "<your key>", id="a-blank-to-fill-in"),
        pytest.param("API_KEY", "REPLACE_ME", id="replace-me"),
        pytest.param("API_KEY", "xxxxxxxx", id="crosses"),
        pytest.param("API_KEY", "********", id="stars"),
        pytest.param("API_KEY", "{{ vault.key }}", id="a-template"),
        pytest.param("APP_AUTH", "basic", id="the-kind-of-authentication"),
        pytest.param("NEO4J_AUTH", "none", id="authentication-off"),
        pytest.param("SOME_TOKEN", "3600", id="a-number-of-seconds"),
        pytest.param("LOG_LEVEL", "debug", id="not-a-secret-name"),
        pytest.param("DATABASE_URL", "postgres://app@db/app", id="a-url-without-a-password"),
        pytest.param("DATABASE_URL", "postgres://app:${PW}@db/app", id="a-url-with-a-reference"),
        pytest.param("KEYCLOAK_SECRET", "https://vault.example.com/x", id="the-address-of-a-vault"),
        pytest.param("GIT_SHA", "3f786850e387550fdab836ed7e6dc881de23001b", id="a-commit"),
        pytest.param("REQUEST_ID", "123e4567-e89b-12d3-a456-426614174000", id="a-uuid"),
    ],
)
def test_a_value_that_gives_nothing_away_is_not_one(name: str, value: str) -> None:
    assert not is_literal_secret(name, value)


@pytest.mark.parametrize(
    "value",
    [
        "AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1B2" * 9, "github_pat_" + "A1b2" * 8, "glpat-" + "a1B2" * 5,
        "xoxb-" + "1234567890-abcdef", "sk_live_" + "a1B2" * 6, "AIza" + "a1B2c" * 7,
        "https://hooks.slack.com/services/T000/B000/abcdefghijklmnop", "-----BEGIN RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----", "-----BEGIN OPENSSH PRIVATE KEY-----", "redis://:hunter2@redis:6379/0",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "amqp://guest:guest@rabbit", "https://ghp_abcdefghijklmnop@github.com/x/y",
    ],
)  # fmt: skip
def test_the_shape_of_a_credential_is_recognised(value: str) -> None:
    assert looks_like_secret(value)


@pytest.mark.parametrize(
    "value",
    [
        "sha256:" + "0" * 64, "3f786850e387550fdab836ed7e6dc881de23001b", "https://example.com/path:80/@x",
        "git@github.com:owner/repo.git", "user@example.com", "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "http://localhost:8080/?q=a@b", "redis://redis:6379/0", "postgres://${USER}:${PASS}@db/x", "sk-learn",
        "tcp://0.0.0.0:2375", "eyJhbGciOiJIUzI1NiJ9", "http://user:$PASSWORD@host/", "AKIA", "MAKIAIOSFODNN7EXAMPLEX",
    ],
)  # fmt: skip
def test_ordinary_text_has_no_shape_of_a_credential(value: str) -> None:
    assert not looks_like_secret(value)


def test_a_default_in_a_url_is_a_password() -> None:
    assert has_url_credentials("postgres://app:${PW:-hunter2}@db/app")
    assert not has_url_credentials("postgres://app:${PW:-}@db/app")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("      DB_PASSWORD: hunter2", "      DB_PASSWORD: ***"),
        ('      DB_PASSWORD: "hunter two"', '      DB_PASSWORD: "***"'),
        ("      DB_PASSWORD: hunter two, three", "      DB_PASSWORD: ***"),
        (r'{"DB_PASSWORD": "hun\"ter2", "x": 1}', '{"DB_PASSWORD": "***", "x": 1}'),
        ("      - DB_PASSWORD=hunter two", "      - DB_PASSWORD=***"),
        ("      - DB_PASSWORD=hunter2", "      - DB_PASSWORD=***"),
        ('  {"DB_PASSWORD": "hunter2", "x": 1}', '  {"DB_PASSWORD": "***", "x": 1}'),
        ("ENV API_KEY=abc123 OTHER=1", "ENV API_KEY=*** OTHER=1"),
        ("--requirepass hunter2 --appendonly yes", "--requirepass *** --appendonly yes"),
        ('["redis-server", "--requirepass", "hunter2"]', '["redis-server", "--requirepass", "***"]'),
        ("--requirepass hun,ter;2 --port 1", "--requirepass *** --port 1"),
        ('--requirepass "hunter two" --port 1', '--requirepass "***" --port 1'),
        ("redis-cli -a hunter2 ping", "redis-cli -a *** ping"),
        ('["CMD", "redis-cli", "-a", "hunter2", "ping"]', '["CMD", "redis-cli", "-a", "***", "ping"]'),
        ("--requirepass ${REDIS_PASSWORD:-defaultpassword}", "--requirepass ${REDIS_PASSWORD:-***}"),
        ("DATABASE_URL: postgres://app:hunter2@db/app", "DATABASE_URL: postgres://app:***@db/app"),
        ("key AKIAIOSFODNN7EXAMPLE here", "key *** here"),
        ("DB_PASSWORD: ${DB_PASSWORD}", "DB_PASSWORD: ${DB_PASSWORD}"),
        ("DB_PASSWORD_FILE: /run/secrets/db", "DB_PASSWORD_FILE: /run/secrets/db"),
        ("image: redis:7-alpine", "image: redis:7-alpine"),
        ('test: ["CMD", "curl", "-f", "http://localhost:8080/health"]',) * 2,
        ("first: 1\nDB_PASSWORD: hunter2\nlast: 2", "first: 1\nDB_PASSWORD: ***\nlast: 2"),
        ("DB_PASSWORD: ${A:-hunter2}", "DB_PASSWORD: ${A:-***}"),
        ("DB_PASSWORD: ${A+hunter2}", "DB_PASSWORD: ${A+***}"),
        ("X: ${DB_PASSWORD:-${B:-hunter2}}", "X: ${DB_PASSWORD:-${B:-***}}"),
        ("X: ${DB_PASSWORD:-${B}}, ${C:-d}", "X: ${DB_PASSWORD:-${B}}, ${C:-d}"),
        ("DB_PW: hunter2", "DB_PW: ***"),
        ("ENV DB_PASSWORD hunter2", "ENV DB_PASSWORD ***"),
        ("curl -H 'Authorization: Bearer hunter2' http://x", "curl -H 'Authorization: Bearer ***' http://x"),
        ('["curl", "-u", "me:hunter2", "http://x"]', '["curl", "-u", "me:***", "http://x"]'),
        ("mysqladmin -uroot -phunter2 ping", "mysqladmin -uroot -p*** ping"),
        ("sshpass -p hunter2 ssh x", "sshpass -p *** ssh x"),
        ("docker login -u me -p hunter2 x", "docker login -u me -p *** x"),
        ("echo 'root:hunter2' | chpasswd", "echo 'root:***' | chpasswd"),
        ("echo hunter2 | docker login --password-stdin x", "echo *** | docker login --password-stdin x"),
        ("htpasswd -bc f u hunter2", "htpasswd -bc f u ***"),
        ("redis-cli -h x -a hunter2 ping", "redis-cli -h x -a *** ping"),
        ("npm config set //r.io/:_authToken hunter2", "npm config set //r.io/:_authToken ***"),
        ("- traefik.http.x.basicauth.users=me:hunter2", "- traefik.http.x.basicauth.users=me:***"),
        ("CREATE USER a IDENTIFIED BY 'hunter2'", "CREATE USER a IDENTIFIED BY '***'"),
        ("user: app:app",) * 2, ("curl -f -u $U:$P http://x:80",) * 2, ("mysql -p$P -P 3306 -h db",) * 2,
        ("https://cdn.example/npm/a-package-with-a-long-name@1.0",) * 2, ("docker run -p 80:80 -u 1000:1000 x",) * 2,
        ("set -o pipefail",) * 2, ("ENV PATH /usr/bin:/bin",) * 2, ("ENV PASSWORD_FILE /run/secrets/x",) * 2,
    ],
)  # fmt: skip
def test_a_line_is_shown_without_its_secret(text: str, shown: str) -> None:
    assert mask(text) == shown


@settings(deadline=None, max_examples=150)
@given(
    st.text(
        alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"',;&|$`\\{}<>[]*%/:="),
        min_size=6,
    )
)
def test_a_password_never_survives_its_own_line(password: str) -> None:
    if is_literal_secret("DB_PASSWORD", password):
        assert mask(f"DB_PASSWORD: {password}") == "DB_PASSWORD: ***"


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=300))
def test_masking_is_total_and_stable(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a-",
        "--a-",
        "key=",
        "PASSWORD",
        "a://b:",
        "${A:-",
        "eyJa.",
        "=",
        "\\",
        "${PW:-",
        "curl -u",
        "login x password ",
        "set a/",
        "mysql ",
        "https://a",
    ],
)
def test_no_text_is_slow_to_mask(piece: str) -> None:
    text = "--" + piece * (40_000 // len(piece))
    start = process_time()
    mask(text)
    looks_like_secret(text)
    is_literal_secret(text, text)
    assert process_time() - start < 3


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("rubygems_" + "0a1b2c3d" * 6, id="rubygems"),
        pytest.param("dapi" + "0a1b2c3d" * 4, id="databricks"),
        pytest.param("lin_api_" + "aB3d5" * 8, id="linear"),
        pytest.param("123456789:AA" + "aB3" * 11, id="telegram"),
        pytest.param("PMAK-" + "0a1b2c" * 4 + "-" + "0a" * 17, id="postman"),
        pytest.param("abc8Q~" + "aB3.5" * 6 + "abcd", id="azure"),
        pytest.param("aB3d5fG7hI9kLm.atlasv1." + "aB3d" * 16, id="terraform"),
        pytest.param("GR1348941" + "aB3d5" * 4, id="gitlab runner registration"),
        pytest.param("GOCSPX-" + "aB3d" * 7, id="google client secret"),
        pytest.param("SK" + "0a1b2c3d" * 4, id="twilio"),
        pytest.param("//registry.example.com/:_authToken=7f9c24e5-2c1b-4b6a-9d3e-5a8b7c6d5e4f", id="npmrc"),
    ],
)
def test_further_documented_tokens_are_recognised_and_masked(token: str) -> None:
    assert looks_like_secret(f"X={token}")
    assert token not in mask(f"X: {token}")


@pytest.mark.parametrize(
    "value", ["no-install-recommends", "/usr/lib/python3-dist-packages/x_y", "a" * 5000, "A1-" * 3000]
)
def test_ordinary_words_are_no_tokens_and_cost_nothing(value: str) -> None:
    assert not looks_like_secret(value)


@pytest.mark.parametrize("name", ["VITE_MAPS_API_KEY", "REACT_APP_FIREBASE_API_KEY", "VUE_APP_MAPBOX_TOKEN"])
def test_what_every_browser_loads_is_no_secret_and_is_masked_all_the_same(name: str) -> None:
    assert is_for_browsers(name)
    assert not is_literal_secret(name, "k3yOfTheMaps")
    assert "k3yOfTheMaps" not in mask(f"{name}: k3yOfTheMaps")


@pytest.mark.parametrize("name", ["VITE_DB_PASSWORD", "REACT_APP_CLIENT_SECRET", "VITE_PRIVATE_KEY", "INVITE_TOKEN"])
def test_what_no_browser_should_load_is_a_secret(name: str) -> None:
    assert is_literal_secret(name, "k3yOfTheMaps")


@pytest.mark.parametrize("value", ["sk_test_your_stripe_key", "pk_live_your-key", "your-key-here"])
def test_a_blank_with_the_prefix_of_a_token_is_a_blank(value: str) -> None:
    assert not is_literal_secret("STRIPE_SECRET_KEY", value)


@settings(deadline=None, max_examples=100)
@given(st.from_regex(re.compile(secrets._SHAPES.pattern)))
def test_a_text_with_a_token_is_not_passed_by_for_want_of_its_mark(text: str) -> None:
    assert secrets._may_hold_token(text)
