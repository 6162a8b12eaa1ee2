"""A container's posture: who it runs as, what it may do, write, reach, what limits it, how it lives and dies.

Static mode predicts one from text, live mode observes one from the kernel; the fields are the same, and every field
is a fact that may be unknown. Values of one field are comparable, so that drift is a comparison field by field.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Literal

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.fact import Fact, Unknown
from pytest_dockerharden.model.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_dockerharden.model.project import Service

MountKind = Literal["bind", "volume", "tmpfs", "secret", "config", "image", "npipe", "cluster", "kernel"]

ONLY_LIVE = Unknown("only the running kernel can tell")
NOT_LOOKED_AT = Unknown("not looked at")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount in force on a target (of several on one target only the last is kept).

    ``target`` is a clean absolute path. ``source`` is the absolute host path of a bind, the name of a volume or secret,
    empty for a tmpfs or an anonymous volume. ``flags`` are the kernel's words among ``nosuid nodev noexec``.
    ``size`` in bytes (None: no limit of its own), ``mode`` the permission bits, ``uid`` and ``gid`` the owner of its
    root; None where nothing decides or nobody looked. ``read_only`` speaks of this mount alone; ``recursive`` tells if
    the mounts below it are read-only as well.
    """

    target: str
    kind: MountKind
    origin: Origin
    source: str = ""
    read_only: bool = False
    recursive: bool | None = None
    flags: frozenset[str] = frozenset()
    size: int | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    propagation: str = ""
    anonymous: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Port:
    """A published port. ``host_ip`` empty means every interface, IPv4 and IPv6; ``host_port`` empty any free port."""

    container_port: int
    host_port: str
    host_ip: str
    protocol: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable of the container.

    ``value`` is None where it is not known (a reference that nothing resolves). It may be a secret: it never goes into
    a message. ``literal`` tells whether the value is written out in a file of the project (a default in ``${X:-v}``
    counts) rather than taken from the environment. ``place`` says which kind of place set it.
    """

    name: str
    value: str | None
    origin: Origin
    literal: bool = True
    place: Literal["environment", "env_file", "image", "process"] = "environment"


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """A healthcheck in force. ``test`` starts with CMD or CMD-SHELL; times are seconds, None = the engine's default."""

    test: tuple[str, ...]
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    start_interval: float | None = None
    retries: int | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A host device in the container, with its cgroup permissions (``rwm``)."""

    source: str
    target: str
    permissions: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A resource limit of setrlimit(2); -1 is unlimited."""

    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """``name`` is one of no, always, unless-stopped, on-failure; ``retries`` 0 means without end."""

    name: str
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Logging:
    """``driver`` empty means the engine's default."""

    driver: str
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str | None:
        return dict(self.options).get(name)


@dataclass(frozen=True, slots=True)
class NetworkAttachment:
    """A network the container is on. ``name`` is the key in the compose file."""

    name: str
    internal: bool
    driver: str = ""
    external: bool = False
    default: bool = False


@dataclass(frozen=True, slots=True)
class Process:
    """One process, as the kernel describes it. ``uids`` and ``gids`` are real, effective, saved, file system.

    In ``argv`` secrets are masked; ``secret_argument`` then says what held one (``--requirepass``). ``caught``,
    ``ignored`` and ``blocked`` are names of signals. ``parent`` is as the container counts, 0 for one outside.
    ``name`` is the kernel's, of fifteen bytes.
    """

    pid: int
    uids: tuple[int, int, int, int]
    gids: tuple[int, int, int, int]
    groups: frozenset[int]
    cap_effective: frozenset[str]
    cap_permitted: frozenset[str]
    cap_bounding: frozenset[str]
    cap_inheritable: frozenset[str]
    cap_ambient: frozenset[str]
    no_new_privileges: bool
    seccomp: int
    argv: tuple[str, ...]
    executable: str
    environment_names: frozenset[str] | None
    namespaces: tuple[tuple[str, int], ...]
    state: str
    origin: Origin
    parent: int = 0
    caught: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    secret_argument: str = ""
    name: str = ""

    @property
    def ended(self) -> bool:
        """Whether it is a zombie: it does nothing any more, and has no arguments or environment to read."""
        return self.state.startswith("Z")


