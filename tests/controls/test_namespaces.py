from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found, verdict

OTHER = "  db:\n    image: app\n"


@pytest.mark.parametrize(
    ("control", "body"),
    [
        pytest.param("no-host-pid", "", id="pid-left-out"),
        pytest.param("no-host-pid", "pid: service:db", id="pid-of-a-service-is-another-control"),
        pytest.param("no-host-pid", "pid: ${PID}", id="pid-unresolved"),
        pytest.param("no-host-ipc", "ipc: private", id="ipc-private"),
        pytest.param("no-host-ipc", "ipc: shareable", id="ipc-shareable-is-another-control"),
        pytest.param("no-host-uts", "hostname: host", id="a-host-name"),
        pytest.param("no-host-userns", "", id="userns-left-to-the-engine"),
        pytest.param("private-cgroup-namespace", "cgroup: private", id="cgroup-private"),
        pytest.param("default-cgroup-parent", "", id="no-parent"),
        pytest.param("own-namespaces", "network_mode: service:db", id="a-network-may-be-shared"),
        pytest.param("own-namespaces", "pid: host", id="the-hosts-is-another-control"),
        pytest.param("ipc-not-shareable", "", id="ipc-left-out"),
    ],
)
def test_a_namespace_of_its_own_is_not_reported(tmp_path: Path, control: str, body: str) -> None:
    assert found(tmp_path, control, body, OTHER) == []


@pytest.mark.parametrize(
    ("control", "body", "message"),
    [
        ("no-host-pid", "pid: host", "it shares the host's processes"),
        ("no-host-pid", "pid: ${PID:-host}", "it shares the host's processes"),
        ("no-host-ipc", "ipc: host", "it shares the host's IPC namespace"),
        ("no-host-uts", "uts: host", "it shares the host's name"),
        ("no-host-userns", "userns_mode: host", "it is taken out of user namespace remapping"),
        ("private-cgroup-namespace", "cgroup: host", "it shares the host's control group namespace"),
        ("default-cgroup-parent", "cgroup_parent: /custom", "its control group is below /custom"),
        ("own-namespaces", "pid: service:db", "it is in the pid namespace of db"),
        ("own-namespaces", "ipc: container:other", "it is in the ipc namespace of other"),
        ("ipc-not-shareable", "ipc: shareable", "other containers can join its IPC namespace"),
    ],
)
def test_a_shared_namespace_is_reported(tmp_path: Path, control: str, body: str, message: str) -> None:
    assert found(tmp_path, control, body, OTHER) == [(4, message)]


def test_a_suite_may_ask_for_a_network_of_its_own(tmp_path: Path) -> None:
    body = "network_mode: service:db"
    message = "it is in the network namespace of db"
    assert found(tmp_path, "own-namespaces", body, OTHER, namespaces=("network",)) == [(4, message)]


def test_an_unresolved_namespace_is_unknown(tmp_path: Path) -> None:
    assert verdict(tmp_path, "no-host-pid", "pid: ${PID}") == "unknown"
