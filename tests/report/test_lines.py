"""Lines that hold a secret which a line above announces, and those that do not."""

from __future__ import annotations

import pytest

from pytest_dockerharden.report.lines import is_env_file, masked_line, names_only


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("command:\n  - redis-server\n  - --requirepass\n  - hunter2", "  - ***"),
        ('command: [\n  "redis-server",\n  "--requirepass",\n  "hunter2",', '  "***",'),
        ("test:\n- CMD\n- redis-cli\n- -a\n- hunter2", "- ***"),
        ("RUN mysql -uroot \\\n    -phunter2 x", "    -p*** x"),
        ("RUN curl --fail \\\n    -u me:hunter2 x", "    -u me:*** x"),
        ("DB_PASSWORD:\n  hunter2", "  ***"),
        ("DB_PASSWORD: |\n  hunter2", "  ***"),
        ("DB_PASSWORD: >-\n  a\n  hunter2: x", "  ***"),
    ],
)
def test_a_line_is_shown_without_the_secret_that_another_announces(text: str, shown: str) -> None:
    lines = text.split("\n")
    assert masked_line(lines, len(lines) - 1) == shown


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("secrets:\n  db_password:", id="names of secrets"),
        pytest.param("secrets:\n  - db_password", id="a list of names"),
        pytest.param("secrets:\n  db:\n    file: ./db.txt", id="where a secret is"),
        pytest.param("command:\n  - x\n  - --password-file\n  - /run/secrets/x", id="an option about a secret"),
        pytest.param("command:\n  - redis-server\n  - --requirepass\n  - ${REDIS_PASSWORD}", id="a reference"),
        pytest.param("RUN apt-get update \\\n && apt-get install -y \\\n    curl=1", id="packages"),
        pytest.param("ports:\n  - 80:80\n  - 81:81", id="ports"),
        pytest.param("  a:\n    image: x", id="keys"),
        pytest.param("only", id="one line"),
    ],
)
def test_other_lines_are_shown_as_they_are(text: str) -> None:
    lines = text.split("\n")
    assert masked_line(lines, len(lines) - 1) == lines[-1]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("A=hunter2", "A=***"),
        ("export A = 'hunter2", "export A = ***"),
        ("A: hunter2", "A: ***"),
        ("hunter2 and more of a value", "***"),
        ("A B=hunter2", "***"),
        ("-----BEGIN PRIVATE KEY-----", "***"),
        ("MIIEvQIBADANBg", "***"),
        ("A=", "A="),
        ("A", "A"),
        ("# a comment", "# a comment"),
        ("", ""),
    ],
)
def test_of_an_env_file_names_are_shown(line: str, shown: str) -> None:
    assert names_only(line) == shown


@pytest.mark.parametrize(
    ("path", "is_one"),
    [("/a/.env", True), ("/a/.env.prod", True), ("/a/db.env", True), ("/.env/a.yml", False), ("/a/environment", False)],
)
def test_an_env_file_is_known_by_its_name(path: str, is_one: bool) -> None:
    assert is_env_file(path) is is_one
