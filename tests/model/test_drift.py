"""A difference in any field is told; what differs by design is none."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import judge
from pytest_dockerharden.model.capabilities import DEFAULT
from pytest_dockerharden.model.drift import COMPARED, NOT_COMPARED, differences
from pytest_dockerharden.model.fact import Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin, TextOrigin
from pytest_dockerharden.model.posture import (
    ONLY_LIVE,
    Device,
    Healthcheck,
    Logging,
    Mount,
    NetworkAttachment,
    Port,
    Posture,
    RestartPolicy,
    Ulimit,
    Variable,
)
from tests.helpers import assemble_files

PLACE = TextOrigin("/project/compose.yaml", 3, 5, 3, 8)
LINE = KernelOrigin("web", "/proc/1/status", "evidence", 1)


def drifted(field: str, asked: Any, found: Any, service: Any = None) -> list[tuple[str, str, str]]:
    """What is told where a prediction and an observation have these values in one field, and agree in all others."""
    predicted = Posture(subject="web", phase="static", origin=PLACE, service=service)
    observed = Posture(subject="web", phase="live", origin=LINE, predicted=predicted)
    setattr(predicted, field, Known(asked, PLACE))
    setattr(observed, field, Known(found, LINE))
    return [(d.what, d.asked, d.found) for d in differences(observed)]


def mount(target: str = "/data", **values: Any) -> Mount:
    return Mount(**{"target": target, "kind": "tmpfs", "origin": LINE, **values})


def port(container: int, host: str = "", address: str = "", protocol: str = "tcp") -> Port:
    return Port(container, host, address, protocol, LINE)


def variables(**values: str | None) -> dict[str, Variable]:
    return {name: Variable(name, value, LINE) for name, value in values.items()}


CHECK = Healthcheck(("CMD", "true"), interval=5.0)
DIFFERENT: dict[str, tuple[Any, Any]] = {
    "runs_as_root": (False, True),
    "uid": (1000, 0),
    "gid": (1000, 0),
    "groups": (frozenset({5}), frozenset()),
    "privileged": (False, True),
    "cap_effective": (frozenset(), frozenset({"CHOWN"})),
    "cap_permitted": (frozenset(), frozenset({"CHOWN"})),
    "cap_bounding": (frozenset({"CHOWN"}), frozenset({"CHOWN", "SYS_ADMIN"})),
    "cap_inheritable": (frozenset(), frozenset({"CHOWN"})),
    "cap_ambient": (frozenset(), frozenset({"CHOWN"})),
    "no_new_privileges": (True, False),
    "seccomp": ("default", "unconfined"),
    "apparmor": ("docker-default", "unconfined"),
    "selinux": ("", "disable"),
    "masked_paths": (True, False),
    "devices": ((), (Device("/dev/kmsg", "/dev/kmsg", "rwm", LINE),)),
    "device_rules": ((), ("b *:* rwm",)),
    "sysctls": ({"net.core.somaxconn": "1024"}, {}),
    "read_only_rootfs": (True, False),
    "mounts": ((), (mount(),)),
    "network_mode": ("private", "host"),
    "pid_mode": ("private", "host"),
    "ipc_mode": ("private", "host"),
    "uts_mode": ("private", "host"),
    "cgroup_mode": ("private", "host"),
    "userns_mode": ("host", "private"),
    "cgroup_parent": ("", "system.slice"),
    "networks": ((NetworkAttachment("a", internal=True),), (NetworkAttachment("a", internal=False),)),
    "reaches": (frozenset(), frozenset({"db"})),
    "ports": ((), (port(80, "80"),)),
    "exposed": (frozenset({"80/tcp"}), frozenset()),
    "memory": (64 << 20, None),
    "memory_swap": (64 << 20, 128 << 20),
    "memory_reservation": (32 << 20, None),
    "cpus": (0.5, 1.0),
    "pids": (100, None),
    "shm_size": (64 << 20, 1 << 20),
    "ulimits": ({"nofile": Ulimit(10, 10)}, {"nofile": Ulimit(20, 20)}),
    "oom_kill_disabled": (False, True),
    "oom_score_adj": (0, -500),
    "environment": (variables(A="1"), variables(A="2")),
    "entrypoint": (("/start",), ("/other",)),
    "command": (("serve",), ()),
    "working_dir": ("/app", "/"),
    "image": ("redis:7", "redis:8"),
    "healthcheck": (CHECK, None),
    "init": (True, False),
    "restart": (RestartPolicy("no"), RestartPolicy("always")),
    "logging": (Logging("local"), Logging("json-file")),
    "stop_signal": ("SIGTERM", "SIGKILL"),
    "stop_grace_period": (10.0, 0.0),
}


@pytest.mark.parametrize("field", list(DIFFERENT))
def test_a_difference_in_any_field_is_told(field: str) -> None:
    assert len(drifted(field, *DIFFERENT[field])) == 1


@pytest.mark.parametrize("field", list(DIFFERENT))
@pytest.mark.parametrize("side", [0, 1])
def test_the_same_on_both_sides_is_no_difference(field: str, side: int) -> None:
    assert drifted(field, DIFFERENT[field][side], DIFFERENT[field][side]) == []


def test_every_fact_that_can_be_predicted_is_compared() -> None:
    facts = {name for name, _ in Posture(subject="", phase="live", origin=LINE).facts()}
    only_live = {field.name for field in fields(Posture) if field.default is ONLY_LIVE}
    assert COMPARED.keys() | {"mounts"} | NOT_COMPARED | only_live == facts
    assert DIFFERENT.keys() == COMPARED.keys() | {"mounts"}


@pytest.mark.parametrize("field", list(DIFFERENT))
@pytest.mark.parametrize("unknown", ["predicted", "observed"])
def test_what_is_unknown_on_either_side_is_no_drift(field: str, unknown: str) -> None:
    predicted = Posture(subject="web", phase="static", origin=PLACE)
    observed = Posture(subject="web", phase="live", origin=LINE, predicted=predicted)
    setattr(predicted, field, Known(DIFFERENT[field][0], PLACE))
    setattr(observed, field, Known(DIFFERENT[field][1], LINE))
    setattr(predicted if unknown == "predicted" else observed, field, Unknown("cannot be told"))
    assert list(differences(observed)) == []


def test_nothing_is_compared_without_a_prediction() -> None:
    assert list(differences(Posture(subject="web", phase="live", origin=LINE, uid=Known(0, LINE)))) == []


@pytest.mark.parametrize(
    ("field", "asked", "found"),
    [
        pytest.param("apparmor", "docker-default", "", id="a host without AppArmor"),
        pytest.param("selinux", "level:s0:c1,c2", "system_u:system_r:container_t:s0:c1,c2", id="the whole label"),
        pytest.param("memory", (64 << 20) + 1, 64 << 20, id="whole pages"),
        pytest.param("cpus", 1 / 3, 0.33333, id="whole microseconds"),
        pytest.param("sysctls", {}, {"net.ipv4.ip_unprivileged_port_start": "0"}, id="the engine's own sysctl"),
        pytest.param("ulimits", {}, {"nofile": Ulimit(1, 1)}, id="the engine's own ulimits"),
        pytest.param("device_rules", ("a", "b"), ("b", "a"), id="the order of rules"),
        pytest.param("ports", (port(80),), (port(80, "32768"),), id="any host port"),
        pytest.param("ports", (port(80, "8000-8010"),), (port(80, "8003"),), id="one of a range"),
        pytest.param("ports", (port(80, "80", "0.0.0.0"),), (port(80, "80"),), id="every interface, written out"),
        pytest.param("exposed", frozenset({"80-81/tcp"}), frozenset({"80/tcp", "81/tcp"}), id="a range of ports"),
        pytest.param("exposed", frozenset({"80/tcp"}), frozenset({"80/tcp", "81/tcp"}), id="more by an unknown image"),
        pytest.param("environment", variables(A="1"), variables(A="1", PATH="/bin"), id="more by an unknown image"),
        pytest.param("environment", variables(A=None), variables(A="2"), id="a value that nobody knew"),
        pytest.param("working_dir", "/app/", "/app", id="a slash"),
        pytest.param("image", "redis", "docker.io/library/redis:latest", id="another way to write it"),
        pytest.param("image", "app:1", "dockerharden/1a2b/web", id="what this run has built"),
        pytest.param("logging", Logging(""), Logging("json-file", (("max-size", "1m"),)), id="the engine's own driver"),
        pytest.param("stop_grace_period", 1.5, 1.0, id="whole seconds"),
        pytest.param(
            "networks",
            (NetworkAttachment("default", internal=False, default=True),),
            (NetworkAttachment("default", internal=False, driver="bridge", default=True),),
            id="the default driver",
        ),
        pytest.param(
            "devices",
            (Device("vendor.com/gpu=all", "", "rwm", LINE), Device("/dev/fuse", "/dev/fuse", "mrw", PLACE)),
            (Device("/dev/fuse", "/dev/fuse", "rwm", LINE),),
            id="a CDI name, and the order of permissions",
        ),
    ],
)
def test_what_differs_by_design_is_no_drift(field: str, asked: Any, found: Any) -> None:
    assert drifted(field, asked, found) == []


def test_the_primary_group_may_be_among_the_supplementary_ones() -> None:
    gid = Known(1000, PLACE)
    predicted = Posture(subject="web", phase="static", origin=PLACE, gid=gid, groups=Known(frozenset({1000}), PLACE))
    observed = Posture(subject="web", phase="live", origin=LINE, predicted=predicted, gid=gid)
    observed.groups = Known(frozenset(), LINE)
    assert list(differences(observed)) == []


FLAGS = frozenset({"nosuid", "nodev", "noexec"})
BIND = mount(kind="bind", source="/srv/data")


@pytest.mark.parametrize(
    ("asked", "found", "told"),
    [
        pytest.param(mount(), None, "at /data is", id="missing"),
        pytest.param(None, mount(), "at /data is", id="not asked for"),
        pytest.param(mount(), mount(kind="volume", source="v"), "/data is", id="another kind"),
        pytest.param(mount(flags=FLAGS), mount(), "/data has flags", id="flags of a tmpfs"),
        pytest.param(mount(size=4096), mount(), "/data has size", id="size of a tmpfs"),
        pytest.param(mount(uid=5), mount(uid=0), "/data belongs to uid", id="owner of a tmpfs"),
        pytest.param(BIND, replace(BIND, read_only=True), "/data is", id="read-only"),
        pytest.param(BIND, replace(BIND, source="/srv/other"), "/data comes from", id="source of a bind"),
        pytest.param(BIND, replace(BIND, propagation="shared"), "/data has propagation", id="propagation"),
        pytest.param(
            replace(BIND, read_only=True, recursive=True),
            replace(BIND, read_only=True, recursive=False),
            "/data is read-only",
            id="recursion",
        ),
        pytest.param(
            mount(kind="volume", source="a"), mount(kind="volume", source="b"), "/data comes from", id="volume"
        ),
        pytest.param(
            mount(kind="volume", source="a"), mount(kind="volume", anonymous=True), "/data comes from", id="anonymous"
        ),
    ],
)
def test_a_mount_that_differs_is_told(asked: Mount | None, found: Mount | None, told: str) -> None:
    told_of = drifted("mounts", (asked,) if asked else (), (found,) if found else ())
    assert [what for what, _, _ in told_of] == [told]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param((), (mount("/proc", kind="kernel"),), id="of the kernel"),
        pytest.param((BIND,), (BIND, mount("/data/below", kind="bind", source="/x")), id="what is below a bind"),
        pytest.param(
            (mount("/dev/shm", size=4096),), (mount("/dev/shm", kind="kernel", size=4096),), id="in its place"
        ),
        pytest.param((mount("/var/run"),), (mount("/run"),), id="through the link that all follow"),
        pytest.param((mount(mode=0o700),), (mount(mode=0o1777),), id="the mode, which is that of the directory below"),
        pytest.param((mount(size=5000),), (mount(size=8192),), id="whole pages"),
        pytest.param((), (mount(kind="volume", anonymous=True),), id="a volume of an image that nobody knew"),
        pytest.param(
            (mount("/run/secrets/a", kind="secret", source="a", read_only=True),),
            (mount("/run/secrets/a", kind="secret", source="/p/a.txt", read_only=True),),
            id="a secret is a bind",
        ),
        pytest.param(
            (mount("/etc/x.conf", kind="config", source="x", read_only=True),),
            (mount("/etc/x.conf", kind="bind", source="/p/x.conf", read_only=True),),
            id="a config is a bind",
        ),
        pytest.param((mount("/run/secrets/a", kind="secret", options=("copied",)),), (), id="a secret that is copied"),
        pytest.param(
            (replace(BIND, propagation="rslave"),), (replace(BIND, propagation=""),), id="a slave of what is not shared"
        ),
    ],
)
def test_a_mount_that_differs_by_design_is_no_drift(asked: tuple[Mount, ...], found: tuple[Mount, ...]) -> None:
    assert drifted("mounts", asked, found) == []


EXTERNAL = """\
services:
  web:
    image: app
    networks: [front]
    volumes: [data:/data]
