"""Facts of a posture in words: what a person reads in a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pytest_dockerharden.model.capabilities import ALL, DEFAULT
from pytest_dockerharden.model.drift import shown
from pytest_dockerharden.model.posture import (
    Device,
    FoundFile,
    Healthcheck,
    Logging,
    Mount,
    NetworkAttachment,
    Port,
    Posture,
    Probe,
    Process,
    RestartPolicy,
    Socket,
    Ulimit,
)

_MOST = 12
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))

THEMES: Mapping[str, Mapping[str, str]] = {
    "Who it runs as": {
        "runs_as_root": "root",
        "user_name": "user name",
        "uid": "uid",
        "gid": "gid",
        "groups": "groups",
        "processes": "processes",
        "root_is_host_root": "its root is the host's",
    },
    "What it may do": {
        "privileged": "privileged",
        "cap_effective": "effective capabilities",
        "cap_permitted": "permitted capabilities",
        "cap_bounding": "bounding capabilities",
        "cap_inheritable": "inheritable capabilities",
        "cap_ambient": "ambient capabilities",
        "no_new_privileges": "no new privileges",
        "seccomp": "seccomp",
        "apparmor": "AppArmor",
        "selinux": "SELinux",
        "masked_paths": "masked system paths",
        "devices": "devices",
        "device_rules": "device rules",
        "allowed_devices": "allowed devices",
        "sysctls": "kernel parameters",
        "control_sockets": "sockets of engines",
    },
    "What it can write": {
        "read_only_rootfs": "read-only root",
        "mounts": "mounts",
        "changes": "changes to its image",
        "files": "files to know of",
        "passwordless": "users without password",
        "owned_files": "programs not root's",
    },
    "What it shares and reaches": {
        "network_mode": "network namespace",
        "pid_mode": "process namespace",
        "ipc_mode": "IPC namespace",
        "uts_mode": "UTS namespace",
        "cgroup_mode": "cgroup namespace",
        "userns_mode": "user namespace",
        "shared_namespaces": "shared namespaces",
        "cgroup_parent": "parent cgroup",
        "networks": "networks",
        "reaches": "reaches",
        "ports": "published ports",
        "exposed": "exposed ports",
        "listening": "listening",
    },
    "What limits it": {
        "memory": "memory",
        "memory_swap": "memory and swap",
        "memory_reservation": "reserved memory",
        "cpus": "CPUs",
        "pids": "processes at most",
        "shm_size": "shared memory",
        "ulimits": "limits",
        "oom_kill_disabled": "spared by the OOM killer",
        "oom_score_adj": "OOM score",
    },
    "What it is told": {
        "environment": "variables",
        "entrypoint": "entrypoint",
        "command": "command",
        "working_dir": "working directory",
        "image": "image",
        "image_id": "image id",
    },
    "How it lives and dies": {
        "healthcheck": "healthcheck",
        "health": "health",
        "failing_streak": "failed probes in a row",
        "probes": "last probes",
        "restart_count": "restarts",
        "state": "state",
        "oom_killed": "killed for memory",
        "init": "init process",
        "restart": "restart policy",
        "logging": "logs",
        "stop_signal": "stop signal",
        "stop_grace_period": "time to stop",
    },
}
# numbers that say nothing to a person, or stand elsewhere
NOT_SHOWN = frozenset({"namespaces", "tagged_image_id"})


def said(field: str, value: object) -> str:
    """The value of a field of a posture; lists have a line for each item. Values of variables are never told."""
    if field in _OF_FIELD:
        return _OF_FIELD[field](value)
    return "\n".join(_lines(value)) or "none"


def _lines(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        items = [f"{name} = {_one(item)}" for name, item in sorted(value.items(), key=lambda item: str(item[0]))]
    elif isinstance(value, tuple) and value and type(value[0]) in _OF_TYPE:
        items = [_one(item) for item in value]
    else:
        items = [_one(value)]
    yield from items[:_MOST]
    if len(items) > _MOST:
        yield f"and {len(items) - _MOST} more"


def _one(value: object) -> str:
    say = _OF_TYPE.get(type(value))
    return say(value) if say else shown(value)


def size(value: int | None) -> str:
    """``512 MiB``"""
    if value is None:
        return "no limit"
    for unit, name in _UNITS:
        if value >= unit:
            return f"{value / unit:.4g} {name}"
    return f"{value} bytes"


def _amount(value: Any) -> str:
    return "no limit" if value is None else f"{value:g}"


def _capabilities(value: Any) -> str:
    if value == ALL:
        return "all"
    return f"the default {len(DEFAULT)}" if value == DEFAULT else shown(value)


def _mount(mount: Mount) -> str:
    words = [mount.target, mount.kind, mount.source, "ro" if mount.read_only else "rw", *sorted(mount.flags)]
    words += [size(mount.size)] if mount.size else []
    words += [f"mode {mount.mode:o}"] if mount.mode is not None else []
    return " ".join(filter(None, words))


def _mounts(mounts: tuple[Mount, ...]) -> str:
    """Those that somebody asked for; every container has two dozen of the engine's own."""
    own = [mount for mount in mounts if mount.kind != "kernel"]
    told = [*_lines(tuple(own))] if own else []
    if len(mounts) > len(own):
        told.append(f"and {len(mounts) - len(own)} of the engine's own")
    return "\n".join(told) or "none"