@dataclass(frozen=True, slots=True)
class Probe:
    """One run of the healthcheck that the engine remembers: exit code, seconds it took."""

    exit_code: int
    seconds: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of the container's root file system that somebody should know of.

    ``mode`` are permission bits with setuid, setgid and sticky, ``uid`` and ``gid`` as the container counts.
    """

    path: str
    kind: Literal["setuid", "setgid", "capability", "world-writable", "world-writable-directory", "device"]
    mode: int
    uid: int
    gid: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Change:
    """A path in which the container's file system differs from its image."""

    path: str
    kind: Literal["modified", "added", "deleted"]


@dataclass(frozen=True, slots=True)
class Socket:
    """A listening socket inside the container's network namespace."""

    protocol: str
    address: str
    port: int
    origin: Origin


@dataclass(slots=True, eq=False, kw_only=True)
class Posture:
    """Every field but the first five is a fact. Sets of capabilities use upper-case names without ``CAP_``.

    ``origin`` is the service's key in the compose file, or the container. ``predicted`` is what was predicted of an
    observed container, where its files are at hand.
    ``namespaces`` are the kernel's numbers of the first process's by name (``net``, ``pid``, ...);
    ``shared_namespaces`` names with whom each is shared: services, or ``the host``.
    ``control_sockets`` are paths in the container of sockets that command an engine or the init system.
    ``owned_files`` has by uid the first program, library or configuration that belongs to that user and not to root.
    ``tagged_image_id`` is the image that the container's reference names now, empty where it names none.
    ``allowed_devices`` are the rules of the device control group (version 1): ``c 1:3 rwm``.
    ``memory*``, ``shm_size`` in bytes, ``cpus`` in CPUs, ``pids`` in processes; None = no limit.
    Namespaces are ``private``, ``host``, ``shareable``, ``none`` or ``container:NAME`` / ``service:NAME``.
    """

    subject: str
    phase: Literal["static", "live", "restarted"]
    origin: Origin
    service: Service | None = None
    predicted: Posture | None = None

    # who it runs as
    runs_as_root: Fact[bool] = NOT_LOOKED_AT
    user_name: Fact[str] = NOT_LOOKED_AT
    uid: Fact[int] = NOT_LOOKED_AT
    gid: Fact[int] = NOT_LOOKED_AT
    groups: Fact[frozenset[int]] = NOT_LOOKED_AT
    processes: Fact[tuple[Process, ...]] = ONLY_LIVE
    # what it may do
    privileged: Fact[bool] = NOT_LOOKED_AT
    cap_effective: Fact[frozenset[str]] = NOT_LOOKED_AT
    cap_permitted: Fact[frozenset[str]] = NOT_LOOKED_AT
    cap_bounding: Fact[frozenset[str]] = NOT_LOOKED_AT
    cap_inheritable: Fact[frozenset[str]] = NOT_LOOKED_AT
    cap_ambient: Fact[frozenset[str]] = NOT_LOOKED_AT
    no_new_privileges: Fact[bool] = NOT_LOOKED_AT
    seccomp: Fact[Literal["default", "custom", "unconfined"]] = NOT_LOOKED_AT
    apparmor: Fact[str] = NOT_LOOKED_AT
    selinux: Fact[str] = NOT_LOOKED_AT
    masked_paths: Fact[bool] = NOT_LOOKED_AT
    devices: Fact[tuple[Device, ...]] = NOT_LOOKED_AT
    device_rules: Fact[tuple[str, ...]] = NOT_LOOKED_AT
    allowed_devices: Fact[tuple[str, ...]] = ONLY_LIVE
    sysctls: Fact[Mapping[str, str]] = NOT_LOOKED_AT
    # what it can write
    read_only_rootfs: Fact[bool] = NOT_LOOKED_AT
    mounts: Fact[tuple[Mount, ...]] = NOT_LOOKED_AT
    changes: Fact[tuple[Change, ...]] = ONLY_LIVE
    files: Fact[tuple[FoundFile, ...]] = ONLY_LIVE
    passwordless: Fact[frozenset[str]] = ONLY_LIVE
    owned_files: Fact[Mapping[int, str]] = ONLY_LIVE
    # what it shares and reaches
    network_mode: Fact[str] = NOT_LOOKED_AT
    pid_mode: Fact[str] = NOT_LOOKED_AT
    ipc_mode: Fact[str] = NOT_LOOKED_AT
    uts_mode: Fact[str] = NOT_LOOKED_AT
    cgroup_mode: Fact[str] = NOT_LOOKED_AT
    userns_mode: Fact[str] = NOT_LOOKED_AT
    cgroup_parent: Fact[str] = NOT_LOOKED_AT
    networks: Fact[tuple[NetworkAttachment, ...]] = NOT_LOOKED_AT
    reaches: Fact[frozenset[str]] = NOT_LOOKED_AT
    ports: Fact[tuple[Port, ...]] = NOT_LOOKED_AT
    exposed: Fact[frozenset[str]] = NOT_LOOKED_AT
    listening: Fact[tuple[Socket, ...]] = ONLY_LIVE
    namespaces: Fact[Mapping[str, int]] = ONLY_LIVE
    shared_namespaces: Fact[Mapping[str, frozenset[str]]] = ONLY_LIVE
    root_is_host_root: Fact[bool] = ONLY_LIVE
    control_sockets: Fact[tuple[str, ...]] = ONLY_LIVE
    # what limits it
    memory: Fact[int | None] = NOT_LOOKED_AT
    memory_swap: Fact[int | None] = NOT_LOOKED_AT
    memory_reservation: Fact[int | None] = NOT_LOOKED_AT
    cpus: Fact[float | None] = NOT_LOOKED_AT
    pids: Fact[int | None] = NOT_LOOKED_AT
    shm_size: Fact[int | None] = NOT_LOOKED_AT
    ulimits: Fact[Mapping[str, Ulimit]] = NOT_LOOKED_AT
    oom_kill_disabled: Fact[bool] = NOT_LOOKED_AT
    oom_score_adj: Fact[int] = NOT_LOOKED_AT
    # what it is told
    environment: Fact[Mapping[str, Variable]] = NOT_LOOKED_AT
    entrypoint: Fact[tuple[str, ...]] = NOT_LOOKED_AT
    command: Fact[tuple[str, ...]] = NOT_LOOKED_AT
    working_dir: Fact[str] = NOT_LOOKED_AT
    image: Fact[str] = NOT_LOOKED_AT
    image_id: Fact[str] = ONLY_LIVE
    tagged_image_id: Fact[str] = ONLY_LIVE
    # how it lives and dies
    healthcheck: Fact[Healthcheck | None] = NOT_LOOKED_AT
    health: Fact[str] = ONLY_LIVE
    failing_streak: Fact[int] = ONLY_LIVE
    probes: Fact[tuple[Probe, ...]] = ONLY_LIVE
    restart_count: Fact[int] = ONLY_LIVE
    state: Fact[str] = ONLY_LIVE
    oom_killed: Fact[bool] = ONLY_LIVE
    init: Fact[bool] = NOT_LOOKED_AT
    restart: Fact[RestartPolicy] = NOT_LOOKED_AT
    logging: Fact[Logging] = NOT_LOOKED_AT
    stop_signal: Fact[str] = NOT_LOOKED_AT
    stop_grace_period: Fact[float] = NOT_LOOKED_AT

    def facts(self) -> Iterator[tuple[str, Fact[object]]]:
        """Name and fact of every field that is one."""
        for field in fields(self):
            if field.name not in {"subject", "phase", "origin", "service", "predicted"}:
                yield field.name, getattr(self, field.name)
