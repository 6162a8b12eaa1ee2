from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found, verdict

PUBLISHED = "published-traefik-api-asks-for-a-password"
INSIDE = "traefik-api-asks-for-a-password"
IMAGE = "image: traefik:3.1\n"
OPEN = IMAGE + "command: --api.insecure=true --providers.docker\n"
OPEN_BY_VARIABLE = IMAGE + "environment: {TRAEFIK_API_INSECURE: 'true'}\n"
ALL = "ports: ['80:80', '8080:8080']"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("command: --api.insecure=true\n" + ALL, id="another program"),
        pytest.param(IMAGE + ALL, id="no API at all"),
        pytest.param(IMAGE + "command: --api.dashboard=true\n" + ALL, id="an API behind a router"),
        pytest.param(IMAGE + "command: --api=true\n" + ALL, id="an API"),
        pytest.param(IMAGE + "command: --api.insecure=false\n" + ALL, id="switched off"),
        pytest.param(OPEN, id="not published"),
        pytest.param(OPEN + "ports: ['80:80', '443:443']", id="other ports"),
        pytest.param(OPEN + "ports: ['127.0.0.1:8080:8080']", id="on loopback"),
        pytest.param(OPEN + "ports: ['8080:80']", id="the host port of what it serves"),
        pytest.param(OPEN + "ports: ['8080:8080/udp']", id="another protocol"),
        pytest.param(
            IMAGE + "command: --api.insecure=true --entryPoints.traefik.address=:9000\n" + ALL, id="on another port"
        ),
        pytest.param(OPEN_BY_VARIABLE + "command: --providers.docker\n" + ALL, id="flags replace variables"),
        pytest.param(IMAGE + "environment: {TRAEFIK_API_INSECURE: 'false'}\n" + ALL, id="a variable that says no"),
        pytest.param(IMAGE + "environment: ['TRAEFIK_API_INSECURE=${OPEN}']\n" + ALL, id="unresolved"),
        pytest.param(IMAGE + "environment: {TRAEFIK_API: 'true'}\n" + ALL, id="a variable for the API"),
    ],
)
def test_an_api_that_nobody_outside_reaches_without_a_password_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, PUBLISHED, body) == []


@pytest.mark.parametrize(
    ("body", "line", "port"),
    [
        (OPEN + ALL, 5, "8080/tcp"),
        (OPEN + "ports: ['0.0.0.0:18080:8080']", 5, "18080/tcp"),
        (OPEN + "ports: ['10.0.0.5:8080:8080']", 5, "8080/tcp"),
        (IMAGE + "command: [--api.insecure]\n" + ALL, 5, "8080/tcp"),
        (IMAGE + "command: [traefik, --API.Insecure=true]\n" + ALL, 5, "8080/tcp"),
        (IMAGE + "command: --api.insecure=${OPEN:-true}\n" + ALL, 5, "8080/tcp"),
        ("image: example.com/mirror/traefik:v2.11\ncommand: --api.insecure=true\n" + ALL, 5, "8080/tcp"),
        (
            IMAGE + "command: --api.insecure=true --entrypoints.traefik.address=:9000/tcp\nports: ['9000:9000']",
            5,
            "9000/tcp",
        ),
        (OPEN_BY_VARIABLE + ALL, 5, "8080/tcp"),
    ],
)
def test_a_published_api_without_a_password_is_reported(tmp_path: Path, body: str, line: int, port: str) -> None:
    assert found(tmp_path, PUBLISHED, body) == [(line, f"its API is published without a password on {port}")]


def test_an_open_api_on_the_hosts_network_is_reported(tmp_path: Path) -> None:
    message = "its API listens without a password on port 8080 of the host's network"
    assert found(tmp_path, PUBLISHED, OPEN + "network_mode: host") == [(5, message)]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            OPEN + "volumes: ['./traefik.yml:/etc/traefik/traefik.yml:ro']\n" + ALL, id="a file replaces flags"
        ),
        pytest.param(OPEN + "volumes: ['./traefik:/etc/traefik']\n" + ALL, id="a folder of files"),
        pytest.param(IMAGE + "command: --api.insecure --configFile=/x.yml\n" + ALL, id="a file named by a flag"),
        pytest.param(IMAGE + "command: --api.insecure=${OPEN}\n" + ALL, id="unresolved"),
    ],
)
def test_what_a_file_or_a_variable_decides_is_unknown(tmp_path: Path, body: str) -> None:
    assert verdict(tmp_path, PUBLISHED, body) == "unknown"


@pytest.mark.parametrize(
    "volume",
    [
        pytest.param("./dynamic:/etc/traefik/dynamic", id="dynamic configuration"),
        pytest.param("./acme.json:/etc/traefik/acme.json", id="certificates"),
    ],
)
def test_files_that_are_no_static_configuration_change_nothing(tmp_path: Path, volume: str) -> None:
    assert verdict(tmp_path, PUBLISHED, f"{OPEN}volumes: ['{volume}']\n{ALL}") == "failed"


@pytest.mark.parametrize(
    ("body", "line"),
    [(OPEN, 4), (OPEN + "ports: ['127.0.0.1:8080:8080']", 4), (OPEN_BY_VARIABLE, 4)],
)
def test_inside_of_the_stack_the_strict_suite_asks_for_a_password(tmp_path: Path, body: str, line: int) -> None:
    assert found(tmp_path, INSIDE, body) == [(line, "its API asks nobody on port 8080 for a password")]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(OPEN + ALL, id="the published one is another control's"),
        pytest.param(OPEN + "network_mode: host", id="so is that of the host"),
        pytest.param(IMAGE + "command: --api.dashboard=true", id="behind a router"),
        pytest.param("command: --api.insecure=true", id="another program"),
    ],
)
def test_one_fault_of_traefik_is_one_finding(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, INSIDE, body) == []


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        pytest.param(OPEN + "ports: ['8080:8080']", [], id="the open API"),
        pytest.param(OPEN + "ports:\n  - '8080:8080'\n  - '8443:8443'", [7], id="another port beside it"),
        pytest.param(IMAGE + "command: --api.dashboard=true\nports: ['8080:8080']", [5], id="an API behind a router"),
    ],
)
def test_the_line_of_an_open_api_is_reported_once(tmp_path: Path, body: str, lines: list[int]) -> None:
    assert [line for line, _ in found(tmp_path, "ports-bound-to-interface", body)] == lines
