"""Paths of the host that give a container more than files: engine sockets, root-equivalent and sensitive places."""

from __future__ import annotations

import re
from functools import lru_cache

from pytest_dockerharden.model.paths import covers, real
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Mount, Posture

# control sockets of engines and of the init system; whoever writes to one is root on the host
SOCKETS: tuple[str, ...] = (
    "/run/docker.sock",
    "/run/docker/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/cri-dockerd.sock",
    "/run/balena-engine.sock",
    "/run/buildkit/buildkitd.sock",
    "/run/systemd/private",
    "/run/dbus/system_bus_socket",
    "/run/lxd.socket",
    "/run/incus/unix.socket",
    "/var/lib/lxd/unix.socket",
    "/var/snap/lxd/common/lxd/unix.socket",
)
_SOCKET_NAME = pattern(
    r"(?:.*/)?(?:docker(?:\.raw|\.cli)?|containerd|podman|crio|cri-dockerd|buildkitd|dockershim|balena-engine)\.sock",
    re.IGNORECASE,
)
_PIPE = pattern(
    r"[\\/]{2}\.[\\/]pipe[\\/](?:docker_engine\w*|dockerDesktop\w*|containerd\S*)", re.IGNORECASE, needs=("pipe",)
)
# directories that hold such a socket on common hosts
_SOCKET_DIRECTORIES = pattern(
    r"/run/user(?:/\d+(?:/(?:podman|docker))?)?|(?:/root|/home/[^/]+|/Users/[^/]+)/\.(?:docker/(?:run|desktop)|colima.*|orbstack/run)",
    needs=("/run/user", "/."),
)

# below any of these everything belongs to the system
_SYSTEM = ("/etc", "/boot", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/proc", "/sys", "/dev",
           "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/kubelet", "/var/lib/rancher",
           "/var/spool/cron", "/var/lib/systemd", "/var/lib/dpkg", "/snap")  # fmt: skip
# these are whole trees: only the directory itself hands over the system
_TREES = frozenset(
    {"/", "/var", "/var/lib", "/var/spool", "/root", "/home", "/Users", "/run", "/opt", "/srv", "/mnt", "/media"}
)
_WHOLE_SYSTEM = frozenset({"/", "/var", "/var/lib", "/var/snap"})
_ROOT_EQUIVALENT_TREES = frozenset({"/", "/var", "/var/lib", "/var/spool", "/root", "/run"})
_HOME = pattern(r"/(?:home|Users)/[^/]+|/root|~|\$HOME|\$\{HOME\}", needs=("/home", "/Users", "/root", "~", "HOME"))
# below the system's directories, yet made to be shared
_HARMLESS = pattern(
    r"/etc/(?:localtime|timezone|machine-id|os-release|hostname|resolv\.conf|hosts|(?:ssl|pki)/certs(?:/.*)?|ca-certificates(?:/.*)?"
    r"|ssl/cert\.pem|pki/ca-trust(?:/.*)?|mime\.types|protocols|services)"
    r"|/usr/share/(?:zoneinfo|ca-certificates|fonts|GeoIP|locale)(?:/.*)?|/usr/local/share/ca-certificates(?:/.*)?"
    r"|/usr/lib/os-release|/(?:usr/)?lib/modules(?:/.*)?|/usr/src(?:/.*)?"
    r"|/dev/(?:null|zero|full|random|urandom|tty|shm|log|dri(?:/.*)?|snd(?:/.*)?|net/tun|fuse|bus/usb(?:/.*)?|serial/.*"
    r"|tty(?:USB|ACM|AMA|S)\d*|video\d+|rtc\d*|nvidia.*)"
    r"|/etc/letsencrypt(?:/.*)?|/usr/local/(?!s?bin(?:/|$)|lib(?:/|$)).+|/sys/fs/bpf/.+|/tmp/.*"
)
# what every user of the host may read: programs, libraries, kernel modules; a bind of it gives nothing away
_PROGRAMS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/snap", "/var/lib/dpkg")
# programs that root starts by name, and modules that the kernel loads by itself: all that is below counts
_STARTED_BY_ROOT = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")
_WHOLE_TREES_OF_PROGRAMS = frozenset({"/usr", "/usr/lib", "/lib", "/lib64"})
# what other managers of the host keep their containers, units and jobs in
_STATE_OF_MANAGERS = (
    "/var/lib/kubelet",
    "/var/lib/rancher",
    "/var/lib/containers",
    "/var/lib/systemd",
    "/var/spool/cron",
)
_KERNEL_TREES = ("/sys", "/dev")
_SYSTEM_BUS = ("/run/dbus", "/run/dbus/system_bus_socket")
_SESSIONS = pattern(r"/run/user(?:/\d+)?", needs=("/run/user",))
_TIME_ZONE = pattern(r"/etc/(?:localtime|timezone)|/usr/share/zoneinfo(?:/.*)?")
_CREDENTIALS = pattern(
    r".*/(?:\.ssh|\.aws|\.azure|\.gnupg|\.kube|\.config/gcloud|\.docker|\.password-store|\.vault-token|\.netrc"
    r"|\.git-credentials|\.pgpass|\.my\.cnf|\.npmrc|\.pypirc|id_(?:rsa|dsa|ecdsa|ed25519))(?:/.*)?"
)
_PUBLIC = pattern(r".*(?:\.pub|/known_hosts|\.docker/(?:run|desktop)(?:/.*)?)")


