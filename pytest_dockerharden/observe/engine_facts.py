"""What lives in the engine and not in the kernel: from ``GET /containers/ID/json``."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, TypeVar

from pytest_dockerharden.model.fact import Fact, Known
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import (
    Device,
    Healthcheck,
    Logging,
    NetworkAttachment,
    Port,
    Probe,
    RestartPolicy,
    Ulimit,
    Variable,
)
from pytest_dockerharden.model.signals import canonical

T = TypeVar("T")
# what lets a system call be made (seccomp(2)); a tracer that is not there refuses
PASSING = frozenset({"SCMP_ACT_ALLOW", "SCMP_ACT_LOG"})
NANOSECONDS = 1_000_000_000
DEFAULT_STOP_SECONDS = 10.0
EVERY_INTERFACE = ("0.0.0.0", "::")  # noqa: S104 - what the engine answers, not what we bind


def facts(service: str, inspected: dict[str, Any]) -> dict[str, Any]:
    """Facts by the posture's field names."""
    config, host = inspected["Config"], inspected["HostConfig"]
    state, network = inspected["State"], inspected["NetworkSettings"]

    def known(value: T, path: str, text: object = None) -> Fact[T]:
        return Known(value, KernelOrigin(service, f"inspect {path}", str(value if text is None else text)))

    restart = host.get("RestartPolicy") or {}
    logging = host.get("LogConfig") or {}
    health = state.get("Health") or {}
    return {
        "user_name": known(config.get("User", "").partition(":")[0], "Config.User", config.get("User", "")),
        "privileged": known(bool(host.get("Privileged")), "HostConfig.Privileged"),
        "devices": known(devices(service, host), "HostConfig.Devices"),
        "device_rules": known(tuple(host.get("DeviceCgroupRules") or ()), "HostConfig.DeviceCgroupRules"),
        "sysctls": known(dict(host.get("Sysctls") or {}), "HostConfig.Sysctls"),
        "network_mode": known(network_mode(host), "HostConfig.NetworkMode"),
        "pid_mode": known(host.get("PidMode") or "private", "HostConfig.PidMode"),
        "ipc_mode": known(host.get("IpcMode") or "private", "HostConfig.IpcMode"),
        "uts_mode": known(host.get("UTSMode") or "private", "HostConfig.UTSMode"),
        "cgroup_mode": known(host.get("CgroupnsMode") or "private", "HostConfig.CgroupnsMode"),
        "userns_mode": known(host.get("UsernsMode") or "private", "HostConfig.UsernsMode"),
        "cgroup_parent": known(host.get("CgroupParent") or "", "HostConfig.CgroupParent"),
        "networks": known(networks(network), "NetworkSettings.Networks"),
        "ports": known(ports(service, network), "NetworkSettings.Ports"),
        "exposed": known(frozenset(config.get("ExposedPorts") or ()), "Config.ExposedPorts"),
        "shm_size": known(host.get("ShmSize") or None, "HostConfig.ShmSize"),
        "ulimits": known(ulimits(host), "HostConfig.Ulimits"),
        "oom_kill_disabled": known(bool(host.get("OomKillDisable")), "HostConfig.OomKillDisable"),
        "oom_score_adj": known(int(host.get("OomScoreAdj") or 0), "HostConfig.OomScoreAdj"),
        "environment": known(environment(service, config), "Config.Env", f"{len(config.get('Env') or ())} variables"),
        "entrypoint": known(tuple(config.get("Entrypoint") or ()), "Config.Entrypoint"),
        "command": known(tuple(config.get("Cmd") or ()), "Config.Cmd"),
        "working_dir": known(config.get("WorkingDir") or "/", "Config.WorkingDir"),
        "image": known(config.get("Image", ""), "Config.Image"),
        "image_id": known(inspected.get("Image", ""), "Image"),
        "healthcheck": known(healthcheck(config), "Config.Healthcheck"),
        "health": known(health.get("Status", ""), "State.Health.Status"),
        "failing_streak": known(int(health.get("FailingStreak") or 0), "State.Health.FailingStreak"),
        "probes": known(
            probes(service, health, state.get("StartedAt", "")),
            "State.Health.Log",
            f"{len(health.get('Log') or ())} probes",
        ),
        "state": known(state.get("Status", ""), "State.Status"),
        "oom_killed": known(bool(state.get("OOMKilled")), "State.OOMKilled"),
        "restart_count": known(int(inspected.get("RestartCount", 0)), "RestartCount"),
        "init": known(bool(host.get("Init")), "HostConfig.Init"),
        "restart": known(
            RestartPolicy(restart.get("Name") or "no", int(restart.get("MaximumRetryCount") or 0)),
            "HostConfig.RestartPolicy",
        ),
        "logging": known(
            Logging(logging.get("Type", ""), tuple(sorted((logging.get("Config") or {}).items()))),
            "HostConfig.LogConfig",
        ),
        "stop_signal": known(canonical(config.get("StopSignal") or "SIGTERM"), "Config.StopSignal"),
        "stop_grace_period": known(stop_seconds(config), "Config.StopTimeout"),
        "apparmor": known(apparmor(inspected), "AppArmorProfile"),
        "selinux": known(selinux(inspected), "ProcessLabel"),
    }


