"""Which containers stand in one namespace, told by the kernel's own numbers of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import Posture

THE_HOST = "the host"
# include/linux/proc_ns.h: the first namespace of each kind has a fixed inode
FIRST = {"ipc": 0xEFFFFFFF, "uts": 0xEFFFFFFE, "user": 0xEFFFFFFD, "pid": 0xEFFFFFFC, "cgroup": 0xEFFFFFFB}
SHARED = ("net", "pid", "ipc", "uts", "mnt")


def put_shared_namespaces(
    postures: Mapping[str, Posture], services: Mapping[str, str], running: Collection[str]
) -> None:
    """``postures`` and ``services`` are by container; a service's own replicas count as others.

    Of what is ``running`` they may not have been read: whom it then joins, where the engine says that it joins another,
    is not known.
    """
    inodes = {container: first_namespaces(posture) for container, posture in postures.items()}
    unread = {c for c, posture in postures.items() if c in running and not inodes[c] and joins_another(posture)}
    names = ", ".join(sorted(services[container] for container in unread))
    for container, posture in postures.items():
        found = shared(container, posture, inodes, services)
        if unread and found.get(None) == {}:
            found = Unknown(f"the namespaces of {names} could not be read")
        posture.shared_namespaces = found


def joins_another(posture: Posture) -> bool:
    """Whether the engine was told to start it in a namespace of another container."""
    modes = (posture.network_mode, posture.pid_mode, posture.ipc_mode)
    return any(mode.get("").startswith(("container:", "service:")) for mode in modes)


def first_namespaces(posture: Posture) -> dict[str, int]:
    """Inodes by kind, of the container's first process."""
    found: dict[str, int] = dict(posture.namespaces.get({}))
    modes = {"net": posture.network_mode, "pid": posture.pid_mode, "ipc": posture.ipc_mode, "uts": posture.uts_mode}
    # the host's network namespace has no fixed number, and an engine in a container has another host
    return {kind: FIRST.get(kind, 0) if kind in modes and modes[kind].get("") == "host" else inode
            for kind, inode in found.items()}  # fmt: skip


def shared(
    container: str, posture: Posture, inodes: Mapping[str, dict[str, int]], services: Mapping[str, str]
) -> Fact[Mapping[str, frozenset[str]]]:
    """With whom, by kind of namespace. ``inodes`` are by container and kind."""
    own = inodes[container]
    if not own:
        return Unknown("its namespaces could not be read")
    found = {}
    for kind in filter(own.__contains__, SHARED):
        others = {
            services[other] for other, theirs in inodes.items() if other != container and theirs.get(kind) == own[kind]
        }
        if own[kind] in (0, FIRST.get(kind)):
            others.add(THE_HOST)
        if others:
            found[kind] = frozenset(others)
    text = "; ".join(f"{kind} with {', '.join(sorted(names))}" for kind, names in found.items())
    return Known(found, KernelOrigin(posture.subject, "/proc/1/ns", text or "shared with nobody", 1))
