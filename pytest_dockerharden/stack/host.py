"""``HostConfig``: what the engine takes from the host for a container, and what it holds back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from pytest_dockerharden.model.project import Service
from pytest_dockerharden.stack.mounts import mounts
from pytest_dockerharden.stack.names import Names, without_empty

NAMESPACES = {
    "pid": "PidMode",
    "ipc": "IpcMode",
    "uts": "UTSMode",
    "userns_mode": "UsernsMode",
    "cgroup": "CgroupnsMode",
}
SAME = {
    "privileged": "Privileged",
    "read_only": "ReadonlyRootfs",
    "init": "Init",
    "annotations": "Annotations",
    "cgroup_parent": "CgroupParent",
    "runtime": "Runtime",
    "isolation": "Isolation",
    "oom_kill_disable": "OomKillDisable",
    "oom_score_adj": "OomScoreAdj",
    "cpu_count": "CpuCount",
    "cpu_period": "CpuPeriod",
    "cpu_quota": "CpuQuota",
    "cpu_rt_period": "CpuRealtimePeriod",
    "cpu_rt_runtime": "CpuRealtimeRuntime",
    "cpu_shares": "CpuShares",
    "cpuset": "CpusetCpus",
    "sysctls": "Sysctls",
    "dns": "Dns",
    "dns_search": "DnsSearch",
    "dns_opt": "DnsOptions",
    "group_add": "GroupAdd",
    "device_cgroup_rules": "DeviceCgroupRules",
    "storage_opt": "StorageOpt",
    "volume_driver": "VolumeDriver",
}
BYTES = {
    "mem_limit": "Memory",
    "mem_reservation": "MemoryReservation",
    "memswap_limit": "MemorySwap",
    "shm_size": "ShmSize",
}


def host_config(
    service: Service, config: dict[str, Any], names: Names, container_id: Callable[[str], str]
) -> dict[str, Any]:
    """The whole mapping; empty values are left out, as the engine reads them as absent."""
    host: dict[str, Any] = {field: config.get(key) for key, field in SAME.items()}
    host |= limits(config)
    host |= {field: namespace(config.get(key), container_id) for key, field in NAMESPACES.items()}
    host |= security_options(service, config.get("security_opt") or [])
    host |= mounts(service, config, names)
    host["NetworkMode"] = network_mode(config, names, container_id)
    host["CapAdd"], host["CapDrop"] = capabilities(config.get("cap_add")), capabilities(config.get("cap_drop"))
    host["PortBindings"] = port_bindings(config)
    host["RestartPolicy"] = restart_policy(config)
    host["Ulimits"] = ulimits(config.get("ulimits") or {})
    host["Devices"] = devices(config.get("devices") or [])
    host["DeviceRequests"] = device_requests(config)
    host["ExtraHosts"] = extra_hosts(config.get("extra_hosts") or {})
    host["Links"] = links(service, config, names)
    host["VolumesFrom"] = [volumes_from(text, container_id) for text in config.get("volumes_from") or []]
    host |= block_io(config.get("blkio_config") or {})
    logging = config.get("logging") or {}
    if logging:
        host["LogConfig"] = {"Type": logging.get("driver", ""), "Config": logging.get("options") or {}}
    unmasked = {"MaskedPaths", "ReadonlyPaths"}
    return {key: value for key, value in host.items() if key in unmasked or value not in (None, "", 0, False, [], {})}


def limits(config: dict[str, Any]) -> dict[str, Any]:
    """Both spellings; where ``deploy`` sets a limit it wins."""
    deploy = (config.get("deploy") or {}).get("resources") or {}
    limit, reservation = deploy.get("limits") or {}, deploy.get("reservations") or {}
    result: dict[str, Any] = {field: int(config[key]) for key, field in BYTES.items() if config.get(key)}
    if limit.get("memory"):
        result["Memory"] = int(limit["memory"])
    if reservation.get("memory"):
        result["MemoryReservation"] = int(reservation["memory"])
    cpus = float(limit.get("cpus") or config.get("cpus") or 0)
    result["NanoCpus"] = round(cpus * 1e9)
    result["PidsLimit"] = int(limit.get("pids") or config.get("pids_limit") or 0)
    result["CpuPercent"] = round(float(config.get("cpu_percent") or 0) * 100)
    # swappiness 0 is not sent by Docker Compose either: the engine takes an absent one as the host's
    result["MemorySwappiness"] = int(config.get("mem_swappiness") or 0)
    return result


def namespace(value: str | None, container_id: Callable[[str], str]) -> str:
    """``service:x`` becomes ``container:<id>``."""
    if value and value.startswith("service:"):
        return f"container:{container_id(value[len('service:') :])}"
    return value or ""


def network_mode(config: dict[str, Any], names: Names, container_id: Callable[[str], str]) -> str:
    """The mode given, else the first network by priority, else none."""
    if config.get("network_mode"):
        return namespace(config["network_mode"], container_id)
    attached = config.get("networks") or {}
    if not attached:
        return "none"
    first = min(attached, key=lambda key: (-int((attached[key] or {}).get("priority") or 0), key))
    return names.resource("network", first)


def capabilities(listed: list[str] | None) -> list[str]:
    """Upper case, prefixed, sorted, each once; ``ALL`` stays."""
    upper = {name.upper() for name in listed or ()}
    return sorted(name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}" for name in upper)


def security_options(service: Service, options: list[str]) -> dict[str, Any]:
    """A seccomp file is sent inline and ``systempaths`` as paths: both are the client's work (docker/cli opts)."""
    result: dict[str, Any] = {"SecurityOpt": []}
    for option in options:
        key, separator, value = option.partition("=") if "=" in option else option.partition(":")
        if key == "systempaths" and value == "unconfined":
            result |= {"MaskedPaths": [], "ReadonlyPaths": []}
        elif key == "seccomp" and value not in ("unconfined", "builtin"):
            result["SecurityOpt"].append(f"seccomp={seccomp_profile(service, value)}")
        elif not separator and key != "no-new-privileges":
            raise ValueError(f"{service.name}: invalid security_opt {option!r}")
        else:
            result["SecurityOpt"].append(option)
    return result


