"""Secrets and configs that are no file on the host: put into the container before its start."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.project import Service
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.mounts import grant_target, is_mounted

if TYPE_CHECKING:
    import docker

DEFAULT_MODE = 0o444


def put_grants(client: docker.DockerClient, container: str, service: Service, remote: bool = False) -> None:
    """As Docker Compose does it, after creation and before the start.

    The engine cannot write into a read-only container; Docker Compose fails there too, and so do we, saying it.
    """
    config = service.node.plain()
    grants = [(kind, grant) for kind in ("secrets", "configs") for grant in config.get(kind) or ()]
    wanted = [(kind, grant) for kind, grant in grants if not is_mounted(service, kind, grant, remote)]
    if not wanted:
        return
    if config.get("read_only"):
        what = "a file of another machine than the engine's" if remote else "no file"
        raise StackError(
            f"{service.name}: {wanted[0][1]['source']} is {what}, and a read-only container takes only files",
            ("use an engine on this machine",) if remote else ("write it to a file and use `file:`",),
        )
    client.api.put_archive(
        container, "/", archive([(grant_target(k, g), content(service, k, g), g) for k, g in wanted])
    )


def content(service: Service, kind: str, grant: dict[str, Any]) -> bytes:
    """The text of a grant."""
    declared = getattr(service.project, kind)[grant["source"]].plain()
    if declared.get("file") is not None:
        return read(service, declared["file"])
    text = declared.get("content")
    if text is None:
        raise StackError(
            f"{service.name}: {grant['source']} comes from the variable {declared.get('environment')}",
            ("live mode reads no environment: use `file:`",),
        )
    return str(text).encode()


def read(service: Service, path: str) -> bytes:
    """The file. Its path may be in the message, its text never is."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StackError(f"{service.name}: {path} cannot be read: {error.strerror}") from None


def archive(files: list[tuple[str, bytes, dict[str, Any]]]) -> bytes:
    """A tar of the files, with owner and mode of each grant."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, data, grant in files:
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size = len(data)
            entry.mode = int(grant["mode"]) if grant.get("mode") is not None else DEFAULT_MODE
            entry.uid, entry.gid = int(grant.get("uid") or 0), int(grant.get("gid") or 0)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
