"""Where a container is not what was predicted of it, field by field.

What differs by design is no difference: kernel mounts, names that a run gives to networks and volumes, ports that it
publishes elsewhere, what an engine adds where nothing was asked for. What is unknown on either side is none either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from pytest_dockerharden.model.capabilities import ALL, DEFAULT
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.fact import Fact, Known
from pytest_dockerharden.model.mount_drift import mount_differences
from pytest_dockerharden.model.origin import Origin
from pytest_dockerharden.model.posture import NetworkAttachment, Port, Posture
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.secrets import mask

PAGE = 4096
EVERY_INTERFACE = ("", "0.0.0.0", "::")  # noqa: S104 - what a file says, not what we bind
# a run of ours builds under tags of its own
BUILT = "dockerharden/"


@dataclass(frozen=True, slots=True)
class Difference:
    """``asked`` and ``found`` are texts for people without secrets, ``predicted`` and ``observed`` where they stand."""

    field: str
    what: str
    asked: str
    found: str
    predicted: Origin
    observed: Origin


# what, asked, found, and the places where they are not those of the facts
Row = tuple[str, str, str]
Compare = Callable[[Any, Any, Posture], Iterator[Row]]


def differences(observed: Posture) -> Iterator[Difference]:
    """Against ``observed.predicted``, in the order of the fields. Nothing where that is missing."""
    predicted = observed.predicted
    if predicted is None:
        return
    for name, compare in COMPARED.items():
        asked: Fact[Any] = getattr(predicted, name)
        found: Fact[Any] = getattr(observed, name)
        if isinstance(asked, Known) and isinstance(found, Known):
            for what, one, other in compare(asked.value, found.value, predicted):
                yield Difference(name, what, one, other, asked.origin, found.origin)
    asked, found = predicted.mounts, observed.mounts
    if isinstance(asked, Known) and isinstance(found, Known):
        for mount in mount_differences(asked.value, found.value, predicted, whole=has_image(predicted)):
            places = mount.predicted or asked.origin, mount.observed or found.origin
            yield Difference("mounts", mount.what, mount.asked, mount.found, *places)


def same(what: str) -> Compare:
    """Equal or not."""

    def compare(asked: Any, found: Any, predicted: Posture) -> Iterator[Row]:
        if asked != found:
            yield what, shown(asked), shown(found)

    return compare


def shown(value: object) -> str:
    """For people: sets and tuples in one line, secrets masked."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ("", (), frozenset()):
        return "none"
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value)))
    if isinstance(value, tuple):
        return mask(" ".join(map(str, value)))
    return mask(str(value))


def both(say: Callable[[Any], str], asked: Any, found: Any) -> tuple[str, str]:
    """The two sides in the same words."""
    return say(asked), say(found)


def capabilities(what: str) -> Compare:
    """The names on one side only."""

    def compare(asked: frozenset[str], found: frozenset[str], predicted: Posture) -> Iterator[Row]:
        if asked != found:
            yield what, _only(asked, found), _only(found, asked)

    return compare


def _only(one: frozenset[str], other: frozenset[str]) -> str:
    if one in (ALL, DEFAULT):
        return "all there are" if one == ALL else "the default ones"
    own = one - other
    return f"{', '.join(sorted(own))} and {len(one & other)} more" if own else shown(one)


def user(asked: bool, found: bool, predicted: Posture) -> Iterator[Row]:
    """Root or not."""
    if asked != found:
        yield "it runs as", *both(lambda root: "root" if root else "another user than root", asked, found)


def groups(asked: frozenset[int], found: frozenset[int], predicted: Posture) -> Iterator[Row]:
    """The supplementary ones; the primary group is often among them as well, and is compared on its own."""
    primary = {predicted.gid.get(-1)}
    yield from same("its groups are")(asked - primary, found - primary, predicted)


