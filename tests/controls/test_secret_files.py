"""The files that hold secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import hits, verdicts, write_git_index

USER = "services:\n  a:\n    image: redis:7.4\n    secrets: [pw]\n"
FILE = "secrets:\n  pw:\n    file: ./secrets/pw\n"
HERE = "compose.yaml"


def found(folder: Path, text: str, control: str, files: dict[str, str] | None = None) -> list[tuple[str, int]]:
    return [(hit.file, hit.line) for hit in hits(folder, {HERE: text, **(files or {})}, control)]


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        pytest.param(USER + FILE, {}, [(HERE, 7)], id="missing"),
        pytest.param(USER + FILE, {"secrets/pw": ""}, [(HERE, 7)], id="empty"),
        pytest.param(USER + FILE, {"secrets/pw/x": "x"}, [(HERE, 7)], id="a directory"),
        pytest.param(USER + FILE, {"secrets/pw": "x"}, [], id="there"),
        pytest.param(USER + "secrets:\n  pw:\n    file: /etc/app/pw\n", {}, [], id="outside the project"),
        pytest.param(USER + "secrets:\n  pw:\n    environment: PW\n", {}, [], id="from the environment"),
        pytest.param(USER + "secrets:\n  pw:\n    external: true\n", {}, [], id="external"),
        pytest.param(USER + "secrets:\n  pw:\n    file: ${PW_FILE}\n", {}, [], id="a variable without a value"),
    ],
)
def test_a_secret_file_is_there_and_holds_something(
    tmp_path: Path, text: str, files: dict[str, str], expected: list
) -> None:
    assert found(tmp_path, text, "secret-files-exist", files) == expected


def test_a_file_that_git_ignores_is_made_elsewhere(tmp_path: Path) -> None:
    write_git_index(tmp_path, [])
    files = {HERE: USER + FILE, ".gitignore": "secrets/\n"}
    assert verdicts(tmp_path, files, "secret-files-exist") == {"": "unknown"}


@pytest.mark.parametrize(("mode", "expected"), [(0o644, [(HERE, 7)]), (0o640, []), (0o400, []), (0o604, [(HERE, 7)])])
def test_a_secret_file_is_private(tmp_path: Path, mode: int, expected: list) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/pw").write_text("x")
    (tmp_path / "secrets/pw").chmod(mode)
    assert found(tmp_path, USER + FILE, "secret-files-are-private") == expected


@pytest.mark.parametrize(
    ("tracked", "ignore", "control", "expected"),
    [
        pytest.param(["secrets/pw"], "", "secret-files-are-not-tracked", [(HERE, 7)], id="tracked"),
        pytest.param(["secrets/pw"], "secrets/\n", "secret-files-are-not-tracked", [(HERE, 7)], id="tracked before"),
        pytest.param([], "", "secret-files-are-not-tracked", [], id="not tracked"),
        pytest.param([], "", "secret-files-are-ignored", [(HERE, 7)], id="not ignored"),
        pytest.param([], "*.txt\n", "secret-files-are-ignored", [(HERE, 7)], id="another pattern"),
        pytest.param([], "secrets/\n", "secret-files-are-ignored", [], id="ignored by its folder"),
        pytest.param([], "pw\n", "secret-files-are-ignored", [], id="ignored by its name"),
        pytest.param(["secrets/pw"], "", "secret-files-are-ignored", [], id="tracked is another finding"),
    ],
)
def test_git_does_not_have_the_secret(
    tmp_path: Path, tracked: list[str], ignore: str, control: str, expected: list
) -> None:
    write_git_index(tmp_path, tracked)
    files = {"secrets/pw": "x", ".gitignore": ignore}
    assert found(tmp_path, USER + FILE, control, files) == expected


def test_without_a_checkout_nothing_is_said_of_git(tmp_path: Path) -> None:
    files = {HERE: USER + FILE, "secrets/pw": "x"}
    assert verdicts(tmp_path, files, "secret-files-are-ignored") == {"": "not-applicable"}


BUILT = "services:\n  a:\n    build: .\n    secrets: [pw]\n" + FILE


@pytest.mark.parametrize(
    ("dockerfile", "ignore", "expected"),
    [
        pytest.param("FROM x\nCOPY . /app\n", "", [("Dockerfile", 2)], id="the whole context"),
        pytest.param("FROM x\nCOPY ./secrets /app/s\n", "", [("Dockerfile", 2)], id="its folder"),
        pytest.param("FROM x\nADD secrets/pw /\n", "", [("Dockerfile", 2)], id="itself"),
        pytest.param("FROM x\nCOPY . /app\n", "secrets\n", [], id="excluded"),
        pytest.param("FROM x\nCOPY src /app\n", "", [], id="another folder"),
        pytest.param("FROM x\nCOPY --from=y . /app\n", "", [], id="from another image"),
        pytest.param("FROM x AS a\nCOPY . /app\nFROM x\n", "", [], id="in a stage that does not ship"),
    ],
)
def test_a_secret_file_stays_out_of_the_image(tmp_path: Path, dockerfile: str, ignore: str, expected: list) -> None:
    files = {"secrets/pw": "x", "Dockerfile": dockerfile, ".dockerignore": ignore}
    assert found(tmp_path, BUILT, "secret-files-stay-out-of-images", files) == expected


def service(user: str, more: str = "") -> str:
    return f'services:\n  a:\n    image: redis:7.4\n    user: "{user}"\n    secrets:\n      - pw\n{more}{FILE}'


@pytest.mark.parametrize(
    ("mode", "user", "more", "expected"),
    [
        pytest.param(0o600, "4242:4242", "", [(HERE, 6)], id="another owner"),
        pytest.param(0o644, "4242:4242", "", [], id="readable by all"),
        pytest.param(0o640, "4242:4242", "", [], id="perhaps by its group"),
        pytest.param(0o600, "0:0", "", [], id="root reads everything"),
        pytest.param(0o600, "${UID}", "", [], id="a variable without a value"),
    ],
)
def test_a_secret_is_readable_for_the_service(tmp_path: Path, mode: int, user: str, more: str, expected: list) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/pw").write_text("x")
    (tmp_path / "secrets/pw").chmod(mode)
    assert found(tmp_path, service(user, more), "secret-files-are-readable") == expected


@pytest.mark.parametrize(
    ("secret", "read_only", "expected"),
    [
        pytest.param("environment: PW", "true", [(HERE, 6)], id="from the environment"),
        pytest.param("environment: PW", "false", [], id="writable"),
        pytest.param("file: ./pw", "true", [], id="a file"),
    ],
)
def test_a_read_only_service_gets_its_secrets(tmp_path: Path, secret: str, read_only: str, expected: list) -> None:
    text = f"services:\n  a:\n    image: x\n    read_only: {read_only}\n    secrets:\n      - pw\n"
    text += f"secrets:\n  pw: {{{secret}}}\n"
    assert found(tmp_path, text, "secrets-can-be-delivered") == expected


def test_a_read_only_service_gets_its_configs(tmp_path: Path) -> None:
    text = "services:\n  a:\n    image: x\n    read_only: true\n    configs:\n      - c\n"
    text += "configs:\n  c:\n    content: hello\n"
    assert found(tmp_path, text, "secrets-can-be-delivered") == [(HERE, 6)]


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        pytest.param("{source: pw, mode: 0400}", [(HERE, 4)], id="a mode"),
        pytest.param('{source: pw, uid: "103"}', [(HERE, 4)], id="an owner"),
        pytest.param("{source: pw, target: x}", [], id="a name"),
        pytest.param("pw", [], id="the short form"),
    ],
)
def test_a_mode_that_nobody_applies_is_found(tmp_path: Path, grant: str, expected: list) -> None:
    text = f"services:\n  a:\n    image: x\n    secrets: [{grant}]\n{FILE}"
    assert found(tmp_path, text, "secret-settings-take-effect") == expected


@pytest.mark.parametrize(
    ("entry", "files", "expected"),
    [
        pytest.param("app.env", {}, [(HERE, 4)], id="one"),
        pytest.param("[b.env, app.env]", {"b.env": "A=1"}, [(HERE, 4)], id="the second"),
        pytest.param("[{path: app.env}]", {}, [(HERE, 4)], id="the long form"),
        pytest.param("[{path: app.env, required: true}]", {}, [(HERE, 4)], id="required"),
        pytest.param("app.env", {"app.env/a": ""}, [(HERE, 4)], id="a directory"),
        pytest.param(
            "[{path: app.env, required: false}]", {"app.env/a": ""}, [(HERE, 4)], id="a directory all the same"
        ),
        pytest.param("app.env", {"other.env.example": ""}, [(HERE, 4)], id="a sample of another one"),
        pytest.param("app.env", {".git/HEAD": "", ".gitignore": "*.log"}, [(HERE, 4)], id="git does not ignore it"),
        pytest.param("[{path: app.env, required: false}]", {}, [], id="not required"),
        pytest.param("app.env", {"app.env": ""}, [], id="empty, but there"),
        pytest.param("app.env", {".git/HEAD": "", ".gitignore": "*.env"}, [], id="ignored, so made elsewhere"),
        pytest.param("app.env", {"app.env.example": ""}, [], id="made from a sample"),
        pytest.param("app.env", {"example.app.env": ""}, [], id="made from a sample with another name"),
        pytest.param(".env", {"env.dist": ""}, [], id="made from a distributed one"),
        pytest.param("${WHERE}/app.env", {}, [], id="an unknown place"),
        pytest.param("../app.env", {}, [], id="outside of the project"),
    ],
)
def test_an_env_file_exists(tmp_path: Path, entry: str, files: dict[str, str], expected: list) -> None:
    text = f"services:\n  a:\n    image: x\n    env_file: {entry}\n"
    assert found(tmp_path, text, "required-env-files-exist", files) == expected


ENV = "services:\n  a:\n    image: x\n    env_file:\n      - app.env\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("DB_PASSWORD=x\n", [(HERE, 5)], id="with a secret"),
        pytest.param("LOG_LEVEL=info\n", [], id="without"),
        pytest.param("DB_PASSWORD_FILE=/run/secrets/x\n", [], id="the path of a secret"),
    ],
)
def test_an_env_file_in_git_has_no_secrets(tmp_path: Path, text: str, expected: list) -> None:
    write_git_index(tmp_path, ["app.env"])
    assert found(tmp_path, ENV, "env-files-are-not-tracked", {"app.env": text}) == expected


def test_an_env_file_that_is_not_in_git_may_have_them(tmp_path: Path) -> None:
    write_git_index(tmp_path, ["compose.yaml"])
    assert found(tmp_path, ENV, "env-files-are-not-tracked", {"app.env": "DB_PASSWORD=x\n"}) == []


def edge(ports: str, first: str = "app.env", second: str = "app.env") -> str:
    proxy = f"  proxy:\n    image: x\n    env_file: {first}\n{ports}"
    return f"services:\n{proxy}  api:\n    image: y\n    env_file: {second}\n"


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        pytest.param(edge('    ports: ["80:80"]\n'), {"app.env": "DB_PASSWORD=x\n"}, [(HERE, 4)], id="shared"),
        pytest.param(edge('    ports: ["127.0.0.1:80:80"]\n'), {"app.env": "DB_PASSWORD=x\n"}, [], id="loopback only"),
        pytest.param(edge(""), {"app.env": "DB_PASSWORD=x\n"}, [], id="not published"),
        pytest.param(edge('    ports: ["80:80"]\n'), {"app.env": "LEVEL=x\n"}, [], id="no secrets"),
        pytest.param(
            edge('    ports: ["80:80"]\n', "proxy.env"),
            {"app.env": "DB_PASSWORD=x\n", "proxy.env": "API_TOKEN=x\n"},
            [],
            id="a file of its own",
        ),
    ],
)
def test_an_edge_service_has_its_own_env_file(tmp_path: Path, text: str, files: dict[str, str], expected: list) -> None:
    assert found(tmp_path, text, "edge-service-has-its-own-env-file", files) == expected


def test_a_shared_env_file_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    result = verdicts(tmp_path, {HERE: edge('    ports: ["80:80"]\n')}, "edge-service-has-its-own-env-file")
    assert result == {"proxy": "unknown", "api": "not-applicable"}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param("${ENV_FILE:-.env.local}", [(HERE, 5)], id="local by default"),
        pytest.param("${ENV_FILE-dev.env}", [(HERE, 5)], id="dev by default"),
        pytest.param("${ENV_FILE:-.env.production}", [], id="production by default"),
        pytest.param("${ENV_FILE:?}", [], id="required"),
        pytest.param(".env.local", [], id="no choice is offered"),
        pytest.param("${LOCALE:-localisation.env}", [], id="a longer word"),
    ],
)
def test_the_default_env_file_is_not_for_development(tmp_path: Path, entry: str, expected: list) -> None:
    text = f"services:\n  a:\n    image: x\n    env_file:\n      - {entry}\n"
    assert found(tmp_path, text, "default-env-file-is-not-for-development") == expected


def client(settings: str, server: str = "redis") -> str:
    return (
        f"services:\n  worker:\n    image: app\n    depends_on:\n      - {server}\n{settings}"
        f"  {server}:\n    image: {server}:7\n    secrets: [db_password]\n"
        "secrets:\n  db_password: {file: ./pw}\n  api_token: {file: ./t}\n"
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param("", [(HERE, 5)], id="nothing"),
        pytest.param("    environment: {LOG_LEVEL: info}\n", [(HERE, 5)], id="other variables"),
        pytest.param("    secrets: [api_token]\n", [(HERE, 5)], id="another secret"),
        pytest.param("    secrets: [db_password]\n", [], id="the secret"),
        pytest.param("    environment: [REDIS_PASSWORD]\n", [], id="a password of its own"),
        pytest.param("    environment: {REDIS_URL: redis://redis:6379/0}\n", [(HERE, 5)], id="a URL without one"),
        pytest.param("    environment: {REDIS_URL: 'redis://:x@redis'}\n", [], id="a URL holds it"),
        pytest.param("    environment: {REDIS_URL: '${REDIS_URL}'}\n", [], id="a URL may hold it"),
        pytest.param("    environment: {DB_URL: 'jdbc:db://db?user=x'}\n", [], id="a URL with parameters"),
        pytest.param("    environment: {DB_DSN: host=db}\n", [], id="no URL"),
    ],
)
def test_a_client_gets_the_password(tmp_path: Path, settings: str, expected: list) -> None:
    assert found(tmp_path, client(settings), "clients-get-the-secret") == expected


def test_a_service_that_is_no_data_store_keeps_its_secret(tmp_path: Path) -> None:
    assert found(tmp_path, client("", "mailer"), "clients-get-the-secret") == []


PASSWORD = '--requirepass "$$(cat /run/secrets/pw)"'


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param(f"sh -c 'redis-server {PASSWORD}'", [(HERE, 4)], id="no guard"),
        pytest.param(f"sh -c 'exec redis-server {PASSWORD}'", [(HERE, 4)], id="exec is no guard"),
        pytest.param(f"sh -c 'set -e; redis-server {PASSWORD}'", [(HERE, 4)], id="set -e does not see it"),
        pytest.param(f"sh -c 'test -s /run/secrets/pw && redis-server {PASSWORD}'", [], id="test -s"),
        pytest.param(f"sh -c '[ -s /run/secrets/pw ] || exit 1; redis-server {PASSWORD}'", [], id="a bracket"),
        pytest.param("redis-server /run/secrets/redis.conf", [], id="a configuration file"),
        pytest.param("redis-server --requirepass x", [], id="judged by another control"),
        pytest.param("sh -c 'P=$$(cat /run/secrets/pw); redis-server --requirepass \"$${P:?}\"'", [], id="${P:?}"),
    ],
)
def test_a_server_does_not_start_without_its_password(tmp_path: Path, command: str, expected: list) -> None:
    text = f"services:\n  a:\n    image: redis:7.4\n    command: >-\n      {command}\n"
    assert found(tmp_path, text, "password-file-fails-closed") == expected
