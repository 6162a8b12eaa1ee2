"""Whom an image runs as: what counts is the USER in force where the image ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import hits, verdicts

MISSING = "no USER is set, so it runs as root"
ROOT = "the last USER is root"
SETTING = ("image-sets-a-user", "non-root-image-user")


def found(folder: Path, text: str, control: str) -> list[tuple[str, int, str]]:
    return [(hit.subject, hit.line, hit.message) for hit in hits(folder, {"Dockerfile": text}, control)]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("FROM alpine:3.22\nCMD ['x']\n", 1, MISSING, id="no USER at all"),
        pytest.param("FROM alpine:3.22\nUSER root\n", 2, ROOT, id="root by name"),
        pytest.param("FROM alpine:3.22\nUSER 0\n", 2, ROOT, id="root by number"),
        pytest.param("FROM alpine:3.22\nUSER 0:0\n", 2, ROOT, id="uid and gid"),
        pytest.param("FROM alpine:3.22\nUSER root:app\n", 2, ROOT, id="root with a group"),
        pytest.param("FROM alpine:3.22\nUSER 0:app\n", 2, ROOT, id="uid 0 with a group"),
        pytest.param('FROM alpine:3.22\nUSER "root"\n', 2, ROOT, id="quoted"),
        pytest.param("FROM alpine:3.22\nARG U=0\nUSER $U\n", 3, ROOT, id="a variable with default 0"),
        pytest.param("FROM alpine:3.22\nENV U=root\nUSER ${U}:app\n", 3, ROOT, id="a variable of ENV"),
        pytest.param("FROM alpine:3.22\nARG U\nUSER ${U:-root}\n", 3, ROOT, id="a default in place"),
        pytest.param("FROM alpine:3.22\nUSER app\nRUN a\nUSER root\n", 4, ROOT, id="back to root"),
        pytest.param("FROM alpine:3.22 AS a\nUSER app\nFROM alpine:3.22\n", 3, MISSING, id="USER in a discarded stage"),
        pytest.param("FROM alpine:3.22 AS a\nFROM a\nFROM a\n", 3, MISSING, id="a chain without USER"),
        pytest.param("FROM alpine:3.22 AS a\nUSER root\nFROM a\nRUN x\n", 2, ROOT, id="root in the base stage"),
        pytest.param('FROM scratch\nCOPY app /\nCMD ["/app"]\n', 1, MISSING, id="scratch is root as well"),
        pytest.param("FROM jenkins/jenkins:2.479\nUSER root\n", 2, ROOT, id="root over a non-root base"),
        pytest.param(
            "FROM example/base:1\nCMD x\n",
            1,
            "no USER is set, and the base image is not known to set one",
            id="unknown base",
        ),
        pytest.param(
            "FROM debian:12\nRUN groupadd -r app && useradd -r -g app app\n",
            1,
            "no USER is set: app is created and never switched to",
            id="useradd without USER",
        ),
        pytest.param(
            "FROM alpine:3.22\nRUN adduser -D -u 1000 -h /home/app app\n",
            1,
            "no USER is set: app is created and never switched to",
            id="busybox adduser without USER",
        ),
        pytest.param("FROM alpine:3.22\nRUN <<EOF\nUSER app\nEOF\n", 1, MISSING, id="USER in a heredoc is text"),
        pytest.param("FROM alpine:3.22\n# USER app\n", 1, MISSING, id="USER in a comment is text"),
        pytest.param("FROM alpine:3.22\nONBUILD USER app\n", 1, MISSING, id="a trigger does not count here"),
    ],
)
def test_an_image_of_root_is_found(tmp_path: Path, text: str, line: int, message: str) -> None:
    assert [hit for control in SETTING for hit in found(tmp_path, text, control)] == [("", line, message)]
    assert bool(found(tmp_path, text, "non-root-image-user")) == (message == ROOT)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("FROM alpine:3.22\nUSER app\n", id="a name"),
        pytest.param("FROM alpine:3.22\nUSER 1000:0\n", id="group 0 is not user 0"),
        pytest.param("FROM alpine:3.22\nUSER root\nRUN a\nUSER 10001\n", id="root in between"),
        pytest.param("FROM alpine:3.22 AS a\nUSER root\nFROM alpine:3.22\nUSER app\n", id="root in a discarded stage"),
        pytest.param("FROM alpine:3.22 AS a\nUSER app\nFROM a\nRUN x\n", id="inherited from a stage"),
        pytest.param("FROM alpine:3.22 AS Base\nUSER app\nFROM BASE\n", id="stage names know no case"),
        pytest.param("FROM nginxinc/nginx-unprivileged:1.27\nCOPY . /x\n", id="a base that is not root"),
        pytest.param("FROM gcr.io/distroless/static:nonroot\nCOPY app /\n", id="distroless nonroot"),
        pytest.param("FROM gcr.io/distroless/java21-debian12:nonroot@sha256:" + "a" * 64 + "\n", id="tag and digest"),
        pytest.param("FROM cgr.dev/chainguard/python:latest\n", id="chainguard"),
        pytest.param("FROM go AS b\nFROM scratch\nCOPY --from=b /out /\n", id="a bag of files runs nothing"),
        pytest.param("FROM mcr.microsoft.com/windows/nanoserver:ltsc2022\nCMD x\n", id="Windows"),
        pytest.param('FROM public.ecr.aws/lambda/python:3.13\nCOPY a a\nCMD ["a.b"]\n', id="AWS Lambda"),
        pytest.param("FROM mcr.microsoft.com/dotnet/framework/aspnet:4.8\nCOPY a b\n", id="the .NET Framework"),
        pytest.param("# escape=`\nFROM example.org/iis:1\nCOPY a C:\\b\nCMD x\n", id="the escape of Windows"),
        pytest.param('FROM example.org/iis:1\nSHELL ["powershell", "-Command"]\nCMD x\n', id="the shell of Windows"),
        pytest.param("FROM alpine:3.22\nARG UID=1000\nUSER ${UID}:${UID}\n", id="a variable with a default"),
    ],
)
def test_what_does_not_run_as_root_is_silent(tmp_path: Path, text: str) -> None:
    assert [hit for control in SETTING for hit in found(tmp_path, text, control)] == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("FROM alpine:3.22\nARG U\nUSER $U\n", id="a user that the build decides"),
        pytest.param("ARG B\nFROM $B\nRUN x\n", id="a base that the build decides"),
        pytest.param("FROM redis:7.4\nCOPY redis.conf /etc/\n", id="the entrypoint of redis steps down"),
        pytest.param('FROM debian:12\nENTRYPOINT ["gosu", "app", "server"]\n', id="gosu in the entrypoint"),
        pytest.param(
            'FROM alpine:3.22\nRUN apk add su-exec\nENTRYPOINT ["/entrypoint.sh"]\n', id="su-exec for the script"
        ),
    ],
)
def test_what_cannot_be_known_is_no_pass(tmp_path: Path, text: str) -> None:
    found = {verdicts(tmp_path, {"Dockerfile": text}, control)[""] for control in SETTING}
    assert found == {"unknown", "not-applicable"}


def test_the_target_of_compose_is_what_ships(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services:\n  web:\n    build:\n      context: .\n      target: prod\n",
        "Dockerfile": "FROM alpine:3.22 AS prod\nUSER app\nFROM alpine:3.22 AS dev\nUSER root\n",
    }
    assert [hit for control in SETTING for hit in hits(tmp_path, files, control)] == []


@pytest.mark.parametrize(
    ("control", "text", "expected"),
    [
        ("numeric-image-user", "FROM a:1\nUSER app:1\n", [("", 2, "the user is the name app and not a number")]),
        ("numeric-image-user", "FROM a:1\nUSER root\n", [("", 2, "the user is the name root and not a number")]),
        (
            "named-user-exists",
            "FROM scratch\nCOPY --chown=app /a /a\n",
            [("0", 2, "app is not in the image, which has no passwd file")],
        ),
        (
            "named-user-exists",
            "FROM gcr.io/distroless/base\nUSER app\n",
            [("0", 2, "app is not in the image, which has its own passwd file")],
        ),
        (
            "user-keeps-its-groups",
            "FROM a:1\nRUN adduser app video\nUSER app:app\n",
            [("0", 3, ":app drops the group video from app")],
        ),
        (
            "builder-owns-what-it-writes",
            "FROM a:1\nUSER app\nCOPY . .\nRUN npm run build\n",
            [("0", 3, "the files belong to root, and app builds with them")],
        ),
        (
            "code-not-writable-by-its-user",
            "FROM a:1\nCOPY --chown=app:app . /app\n",
            [("0", 2, "app:app may rewrite what is copied")],
        ),
    ],
)
def test_other_faults_of_users(tmp_path: Path, control: str, text: str, expected: list[tuple[str, int, str]]) -> None:
    assert found(tmp_path, text, control) == expected


@pytest.mark.parametrize(
    ("control", "text"),
    [
        pytest.param("numeric-image-user", "FROM a:1\nUSER 0\n", id="the number of root is for the other control"),
        pytest.param("numeric-image-user", "FROM a:1\nUSER 1000:app\n", id="the group may be a name"),
        pytest.param("named-user-exists", "FROM scratch\nUSER 1000\n", id="a number needs no passwd"),
        pytest.param(
            "named-user-exists", "FROM scratch\nCOPY --from=b /etc/passwd /etc/\nUSER app\n", id="passwd copied"
        ),
        pytest.param("named-user-exists", "FROM scratch\nADD rootfs.tar /\nUSER app\n", id="a root filesystem"),
        pytest.param("named-user-exists", "FROM alpine:3.22\nUSER app\n", id="alpine has a passwd"),
        pytest.param("user-keeps-its-groups", "FROM a:1\nRUN adduser app video\nUSER app\n", id="no group given"),
        pytest.param("user-keeps-its-groups", "FROM a:1\nRUN useradd -G video app\nUSER 5:5\n", id="another user"),
        pytest.param(
            "builder-owns-what-it-writes", "FROM a:1\nUSER app\nCOPY . .\nCMD x\n", id="root-owned code is good"
        ),
        pytest.param("builder-owns-what-it-writes", "FROM a:1\nCOPY . .\nRUN npm ci\nUSER app\n", id="built as root"),
        pytest.param(
            "builder-owns-what-it-writes", "FROM a:1\nUSER app\nCOPY . .\nUSER root\nRUN npm ci\n", id="as root again"
        ),
        pytest.param("code-not-writable-by-its-user", "FROM a:1\nCOPY --chown=root:root . /a\n", id="root may"),
        pytest.param("code-not-writable-by-its-user", "FROM a:1\nCOPY --chown=$U . /a\n", id="unknown owner"),
        pytest.param(
            "code-not-writable-by-its-user",
            "FROM a:1 AS b\nCOPY --chown=app . /a\nFROM a:1\nCOPY --from=b /a /a\n",
            id="a stage that does not ship",
        ),
    ],
)
def test_users_as_they_should_be(tmp_path: Path, control: str, text: str) -> None:
    assert found(tmp_path, text, control) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("\nUSER app\nRUN apk add --no-cache curl\n", [("0", 3)], id="apk"),
        pytest.param("\nUSER 1000:1000\nRUN a && \\\n  dnf -y install b\n", [("0", 4)], id="on its own line"),
        pytest.param("\nUSER app\nRUN <<EOF\nuseradd -m b\nEOF\n", [("0", 4)], id="an account in a heredoc"),
        pytest.param("\nARG U=app\nUSER $U\nRUN apt-get update\n", [("0", 4)], id="a variable"),
        pytest.param(" AS b\nUSER app\nFROM b\nRUN apk add curl\n", [("1", 4)], id="the user of the stage below it"),
        pytest.param("\nRUN apk add curl\nUSER app\n", [], id="above USER"),
        pytest.param("\nUSER app\nUSER root\nRUN apk add curl\nUSER app\n", [], id="root in between"),
        pytest.param("\nUSER 0\nRUN apk add curl\n", [], id="root by number"),
        pytest.param("\nARG U\nUSER $U\nRUN apk add curl\n", [], id="nobody knows who"),
        pytest.param("\nUSER app\nRUN sudo apt-get update\n", [], id="sudo"),
        pytest.param("\nUSER app\nRUN fakeroot apt-get update\n", [], id="fakeroot"),
        pytest.param("\nUSER app\nRUN apk add curl || true\n", [], id="it may fail"),
        pytest.param("\nUSER app\nRUN apt-get --version; apt list; apt-cache policy\n", [], id="questions"),
        pytest.param("\nUSER app\nRUN dnf install --installroot /home/app/root b\n", [], id="a root of its own"),
        pytest.param("\nUSER app\nRUN pip install --user apt-get\n", [], id="a name only"),
        pytest.param("\nUSER app\nFROM alpine:3.22\nRUN apk add curl\n", [], id="another stage"),
    ],
)
def test_root_steps_come_before_user(tmp_path: Path, text: str, expected: list[tuple[str, int]]) -> None:
    files = {"Dockerfile": f"FROM alpine:3.22{text}"}
    assert [(hit.subject, hit.line) for hit in hits(tmp_path, files, "root-steps-come-before-user")] == expected
