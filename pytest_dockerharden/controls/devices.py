"""Devices, kernel parameters and groups of the host that a container is given."""

from __future__ import annotations

import re

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Edit, Findings, Remedy
from pytest_dockerharden.model.hostpaths import binds
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.paths import covers, real
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Device, Posture
from pytest_dockerharden.model.remedies import advice, remove_item, remove_key
from pytest_dockerharden.model.roles import watches_the_host

_KERNEL_LOG = "/dev/kmsg"
# disks, what they are made of, and the kernel's log: each is the host's data by itself
_DISKS = pattern(
    r"/dev(?:/(?:kmsg|(?:mapper|disk|zvol)/.*|block(?:/.*)?|dm-\d+|loop(?:\d+.*|-control)?|(?:sd|vd|xvd|hd)[a-z]{1,3}\d*"
    r"|nvme\d+(?:n\d+)?(?:p\d+)?|mmcblk\d+(?:p\d+)?|md\d+|zd\d+|rbd\d+|nbd\d+|zfs|mtdblock\d+"
    r"|char/(?:1:11|10:237)))?"
)
# memory, hardware, virtual machines, keyboards
_DANGEROUS = pattern(
    r"/dev/(?:mem|kmem|port|kcore|core|kvm|vhost-\w+|vfio(?:/.*)?|sg\d*|raw(?:/.*)?|bsg(?:/.*)?|mei\d*|uinput|uhid"
    r"|input(?:/.*)?|mapper|disk|sr\d+|btrfs-control|mtd\d+(?:ro)?|tpm(?:rm)?\d+|cpu(?:/.*)?|hpet|nvram|watchdog\d*"
    r"|autofs|dma_heap(?:/.*)?)"
)
_RULE = pattern(r"\s*([abc])\s*(?:(\*|\d+):(\*|\d+))?\s*([rwm]*)\s*")
# of character devices: 1 is memory, 10 misc (kvm, vhost), 13 input, 21 SCSI; one minor of the first two may be harmless
_DANGEROUS_MAJORS = frozenset({"1", "10", "13", "21"})
_DANGEROUS_DEVICES = frozenset({("1", "1"), ("1", "2"), ("1", "4"), ("1", "11"), ("10", "232"), ("10", "237")})
_PRIVILEGED_GROUPS = frozenset(
    {
        "root",
        "0",
        "docker",
        "podman",
        "disk",
        "lxd",
        "incus",
        "kmem",
        "shadow",
        "sudo",
        "wheel",
        "adm",
        "libvirt",
        "kvm",
    }
)
# what relaxes the network stack of the container, with the value that does
_WEAK_SYSCTLS = (
    (pattern(r"net\.ipv[46]\.conf\.[\w-]+\.(?:accept_redirects|accept_source_route|send_redirects)"), "1"),
    (pattern(r"net\.ipv4\.conf\.[\w-]+\.(?:route_localnet|proxy_arp|bootp_relay)"), "1"),
    (pattern(r"net\.ipv4\.conf\.[\w-]+\.rp_filter"), "0"),
    (pattern(r"net\.ipv4\.(?:tcp_syncookies|icmp_echo_ignore_broadcasts|icmp_ignore_bogus_error_responses)"), "0"),
    (pattern(r"net\.ipv4\.ip_forward|net\.ipv6\.conf\.(?:all|default)\.forwarding"), "1"),
)
# opencontainers/runc libcontainer/configs/validate: what has a namespace of its own
_NAMESPACED = pattern(
    r"net\..+|fs\.mqueue\..+|kernel\.(?:msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced|domainname)"
)


def _taken_away(posture: Posture, device: Device) -> Remedy:
    text, place = f"remove {device.source}", device.origin
    items = posture.service.items("devices") if posture.service is not None else []
    if isinstance(place, TextOrigin) and any(item.origin == place for item in items):
        return remove_item("devices", place, text=text, breaks="what uses the device")
    return advice(text)


