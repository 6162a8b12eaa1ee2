"""Predictions beside the request bodies that docker compose sends to an engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.assemble import Combination, assemble
from pytest_dockerharden.model.capabilities import canonical
from pytest_dockerharden.predict.capabilities import capability_set
from pytest_dockerharden.predict.mounts import clean

DATA = Path(__file__).parents[1] / "data" / "conformance"


def recorded(name: str) -> list[dict[str, Any]]:
    return json.loads((DATA / name).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


PROBES = {probe["id"]: probe for probe in recorded("compose-probes.json")}


def _files(probe: dict[str, Any]) -> tuple[str, ...]:
    names = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
    return tuple(probe["main"]) or tuple(name for name in names if name in probe["files"])[:1]


# a combination has no place for arguments of the command line
BODIES = [
    body
    for body in recorded("engine-bodies.json")
    if body.get("containers") and not PROBES[body["id"]]["args"] and _files(PROBES[body["id"]])
]


@pytest.mark.parametrize("body", [pytest.param(body, id=body["id"]) for body in BODIES])
def test_a_prediction_says_what_the_engine_is_told(body: dict[str, Any], tmp_path: Path) -> None:
    probe = PROBES[body["id"]]
    files = _files(probe)
    folder = tmp_path / "proj"
    for name, text in probe["files"].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("$DIR", str(folder)).replace("$PARENT", str(tmp_path)), encoding="utf-8")
    combination = Combination(tuple(str(folder / name) for name in files))
    assembly = assemble([combination], root=str(tmp_path), environment=probe["env"])
    assert not assembly.failures
    for sent in body["containers"].values():
        service = assembly.projects[0].services[sent["Labels"]["com.docker.compose.service"]]
        posture, host = service.posture, sent.get("HostConfig", {})
        assert posture is not None
        expected = {
            "read_only_rootfs": host.get("ReadonlyRootfs", False),
            "privileged": host.get("Privileged", False),
            "memory": max(host.get("Memory", 0), 0) or None,
            "pids": max(host.get("PidsLimit") or 0, 0) or None,
            "init": host.get("Init", False),
            "restart": host.get("RestartPolicy", {}).get("Name") or "no",
            "oom_score_adj": host.get("OomScoreAdj", 0),
            "sysctls": host.get("Sysctls", {}),
            "ports": _ports(host.get("PortBindings", {})),
        }
        if not host.get("Privileged"):
            add, drop = ({canonical(name) for name in host.get(key, ())} for key in ("CapAdd", "CapDrop"))
            expected["cap_bounding"] = capability_set(add, drop)
        if host.get("NanoCpus"):
            expected["cpus"] = host["NanoCpus"] / 1e9
        found = {name: getattr(posture, name).get(None) for name in expected}
        found["restart"] = posture.restart.value.name
        found["ports"] = sorted(
            (f"{p.container_port}/{p.protocol}", p.host_ip, p.host_port) for p in posture.ports.value
        )
        assert found == expected
        _assert_mounts(posture, host)


def _ports(bindings: dict[str, list[dict[str, str]]]) -> list[tuple[str, str, str]]:
    return sorted(
        (port, one.get("HostIp", ""), one.get("HostPort", "")) for port, several in bindings.items() for one in several
    )


def _assert_mounts(posture: Any, host: dict[str, Any]) -> None:
    """Every mount of the request is predicted with its kind and whether it is read-only."""
    found = {mount.target: mount for mount in posture.mounts.value}
    for bind in host.get("Binds", ()):
        source, target, mode = bind.rsplit(":", 2)
        assert found[clean(target)].read_only is ("ro" in mode.split(","))
        assert (found[clean(target)].kind == "bind") is (source[0] in "/~$" or source[1:2] == ":")
    for mount in host.get("Mounts", ()):
        assert found[clean(mount["Target"])].read_only is mount.get("ReadOnly", False)
    for target in host.get("Tmpfs", {}):
        assert found[clean(target)].kind == "tmpfs"
