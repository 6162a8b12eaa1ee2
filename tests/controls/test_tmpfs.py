from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found, in_files

USER = 'user: "1000:1000"\n'


def tmpfs(*mounts: str) -> str:
    return "tmpfs:\n" + "\n".join(f"  - {mount}" for mount in mounts)


@pytest.mark.parametrize(
    ("control", "body"),
    [
        pytest.param("tmpfs-size-limited", "", id="no-tmpfs"),
        pytest.param("tmpfs-size-limited", tmpfs("/tmp:size=64m"), id="a-size"),
        pytest.param("tmpfs-size-limited", tmpfs("/tmp:size=10%"), id="a-share-of-the-memory"),
        pytest.param("tmpfs-size-limited", tmpfs("/tmp:mode=1777,size=64M,uid=1"), id="a-size-among-options"),
        pytest.param("tmpfs-size-limited", 'volumes: ["./tmp:/tmp"]', id="not-a-tmpfs"),
        pytest.param("tmpfs-size-limited", tmpfs("${T}"), id="unresolved"),
        pytest.param("tmpfs-not-executable", tmpfs("/tmp"), id="the-defaults"),
        pytest.param("tmpfs-not-executable", tmpfs("/tmp:noexec,nosuid,nodev"), id="written-out"),
        pytest.param("tmpfs-not-executable", tmpfs("/tmp:exec,noexec"), id="the-last-one-counts"),
        pytest.param("tmpfs-not-executable", "volumes: [{type: tmpfs, target: /tmp}]", id="long-form"),
        pytest.param("tmpfs-writable-by-user", tmpfs("/cache"), id="a-user-nobody-knows"),
        pytest.param("tmpfs-writable-by-user", "user: root\n" + tmpfs("/cache"), id="root"),
        pytest.param("tmpfs-writable-by-user", USER + tmpfs("/tmp", "/var/tmp", "/dev/shm"), id="open-directories"),
        pytest.param("tmpfs-writable-by-user", USER + tmpfs("/cache:uid=1000"), id="its-owner"),
        pytest.param("tmpfs-writable-by-user", USER + tmpfs("/cache:mode=1777"), id="open-to-all"),
        pytest.param("tmpfs-writable-by-user", USER + tmpfs("/cache:gid=1000,mode=0770"), id="its-group"),
        pytest.param("tmpfs-writable-by-user", USER + tmpfs("/cache:ro"), id="read-only"),
        pytest.param("tmpfs-writable-by-user", "user: app\n" + tmpfs("/cache:uid=1000"), id="a-named-user-as-owner"),
        pytest.param(
            "tmpfs-writable-by-user",
            USER + "volumes:\n  - {type: tmpfs, target: /cache, tmpfs: {mode: 01777}}",
            id="long-form-with-a-mode",
        ),
    ],
)
def test_a_tmpfs_in_order_is_not_reported(tmp_path: Path, control: str, body: str) -> None:
    assert found(tmp_path, control, body) == []


@pytest.mark.parametrize(
    ("control", "body", "line", "message"),
    [
        ("tmpfs-size-limited", tmpfs("/tmp"), 5, "the tmpfs at /tmp has no size"),
        ("tmpfs-size-limited", "tmpfs: /run", 4, "the tmpfs at /run has no size"),
        ("tmpfs-size-limited", tmpfs("/tmp:size=0"), 5, "the tmpfs at /tmp has no size"),
        ("tmpfs-size-limited", tmpfs("/run:size=1m", "/tmp:mode=1777"), 6, "the tmpfs at /tmp has no size"),
        ("tmpfs-not-executable", tmpfs("/tmp:exec"), 5, "the tmpfs at /tmp is not noexec"),
        ("tmpfs-not-executable", tmpfs("/tmp:suid,dev"), 5, "the tmpfs at /tmp is not nosuid"),
        ("tmpfs-writable-by-user", USER + tmpfs("/cache"), 6, "user 1000 cannot write to the tmpfs at /cache"),
        ("tmpfs-writable-by-user", USER + tmpfs("/cache:uid=999"), 6, "user 1000 cannot write to the tmpfs at /cache"),
        ("tmpfs-writable-by-user", USER + tmpfs("/tmp:mode=700"), 6, "user 1000 cannot write to the tmpfs at /tmp"),
        ("tmpfs-writable-by-user", "user: app\n" + tmpfs("/cache"), 6, "its user cannot write to the tmpfs at /cache"),
        (
            "tmpfs-writable-by-user",
            USER + "volumes:\n  - {type: tmpfs, target: /cache}",
            6,
            "user 1000 cannot write to the tmpfs at /cache",
        ),
    ],
)
def test_a_tmpfs_out_of_order_is_reported(tmp_path: Path, control: str, body: str, line: int, message: str) -> None:
    assert found(tmp_path, control, body) == [(line, message)]


COMPOSE = "services:\n  web:\n    build: .\n    tmpfs:\n      - {}\n"


@pytest.mark.parametrize(
    ("target", "dockerfile"),
    [
        pytest.param("/tmp", "COPY app /usr/local/bin/app", id="a-file-elsewhere"),
        pytest.param("/app", "COPY app /application/app", id="a-name-that-starts-the-same"),
        pytest.param("/tmp", "RUN mkdir -p /tmp/build && make && rm -rf /tmp/build", id="made-and-removed"),
        pytest.param("/tmp", "RUN mkdir -p /tmp/build && make && rm -rf /tmp", id="removed-with-all"),
        pytest.param("/cache", "RUN mkdir -p /cache && chown 1000 /cache", id="the-mount-point-itself"),
        pytest.param("/cache", "COPY app $TARGET/", id="a-target-nobody-knows"),
        pytest.param("/cache", "COPY app cache/", id="a-relative-target"),
    ],
)
def test_a_tmpfs_that_hides_nothing_is_not_reported(tmp_path: Path, target: str, dockerfile: str) -> None:
    text = f"FROM debian:12.5\n{dockerfile}\n"
    assert in_files(tmp_path, "tmpfs-hides-nothing", COMPOSE.format(target), Dockerfile=text) == []


@pytest.mark.parametrize(
    ("target", "dockerfile", "hidden"),
    [
        ("/etc/nginx/conf.d", "COPY site.conf /etc/nginx/conf.d/site.conf", "/etc/nginx/conf.d/site.conf"),
        ("/srv", "COPY site.conf /srv/", "/srv/site.conf"),
        ("/srv", "ADD a.html b.html /srv/html/", "/srv/html/a.html"),
        ("/var/cache", "RUN true && mkdir -p /var/cache/app", "/var/cache/app"),
        ("/run", "RUN mkdir /var/run/app", "/var/run/app"),
    ],
)
def test_a_tmpfs_that_hides_something_is_reported(tmp_path: Path, target: str, dockerfile: str, hidden: str) -> None:
    text = f"FROM debian:12.5\n{dockerfile}\n"
    hits = in_files(tmp_path, "tmpfs-hides-nothing", COMPOSE.format(target), Dockerfile=text)
    assert [(hit.line, hit.message) for hit in hits] == [(5, f"the tmpfs at {target} hides {hidden} of the image")]


def test_a_tmpfs_on_the_logs_of_nginx_hides_the_links_to_stdout(tmp_path: Path) -> None:
    hits = in_files(tmp_path, "tmpfs-hides-nothing", COMPOSE.format("/var/log/nginx"), Dockerfile="FROM nginx:1.27\n")
    assert [hit.message for hit in hits] == ["the tmpfs at /var/log/nginx hides its links to stdout and stderr"]
