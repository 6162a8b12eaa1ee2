"""The images of the stack: what they add to their bases, what stays out of them, and what a change builds again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.stack import images
from pytest_dockerharden.stack.run import Run
from tests.live import labelled_run
from tests.plan.running import SUITE, project

pytestmark = pytest.mark.live

HARDENED = SUITE / "hardened"
BASES = {"redis": "redis", "frontend": "nginx", "proxy": "nginx", "backend_api": "python", "certbot": "python"}
KB, MB = 1_000, 1_000_000


class Builder:
    """Builds single services of a compose file, all of it with the labels of one run."""

    def __init__(self, client: Any, run: Run) -> None:
        self.client, self.run = client, run

    def build(self, file: Path, service: str, *overlays: Path) -> dict[str, Any]:
        """``docker image inspect`` of what a service builds."""
        services = [project(self.run, file, *overlays).services[service]]
        reference = images.prepare(self.client, services, self.run, lambda line: None)[service]
        return dict(self.client.api.inspect_image(reference))

    def base(self, service: str) -> dict[str, Any]:
        """The same of the base image of one of the hardened stack."""
        return dict(self.client.api.inspect_image(f"dockerharden-base/{BASES[service]}:bookworm"))

    def files(self, image: dict[str, Any], folder: str) -> list[str]:
        """All paths below a folder of an image."""
        script = ["find", folder, "-mindepth", "1", "-not", "-type", "d", "-printf", "%P\\n"]
        output = self.client.containers.run(image["Id"], script, remove=True, network_mode="none", entrypoint="")
        return sorted(output.decode().split())


@pytest.fixture(scope="module")
def builder(engine: Any) -> Iterator[Builder]:
    with labelled_run(engine) as run:
        yield Builder(engine, run)


def layers(image: dict[str, Any]) -> list[str]:
    return list(image["RootFS"]["Layers"])


@pytest.mark.parametrize(
    ("service", "size", "count"),
    [
        pytest.param("redis", 100 * KB, 2, id="redis: a configuration and two scripts"),
        pytest.param("frontend", 100 * KB, 2, id="frontend: a configuration and a page"),
        pytest.param("proxy", 100 * KB, 3, id="proxy: a configuration, templates and a script"),
        pytest.param("backend_api", 60 * MB, 4, id="backend: what it imports"),
        pytest.param("certbot", 40 * MB, 3, id="certbot: certbot"),
    ],
)
def test_an_image_adds_no_more_to_its_base_than_it_needs(builder: Builder, service: str, size: int, count: int) -> None:
    image, base = builder.build(HARDENED / "docker-compose.yml", service), builder.base(service)
    assert layers(image)[: len(layers(base))] == layers(base)
    assert image["Size"] - base["Size"] < size
    assert len(layers(image)) - len(layers(base)) <= count


def test_the_hardened_backend_is_the_smaller_one(builder: Builder) -> None:
    before = builder.build(SUITE / "before" / "docker-compose.yml", "backend_api")
    assert builder.build(HARDENED / "docker-compose.yml", "backend_api")["Size"] < before["Size"] - 5 * MB


@pytest.mark.parametrize("service", ["backend_api", "certbot"])
def test_what_installs_does_not_ship(builder: Builder, service: str) -> None:
    image = builder.build(HARDENED / "docker-compose.yml", service)
    installers = ("/site-packages/pip/", "/site-packages/setuptools/", "/bin/pip")
    assert not [path for path in builder.files(image, "/opt/venv") if any(name in f"/{path}" for name in installers)]


def test_the_sources_of_the_backend_ship_and_nothing_else(builder: Builder) -> None:
    image = builder.build(HARDENED / "docker-compose.yml", "backend_api")
    sources = [f"app/{path.name}" for path in (HARDENED / "backend" / "app").glob("*.py")]
    assert builder.files(image, "/srv") == sorted(sources)


def test_a_change_of_the_sources_builds_one_layer_again(builder: Builder, tmp_path: Path) -> None:
    image = builder.build(HARDENED / "docker-compose.yml", "backend_api")
    shutil.copytree(HARDENED, tmp_path / "stack")
    with (tmp_path / "stack" / "backend" / "app" / "main.py").open("a", encoding="utf-8") as source:
        source.write("\n# changed\n")
    changed = builder.build(tmp_path / "stack" / "docker-compose.yml", "backend_api")
    assert layers(changed)[:-1] == layers(image)[:-1]
    assert layers(changed)[-1] != layers(image)[-1]


def test_a_build_needs_no_network(builder: Builder, tmp_path: Path) -> None:
    offline = tmp_path / "offline.yml"
    offline.write_text("services:\n  certbot:\n    build:\n      network: none\n", encoding="utf-8")
    image = builder.build(HARDENED / "docker-compose.yml", "certbot", offline)
    assert len(layers(image)) > len(layers(builder.base("certbot")))


def test_a_build_without_a_change_makes_no_layer(builder: Builder) -> None:
    first, second = (builder.build(HARDENED / "docker-compose.yml", "proxy") for _ in range(2))
    assert layers(first) == layers(second)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ("redis", ["health.sh", "redis.conf", "start.sh"]),
        ("frontend", ["nginx.conf", "site/index.html"]),
        ("proxy", ["entrypoint.sh", "nginx.conf", "templates/http.template", "templates/ssl.template"]),
        ("certbot", ["health.sh", "publish.sh", "renew.sh", "requirements.txt"]),
    ],
)
def test_the_builder_is_sent_what_it_needs(builder: Builder, tmp_path: Path, context: str, expected: list[str]) -> None:
    folder = Path(shutil.copytree(HARDENED / context, tmp_path / context))
    for name in (".env", "id_rsa", ".git/config", "secrets/redis_password.txt", "node_modules/x.js"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("to be left out", encoding="ascii")
    (tmp_path / "Dockerfile").write_text("FROM dockerharden-base/rootfs:bookworm\nCOPY . /context/\n", encoding="ascii")
    compose = tmp_path / "compose.yml"
    compose.write_text(
        f"services:\n  all:\n    build:\n      context: ./{context}\n      dockerfile: {tmp_path / 'Dockerfile'}\n",
        encoding="utf-8",
    )
    assert builder.files(builder.build(compose, "all"), "/context") == expected
