"""Mounts in force, from the kernel's table, named with what the engine knows of their sources."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import Mount, MountKind
from pytest_dockerharden.observe.asking import Volume
from pytest_dockerharden.observe.procfs import MountLine
from pytest_dockerharden.observe.witness import ENGINE_FILES, Owner

KERNEL = {
    "proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "securityfs", "debugfs", "tracefs", "bpf", "binfmt_misc",
    "fuse.lxcfs",
}  # fmt: skip
FLAGS = ("nosuid", "nodev", "noexec")
# mounted for `init: true`, by Docker and by Podman
INIT_PROGRAMS = ("/sbin/docker-init", "/run/podman-init")
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")


def mounts(
    service: str,
    inspected: dict[str, Any],
    lines: list[MountLine],
    owners: Mapping[str, Owner],
    volumes: Mapping[str, Volume],
) -> tuple[Mount, ...]:
    """Every visible mount but the root, those of the kernel and the engine included, in order of target.

    ``volumes`` are by the engine's name.
    """
    # what is mounted as a tmpfs beats a volume on the same target
    temporary = {target.rstrip("/") for target in inspected["HostConfig"].get("Tmpfs") or ()}
    named = {mount["Destination"].rstrip("/"): mount for mount in inspected.get("Mounts") or ()}
    declared = {target: mount for target, mount in named.items() if target not in temporary}
    found = [
        mount(service, line, disguised(line, declared.get(line.target), volumes), lines, owners.get(line.target))
        for line in lines
        if line.target != "/"
    ]
    return tuple(sorted(found, key=lambda item: item.target))


def mount(
    service: str, line: MountLine, declared: dict[str, Any] | None, lines: list[MountLine], owner: Owner | None
) -> Mount:
    """One mount."""
    kind, source, anonymous = origin_of(line, declared)
    read_only = "ro" in line.options
    below = [other for other in lines if other.target.startswith(f"{line.target}/")]
    return Mount(
        target=line.target,
        kind=kind,
        origin=KernelOrigin(service, "/proc/1/mountinfo", line.text, 1),
        source=source,
        read_only=read_only,
        recursive=all("ro" in other.options for other in below) if read_only else None,
        flags=frozenset(flag for flag in FLAGS if flag in line.options),
        size=size(line.option("size")) if line.type == "tmpfs" else None,
        # the options tell what was asked for at mount time; runc sets the mode afterwards
        mode=owner.mode if owner else None,
        uid=owner.uid if owner else None,
        gid=owner.gid if owner else None,
        propagation=next((name.partition(":")[0] for name in line.propagation), ""),
        anonymous=anonymous,
    )


def disguised(line: MountLine, declared: dict[str, Any] | None, volumes: Mapping[str, Volume]) -> dict[str, Any] | None:
    """What the engine says of a mount, and of a volume what its driver made of it."""
    if declared is None or declared["Type"] != "volume":
        return declared
    volume = volumes.get(declared.get("Name", ""))
    if volume is not None and volume.device:
        return {**declared, "Type": "bind", "Source": volume.device}
    if line.type == "tmpfs" and line.root == "/":
        return None
    return {**declared, "Name": volume.name} if volume is not None else declared


def origin_of(line: MountLine, declared: dict[str, Any] | None) -> tuple[MountKind, str, bool]:
    """Kind, source, and whether it is an anonymous volume."""
    if declared is not None and declared["Type"] == "volume":
        name = str(declared.get("Name", ""))
        anonymous = bool(_ANONYMOUS.fullmatch(name))
        return "volume", "" if anonymous else name, anonymous
    if declared is not None and declared["Type"] == "bind":
        secret = line.target.startswith("/run/secrets/")
        return ("secret" if secret else "bind"), str(declared.get("Source", "")), False
    own = line.target in ENGINE_FILES or line.target.endswith(INIT_PROGRAMS)
    engine_made = own or line.target.startswith(("/dev", "/proc", "/sys"))
    if line.type in KERNEL or engine_made:
        return "kernel", line.source, False
    return ("tmpfs" if line.type == "tmpfs" else "bind"), "" if line.type == "tmpfs" else line.root, False


def size(text: str | None) -> int | None:
    """``65536k`` in bytes (mm/shmem.c prints kilobytes); None is the kernel's default, half of the memory."""
    if not text:
        return None
    factor = {"k": 1024, "m": 1024**2, "g": 1024**3}.get(text[-1].lower())
    return int(text[:-1]) * factor if factor else int(text)
