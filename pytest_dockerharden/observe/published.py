"""Ports of a stack that this run published elsewhere: on free ports of the loopback interface, to meet nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import Port, Posture
from pytest_dockerharden.observe.choice import LABELS

RUN = f"{LABELS}run"
LOOPBACK = ("127.0.0.1", "::1")


def are_moved(inspected: Mapping[str, Any]) -> bool:
    """Whether a run of ours made the container, and asked for no port but free ones of the loopback interface."""
    if RUN not in (inspected["Config"].get("Labels") or {}):
        return False
    asked = (inspected["HostConfig"].get("PortBindings") or {}).values()
    bindings = [binding for group in asked for binding in group or ()]
    return bool(bindings) and all(b["HostIp"] in LOOPBACK and not b["HostPort"] for b in bindings)


def put_ports_back(posture: Posture, predicted: Posture | None) -> None:
    """Where each port would be without that. Which ports are open is observed, on which interface is not."""
    observed = posture.ports
    if not isinstance(observed, Known) or not observed.value:
        return
    if predicted is None or not isinstance(predicted.ports, Known):
        posture.ports = Unknown("this run publishes its ports on the loopback interface", observed.origin)
        return
    posture.ports = declared(posture.subject, observed, predicted.ports.value)


def declared(service: str, observed: Known[tuple[Port, ...]], predicted: tuple[Port, ...]) -> Fact[tuple[Port, ...]]:
    """As the project says; a port that it does not name stays as it was found."""
    found: dict[tuple[int, str, str, str], Port] = {}
    for port in observed.value:
        matching = [p for p in predicted if (p.container_port, p.protocol) == (port.container_port, port.protocol)]
        for asked in matching or [port]:
            if matching:
                place = f"{asked.host_ip or 'every interface'}:{asked.host_port or 'any'}"
                text = f"{port.host_ip}:{port.host_port} -> {port.container_port}/{port.protocol}, in place of {place}"
                origin = KernelOrigin(service, "inspect NetworkSettings.Ports", text)
                port = replace(asked, origin=origin)
            found[port.container_port, port.host_port, port.host_ip, port.protocol] = port
    return Known(tuple(found.values()), observed.origin)
