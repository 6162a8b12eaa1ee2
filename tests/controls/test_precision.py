"""What real stacks do with good reason, and what nobody who knows Docker would report."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found
from tests.helpers import hits

SOCKET = 'volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"]'
HOST = 'volumes: ["/:/rootfs:ro", "/proc:/host/proc:ro", "/var/lib/docker/containers:/var/lib/docker/containers:ro"]'


@pytest.mark.parametrize(
    ("control", "body"),
    [
        pytest.param("no-engine-socket", f"image: tecnativa/docker-socket-proxy:0.1\n{SOCKET}", id="a filtering proxy"),
        pytest.param("no-sensitive-mounts", f"image: prom/node-exporter:v1.8\n{HOST}", id="an exporter of the host"),
        pytest.param("no-sensitive-mounts", f"image: gcr.io/cadvisor/cadvisor:v0.49\n{HOST}", id="cadvisor"),
        pytest.param("read-only-rootfs", "image: lscr.io/linuxserver/sonarr:4.0", id="s6 writes its root"),
        pytest.param("read-only-rootfs", "image: selenium/node-firefox:4.18.1", id="a browser with its desktop"),
        pytest.param("read-only-rootfs", "image: gitlab/gitlab-ce:17.1", id="an appliance"),
        pytest.param(
            "configuration-mounted-read-only",
            "image: redis:7.4\nvolumes: ['./sentinel.conf:/etc/redis/sentinel.conf']",
            id="sentinel writes its own configuration",
        ),
        pytest.param(
            "published-stores-ask-for-a-password",
            "image: redis:7.4\ncommand: redis-sentinel /etc/sentinel.conf\nports: ['26379:26379']",
            id="a sentinel is no redis server",
        ),
        pytest.param(
            "no-secrets-written-in-environment",
            "environment: {AWS_SECRET_ACCESS_KEY: test, AWS_ACCESS_KEY_ID: dummy}",
            id="what LocalStack takes in place of credentials",
        ),
        pytest.param("required-env-files-exist", "env_file: .env", id="a .env is made on each machine"),
        pytest.param(
            "no-secrets-in-build-arguments",
            "build: {context: ., args: {VITE_MAPS_API_KEY: '${VITE_MAPS_API_KEY}'}}",
            id="what every browser loads hides nothing",
        ),
        pytest.param("required-env-files-exist", "env_file: .docker.env", id="so is another hidden one"),
        pytest.param(
            "signals-reach-the-program",
            'entrypoint: ["sh", "-c", "until mc alias set s http://s3:9000; do sleep 1; done; mc mb s/b || true"]',
            id="a job that makes a bucket ends by itself",
        ),
        pytest.param(
            "signals-reach-the-program",
            """entrypoint: /bin/sh -c "mc alias set s http://s3:9000; mc mb s/b; exit 0;\"""",
            id="a job that says that it ends",
        ),
        pytest.param(
            "no-host-reaching-capabilities",
            "image: lscr.io/linuxserver/wireguard:1.0\ncap_add: [NET_ADMIN]",
            id="a VPN server routes",
        ),
        pytest.param(
            "no-host-reaching-capabilities",
            "image: acme/tunnel:1\ncap_add: [NET_ADMIN]\ndevices: ['/dev/net/tun:/dev/net/tun']",
            id="a tunnel of any name routes",
        ),
        pytest.param("read-only-rootfs", "image: qmcgaw/gluetun:v3", id="a start-up that writes below /etc"),
        pytest.param(
            "read-only-rootfs", "image: confluentinc/cp-kafka:7.7.0", id="a start-up that writes its settings"
        ),
        pytest.param(
            "ports-bound-to-interface",
            "image: acme/app:1\nnetwork_mode: host\nports: ['8080:80']",
            id="ports that the engine discards",
        ),
        pytest.param(
            "no-shared-resource-capabilities",
            "image: hashicorp/vault:1.17\ncap_add: [IPC_LOCK]",
            id="vault locks its memory",
        ),
        pytest.param("built-dockerfile-exists", "build: .", id="a compose file that was taken from elsewhere"),
        pytest.param("healthcheck-defined", "image: scratch:1\ndepends_on: [db]", id="a worker that nobody calls"),
    ],
)
def test_what_has_a_good_reason_is_silent(tmp_path: Path, control: str, body: str) -> None:
    assert found(tmp_path, control, body, "  db:\n    image: postgres:17\n") == []


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("node --inspect=0.0.0.0:9229 app.js", id="the port is written out"),
        pytest.param("nodemon --inspect=0.0.0.0 app.js", id="the port is the switch's own"),
    ],
)
def test_the_port_of_a_debugger_that_the_command_starts_is_silent(tmp_path: Path, program: str) -> None:
    settings = f"command: {program}\n    ports: ['9229:9229', '1:1']"
    text = f"services:\n  a:\n    build: .\n    {settings}\n"
    files = {"compose.yaml": text, "Dockerfile": "FROM node:22\nEXPOSE 80\n"}
    found = hits(tmp_path, files, "published-ports-are-exposed")
    assert [hit.message for hit in found] == ["port 1 is published, the image exposes 80"]


