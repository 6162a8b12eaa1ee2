"""The engine that runs a stack, and the files of its host: what is set for every container at once."""

from __future__ import annotations

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.fact import Fact, Unknown
from pytest_dockerharden.model.origin import KernelOrigin, Origin

NOT_READ = Unknown("not read")

# the subject of everything that is said of it
NAME = "engine"


@dataclass(frozen=True, slots=True)
class EngineFile:
    """A file of the engine on its own machine.

    ``kind`` is what it is for, whatever its path on this machine: ``docker.service``, ``docker.sock``, ``TLS key``.
    ``mode`` are the permission bits alone.
    """

    kind: str
    path: str
    owner: str
    group: str
    mode: int

    @property
    def evidence(self) -> KernelOrigin:
        """As ``stat`` would show it."""
        return KernelOrigin(NAME, self.path, f"{self.mode:04o} {self.owner}:{self.group} {self.path}")


@dataclass(slots=True, eq=False, kw_only=True)
class Engine:
    """Every field from ``version`` on is a fact.

    What the API does not tell is known where the engine runs on this machine: from its arguments, its ``daemon.json``
    and the files of its host. ``listeners`` are as ``--host`` has them (``tcp://0.0.0.0:2375``). ``limits_ignored``
    names what this kernel cannot limit. ``watched`` are the paths in the rules of the audit daemon.
    """

    origin: Origin

    version: Fact[tuple[int, ...]] = NOT_READ
    rootless: Fact[bool] = NOT_READ
    user_namespaces: Fact[bool] = NOT_READ
    seccomp_profile: Fact[str] = NOT_READ
    live_restore: Fact[bool] = NOT_READ
    experimental: Fact[bool] = NOT_READ
    swarm: Fact[bool] = NOT_READ
    storage_driver: Fact[str] = NOT_READ
    logging_driver: Fact[str] = NOT_READ
    insecure_registries: Fact[tuple[str, ...]] = NOT_READ
    authorization_plugins: Fact[tuple[str, ...]] = NOT_READ
    cgroup_version: Fact[int] = NOT_READ
    limits_ignored: Fact[tuple[str, ...]] = NOT_READ
    bridge_connects: Fact[bool] = NOT_READ

    log_level: Fact[str] = NOT_READ
    manages_firewall: Fact[bool] = NOT_READ
    listeners: Fact[tuple[str, ...]] = NOT_READ
    verifies_clients: Fact[bool] = NOT_READ
    default_ulimits: Fact[tuple[str, ...]] = NOT_READ
    cgroup_parent: Fact[str] = NOT_READ
    base_device_size: Fact[str] = NOT_READ
    no_new_privileges: Fact[bool] = NOT_READ
    userland_proxy: Fact[bool] = NOT_READ
    content_trust: Fact[bool] = NOT_READ

    own_partition: Fact[bool] = NOT_READ
    files: Fact[tuple[EngineFile, ...]] = NOT_READ
    watched: Fact[frozenset[str]] = NOT_READ
