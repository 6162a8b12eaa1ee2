"""What the engine is asked for each container beside ``inspect``: its image's tag, its changed files, its volumes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import Change, Posture

if TYPE_CHECKING:
    import docker

COMPOSE = "com.docker.compose."
MOST_CHANGES = 20_000
KINDS: dict[int, Any] = {0: "modified", 1: "added", 2: "deleted"}


@dataclass(frozen=True, slots=True)
class Volume:
    """``name`` is the key in the compose file, for one of others the engine's name. ``device`` is the host path that
    its driver options bind; empty where they do not."""

    name: str
    device: str = ""


@dataclass(slots=True)
class Questions:
    """Each image and volume is asked for once."""

    client: docker.DockerClient
    images: dict[str, str] = field(default_factory=dict)

    def complete(self, posture: Posture, inspected: Mapping[str, Any], *, here: bool) -> None:
        """Put ``tagged_image_id`` and ``changes`` into a posture. ``here``: the engine's files are on this machine."""
        reference = inspected["Config"].get("Image", "")
        identifier = self.image(reference)
        origin = KernelOrigin(posture.subject, f"inspect {reference} Id", identifier or "there is no such image")
        posture.tagged_image_id = Known(identifier, origin)
        posture.changes = self.changes(posture.subject, inspected, here)

    def image(self, reference: str) -> str:
        """The id that a reference names now; empty where it names none any more."""
        from docker.errors import APIError

        if reference not in self.images:
            try:
                self.images[reference] = self.client.api.inspect_image(reference)["Id"]
            except APIError:
                self.images[reference] = ""
        return self.images[reference]

    def changes(self, service: str, inspected: Mapping[str, Any], here: bool) -> Fact[tuple[Change, ...]]:
        """In the container's own layer: volumes and tmpfs are no part of it."""
        from docker.errors import APIError

        if inspected["HostConfig"].get("ReadonlyRootfs"):  # the engine refuses to copy into it as well
            return Known((), KernelOrigin(service, "inspect HostConfig.ReadonlyRootfs", "nothing can be changed"))
        layer = inspected.get("GraphDriver") or {}
        found = changes_here(layer.get("Data") or {}) if here and layer.get("Name") == "overlay2" else None
        if found is not None:
            return known_changes(service, "overlay upperdir", found)
        try:
            answer = self.client.api.diff(inspected["Id"]) or ()
        except APIError as error:
            return Unknown(f"its changed files could not be listed: {error.explanation}")
        return known_changes(service, "diff", [Change(e["Path"], KINDS.get(e["Kind"], "modified")) for e in answer])

    def volumes(self, inspected: Iterable[Mapping[str, Any]]) -> dict[str, Volume]:
        """The named volumes by the engine's name. A plugin's are whatever it says."""
        found = {}
        for answer in inspected:
            project = (answer["Config"].get("Labels") or {}).get(f"{COMPOSE}project", "")
            for mount in answer.get("Mounts") or ():
                name = mount.get("Name", "")
                if mount["Type"] == "volume" and name not in found:
                    found[name] = self.volume(name, project)
        return found

    def volume(self, name: str, project: str) -> Volume:
        """One that is of the same project has a key in its files."""
        from docker.errors import APIError

        try:
            answer = self.client.api.inspect_volume(name)
        except APIError:
            return Volume(name)
        labels, options = answer.get("Labels") or {}, answer.get("Options") or {}
        ours = bool(project) and labels.get(f"{COMPOSE}project") == project
        is_bind = bool({"bind", "rbind"} & set(options.get("o", "").split(",")))
        device = str(options.get("device", "")) if is_bind and answer.get("Driver") == "local" else ""
        return Volume(labels.get(f"{COMPOSE}volume", name) if ours else name, device)


def known_changes(service: str, place: str, found: list[Change]) -> Fact[tuple[Change, ...]]:
    """In the order of paths."""
    origin = KernelOrigin(service, place, f"{len(found)} paths differ from the image")
    return Known(tuple(sorted(found, key=lambda change: change.path)), origin)


def changes_here(layer: Mapping[str, str]) -> list[Change] | None:
    """What ``diff`` answers, from the container's own layer: the engine compares whole trees for it, which takes long.

    None where the layer cannot be read or is very large. See overlayfs.rst for whiteouts.
    """
    upper, lowers = layer.get("UpperDir", ""), layer.get("LowerDir", "").split(":")
    found: list[Change] = []
    folders = [upper]
    try:
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    path = entry.path[len(upper) :]
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                        found.append(Change(path, "deleted"))
                        continue
                    below = any(os.path.lexists(lower + path) for lower in lowers)
                    found.append(Change(path, "modified" if below else "added"))
                    if stat.S_ISDIR(status.st_mode):
                        folders.append(entry.path)
            if len(found) > MOST_CHANGES:
                return None
    except OSError:
        return None
    return found
