"""The engine itself: what its API tells, and what this machine tells of it where it runs here. Reads only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_dockerharden.model.engine import NAME, Engine
from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.observe.daemon import ELSEWHERE, Daemon, daemon_of

if TYPE_CHECKING:
    import docker

T = TypeVar("T")
ICC = "com.docker.network.bridge.enable_icc"
CONTENT_TRUST = "DOCKER_CONTENT_TRUST"
# registries on the machine itself, which every engine trusts
OWN_REGISTRIES = frozenset({"127.0.0.0/8", "::1/128"})
# what `docker info` has a field for, and warns of where it is false
LIMITS = {
    "MemoryLimit": "memory", "SwapLimit": "swap", "CpuCfsQuota": "cpu", "PidsLimit": "number of processes",
}  # fmt: skip


def observe_engine(client: docker.DockerClient, environment: Mapping[str, str] = os.environ) -> Engine:
    """Everything that can be read of an engine, at once: two questions to its API, and a few files."""
    info = client.info()
    daemon = daemon_of(client)
    version = info.get("ServerVersion") or ""
    engine = Engine(origin=KernelOrigin(NAME, "docker info", f"Server Version: {version}"))
    for name, fact in (*of_info(info), *of_settings(daemon, info)):
        setattr(engine, name, fact)
    engine.bridge_connects = default_bridge(client)
    trust = environment.get(CONTENT_TRUST, "")
    engine.content_trust = Known(trust == "1", KernelOrigin(NAME, "environment", f"{CONTENT_TRUST}={trust}"))
    if daemon is not None:
        engine.own_partition, engine.files, engine.watched = daemon.own_partition, daemon.files, daemon.watched
    else:
        engine.own_partition = engine.files = engine.watched = ELSEWHERE
    return engine


def of_info(info: Mapping[str, Any]) -> Iterator[tuple[str, Fact[Any]]]:
    """Facts by the field names of :class:`Engine`, from ``GET /info``."""
    options = {option.split(",")[0].removeprefix("name="): option for option in info.get("SecurityOptions") or ()}
    names = ", ".join(options) or "none"
    yield "version", _version(info)
    yield "rootless", _said("rootless" in options, "SecurityOptions", names)
    yield "user_namespaces", _said("userns" in options, "SecurityOptions", names)
    yield "seccomp_profile", _seccomp(options)
    yield "live_restore", _said(bool(info.get("LiveRestoreEnabled")), "LiveRestoreEnabled")
    yield "experimental", _said(bool(info.get("ExperimentalBuild")), "ExperimentalBuild")
    state = (info.get("Swarm") or {}).get("LocalNodeState") or "inactive"
    yield "swarm", _said(state != "inactive", "Swarm.LocalNodeState", state)
    yield "storage_driver", _said(str(info.get("Driver") or ""), "Driver")
    yield "logging_driver", _said(str(info.get("LoggingDriver") or ""), "LoggingDriver")
    insecure = insecure_registries(info.get("RegistryConfig") or {})
    yield "insecure_registries", _said(insecure, "RegistryConfig", ", ".join(insecure) or "none is insecure")
    plugins = tuple((info.get("Plugins") or {}).get("Authorization") or ())
    yield "authorization_plugins", _said(plugins, "Plugins.Authorization", ", ".join(plugins) or "none")
    generation = str(info.get("CgroupVersion") or "1")
    yield "cgroup_version", _said(int(generation) if generation.isdigit() else 1, "CgroupVersion")
    ignored = tuple(what for field, what in LIMITS.items() if info.get(field) is False)
    yield "limits_ignored", _said(ignored, "Warnings", "; ".join(info.get("Warnings") or ()) or "none")


def of_settings(daemon: Daemon | None, info: Mapping[str, Any]) -> Iterator[tuple[str, Fact[Any]]]:
    """Facts that only dockerd's own arguments and configuration show, but for a few that its API betrays."""
    names = [option.partition(",")[0] for option in info.get("SecurityOptions") or ()]
    settings = daemon.settings if daemon is not None else None
    if settings is None:
        for name in ("manages_firewall", "default_ulimits", "cgroup_parent", "base_device_size", "userland_proxy"):
            yield name, ELSEWHERE
        debugging = _said("debug", "Debug", "true")
        yield "log_level", debugging if info.get("Debug") else ELSEWHERE
        yield "listeners", open_listeners(info)
        yield "verifies_clients", ELSEWHERE
        # told from engine 23 on, and only where it is on
        on = _said(True, "SecurityOptions", "no-new-privileges")
        yield "no_new_privileges", on if "name=no-new-privileges" in names else ELSEWHERE
        return
    yield "log_level", _said("debug", "Debug", "true") if info.get("Debug") else settings.text("log-level", "info")
    yield "manages_firewall", settings.flag("iptables", True)
    yield "listeners", settings.words("hosts")
    yield "verifies_clients", settings.flag("tlsverify", False)
    yield "default_ulimits", settings.words("default-ulimits")
    yield "cgroup_parent", settings.text("cgroup-parent")
    sizes = [o.partition("=")[2] for o in settings.words("storage-opts").value if o.startswith("dm.basesize=")]
    yield "base_device_size", Known(sizes[-1] if sizes else "", settings.origin("storage-opts"))
    yield "no_new_privileges", settings.flag("no-new-privileges", False)
    yield "userland_proxy", settings.flag("userland-proxy", True)


def default_bridge(client: docker.DockerClient) -> Fact[bool]:
    """Whether containers on the default network reach each other."""
    from docker.errors import NotFound

    try:
        options = client.api.inspect_network("bridge").get("Options") or {}
    except NotFound:
        return Known(False, KernelOrigin(NAME, "docker network inspect bridge", "there is no default bridge"))
    text = f"{ICC}: {options.get(ICC, 'true')}"
    return Known(options.get(ICC, "true") != "false", KernelOrigin(NAME, "docker network inspect bridge", text))


def insecure_registries(registries: Mapping[str, Any]) -> tuple[str, ...]:
    """Those that the engine talks to without checking who they are."""
    nets = [net for net in registries.get("InsecureRegistryCIDRs") or () if net not in OWN_REGISTRIES]
    indexes = (registries.get("IndexConfigs") or {}).items()
    return (*nets, *(name for name, index in indexes if (index or {}).get("Secure") is False))


def open_listeners(info: Mapping[str, Any]) -> Fact[tuple[str, ...]]:
    """The API warns of a port that anybody may use; of others it does not tell."""
    for warning in info.get("Warnings") or ():
        found = re.search(r"API is accessible on (\S+?)[.,]? ", f"{warning} ")
        if found:
            address = re.sub(r"^https?://", "tcp://", found[1])
            return Known((address,), KernelOrigin(NAME, "docker info Warnings", str(warning)))
    return ELSEWHERE


def _seccomp(options: Mapping[str, str]) -> Fact[str]:
    option = options.get("seccomp")
    if option is None:
        return _said("", "SecurityOptions", ", ".join(options) or "none")
    found = re.search(r"profile=([^,]+)", option)
    return _said(found[1] if found else "default", "SecurityOptions", option)


def _version(info: Mapping[str, Any]) -> Fact[tuple[int, ...]]:
    version = str(info.get("ServerVersion") or "")
    found = re.match(r"\d+(?:\.\d+)*", version)
    if found is None:
        return Unknown(f"`{version}` is no version that can be compared")
    return _said(tuple(int(part) for part in found[0].split(".")), "ServerVersion", version)


def _said(value: T, path: str, text: object = None) -> Fact[T]:
    return Known(value, KernelOrigin(NAME, f"docker info {path}", str(value if text is None else text)))
