"""The bodies of ``POST /networks/create`` and ``POST /volumes/create``."""

from __future__ import annotations

from typing import Any

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.stack.names import Names


def network_body(key: str, names: Names) -> dict[str, Any]:
    """A network of the project. ``CheckDuplicate`` is for engines before 25, which allow two of one name."""
    node = names.project.networks.get(key)
    config: dict[str, Any] = (node.plain() if node else None) or {}
    ipam = config.get("ipam") or {}
    pools = [
        {
            name: pool[field]
            for field, name in (
                ("subnet", "Subnet"),
                ("gateway", "Gateway"),
                ("ip_range", "IPRange"),
                ("aux_addresses", "AuxiliaryAddresses"),
            )
            if pool.get(field)
        }
        for pool in ipam.get("config") or ()
    ]
    body: dict[str, Any] = {
        "Name": names.resource("network", key),
        "Driver": config.get("driver") or "",
        "Options": config.get("driver_opts") or {},
        "Internal": bool(config.get("internal")),
        "Attachable": bool(config.get("attachable")),
        "Labels": {**(config.get("labels") or {}), **names.resource_labels("network", key)},
        "IPAM": {"Driver": ipam.get("driver"), "Config": pools, "Options": ipam.get("options")} if ipam else None,
    }
    for field, name in (("enable_ipv4", "EnableIPv4"), ("enable_ipv6", "EnableIPv6")):
        if config.get(field) is not None:
            body[name] = config[field]
    return body


def volume_body(key: str, names: Names) -> dict[str, Any]:
    """A volume of the project."""
    node = names.project.volumes.get(key)
    config: dict[str, Any] = (node.plain() if node else None) or {}
    return {
        "Name": names.resource("volume", key),
        "Driver": config.get("driver") or "",
        "DriverOpts": config.get("driver_opts") or {},
        "Labels": {**(config.get("labels") or {}), **names.resource_labels("volume", key)},
    }


def used_networks(names: Names, external: bool = False) -> list[str]:
    """Keys of the networks that a service is on and that the project creates itself; with ``external`` all of them."""
    attached = [service.get("networks") for service in names.project.services.values()]
    used = {key for node in attached if node is not None for key, _ in node.items()}
    return [key for key, node in names.project.networks.items() if key in used and (external or not is_external(node))]


def used_volumes(names: Names, external: bool = False) -> list[str]:
    """Keys of the volumes that a service mounts and that the project creates itself; with ``external`` all of them."""
    mounts = [mount.plain() for service in names.project.services.values() for mount in service.items("volumes")]
    used = {mount.get("source") for mount in mounts if mount["type"] == "volume"}
    return [key for key, node in names.project.volumes.items() if key in used and (external or not is_external(node))]


def is_external(node: Node) -> bool:
    """Whether a resource must exist already and is not ours to make or remove."""
    external = node.get("external")
    return external is not None and bool(external.value)
