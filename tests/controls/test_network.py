from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found, stack, verdict
from tests.helpers import hits, judgements


def ports(*published: str) -> str:
    return "ports:\n" + "\n".join(f'  - "{port}"' for port in published)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing-published"),
        pytest.param("expose: ['80']", id="exposed-only"),
        pytest.param(ports("127.0.0.1:8080:80"), id="loopback"),
        pytest.param(ports("[::1]:8080:80"), id="loopback-of-ipv6"),
        pytest.param(ports("127.0.0.1::80"), id="loopback-any-port"),
        pytest.param(ports("10.0.0.5:8080:80"), id="one-interface"),
        pytest.param("ports: [{target: 80, published: 8080, host_ip: 127.0.0.1}]", id="long-form"),
        pytest.param(ports("${ADDRESS:-127.0.0.1}:8080:80"), id="loopback-by-default"),
        pytest.param(ports("${PORT}:80"), id="unresolved"),
        pytest.param(ports("80:80", "443:443", "443:443/udp"), id="the web"),
        pytest.param(ports("0.0.0.0:80:8080"), id="the web with its address written out"),
        pytest.param(ports("25:25", "465:465", "587:587", "993:993"), id="mail"),
        pytest.param(ports("53:53", "53:53/udp", "67:67/udp"), id="DNS and DHCP, for the whole network"),
        pytest.param(ports("2222:22"), id="ssh of a git server, for peers outside"),
        pytest.param(ports("25565:25565", "6881:6881/udp", "3478:3478/udp"), id="protocols of peers outside"),
    ],
)
def test_a_port_on_one_interface_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "ports-bound-to-interface", body) == []


@pytest.mark.parametrize(
    ("body", "line", "shown"),
    [
        (ports("8080:80"), 5, "8080/tcp"),
        (ports("80"), 5, "80/tcp (on a free port)"),
        (ports("80-81:80-81"), 5, "81/tcp"),
        (ports("8443:443"), 5, "8443/tcp"),
        (ports("127.0.0.1:1:1", "8125:8125/udp"), 6, "8125/udp"),
        ("ports:\n  - {target: 80, published: 8080}", 5, "8080/tcp"),
        (ports("${PORT:-8080}:80"), 5, "8080/tcp"),
    ],
)
def test_a_port_on_every_interface_is_reported(tmp_path: Path, body: str, line: int, shown: str) -> None:
    message = f"{shown} is published on every interface"
    assert found(tmp_path, "ports-bound-to-interface", body) == [(line, message)]


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]", "[0:0:0:0:0:0:0:0]"])
def test_an_address_that_stands_for_all_is_reported(tmp_path: Path, address: str) -> None:
    message = "8080/udp is published on every interface"
    assert found(tmp_path, "ports-not-bound-to-every-address", ports(f"{address}:8080:80/udp")) == [(5, message)]
    assert found(tmp_path, "ports-bound-to-interface", ports(f"{address}:8080:80/udp")) == []


@pytest.mark.parametrize("port", ["8080:80", "127.0.0.1:8080:80", "0.0.0.0:80:80"])
def test_what_is_not_bound_to_all_is_not_reported_as_that(tmp_path: Path, port: str) -> None:
    assert found(tmp_path, "ports-not-bound-to-every-address", ports(port)) == []


def test_ports_that_recommended_lets_be_name_an_address_in_strict(tmp_path: Path) -> None:
    control = "every-port-names-an-address"
    assert [line for line, _ in found(tmp_path, control, ports("2222:22", "127.0.0.1:22:22"))] == [5]
    assert [line for line, _ in found(tmp_path, control, ports("${PORT}:80"))] == [5]
    assert found(tmp_path, control, ports("8080:80", "${IP}:80:80", "127.0.0.1:${PORT}:80")) == []
    assert len(found(tmp_path, control, "image: postgres:17\n" + ports("5432:5432"))) == 1


def test_a_low_port_inside_is_a_matter_of_strict(tmp_path: Path) -> None:
    message = "port 80 inside is below 1024"
    assert found(tmp_path, "no-privileged-container-ports", ports("8080:80", "8081:8080")) == [(5, message)]


def test_ports_that_are_meant_for_everybody_are_allowed(tmp_path: Path) -> None:
    body = ports("80:8080", "443:8443", "8080:80")
    assert [line for line, _ in found(tmp_path, "ports-bound-to-interface", body, allowed=("80", "8080"))] == [6]


def test_a_published_data_store_is_one_finding(tmp_path: Path) -> None:
    files = {"compose.yaml": "services:\n  a:\n    image: postgres:17\n    ports: ['5432:5432']\n"}
    assert hits(tmp_path, files, "ports-bound-to-interface") == []
    assert [hit.line for hit in hits(tmp_path, files, "data-stores-not-published")] == [4]


def test_an_unresolved_port_is_unknown(tmp_path: Path) -> None:
    assert verdict(tmp_path, "ports-bound-to-interface", ports("${PORT}:80")) == "unknown"


@pytest.mark.parametrize(
    ("port", "lines"),
    [
        ("1024:80", []),
        ("8080:80", []),
        ("80", []),
        ("80:8080", [5]),
        ("127.0.0.1:443:8443", [5]),
        ("1000-1001:80", [5]),
    ],
)
def test_a_low_host_port_is_reported(tmp_path: Path, port: str, lines: list[int]) -> None:
    assert [line for line, _ in found(tmp_path, "no-privileged-ports", ports(port))] == lines


