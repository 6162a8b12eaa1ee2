"""A healthcheck is worth something where it can fail: each of the stack's, where what it looks for is not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plan.running import Running

pytestmark = pytest.mark.live

CURL = ("curl", "--fail", "--silent", "--output", "/dev/null")


@pytest.mark.parametrize(
    ("service", "command"),
    [
        pytest.param("redis", ("health.sh",), id="redis: no server"),
        pytest.param("certbot", ("health.sh",), id="certbot: no certificate"),
        pytest.param("backend_api", ("python", "-m", "app.health", "http://127.0.0.1:8000/"), id="API: no server"),
        pytest.param(
            "backend_worker", ("python", "-m", "app.alive", "/tmp/worker.alive", "30"), id="worker: no worker"
        ),
        pytest.param("frontend", (*CURL, "http://127.0.0.1:8080/health"), id="frontend: no server"),
        pytest.param("proxy", (*CURL, "http://127.0.0.1:8080/health"), id="proxy: no server"),
    ],
)
def test_it_fails_where_nothing_runs(hardened: Running, service: str, command: tuple[str, ...]) -> None:
    options: dict[str, Any] = {"entrypoint": list(command), "network_mode": "none", "labels": hardened.stack.run.labels}
    container = hardened.client.containers.run(hardened.stack.images[service], [], detach=True, **options)
    try:
        assert container.wait(timeout=30)["StatusCode"] != 0
    finally:
        container.remove(force=True)


@pytest.mark.parametrize(
    ("service", "command"),
    [
        ("backend_api", ("python", "-m", "app.health", "http://127.0.0.1:8000/api/missing")),
        ("frontend", (*CURL, "http://127.0.0.1:8080/missing")),
        ("proxy", (*CURL, "http://127.0.0.1:8080/missing")),
    ],
)
def test_it_fails_on_an_answer_that_is_none(hardened: Running, service: str, command: tuple[str, ...]) -> None:
    assert hardened.run(service, *command)[0] != 0
