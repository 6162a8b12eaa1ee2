"""Archives of images made by hand: layers from lists of files, put together as engines and builders do."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_dockerharden.model.image import Image
from pytest_dockerharden.source.image.image import image_of_pieces

KEY = (
    b"-----BEGIN OPENSSH PRIVATE KEY-----\n"
    b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz\n"
    b"-----END OPENSSH PRIVATE KEY-----\n"
)
# permitted: CAP_NET_RAW, in the binary form of revision 2
NET_RAW = b"\x01\x00\x00\x02" + (1 << 13).to_bytes(4, "little") + bytes(12)


@dataclass(frozen=True)
class File:
    """An entry of a layer; a path that ends in a slash is a folder."""

    path: str
    content: bytes = b""
    mode: int = 0
    uid: int = 0
    kind: bytes = b""
    link: str = ""
    capability: bytes = b""


def layer(*files: File) -> bytes:
    """An uncompressed layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in files:
            info = tarfile.TarInfo(file.path)
            folder = file.path.endswith("/")
            info.type = file.kind or (tarfile.DIRTYPE if folder else tarfile.REGTYPE)
            info.mode = file.mode or (0o755 if folder else 0o644)
            info.uid, info.size, info.linkname = file.uid, len(file.content), file.link
            if file.capability:
                # tarfile writes text: bytes above 127 would not survive
                info.pax_headers = {"SCHILY.xattr.security.capability": file.capability.decode("latin-1")}
            tar.addfile(info, io.BytesIO(file.content))
    return buffer.getvalue()


def files(*paths: str) -> bytes:
    """A layer of small files."""
    return layer(*(File(path, b"x") for path in paths))


def digest(content: bytes) -> str:
    """As the OCI writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Made:
    """An image to be put into an archive. ``created_by`` are steps of its history; an empty one is left out."""

    layers: list[bytes]
    config: Mapping[str, Any] = field(default_factory=dict)
    created_by: list[tuple[str, bool]] = field(default_factory=list)
    tags: tuple[str, ...] = ()
    architecture: str = "amd64"

    def document(self) -> bytes:
        """The configuration."""
        return json.dumps(
            {
                "architecture": self.architecture,
                "os": "linux",
                "created": "2026-01-01T00:00:00Z",
                "config": self.config,
                "rootfs": {"type": "layers", "diff_ids": [digest(content) for content in self.layers]},
                "history": [{"created_by": text, "empty_layer": empty} for text, empty in self.created_by],
            }
        ).encode()


def tar_of(members: Iterable[tuple[str, bytes]]) -> bytes:
    """An archive of files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def saved(*images: Made) -> bytes:
    """What ``docker save`` of an engine before 25 writes: the list of contents comes last."""
    members: dict[str, bytes] = {}
    manifest = []
    for image in images:
        names = [f"{digest(content)[7:]}/layer.tar" for content in image.layers]
        members.update(zip(names, image.layers, strict=True))
        config = f"{digest(image.document())[7:]}.json"
        members[config] = image.document()
        manifest.append({"Config": config, "RepoTags": list(image.tags) or None, "Layers": names})
    members["manifest.json"] = json.dumps(manifest).encode()
    return tar_of(members.items())


def layout(*images: Made, compress: Any = gzip.compress, nested: bool = False) -> dict[str, bytes]:
    """The files of an OCI image layout."""
    blobs: dict[str, bytes] = {}

    def blob(content: bytes, kind: str, **more: Any) -> dict[str, Any]:
        blobs[digest(content)] = content
        return {"mediaType": kind, "digest": digest(content), "size": len(content), **more}

    manifests = []
    for image in images:
        document = {
            "schemaVersion": 2,
            "config": blob(image.document(), "application/vnd.oci.image.config.v1+json"),
            "layers": [
                blob(compress(content), "application/vnd.oci.image.layer.v1.tar+gzip") for content in image.layers
            ],
        }
        platform = {"os": "linux", "architecture": image.architecture}
        names = {"org.opencontainers.image.ref.name": image.tags[0]} if image.tags else {}
        kind = "application/vnd.oci.image.manifest.v1+json"
        manifests.append(blob(json.dumps(document).encode(), kind, platform=platform, annotations=names))
    if nested:
        attestation = blob(b'{"layers": []}', "x", annotations={"vnd.docker.reference.type": "attestation-manifest"})
        inner = json.dumps({"manifests": [*manifests, attestation]}).encode()
        manifests = [blob(inner, "application/vnd.oci.image.index.v1+json")]
    found = {f"blobs/{name.replace(':', '/')}": content for name, content in blobs.items()}
    found["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    found["index.json"] = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
    return found


def unpacked_into(folder: Path, members: Mapping[str, bytes]) -> Path:
    """The members as files below ``folder``."""
    for name, content in members.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def read(content: bytes, reference: str = "app:1", piece: int = 1000) -> Image:
    """The image of an archive that comes in pieces."""
    pieces = (content[at : at + piece] for at in range(0, len(content), piece))
    return image_of_pieces(pieces, reference)


def image_of(*layers: bytes, config: Mapping[str, Any] | None = None, history: Iterable[str] = ()) -> Image:
    """An image of these layers. Each step of ``history`` made the next layer, and one that starts with ``-`` none."""
    steps = [(text.removeprefix("-"), text.startswith("-")) for text in history]
    return read(saved(Made(list(layers), config or {}, steps)))
