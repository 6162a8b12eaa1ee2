from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found, in_files, stack
from tests.helpers import judgements

RO = "read_only: true\n"
WRITES = "read-only-server-can-write-what-it-needs"


@pytest.mark.parametrize(
    ("control", "body"),
    [
        pytest.param("read-only-rootfs", RO, id="read-only"),
        pytest.param("read-only-rootfs", 'read_only: "${RO:-true}"', id="read-only-by-default"),
        pytest.param("read-only-rootfs", 'read_only: "${RO}"', id="unresolved"),
        pytest.param("no-writable-image-volumes", "image: redis:7-alpine", id="the-root-is-writable-anyway"),
        pytest.param("no-writable-image-volumes", RO, id="no-volumes-known"),
        pytest.param(
            "no-writable-image-volumes", "image: redis:7-alpine\nread_only: true\ntmpfs: /data", id="a-tmpfs-on-it"
        ),
        pytest.param(
            "no-writable-image-volumes",
            "image: redis:7-alpine\nread_only: true\nvolumes: ['./data:/data']",
            id="a-mount-on-it",
        ),
        pytest.param("read-only-server-can-write-what-it-needs", "image: nginx:1.27", id="a-writable-root"),
        pytest.param(WRITES, "image: php:8.3-cli\nread_only: true", id="php without apache"),
        pytest.param(WRITES, "image: wordpress:6.6-fpm-alpine\nread_only: true", id="wordpress without apache"),
        pytest.param(WRITES, "image: wordpress:cli-2.11\nread_only: true", id="the command line of wordpress"),
        pytest.param(WRITES, "image: ghcr.io/us/php:8.3-apache\nread_only: true", id="an image of somebody else"),
        pytest.param(
            WRITES, "image: php:8.3-apache\nread_only: true\ncommand: php artisan queue:work", id="another command"
        ),
        pytest.param(WRITES, "image: php:8.3-apache\nread_only: true\ntmpfs: [/run]", id="all of run"),
        pytest.param(
            WRITES, "image: httpd:2.4\nread_only: true\ntmpfs: [/usr/local/apache2/logs]", id="the logs of httpd"
        ),
        pytest.param("read-only-server-can-write-what-it-needs", RO, id="nothing-known-of-the-image"),
        pytest.param(
            "read-only-server-can-write-what-it-needs",
            "image: nginx:1.27\nread_only: true\ntmpfs: [/var/cache/nginx, /run]",
            id="run-is-var-run",
        ),
        pytest.param(
            "read-only-server-can-write-what-it-needs",
            "image: nginx:1.27\nread_only: true\ntmpfs: [/var/cache, /var/run]",
            id="a-directory-above",
        ),
        pytest.param(
            "read-only-server-can-write-what-it-needs",
            "image: postgres:17\nread_only: true\ntmpfs: [/var/run/postgresql]",
            id="the-socket-of-postgres",
        ),
    ],
)
def test_what_works_read_only_is_not_reported(tmp_path: Path, control: str, body: str) -> None:
    assert found(tmp_path, control, body) == []


@pytest.mark.parametrize(
    ("control", "body", "line", "message"),
    [
        ("read-only-rootfs", "", 2, "the root filesystem is writable"),
        ("read-only-rootfs", "read_only: false", 4, "the root filesystem is writable"),
        (
            "no-writable-image-volumes",
            "image: redis:7-alpine\nread_only: true",
            2,
            "/data is an anonymous volume and stays writable",
        ),
        ("no-writable-image-volumes", RO + "volumes: [/cache]", 5, "/cache is an anonymous volume and stays writable"),
        (
            "read-only-server-can-write-what-it-needs",
            "image: nginx:1.27\nread_only: true\ntmpfs: /run",
            4,
            "it cannot start: it has to write to /var/cache/nginx",
        ),
        (
            "read-only-server-can-write-what-it-needs",
            "image: nginx:1.27\nread_only: true\nvolumes: ['./cache:/var/cache/nginx:ro', './run:/run']",
            4,
            "it cannot start: it has to write to /var/cache/nginx",
        ),
    ],
)
def test_what_is_written_or_cannot_be_is_reported(
    tmp_path: Path, control: str, body: str, line: int, message: str
) -> None:
    assert found(tmp_path, control, body) == [(line, message)]


def test_a_volume_of_the_dockerfile_stays_writable(tmp_path: Path) -> None:
    compose = "services:\n  web:\n    build: .\n    read_only: true\n"
    hits = in_files(tmp_path, "no-writable-image-volumes", compose, Dockerfile="FROM debian:12.5\nVOLUME /data\n")
    assert [(hit.file, hit.line) for hit in hits] == [("Dockerfile", 2)]


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("image: postgres:17", "/run/postgresql:size=16m,uid=999,gid=999,mode=0755"),
        ("image: postgres:17-alpine", "/run/postgresql:size=16m,uid=70,gid=70,mode=0755"),
        ("image: postgres:17\nuser: '1001:1001'", "/run/postgresql:size=16m,uid=1001,gid=1001,mode=0755"),
        ("image: postgres", "/run/postgresql:size=16m"),
        ("image: mariadb:11", "/run/mysqld:size=16m,uid=999,gid=999,mode=0755"),
        ("image: php:8.3-apache", "/run/apache2:size=16m"),
        ("image: php:8.3-apache\nuser: '33:33'", "/run/apache2:size=16m,uid=33,gid=33,mode=0755"),
        ("image: wordpress:6.6\nuser: root", "/run/apache2:size=16m"),
        ("image: httpd:2.4\nuser: root", "/usr/local/apache2/logs:size=16m"),
        ("image: httpd:2.4\nuser: '33:33'", "/usr/local/apache2/logs:size=16m,uid=33,gid=33,mode=0755"),
    ],
)
def test_the_tmpfs_of_a_server_belongs_to_whom_it_runs_as(tmp_path: Path, body: str, written: str) -> None:
    files = {"compose.yaml": stack(body + "\nread_only: true")}
    (judged,) = judgements(tmp_path, files, "read-only-server-can-write-what-it-needs")
    (finding,) = judged.findings
    assert finding.remedy is not None
    assert [edit.value for edit in finding.remedy.edits] == [written]
