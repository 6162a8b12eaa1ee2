"""dockerd as a process of this machine: its arguments, its ``daemon.json``, and the files that belong to it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.engine import NAME, EngineFile
from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.stack.engine import DEFAULT_SOCKET, endpoint_of

if TYPE_CHECKING:
    import docker

ELSEWHERE = Unknown("the engine is not a process of this machine, and its API does not tell")
CONFIGURATION = "/etc/docker/daemon.json"
PID_FILE = "/run/docker.pid"
SYSTEMD = 1
LARGEST = 1 << 20

# flags that take no value of their own (dockerd --help); every other takes the next argument
SWITCHES = frozenset((
    "debug", "experimental", "icc", "init", "ip-forward", "ip-masq", "iptables", "ip6tables", "ipv6", "live-restore",
    "no-new-privileges", "raw-logs", "rootless", "selinux-enabled", "tls", "tlsverify", "userland-proxy", "validate",
))  # fmt: skip
SHORT = {"D": "debug", "H": "host", "l": "log-level", "s": "storage-driver", "p": "pidfile", "G": "group"}
# daemon.json names what may be given several times in the plural
PLURAL = {
    "host": "hosts", "insecure-registry": "insecure-registries", "default-ulimit": "default-ulimits",
    "authorization-plugin": "authorization-plugins", "storage-opt": "storage-opts", "exec-opt": "exec-opts",
}  # fmt: skip

FILES = {
    "docker.service": ("/etc/systemd/system/docker.service", "/usr/lib/systemd/system/docker.service",
                       "/lib/systemd/system/docker.service"),
    "docker.socket": ("/etc/systemd/system/docker.socket", "/usr/lib/systemd/system/docker.socket",
                      "/lib/systemd/system/docker.socket"),
    "/etc/docker": ("/etc/docker",),
    "/etc/default/docker": ("/etc/default/docker",),
    "/etc/sysconfig/docker": ("/etc/sysconfig/docker",),
    "/etc/containerd/config.toml": ("/etc/containerd/config.toml",),
    "containerd.sock": ("/run/containerd/containerd.sock",),
    "/run/containerd": ("/run/containerd",),
    "dockerd": ("/usr/bin/dockerd", "/usr/sbin/dockerd"),
    "containerd": ("/usr/bin/containerd",),
    "containerd-shim": ("/usr/bin/containerd-shim",),
    "containerd-shim-runc-v1": ("/usr/bin/containerd-shim-runc-v1",),
    "containerd-shim-runc-v2": ("/usr/bin/containerd-shim-runc-v2",),
    "runc": ("/usr/bin/runc", "/usr/sbin/runc"),
}  # fmt: skip
CERTIFICATES = "/etc/docker/certs.d"
AUDIT = "/etc/audit"
_WATCH = re.compile(r"-w\s+(\S+)|-F\s+(?:path|dir)=(\S+)")


@dataclass(slots=True)
class Settings:
    """What dockerd was told, by the names of ``daemon.json``; the engine refuses to start where both ways say it."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, KernelOrigin] = field(default_factory=dict)

    def origin(self, name: str) -> KernelOrigin:
        """Where it is set, or that it is not."""
        return self.origins.get(name, KernelOrigin(NAME, "dockerd", f"`{name}` is not set"))

    def text(self, name: str, default: str = "") -> Fact[str]:
        """A setting that is one word."""
        return Known(str(self.values.get(name, default)), self.origin(name))

    def flag(self, name: str, default: bool) -> Fact[bool]:
        """A setting that is on or off."""
        return Known(is_on(self.values.get(name, default)), self.origin(name))

    def words(self, name: str) -> Fact[tuple[str, ...]]:
        """A setting that may be given several times."""
        value = self.values.get(name) or []
        words = value if isinstance(value, (list, dict)) else [value]
        return Known(tuple(str(word) for word in words), self.origin(name))


@dataclass(slots=True)
class Daemon:
    """A dockerd that runs here. ``root`` is put before paths: it may have a mount namespace of its own."""

    pid: int
    root: str
    settings: Settings
    configuration: str = CONFIGURATION
    socket: str = ""

    @property
    def files(self) -> Fact[tuple[EngineFile, ...]]:
        """Those that are there, each once."""
        found: dict[tuple[int, int, str], EngineFile] = {}
        for kind, path in self._candidates():
            with contextlib.suppress(OSError, ValueError):
                status = os.stat(self.root + path)
                found.setdefault((status.st_dev, status.st_ino, kind), engine_file(kind, path, status))
        return Known(tuple(found.values()), KernelOrigin(NAME, "files", f"{len(found)} files of the engine"))

    def _candidates(self) -> Iterator[tuple[str, str]]:
        for kind, paths in FILES.items():
            yield from ((kind, path) for path in paths)
        yield "daemon.json", self.configuration
        if self.socket:
            yield "docker.sock", self.socket
        for setting, kind in (("tlscacert", "TLS CA"), ("tlscert", "TLS certificate"), ("tlskey", "TLS key")):
            if isinstance(self.settings.values.get(setting), str):
                yield kind, self.settings.values[setting]
        yield "data root", str(self.settings.values.get("data-root", "/var/lib/docker"))
        certificates = Path(self.root + CERTIFICATES)
        for path in sorted(certificates.glob("*/*"))[:100]:
            yield "registry certificate", f"{CERTIFICATES}/{path.relative_to(certificates)}"

    @property
    def own_partition(self) -> Fact[bool]:
        """Whether the images and containers are on a file system of their own."""
        path = str(self.settings.values.get("data-root", "/var/lib/docker"))
        try:
            apart = os.stat(self.root + path).st_dev != os.stat(f"{self.root}/").st_dev
        except (OSError, ValueError):
            return Unknown(f"{path} may not be read")
        return Known(
            apart, KernelOrigin(NAME, path, "a file system of its own" if apart else "on the file system of /")
        )

    @property
    def watched(self) -> Fact[frozenset[str]]:
        """The paths that the audit daemon's rules name."""
        folder = Path(self.root + AUDIT)
        files = [folder / "audit.rules", *sorted((folder / "rules.d").glob("*.rules"))]
        try:
            texts = [path.read_text(encoding="utf-8", errors="replace") for path in files if path.exists()]
        except OSError:
            return Unknown(f"the rules in {AUDIT} may not be read")
        lines = (line for text in texts for line in text.splitlines() if not line.lstrip().startswith("#"))
        paths = frozenset(one or other for line in lines for one, other in _WATCH.findall(line))
        return Known(paths, KernelOrigin(NAME, AUDIT, f"{len(texts)} files, {len(paths)} watched paths"))


