"""An image without labels, a bystander that no run may touch, and projects from text."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.source.compose import LoadOptions, load
from tests.live import BUSYBOX, live_engine, missing, root_tar

APPLETS = ("bin/sh", "bin/sleep", "bin/cat", "bin/nc", "bin/httpd", "bin/wget", "bin/stat")


@pytest.fixture(scope="session")
def client() -> Iterator[Any]:
    with contextlib.closing(live_engine()) as connected:
        yield connected


@pytest.fixture(scope="session")
def image(client: Any) -> Iterator[str]:
    """The user's own: a shell of busybox, no label of any run."""
    if not BUSYBOX.exists():
        missing("busybox-static is not installed")
    name = f"harden-stack-{secrets.token_hex(4)}"
    client.api.import_image_from_data(root_tar(APPLETS), repository=name, tag="test", changes=["ENV PATH=/bin"])
    yield f"{name}:test"
    client.api.remove_image(f"{name}:test", force=True)


@pytest.fixture(scope="session")
def bystander(client: Any, image: str) -> Iterator[Callable[[], bool]]:
    """A container, network and volume of the user; the function says whether all are as they were."""
    name = f"bystander-{secrets.token_hex(4)}"
    with contextlib.ExitStack() as after:
        network = client.networks.create(name)
        after.callback(network.remove)
        volume = client.volumes.create(name)
        after.callback(volume.remove, force=True)
        container = client.containers.run(
            image, ["sleep", "1000"], name=name, detach=True, network=name, volumes={name: {"bind": "/data"}}
        )
        after.callback(container.remove, force=True)
        began = container.attrs["State"]["StartedAt"]

        def untouched() -> bool:
            container.reload()
            attached = client.networks.get(network.id).attrs["Containers"]
            seen = client.volumes.get(name).name == name and client.images.get(image).id == container.attrs["Image"]
            return seen and container.id in attached and container.attrs["State"]["Running"] and began is not None

        yield untouched


def load_text(folder: Path, text: str, **options: Any) -> Project:
    """A project from compose text."""
    file = folder / "docker-compose.yml"
    file.write_text(text, encoding="utf-8")
    loaded = load([str(file)], LoadOptions(**{"project_name": "safety", **options}))
    assert not loaded.problems
    return loaded


@pytest.fixture
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Project]:
    """A project from compose text in which ``IMAGE`` is the image; without that word no engine is needed."""

    def with_image(text: str, **options: Any) -> Project:
        image = request.getfixturevalue("image") if "IMAGE" in text else ""
        return load_text(tmp_path, text.replace("IMAGE", image), **options)

    return with_image
