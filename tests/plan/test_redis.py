"""Redis: closed to whoever lacks the password, out of reach for whoever has no business there."""

from __future__ import annotations

import json

import pytest

from tests.plan.running import SUITE, Running

pytestmark = pytest.mark.live

CLIENTS = ("backend_api", "backend_worker", "backend_worker_vntyper", "backend_worker_vntyper_long", "backend_beat")


def redis(stack: Running, *command: str) -> str:
    """The answer to a command of a client that has the password."""
    script = 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) exec redis-cli "$@"'
    return stack.run("redis", "sh", "-c", script, "sh", *command)[1]


@pytest.mark.parametrize("command", ["PING", "DBSIZE", "INFO"])
def test_without_the_password_nothing_is_answered(hardened: Running, command: str) -> None:
    code, answer = hardened.run("redis", "redis-cli", "-e", command)
    assert code != 0
    assert answer.startswith("NOAUTH")


def test_a_wrong_password_is_refused(hardened: Running) -> None:
    _, answer = hardened.run("redis", "redis-cli", "ping", environment={"REDISCLI_AUTH": "defaultpassword"})
    assert "WRONGPASS" in answer
    assert "PONG" not in answer


def test_the_password_of_the_secret_opens(hardened: Running) -> None:
    assert redis(hardened, "PING") == "PONG"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("CONFIG", "SET", "dir", "/tmp"), id="CONFIG: where a dump is written"),
        pytest.param(("DEBUG", "SLEEP", "0"), id="DEBUG: stop the server"),
        pytest.param(("MODULE", "LOAD", "/tmp/module.so"), id="MODULE: run code"),
        pytest.param(("REPLICAOF", "127.0.0.1", "1"), id="REPLICAOF: take another's data"),
        pytest.param(("SLAVEOF", "127.0.0.1", "1"), id="SLAVEOF: the same by its old name"),
        pytest.param(("FLUSHALL",), id="FLUSHALL: lose everything"),
        pytest.param(("FLUSHDB",), id="FLUSHDB: lose everything"),
        pytest.param(("KEYS", "*"), id="KEYS: block the server"),
        pytest.param(("SHUTDOWN", "NOSAVE"), id="SHUTDOWN: end the server"),
    ],
)
def test_the_password_does_not_open_what_no_client_needs(hardened: Running, command: tuple[str, ...]) -> None:
    assert redis(hardened, *command).startswith("ERR unknown command")


def test_redis_is_published_nowhere(hardened: Running) -> None:
    assert [ports for ports in hardened.inspect("redis")["NetworkSettings"]["Ports"].values() if ports] == []


@pytest.mark.parametrize("client", CLIENTS)
def test_its_clients_reach_redis(hardened: Running, client: str) -> None:
    assert hardened.reaches(client, "redis", 6379)


@pytest.mark.parametrize("client", ["proxy", "frontend", "certbot"])
def test_redis_is_out_of_reach_for_the_edge(hardened: Running, client: str) -> None:
    # by its address: a name that it does not know would be asked for outside
    assert not hardened.reaches(client, hardened.address("redis", "data"), 6379)


def test_the_edge_reaches_what_it_serves(hardened: Running) -> None:
    assert hardened.reaches("proxy", "backend_api", 8000)
    assert hardened.reaches("proxy", "frontend", 8080)


@pytest.mark.parametrize("client", ["backend_worker", "redis"])
def test_the_inside_does_not_reach_the_edge(hardened: Running, client: str) -> None:
    assert not hardened.reaches(client, hardened.address("proxy", "edge"), 8080)


def test_the_password_is_in_nothing_that_the_engine_tells(hardened: Running) -> None:
    password = (SUITE / "hardened" / "secrets" / "redis_password.txt").read_text(encoding="ascii").strip()
    api = hardened.client.api
    for service, containers in hardened.stack.containers.items():
        told = [hardened.inspect(service), api.top(containers[0]), api.history(hardened.stack.images[service])]
        assert password not in json.dumps(told) + hardened.logs(service)


def test_the_append_only_file_is_on_the_volume(hardened: Running) -> None:
    assert "aof_enabled:1" in redis(hardened, "INFO", "persistence")
    assert "appendonly.aof" in hardened.run("redis", "find", "/data", "-name", "appendonly.aof*")[1]
    assert [mount["Destination"] for mount in hardened.inspect("redis")["Mounts"] if mount["RW"]] == ["/data"]
