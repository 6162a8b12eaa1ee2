"""Limits from cgroup files of both versions, as engines lay them out."""

from __future__ import annotations

import pytest

from pytest_dockerharden.observe.cgroup import containers_in, membership, read_limits

ID = "3f" * 32
OUTER = "ab" * 32
V1 = f"""12:pids:/docker/{ID}
11:cpu,cpuacct:/docker/{ID}
10:memory:/docker/{ID}
1:name=systemd:/docker/{ID}
0::/docker/{ID}
"""


@pytest.mark.parametrize(
    ("cgroup", "containers"),
    [
        pytest.param(V1, {ID}, id="v1, cgroupfs driver"),
        pytest.param(f"0::/system.slice/docker-{ID}.scope\n", {ID}, id="v2, systemd driver"),
        pytest.param(
            f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope\n", {ID}, id="rootless"
        ),
        pytest.param(f"0::/machine.slice/libpod-{ID}.scope/container\n", {ID}, id="podman"),
        pytest.param(f"0::/docker/{OUTER}/docker/{ID}\n", {OUTER, ID}, id="an engine in a container"),
        pytest.param("0::/user.slice/user-0.slice/session-1.scope\n", set(), id="the host"),
        pytest.param("0::/\n", set(), id="seen from a private namespace"),
        pytest.param(f"0::/cache/{ID}{ID}\n", set(), id="a longer digest is no id"),
        pytest.param("", set(), id="a process that has just ended"),
    ],
)
def test_finds_the_containers_of_a_process(cgroup: str, containers: set[str]) -> None:
    assert containers_in(cgroup) == containers


def test_splits_controllers_that_are_mounted_together() -> None:
    paths = membership(V1)
    assert paths["cpu"] == paths["cpuacct"] == f"/docker/{ID}"
    assert paths["name=systemd"] == paths[""] == f"/docker/{ID}"


def test_a_cgroup_path_may_hold_colons() -> None:
    assert membership("4:memory:/a:b/c\n") == {"memory": "/a:b/c"}


def limits(files: dict[str, str], cgroup: str) -> dict[str, float | str | None]:
    found = read_limits(files.get, membership(cgroup))
    names = ("memory", "memory_swap", "memory_reservation", "cpus", "pids")
    return {name: limit.value if (limit := getattr(found, name)) is not None else "unknown" for name in names}


V1_FOLDER = f"docker/{ID}"


def v1(memory: str, swap: str, soft: str, quota: str, period: str, pids: str) -> dict[str, str]:
    return {
        f"memory/{V1_FOLDER}/memory.limit_in_bytes": f"{memory}\n",
        f"memory/{V1_FOLDER}/memory.memsw.limit_in_bytes": f"{swap}\n",
        f"memory/{V1_FOLDER}/memory.soft_limit_in_bytes": f"{soft}\n",
        f"cpu/{V1_FOLDER}/cpu.cfs_quota_us": f"{quota}\n",
        f"cpu/{V1_FOLDER}/cpu.cfs_period_us": f"{period}\n",
        f"pids/{V1_FOLDER}/pids.max": f"{pids}\n",
    }


NONE = str(0x7FFFFFFFFFFFF000)


def test_v1_limits() -> None:
    files = v1("268435456", "268435456", "134217728", "50000", "100000", "128")
    assert limits(files, V1) == {
        "memory": 268435456,
        "memory_swap": 268435456,
        "memory_reservation": 134217728,
        "cpus": 0.5,
        "pids": 128,
    }


def test_v1_without_limits() -> None:
    assert limits(v1(NONE, NONE, NONE, "-1", "100000", "max"), V1) == dict.fromkeys(
        ("memory", "memory_swap", "memory_reservation", "cpus", "pids")
    )


def test_v1_without_swap_accounting() -> None:
    files = v1("268435456", "0", NONE, "-1", "100000", "max")
    del files[f"memory/{V1_FOLDER}/memory.memsw.limit_in_bytes"]
    assert limits(files, V1)["memory_swap"] == "unknown"


V2 = f"0::/system.slice/docker-{ID}.scope\n"
V2_FOLDER = f"system.slice/docker-{ID}.scope"


def v2(**files: str) -> dict[str, str]:
    return {f"{V2_FOLDER}/{name.replace('_', '.')}": f"{text}\n" for name, text in files.items()}


def test_v2_limits_count_memory_and_swap_together() -> None:
    files = v2(
        memory_max="268435456",
        memory_swap_max="134217728",
        memory_low="67108864",
        cpu_max="150000 100000",
        pids_max="64",
    )
    assert limits(files, V2) == {
        "memory": 268435456,
        "memory_swap": 402653184,
        "memory_reservation": 67108864,
        "cpus": 1.5,
        "pids": 64,
    }


def test_v2_without_limits() -> None:
    files = v2(memory_max="max", memory_swap_max="max", memory_low="0", cpu_max="max 100000", pids_max="max")
    assert limits(files, V2) == dict.fromkeys(("memory", "memory_swap", "memory_reservation", "cpus", "pids"))


def test_v2_no_swap_at_all_is_a_limit() -> None:
    assert limits(v2(memory_max="1048576", memory_swap_max="0"), V2)["memory_swap"] == 1048576


def test_v2_in_the_containers_own_namespace() -> None:
    assert limits({"memory.max": "4096\n"}, "0::/\n")["memory"] == 4096


def test_hybrid_hierarchies_are_read_as_v1() -> None:
    files = v1("4096", "4096", NONE, "-1", "100000", "max") | v2(memory_max="9999")
    assert limits(files, V1)["memory"] == 4096


def test_rootless_without_delegated_controllers_is_unknown() -> None:
    assert limits({}, V2) == dict.fromkeys(("memory", "memory_swap", "memory_reservation", "cpus", "pids"), "unknown")


@pytest.mark.parametrize("text", ["", "garbage", "-5", "1e9", "maximum"])
def test_what_no_kernel_writes_is_unknown(text: str) -> None:
    files = v1(text, text, text, text, text, text) | v2(memory_max=text, cpu_max=text, pids_max=text)
    for cgroup in (V1, V2):
        assert set(limits(files, cgroup).values()) == {"unknown"}
