"""Segmentation is proven by packets."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden import drills
from pytest_dockerharden.controls import load_all
from pytest_dockerharden.drills.connections import socket_address
from pytest_dockerharden.judge import judge
from pytest_dockerharden.observe import observe_stack
from pytest_dockerharden.stack.run import Run
from pytest_dockerharden.stack.stack import Stack
from tests.drills.drilled import Drilled, drill, loaded

SERVER = '["sh", "-c", "exec nc -ll -p 5432 -e cat"]'
IDLE = '["sleep", "1000"]'
APART = f"""\
services:
  proxy:
    image: app
    command: {IDLE}
    networks: [front]
  api:
    image: app
    command: {IDLE}
    networks: [front, back]
    depends_on: [db]
  db:
    image: postgres
    command: {SERVER}
    networks: [back]
  alone:
    image: app
    command: {SERVER}
    network_mode: none
  beside:
    image: app
    command: {IDLE}
    network_mode: service:db
  closed:
    image: app
    command: ["sh", "-c", "exec /busybox httpd -f -p 127.0.0.1:9999"]
    networks: [shut]
  shut_in:
    image: app
    command: {IDLE}
    networks: [shut]
  host:
    image: app
    command: {IDLE}
    network_mode: host
networks:
  front: {{}}
  back: {{internal: true}}
  shut: {{driver_opts: {{com.docker.network.bridge.enable_icc: "false"}}}}
"""
FLAT = f"""\
services:
  proxy:
    image: app
    command: {IDLE}
  db:
    image: postgres
    command: {SERVER}
"""


def reached(drilled: Drilled, service: str) -> set[tuple[str, int]]:
    return {(c.service, c.port) for c in drilled[service].connections.value if c.reached}


@pytest.fixture(scope="module")
def apart(client: Any, image: str, tmp_path_factory: pytest.TempPathFactory) -> Drilled:
    return drill(client, tmp_path_factory.mktemp("apart"), APART, image, ("active",))


@pytest.mark.live
class TestApart:
    def test_who_shares_a_network_is_reached(self, apart: Drilled) -> None:
        assert {("db", 5432), ("proxy", 9)} <= reached(apart, "api")

    def test_who_shares_none_is_not(self, apart: Drilled) -> None:
        assert {name for name, _ in reached(apart, "proxy")} == {"api"}
        answers = {c.answer for c in apart["proxy"].connections.value if c.service == "db"}
        assert answers <= {"ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"} and answers

    def test_without_a_network_nobody_is_reached(self, apart: Drilled) -> None:
        assert reached(apart, "alone") == set()
        assert apart["alone"].connections.value

    def test_a_shared_namespace_reaches_what_its_owner_does(self, apart: Drilled) -> None:
        assert ("db", 5432) in reached(apart, "beside")

    def test_a_network_without_communication_lets_nobody_through(self, apart: Drilled) -> None:
        assert reached(apart, "shut_in") == set()

    def test_the_hosts_network_is_not_tried(self, apart: Drilled) -> None:
        judgement = apart.judged("networks-keep-services-apart", "host")
        assert (judgement.verdict, judgement.reason) == ("unknown", "it uses the host's network")

    @pytest.mark.parametrize("service", ["proxy", "api", "db", "alone", "beside", "closed", "shut_in"])
    def test_correct_segmentation_passes(self, apart: Drilled, service: str) -> None:
        judgement = apart.judged("networks-keep-services-apart", service)
        assert (judgement.verdict, [finding.message for finding in judgement.findings]) == ("passed", [])

    def test_only_who_uses_the_data_store_connects_to_it(self, apart: Drilled) -> None:
        assert apart.verdict("reaches-only-its-own-data-stores", "proxy") == "passed"
        assert apart.verdict("reaches-only-its-own-data-stores", "api") == "not-applicable"


@pytest.mark.live
def test_a_flat_network_lets_the_proxy_connect_to_the_data_store(client: Any, image: str, tmp_path: Path) -> None:
    flat = drill(client, tmp_path, FLAT, image, ("active",))
    judgement = flat.judged("reaches-only-its-own-data-stores", "proxy")
    assert [finding.message for finding in judgement.findings] == [
        "it could connect to db at port 5432, and does not use it"
    ]
    assert flat.verdict("networks-keep-services-apart", "proxy") == "passed", "they share a network, as declared"


@contextmanager
def opened(one: str, other: str) -> Iterator[None]:
    """A rule of one's own in front of the engine's: what many a guide to ufw and Docker makes people write."""
    rules = [["-i", one, "-o", other, "-j", "ACCEPT"], ["-i", other, "-o", one, "-j", "ACCEPT"]]
    for rule in rules:
        subprocess.run(["iptables", "-w", "-I", "DOCKER-USER", *rule], check=True)
    try:
        yield
    finally:
        for rule in rules:
            subprocess.run(["iptables", "-w", "-D", "DOCKER-USER", *rule], check=True)


@pytest.mark.live
def test_a_hole_in_the_firewall_is_found(client: Any, image: str, tmp_path: Path) -> None:
    chain = ["iptables", "-w", "-L", "DOCKER-USER"]
    if (
        os.getuid()
        or not shutil.which("iptables")
        or subprocess.run(chain, capture_output=True, check=False).returncode
    ):
        pytest.skip("it takes root on the engine's machine, and the chain DOCKER-USER")
    run = Run.start()
    text = APART.replace("{internal: true}", "{}").replace("postgres", image).replace(": app", f": {image}")
    project = loaded(tmp_path, text, f"dh-{run.id}")
    with Stack(project, client, run) as stack:
        bridges = [f"br-{client.api.inspect_network(f'dh-{run.id}_{name}')['Id'][:12]}" for name in ("front", "back")]
        with opened(*bridges):
            found = drills.active(stack, client, observe_stack(stack, client))
    judgement = judge(load_all()["networks-keep-services-apart"], found["proxy"], "proxy")
    assert [finding.message for finding in judgement.findings] == [
        "it reached db at port 5432 without a network in common"
    ]


def test_an_address_is_as_the_kernel_wants_it() -> None:
    assert socket_address("10.0.0.1", 80) == (2, b"\x02\x00\x00\x50\x0a\x00\x00\x01" + bytes(8))
    family, address = socket_address("fd00::1", 443)
    assert (family, len(address), address[2:4]) == (10, 28, b"\x01\xbb")
