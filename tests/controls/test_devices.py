from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found


@pytest.mark.parametrize(
    "device",
    ["/dev/ttyUSB0", "/dev/dri:/dev/dri", "/dev/net/tun", "/dev/fuse", "/dev/snd", "/dev/video0", "/dev/null",
     "/dev/sdk-tool:/dev/x", "/dev/memory:/dev/x", "${DEVICE}:/dev/x", "nvidia.com/gpu=all"],
)  # fmt: skip
def test_an_ordinary_device_is_not_dangerous(tmp_path: Path, device: str) -> None:
    assert found(tmp_path, "no-dangerous-devices", f'devices: ["{device}"]') == []
    assert found(tmp_path, "no-host-disks", f'devices: ["{device}"]') == []


@pytest.mark.parametrize(
    "device",
    ["/dev/sda", "/dev/sda1", "/dev/nvme0n1p2", "/dev/vda", "/dev/xvdf", "/dev/mapper/root",
     "/dev/dm-0", "/dev/loop0", "/dev", "/dev/disk/by-id/x", "/dev/mmcblk0p1", "/dev/./sda", "/dev/zvol/tank/vm",
     "/dev/mtdblock0"],
)  # fmt: skip
def test_a_disk_of_the_host_is_reported(tmp_path: Path, device: str) -> None:
    message = f"it is given the device {device}"
    assert found(tmp_path, "no-host-disks", f"devices:\n  - {device}:/dev/x:r") == [(5, message)]
    assert found(tmp_path, "no-dangerous-devices", f"devices:\n  - {device}:/dev/x:r") == []


def test_the_kernels_log_is_reported_by_its_name(tmp_path: Path) -> None:
    message = "it is given the kernel's log /dev/kmsg"
    assert found(tmp_path, "no-host-disks", "devices:\n  - /dev/kmsg") == [(5, message)]


def test_of_an_exporter_of_the_host_the_kernels_log_is_not_said_and_a_disk_is(tmp_path: Path) -> None:
    exporter = "image: gcr.io/cadvisor/cadvisor:v0.49.1\ndevices: [/dev/kmsg, /dev/sda]"
    assert found(tmp_path, "no-host-disks", exporter) == [(4, "it is given the device /dev/sda")]


@pytest.mark.parametrize("device", ["/dev/mem", "/dev/kvm", "/dev/input/event0", "/dev/disk", "/dev/mapper"])
def test_a_dangerous_device_is_reported(tmp_path: Path, device: str) -> None:
    message = f"it is given the device {device}"
    assert found(tmp_path, "no-dangerous-devices", f"devices:\n  - {device}:/dev/x:r") == [(5, message)]
    assert found(tmp_path, "no-host-disks", f"devices:\n  - {device}:/dev/x:r") == []


def test_any_device_is_reported_by_the_strict_control(tmp_path: Path) -> None:
    message = "it is given the device /dev/ttyUSB0"
    assert found(tmp_path, "no-host-devices", "devices: [/dev/ttyUSB0]") == [(4, message)]
    assert found(tmp_path, "no-host-devices", "") == []


@pytest.mark.parametrize(
    "rule", ["c 188:* rw", "c 189:1 rwm", "c 226:128 rw", "b 8:0 m", "c 1:* m", "c 10:200 rwm", "c 1:3 rw", "${RULE}"]
)
def test_a_narrow_device_rule_is_not_reported(tmp_path: Path, rule: str) -> None:
    assert found(tmp_path, "no-wide-device-rules", f'device_cgroup_rules: ["{rule}"]') == []


@pytest.mark.parametrize("rule", ["a *:* rwm", "b 8:* rwm", "b *:* r", "c *:* rw", "c 1:1 rwm", "c 10:232 rw", "a rwm"])
def test_a_wide_device_rule_is_reported(tmp_path: Path, rule: str) -> None:
    message = f"the device rule {rule!r} opens devices of the host itself"
    assert found(tmp_path, "no-wide-device-rules", f'device_cgroup_rules:\n  - "c 5:0 rw"\n  - "{rule}"') == [
        (6, message)
    ]


