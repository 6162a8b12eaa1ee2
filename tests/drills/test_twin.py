"""What a twin takes over from the service, and what not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pytest_dockerharden.drills.health import command_of
from pytest_dockerharden.drills.twin import FOLDER, PROGRAM, Identity, Probe, neighbour_body, twin_body
from pytest_dockerharden.drills.writes import Targets

INSPECTED: dict[str, Any] = {
    "Id": "f" * 64,
    "Image": "sha256:" + "0" * 64,
    "Config": {
        "Hostname": "web",
        "User": "app",
        "Env": ["A=1"],
        "Cmd": ["serve"],
        "Entrypoint": ["/entry"],
        "WorkingDir": "/srv",
        "Labels": {"dockerharden.run": "r", "com.docker.compose.project": "p", "traefik.enable": "true"},
    },
    "HostConfig": {
        "Binds": ["data:/data:rw", "certs:/certs:ro", "/srv/conf:/conf:ro,z", "/srv/files:/files:rw"],
        "Mounts": [
            {"Type": "volume", "Source": "cache", "Target": "/cache"},
            {"Type": "volume", "Source": "static", "Target": "/static", "ReadOnly": True},
            {"Type": "bind", "Source": "/srv/x", "Target": "/x", "BindOptions": {"Propagation": "rprivate"}},
            {"Type": "tmpfs", "Target": "/run/app", "TmpfsOptions": {"SizeBytes": 1024}},
            {"Type": "npipe", "Source": "a", "Target": "b"},
        ],
        "Tmpfs": {"/tmp": "size=1m"},
        "NetworkMode": "p_default",
        "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
        "RestartPolicy": {"Name": "always"},
        "CapDrop": ["ALL"],
        "CapAdd": ["CHOWN"],
        "SecurityOpt": ["no-new-privileges:true"],
        "ReadonlyRootfs": True,
        "Memory": 1 << 26,
        "PidMode": "host",
        "IpcMode": "host",
        "UTSMode": "host",
        "VolumesFrom": ["other"],
        "Init": True,
        "GroupAdd": ["44"],
        "MaskedPaths": ["/proc/kcore"],
        "Sysctls": {"net.core.somaxconn": "1024"},
        "Ulimits": [{"Name": "RLIMIT_NOFILE", "Soft": 64, "Hard": 128}, {"Name": "core", "Soft": 0, "Hard": 0}],
    },
}


@pytest.fixture
def body() -> dict[str, Any]:
    return twin_body(
        copy.deepcopy(INSPECTED), Identity(10, 20, frozenset({44, 5})), Probe(None, {}, "x86_64", "probe-volume")
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "key", ["CapAdd", "CapDrop", "SecurityOpt", "ReadonlyRootfs", "Memory", "Tmpfs", "MaskedPaths"]
)
def test_what_confines_the_service_confines_its_twin(body: dict[str, Any], key: str) -> None:
    assert body["HostConfig"][key] == INSPECTED["HostConfig"][key]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("NetworkMode", "none"),
        ("PortBindings", {}),
        ("RestartPolicy", {}),
        ("PidMode", ""),
        ("IpcMode", "private"),
        ("UTSMode", ""),
        ("VolumesFrom", None),
        ("LogConfig", {"Type": "none"}),
    ],
)
def test_what_is_the_services_own_stays_with_it(body: dict[str, Any], key: str, value: object) -> None:
    assert body["HostConfig"][key] == value


def test_its_first_process_is_the_probe_as_the_user_that_was_seen(body: dict[str, Any]) -> None:
    assert (body["Entrypoint"], body["Cmd"], body["User"]) == ([PROGRAM], [], "10:20")
    assert body["Healthcheck"] == {"Test": ["NONE"]}


def test_it_has_the_groups_that_were_seen(body: dict[str, Any]) -> None:
    assert body["HostConfig"]["GroupAdd"] == ["44", "5"]


def test_its_limits_have_the_names_that_an_engine_takes_back(body: dict[str, Any]) -> None:
    assert [limit["Name"] for limit in body["HostConfig"]["Ulimits"]] == ["nofile", "core"]


def test_docker_compose_and_proxies_do_not_see_it(body: dict[str, Any]) -> None:
    assert body["Labels"] == {"dockerharden.run": "r"}
    assert "Hostname" not in body and "NetworkingConfig" not in body


def test_nothing_of_the_host_or_of_a_volume_with_data_is_writable(body: dict[str, Any]) -> None:
    assert body["HostConfig"]["Binds"] == ["certs:/certs:ro", "/srv/conf:/conf:ro,z", "/srv/files:/files:ro"]
    mounts = {mount["Target"]: mount for mount in body["HostConfig"]["Mounts"]}
    assert mounts["/x"]["ReadOnly"] and mounts["/static"]["ReadOnly"]
    assert mounts["/data"] == {"Type": "volume", "Target": "/data"}
    assert mounts["/cache"] == {"Type": "volume", "Target": "/cache"}
    assert mounts["/run/app"]["TmpfsOptions"] == {"SizeBytes": 1024}
    assert mounts[FOLDER] == {"Type": "volume", "Source": "probe-volume", "Target": FOLDER, "ReadOnly": True}
    assert set(mounts) == {"/x", "/static", "/data", "/cache", "/run/app", FOLDER}


def test_the_engines_answer_is_left_as_it_was() -> None:
    inspected = copy.deepcopy(INSPECTED)
    twin_body(inspected, Identity(10, 20, frozenset({44, 5})), Probe(None, {}, "x86_64", "v"))  # type: ignore[arg-type]
    assert inspected == INSPECTED


def test_the_neighbour_has_the_network_and_nothing_else() -> None:
    body = neighbour_body(INSPECTED, Identity(10, 20, frozenset({44, 5})), Probe(None, {}, "x86_64", "v"))  # type: ignore[arg-type]
    host = body["HostConfig"]
    assert host["NetworkMode"] == f"container:{'f' * 64}"
    assert (host["CapDrop"], host["ReadonlyRootfs"]) == (["ALL"], True)
    assert [mount["Target"] for mount in host["Mounts"]] == [FOLDER]
    assert "Env" not in body


def test_declared_and_own_targets() -> None:
    twin = {
        "HostConfig": {"Tmpfs": {"/tmp": ""}},
        "Mounts": [{"Type": "volume", "Destination": "/data"}, {"Type": "bind", "Destination": "/files"}],
    }
    targets = Targets.of(INSPECTED, twin)
    assert targets.declared == {"/data", "/files", "/cache", "/x", "/run/app", "/tmp", "b"}
    assert targets.own == {"/", "/dev", "/dev/shm", "/data", "/tmp"}


@pytest.mark.parametrize(
    ("test", "shell", "command"),
    [
        pytest.param(["CMD", "a", "b c"], None, ["a", "b c"], id="exec form"),
        pytest.param(["CMD-SHELL", "a | b"], None, ["/bin/sh", "-c", "a | b"], id="shell form"),
        pytest.param(["CMD-SHELL", "a"], ["/bin/bash", "-ec"], ["/bin/bash", "-ec", "a"], id="the image's own shell"),
        pytest.param(["NONE"], None, None, id="switched off"),
        pytest.param(None, None, None, id="none"),
    ],
)
def test_the_healthcheck_is_run_as_the_engine_runs_it(
    test: list[str] | None, shell: list[str] | None, command: list[str] | None
) -> None:
    assert command_of({"Config": {"Healthcheck": {"Test": test} if test else None, "Shell": shell}}) == command