@control(
    severity="critical",
    plan="P1",
    cis="5.18",
    equivalents={"compose-lint": "CL-0016", "docker-bench": "5.18"},
)
def no_host_disks(posture: Posture) -> Findings:
    """No disk of the host is given.

    From the raw device a container reads and writes every file of the host, past every permission; with all of /dev it
    has every disk. The kernel's log is the whole machine's too; only of agents that report on the host it is not said.

    Bad::

        services:
          web:
            image: app
            devices:
              - /dev/sda:/dev/xvda  # <-
              - /dev/mapper/vg-data  # <-

    Good::

        services:
          web:
            image: app
            devices:
              - /dev/ttyUSB0:/dev/ttyUSB0
              - /dev/dri:/dev/dri
    """
    yield from _given(posture, _DISKS)


def _given(posture: Posture, devices: re.Pattern[str]) -> Findings:
    for device in posture.devices.value:
        path = real(device.source)
        is_log = path == _KERNEL_LOG
        if devices.fullmatch(path) and not (is_log and watches_the_host(posture)):
            what = f"the kernel's log {path}" if is_log else f"the device {device.source}"
            yield posture.devices.finding(f"it is given {what}", _taken_away(posture, device), at=device.origin)


@control(severity="critical", plan="P1", cis="5.18", equivalents={"docker-bench": "5.18"})
def no_dangerous_devices(posture: Posture) -> Findings:
    """No device is given that is the machine itself.

    Through /dev/mem, /dev/kvm, raw SCSI or the keyboard's input device a container gets at the hardware that the host
    itself runs on, and at what is typed there.

    Bad::

        services:
          web:
            image: app
            devices:
              - /dev/mem  # <-

    Good::

        services:
          web:
            image: app
            devices:
              - /dev/ttyUSB0:/dev/ttyUSB0
              - /dev/dri:/dev/dri
    """
    yield from _given(posture, _DANGEROUS)


@control(severity="low", optional=True, cis="5.18", equivalents={"docker-bench": "5.18"})
def no_host_devices(posture: Posture) -> Findings:
    """No device of the host is given at all.

    Every device is a piece of the host's kernel that the container talks to past the file system.

    Bad::

        services:
          web:
            image: app
            devices:
              - /dev/ttyUSB0:/dev/ttyUSB0  # <-

    Good::

        services:
          web:
            image: app
    """
    for device in posture.devices.value:
        yield posture.devices.finding(f"it is given the device {device.source}", at=device.origin)


@control(severity="high", plan="P1", cis="5.18", equivalents={"compose-lint": "CL-0016"})
def no_wide_device_rules(posture: Posture) -> Findings:
    """No device rule opens a whole class of host devices.

    A rule such as ``b *:* rwm`` lets root in the container make the node of the host's disk and write to it. Without
    MKNOD and without a mount of /dev there is no node to use.

    Bad::

        services:
          web:
            image: app
            device_cgroup_rules:
              - "b 8:* rwm"  # <-
              - "a *:* rwm"  # <-

    Good::

        services:
          web:
            image: app
            device_cgroup_rules:
              - "c 188:* rw"
    """
    nodes = posture.service.items("device_cgroup_rules") if posture.service else []
    places = {node.text(): node.place for node in nodes}
    if "MKNOD" not in posture.cap_bounding.value and not _has_nodes(posture):
        not_applicable("it has no way to a device's node")
    for rule in posture.device_rules.value:
        if _is_wide(rule):
            yield posture.device_rules.finding(
                f"the device rule {rule!r} opens devices of the host itself",
                advice("name the one device under `devices:`"),
                at=places.get(rule),
            )


def _has_nodes(posture: Posture) -> bool:
    return any(covers("/dev", real(mount.source)) for mount in binds(posture))


def _is_wide(rule: str) -> bool:
    match = _RULE.fullmatch(rule)
    if match is None:
        return False
    kind, major, minor, access = match.groups()
    if kind == "a":
        return True
    if not set(access) & {"r", "w"}:
        return False
    whole = major in (None, "*") or (major in _DANGEROUS_MAJORS and minor == "*")
    return kind == "b" or whole or (major, minor) in _DANGEROUS_DEVICES