def amount(what: str) -> Compare:
    """Bytes; the kernel counts whole pages."""

    def compare(asked: int | None, found: int | None, predicted: Posture) -> Iterator[Row]:
        if (asked and asked // PAGE) != (found and found // PAGE):
            yield what, _bytes(asked), _bytes(found)

    return compare


def _bytes(value: int | None) -> str:
    if not value:
        return "no limit"
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= unit:
            return f"{value / unit:.4g} {name}"
    return f"{value} bytes"


def cpus(asked: float | None, found: float | None, predicted: Posture) -> Iterator[Row]:
    """The quota is a whole number of microseconds."""
    if (asked is None) != (found is None) or abs((asked or 0) - (found or 0)) > 0.005:
        yield "its CPUs are", *both(lambda value: "without limit" if value is None else f"{value:g}", asked, found)


def pids(asked: int | None, found: int | None, predicted: Posture) -> Iterator[Row]:
    """Processes."""
    if asked != found:
        yield "its processes are", *both(lambda value: "without limit" if value is None else str(value), asked, found)


def apparmor(asked: str, found: str, predicted: Posture) -> Iterator[Row]:
    """A host without AppArmor has no profile to show."""
    if found and asked != found:
        yield "its AppArmor profile is", asked or "none", found


def selinux(asked: str, found: str, predicted: Posture) -> Iterator[Row]:
    """Whether separation is on; the label itself is the engine's choice."""
    if (asked == "disable") != (found == "disable"):
        yield "SELinux separation is", *both(lambda label: "off" if label == "disable" else "on", asked, found)


def at_least(what: str) -> Compare:
    """What was asked for is there; an engine may have defaults of its own beside it."""

    def compare(asked: Mapping[str, Any], found: Mapping[str, Any], predicted: Posture) -> Iterator[Row]:
        for name, value in asked.items():
            if name not in found or found[name] != value:
                yield f"{what} {name} is", str(value), str(found.get(name, "none"))

    return compare


def unordered(what: str) -> Compare:
    """As sets."""

    def compare(asked: Any, found: Any, predicted: Posture) -> Iterator[Row]:
        if set(asked) != set(found):
            yield what, shown(frozenset(asked)), shown(frozenset(found))

    return compare


def devices(asked: Any, found: Any, predicted: Posture) -> Iterator[Row]:
    """By host path, path inside and permissions. A CDI name is the engine's to resolve."""
    one, other = (
        {f"{d.source} as {d.target} ({''.join(sorted(d.permissions))})" for d in group if d.source.startswith("/")}
        for group in (asked, found)
    )
    yield from unordered("its devices are")(one, other, predicted)


def networks(
    asked: tuple[NetworkAttachment, ...], found: tuple[NetworkAttachment, ...], predicted: Posture
) -> Iterator[Row]:
    """By name; of those that the project makes also whether they are internal, and the driver where it names one."""
    other = {network.name: network for network in found}
    one = {n.name if n.name in other else _network_name(n, predicted): n for n in asked}
    if one.keys() != other.keys():
        yield "its networks are", shown(frozenset(one)), shown(frozenset(other))
    for name in one.keys() & other.keys():
        declared, there = one[name], other[name]
        if declared.external:
            continue
        if declared.internal != there.internal:
            yield f"network {name} is internal:", shown(declared.internal), shown(there.internal)
        if declared.driver and there.driver and declared.driver != there.driver:
            yield f"network {name} has driver", declared.driver, there.driver


def _network_name(network: NetworkAttachment, predicted: Posture) -> str:
    """A network that is not of the project is known by the engine's name of it."""
    service = predicted.service
    node = service.project.networks.get(network.name) if service else None
    name = node.get("name") if node else None
    return name.text() if name else network.name


def ports(asked: tuple[Port, ...], found: tuple[Port, ...], predicted: Posture) -> Iterator[Row]:
    """Each published port has its counterpart; any host port will do where none or a range was asked for."""
    rest = list(found)
    for port in asked:
        match = next((other for other in rest if _is_port(port, other)), None)
        if match is None:
            yield f"port {port.container_port}/{port.protocol} is published on", _place(port), _places(port, found)
        else:
            rest.remove(match)
    declared = {(port.container_port, port.protocol) for port in asked}
    for port in rest:
        if (port.container_port, port.protocol) not in declared:
            yield f"port {port.container_port}/{port.protocol} is published on", "nothing", _place(port)


def _is_port(asked: Port, found: Port) -> bool:
    where = asked.host_ip == found.host_ip or (asked.host_ip in EVERY_INTERFACE and found.host_ip in EVERY_INTERFACE)
    number = not asked.host_port or "-" in asked.host_port or asked.host_port == found.host_port
    return (asked.container_port, asked.protocol) == (found.container_port, found.protocol) and where and number


def _place(port: Port) -> str:
    return f"{'every interface' if port.host_ip in EVERY_INTERFACE else port.host_ip}:{port.host_port or 'any'}"


def _places(port: Port, found: tuple[Port, ...]) -> str:
    same_port = [p for p in found if (p.container_port, p.protocol) == (port.container_port, port.protocol)]
    return ", ".join(map(_place, same_port)) or "nothing"


def exposed(asked: frozenset[str], found: frozenset[str], predicted: Posture) -> Iterator[Row]:
    """Those of an image that is not at hand were not predicted."""
    missing = {port for entry in asked for port in _range(entry)} - found
    further = found - {port for entry in asked for port in _range(entry)} if has_image(predicted) else frozenset()
    if missing or further:
        yield "its exposed ports are", shown(asked), shown(found)


def _range(entry: str) -> list[str]:
    """``3000-3002/tcp`` is three."""
    numbers, _, protocol = entry.partition("/")
    first, _, last = numbers.partition("-")
    if not (first.isdigit() and last.isdigit() and 0 < int(last) - int(first) < 1 << 16):
        return [entry]
    return [f"{number}/{protocol}" for number in range(int(first), int(last) + 1)]


def environment(asked: Mapping[str, Any], found: Mapping[str, Any], predicted: Posture) -> Iterator[Row]:
    """Names only: a value may be a secret. Variables of an image that is not at hand were not predicted."""
    for name, variable in asked.items():
        if variable.value is None:
            continue
        if name not in found:
            yield f"variable {name} is", "set", "not set"
        elif found[name].value != variable.value:
            yield f"variable {name} has", "the value of the files", "another value"
    if has_image(predicted):
        for name in found.keys() - asked.keys():
            yield f"variable {name} is", "not set", "set"


def image(asked: str, found: str, predicted: Posture) -> Iterator[Row]:
    """The same reference, however it is written. What is built is tagged by whoever builds it."""
    built = predicted.service is not None and predicted.service.get("build") is not None
    if built or found.startswith((BUILT, "sha256:")):
        return
    one, other = parse_reference(asked), parse_reference(found)
    if (one.registry, one.path, one.tag or "latest", one.digest) != (
        other.registry, other.path, other.tag or "latest", other.digest,
    ):  # fmt: skip
        yield "its image is", asked, found


def working_dir(asked: str, found: str, predicted: Posture) -> Iterator[Row]:
    """A slash at the end says nothing."""
    if (asked.rstrip("/") or "/") != (found.rstrip("/") or "/"):
        yield "its working directory is", asked, found


def healthcheck(asked: Any, found: Any, predicted: Posture) -> Iterator[Row]:
    """Key by key."""
    if asked is None or found is None:
        if asked is not found:
            yield "its healthcheck is", *both(lambda check: shown(check and check.test), asked, found)
        return
    for key in fields(asked):
        one, other = getattr(asked, key.name), getattr(found, key.name)
        if one != other:
            yield f"its healthcheck has {key.name}", shown(one), shown(other)


def logging(asked: Any, found: Any, predicted: Posture) -> Iterator[Row]:
    """Where nothing is said, the engine's own settings hold."""
    if asked.driver and asked.driver != found.driver:
        yield "its log driver is", asked.driver, found.driver
    yield from at_least("its log option")(dict(asked.options), dict(found.options), predicted)


def grace(asked: float, found: float, predicted: Posture) -> Iterator[Row]:
    """The engine counts whole seconds."""
    if int(asked) != int(found):
        yield "its time to stop is", f"{asked:g} s", f"{found:g} s"


def has_image(predicted: Posture) -> bool:
    """Whether all that its image brings was predicted."""
    service = predicted.service
    if service is None:
        return False
    return isinstance(service.image, Known) or (service.stage is not None and service.stage.root_base() == "scratch")


COMPARED: dict[str, Compare] = {
    "runs_as_root": user,
    "uid": same("its uid is"),
    "gid": same("its gid is"),
    "groups": groups,
    "privileged": same("it is privileged:"),
    "cap_effective": capabilities("its effective capabilities are"),
    "cap_permitted": capabilities("its permitted capabilities are"),
    "cap_bounding": capabilities("its bounding capabilities are"),
    "cap_inheritable": capabilities("its inheritable capabilities are"),
    "cap_ambient": capabilities("its ambient capabilities are"),
    "no_new_privileges": same("new privileges are refused:"),
    "seccomp": same("its seccomp profile is"),
    "apparmor": apparmor,
    "selinux": selinux,
    "masked_paths": same("system paths are masked:"),
    "devices": devices,
    "device_rules": unordered("its device rules are"),
    "sysctls": at_least("kernel parameter"),
    "read_only_rootfs": same("its root is read-only:"),
    "network_mode": same("its network mode is"),
    "pid_mode": same("its process namespace is"),
    "ipc_mode": same("its IPC namespace is"),
    "uts_mode": same("its UTS namespace is"),
    "cgroup_mode": same("its cgroup namespace is"),
    "userns_mode": same("its user namespace is"),
    "cgroup_parent": same("its parent cgroup is"),
    "networks": networks,
    "reaches": same("it reaches"),
    "ports": ports,
    "exposed": exposed,
    "memory": amount("its memory is"),
    "memory_swap": amount("its memory and swap are"),
    "memory_reservation": amount("its reserved memory is"),
    "cpus": cpus,
    "pids": pids,
    "shm_size": amount("its shared memory is"),
    "ulimits": at_least("its limit"),
    "oom_kill_disabled": same("the OOM killer spares it:"),
    "oom_score_adj": same("its OOM score is"),
    "environment": environment,
    "entrypoint": same("its entrypoint is"),
    "command": same("its command is"),
    "working_dir": working_dir,
    "image": image,
    "healthcheck": healthcheck,
    "init": same("it has an init process:"),
    "restart": same("its restart policy is"),
    "logging": logging,
    "stop_signal": same("its stop signal is"),
    "stop_grace_period": grace,
}
# the name of a user is the image's; what counts is the uid, which is compared
NOT_COMPARED = frozenset({"user_name"})