@pytest.mark.parametrize(
    ("control", "body"),
    [
        pytest.param("no-host-network", "", id="left-out"),
        pytest.param("no-host-network", "network_mode: none", id="none"),
        pytest.param("no-host-network", "network_mode: ${MODE}", id="unresolved"),
        pytest.param("no-default-bridge", "", id="the-projects-network"),
        pytest.param("no-default-bridge", "networks: [bridge]", id="a-network-of-that-name"),
        pytest.param("no-default-bridge", "network_mode: host", id="the-hosts-is-another-control"),
        pytest.param("networks-declared", "networks: [front]", id="a-network"),
        pytest.param("networks-declared", "network_mode: none", id="no-network"),
    ],
)
def test_a_network_of_its_own_is_not_reported(tmp_path: Path, control: str, body: str) -> None:
    assert found(tmp_path, control, body, "networks: {front: {}, bridge: {}}\n") == []


@pytest.mark.parametrize(
    ("control", "body", "line", "message"),
    [
        ("no-host-network", "network_mode: host", 4, "it is on the host's network"),
        ("no-host-network", "network_mode: ${MODE:-host}", 4, "it is on the host's network"),
        ("no-default-bridge", "network_mode: bridge", 4, "it is on the engine's default bridge"),
        ("networks-declared", "", 2, "it is on the network that all services share"),
    ],
)
def test_a_shared_network_is_reported(tmp_path: Path, control: str, body: str, line: int, message: str) -> None:
    assert found(tmp_path, control, body) == [(line, message)]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("image: postgres:17\n", id="not-published"),
        pytest.param("image: postgres:17\n" + ports("127.0.0.1:5432:5432"), id="on-loopback"),
        pytest.param("image: nginx:1.27\n" + ports("80:80"), id="not-a-data-store"),
        pytest.param("image: prom/redis-exporter:1\n" + ports("9121:9121"), id="an-exporter"),
        pytest.param("image: dpage/pgadmin4:8\n" + ports("8080:80"), id="an-admin-page"),
        pytest.param(ports("5432:5432"), id="an-image-nobody-knows"),
    ],
)
def test_a_data_store_that_stays_inside_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "data-stores-not-published", body) == []


@pytest.mark.parametrize("image", ["postgres:17", "redis", "bitnami/redis:7", "mongo:8@sha256:" + "0" * 64,
                                   "ghcr.io/x/mariadb:11", "valkey/valkey:8"])  # fmt: skip
def test_a_published_data_store_is_reported(tmp_path: Path, image: str) -> None:
    body = f"image: {image}\n" + ports("15432:5432")
    message = "a data store is published on 15432/tcp"
    assert found(tmp_path, "data-stores-not-published", body) == [(5, message)]


FLAT = """\
services:
  proxy:
    image: nginx:1.27
    ports: ["443:443"]
  api:
    image: app
    environment: {{DATABASE_URL: "postgres://db:5432/app"}}
{api}  db:
    image: postgres:17
{db}
"""


@pytest.mark.parametrize(
    ("db", "api", "messages"),
    [
        pytest.param("", "", ["proxy is open to the outside and reaches it"], id="flat"),
        pytest.param(
            "", '    ports: ["80:80"]\n', ["proxy is open to the outside and reaches it"], id="the-api-uses-it"
        ),
        pytest.param("    networks: [back]\nnetworks: {back: {}}", "", [], id="a-network-of-its-own"),
    ],
)
def test_a_flat_network_is_reported(tmp_path: Path, db: str, api: str, messages: list[str]) -> None:
    text = FLAT.format(db=db, api=api)
    result = hits(tmp_path, {"compose.yaml": text}, "data-stores-apart-from-the-edge")
    assert [(hit.subject, hit.message) for hit in result] == [("db", message) for message in messages]


def test_the_network_of_a_data_store_is_internal(tmp_path: Path) -> None:
    body = "image: redis:7\nnetworks: [back]"
    message = "its network back leads outside"
    assert found(tmp_path, "data-networks-internal", body, "networks: {back: {}}\n") == [(4, message)]
    assert found(tmp_path, "data-networks-internal", body, "networks: {back: {internal: true}}\n") == []
    assert found(tmp_path, "data-networks-internal", "networks: [back]", "networks: {back: {}}\n") == []


def test_a_port_beside_the_proxy_is_reported(tmp_path: Path) -> None:
    proxy = '  proxy:\n    image: traefik:3\n    ports: ["443:443"]\n'
    message = "8000/tcp is a way past proxy"
    assert found(tmp_path, "one-way-in", ports("8000:8000"), proxy) == [(5, message)]
    assert found(tmp_path, "one-way-in", ports("127.0.0.1:8000:8000"), proxy) == []
    assert found(tmp_path, "one-way-in", ports("8000:8000")) == []


@pytest.mark.parametrize(
    ("deploy", "effect"),
    [
        pytest.param("{mode: global}", "advice", id="on every node"),
        pytest.param("{placement: {constraints: [node.role == manager]}}", "advice", id="placed on a node"),
        pytest.param("{update_config: {parallelism: 2}}", "advice", id="updated by Swarm"),
        pytest.param("{replicas: 2, resources: {limits: {memory: 1G}}}", "behaviour-changing", id="of Compose too"),
    ],
)
def test_of_a_service_for_swarm_no_address_is_written(tmp_path: Path, deploy: str, effect: str) -> None:
    body = f"deploy: {deploy}\nports: ['9090:9090']"
    judged = judgements(tmp_path, {"compose.yaml": stack(body)}, "ports-bound-to-interface")
    assert [finding.remedy.effect for one in judged for finding in one.findings if finding.remedy] == [effect]