@lru_cache(maxsize=1024)
def engine_socket(path: str) -> str | None:
    """The engine's or init system's control socket that a bind of this host path brings; None where there is none."""
    if _PIPE.match(path):
        return path
    clean = real(path)
    if clean[-5:].casefold() == ".sock" and _SOCKET_NAME.fullmatch(clean):
        return clean
    inside = next((socket for socket in SOCKETS if covers(clean, socket)), None)
    if inside:
        return inside
    return f"{clean}/docker.sock" if _SOCKET_DIRECTORIES.fullmatch(clean) else None


def is_of_init(socket: str) -> bool:
    """Whether a socket that :func:`engine_socket` names is the init system's, not an engine's."""
    return socket in {"/run/systemd/private", "/run/dbus/system_bus_socket"}


def holds_more_than_sockets(path: str) -> bool:
    """Whether the engine's socket is the smaller part of what a bind of this host path brings."""
    return real(path) in _WHOLE_SYSTEM


def holds_the_whole_system(path: str) -> bool:
    """Whether a host path is the whole file system, or so much of it that the engine's socket and data are in it."""
    return real(path) in {"/", "/var"}


def is_of_the_kernel(path: str) -> bool:
    """Whether a host path lies in /sys or /dev, where the kernel itself decides what a write does."""
    clean = real(path)
    return any(covers(tree, clean) for tree in _KERNEL_TREES)


def is_system_bus(path: str) -> bool:
    """Whether a bind of this host path brings the system's D-Bus, and with it systemd."""
    return real(path) in _SYSTEM_BUS


def is_of_sessions(path: str) -> bool:
    """Whether a host path holds the runtime directories of users who are logged in, rootless engines included."""
    return bool(_SESSIONS.fullmatch(real(path)))


def is_program(path: str) -> bool:
    """Whether a host path lies in a tree of programs or libraries, which everybody may read."""
    clean = real(path)
    return any(covers(tree, clean) for tree in _PROGRAMS)


def is_started_by_root(path: str) -> bool:
    """Whether a host path lies where root's programs are started from, or holds such a directory."""
    clean = real(path)
    return clean in _WHOLE_TREES_OF_PROGRAMS or any(covers(tree, clean) for tree in _STARTED_BY_ROOT)


def is_state_of_managers(path: str) -> bool:
    """Whether a host path lies in what kubelet, systemd, cron or Podman keep."""
    clean = real(path)
    return any(covers(tree, clean) for tree in _STATE_OF_MANAGERS)


def is_time_zone(path: str) -> bool:
    """Whether a host path is the host's time zone."""
    return bool(_TIME_ZONE.fullmatch(real(path)))


@lru_cache(maxsize=1024)
def is_root_equivalent(path: str) -> bool:
    """Whether writing below this host path makes one root on the host."""
    clean = real(path)
    if clean in _ROOT_EQUIVALENT_TREES or clean.startswith("/root/."):
        return True
    return any(covers(system, clean) for system in _SYSTEM) and not _HARMLESS.fullmatch(clean)


@lru_cache(maxsize=1024)
def is_sensitive(path: str) -> bool:
    """Whether reading below this host path gives away the system, its users or their credentials."""
    clean = real(path)
    if clean in _TREES - {"/opt", "/srv", "/mnt", "/media"} or _HOME.fullmatch(clean) or holds_credentials(clean):
        return True
    return any(covers(system, clean) for system in _SYSTEM) and not _HARMLESS.fullmatch(clean)


def is_of_the_system(path: str) -> bool:
    """Whether a host path lies in a directory of the system, what is made to be shared included; the time zone not."""
    clean = real(path)
    return any(covers(system, clean) for system in (*_SYSTEM, "/run", "/var/log")) and not _TIME_ZONE.fullmatch(clean)


@lru_cache(maxsize=1024)
def holds_credentials(path: str) -> bool:
    """Whether this host path is one where tools keep keys and tokens (``~/.ssh``, ``~/.aws``)."""
    clean = real(path)
    # most paths show by these alone that they are none, and then no pattern is compiled
    if "/." not in clean and "/id_" not in clean:
        return False
    return bool(_CREDENTIALS.fullmatch(clean)) and not _PUBLIC.fullmatch(clean)


def binds(posture: Posture) -> list[Mount]:
    """The mounts of host paths (and of named pipes), also those that a volume's driver options make."""
    return [mount for mount in posture.mounts.value if mount.kind in ("bind", "npipe")]


def has_engine_socket(posture: Posture) -> bool:
    """Whether it is known to be given the control socket of an engine."""
    return any(mount.kind == "bind" and engine_socket(mount.source) for mount in posture.mounts.get(()))


def in_project(posture: Posture, path: str) -> bool:
    """Whether a host path lies in the project's own directory, wherever that is."""
    project = posture.service.project if posture.service else None
    return project is not None and project.directory != "/" and covers(project.directory, path)