def test_a_rule_without_a_node_to_use_is_not_reported(tmp_path: Path) -> None:
    rule = 'device_cgroup_rules: ["b 8:* rwm"]'
    assert found(tmp_path, "no-wide-device-rules", f"cap_drop: [ALL]\n{rule}") == []
    assert len(found(tmp_path, "no-wide-device-rules", f"cap_drop: [ALL]\nvolumes: ['/dev:/dev']\n{rule}")) == 1


DEPLOY = "deploy:\n  resources:\n    reservations:\n      devices:\n        - {{driver: nvidia, capabilities: [gpu]{}}}"


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        pytest.param("", [], id="no-gpu"),
        pytest.param("gpus: [{driver: nvidia, count: 1}]", [], id="one"),
        pytest.param(DEPLOY.format(", count: 1"), [], id="one-reserved"),
        pytest.param(DEPLOY.format(", device_ids: ['0']"), [], id="one-by-id"),
        pytest.param("gpus: all", [4], id="all"),
        pytest.param(DEPLOY.format(", count: all"), [8], id="all-reserved"),
        pytest.param(DEPLOY.format(""), [8], id="none-named-is-all"),
    ],
)
def test_all_gpus_are_reported(tmp_path: Path, body: str, lines: list[int]) -> None:
    assert [line for line, _ in found(tmp_path, "limited-gpus", body)] == lines


@pytest.mark.parametrize(
    "sysctl",
    ["net.core.somaxconn: 1024", "net.ipv4.ip_unprivileged_port_start: 0", "net.ipv4.conf.all.src_valid_mark: 1",
     "net.ipv4.conf.all.rp_filter: 1", "net.ipv4.ip_forward: 0", "net.ipv4.tcp_syncookies: 1",
     "net.ipv6.conf.all.disable_ipv6: 1", "net.ipv4.ip_forward: ${FORWARD}"],
)  # fmt: skip
def test_a_harmless_sysctl_is_not_reported(tmp_path: Path, sysctl: str) -> None:
    assert found(tmp_path, "safe-sysctls", f"sysctls:\n  {sysctl}") == []
    assert found(tmp_path, "namespaced-sysctls", f"sysctls:\n  {sysctl}") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("net.ipv4.conf.all.route_localnet", "1"), ("net.ipv4.conf.eth0.accept_redirects", "1"),
     ("net.ipv4.conf.all.rp_filter", "0"), ("net.ipv4.tcp_syncookies", "0"), ("net.ipv4.ip_forward", "1")],
)  # fmt: skip
def test_a_weakening_sysctl_is_reported(tmp_path: Path, name: str, value: str) -> None:
    assert found(tmp_path, "safe-sysctls", f'sysctls:\n  {name}: "{value}"') == [(5, f"{name} is {value}")]


def test_a_sysctl_of_the_machine_is_reported(tmp_path: Path) -> None:
    message = "it cannot start: {} is a parameter of the whole machine"
    assert found(tmp_path, "namespaced-sysctls", "sysctls: [net.core.somaxconn=1, vm.max_map_count=262144]") == [
        (4, message.format("vm.max_map_count"))
    ]
    body = "network_mode: host\nsysctls:\n  net.core.somaxconn: 1024"
    assert found(tmp_path, "namespaced-sysctls", body) == [(6, message.format("net.core.somaxconn"))]


@pytest.mark.parametrize("group", ["dialout", '"2000"', "video", '"${GROUP}"', '"1000"', "999"])
def test_an_ordinary_group_is_not_reported(tmp_path: Path, group: str) -> None:
    assert found(tmp_path, "no-privileged-groups", f"group_add: [{group}]") == []


@pytest.mark.parametrize(
    ("group", "shown"),
    [("docker", "docker"), ("0", "0"), ("root", "root"), ("disk", "disk"), ('"${DOCKER_GID:-998}"', "docker"),
     ('"${DOCKER_GID}"', "docker")],
)  # fmt: skip
def test_a_group_that_is_roots_equal_is_reported(tmp_path: Path, group: str, shown: str) -> None:
    body = f"group_add:\n  - {group}"
    assert found(tmp_path, "no-privileged-groups", body) == [(5, f"it is in the group {shown}")]
