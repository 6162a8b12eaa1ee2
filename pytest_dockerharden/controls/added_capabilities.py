"""Which of root's powers a container is given beyond the default."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.capabilities import DEFAULT, canonical
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Class, Findings, Remedy
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import Origin, TextOrigin
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.remedies import advice, remove_item
from pytest_dockerharden.model.roles import family

# each of these is root on the host in one step
_HOST_CONTROL = frozenset({"SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO"})
_HOST_REACH = frozenset({"NET_ADMIN", "BPF", "SYS_BOOT"})
_CLOCK_AND_TRACES = frozenset({"SYS_TIME", "PERFMON"})
_KERNEL_LOG = frozenset({"SYSLOG"})
_SHARED_RESOURCES = frozenset({"SYS_NICE", "IPC_LOCK", "LEASE"})
_BEYOND_ITS_OWN = frozenset({"SYS_PTRACE", "DAC_READ_SEARCH"})
_ADMINISTRATION = frozenset(
    {
        "MAC_ADMIN", "MAC_OVERRIDE", "AUDIT_CONTROL", "AUDIT_READ", "LINUX_IMMUTABLE", "CHECKPOINT_RESTORE",
        "WAKE_ALARM", "BLOCK_SUSPEND", "SYS_PACCT", "SYS_TTY_CONFIG", "SYS_RESOURCE", "IPC_OWNER", "NET_BROADCAST",
    }
)  # fmt: skip

# what an image cannot do its work without, as its own documentation says; what hands over the host is never here
_NET = frozenset({"NET_ADMIN"})
_TUNNEL = "/dev/net/tun"
_NEEDED: dict[str, frozenset[str]] = {
    **dict.fromkeys(("wireguard", "wg-easy", "gluetun", "openvpn", "tailscale", "zerotier", "netbird"), _NET),
    **dict.fromkeys(("pihole", "adguardhome", "fail2ban", "keepalived", "ipsec-vpn-server"), _NET),
    **dict.fromkeys(("vault", "elasticsearch", "opensearch"), frozenset({"IPC_LOCK"})),
    **dict.fromkeys(("mysql", "mariadb", "percona"), frozenset({"SYS_NICE"})),
    "clickhouse-server": frozenset({"SYS_NICE", "IPC_LOCK", "NET_ADMIN"}),
}


def added(posture: Posture) -> dict[str, Node]:
    """The names under ``cap_add`` and where each stands; nothing for a container that is only observed."""
    items = posture.service.items("cap_add") if posture.service else []
    return {canonical(item.text()): item for item in items if not item.unresolved}


def taken_back(posture: Posture, name: str, origin: Origin, effect: Class = "behaviour-changing") -> Remedy:
    """The service without this item of ``cap_add``."""
    text = f"remove {name} from cap_add"
    written = posture.service.items("cap_add") if posture.service is not None else []
    if isinstance(origin, TextOrigin) and any(item.origin == origin for item in written):
        return remove_item(
            "cap_add", origin, text=text, effect=effect, breaks="" if effect == "safe" else "what uses it"
        )
    return advice(text)


def _needed(posture: Posture) -> frozenset[str]:
    """A tunnel's device in a network of its own says what NET_ADMIN is for, whatever the image's name."""
    needed = _NEEDED.get(family(posture), frozenset())
    tunnel = any(device.source == _TUNNEL for device in posture.devices.get(()))
    return needed | _NET if tunnel and posture.network_mode.get("host") != "host" else needed


def _held(posture: Posture, names: frozenset[str]) -> Iterator[tuple[str, Origin]]:
    """Which of ``names`` were given to the container beyond the default, each with its place."""
    given, needed = added(posture), _needed(posture)
    if "ALL" in given and names & _HOST_CONTROL:
        yield "ALL", given["ALL"].place
    explicit = [name for name in given if name in names - needed]
    for name in explicit:
        yield name, given[name].place
    if "ALL" in given or posture.privileged.get(False):
        return  # said once, where all of them are given
    for name in sorted((posture.cap_bounding.value & names) - DEFAULT - needed - set(explicit)):
        yield name, posture.cap_bounding.origin or posture.origin


def _findings(posture: Posture, names: frozenset[str], what: str) -> Findings:
    for name, origin in _held(posture, names):
        yield posture.cap_bounding.finding(f"{name} {what}", taken_back(posture, name, origin), at=origin)


@control(
    severity="critical",
    plan="P1",
    cis="5.4",
    owasp="RULE 3",
    equivalents={"compose-lint": "CL-0024", "kics": "container_capabilities_unrestricted", "docker-bench": "5.4"},
)
def no_host_control_capabilities(posture: Posture) -> Findings:
    """No capability is added that hands over the host.

    With SYS_ADMIN, SYS_MODULE or SYS_RAWIO, root in the container mounts the host's disk, loads a kernel module or
    writes to the hardware. ``ALL`` contains them, and beats ``cap_drop: [ALL]``.

    Bad::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add:
              - SYS_ADMIN  # <-

    Bad::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add:
              - all  # <-

    Good::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add: [CHOWN]
    """
    yield from _findings(posture, _HOST_CONTROL, "gives it the host")


@control(
    severity="high",
    plan="P1",
    cis="5.4",
    owasp="RULE 3",
    equivalents={"compose-lint": "CL-0011", "docker-bench": "5.4"},
)
def no_host_reaching_capabilities(posture: Posture) -> Findings:
    """No capability is added that reaches the host's network or kernel.

    NET_ADMIN rewrites routes and firewall, BPF loads programs into the kernel, SYS_BOOT restarts the machine. Of
    known VPN servers, and of a service with /dev/net/tun on a network of its own, NET_ADMIN is not reported: they
    cannot do without.

    Bad::

        services:
          vpn:
            image: app
            cap_drop: [ALL]
            cap_add:
              - NET_ADMIN  # <-

    Good::

        services:
          vpn:
            image: app
            cap_drop: [ALL]
            cap_add: [NET_RAW]
    """
    yield from _findings(posture, _HOST_REACH, "reaches the host's kernel")


@control(
    severity="high",
    plan="P1",
    cis="5.4",
    owasp="RULE 3",
    equivalents={"compose-lint": "CL-0028", "docker-bench": "5.4"},
)
def no_clock_or_tracing_capabilities(posture: Posture) -> Findings:
    """No capability is added over the machine's clock or its traces.

    The clock has no namespace: SYS_TIME sets it for the host and every container. With PERFMON a container samples the
    kernel and every process of the machine.

    Bad::

        services:
          time:
            image: app
            cap_drop: [ALL]
            cap_add:
              - SYS_TIME  # <-

    Good::

        services:
          time:
            image: app
            cap_drop: [ALL]
            environment:
              TZ: Europe/Berlin
    """
    yield from _findings(posture, _CLOCK_AND_TRACES, "reaches the whole machine")


@control(
    severity="high",
    plan="P1",
    cis="5.4",
    owasp="RULE 3",
    equivalents={"compose-lint": "CL-0030", "docker-bench": "5.4"},
)
def no_kernel_log_capability(posture: Posture) -> Findings:
    """No capability is added to read the kernel's log.

    There is one log for the machine: with SYSLOG a container reads of the host's hardware, file systems and network,
    and of addresses in the kernel, which most hosts keep from their own users.

    Bad::

        services:
          agent:
            image: app
            cap_drop: [ALL]
            cap_add:
              - SYSLOG  # <-

    Good::

        services:
          agent:
            image: app
            cap_drop: [ALL]
    """
    yield from _findings(posture, _KERNEL_LOG, "reads the host's kernel log")


@control(
    severity="medium",
    plan="P1",
    cis="5.4",
    owasp="RULE 3",
    equivalents={"compose-lint": "CL-0029", "docker-bench": "5.4"},
)
def no_shared_resource_capabilities(posture: Posture) -> Findings:
    """No capability is added that takes the machine's resources from others.

    SYS_NICE puts its threads above everybody else's, IPC_LOCK pins memory that nobody gets back, LEASE makes the host
    wait for a file. Of the servers that are known to ask for one, nothing is said.

    Bad::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add:
              - IPC_LOCK  # <-

    Good::

        services:
          web:
            image: app
            cap_drop: [ALL]
            mem_limit: 512m
    """
    yield from _findings(posture, _SHARED_RESOURCES, "takes the machine's resources from others")


@control(
    severity="medium",
    plan="P1",
    cis="5.4",
    owasp="RULE 3",
    equivalents={"compose-lint": "CL-0027", "docker-bench": "5.4"},
)
def no_capabilities_over_others(posture: Posture) -> Findings:
    """No capability is added that reaches beyond the service's own files.

    SYS_PTRACE reads the memory of other users' processes, DAC_READ_SEARCH any file that is reachable by handle.

    Bad::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add:
              - SYS_PTRACE  # <-

    Good::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add: [SETUID, SETGID]
    """
    yield from _findings(posture, _BEYOND_ITS_OWN, "reaches beyond its own files and processes")


@control(severity="medium", plan="P1", cis="5.4", owasp="RULE 3", equivalents={"docker-bench": "5.4"})
def no_administrative_capabilities(posture: Posture) -> Findings:
    """No capability is added that administers the machine.

    MAC_ADMIN and MAC_OVERRIDE change its access control, AUDIT_CONTROL its audit, LINUX_IMMUTABLE unlocks protected
    files, SYS_RESOURCE lifts quotas and limits: all of them are the work of the host.

    Bad::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add:
              - SYS_RESOURCE  # <-

    Good::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add: [NET_BIND_SERVICE]
    """
    yield from _findings(posture, _ADMINISTRATION, "administers the machine")


@control(
    severity="low",
    optional=True,
    cis="5.4",
    owasp="RULE 3",
    equivalents={"compose-lint": ("CL-0011", "CL-0029")},
)
def no_capability_that_its_image_asks_for(service: Service) -> Findings:
    """No strong capability is added, not even one that the image asks for.

    What a VPN server or a database says it needs it has from then on: of it ``recommended`` says nothing. Keep such a
    service apart from the others.

    Bad::

        services:
          vpn:
            image: linuxserver/wireguard:1.0.20210914
            cap_drop: [ALL]
            cap_add:
              - NET_ADMIN  # <-

    Good::

        services:
          search:
            image: elasticsearch:8.15.0
            cap_drop: [ALL]
            ulimits:
              memlock: -1
    """
    posture = service.posture
    needed = _needed(posture) if posture else frozenset()
    if posture is None or not needed:
        not_applicable("its image is not known to ask for a capability")
    for name, item in added(posture).items():
        if name in needed:
            yield service.finding(f"{name} is added", taken_back(posture, name, item.origin), at=item)


@control(
    severity="low",
    optional=True,
    cis="5.4",
    owasp="RULE 3",
    equivalents={"kics": "container_capabilities_unrestricted"},
)
def no_added_capabilities(posture: Posture) -> Findings:
    """No capability is added at all.

    A service that listens on a port above 1023 as its own user needs none.

    Bad::

        services:
          web:
            image: app
            cap_drop: [ALL]
            cap_add:
              - CHOWN  # <-

    Good::

        services:
          web:
            image: app
            cap_drop: [ALL]
    """
    if posture.service is None:
        not_applicable("what was added is a matter of the files")
    for name, item in added(posture).items():
        yield posture.service.finding(f"{name} is added", taken_back(posture, name, item.origin), at=item)
