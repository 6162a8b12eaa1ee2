"""Published ports: as messages name one, and the lines without it."""

from __future__ import annotations

from pytest_dockerharden.model.finding import Remedy
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.posture import Port, Posture
from pytest_dockerharden.model.remedies import remove_item, remove_key


def shown(port: Port) -> str:
    """A published port as messages name it: ``8080/tcp``."""
    if not port.host_port:
        return f"{port.container_port}/{port.protocol} (on a free port)"
    return f"{port.host_port}/{port.protocol}"


def unpublished(posture: Posture, port: Port) -> Remedy:
    """The service without this port: its line goes, or all of them where it is not one of the lines."""
    service, breaks = posture.service, "clients outside of the stack's networks"
    written = service is not None and any(item.origin == port.origin for item in service.items("ports"))
    if written and isinstance(port.origin, TextOrigin):
        return remove_item("ports", port.origin, text=f"remove {shown(port)} from `ports`", breaks=breaks)
    return remove_key("ports", breaks=breaks)