def own_seccomp(inspected: dict[str, Any]) -> bool:
    """Whether another profile than the engine's own was asked for. A filter on PID 1 is then not the default one."""
    named = security_option(inspected, "seccomp")
    return bool(named) and named[-1] != "builtin"


def lets_everything_pass(inspected: dict[str, Any]) -> bool:
    """Whether the seccomp profile, which the engine keeps as JSON, refuses nothing."""
    try:
        profile = json.loads((security_option(inspected, "seccomp") or [""])[-1])
        actions = [profile["defaultAction"], *(rule["action"] for rule in profile.get("syscalls") or ())]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return all(action in PASSING for action in actions)


def security_option(inspected: dict[str, Any], name: str) -> list[str]:
    """The values given to a security option, in order."""
    options = inspected["HostConfig"].get("SecurityOpt") or ()
    pairs = (re.split("[=:]", option, maxsplit=1) for option in options)
    return [pair[1] for pair in pairs if len(pair) == 2 and pair[0] == name]


def apparmor(inspected: dict[str, Any]) -> str:
    """The profile; empty where the host has no AppArmor. That it is not wanted is said there as well."""
    if security_option(inspected, "apparmor")[-1:] == ["unconfined"]:
        return "unconfined"
    return inspected.get("AppArmorProfile") or ""


def selinux(inspected: dict[str, Any]) -> str:
    """The process's label, or ``disable``; empty where the host has no SELinux."""
    disabled = "disable" in security_option(inspected, "label")
    return "disable" if disabled else inspected.get("ProcessLabel") or ""


def stop_seconds(config: dict[str, Any]) -> float:
    """Seconds from SIGTERM to SIGKILL; none at all where 0 was asked for."""
    seconds = config.get("StopTimeout")
    return DEFAULT_STOP_SECONDS if seconds is None else float(seconds)


def network_mode(host: dict[str, Any]) -> str:
    """A network's name or id is a private namespace; ``default`` is the engine's own bridge."""
    mode = host.get("NetworkMode") or "default"
    return mode if mode in ("host", "none") or mode.startswith("container:") else "private"


def devices(service: str, host: dict[str, Any]) -> tuple[Device, ...]:
    """Host devices."""
    origin = KernelOrigin(service, "inspect HostConfig.Devices", "")
    return tuple(
        Device(device["PathOnHost"], device["PathInContainer"], device["CgroupPermissions"], origin)
        for device in host.get("Devices") or ()
    )


def networks(settings: dict[str, Any]) -> tuple[NetworkAttachment, ...]:
    """The networks it is attached to, by the engine's names; the stack puts in what the network itself says."""
    names = settings.get("Networks") or {}
    return tuple(NetworkAttachment(name, internal=False, default=name == "bridge") for name in sorted(names))


