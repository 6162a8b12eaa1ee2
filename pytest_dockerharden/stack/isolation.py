"""How a stack of ours differs from what `docker compose up` makes: it must not meet anything else on the machine."""

from __future__ import annotations

from typing import Any

LOOPBACK = "127.0.0.1"


def remap_ports(body: dict[str, Any]) -> None:
    """Publish every port on a free port of the loopback interface: the user's own stack may hold the real one."""
    for bindings in body["HostConfig"].get("PortBindings", {}).values():
        for binding in bindings:
            loopback = "::1" if ":" in binding["HostIp"] and binding["HostIp"] != "::" else LOOPBACK
            binding.update(HostIp=loopback, HostPort="")