networks:
  front:
    name: shared_front
    external: true
volumes:
  data:
    name: shared_data
    external: true
"""


def test_what_is_external_bears_the_engines_name(tmp_path: Path) -> None:
    service = assemble_files(tmp_path, {"compose.yaml": EXTERNAL}).projects[0].services["web"]
    assert service.posture is not None
    networks, mounts = service.posture.networks.value, service.posture.mounts.value
    there = (NetworkAttachment("shared_front", internal=False, driver="bridge", external=True),)
    assert drifted("networks", networks, there, service) == []
    assert drifted("mounts", mounts, (mount(kind="volume", source="shared_data"),), service) == []


def test_secrets_are_not_told() -> None:
    told = drifted("command", ("serve", "--password=hunter2x"), ("serve", "--password=hunter3x"))
    told += drifted("environment", variables(TOKEN="hunter2x"), variables(TOKEN="hunter3x"))
    assert told
    assert "hunter" not in str(told)


def test_sets_of_capabilities_are_told_in_short() -> None:
    assert drifted("cap_effective", DEFAULT, frozenset()) == [
        ("its effective capabilities are", "the default ones", "none")
    ]
    assert drifted("cap_bounding", frozenset({"CHOWN"}), frozenset({"CHOWN", "SYS_ADMIN"})) == [
        ("its bounding capabilities are", "CHOWN", "SYS_ADMIN and 1 more")
    ]


def test_the_control_names_both_places() -> None:
    predicted = Posture(subject="web", phase="static", origin=PLACE, uid=Known(1000, PLACE))
    found = KernelOrigin("web", "/proc/1/status", "Uid: 0 0 0 0", 1)
    observed = Posture(subject="web", phase="live", origin=LINE, predicted=predicted, uid=Known(0, found))
    judgement = judge(load_all()["runs-as-predicted"], observed, "web")
    assert [(f.message, f.origin, f.related) for f in judgement.findings] == [
        ("its uid is 0, not 1000 as compose.yaml:3 says", found, (PLACE,))
    ]
