from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found

CONTROL = "no-published-engine-api"
DIND = "image: docker:27-dind\n"
CLEAR = DIND + "environment: {DOCKER_TLS_CERTDIR: ''}\n"
PROXY = "image: tecnativa/docker-socket-proxy:0.3\n"
SOCKET = "volumes: ['/var/run/docker.sock:/var/run/docker.sock']\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("ports: ['2375:2375']", id="port 2375 of a program that is no engine"),
        pytest.param(CLEAR, id="not published"),
        pytest.param(CLEAR + "expose: ['2375']", id="exposed to the stack alone"),
        pytest.param(CLEAR + "ports: ['127.0.0.1:2375:2375']", id="on loopback"),
        pytest.param(CLEAR + "ports: ['[::1]:2375:2375']", id="on loopback of IPv6"),
        pytest.param(CLEAR + "ports: ['8080:80']", id="what runs inside of it"),
        pytest.param(CLEAR + "ports: ['2375:2375/udp']", id="a protocol that the API is not spoken in"),
        pytest.param(DIND + "ports: ['2376:2376']", id="in TLS"),
        pytest.param(DIND + "ports: ['2375:2375']", id="a port where nothing listens as it keeps to TLS"),
        pytest.param(DIND + "environment: {DOCKER_TLS_CERTDIR: /certs}\nports: ['2375:2375']", id="certificates named"),
        pytest.param(DIND + "environment: ['DOCKER_TLS_CERTDIR=${CERTS}']\nports: ['2375:2375']", id="unresolved"),
        pytest.param(DIND + "command: --host=tcp://0.0.0.0:2376\nports: ['2376:2376']", id="the entrypoint adds TLS"),
        pytest.param(
            DIND + "command: dockerd --host=tcp://0.0.0.0:2376 --tlsverify\nports: ['2376:2376']", id="TLS asked for"
        ),
        pytest.param(
            DIND + "command: dockerd --host=tcp://127.0.0.1:2375\nports: ['2375:2375']", id="listens on loopback inside"
        ),
        pytest.param(PROXY + "expose: ['2375']", id="a proxy of the stack alone"),
        pytest.param(PROXY + "ports: ['127.0.0.1:2375:2375']", id="a proxy on loopback"),
        pytest.param("image: portainer/portainer-ce:2.21.4\nports: ['9443:9443']\n" + SOCKET, id="asks who comes"),
        pytest.param("network_mode: host\n" + SOCKET.replace("docker.sock", "app.sock"), id="no engine on the host"),
        pytest.param(DIND + "network_mode: host", id="in TLS on the host's network"),
    ],
)
def test_an_engine_that_nobody_outside_reaches_in_clear_text_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, CONTROL, body) == []


@pytest.mark.parametrize(
    ("body", "line", "port"),
    [
        (CLEAR + "ports: ['2375:2375']", 5, "2375/tcp"),
        (CLEAR + "ports: ['0.0.0.0:12375:2375']", 5, "12375/tcp"),
        (CLEAR + "ports: ['10.0.0.5:2375:2375']", 5, "2375/tcp"),
        (CLEAR + "ports: [{target: 2375, published: 2375}]", 5, "2375/tcp"),
        (DIND + "command: dockerd --host=tcp://0.0.0.0:2375 --tls=false\nports: ['2375:2375']", 5, "2375/tcp"),
        (DIND + "command: [dockerd, -H, 'tcp://0.0.0.0:2376']\nports: ['2376:2376']", 5, "2376/tcp"),
        ("image: ours:1\ncommand: dockerd -H tcp://0.0.0.0\nports: ['2375:2375']", 5, "2375/tcp"),
        (PROXY + "ports: ['2375:2375']", 4, "2375/tcp"),
        ("image: lscr.io/linuxserver/socket-proxy:1.0\nports: ['2375:2375']", 4, "2375/tcp"),
        ("image: ours:1\nports: ['2375:2375']\n" + SOCKET, 4, "2375/tcp"),
        (
            "image: alpine/socat:1.8\ncommand: tcp-listen:2376,fork unix-connect:/var/run/docker.sock\n"
            "ports: ['2376:2376']\n" + SOCKET,
            5,
            "2376/tcp",
        ),
    ],
)
def test_an_engine_that_is_published_in_clear_text_is_reported(tmp_path: Path, body: str, line: int, port: str) -> None:
    assert found(tmp_path, CONTROL, body) == [(line, f"an engine's API is published without TLS on {port}")]


@pytest.mark.parametrize("body", [CLEAR, PROXY])
def test_an_engine_on_the_hosts_network_is_reported(tmp_path: Path, body: str) -> None:
    message = "an engine's API listens without TLS on port 2375 of the host's network"
    assert [text for _, text in found(tmp_path, CONTROL, body + "network_mode: host")] == [message]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        pytest.param(CLEAR + "ports: ['2375:2375']", [], id="the engine's API"),
        pytest.param(PROXY + "ports: ['0.0.0.0:2375:2375']", [], id="a proxy's, by the address for all"),
        pytest.param(CLEAR + "ports:\n  - '2375:2375'\n  - '8080:8080'", [7], id="another port beside it"),
        pytest.param(DIND + "ports: ['2376:2376']", [4], id="an API in TLS"),
    ],
)
def test_the_line_of_a_published_engine_is_reported_once(tmp_path: Path, body: str, lines: list[int]) -> None:
    for control in ("ports-bound-to-interface", "ports-not-bound-to-every-address"):
        assert [line for line, _ in found(tmp_path, control, body)] == (lines if "bound-to-i" in control else [])