def test_a_consistency_hint_of_docker_desktop_is_silent(tmp_path: Path) -> None:
    text = "services:\n  a:\n    image: x\n    volumes: ['.:/src:cached', './b:/b:delegated']\n"
    assert hits(tmp_path, {"compose.yaml": text}, "loads-as-written") == []


SHARED = """\
services:
  web:
    image: acme/app:1.2
    ports: ["8000:8000"]
    env_file: [app.env]
    depends_on: [db]
  worker:
    image: acme/app:1.2
    env_file: [app.env]
  db:
    image: postgres:17
    env_file: [app.env]
"""


def test_one_program_and_the_server_it_uses_may_share_an_env_file(tmp_path: Path) -> None:
    files = {"compose.yaml": SHARED, "app.env": "POSTGRES_PASSWORD=not-a-real-one\n"}
    assert hits(tmp_path, files, "edge-service-has-its-own-env-file") == []


@pytest.mark.parametrize(
    ("control", "body", "line"),
    [
        pytest.param("no-engine-socket", f"image: traefik:3.1\n{SOCKET}", 4, id="traefik with the socket itself"),
        pytest.param("no-sensitive-mounts", f"image: acme/app:1\n{HOST}", 4, id="the host for an ordinary service"),
        pytest.param("read-only-rootfs", "image: nginx:1.27", 2, id="nginx"),
        pytest.param(
            "no-secrets-written-in-environment",
            "environment: {AWS_SECRET_ACCESS_KEY: hunter2hunter2}",
            4,
            id="an AWS key that is none of an emulator",
        ),
        pytest.param("required-env-files-exist", "env_file: web.env", 4, id="another env file"),
        pytest.param(
            "no-host-control-capabilities",
            "image: lscr.io/linuxserver/wireguard:1.0\ncap_add: [SYS_MODULE]",
            4,
            id="what hands over the host, for a VPN server too",
        ),
        pytest.param(
            "no-host-reaching-capabilities", "image: acme/app:1\ncap_add: [NET_ADMIN]", 4, id="an ordinary service"
        ),
        pytest.param(
            "no-host-reaching-capabilities",
            "image: acme/tunnel:1\ncap_add: [NET_ADMIN]\ndevices: [/dev/net/tun]\nnetwork_mode: host",
            4,
            id="a tunnel that routes the machine",
        ),
        pytest.param("read-only-rootfs", "image: acme/cp-kafka:1", 2, id="an image of that name from elsewhere"),
    ],
)
def test_what_has_none_is_reported(tmp_path: Path, control: str, body: str, line: int) -> None:
    assert {place for place, _ in found(tmp_path, control, body)} == {line}
