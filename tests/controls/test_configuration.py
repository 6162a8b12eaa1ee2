"""What servers and entrypoints write, keep and let in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import hits, verdicts

HERE = "compose.yaml"


def found(folder: Path, text: str, control: str, **files: str) -> list[tuple[str, int]]:
    return [(hit.file, hit.line) for hit in hits(folder, {HERE: text, **files}, control)]


SCRIPT = "entrypoint.sh"
DOCKERFILE = 'FROM nginx:1.27.3\nCOPY entrypoint.sh /entrypoint.sh\nENTRYPOINT ["/entrypoint.sh"]\nCMD ["nginx"]\n'


def stack(*tmpfs: str, read_only: str = "true") -> str:
    mounts = "".join(f"      - {path}\n" for path in tmpfs)
    return f"services:\n  web:\n    build: .\n    read_only: {read_only}\n" + ("    tmpfs:\n" + mounts if tmpfs else "")


@pytest.mark.parametrize(
    ("line", "text", "expected"),
    [
        pytest.param("envsubst < /t > /etc/nginx/conf.d/a.conf", stack(), [(SCRIPT, 2)], id="a redirection"),
        pytest.param("sed -i s/a/b/ /etc/nginx/nginx.conf", stack(), [(SCRIPT, 2)], id="sed in place"),
        pytest.param("echo x | tee /etc/app.conf", stack(), [(SCRIPT, 2)], id="tee"),
        pytest.param("cp /t/a /etc/a", stack(), [(SCRIPT, 2)], id="cp to"),
        pytest.param("echo x >> /etc/app.conf", stack("/tmp"), [(SCRIPT, 2)], id="a tmpfs elsewhere"),
        pytest.param("envsubst < /t > /etc/nginx/conf.d/a.conf", stack("/etc/nginx/conf.d"), [], id="a tmpfs there"),
        pytest.param("envsubst < /t > /etc/nginx/conf.d/a.conf", stack(read_only="false"), [], id="a writable root"),
        pytest.param("echo x > /dev/stderr", stack(), [], id="a device"),
        pytest.param("echo x > /var/run/a", stack("/run"), [], id="/var/run is /run"),
        pytest.param("cp /etc/a /tmp/a", stack("/tmp"), [], id="cp from"),
        pytest.param('echo x > "$OUT"', stack(), [], id="a variable decides"),
        pytest.param("sed s/a/b/ /etc/nginx/nginx.conf", stack(), [], id="sed to its output"),
        pytest.param("mkdir -p /etc/nginx", stack(), [], id="what is there is not made"),
        pytest.param("test -f /etc/x 2>&1", stack(), [], id="another descriptor"),
    ],
)
def test_an_entrypoint_writes_where_it_can(tmp_path: Path, line: str, text: str, expected: list) -> None:
    files = {"Dockerfile": DOCKERFILE, SCRIPT: f'#!/bin/sh\n{line}\nexec "$@"\n'}
    assert found(tmp_path, text, "rendered-configuration-is-writable", **files) == expected


def owned(*steps: str, base: str = "nginx:1.27.3", user: str = "nginx") -> str:
    middle = "".join(f"{step}\n" for step in steps)
    return f'FROM {base}\n{middle}COPY entrypoint.sh /entrypoint.sh\nUSER {user}\nENTRYPOINT ["/entrypoint.sh"]\n'


@pytest.mark.parametrize(
    ("line", "dockerfile", "expected"),
    [
        pytest.param("echo > /etc/nginx/conf.d/a", owned(), [(SCRIPT, 2)], id="a directory of root"),
        pytest.param(
            "echo > /etc/nginx/conf.d/a",
            owned("COPY --chown=nginx a /etc/nginx/conf.d/a"),
            [(SCRIPT, 2)],
            id="the file is his, the directory is not",
        ),
        pytest.param("echo > /etc/nginx/conf.d/a", owned("RUN chown -R nginx /etc/nginx"), [], id="given away"),
        pytest.param("echo > /etc/app/a", owned("RUN mkdir -m 777 /etc/app"), [], id="made"),
        pytest.param("echo > /tmp/a", owned(), [], id="everybody's"),
        pytest.param("echo > /home/nginx/a", owned(), [], id="his home"),
        pytest.param("echo > /etc/nginx/conf.d/a", owned(user="root"), [], id="root"),
        pytest.param("echo > /etc/nginx/conf.d/a", owned(base="x"), [], id="an unknown base"),
        pytest.param("echo > /etc/a", owned("COPY setup.sh /", "RUN /setup.sh"), [], id="a script may give it away"),
        pytest.param("cat /etc/nginx/nginx.conf", owned(), [], id="reading"),
    ],
)
def test_an_entrypoint_writes_where_its_user_may(tmp_path: Path, line: str, dockerfile: str, expected: list) -> None:
    files = {"Dockerfile": dockerfile, SCRIPT: f'#!/bin/sh\n{line}\nexec "$@"\n'}
    text = "services:\n  web:\n    build: .\n"
    assert found(tmp_path, text, "entrypoint-may-write-as-its-user", **files) == expected


def beat(command: str, more: str = "    read_only: true\n") -> str:
    return f"services:\n  beat:\n    image: app\n    working_dir: /app\n    command: {command}\n{more}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(beat("celery -A app beat"), [(HERE, 5)], id="in the working directory"),
        pytest.param(beat("celery -A app worker -B"), [(HERE, 5)], id="embedded in a worker"),
        pytest.param(beat("celery -A app beat -s /var/lib/beat"), [(HERE, 5)], id="a place that cannot be written"),
        pytest.param(
            beat("celery -A app beat -s /tmp/s", "    read_only: true\n    tmpfs: /tmp\n"), [], id="on a tmpfs"
        ),
        pytest.param(
            beat("celery -A app beat --schedule=/tmp/s", "    read_only: true\n    tmpfs: /tmp\n"), [], id="with ="
        ),
        pytest.param(beat("celery -A app beat", "    restart: always\n"), [], id="a writable root"),
        pytest.param(beat("celery -A app beat -S django.DatabaseScheduler"), [], id="a schedule in the database"),
        pytest.param(beat("celery -A app worker"), [], id="a worker"),
    ],
)
def test_a_beat_schedule_is_writable(tmp_path: Path, text: str, expected: list) -> None:
    assert found(tmp_path, text, "beat-schedule-is-writable") == expected


def test_an_unknown_working_directory_is_unknown(tmp_path: Path) -> None:
    text = "services:\n  beat:\n    image: app\n    command: celery -A app beat\n    read_only: true\n"
    assert verdicts(tmp_path, {HERE: text}, "beat-schedule-is-writable") == {"beat": "unknown"}


def redis(command: str = "", more: str = "", image: str = "redis:7.4") -> str:
    return f"services:\n  cache:\n    image: {image}\n" + (f"    command: {command}\n" if command else "") + more


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(redis("redis-server --appendonly yes"), [(HERE, 4)], id="an anonymous volume"),
        pytest.param(redis("redis-server --appendonly yes", "    tmpfs: /data\n"), [(HERE, 4)], id="a tmpfs"),
        pytest.param(
            redis("redis-server --appendonly yes --dir /var/x", "    volumes: ['./d:/data']\n"),
            [(HERE, 4)],
            id="another directory",
        ),
        pytest.param(
            redis("""sh -c 'redis-server --appendonly yes --dir /data'""", "    tmpfs: /data\n"),
            [(HERE, 4)],
            id="through sh -c",
        ),
        pytest.param(redis("redis-server --appendonly yes", "    volumes: ['./d:/data']\n"), [], id="a bind"),
        pytest.param(
            redis("redis-server --appendonly yes", "    volumes: ['data:/data']\nvolumes: {data: }\n"),
            [],
            id="a volume",
        ),
        pytest.param(redis("redis-server --appendonly no", "    tmpfs: /data\n"), [], id="no persistence"),
        pytest.param(redis("redis-server", "    tmpfs: /data\n"), [], id="nothing said"),
    ],
)
def test_redis_keeps_what_it_appends(tmp_path: Path, text: str, expected: list) -> None:
    assert found(tmp_path, text, "redis-data-is-persistent") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(redis(), [(HERE, 2)], id="no command"),
        pytest.param(redis("redis-server --appendonly yes"), [(HERE, 4)], id="no password"),
        pytest.param(redis(image="bitnami/redis:7.4"), [(HERE, 2)], id="another publisher"),
        pytest.param(redis("redis-server --requirepass x"), [], id="a password"),
        pytest.param(redis("redis-server --aclfile /run/secrets/acl"), [], id="an ACL"),
        pytest.param(redis(more="    environment: [REDIS_PASSWORD=x]\n"), [], id="by a variable"),
        pytest.param(redis(image="app:1"), [], id="not a redis"),
    ],
)
def test_redis_asks_for_a_password(tmp_path: Path, text: str, expected: list) -> None:
    assert found(tmp_path, text, "redis-requires-a-password") == expected


def test_a_configuration_file_of_redis_is_not_read(tmp_path: Path) -> None:
    result = verdicts(tmp_path, {HERE: redis("redis-server /etc/redis.conf")}, "redis-requires-a-password")
    assert result == {"cache": "unknown"}


@pytest.mark.parametrize(
    ("more", "command", "expected"),
    [
        pytest.param("    ports: ['6379:6379']\n", "", [(HERE, 4)], id="published"),
        pytest.param("    ports: ['127.0.0.1:6379:6379']\n", "", [], id="on the loopback"),
        pytest.param("    ports: ['6379:6379']\n", "redis-server --requirepass x", [], id="with a password"),
        pytest.param("", "", [], id="not published"),
    ],
)
def test_a_published_redis_asks_for_a_password(tmp_path: Path, more: str, command: str, expected: list) -> None:
    assert found(tmp_path, redis(command, more), "published-stores-ask-for-a-password") == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("redis-server --protected-mode no", [(HERE, 4)], id="off"),
        pytest.param("redis-server --protected-mode no --requirepass x", [], id="off with a password"),
        pytest.param("redis-server --protected-mode yes", [], id="on"),
        pytest.param("redis-server", [], id="nothing said"),
    ],
)
def test_protected_mode_stays_on(tmp_path: Path, command: str, expected: list) -> None:
    assert found(tmp_path, redis(command), "redis-protected-mode-is-on") == expected


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        pytest.param("POSTGRES_HOST_AUTH_METHOD: trust", [(HERE, 5)], id="trust"),
        pytest.param("MYSQL_ALLOW_EMPTY_PASSWORD: 'yes'", [(HERE, 5)], id="an empty password"),
        pytest.param("NEO4J_AUTH: none", [(HERE, 5)], id="neo4j without"),
        pytest.param("xpack.security.enabled: 'false'", [(HERE, 5)], id="elasticsearch without"),
        pytest.param("xpack.security.enabled: 'true'", [], id="elasticsearch with"),
        pytest.param("POSTGRES_HOST_AUTH_METHOD: scram-sha-256", [], id="scram"),
        pytest.param("MYSQL_ALLOW_EMPTY_PASSWORD: 'no'", [], id="no empty password"),
        pytest.param("NEO4J_AUTH: neo4j/secret", [], id="neo4j with"),
        pytest.param("POSTGRES_HOST_AUTH_METHOD: ${METHOD}", [], id="a variable without a value"),
    ],
)
def test_no_switch_opens_a_database(tmp_path: Path, variable: str, expected: list) -> None:
    text = f"services:\n  db:\n    image: x\n    environment:\n      {variable}\n"
    assert found(tmp_path, text, "databases-ask-for-a-password") == expected


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("redis-server --requirepass hunter2", id="written out"),
        pytest.param("redis-server --requirepass ${PW:-defaultpassword}", id="a default"),
        pytest.param("redis-server --requirepass ${PW}", id="interpolated"),
        pytest.param('["redis-server", "--requirepass", "${PW}"]', id="interpolated into a list"),
        pytest.param('sh -c "exec redis-server --requirepass $PW"', id="interpolated by a single dollar"),
        pytest.param("app --password=hunter2", id="behind ="),
    ],
)
def test_a_password_on_the_command_line_is_found_and_not_shown(tmp_path: Path, command: str) -> None:
    result = hits(tmp_path, {HERE: redis(command)}, "no-password-on-the-command-line")
    assert [hit.line for hit in result] == [4]
    assert "hunter2" not in str(result) and "defaultpassword" not in str(result)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("sh -c 'redis-server --requirepass \"$$(cat /run/secrets/x)\"'", id="read in the container"),
        pytest.param("sh -c 'redis-server --requirepass \"$$PW\"'", id="a variable of the container"),
        pytest.param("app --password-file /run/secrets/x", id="a file"),
        pytest.param("app --password /run/secrets/x", id="a path"),
        pytest.param("app --tokens 5", id="another flag"),
        pytest.param("redis-server --port ${PORT}", id="another variable"),
        pytest.param("app --token", id="no value"),
    ],
)
def test_a_command_line_without_a_password_is_let_be(tmp_path: Path, command: str) -> None:
    assert found(tmp_path, redis(command), "no-password-on-the-command-line") == []