def seccomp_profile(service: Service, path: str) -> str:
    """The profile's JSON on one line. Raises OSError or ValueError."""
    with open(os.path.join(service.project.directory, path), encoding="utf-8") as file:
        return json.dumps(json.load(file), separators=(",", ":"))


def port_bindings(config: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """An empty HostIp is every interface, an empty HostPort any free port."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in config.get("ports") or ():
        key = f"{port['target']}/{port.get('protocol') or 'tcp'}"
        binding = {"HostIp": port.get("host_ip") or "", "HostPort": str(port.get("published") or "")}
        bindings.setdefault(key, []).append(binding)
    return bindings


def restart_policy(config: dict[str, Any]) -> dict[str, Any]:
    """``deploy.restart_policy`` replaces ``restart``; without a condition it means none at all."""
    policy = (config.get("deploy") or {}).get("restart_policy")
    if policy is not None:
        name = {"none": "no", "any": "always"}.get(policy.get("condition", ""), policy.get("condition", ""))
        return without_empty({"Name": name, "MaximumRetryCount": int(policy.get("max_attempts") or 0)})
    name, _, count = (config.get("restart") or "").partition(":")
    return without_empty({"Name": name, "MaximumRetryCount": int(count) if count.isdigit() else 0})


def ulimits(listed: dict[str, Any]) -> list[dict[str, Any]]:
    """A single number is both the soft and the hard limit."""
    return [
        {"Name": name, "Soft": int(limit["soft"]), "Hard": int(limit["hard"])}
        if isinstance(limit, dict)
        else {"Name": name, "Soft": int(limit), "Hard": int(limit)}
        for name, limit in listed.items()
    ]


def devices(listed: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Host devices; a CDI name is a request instead."""
    return [
        {
            "PathOnHost": device["source"],
            "PathInContainer": device.get("target") or device["source"],
            "CgroupPermissions": device.get("permissions") or "rwm",
        }
        for device in listed
        if not is_cdi(device["source"])
    ]


def is_cdi(source: str) -> bool:
    """``vendor.com/class=name`` (Container Device Interface)."""
    return not source.startswith("/") and "/" in source and "=" in source


def device_requests(config: dict[str, Any]) -> list[dict[str, Any]]:
    """``gpus``, the devices reserved under ``deploy``, and CDI devices."""
    reserved = ((config.get("deploy") or {}).get("resources") or {}).get("reservations") or {}
    requests = [device_request(gpu, ["gpu"]) for gpu in config.get("gpus") or ()]
    requests += [device_request(device, []) for device in reserved.get("devices") or ()]
    names = [device["source"] for device in config.get("devices") or () if is_cdi(device["source"])]
    return requests + ([{"Driver": "cdi", "DeviceIDs": names}] if names else [])


def device_request(device: dict[str, Any], implied: list[str]) -> dict[str, Any]:
    """One request for devices."""
    wanted = list(dict.fromkeys([*(device.get("capabilities") or []), *implied]))
    identifiers = device.get("device_ids")
    count = int(device.get("count") or 0) or (0 if identifiers else -1)
    return without_empty(
        {
            "Capabilities": [wanted],
            "Count": count,
            "DeviceIDs": identifiers,
            "Driver": device.get("driver"),
            "Options": device.get("options"),
        }
    )


def extra_hosts(hosts: dict[str, Any] | list[str]) -> list[str]:
    """``name:address``."""
    if isinstance(hosts, list):
        return [entry.replace("=", ":", 1) for entry in hosts]
    pairs = [(name, [value] if isinstance(value, str) else value) for name, value in hosts.items()]
    return [f"{name}:{address}" for name, addresses in pairs for address in addresses]


def links(service: Service, config: dict[str, Any], names: Names) -> list[str]:
    """Each link under the alias, the container's short name and its full name, as Docker Compose writes them."""
    result = []
    for link in config.get("links") or ():
        target, _, alias = link.partition(":")
        linked = service.project.services[target]
        container = names.container(linked)
        result += [f"{container}:{alias or target}", f"{container}:{target}-1", f"{container}:{container}"]
    return list(dict.fromkeys([*result, *(config.get("external_links") or ())]))


def volumes_from(text: str, container_id: Callable[[str], str]) -> str:
    """``service[:mode]`` or ``container:name[:mode]``."""
    if text.startswith("container:"):
        return text[len("container:") :]
    return container_id(text.split(":", 1)[0])


def block_io(config: dict[str, Any]) -> dict[str, Any]:
    """Weights and rates of block devices."""
    result: dict[str, Any] = {"BlkioWeight": int(config.get("weight") or 0)}
    result["BlkioWeightDevice"] = [
        {"Path": device["path"], "Weight": int(device["weight"])} for device in config.get("weight_device") or ()
    ]
    for key, field in (
        ("device_read_bps", "BlkioDeviceReadBps"),
        ("device_write_bps", "BlkioDeviceWriteBps"),
        ("device_read_iops", "BlkioDeviceReadIOps"),
        ("device_write_iops", "BlkioDeviceWriteIOps"),
    ):
        result[field] = [{"Path": device["path"], "Rate": int(device["rate"])} for device in config.get(key) or ()]
    return result