def _port(port: Port) -> str:
    return f"{port.host_ip or '*'}:{port.host_port or 'any'} to {port.container_port}/{port.protocol}"


def _network(network: NetworkAttachment) -> str:
    return f"{network.name}{' (internal)' if network.internal else ''}{' (external)' if network.external else ''}"


def _process(process: Process) -> str:
    return shown((f"{process.pid} uid {process.uids[1]}:", *process.argv[:6]))


def _healthcheck(check: Healthcheck) -> str:
    times = {"interval": check.interval, "timeout": check.timeout, "start period": check.start_period}
    told = [f"{name} {value:g} s" for name, value in times.items() if value is not None]
    return "; ".join([shown(check.test), *told])


def _restart(policy: RestartPolicy) -> str:
    return f"{policy.name}{f', {policy.retries} times' if policy.retries else ''}"


def _logging(logging: Logging) -> str:
    return shown((logging.driver or "the engine's default", *(f"{name}={value}" for name, value in logging.options)))


_OF_TYPE: dict[type, Callable[[Any], str]] = {
    Mount: _mount,
    Port: _port,
    NetworkAttachment: _network,
    Process: _process,
    Healthcheck: _healthcheck,
    RestartPolicy: _restart,
    Logging: _logging,
    Device: lambda device: f"{device.source} as {device.target} ({device.permissions})",
    Ulimit: lambda limit: f"{limit.soft}" if limit.soft == limit.hard else f"{limit.soft} to {limit.hard}",
    Socket: lambda socket: f"{socket.protocol} {socket.address}:{socket.port}",
    FoundFile: lambda file: f"{file.path} ({file.kind}, {file.mode:04o}, {file.uid}:{file.gid})",
    Probe: lambda probe: f"exit code {probe.exit_code} after {probe.seconds:.2g} s",
    float: lambda number: f"{number:g}",
}
_OF_FIELD: dict[str, Callable[[Any], str]] = {
    "environment": lambda variables: ", ".join(sorted(variables)) or "none",
    "memory": size,
    "memory_swap": size,
    "memory_reservation": size,
    "shm_size": size,
    "mounts": _mounts,
    "cpus": _amount,
    "pids": _amount,
    "stop_grace_period": lambda seconds: f"{seconds:g} s",
    **{name: _capabilities for name in THEMES["What it may do"] if name.startswith("cap_")},
}


def glance(posture: Posture | None) -> str:
    """What one asks first of a service, in one line: its user, what it may write and do, and its memory."""
    if posture is None:
        return ""
    root, uid = posture.runs_as_root.get(None), posture.uid.get(None)
    kept = posture.cap_bounding.get(None)
    memory = posture.memory.get(_NOT_KNOWN)
    told = [
        "privileged" if posture.privileged.get(False) else "",
        "" if root is None else "runs as root" if root else f"uid {uid}" if uid else "not root",
        _either(posture.read_only_rootfs.get(None), "read-only root", "writable root"),
        "" if kept is None else "no capabilities" if not kept else f"{_capabilities(kept)} capabilities",
        _either(posture.no_new_privileges.get(None), "no new privileges", "may gain privileges"),
        "" if memory is _NOT_KNOWN else "no memory limit" if memory is None else size(memory),
    ]
    return " · ".join(filter(None, told))


_NOT_KNOWN: Any = object()


def _either(fact: bool | None, yes: str, no: str) -> str:
    return "" if fact is None else yes if fact else no


def secrets_of(postures: Iterator[Posture]) -> list[str]:
    """Values that must not be seen, the longest first: what variables with the name of a secret hold."""
    from pytest_dockerharden.model.secrets import is_secret_name

    found = {
        variable.value
        for posture in postures
        for variable in posture.environment.get({}).values()
        if variable.value and len(variable.value) >= _SHORTEST_SECRET and is_secret_name(variable.name)
    }
    return sorted(found, key=lambda value: (-len(value), value))


# what is shorter is a word of the language as likely as a secret
_SHORTEST_SECRET = 6
