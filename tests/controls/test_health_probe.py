"""What a healthcheck runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers import hits


def shell(text: str) -> str:
    return json.dumps(["CMD-SHELL", text])


def found(folder: Path, test: str, control: str, more: str = "", **files: str) -> list[tuple[int, str]]:
    text = f"services:\n  web:\n    image: app\n    healthcheck:\n      test: {test}\n{more}"
    return [(hit.line, hit.message) for hit in hits(folder, {"compose.yaml": text, **files}, control)]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        pytest.param("curl -f http://x/ || exit 0", "`|| exit 0` turns every failure into success", id="or exit 0"),
        pytest.param("curl -f http://x/ || true", "`|| true` turns every failure into success", id="or true"),
        pytest.param(shell("curl -f http://x/ || :"), "`|| :` turns every failure into success", id="or colon"),
        pytest.param("curl -f http://x/ || echo bad", "`|| echo` turns every failure into success", id="or echo"),
        pytest.param("curl -f http://x/; true", "`true` always succeeds", id="then true"),
        pytest.param("curl -f http://x/; exit 0", "`exit 0` always succeeds", id="then exit 0"),
        pytest.param("exit 0", "`exit 0` always succeeds", id="exit 0 alone"),
        pytest.param(shell("echo ok"), "`echo` always succeeds", id="echo alone"),
        pytest.param('["CMD", "true"]', "`true` always succeeds", id="true in exec form"),
        pytest.param(
            '["CMD", "sh", "-c", "curl -f http://x/ || true"]',
            "`|| true` turns every failure into success",
            id="through sh -c",
        ),
        pytest.param(
            "curl -f http://x/ | cat", "the status is that of `cat`, which always succeeds", id="piped into cat"
        ),
        pytest.param(
            "certbot certificates || exit 1",
            "`certbot certificates` succeeds without a certificate",
            id="certbot certificates",
        ),
        pytest.param('["CMD", "python", "--version"]', "`python --version` asks nothing of the service", id="version"),
        pytest.param("ps aux | grep celery", "`ps | grep` finds itself", id="ps and grep"),
        pytest.param("ps aux | grep celery || exit 1", "`ps | grep` finds itself", id="ps and grep or exit 1"),
        pytest.param("kill -0 1", "`kill -0 1` always succeeds: process 1 is the container", id="process 1"),
    ],
)
def test_a_check_that_cannot_fail_is_found(tmp_path: Path, test: str, message: str) -> None:
    assert found(tmp_path, test, "healthcheck-can-fail") == [(5, message)]


@pytest.mark.parametrize(
    "test",
    [
        pytest.param("curl -f http://x/ || exit 1", id="or exit 1"),
        pytest.param("curl -f http://x/", id="its own status"),
        pytest.param("curl -f http://x/ && echo ok", id="echo only after success"),
        pytest.param("curl -f http://x/ && exit 0 || exit 1", id="exit 1 is last"),
        pytest.param("curl -f http://x/ || exit 1; exit 0", id="an earlier exit counts"),
        pytest.param("set -e; curl -f http://x/; echo ok", id="set -e ends it"),
        pytest.param("if curl -f http://x/; then exit 0; else exit 1; fi", id="a branch decides"),
        pytest.param('test \\"$$(redis-cli ping)\\" = PONG'.replace("\\", ""), id="compared"),
        pytest.param("curl -s http://x/ | grep -q ok", id="grep decides"),
        pytest.param("ps aux | grep '[c]elery'", id="the bracket trick"),
        pytest.param("ps aux | grep celery | grep -v grep", id="grep -v grep"),
        pytest.param("pg_isready -U postgres", id="pg_isready"),
        pytest.param("kill -0 $$(cat /run/app.pid)", id="another process"),
        pytest.param('["CMD", "/app", "version"]', id="a word and no option"),
        pytest.param('["NONE"]', id="switched off"),
        pytest.param("redis-cli ping", id="redis without a password answers PONG or not at all"),
        pytest.param("${PROBE}", id="a variable without a value"),
        pytest.param('["CMD-SHELL", "if ["]', id="text that is no shell"),
    ],
)
def test_a_check_that_can_fail_is_let_be(tmp_path: Path, test: str) -> None:
    assert found(tmp_path, test, "healthcheck-can-fail") == []


REFUSED = "`redis-cli ping` succeeds when it is refused (NOAUTH)"
SECRET = "    secrets: [pw]\nsecrets:\n  pw: {file: ./pw}\n"


@pytest.mark.parametrize(
    ("test", "more", "expected"),
    [
        pytest.param('["CMD", "redis-cli", "-a", "x", "ping"]', "", [(5, REFUSED)], id="with a password"),
        pytest.param("redis-cli ping || exit 1", SECRET, [(5, REFUSED)], id="beside a secret"),
        pytest.param(
            "redis-cli PING", "    command: redis-server --requirepass x\n", [(5, REFUSED)], id="requirepass, PING"
        ),
        pytest.param("redis-cli -e ping", SECRET, [], id="-e makes it an error"),
        pytest.param("redis-cli ping | grep -q PONG", SECRET, [], id="the answer is looked at"),
        pytest.param("redis-cli get x", SECRET, [], id="not a ping"),
    ],
)
def test_a_refused_ping_is_no_proof(tmp_path: Path, test: str, more: str, expected: list) -> None:
    assert found(tmp_path, test, "healthcheck-can-fail", more) == expected


@pytest.mark.parametrize(
    "test",
    [
        pytest.param('["CMD", "redis-cli", "--pass", "$$(cat /run/secrets/x)", "ping"]', id="command substitution"),
        pytest.param('["CMD", "celery", "inspect", "ping", "-d", "celery@$$HOSTNAME"]', id="variable"),
        pytest.param('["CMD", "curl", "-f", "http://x/", "||", "exit", "1"]', id="or"),
        pytest.param('["CMD", "curl", "http://x/", "|", "grep", "ok"]', id="pipe"),
        pytest.param('["CMD", "wget", "-q", "http://x/", ">", "/dev/null"]', id="redirection"),
    ],
)
def test_shell_syntax_in_exec_form_is_found(tmp_path: Path, test: str) -> None:
    assert [line for line, _ in found(tmp_path, test, "exec-healthcheck-has-no-shell-syntax")] == [5]


@pytest.mark.parametrize(
    "test",
    [
        pytest.param('["CMD-SHELL", "celery inspect ping -d celery@$$HOSTNAME"]', id="a shell runs"),
        pytest.param("curl -f http://x/ || exit 1", id="a string is run by a shell"),
        pytest.param('["CMD", "sh", "-c", "echo $$HOSTNAME | grep x"]', id="sh -c runs it"),
        pytest.param('["CMD", "/bin/bash", "-c", "a && b"]', id="bash by its path"),
        pytest.param('["CMD", "env", "sh", "-c", "a && b"]', id="through env"),
        pytest.param('["CMD", "php", "-r", "$$x = 1; exit($$x);"]', id="another language"),
        pytest.param('["CMD", "grep", "-q", "^ok$$", "/state"]', id="a dollar that ends a pattern"),
        pytest.param('["CMD", "curl", "-f", "http://x/?a=1&b=2"]', id="an ampersand in a URL"),
        pytest.param('["CMD", "app", "--url", "${URL}"]', id="compose expands it"),
        pytest.param('["NONE"]', id="switched off"),
    ],
)
def test_what_needs_no_shell_or_has_one_is_let_be(tmp_path: Path, test: str) -> None:
    assert found(tmp_path, test, "exec-healthcheck-has-no-shell-syntax") == []


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param("NONE", [5], id="a string"),
        pytest.param('["CMD-SHELL", "none"]', [5], id="shell form in lower case"),
        pytest.param('["NONE"]', [], id="the list"),
        pytest.param("nonexistent --check", [], id="another word"),
    ],
)
def test_none_as_a_string_is_a_command(tmp_path: Path, test: str, expected: list) -> None:
    assert [line for line, _ in found(tmp_path, test, "healthcheck-is-switched-off-by-a-list")] == expected


@pytest.mark.parametrize(
    "test",
    [
        pytest.param('["CMD", "curl", "http://localhost/"]', id="bare"),
        pytest.param("curl -s http://localhost:8000/ || exit 1", id="or exit 1"),
        pytest.param("curl -o /dev/null -s localhost:8000", id="output thrown away"),
        pytest.param("curl --head http://127.0.0.1/", id="HEAD"),
        pytest.param("curl -s http://localhost/ > /dev/null", id="redirected away"),
    ],
)
def test_a_curl_that_takes_errors_is_found(tmp_path: Path, test: str) -> None:
    assert [line for line, _ in found(tmp_path, test, "healthcheck-fails-on-http-errors")] == [5]


@pytest.mark.parametrize(
    "test",
    [
        pytest.param('["CMD", "curl", "-f", "http://localhost/"]', id="-f"),
        pytest.param("curl -sSf http://localhost/ || exit 1", id="-f among others"),
        pytest.param("curl --fail http://localhost/", id="--fail"),
        pytest.param("curl --fail-with-body http://localhost/", id="--fail-with-body"),
        pytest.param("curl -s http://localhost/ | grep -q ok", id="the answer is looked at"),
        pytest.param(
            'test "$$(curl -s -o /dev/null -w %{http_code} http://localhost/)" = 200', id="the code is compared"
        ),
        pytest.param("wget -q --spider http://localhost/", id="wget fails by itself"),
        pytest.param("curl telnet://db:5432", id="not HTTP"),
        pytest.param("curl --version", id="asks nothing"),
    ],
)
def test_a_curl_that_sees_errors_is_let_be(tmp_path: Path, test: str) -> None:
    assert found(tmp_path, test, "healthcheck-fails-on-http-errors") == []


@pytest.mark.parametrize(
    ("test", "message"),
    [
        pytest.param('["CMD", "redis-cli", "-a", "hunter2", "ping"]', "redis-cli gets a password by `-a`", id="-a"),
        pytest.param(
            '["CMD", "redis-cli", "--pass", "${PW}", "ping"]', "redis-cli gets a password by `--pass`", id="--pass"
        ),
        pytest.param("curl -f -u admin:x http://localhost/", "curl gets a password by `-u`", id="curl -u"),
        pytest.param("mysqladmin ping -phunter2", "mysqladmin gets a password by `-p`", id="mysqladmin -p"),
        pytest.param("mysqladmin ping --password=$$PW", "mysqladmin gets a password by `--password`", id="--password="),
    ],
)
def test_a_password_as_an_argument_is_found_and_not_shown(tmp_path: Path, test: str, message: str) -> None:
    assert found(tmp_path, test, "healthcheck-keeps-passwords-off-the-command-line") == [(5, message)]


@pytest.mark.parametrize(
    "test",
    [
        pytest.param("REDISCLI_AUTH=$$PW redis-cli -e ping", id="from the environment"),
        pytest.param('["CMD", "redis-cli", "ping"]', id="none"),
        pytest.param("mysqladmin ping -h 127.0.0.1 -P 3306", id="a port"),
        pytest.param("psql -U app -p 5432 -c 'select 1'", id="psql's -p is a port"),
        pytest.param("mysqladmin --defaults-extra-file=/run/secrets/my.cnf ping", id="from a file"),
        pytest.param("pg_isready -U postgres", id="a user"),
    ],
)
def test_a_check_without_a_password_argument_is_let_be(tmp_path: Path, test: str) -> None:
    assert found(tmp_path, test, "healthcheck-keeps-passwords-off-the-command-line") == []


def built(test: str, more: str = "") -> str:
    return f"services:\n  web:\n    build: .\n    healthcheck:\n      test: {test}\n{more}"


def asked(folder: Path, test: str, dockerfile: str, control: str, more: str = "") -> list[int]:
    files = {"compose.yaml": built(test, more), "Dockerfile": dockerfile}
    return [hit.line for hit in hits(folder, files, control)]


@pytest.mark.parametrize(
    ("test", "dockerfile", "more", "expected"),
    [
        pytest.param("curl -f http://localhost/", "FROM x\nEXPOSE 8080\n", "", [5], id="port 80 is only implied"),
        pytest.param("curl -f https://127.0.0.1/", "FROM x\nEXPOSE 8443\n", "", [5], id="port 443 is only implied"),
        pytest.param("curl -f http://localhost:8080/", "FROM x\nEXPOSE 8080\n", "", [], id="the exposed port"),
        pytest.param("curl -f http://localhost:9000/", "FROM x\nEXPOSE 8080\n", "", [], id="a port of its own"),
        pytest.param("curl -f http://localhost/", "FROM x\n", "", [], id="nothing is exposed"),
        pytest.param("curl -f http://localhost/", "FROM x\nEXPOSE $PORT\n", "", [], id="a variable decides"),
        pytest.param("curl -f http://db/", "FROM x\nEXPOSE 8080\n", "", [], id="another host"),
        pytest.param(
            "curl -f http://localhost/", "FROM x\nEXPOSE 8080\n", '    ports: ["127.0.0.1:80:80"]\n', [], id="published"
        ),
    ],
)
def test_the_asked_port_is_served(tmp_path: Path, test: str, dockerfile: str, more: str, expected: list) -> None:
    assert asked(tmp_path, test, dockerfile, "healthcheck-asks-a-served-port", more) == expected


@pytest.mark.parametrize(
    ("test", "dockerfile"),
    [
        pytest.param("curl -f http://localhost/", "FROM python:3.12-slim\n", id="slim has no curl"),
        pytest.param("wget -q http://localhost/", "FROM python:3.12-slim\n", id="slim has no wget"),
        pytest.param("curl -f http://localhost/", "FROM node:22-alpine\n", id="alpine has no curl"),
        pytest.param("curl -f http://localhost/", "FROM nginx:1.27.3-alpine-slim\n", id="the slim nginx"),
        pytest.param("wget -q http://localhost/", "FROM nginx:1.27.3\n", id="the nginx on debian has curl only"),
        pytest.param('["CMD", "curl", "-f", "http://localhost/"]', "FROM scratch\n", id="scratch"),
        pytest.param("curl -f http://localhost/", "FROM debian:12 AS a\nFROM a\n", id="through a stage"),
        pytest.param(
            "curl -f http://localhost/",
            "FROM debian:12 AS a\nRUN apt-get install -y curl\nFROM debian:12\n",
            id="installed in another stage",
        ),
    ],
)
def test_a_tool_that_is_not_there_is_found(tmp_path: Path, test: str, dockerfile: str) -> None:
    assert asked(tmp_path, test, dockerfile, "healthcheck-tool-is-installed") == [5]


@pytest.mark.parametrize(
    ("test", "dockerfile"),
    [
        pytest.param("curl -f x", "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n", id="apt-get"),
        pytest.param("curl -f x", "FROM alpine:3.20\nRUN apk add --no-cache curl=8.9.1-r1\n", id="apk with a version"),
        pytest.param("curl -f x", "FROM debian:12\nARG PKGS\nRUN apt-get install -y $PKGS\n", id="a variable decides"),
        pytest.param("curl -f x", "FROM debian:12\nCOPY setup.sh /\nRUN /setup.sh\n", id="a script may do it"),
        pytest.param("curl -f x", "FROM scratch\nCOPY --from=c /usr/bin/curl /usr/bin/\n", id="copied"),
        pytest.param("curl -f x", "FROM scratch\nCOPY --from=c /out/curl-amd64 /curl\n", id="copied and renamed"),
        pytest.param("curl -f x", "FROM debian:12 AS a\nRUN apt-get install -y curl\nFROM a\n", id="in the parent"),
        pytest.param("wget -q x", "FROM alpine:3.20\n", id="busybox has a wget"),
        pytest.param("curl -f x", "FROM nginx:1.27.3-alpine\n", id="the nginx on alpine has curl"),
        pytest.param("curl -f x", "FROM python:3.12\n", id="the full image has curl"),
        pytest.param("curl -f x", "FROM registry.example/base:1\n", id="an unknown base"),
        pytest.param("curl -f x || wget -q x", "FROM alpine:3.20\n", id="whichever is there"),
        pytest.param("python -c 'import app'", "FROM python:3.12-slim\n", id="another program"),
    ],
)
def test_a_tool_that_may_be_there_is_let_be(tmp_path: Path, test: str, dockerfile: str) -> None:
    assert asked(tmp_path, test, dockerfile, "healthcheck-tool-is-installed") == []


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        pytest.param("HEALTHCHECK CMD certbot certificates || exit 1", [2], id="certbot"),
        pytest.param("HEALTHCHECK CMD curl -f http://localhost/ || exit 0", [2], id="or exit 0"),
        pytest.param('HEALTHCHECK CMD ["redis-cli", "-a", "x", "ping"]', [2], id="redis-cli"),
        pytest.param("HEALTHCHECK CMD curl -f http://localhost/ || exit 1", [], id="it can"),
        pytest.param('HEALTHCHECK CMD ["redis-cli", "ping"]', [], id="no password in play"),
        pytest.param("HEALTHCHECK NONE", [], id="none"),
    ],
)
def test_the_healthcheck_of_an_image_can_fail(tmp_path: Path, instruction: str, expected: list) -> None:
    found = hits(tmp_path, {"Dockerfile": f"FROM x\n{instruction}\n"}, "image-healthcheck-can-fail")
    assert [hit.line for hit in found] == expected


@pytest.mark.parametrize(
    ("settings", "dockerfile", "expected"),
    [
        pytest.param("    command: celery worker\n", 'CMD ["uvicorn", "a"]', [4], id="another program"),
        pytest.param("    command: sh -c 'exec celery worker'\n", 'CMD ["uvicorn", "a"]', [4], id="behind a shell"),
        pytest.param("    command: uvicorn b --port 8000\n", 'CMD ["uvicorn", "a"]', [], id="the same program"),
        pytest.param("", 'CMD ["uvicorn", "a"]', [], id="the image's command"),
        pytest.param("    command: celery worker\n", "", [], id="the image has no command"),
        pytest.param(
            "    command: celery worker\n    healthcheck: {disable: true}\n", 'CMD ["uvicorn"]', [], id="switched off"
        ),
    ],
)
def test_an_inherited_healthcheck_fits(tmp_path: Path, settings: str, dockerfile: str, expected: list) -> None:
    files = {
        "compose.yaml": f"services:\n  web:\n    build: .\n{settings}",
        "Dockerfile": f"FROM x\nHEALTHCHECK CMD curl -f http://localhost:8000/\n{dockerfile}\n",
    }
    result = hits(tmp_path, files, "inherited-healthcheck-fits-the-command")
    assert [hit.line for hit in result] == expected