def daemon_of(client: docker.DockerClient) -> Daemon | None:
    """The process behind a client's socket, where it is root's dockerd of this machine that may be looked at."""
    path = socket_of(client)
    pid = process_of(path) if path else 0
    arguments = arguments_of(pid) if pid else []
    if not is_dockerd(arguments):
        return None
    root = f"/proc/{pid}/root" if os.access(f"/proc/{pid}/root/", os.R_OK | os.X_OK) else ""
    try:
        # one without root has its configuration, and its files, in the folders of its user
        if os.stat(f"/proc/{pid}").st_uid:
            return None
        settings, configuration = settings_of(arguments, root)
    except OSError:
        return None
    return Daemon(pid, root, settings, configuration, path)


def socket_of(client: docker.DockerClient) -> str:
    """The path of the socket that a client uses; empty where it uses none."""
    address = endpoint_of(client).address or f"unix://{DEFAULT_SOCKET}"
    return address.removeprefix("unix://") if address.startswith("unix://") else ""


def process_of(path: str) -> int:
    """Who listens on a socket; 0 where that is nobody of this pid namespace. systemd may have opened it for dockerd."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(path)
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid: int = struct.unpack("3i", credentials)[0]
        return int(Path(PID_FILE).read_text(encoding="ascii")) if pid == SYSTEMD else pid
    except (AttributeError, OSError, ValueError):
        return 0


def arguments_of(pid: int) -> list[str]:
    """A process's command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return []


def is_dockerd(arguments: Sequence[str]) -> bool:
    """Whether a command line is that of an engine."""
    return bool(arguments) and os.path.basename(arguments[0]).startswith("dockerd")


def settings_of(arguments: Sequence[str], root: str = "") -> tuple[Settings, str]:
    """What the arguments and ``daemon.json`` say, and where that is. Raises OSError where it may not be read."""
    settings = Settings()
    for name, value in flags(arguments[1:]):
        add(settings, PLURAL.get(name, name), value, name in PLURAL)
        settings.origins[PLURAL.get(name, name)] = KernelOrigin(NAME, "dockerd's arguments", f"--{name}={value}")
    configuration = str(settings.values.get("config-file", CONFIGURATION))
    for name, value in read_configuration(root + configuration).items():
        settings.values[name] = value
        settings.origins[name] = KernelOrigin(NAME, configuration, json.dumps({name: value})[1:-1])
    return settings, configuration


def add(settings: Settings, name: str, value: object, several: bool) -> None:
    """One more value of a setting."""
    settings.values[name] = [*settings.values.get(name, ()), value] if several else value


def flags(arguments: Iterable[str]) -> Iterator[tuple[str, object]]:
    """Flags by their long names: ``--icc=false``, ``-H tcp://...``, ``--live-restore``."""
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("-") or argument in ("-", "--"):
            continue
        name, equals, value = argument.lstrip("-").partition("=")
        if not argument.startswith("--") and len(name) > 1:  # -Hunix://...
            name, equals, value = name[0], "=", argument[2:].removeprefix("=")
        name = SHORT.get(name, name)
        if equals:
            yield name, value
        elif name in SWITCHES:
            yield name, True
        else:
            yield name, next(rest, "")


def read_configuration(path: str) -> Mapping[str, Any]:
    """``daemon.json``; empty where there is none. Raises OSError where it may not be read."""
    try:
        with open(path, "rb") as file:
            content = json.loads(file.read(LARGEST))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def is_on(value: object) -> bool:
    """As Go's ``ParseBool`` takes the value of a flag."""
    return value is True or str(value).lower() in ("1", "t", "true")


def engine_file(kind: str, path: str, status: os.stat_result) -> EngineFile:
    """With the names of its owner and group, as this machine has them."""
    return EngineFile(kind, path, owner_name(status.st_uid), group_name(status.st_gid), stat.S_IMODE(status.st_mode))


def owner_name(uid: int) -> str:
    """The number, where no account has it."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """The number, where no group has it."""
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
