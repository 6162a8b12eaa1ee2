"""What a container may do: capability sets, security options, devices, kernel parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pytest_dockerharden.model.capabilities import ALL, DEFAULT, canonical
from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import Origin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Device, Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.seccomp import profile_path
from pytest_dockerharden.predict.reading import boolean, first_unresolved, known

_NOTHING: frozenset[str] = frozenset()
_OPTION = pattern(r"([^=:]+)(?:[=:](.*))?", re.DOTALL)
# strconv.ParseBool
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def predict_capabilities(service: Service, posture: Posture) -> None:
    """Needs ``runs_as_root``."""
    posture.privileged = boolean(service, "privileged")
    posture.cap_bounding = _bounding(service, posture.privileged)
    posture.cap_effective = posture.cap_permitted = _effective(posture)
    posture.cap_ambient = Known(_NOTHING, service.origin)
    posture.cap_inheritable = Unknown("the inheritable set depends on the version of the engine", service.origin)
    posture.devices = _devices(service)
    posture.device_rules = _device_rules(service)
    posture.sysctls = _sysctls(service)
    _predict_security_options(service, posture)


def _bounding(service: Service, privileged: Fact[bool]) -> Fact[frozenset[str]]:
    add, drop = service.items("cap_add"), service.items("cap_drop")
    reason = first_unresolved(add + drop, "the set of capabilities")
    if reason or not isinstance(privileged, Known):
        return reason or Unknown("whether the container is privileged is not known", service.origin)
    if privileged.value:
        return Known(ALL, privileged.origin, privileged.related)
    places = [service.at(path) for path in ("cap_drop", "cap_add") if service.get(path) is not None]
    value = capability_set({canonical(n.text()) for n in add}, {canonical(n.text()) for n in drop})
    return Known(value, places[0] if places else service.origin, tuple(places[1:]))


def capability_set(add: set[str], drop: set[str]) -> frozenset[str]:
    """What the engine makes of ``cap_add`` and ``cap_drop``: an added ALL beats a dropped one."""
    if "ALL" in add:
        return ALL - drop
    kept = _NOTHING if "ALL" in drop else DEFAULT - drop
    return (kept | add) & ALL


def _effective(posture: Posture) -> Fact[frozenset[str]]:
    """PID 1 starts with the whole bounding set as root, and with nothing as anybody else."""
    root = posture.runs_as_root
    if not isinstance(root, Known):
        return Unknown(root.reason, root.origin)
    return posture.cap_bounding if root.value else Known(_NOTHING, root.origin, root.related)


def _devices(service: Service) -> Fact[tuple[Device, ...]]:
    node = service.get("devices")
    if node is None:
        return Known((), service.origin)
    return known(tuple(_device(item) for item in node), node)


def _device(item: Node) -> Device:
    source, target, permissions = (_part(item, name) for name in ("source", "target", "permissions"))
    if not isinstance(item.value, dict):
        source, target, permissions = [*item.text().split(":"), "", ""][:3]
    return Device(source, target or source, permissions or "rwm", item.place)


def _part(item: Node, name: str) -> str:
    """A value as text; where nothing sets its variables, the text before interpolation."""
    node = item.get(name)
    if node is None:
        return ""
    return node.template or node.text() if node.unresolved else node.text()


def _device_rules(service: Service) -> Fact[tuple[str, ...]]:
    node = service.get("device_cgroup_rules")
    if node is None:
        return Known((), service.origin)
    reason = first_unresolved(list(node), "device_cgroup_rules")
    return reason or known(tuple(item.text() for item in node), node)


def _sysctls(service: Service) -> Fact[Mapping[str, str]]:
    node = service.get("sysctls")
    if node is None:
        return Known({}, service.origin)
    reason = first_unresolved([value for _, value in node.items()], "sysctls")
    return reason or known({name: value.text() for name, value in node.items()}, node)


def _predict_security_options(service: Service, posture: Posture) -> None:
    options = [(_split(item), item) for item in service.items("security_opt")]
    posture.no_new_privileges = _no_new_privileges(service, options)
    posture.seccomp = _seccomp(service, options, posture.privileged)
    posture.apparmor = _profile(service, "apparmor", options, posture.privileged)
    posture.selinux = _selinux(service, options)
    posture.masked_paths = _masked_paths(service, options, posture.privileged)


_Options = list[tuple[tuple[str, str], Node]]


def _split(item: Node) -> tuple[str, str]:
    match = _OPTION.fullmatch(item.text())
    return (match[1], match[2] or "") if match else ("", "")


def _given(options: _Options, name: str) -> _Options:
    """The spellings of one option; one that a variable without a value hides may be any of them."""
    return [(option, node) for option, node in options if option[0] == name or (node.unresolved and not option[0])]


def _earlier(options: _Options) -> tuple[Origin, ...]:
    return tuple(node.place for _, node in options[:-1])


def _no_new_privileges(service: Service, options: _Options) -> Fact[bool]:
    given = _given(options, "no-new-privileges")
    if not given:
        return Known(False, service.origin)
    (_, word), node = given[-1]
    reason = first_unresolved([node], "no-new-privileges")
    if reason:
        return reason
    bare = node.text() == "no-new-privileges"
    if not bare and word not in _TRUE | _FALSE:
        return Unknown("the value of no-new-privileges is not a boolean that the engine takes", node.place)
    return Known(bare or word in _TRUE, node.place, _earlier(given))


def _unconfined_by(privileged: Fact[bool]) -> Known[bool] | Unknown | None:
    """The fact itself where it takes confinement away, or may do so."""
    return None if isinstance(privileged, Known) and not privileged.value else privileged


def _seccomp(
    service: Service, options: _Options, privileged: Fact[bool]
) -> Fact[Literal["default", "custom", "unconfined"]]:
    given = _given(options, "seccomp")
    if not given:
        lifted = _unconfined_by(privileged)
        if isinstance(lifted, Unknown):
            return lifted
        return Known("unconfined", lifted.origin) if lifted else Known("default", service.origin)
    (_, profile), node = given[-1]
    reason = first_unresolved([node], "the seccomp profile")
    if reason:
        return reason
    names: dict[str, Literal["default", "unconfined"]] = {"unconfined": "unconfined", "builtin": "default"}
    return Known(names.get(profile) or _filtered_by(service, node), node.place, _earlier(given))


def _filtered_by(service: Service, option: Node) -> Literal["custom", "unconfined"]:
    """A profile that refuses nothing is none; one that is not at hand is taken to refuse something."""
    path = profile_path(option, service.project.directory)
    return "unconfined" if path and service.project.local[path].refuses_nothing else "custom"


def _profile(service: Service, name: str, options: _Options, privileged: Fact[bool]) -> Fact[str]:
    """The AppArmor profile the engine asks for; whether the host has AppArmor only the host knows."""
    given = _given(options, name)
    if not given:
        lifted = _unconfined_by(privileged)
        if isinstance(lifted, Unknown):
            return lifted
        return Known("unconfined", lifted.origin) if lifted else Known("docker-default", service.origin)
    (_, profile), node = given[-1]
    return first_unresolved([node], f"the {name} profile") or Known(profile, node.place, _earlier(given))


def _selinux(service: Service, options: _Options) -> Fact[str]:
    """The labels, comma separated; ``disable`` where labelling is off; empty where nothing is asked for."""
    given = [*_given(options, "label"), *((o, n) for o, n in options if o == ("disable", ""))]
    if not given:
        return Known("", service.origin)
    reason = first_unresolved([node for _, node in given], "the SELinux label")
    labels = [value or name for (name, value), _ in given]
    last = given[-1][1]
    return reason or Known("disable" if "disable" in labels else ",".join(labels), last.place, _earlier(given))


def _masked_paths(service: Service, options: _Options, privileged: Fact[bool]) -> Fact[bool]:
    for (_, value), node in reversed(_given(options, "systempaths")):
        if node.unresolved or value == "unconfined":
            return first_unresolved([node], "systempaths") or Known(False, node.place)
    lifted = _unconfined_by(privileged)
    if isinstance(lifted, Unknown):
        return lifted
    return Known(False, lifted.origin) if lifted else Known(True, service.origin)
