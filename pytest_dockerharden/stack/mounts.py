"""Volumes, tmpfs, secrets and configs as the engine takes them: ``Binds``, ``Mounts`` and ``Tmpfs``."""

from __future__ import annotations

from typing import Any

from pytest_dockerharden.model.project import Service
from pytest_dockerharden.stack.names import Names, without_empty

API_SOCKET = "/var/run/docker.sock"


def mounts(service: Service, config: dict[str, Any], names: Names) -> dict[str, Any]:
    """The three lists; what a plain bind string can say goes there, as Docker Compose does."""
    binds: list[str] = []
    listed: list[dict[str, Any]] = []
    for volume in config.get("volumes") or ():
        bind = as_bind(volume, names)
        if bind:
            binds.append(bind)
        else:
            listed.append(as_mount(volume, names))
    if config.get("use_api_socket"):
        binds.append(f"{API_SOCKET}:{API_SOCKET}:rw")
    listed += [
        file_mount(service, "secrets", grant)
        for grant in config.get("secrets") or ()
        if is_mounted(service, "secrets", grant, names.remote)
    ]
    listed += [
        file_mount(service, "configs", grant)
        for grant in config.get("configs") or ()
        if is_mounted(service, "configs", grant, names.remote)
    ]
    tmpfs = {path: options for path, _, options in (entry.partition(":") for entry in config.get("tmpfs") or ())}
    return {"Binds": binds, "Mounts": listed, "Tmpfs": tmpfs}


def as_bind(volume: dict[str, Any], names: Names) -> str:
    """``source:target:mode``, or empty where a mount is needed to say it."""
    mode = "ro" if volume.get("read_only") else "rw"
    if volume["type"] == "bind":
        bind = volume.get("bind") or {}
        if bind.get("propagation") or bind.get("recursive") or bind.get("create_host_path") is False:
            return ""
        label = f",{bind['selinux']}" if bind.get("selinux") else ""
        return f"{volume['source']}:{volume['target']}:{mode}{label}"
    if volume["type"] == "volume" and volume.get("source") and not any((volume.get("volume") or {}).values()):
        return f"{names.resource('volume', volume['source'])}:{volume['target']}:{mode}"
    return ""


def as_mount(volume: dict[str, Any], names: Names) -> dict[str, Any]:
    """A mount of any type."""
    kind = volume["type"]
    body: dict[str, Any] = {"Type": kind, "Target": volume["target"]}
    source = volume.get("source")
    if source:
        body["Source"] = names.resource("volume", source) if kind == "volume" else source
    if volume.get("read_only"):
        body["ReadOnly"] = True
    if volume.get("consistency"):
        body["Consistency"] = volume["consistency"]
    options = OPTIONS[kind](volume.get(kind) or {}) if kind in OPTIONS else {}
    return body | ({f"{kind.capitalize()}Options": options} if options else {})


def bind_options(bind: dict[str, Any]) -> dict[str, Any]:
    """Propagation, creation and recursion of a bind."""
    recursive = {
        "disabled": {"NonRecursive": True},
        "writable": {"ReadOnlyNonRecursive": True},
        "readonly": {"ReadOnlyForceRecursive": True},
    }.get(bind.get("recursive", ""), {})
    options = {
        "Propagation": bind.get("propagation"),
        "CreateMountpoint": bind.get("create_host_path", True),
        **recursive,
    }
    return without_empty(options)


def volume_options(volume: dict[str, Any]) -> dict[str, Any]:
    """Copying, subpath and labels of a volume."""
    options = {"NoCopy": volume.get("nocopy"), "Subpath": volume.get("subpath"), "Labels": volume.get("labels")}
    return without_empty(options)


def tmpfs_options(tmpfs: dict[str, Any]) -> dict[str, Any]:
    """Size in bytes and mode bits of a long-form tmpfs."""
    options = {"SizeBytes": int(tmpfs.get("size") or 0), "Mode": int(tmpfs.get("mode") or 0)}
    return without_empty(options)


def image_options(image: dict[str, Any]) -> dict[str, Any]:
    """The part of an image that is mounted."""
    return {"Subpath": image["subpath"]} if image.get("subpath") else {}


OPTIONS = {"bind": bind_options, "volume": volume_options, "tmpfs": tmpfs_options, "image": image_options}


def is_mounted(service: Service, kind: str, grant: dict[str, Any], remote: bool) -> bool:
    """Whether a secret or config is a file that the engine sees; others are put into the container before it starts."""
    if remote:
        return False
    declared = getattr(service.project, kind).get(grant["source"])
    return declared is not None and declared.get("file") is not None


def file_mount(service: Service, kind: str, grant: dict[str, Any]) -> dict[str, Any]:
    """A file secret or config is a read-only bind: the host file keeps its owner and mode, whatever the grant says."""
    file = getattr(service.project, kind)[grant["source"]].get("file")
    return {
        "Type": "bind",
        "Source": file.text(),
        "Target": grant_target(kind, grant),
        "ReadOnly": True,
        "BindOptions": {},
    }


def grant_target(kind: str, grant: dict[str, Any]) -> str:
    """Where a secret or config appears in the container."""
    folder = "/run/secrets" if kind == "secrets" else ""
    target = grant.get("target") or grant["source"]
    return str(target) if str(target).startswith("/") else f"{folder}/{target}"
