"""Which kernel namespaces and cgroups a container shares, and with whom."""

from __future__ import annotations

from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.predict.reading import text


def predict_namespaces(service: Service, posture: Posture) -> None:
    """The modes of all namespaces, and the parent cgroup."""
    posture.network_mode = _network_mode(service)
    posture.pid_mode = text(service, "pid", "private")
    posture.ipc_mode = text(service, "ipc", "private")
    posture.uts_mode = text(service, "uts", "private")
    posture.cgroup_mode = text(service, "cgroup", "private")
    posture.userns_mode = _userns_mode(service)
    posture.cgroup_parent = text(service, "cgroup_parent")


def _network_mode(service: Service) -> Fact[str]:
    """``bridge`` and the name of a network are a namespace of its own."""
    mode = text(service, "network_mode", "private")
    if isinstance(mode, Known) and not mode.value.startswith(("host", "none", "service:", "container:")):
        return Known("private", mode.origin, mode.related)
    return mode


def _userns_mode(service: Service) -> Fact[str]:
    if service.get("userns_mode") is None:
        return Unknown("whether user namespaces are remapped is a setting of the engine", service.origin)
    return text(service, "userns_mode")
