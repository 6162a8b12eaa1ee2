"""Namespaces, networks, ports."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.model.posture import NetworkAttachment
from tests.predict.conftest import Predict


@pytest.mark.parametrize(
    ("keys", "modes"),
    [
        ("", ("private", "private", "private", "private", "private")),
        ("network_mode: host\npid: host\nipc: host\nuts: host\ncgroup: host", ("host",) * 5),
        ("network_mode: none\nipc: none", ("none", "private", "none", "private", "private")),
        ("network_mode: bridge\nipc: shareable", ("private", "private", "shareable", "private", "private")),
        ("network_mode: container:x\npid: container:x", ("container:x", "container:x", *["private"] * 3)),
        ("network_mode: ${M:-host}", ("host", *["private"] * 4)),
    ],
)
def test_namespaces(predict: Predict, keys: str, modes: tuple[str, ...]) -> None:
    p = predict(keys)
    facts = (p.network_mode, p.pid_mode, p.ipc_mode, p.uts_mode, p.cgroup_mode)
    assert tuple(fact.value for fact in facts) == modes


def test_user_namespaces_are_the_engines_business_unless_said(predict: Predict) -> None:
    assert predict().userns_mode.known is False
    assert predict("userns_mode: host").userns_mode.value == "host"


STACK = """
services:
  proxy: {image: a, networks: [front]}
  app: {image: a, networks: [front, back]}
  db: {image: a, networks: [back]}
  alone: {image: a, networks: [other]}
  side: {image: a, network_mode: "service:app"}
  host: {image: a, network_mode: host}
  deaf: {image: a, network_mode: none}
  plain: {image: a}
networks:
  front: {driver: bridge}
  back: {internal: true}
  other: {external: true}
"""


@pytest.mark.parametrize(
    ("service", "reaches"),
    [
        ("proxy", {"app", "side", "host"}),
        ("app", {"proxy", "db", "side", "host"}),
        ("db", {"app", "side", "host"}),
        ("alone", {"host"}),
        ("side", {"proxy", "app", "db", "host"}),
        ("host", {"proxy", "app", "db", "alone", "side", "plain"}),
        ("deaf", set()),
        ("plain", {"host"}),
    ],
)
def test_what_a_service_reaches(predict_stack, service: str, reaches: set[str]) -> None:  # type: ignore[no-untyped-def]
    assert predict_stack(STACK)[service].reaches.value == reaches


def test_networks(predict_stack) -> None:  # type: ignore[no-untyped-def]
    postures = predict_stack(STACK)
    back = NetworkAttachment("back", internal=True)
    front = NetworkAttachment("front", internal=False, driver="bridge")
    assert postures["app"].networks.value == (front, back)
    assert postures["side"].networks.value == (front, back)
    assert postures["alone"].networks.value == (NetworkAttachment("other", internal=False, external=True),)
    assert postures["plain"].networks.value == (NetworkAttachment("default", internal=False, default=True),)
    assert postures["host"].networks.value == postures["deaf"].networks.value == ()


def test_the_network_of_another_container_is_unknown(predict: Predict) -> None:
    posture = predict("network_mode: container:x")
    assert (posture.networks.known, posture.reaches.known) == (False, False)


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ("8080:80", (80, "8080", "", "tcp")),
        ("80", (80, "", "", "tcp")),
        ("127.0.0.1:8080:80", (80, "8080", "127.0.0.1", "tcp")),
        ("127.0.0.1::80", (80, "", "127.0.0.1", "tcp")),
        ("[::1]:53:53/udp", (53, "53", "::1", "udp")),
        ("8000-8002:80", (80, "8000-8002", "", "tcp")),
        ("127.0.0.1:${PORT}:80", (80, "", "127.0.0.1", "tcp")),
        ("${PORT:-8080}:80", (80, "8080", "", "tcp")),
    ],
)
def test_ports(predict: Predict, port: str, expected: tuple[int, str, str, str]) -> None:
    ports = predict(f"ports: ['{port}']").ports.value
    assert [(p.container_port, p.host_port, p.host_ip, p.protocol) for p in ports] == [expected]
    assert ports[0].origin.line == 3


@pytest.mark.parametrize("port", ["${PORT}:80", "${IP}:80:80", "80:${PORT}"])
def test_a_port_whose_interface_or_number_is_open_is_unknown(predict: Predict, port: str) -> None:
    assert predict(f"ports: ['{port}']").ports.known is False


@pytest.mark.parametrize("mode", ["host", "none"])
def test_the_engine_discards_ports_on_the_hosts_network_and_on_none(predict: Predict, mode: str) -> None:
    assert predict(f"network_mode: {mode}\nports: ['8080:80']").ports.value == ()


def test_ports_stand_on_other_networks(predict: Predict) -> None:
    assert [p.host_port for p in predict("network_mode: bridge\nports: ['8080:80']").ports.value] == ["8080"]


def test_long_ports_with_an_open_number_are_on_every_interface(predict: Predict) -> None:
    ports = predict("ports: [{target: 80, published: '${PORT}'}]").ports.value
    assert [(p.container_port, p.host_ip) for p in ports] == [(80, "")]


def test_exposed_is_what_service_and_dockerfile_declare(predict: Predict) -> None:
    dockerfile = "FROM example.org/b AS x\nEXPOSE 22\nFROM x\nARG P=9\nEXPOSE $P 53/UDP\n"
    posture = predict("build: .\nexpose: ['3000']\nports: ['1:80']", files={"Dockerfile": dockerfile})
    assert posture.exposed.value == {"22/tcp", "9/tcp", "53/udp", "3000/tcp", "80/tcp"}


def test_exposed_of_an_image(predict: Predict) -> None:
    assert predict().exposed.known is False
    image = ImageConfig("example.org/app:1", exposed=("22/tcp",))
    assert predict(images={"example.org/app:1": image}).exposed.value == {"22/tcp"}