@control(severity="low", optional=True)
def limited_gpus(posture: Posture) -> Findings:
    """The service is given the GPUs it needs, and not all of them.

    Every GPU is a driver of the host's kernel to talk to, and memory that other services use.

    Bad::

        services:
          web:
            image: app
            gpus: all  # <-

    Good::

        services:
          web:
            image: app
            deploy:
              resources:
                reservations:
                  devices:
                    - driver: nvidia
                      count: 1
                      capabilities: [gpu]
    """
    service = posture.service
    if service is None:
        not_applicable("the request is written in the files")
    requests = [*service.items("gpus"), *service.items("deploy.resources.reservations.devices")]
    for request in requests:
        count, chosen = request.get("count"), request.get("device_ids")
        if chosen is None and (count is None or count.text() in {"-1", "all"}):
            at = service.at("gpus") if request in service.items("gpus") else request.place
            yield service.finding("it is given all GPUs", advice("count: 1"), at=at)


@control(severity="medium", plan="P1")
def safe_sysctls(posture: Posture) -> Findings:
    """No kernel parameter is set that weakens the network stack.

    Redirects, source routes, forwarding and a switched-off reverse path filter let a container's neighbours send its
    traffic elsewhere, or its own root reach what is on the host's loopback.

    Bad::

        services:
          web:
            image: app
            sysctls:
              net.ipv4.conf.all.route_localnet: "1"  # <-

    Good::

        services:
          web:
            image: app
            sysctls:
              net.core.somaxconn: "1024"
              net.ipv4.ip_unprivileged_port_start: "0"
    """
    for name, value in posture.sysctls.value.items():
        if any(pattern.fullmatch(name) and value == weak for pattern, weak in _WEAK_SYSCTLS):
            node = posture.service.node.get("sysctls", name) if posture.service else None
            yield posture.sysctls.finding(
                f"{name} is {value}",
                Remedy(f"remove {name}", (Edit("remove", ("sysctls", name)),), "behaviour-changing"),
                at=node.place if node else None,
            )


@control(severity="medium")
def namespaced_sysctls(posture: Posture) -> Findings:
    """Every kernel parameter that is set belongs to the container.

    ``vm.*`` and most of ``kernel.*`` are the machine's: a container that sets them is refused. With the
    host's network the same holds for ``net.*``.

    Bad::

        services:
          search:
            image: app
            sysctls:
              vm.max_map_count: "262144"  # <-

    Good::

        services:
          search:
            image: app
            sysctls:
              net.core.somaxconn: "1024"
              kernel.shmmax: "67108864"
    """
    service = posture.service
    if service is None:
        not_applicable("a running container's parameters were taken")
    on_host = posture.network_mode.get("") == "host"
    for name in posture.sysctls.value:
        if not _NAMESPACED.fullmatch(name) or (on_host and name.startswith("net.")):
            yield service.finding(
                f"it cannot start: {name} is a parameter of the whole machine",
                advice(f"set {name} on the host with sysctl"),
                at=service.node.get("sysctls", name) or "sysctls",
            )


@control(severity="high", plan="P1")
def no_privileged_groups(posture: Posture) -> Findings:
    """No group is added that is root's equal.

    Members of ``docker`` start privileged containers, those of ``disk`` read every file from the raw device, and group
    0 owns what the system opens to root's group.

    Bad::

        services:
          agent:
            image: app
            user: "1000:1000"
            group_add:
              - docker  # <-

    Bad::

        services:
          agent:
            image: app
            user: "1000:1000"
            group_add:
              - "0"  # <-

    Bad::

        services:
          agent:
            image: app
            user: "1000:1000"
            group_add:
              - ${DOCKER_GID:-999}  # <-

    Good::

        services:
          agent:
            image: app
            user: "1000:1000"
            group_add: [dialout, "2000"]
    """
    service = posture.service
    if service is None:
        if not posture.runs_as_root.get(True) and 0 in posture.groups.value:
            yield posture.groups.finding("it is in the root group")
        return
    for item in service.items("group_add"):
        name = item.text()
        named = "docker" in (item.template or "").lower()
        if named or (name in _PRIVILEGED_GROUPS and not item.unresolved):
            group = "docker" if named and name not in _PRIVILEGED_GROUPS else name
            yield service.finding(f"it is in the group {group}", remove_key("group_add"), at=item)
