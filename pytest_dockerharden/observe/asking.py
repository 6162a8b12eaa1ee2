"""What the engine is asked for each container beside ``inspect``: its image's tag, its changed files, its volumes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import Change, Posture

if TYPE_CHECKING:
    import docker

KINDS: dict[int, Any] = {0: "modified", 1: "added", 2: "deleted"}


@dataclass(slots=True)
class Questions:
    """Each image and volume is asked for once."""

    client: docker.DockerClient
    images: dict[str, str] = field(default_factory=dict)

    def complete(self, posture: Posture, inspected: Mapping[str, Any]) -> None:
        """Put ``tagged_image_id`` and ``changes`` into a posture."""
        reference = inspected["Config"].get("Image", "")
        identifier = self.image(reference)
        origin = KernelOrigin(posture.subject, f"inspect {reference} Id", identifier or "there is no such image")
        posture.tagged_image_id = Known(identifier, origin)
        posture.changes = self.changes(posture.subject, inspected["Id"])

    def image(self, reference: str) -> str:
        """The id that a reference names now; empty where it names none any more."""
        from docker.errors import APIError

        if reference not in self.images:
            try:
                self.images[reference] = self.client.api.inspect_image(reference)["Id"]
            except APIError:
                self.images[reference] = ""
        return self.images[reference]

    def changes(self, service: str, container: str) -> Fact[tuple[Change, ...]]:
        """In the container's own layer: volumes and tmpfs are no part of it."""
        from docker.errors import APIError

        try:
            answer = self.client.api.diff(container) or ()
        except APIError as error:
            return Unknown(f"its changed files could not be listed: {error.explanation}")
        found = tuple(Change(entry["Path"], KINDS.get(entry["Kind"], "modified")) for entry in answer)
        return Known(found, KernelOrigin(service, "diff", f"{len(found)} paths differ from the image"))

    def binds(self, inspected: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """Host paths by name of the volumes whose driver options make them binds."""
        from docker.errors import APIError

        found = {}
        mounts = (mount for answer in inspected for mount in answer.get("Mounts") or ())
        names = {m["Name"]: None for m in mounts if m["Type"] == "volume" and m.get("Driver") == "local"}
        for name in names:
            try:
                options = self.client.api.inspect_volume(name).get("Options") or {}
            except APIError:
                continue
            if {"bind", "rbind"} & set(options.get("o", "").split(",")):
                found[name] = str(options.get("device", ""))
        return found