def ports(service: str, settings: dict[str, Any]) -> tuple[Port, ...]:
    """Published ports as the engine bound them."""
    found = []
    for key, bindings in (settings.get("Ports") or {}).items():
        number, _, protocol = key.partition("/")
        for binding in bindings or ():
            text = f"{binding['HostIp']}:{binding['HostPort']} -> {key}"
            origin = KernelOrigin(service, "inspect NetworkSettings.Ports", text)
            host_ip = "" if binding["HostIp"] in EVERY_INTERFACE else binding["HostIp"]
            found.append(Port(int(number), binding["HostPort"], host_ip, protocol or "tcp", origin))
    # the same port of every interface is bound once for IPv4 and once for IPv6
    return tuple({(p.container_port, p.host_port, p.host_ip, p.protocol): p for p in reversed(found)}.values())[::-1]


def ulimits(host: dict[str, Any]) -> dict[str, Ulimit]:
    """Limits set for the container; the engine's defaults are not among them."""
    return {limit["Name"]: Ulimit(int(limit["Soft"]), int(limit["Hard"])) for limit in host.get("Ulimits") or ()}


def environment(service: str, config: dict[str, Any]) -> dict[str, Variable]:
    """Variables by name. Whether a value is written in a file only the prediction knows: here it counts as such."""
    variables = {}
    for entry in config.get("Env") or ():
        name, separator, value = entry.partition("=")
        origin = KernelOrigin(service, "inspect Config.Env", f"{name}=***")
        variables[name] = Variable(name, value if separator else None, origin, place="process")
    return variables


def probes(service: str, health: dict[str, Any], started: str) -> tuple[Probe, ...]:
    """The runs of the healthcheck that the engine remembers (five of them), oldest first.

    It keeps those of before a restart, which say nothing of what runs now.
    """
    found = []
    for entry in health.get("Log") or ():
        if is_before(entry.get("Start", ""), started):
            continue
        code = int(entry.get("ExitCode", 0))
        origin = KernelOrigin(service, "inspect State.Health.Log", f"{entry.get('Start', '')} exit code {code}")
        found.append(Probe(code, seconds_between(entry.get("Start", ""), entry.get("End", "")), origin))
    return tuple(found)


def is_before(time: str, other: str) -> bool:
    """Of two times as Go writes them, each in a zone of its own; False where one of them is none."""
    try:
        first, last = (datetime.fromisoformat(zoned(text)) for text in (time, other))
    except ValueError:
        return False
    return first < last


def zoned(text: str) -> str:
    """Cut to what fromisoformat reads on Python 3.10: seconds, and the zone as an offset."""
    zone = text[-6:] if text[-6:-5] in ("+", "-") else "+00:00"
    return f"{text[:19]}{zone}"


def seconds_between(start: str, end: str) -> float:
    """Of two times as Go writes them; 0 where one of them is none. Both are of one zone."""
    try:
        first, last = (datetime.fromisoformat(time[:19]) for time in (start, end))
        return (last - first).total_seconds() + fraction(end) - fraction(start)
    except ValueError:
        return 0.0


def fraction(time: str) -> float:
    """The part of a second behind the point."""
    digits = re.match(r"\.\d+", time[19:])
    return float(digits[0]) if digits else 0.0


def healthcheck(config: dict[str, Any]) -> Healthcheck | None:
    """The check in force; None where there is none or it is switched off."""
    check = config.get("Healthcheck") or {}
    test = tuple(check.get("Test") or ())
    if not test or test[0] == "NONE":
        return None

    def seconds(name: str) -> float | None:
        return check[name] / NANOSECONDS if check.get(name) else None

    return Healthcheck(
        test,
        seconds("Interval"),
        seconds("Timeout"),
        seconds("StartPeriod"),
        seconds("StartInterval"),
        check.get("Retries") or None,
    )
