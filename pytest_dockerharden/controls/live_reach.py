"""What a running container listens on, shares and may open."""

from __future__ import annotations

import re
from ipaddress import ip_address

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.hostpaths import binds, engine_socket
from pytest_dockerharden.model.paths import covers
from pytest_dockerharden.model.posture import Posture, Socket
from pytest_dockerharden.model.remedies import advice

_EVERY_DEVICE = re.compile(r"[abc] \*:\* [rwm]*[rw][rwm]*")
_NAMES = {"net": "network", "pid": "process", "ipc": "IPC", "uts": "UTS", "mnt": "mount"}
# net.ipv4.ip_local_port_range: where the kernel puts a client's UDP socket
_EPHEMERAL = 32768


@control(severity="low", optional=True, owasp="RULE 5", live=True)
def listeners_declared(posture: Posture) -> Findings:
    """It listens only where it says so.

    A debugger, an admin console or a metrics port that nobody declared is open to every neighbour on the network.
    Loopback is fine.

    Bad::

        services:
          web:  # <-
            image: app
            command: ["python3", "-m", "http.server", "8123"]

    Good::

        services:
          web:
            image: app
            expose: ["8123"]
            command: ["python3", "-m", "http.server", "8123"]
          console:
            image: app
            command: ["python3", "-m", "http.server", "8124", "--bind", "127.0.0.1"]
    """
    if posture.network_mode.value != "private":
        not_applicable("the sockets of its network namespace may be another's")
    declared = posture.exposed.value | {f"{port.container_port}/{port.protocol}" for port in posture.ports.get(())}
    seen = set()
    for socket in posture.listening.value:
        name = f"{socket.port}/{socket.protocol}"
        if _is_open(socket) and name not in declared and name not in seen:
            seen.add(name)
            yield posture.listening.finding(
                f"it listens on {name}, which no expose or ports declares",
                advice(f"expose: ['{name}']\n# or bind it to 127.0.0.1, or switch it off"),
                at=socket.origin,
            )


def _is_open(socket: Socket) -> bool:
    if socket.protocol == "udp" and socket.port >= _EPHEMERAL:
        return False
    return not ip_address(socket.address).is_loopback


@control(severity="low", optional=True, cis=("5.16", "5.17"), live=True)
def namespaces_of_its_own(posture: Posture) -> Findings:
    """No other container stands in its namespaces.

    Whoever joined its process or network namespace sees its processes, their environment and what they send over
    loopback. Only the one that joins says so in its file; the kernel tells it of both.

    Bad::

        services:
          web:  # <-
            image: app
          watcher:  # <-
            image: app
            pid: "service:web"

    Good::

        services:
          web:
            image: app
          watcher:
            image: app
    """
    for kind, others in posture.shared_namespaces.value.items():
        if kind in _NAMES:
            yield posture.shared_namespaces.finding(
                f"its {_NAMES[kind]} namespace is also that of {', '.join(sorted(others))}",
                advice("remove network_mode, pid and ipc where they name another"),
            )


@control(severity="low", optional=True, owasp="RULE 2", nist="4.4.3", live=True)
def root_is_not_root_on_the_host(posture: Posture) -> Findings:
    """Root in the container is nobody on the host.

    Without a user namespace of its own its root has the host's uid 0: every file it gets hold of through a mount or an
    escape is its own.

    Bad::

        services:
          web:  # <-
            image: app
            user: "0"

    Good::

        services:
          web:
            image: app
            user: "4242:4242"
    """
    if not posture.runs_as_root.value:
        not_applicable("it does not run as root")
    if posture.root_is_host_root.value:
        yield posture.root_is_host_root.finding(
            "its root is root on the host", advice('user: "1000:1000"\n# or userns-remap in the daemon\'s settings')
        )


@control(severity="critical", plan="P1", cis="5.32", owasp="RULE 1", nist="4.4.3", live=True)
def no_hidden_control_socket(posture: Posture) -> Findings:
    """No engine can be commanded from inside, by whatever path.

    A link or another name of the engine's socket in a directory of the host is the socket itself; no path in the
    compose file says so.

    Bad::

        services:
          web:  # <-
            image: app
            volumes:
              - /srv/links:/links

    Good::

        services:
          web:
            image: app
            volumes:
              - data:/data
        volumes:
          data: {}
    """
    told = [mount.target for mount in binds(posture) if engine_socket(mount.source)]
    for path in posture.control_sockets.value:
        if not any(covers(target, path) for target in told):
            yield posture.control_sockets.finding(
                f"{path} is the control socket of an engine or of the init system", advice("remove the mount")
            )


@control(severity="high", equivalents={"docker-bench": "5.18"}, cis="5.18", live=True)
def not_every_device_opens(posture: Posture) -> Findings:
    """The kernel does not let it open every device.

    Whoever can open the host's disks by their numbers reads and writes them past every mount; with MKNOD the device
    file is made in a moment.

    Bad::

        services:
          web:  # <-
            image: app
            device_cgroup_rules: ["b *:* rwm"]

    Good::

        services:
          web:
            image: app
            device_cgroup_rules: ["c 10:200 rw"]
    """
    if posture.privileged.value:
        not_applicable("it is privileged, which not-privileged reports")
    wide = [rule for rule in posture.allowed_devices.value if _EVERY_DEVICE.fullmatch(rule)]
    if wide:
        yield posture.allowed_devices.finding(f"its device control group has `{wide[0]}`", advice("name the devices"))
