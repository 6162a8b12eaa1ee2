"""Parsers of /proc files. Text in, values out; see proc(5) for every format."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from pytest_dockerharden.model import capabilities

LISTEN = "0A"
_OCTAL = re.compile(r"\\([0-7]{3})")


def status_fields(text: str) -> dict[str, str]:
    """``/proc/PID/status`` by field name."""
    fields: dict[str, str] = {}
    for name, separator, value in (line.partition(":") for line in lines(text)):
        if separator:
            fields.setdefault(name, value.strip())
    return fields


def lines(text: str) -> list[str]:
    """Lines as the kernel ends them. It escapes a newline in a process's name, but no form feed or vertical tab, which
    ``str.splitlines`` takes as well: a process could forge a ``Uid:`` line by its name alone."""
    return text.removesuffix("\n").split("\n") if text else []


def identifiers(value: str) -> tuple[int, int, int, int]:
    """The four columns of ``Uid:`` or ``Gid:``: real, effective, saved, file system."""
    real, effective, saved, filesystem = (int(part) for part in value.split())
    return real, effective, saved, filesystem


def capability_set(value: str) -> frozenset[str]:
    """A ``Cap*:`` line's hexadecimal mask as names."""
    return capabilities.from_mask(int(value, 16))


@dataclass(frozen=True, slots=True)
class MountLine:
    """A line of ``/proc/PID/mountinfo``: options of this mount, then type, source and options of its file system."""

    id: int
    parent: int
    root: str
    target: str
    options: frozenset[str]
    propagation: tuple[str, ...]
    type: str
    source: str
    super_options: tuple[str, ...]
    text: str

    def option(self, name: str) -> str | None:
        """The value of ``name=value`` among the file system's options."""
        prefix = f"{name}="
        return next((option[len(prefix) :] for option in self.super_options if option.startswith(prefix)), None)


def mount_lines(text: str) -> list[MountLine]:
    """Every mount, in order: of several on one target the last is in force."""
    return [mount_line(line) for line in lines(text) if " - " in line]


def mount_line(line: str) -> MountLine:
    """One line; spaces and backslashes in paths are written as octal escapes."""
    mount, _, filesystem = line.partition(" - ")
    fields, rest = mount.split(" "), filesystem.split(" ")
    return MountLine(
        id=int(fields[0]),
        parent=int(fields[1]),
        root=unescape(fields[3]),
        target=unescape(fields[4]),
        options=frozenset(fields[5].split(",")),
        propagation=tuple(field for field in fields[6:] if field),
        type=rest[0],
        source=unescape(rest[1]) if len(rest) > 1 else "",
        super_options=tuple(rest[2].split(",")) if len(rest) > 2 else (),
        text=line,
    )


def unescape(path: str) -> str:
    """``\\040`` to a space, and so on."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), path)


def visible(mounts: list[MountLine]) -> list[MountLine]:
    """The mounts that a path leads to: one on the same target, or on a parent of it, may hide another.

    As the kernel walks a path (fs/namei.c): from the root, at every component into what is mounted there on the mount
    that the walk has come to. The order of the table says nothing: since Linux 6.8 it is sorted by id.
    """
    known = {mount.id for mount in mounts}
    children = {(mount.parent, mount.target): mount for mount in mounts if mount.parent != mount.id}
    roots = [
        mount for mount in mounts if mount.target == "/" and (mount.parent not in known or mount.parent == mount.id)
    ]
    return [mount for mount in mounts if roots and reached(mount.target, roots[-1], children) is mount]


def reached(path: str, root: MountLine, children: dict[tuple[int, str], MountLine]) -> MountLine:
    """The mount that a path ends in."""
    current = root
    for prefix in prefixes(path):
        seen = set()
        while (child := children.get((current.id, prefix))) is not None and child.id not in seen:
            seen.add(child.id)
            current = child
    return current


def prefixes(path: str) -> list[str]:
    """``/``, ``/a``, ``/a/b`` for ``/a/b``."""
    parts = [part for part in path.split("/") if part]
    return ["/", *("/" + "/".join(parts[: end + 1]) for end in range(len(parts)))]


@dataclass(frozen=True, slots=True)
class SocketLine:
    """A listening socket of ``/proc/PID/net/tcp`` and the like."""

    protocol: str
    address: str
    port: int
    inode: int
    text: str


def listening_sockets(text: str, protocol: str) -> list[SocketLine]:
    """Listening TCP sockets, or bound UDP sockets without a peer. ``protocol`` is tcp, tcp6, udp or udp6."""
    found = []
    for line in lines(text)[1:]:
        fields = line.split()
        if len(fields) < 10:
            continue
        host, port = address(fields[1])
        if fields[3] == LISTEN or (protocol.startswith("udp") and address(fields[2])[1] == 0):
            found.append(SocketLine(protocol, host, port, int(fields[9]), line.strip()))
    return found


def address(text: str) -> tuple[str, int]:
    """``0100007F:1F90`` to ``127.0.0.1`` and 8080: words in host byte order (net/ipv4/tcp_ipv4.c)."""
    host, port = text.split(":")
    if len(host) == 8:
        return str(IPv4Address(struct.pack("=I", int(host, 16)))), int(port, 16)
    words = struct.pack("=4I", *(int(host[i : i + 8], 16) for i in range(0, 32, 8)))
    full = IPv6Address(words)
    return str(full.ipv4_mapped or full), int(port, 16)


def limits(text: str) -> dict[str, tuple[int, int]]:
    """``/proc/PID/limits`` as soft and hard by name; -1 is unlimited."""
    found = {}
    for line in lines(text)[1:]:
        match = re.match(r"(Max .+?)\s{2,}(\S+)\s+(\S+)", line)
        if match:
            soft, hard = (-1 if value == "unlimited" else int(value) for value in match.group(2, 3))
            found[match[1].strip()] = (soft, hard)
    return found


def maps_host_root(uid_map: str) -> bool:
    """Whether uid 0 of the container is uid 0 of the host: a mapping that starts at 0 and goes to 0."""
    for line in lines(uid_map):
        inside, outside, length = (int(part) for part in line.split())
        if inside <= 0 < inside + length:
            return outside - inside == 0
    return False


def inside(number: int, id_map: str) -> int:
    """A uid or gid as the container counts, from one as the host does, by ``uid_map`` or ``gid_map``.

    What is not mapped stays as it is. See user_namespaces(7).
    """
    for line in lines(id_map):
        first, outside, length = (int(part) for part in line.split())
        if outside <= number < outside + length:
            return number - outside + first
    return number


def namespace_inode(link: str) -> int:
    """``pid:[4026531836]`` to its number."""
    match = re.search(r"\[(\d+)\]", link)
    return int(match[1]) if match else 0


def words(data: str) -> tuple[str, ...]:
    """The NUL-terminated strings of ``cmdline``; a program that writes its own title pads it with NULs."""
    text = data.rstrip("\0")
    return tuple(text.split("\0")) if text else ()


def variable_names(environ: str) -> frozenset[str]:
    """The names in ``environ``. The values stay out of everything that may be printed."""
    return frozenset(entry.partition("=")[0] for entry in environ.split("\0") if entry)
