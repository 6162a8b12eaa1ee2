"""The best witness that works for a stack."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.observe.witness import ContainerAccount, HostWitness, Witness
from pytest_dockerharden.stack.run import Run

if TYPE_CHECKING:
    import docker

# an image with /bin/sh and cat that is on the engine, for stacks in which no image has them
IMAGE_VARIABLE = "DOCKERHARDEN_HELPER_IMAGE"
LABELS = "dockerharden."


def choose(client: docker.DockerClient, inspected: Sequence[dict[str, Any]]) -> Witness:
    """``inspected`` are the engine's answers for the containers of one stack.

    This machine's /proc where the engine runs here and we may read all of it; else a helper container; where none can
    be started, a shell in each container that has one, unless this machine's /proc shows at least what is open to all.
    In a stack that no run of ours has made nothing is started.
    """
    from pytest_dockerharden.observe.helper import HelperWitness, NoHelper
    from pytest_dockerharden.observe.inside import ExecWitness

    host = HostWitness()
    running = {answer["Id"]: answer["State"]["Pid"] for answer in inspected if answer["State"].get("Pid")}
    # one that is seen proves that the engine runs on this kernel; another one may have ended since it was told of
    seen = {container: pid for container, pid in running.items() if host.sees(container, pid)}
    here = is_local(client) and (bool(seen) or not running)
    if here and all(host.reads_guarded(pid) or not host.sees(container, pid) for container, pid in seen.items()):
        return host
    ours = labels(inspected)
    # beside a stack that is not ours: the label lets a sweep remove what a run leaves that was killed
    helper = HelperWitness(client, images(inspected), ours or Run.start().labels)
    try:
        helper.start()
    except NoHelper as reason:
        if here:
            return host
        return ExecWitness(client) if ours else Nobody(f"no helper could be started beside it: {reason}")
    return helper


class Nobody:
    """Where there is no way to look."""

    name = "nothing"

    def __init__(self, why: str) -> None:
        self.why = why

    def collect(self, containers: dict[str, int]) -> dict[str, ContainerAccount]:
        """Every fact that the kernel would have to show is unknown."""
        return {container: ContainerAccount(container, self.name, why=self.why) for container in containers}

    def close(self) -> None:
        """There is nothing to close."""


def is_local(client: docker.DockerClient) -> bool:
    """Whether the engine answers on a unix socket. It may still run elsewhere: in a virtual machine."""
    return type(client.api.get_adapter(client.api.base_url)).__name__ == "UnixHTTPAdapter"


def images(inspected: Sequence[dict[str, Any]]) -> list[str]:
    """What a helper may be made from: the configured image, else those of the stack."""
    configured = os.environ.get(IMAGE_VARIABLE)
    return ([configured] if configured else []) + [answer["Image"] for answer in inspected]


def labels(inspected: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The labels of the run, so that whatever removes the stack removes the helper."""
    first = (inspected[0]["Config"].get("Labels") or {}) if inspected else {}
    return {name: value for name, value in first.items() if name.startswith(LABELS)}


def ended(container: str) -> ContainerAccount:
    """Of a container that does not run."""
    return ContainerAccount(container, "nothing", why="the container does not run")
