"""The hardened stack, brought up once for all the tests that ask it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live import live_engine
from tests.plan.running import SUITE, Running, make_bases, running
from tests.plan.tls import Authority

HERE = Path(__file__).parent
SERVER_NAME = "vntyper.test"
ROOTFS = "dockerharden-base/rootfs:bookworm"


@pytest.fixture(scope="session")
def engine() -> Any:
    """A client of an engine that has the base images."""
    client = live_engine()
    make_bases()
    return client


@pytest.fixture(scope="session")
def hardened(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The stack as in production, beside a certificate authority of its own, and with a certificate from it."""
    files = tmp_path_factory.mktemp("authority")
    authority_files(engine, files)
    stack = SUITE / "hardened"
    with running(
        engine,
        stack / "docker-compose.yml",
        stack / "docker-compose.prod.yml",
        HERE / "acme.yml",
        SERVER_NAME=SERVER_NAME,
        ACME_DIRECTORY="https://authority:14000/dir",
        AUTHORITY_FILES=str(files),
    ) as up:
        yield up


@pytest.fixture(scope="session")
def authority(hardened: Running) -> Authority:
    """Once the proxy serves a certificate of the authority: what a client needs to trust it."""
    return Authority.of(hardened, SERVER_NAME)


def authority_files(client: Any, folder: Path) -> None:
    """pebble's configuration, and a certificate for its own name."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out certificate.pem"
    names = "-subj /CN=authority -addext subjectAltName=DNS:authority"
    script = f"cd /tmp && {command} {names} 2> /dev/null && cat key.pem certificate.pem"
    pem = client.containers.run(ROOTFS, ["sh", "-c", script], remove=True, network_mode="none").decode()
    for name, kind in (("key.pem", "PRIVATE KEY"), ("certificate.pem", "CERTIFICATE")):
        part = re.search(f"-----BEGIN {kind}-----.*?-----END {kind}-----\n", pem, re.DOTALL)
        assert part, pem
        (folder / name).write_text(part[0], encoding="ascii")
    configuration = {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "0.0.0.0:15000",
        "certificate": "/run/authority/certificate.pem",
        "privateKey": "/run/authority/key.pem",
        "httpPort": 8080,
        "tlsPort": 8443,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": configuration}), encoding="ascii")
    for path in (folder.parent, folder):
        path.chmod(0o755)
