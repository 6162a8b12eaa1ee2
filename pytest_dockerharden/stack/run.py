"""The marks of one run on everything it creates, and the removal of everything that bears them."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

RUN = "dockerharden.run"
OWNER = "dockerharden.owner"
CREATED = "dockerharden.created"
KEPT = "dockerharden.kept"
REMOVERS = 8
# for each run: what cannot be removed is somebody's now, and must not hold up every later run
SWEEP_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """An id, and the process that owns it as ``boot:pid:start`` (a pid alone is used again after a while)."""

    id: str
    owner: str
    created: int = field(default_factory=lambda: int(time.time()))

    @classmethod
    def start(cls) -> Run:
        """A new run of this process."""
        return cls(secrets.token_hex(4), owner_of(os.getpid()))

    @property
    def labels(self) -> dict[str, str]:
        """What is put on every container, network, volume and image."""
        return {RUN: self.id, OWNER: self.owner, CREATED: str(self.created)}


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


def keep(client: docker.DockerClient, run: Run, project: str) -> str:
    """Mark a run as kept, so that neither a reaper nor a sweep removes it; returns the command that does.

    The mark is an empty volume, as labels of what exists cannot be changed and a stack may be kept for having failed.
    `docker compose down --volumes` of the project removes it too.
    """
    compose = {"com.docker.compose.project": project, "com.docker.compose.volume": KEPT}
    client.api.create_volume(f"dockerharden-kept-{run.id}", labels={**compose, **run.labels, KEPT: run.id})
    return f"python -m pytest_dockerharden.stack.remove {run.id}"


def is_kept(client: docker.DockerClient, run_id: str) -> bool:
    """Whether the user asked to keep what a run made."""
    return bool(client.api.volumes(filters={"label": f"{KEPT}={run_id}"})["Volumes"])


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
    filters = {"label": label}
    containers = [
        (f"container {name_of(container)}", partial(api.remove_container, container["Id"], force=True, v=True))
        for container in api.containers(all=True, filters=filters)
    ]
    left = attempt_all(containers)
    others = [
        (f"network {network['Name']}", partial(api.remove_network, network["Id"]))
        for network in api.networks(filters=filters)
    ]
    others += [
        (f"volume {volume['Name']}", partial(api.remove_volume, volume["Name"], force=True))
        for volume in api.volumes(filters=filters)["Volumes"] or ()
    ]
    left += attempt_all(others)
    # one after the other: images share layers
    for image in api.images(filters=filters):
        left += attempt(f"image {image['Id']}", partial(api.remove_image, image["Id"], force=True))
    return left


def name_of(container: dict[str, Any]) -> str:
    """A container that is just being removed is listed without a name."""
    names = container.get("Names") or [container["Id"][:12]]
    return str(names[0]).lstrip("/")


def attempt_all(removals: Sequence[tuple[str, Callable[[], Any]]]) -> list[str]:
    """Side by side."""
    if not removals:
        return []
    with ThreadPoolExecutor(REMOVERS, thread_name_prefix="dockerharden-remove") as pool:
        return [line for lines in pool.map(lambda removal: attempt(*removal), removals) for line in lines]


def attempt(name: str, removal: Callable[[], Any]) -> list[str]:
    """The name with the engine's reason where it is still there."""
    from docker.errors import APIError, NotFound

    try:
        removal()
    except NotFound:
        return []
    except APIError as error:
        return [f"{name}: {error.explanation}"]
    return []


def sweep(client: docker.DockerClient) -> list[str]:
    """Remove what earlier runs left whose owner is dead (power loss, a killed CI container). Returns their run ids.

    What the user asked to keep stays.
    """
    owners: dict[str, str] = {}
    kept: set[str] = set()
    api = client.api
    filters = {"label": OWNER}
    listed = (
        *api.containers(all=True, filters=filters),
        *api.networks(filters=filters),
        *(api.volumes(filters=filters)["Volumes"] or ()),
        *api.images(filters=filters),
    )
    for labels in (resource.get("Labels") or {} for resource in listed):
        owners.setdefault(labels.get(RUN, ""), labels.get(OWNER, ""))
        kept |= {labels[KEPT]} if KEPT in labels else set()
    dead = [run_id for run_id, owner in owners.items() if run_id and run_id not in kept and is_dead(owner)]
    for run_id in dead:
        remove(client, run_id, deadline=SWEEP_SECONDS)
    return dead


_SWEPT: set[str] = set()


def sweep_once(client: docker.DockerClient, address: str) -> list[str]:
    """At the first stack of this process on an engine."""
    if address in _SWEPT:
        return []
    _SWEPT.add(address)
    return sweep(client)
