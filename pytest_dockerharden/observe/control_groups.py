"""What a container's control groups tell: limits, devices, victims of the OOM killer, and whose namespace they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.observe import procfs
from pytest_dockerharden.observe.cgroup import Limit, read_limits
from pytest_dockerharden.observe.witness import ContainerAccount

_VICTIMS = re.compile(r"oom_kill [1-9]\d*")


def facts(service: str, inspected: Mapping[str, Any], account: ContainerAccount) -> dict[str, Any]:
    """By the posture's field names. Where the engine knows as well, only what the kernel knows better."""
    files = account.cgroup
    first_version = any("/" in name for name in files)
    return {
        **limits(service, files),
        "allowed_devices": allowed_devices(service, files),
        **namespace(inspected, first_version=first_version),
        **out_of_memory(service, files),
    }


def limits(service: str, files: Mapping[str, str]) -> dict[str, Any]:
    """Memory, CPUs and processes."""
    first_version = any(name.startswith("memory/") for name in files)
    found = read_limits(files.get, {"memory": "", "cpu": "", "pids": ""} if first_version else {"": "/"})
    return {
        "memory": limit(service, found.memory, whole=True),
        "memory_swap": limit(service, found.memory_swap, whole=True),
        "memory_reservation": limit(service, found.memory_reservation, whole=True),
        "cpus": limit(service, found.cpus, whole=False),
        "pids": limit(service, found.pids, whole=True),
    }


def limit(service: str, found: Limit | None, *, whole: bool) -> Fact[float | int | None]:
    """One of them, with the file it stands in."""
    if found is None:
        return Unknown("its cgroup files could not be read, or this kernel does not account for it")
    return Known(
        found.whole if whole else found.value, KernelOrigin(service, f"/sys/fs/cgroup/{found.path}", found.text)
    )


def allowed_devices(service: str, files: Mapping[str, str]) -> Fact[tuple[str, ...]]:
    """The rules of version 1."""
    text = files.get("devices/devices.list")
    if text is None:
        return Unknown("its device control group could not be read; version 2 has a program there, and no list")
    rules = tuple(procfs.lines(text))
    return Known(rules, KernelOrigin(service, "/sys/fs/cgroup/devices/devices.list", "; ".join(rules)))


def namespace(inspected: Mapping[str, Any], *, first_version: bool) -> dict[str, Any]:
    """The engine's default on version 1 is the host's, and nothing tells whether somebody asked for it."""
    if inspected["HostConfig"].get("CgroupnsMode") != "host" or not first_version:
        return {}
    return {"cgroup_mode": Unknown("with control groups of version 1 the engine gives no namespace of its own")}


def out_of_memory(service: str, files: Mapping[str, str]) -> dict[str, Any]:
    """The kernel counts every victim; the engine knows of the first process at most."""
    for name in ("memory/memory.oom_control", "memory.events"):
        for line in procfs.lines(files.get(name, "")):
            if _VICTIMS.fullmatch(line):
                return {"oom_killed": Known(True, KernelOrigin(service, f"/sys/fs/cgroup/{name}", line))}
    return {}
