"""What a witness makes of the files of a machine that is not this one: control groups of version 2, as recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.observe.posture import posture
from pytest_dockerharden.observe.witness import HostWitness

ID = "5c" * 32
PID = 4711
GROUP = f"system.slice/docker-{ID}.scope"
STATUS = """\
Name:\tserver
State:\tS (sleeping)
PPid:\t4690
Uid:\t1000\t1000\t1000\t1000
Gid:\t1000\t1000\t1000\t1000
Groups:\t1000
NSpid:\t4711\t1
SigBlk:\t0000000000000000
SigIgn:\t0000000000001000
SigCgt:\t0000000000004002
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t0000000000000000
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
"""
MOUNTS = """\
700 600 0:60 / / ro,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
701 700 0:61 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
702 700 0:62 / /tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,size=1024k,mode=1777
"""
CGROUP = {
    "memory.max": "67108864\n",
    "memory.swap.max": "0\n",
    "memory.low": "0\n",
    "memory.events": "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n",
    "cpu.max": "50000 100000\n",
    "pids.max": "100\n",
}
INSPECTED: dict[str, Any] = {
    "Id": ID,
    "Name": "/web",
    "State": {"Status": "running", "OOMKilled": False},
    "Config": {"Image": "app", "Env": ["PATH=/bin"]},
    "HostConfig": {"CgroupnsMode": "private"},
    "NetworkSettings": {"Networks": {}},
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    files = {"status": STATUS, "cgroup": f"0::/{GROUP}\n", "mountinfo": MOUNTS, "cmdline": "/server\0--serve\0"}
    files |= {"environ": "PATH=/bin\0", "uid_map": "         0     231072      65536\n"}
    write(tmp_path / "proc" / str(PID), files)
    write(tmp_path / "sys" / GROUP, CGROUP)
    (tmp_path / "proc" / str(PID) / "ns").mkdir()
    for name, inode in {"net": 4026532001, "pid": 4026532002, "mnt": 4026532003, "cgroup": 4026532004}.items():
        (tmp_path / "proc" / str(PID) / "ns" / name).symlink_to(f"{name}:[{inode}]")
    (tmp_path / "proc" / str(PID) / "root/tmp").mkdir(parents=True)
    return tmp_path


def observed(machine: Path, **changes: Any) -> Posture:
    witness = HostWitness(machine / "proc", machine / "sys")
    assert witness.sees(ID, PID)
    return posture("web", INSPECTED | changes, witness.collect({ID: PID})[ID], "live")


def test_limits_of_version_2(machine: Path) -> None:
    found = observed(machine)
    assert (found.memory.value, found.memory_swap.value) == (64 << 20, 64 << 20)
    assert (found.memory_reservation.value, found.cpus.value, found.pids.value) == (None, 0.5, 100)
    assert str(found.memory.origin) == "web:/sys/fs/cgroup/memory.max: 67108864"


def test_a_victim_of_the_oom_killer_is_the_kernels_to_tell(machine: Path) -> None:
    assert observed(machine).oom_killed.value is True
    write(machine / "sys" / GROUP, {"memory.events": "oom 1\noom_kill 0\n"})
    assert observed(machine).oom_killed.value is False


def test_devices_of_version_2_are_a_program_and_unknown(machine: Path) -> None:
    assert observed(machine).allowed_devices.known is False


@pytest.mark.parametrize("mode", ["private", "host"])
def test_the_cgroup_namespace_is_known_on_version_2(machine: Path, mode: str) -> None:
    assert observed(machine, HostConfig={"CgroupnsMode": mode}).cgroup_mode.value == mode


def test_root_of_a_remapped_engine_is_not_the_hosts(machine: Path) -> None:
    assert observed(machine).root_is_host_root.value is False


def test_signals_are_those_of_the_status(machine: Path) -> None:
    (first,) = observed(machine).processes.value
    assert first.caught == {"SIGINT", "SIGTERM"}
    assert first.ignored == {"SIGPIPE"}
    assert first.parent == 0


def test_namespaces_bear_the_kernels_numbers(machine: Path) -> None:
    assert observed(machine).namespaces.value["pid"] == 4026532002


def test_what_cannot_be_looked_into_is_unknown_and_not_empty(machine: Path) -> None:
    for name in ("net", "pid", "mnt", "cgroup"):
        (machine / "proc" / str(PID) / "ns" / name).unlink()
    found = observed(machine)
    assert found.control_sockets.known is False
    assert found.namespaces.known is False
