"""Limits as the kernel enforces them, from cgroup v1 and v2 files. None is no limit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

# v1 writes "no limit" as the largest page-aligned 64-bit number (mm/memcontrol.c, PAGE_COUNTER_MAX)
V1_UNLIMITED = 1 << 62

_CONTAINER = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_NUMBER = re.compile(r"\d+")

Read = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Limit:
    """A value, and the file and text it was read from."""

    value: float | None
    path: str
    text: str

    @property
    def whole(self) -> int | None:
        """As a whole number of bytes or processes."""
        return None if self.value is None else int(self.value)


@dataclass(frozen=True, slots=True)
class Limits:
    """What was read; a limit that could not be read is None as a whole."""

    memory: Limit | None
    memory_swap: Limit | None
    memory_reservation: Limit | None
    cpus: Limit | None
    pids: Limit | None


def membership(text: str) -> dict[str, str]:
    """``/proc/PID/cgroup``: path by controller; the v2 hierarchy is under the empty name. See cgroups(7)."""
    paths = {}
    for line in text.split("\n"):
        if line.count(":") < 2:
            continue
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def containers_in(text: str) -> frozenset[str]:
    """The container ids that a process's cgroups name, whatever the driver; none on the host.

    More than one where engines are nested: a process in an inner container is in the outer one too.
    """
    return frozenset(_CONTAINER.findall(text))


def read_limits(read: Read, paths: dict[str, str]) -> Limits:
    """``read`` gives a file below the cgroup mount, or None. v2 is recognised by its one hierarchy."""
    controllers = set(paths) - {""}
    return read_v1(read, paths) if "memory" in controllers else read_v2(read, paths.get("", "/"))


def read_v1(read: Read, paths: dict[str, str]) -> Limits:
    """memory.txt, sched-bwc.txt and pids.txt of the kernel's cgroup-v1 documentation."""
    memory, cpu, pids = (controller_folder(paths, name) for name in ("memory", "cpu", "pids"))
    quota, period = read(f"{cpu}/cpu.cfs_quota_us"), read(f"{cpu}/cpu.cfs_period_us")
    return Limits(
        memory=v1_bytes(read, f"{memory}/memory.limit_in_bytes"),
        memory_swap=v1_bytes(read, f"{memory}/memory.memsw.limit_in_bytes"),
        memory_reservation=v1_bytes(read, f"{memory}/memory.soft_limit_in_bytes"),
        cpus=cpu_limit(quota, period, f"{cpu}/cpu.cfs_quota_us"),
        pids=number_or_max(read, f"{pids}/pids.max"),
    )


def controller_folder(paths: dict[str, str], name: str) -> str:
    """``memory`` + its path, as mounted under /sys/fs/cgroup."""
    return f"{name}{paths.get(name, '/')}".rstrip("/")


def v1_bytes(read: Read, path: str) -> Limit | None:
    """A byte count."""
    text = read(path)
    if text is None or not _NUMBER.fullmatch(text.strip()):
        return None
    value = int(text)
    return Limit(None if value >= V1_UNLIMITED else value, path, text.strip())


def cpu_limit(quota: str | None, period: str | None, path: str) -> Limit | None:
    """Quota over period; a negative quota or ``max`` is no limit."""
    if quota is None or period is None or not _NUMBER.fullmatch(period.strip()) or int(period) == 0:
        return None
    unlimited = quota.strip() in ("max", "-1")
    if not unlimited and not _NUMBER.fullmatch(quota.strip()):
        return None
    value = None if unlimited else int(quota) / int(period)
    return Limit(value, path, f"{quota.strip()} {period.strip()}")


def number_or_max(read: Read, path: str) -> Limit | None:
    """A number, or ``max``."""
    text = (read(path) or "").strip()
    if text == "max":
        return Limit(None, path, text)
    return Limit(int(text), path, text) if _NUMBER.fullmatch(text) else None


def read_v2(read: Read, path: str) -> Limits:
    """cgroup-v2.rst. Swap counts apart there: the engine's memory+swap is the sum of both."""
    folder = path.strip("/")
    prefix = f"{folder}/" if folder else ""
    memory = number_or_max(read, f"{prefix}memory.max")
    swap = number_or_max(read, f"{prefix}memory.swap.max")
    cpu = (read(f"{prefix}cpu.max") or "").split()
    return Limits(
        memory=memory,
        memory_swap=with_swap(memory, swap),
        memory_reservation=reservation(number_or_max(read, f"{prefix}memory.low")),
        cpus=cpu_limit(cpu[0], cpu[1], f"{prefix}cpu.max") if len(cpu) == 2 else None,
        pids=number_or_max(read, f"{prefix}pids.max"),
    )


def with_swap(memory: Limit | None, swap: Limit | None) -> Limit | None:
    """Memory and swap together, as the engine counts them."""
    if memory is None or swap is None:
        return None
    value = None if memory.value is None or swap.value is None else memory.value + swap.value
    return Limit(value, swap.path, f"{memory.text} + {swap.text}")


def reservation(low: Limit | None) -> Limit | None:
    """``memory.low`` 0 is no reservation."""
    return low if low is None or low.value else Limit(None, low.path, low.text)
