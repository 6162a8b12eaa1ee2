"""An image: its configuration as the OCI specification and ``docker image inspect`` give it, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Literal

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.fact import Fact, Unknown
from pytest_dockerharden.model.finding import Finding, Remedy
from pytest_dockerharden.model.origin import ImageOrigin, TextOrigin
from pytest_dockerharden.model.posture import Healthcheck
from pytest_dockerharden.model.secrets import mask


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """``config`` of an image. ``users`` maps names of its /etc/passwd to (uid, gid), empty where it was not read."""

    reference: str
    user: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    exposed: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    working_dir: str = ""
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None
    digests: tuple[str, ...] = ()
    users: dict[str, tuple[int, int]] = field(default_factory=dict)


_LONGEST_STEP = 1 << 16
UNDATED = Unknown("the image does not say when it was made")

FileKind = Literal[
    "setuid", "setgid", "capability", "world-writable", "world-writable-directory", "device", "private-key",
    "credentials", "token", "shell", "package-manager", "build-tool", "remote-login", "sudo", "repository", "leftover",
    "account", "escaping",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file of a layer that is worth a word.

    ``path`` is absolute and clean. ``layer`` counts from 0, the base's first. ``hidden_by`` is the layer that deletes
    or replaces it, None where it is in the image's file system. ``detail`` are names: capabilities, the kind of a key.
    """

    path: str
    kind: FileKind
    layer: int
    mode: int
    uid: int
    gid: int
    size: int = 0
    hidden_by: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. ``digest`` is that of its uncompressed archive, ``size`` the bytes of the files that it brings.

    ``wasted`` are those that a later layer deletes or replaces: nobody sees them, and every pull carries them.
    """

    index: int
    digest: str
    size: int
    wasted: int
    entries: int
    caches: Mapping[str, int] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """As people name it: the first twelve digits."""
        return self.digest.rpartition(":")[2][:12]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the history. ``layer`` is the index of the layer that it made, None where it made none."""

    number: int
    created_by: str
    layer: int | None

    @property
    def instruction(self) -> tuple[str, str]:
        """Keyword and the rest, as a Dockerfile has them: ``("RUN", "apt-get update")``.

        The classic builder writes ``/bin/sh -c #(nop)  ENV A=b`` and ``|1 A=b /bin/sh -c ...``, BuildKit
        ``RUN |1 A=b /bin/sh -c ... # buildkit``.
        """
        text = self.created_by[:_LONGEST_STEP].removesuffix(" # buildkit").strip()
        _, nop, rest = text.partition("#(nop)")
        if nop:
            text = rest.strip()
        keyword, _, rest = text.partition(" ")
        return (keyword, rest.strip()) if keyword.isalpha() and keyword.isupper() else ("RUN", text)


@dataclass(frozen=True, slots=True)
class Account:
    """A line of /etc/passwd (``kind`` passwd), /etc/shadow or /etc/group. ``number`` is the uid or gid, -1 for shadow.

    ``gid`` is the group of a user. ``open`` tells that the password field is empty: whoever asks is let in.
    """

    kind: Literal["passwd", "shadow", "group"]
    name: str
    number: int
    gid: int = -1
    open: bool = False
    shell: str = ""


@dataclass(frozen=True, slots=True)
class Base:
    """A base image that a Dockerfile of the project says this image is built on.

    ``layers`` are the digests of the base's layers, where the base is on the engine.
    """

    reference: str
    origin: TextOrigin
    layers: Fact[tuple[str, ...]]


@dataclass(slots=True, eq=False)
class Image:
    """A built image. What its archive or engine does not tell is unknown.

    ``files`` holds what is worth a word of every layer, those that a later layer hides included. ``uncounted`` tells of
    kinds with more of them than are kept how many there are. ``release`` are the fields of /etc/os-release.
    ``archived`` tells that the reference is the path of an archive.
    """

    reference: str
    config: Fact[ImageConfig]
    history: Fact[tuple[Step, ...]]
    layers: Fact[tuple[Layer, ...]]
    files: Fact[tuple[ImageFile, ...]]
    accounts: Fact[tuple[Account, ...]]
    release: Fact[Mapping[str, str]]
    created: Fact[str] = UNDATED
    platform: str = ""
    bases: tuple[Base, ...] = ()
    archived: bool = False
    uncounted: Mapping[FileKind, int] = field(default_factory=dict)

    @property
    def origin(self) -> ImageOrigin:
        """The image as a whole."""
        return self.at("image", self.platform)

    def at(self, path: str, text: str) -> ImageOrigin:
        """A place of the configuration or history."""
        return ImageOrigin(self.reference, "", path, text)

    def at_file(self, file: ImageFile) -> ImageOrigin:
        """A file in its layer."""
        layers = self.layers.value
        text = f"{file.mode:04o} {file.uid}:{file.gid}{f' {file.detail}' if file.detail else ''}"
        if file.hidden_by is not None:
            text += f", gone in layer {layers[file.hidden_by].short}, and in the image all the same"
        return ImageOrigin(self.reference, layers[file.layer].short, file.path, text)

    def visible(self, *kinds: FileKind) -> list[ImageFile]:
        """The files of these kinds that a container of the image sees."""
        return [file for file in self.of(*kinds) if file.hidden_by is None]

    def of(self, *kinds: FileKind) -> Iterator[ImageFile]:
        """The files of these kinds in all layers."""
        return (file for file in self.files.value if file.kind in kinds)

    def finding(self, message: str, path: str, text: str = "", remedy: Remedy | None = None) -> Finding:
        """A finding at a place of the configuration or history."""
        return Finding(message, self.at(path, text), remedy=remedy)

    def at_step(self, step: Step) -> ImageOrigin:
        """A step of the history, its secrets masked."""
        return self.at(f"history {step.number}", mask(" ".join(step.instruction)))

    def finding_in(self, file: ImageFile, message: str, remedy: Remedy | None = None) -> Finding:
        """A finding at a file; the step that made its layer is shown with it."""
        steps = (step for step in self.history.get(()) if step.layer == file.layer and step.created_by)
        related = tuple(self.at_step(step) for step in steps)
        return Finding(message, self.at_file(file), remedy=remedy, related=related)
