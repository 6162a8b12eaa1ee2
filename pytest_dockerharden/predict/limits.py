"""What limits a container: memory, CPUs, processes and the limits of setrlimit(2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_dockerharden.model.fact import Fact, Known
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import Origin
from pytest_dockerharden.model.posture import Posture, Ulimit
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.predict.reading import boolean, first_unresolved, integer, known, number, scalar, unresolved

SHM_DEFAULT = 64 << 20
CPU_PERIOD = 100_000


def predict_limits(service: Service, posture: Posture) -> None:
    """Memory, CPUs, processes, shared memory, ulimits and the OOM killer's settings."""
    posture.memory = _limit(service, "deploy.resources.limits.memory", "mem_limit", _bytes)
    posture.memory_reservation = _limit(service, "deploy.resources.reservations.memory", "mem_reservation", _bytes)
    posture.memory_swap = _memory_swap(service, posture.memory)
    posture.cpus = _cpus(service)
    posture.pids = _limit(service, "deploy.resources.limits.pids", "pids_limit", _positive)
    posture.shm_size = scalar(service, "shm_size", _bytes, SHM_DEFAULT)
    posture.ulimits = _ulimits(service)
    posture.oom_kill_disabled = boolean(service, "oom_kill_disable")
    posture.oom_score_adj = scalar(service, "oom_score_adj", integer, 0)


def _positive(node: Node) -> int | None:
    """A count; the engine takes 0 and -1 for no limit."""
    value = integer(node)
    return value if value is not None and value > 0 else None


_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}


def _bytes(node: Node) -> int | None:
    """A size: canonical models have plain bytes, but not where the value came from elsewhere. 0 and -1: no limit."""
    text = node.text().strip().lower()
    digits = text.rstrip("kmgtpib ")
    unit = text[len(digits) :].strip()[:1]
    try:
        size = int(float(digits) * _UNITS.get(unit, 1))
    except (ValueError, OverflowError):
        return None
    return size if size > 0 else None


def _limit(service: Service, deploy: str, plain: str, convert: Callable[[Node], int | None]) -> Fact[int | None]:
    """``deploy.resources`` wins where it says something; the other spelling is then a related place."""
    chosen, other = service.get(deploy), service.get(plain)
    if chosen is None or (not chosen.unresolved and convert(chosen) is None and other is not None):
        return scalar(service, plain, convert, None)
    reason = unresolved(chosen, deploy)
    if reason:
        return reason
    related: tuple[Origin, ...] = (*chosen.related, other.place) if other else chosen.related
    return Known(convert(chosen), chosen.place, related)


def _memory_swap(service: Service, memory: Fact[int | None]) -> Fact[int | None]:
    """Memory and swap together. Unset beside a memory limit, the engine allows as much swap again."""
    node = service.get("memswap_limit")
    value = integer(node) if node is not None and not node.unresolved else None
    if node is not None and (node.unresolved or value):
        return scalar(service, "memswap_limit", _bytes, None)
    if not isinstance(memory, Known):
        return memory
    return Known(None if memory.value is None else 2 * memory.value, memory.origin, memory.related)


def _cpus(service: Service) -> Fact[float | None]:
    for path in ("deploy.resources.limits.cpus", "cpus"):
        node = service.get(path)
        if node is not None and (node.unresolved or number(node)):
            return unresolved(node, path) or known(_above_zero(number(node)), node)
    return _cpu_quota(service)


def _above_zero(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def _cpu_quota(service: Service) -> Fact[float | None]:
    quota, period = service.get("cpu_quota"), service.get("cpu_period")
    if quota is None:
        zero = service.get("deploy.resources.limits.cpus") or service.get("cpus")
        return known(None, zero) if zero else Known(None, service.origin)
    reason = first_unresolved([quota, *([period] if period else [])], "the CPU quota")
    if reason:
        return reason
    share = _above_zero(number(quota))
    each = (number(period) if period else None) or CPU_PERIOD
    return known(share / each if share else None, quota)


def _ulimits(service: Service) -> Fact[Mapping[str, Ulimit]]:
    node = service.get("ulimits")
    if node is None:
        return Known({}, service.origin)
    numbers = [part for _, limit in node.items() for part in ([p for _, p in limit.items()] or [limit])]
    return first_unresolved(numbers, "ulimits") or known(
        {name: _ulimit(limit) for name, limit in node.items() if limit.value is not None}, node
    )


def _ulimit(node: Node) -> Ulimit:
    soft, hard = node.get("soft"), node.get("hard")
    if isinstance(node.value, dict):
        return Ulimit((integer(soft) if soft else None) or 0, (integer(hard) if hard else None) or 0)
    value = integer(node) or 0
    return Ulimit(value, value)
