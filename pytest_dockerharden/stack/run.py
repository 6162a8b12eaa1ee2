"""The marks of one run on everything it creates, and the removal of everything that bears them."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

RUN = "dockerharden.run"
OWNER = "dockerharden.owner"
CREATED = "dockerharden.created"


@dataclass(frozen=True, slots=True)
class Run:
    """An id, and the process that owns it as ``boot:pid:start`` (a pid alone is used again after a while)."""

    id: str
    owner: str

    @classmethod
    def start(cls) -> Run:
        """A new run of this process."""
        return cls(secrets.token_hex(4), owner_of(os.getpid()))

    @property
    def labels(self) -> dict[str, str]:
        """What is put on every container, network, volume and image."""
        return {RUN: self.id, OWNER: self.owner, CREATED: str(int(time.time()))}


def owner_of(pid: int) -> str:
    """Who a process is. Without /proc the start time is missing, and the sweep leaves such owners alone."""
    return f"{boot_id()}:{pid}:{start_time(pid)}"


def boot_id() -> str:
    """The kernel's id of this boot (random.c), or the host's name where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        import platform

        return platform.node()


def start_time(pid: int) -> str:
    """Field 22 of /proc/PID/stat, in clock ticks since boot; empty where the process is gone. See proc(5)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def is_dead(owner: str) -> bool:
    """Whether the owner can be shown to be gone. An owner of another boot may live on another machine."""
    boot, _, process = owner.partition(":")
    pid, _, started = process.partition(":")
    if boot != boot_id() or not pid.isdigit() or not started:
        return False
    return start_time(int(pid)) != started


def remove(client: docker.DockerClient, run_id: str, deadline: float = 60.0) -> list[str]:
    """Remove all that bears the label of a run; what could not be removed is returned, named.

    Tries again until ``deadline`` seconds have passed: a container that is just being made appears late.
    """
    until = time.monotonic() + deadline
    while True:
        left = remove_once(client.api, f"{RUN}={run_id}")
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.3)


def remove_once(api: Any, label: str) -> list[str]:
    """One pass over containers, networks, volumes and images, in this order: each holds the next ones."""
    from docker.errors import APIError, NotFound

    left: list[str] = []

    def attempt(name: str, removal: Any, *arguments: Any, **options: Any) -> None:
        try:
            removal(*arguments, **options)
        except NotFound:
            pass
        except APIError as error:
            left.append(f"{name}: {error.explanation}")

    filters = {"label": label}
    for container in api.containers(all=True, filters=filters):
        attempt(f"container {container['Names'][0]}", api.remove_container, container["Id"], force=True, v=True)
    for network in api.networks(filters=filters):
        attempt(f"network {network['Name']}", api.remove_network, network["Id"])
    for volume in api.volumes(filters=filters)["Volumes"] or ():
        attempt(f"volume {volume['Name']}", api.remove_volume, volume["Name"], force=True)
    for image in api.images(filters=filters):
        attempt(f"image {image['Id']}", api.remove_image, image["Id"], force=True)
    return left


def sweep(client: docker.DockerClient) -> list[str]:
    """Remove what earlier runs left whose owner is dead (power loss, a killed CI container). Returns their run ids."""
    owners: dict[str, str] = {}
    api = client.api
    filters = {"label": OWNER}
    for container in api.containers(all=True, filters=filters):
        owners[container["Labels"].get(RUN, "")] = container["Labels"][OWNER]
    for resource in (*api.networks(filters=filters), *(api.volumes(filters=filters)["Volumes"] or ())):
        labels = resource.get("Labels") or {}
        owners[labels.get(RUN, "")] = labels.get(OWNER, "")
    dead = [run_id for run_id, owner in owners.items() if run_id and is_dead(owner)]
    for run_id in dead:
        remove(client, run_id, deadline=20)
    return dead
