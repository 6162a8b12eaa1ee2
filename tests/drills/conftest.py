"""An engine, and an image of the test's own, for drills."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pytest_dockerharden.stack.run import Run
from tests.drills.drilled import APPLETS
from tests.live import busybox_image, labelled_run, live_engine


@pytest.fixture(scope="package")
def client() -> Iterator[Any]:
    client = live_engine()
    yield client
    client.close()


@pytest.fixture(scope="package")
def run(client: Any) -> Iterator[Run]:
    with labelled_run(client) as run:
        yield run


@pytest.fixture(scope="package")
def image(client: Any, run: Run) -> str:
    """busybox as ``sh`` and a few more; root of the file system, ``/bin`` and ``/data`` belong to root."""
    return busybox_image(client, run, APPLETS)


@pytest.fixture(scope="package")
def bare_image(client: Any, run: Run) -> str:
    """No shell: ``/busybox`` alone."""
    return busybox_image(client, run)
