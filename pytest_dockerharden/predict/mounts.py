"""The mount table of a container: volumes, tmpfs, secrets, configs, the image's own volumes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace

from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.posture import Mount, MountKind
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.predict.layers import Layers
from pytest_dockerharden.predict.reading import integer, truth, unresolved
from pytest_dockerharden.predict.tmpfs import DEFAULT_FLAGS, parse_options

SOCKET = "/var/run/docker.sock"
_KINDS: dict[str, MountKind] = {
    "bind": "bind", "volume": "volume", "tmpfs": "tmpfs", "image": "image", "npipe": "npipe", "cluster": "cluster",
}  # fmt: skip
_INSERTED = ("environment", "content")

# VOLUMEs of official images, where no configuration is at hand
_KNOWN_VOLUMES: dict[str, tuple[str, ...]] = {
    "redis": ("/data",),
    "valkey/valkey": ("/data",),
    "postgres": ("/var/lib/postgresql/data",),
    "postgis/postgis": ("/var/lib/postgresql/data",),
    "mysql": ("/var/lib/mysql",),
    "mariadb": ("/var/lib/mysql",),
    "mongo": ("/data/db", "/data/configdb"),
    "rabbitmq": ("/var/lib/rabbitmq",),
    "registry": ("/var/lib/registry",),
    "wordpress": ("/var/www/html",),
    "cassandra": ("/var/lib/cassandra",),
    "couchdb": ("/opt/couchdb/data",),
    "ghost": ("/var/lib/ghost/content",),
    "zookeeper": ("/data", "/datalog", "/logs"),
}


class _Open(Exception):  # noqa: N818 - control flow, never seen outside
    def __init__(self, reason: Unknown) -> None:
        super().__init__(reason.reason)
        self.reason = reason


def predict_mounts(service: Service, layers: Layers) -> Fact[tuple[Mount, ...]]:
    """One mount for each target, in the order in which they come into force."""
    table: dict[str, Mount] = {}
    try:
        for mount in _all_mounts(service, layers, frozenset()):
            table.pop(mount.target, None)
            table[mount.target] = mount
    except _Open as error:
        return error.reason
    keys = ("volumes", "tmpfs", "secrets", "configs", "volumes_from", "use_api_socket")
    places = [service.at(key) for key in keys if service.get(key) is not None]
    return Known(tuple(table.values()), places[0] if places else service.origin, tuple(places[1:]))


def _all_mounts(service: Service, layers: Layers, seen: frozenset[str]) -> Iterator[Mount]:
    """Weakest first: what comes later on the same target wins, and a tmpfs beats a volume."""
    yield from _image_volumes(service, layers)
    yield from _of_other_services(service, seen | {service.name})
    for item in service.items("volumes"):
        yield _of_volume(service, item)
    yield from _files(service, "secrets", "/run/secrets/", "secret")
    yield from _files(service, "configs", "/", "config")
    socket = service.get("use_api_socket")
    if socket is not None and truth(socket):
        yield Mount(SOCKET, "bind", socket.place, source=SOCKET)
    for item in service.items("tmpfs"):
        yield _of_tmpfs(item)


def clean(target: str) -> str:
    """An absolute path without ``..``, doubled or trailing slashes."""
    return "/" + posixpath.normpath("/" + target).lstrip("/")


def _target(item: Node, default: str = "") -> str:
    node = item.get("target")
    reason = unresolved(node, "the target of a mount") if node else None
    if reason:
        raise _Open(reason)
    return clean((node.text() if node else "") or default)


def _text(item: Node, *path: str) -> str:
    node = item.get(*path)
    return node.text() if node else ""


def _flag(item: Node, *path: str) -> bool:
    node = item.get(*path)
    if node is None:
        return False
    reason = unresolved(node, "whether a mount is read-only")
    if reason:
        raise _Open(reason)
    return bool(truth(node))


def _of_volume(service: Service, item: Node) -> Mount:
    kind = _KINDS.get(_text(item, "type"), "volume")
    mount = Mount(_target(item), kind, item.place, source=_text(item, "source"), read_only=_flag(item, "read_only"))
    if kind == "bind":
        return _bind(item, mount)
    if kind == "tmpfs":
        return _long_tmpfs(item, mount)
    return _volume(service, item, mount) if kind == "volume" else mount


def _bind(item: Node, mount: Mount) -> Mount:
    recursive = {"readonly": True, "writable": False}.get(_text(item, "bind", "recursive"))
    selinux = _text(item, "bind", "selinux")
    return replace(
        mount,
        source=_clean_source(mount.source),
        recursive=recursive if mount.read_only else None,
        propagation=_text(item, "bind", "propagation"),
        options=(selinux,) if selinux else (),
    )


def _clean_source(path: str) -> str:
    """A host path; one of Windows or with a variable in it stays as it is."""
    return clean(path) if path.startswith("/") else path


def _long_tmpfs(item: Node, mount: Mount) -> Mount:
    size, mode = item.get("tmpfs", "size"), item.get("tmpfs", "mode")
    return replace(
        mount,
        source="",
        flags=DEFAULT_FLAGS,
        size=(integer(size) if size else None) or None,
        mode=(integer(mode) if mode else None) or None,
    )


def _volume(service: Service, item: Node, mount: Mount) -> Mount:
    """A named volume, and what its driver options make of it: a bind or a tmpfs in disguise."""
    node = item.get("volume", "nocopy")
    options = ("nocopy",) if node is not None and truth(node) else ()
    if not mount.source:
        return replace(mount, anonymous=True, options=options)
    given = service.project.volumes.get(mount.source)
    driver = given.get("driver_opts") if given else None
    if given is None or driver is None or _text(given, "driver") not in {"", "local"}:
        return replace(mount, options=options)
    words = tuple(word for word in _text(driver, "o").split(",") if word)
    read_only = mount.read_only or "ro" in words
    device = driver.get("device")
    if {"bind", "rbind"} & set(words) and device is not None:
        return replace(mount, kind="bind", source=_clean_source(device.text()), read_only=read_only, options=words)
    if _text(driver, "type") == "tmpfs":
        of = parse_options(",".join(words), frozenset())
        return replace(
            mount, kind="tmpfs", read_only=read_only, flags=of.flags, size=of.size, mode=of.mode, uid=of.uid,
            gid=of.gid, options=words,
        )  # fmt: skip
    return replace(mount, read_only=read_only, options=(*options, *words))


def _of_tmpfs(item: Node) -> Mount:
    reason = unresolved(item, "a tmpfs")
    if reason:
        raise _Open(reason)
    path, _, text = item.text().partition(":")
    of = parse_options(text)
    return Mount(
        clean(path), "tmpfs", item.place, read_only=of.read_only, flags=of.flags, size=of.size, mode=of.mode,
        uid=of.uid, gid=of.gid, options=tuple(word for word in text.split(",") if word),
    )  # fmt: skip


def _files(service: Service, key: str, folder: str, kind: MountKind) -> Iterator[Mount]:
    """Secrets and configs. One that is not a file is copied into the container, and is as writable as its root."""
    declared = service.project.secrets if key == "secrets" else service.project.configs
    for item in service.items(key):
        source = _text(item, "source") if isinstance(item.value, dict) else item.text()
        target = _text(item, "target") or source
        place = _target(item, source) if target.startswith("/") else clean(folder + target)
        given = declared.get(source)
        copied = given is not None and any(given.get(name) is not None for name in _INSERTED)
        options = ("copied",) if copied else ()
        yield Mount(place, kind, item.place, source=source, read_only=not copied, options=options)


def _image_volumes(service: Service, layers: Layers) -> Iterator[Mount]:
    for path in layers.image.volumes if layers.image else _known_volumes(layers):
        yield Mount(clean(path), "volume", service.origin, anonymous=True)
    for instruction in layers.of("VOLUME"):
        for word in instruction.words:
            declared = layers.word(word)
            if declared:
                yield Mount(clean(declared), "volume", instruction.origin, anonymous=True)


def _known_volumes(layers: Layers) -> tuple[str, ...]:
    return _KNOWN_VOLUMES.get(parse_reference(layers.base).familiar, ()) if layers.base else ()


def _of_other_services(service: Service, seen: frozenset[str]) -> Iterator[Mount]:
    """``volumes_from``: everything of the other container but its tmpfs."""
    for item in service.items("volumes_from"):
        name, _, mode = item.text().partition(":")
        other = service.project.services.get(name)
        if other is None or name in seen:
            continue
        for mount in _all_mounts(other, Layers(other), seen):
            if mount.kind != "tmpfs":
                yield replace(mount, origin=item.place, read_only=mount.read_only or mode == "ro")
