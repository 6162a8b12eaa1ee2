"""Mounts that are not as predicted: see :mod:`pytest_dockerharden.model.drift`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.origin import Origin
from pytest_dockerharden.model.paths import covers, real
from pytest_dockerharden.model.posture import Mount, MountKind, Posture

PAGE = 4096
# a secret or config of a file is a bind
_ONE_KIND: dict[MountKind, MountKind] = {"secret": "bind", "config": "bind"}
_PROPAGATION = {"private": "", "rprivate": "", "rshared": "shared", "slave": "master", "rslave": "master"}


@dataclass(frozen=True, slots=True)
class MountDifference:
    """As a difference; the origins are None where there is no such mount."""

    what: str
    asked: str
    found: str
    predicted: Origin | None
    observed: Origin | None


def mount_differences(
    asked: Iterable[Mount], found: Iterable[Mount], predicted: Posture, *, whole: bool
) -> Iterator[MountDifference]:
    """By target. With ``whole`` the image's own volumes were predicted too, and a further one is a difference.

    The mode of a tmpfs is not compared: the engine gives it that of the directory that it hides.
    """
    declared = {real(mount.target): mount for mount in asked if "copied" not in mount.options}
    there = {real(mount.target): mount for mount in found}
    for target, mount in declared.items():
        other = there.get(target)
        if other is None:
            yield MountDifference(f"at {target} is", _said(mount), "nothing mounted", mount.origin, None)
            continue
        for what, one, two in _rows(mount, other, predicted):
            yield MountDifference(f"{target} {what}", one, two, mount.origin, other.origin)
    # a bind brings what is mounted below its source on the host
    trees = [target for target, mount in declared.items() if mount.kind == "bind"]
    for target in there.keys() - declared.keys():
        other = there[target]
        if any(covers(tree, target) for tree in trees):
            continue
        if other.kind != "kernel" and (whole or not other.anonymous):
            yield MountDifference(f"at {target} is", "nothing mounted", _said(other), None, other.origin)


def _said(mount: Mount) -> str:
    kind = "an anonymous volume" if mount.anonymous else f"a {mount.kind}"
    return f"{kind}{f' of {mount.source}' if mount.source else ''}"


def _rows(asked: Mount, found: Mount, predicted: Posture) -> Iterator[tuple[str, str, str]]:
    if not _same_kind(asked, found):
        yield "is", _said(asked), _said(found)
        return
    if asked.kind in ("bind", "volume") and _source(asked) not in (_source(found), _external(found, predicted)):
        yield "comes from", asked.source or "a new volume", found.source or "a new volume"
    if asked.read_only != found.read_only:
        yield "is", _access(asked), _access(found)
    if asked.recursive and found.recursive is False:
        yield "is read-only", "with what is mounted below", "without what is mounted below"
    if asked.kind == "tmpfs" and found.kind == "tmpfs":
        yield from _tmpfs_rows(asked, found)
    if asked.kind == "bind" and not _same_propagation(asked.propagation, found.propagation):
        yield "has propagation", asked.propagation or "private", found.propagation or "private"


def _tmpfs_rows(asked: Mount, found: Mount) -> Iterator[tuple[str, str, str]]:
    if asked.flags != found.flags:
        yield "has flags", _flags(asked), _flags(found)
    if _pages(asked.size) != _pages(found.size):
        yield "has size", _size(asked), _size(found)
    for name in ("uid", "gid"):
        one, two = getattr(asked, name), getattr(found, name)
        if one is not None and two is not None and one != two:
            yield f"belongs to {name}", str(one), str(two)


def _access(mount: Mount) -> str:
    return "read-only" if mount.read_only else "writable"


def _flags(mount: Mount) -> str:
    return ", ".join(sorted(mount.flags)) or "none"


def _size(mount: Mount) -> str:
    return "half of the memory" if mount.size is None else f"{mount.size} bytes"


def _same_kind(asked: Mount, found: Mount) -> bool:
    if found.kind == "kernel":  # a tmpfs in the place of the engine's own, such as /dev/shm
        return asked.kind == "tmpfs"
    return _ONE_KIND.get(asked.kind, asked.kind) == _ONE_KIND.get(found.kind, found.kind)


def _source(mount: Mount) -> str:
    """A volume by its name, a bind by its path where that is known."""
    if mount.kind == "bind" and mount.source.startswith("/"):
        return real(mount.source)
    if mount.kind != "volume" or mount.anonymous:
        return ""
    return mount.source


def _external(found: Mount, predicted: Posture) -> str | None:
    """The key of a volume that the engine knows by another name."""
    volumes = predicted.service.project.volumes if predicted.service and found.kind == "volume" else {}
    names = ((key, node.get("name")) for key, node in volumes.items())
    return next((key for key, name in names if name and name.text() == found.source), None)


def _pages(size: int | None) -> int | None:
    return None if size is None else -(-size // PAGE)


def _same_propagation(asked: str, found: str) -> bool:
    wanted = _PROPAGATION.get(asked, asked)
    # a slave of a mount that is not shared shows nothing
    return wanted == found or (wanted == "master" and not found)
