"""Image configurations at hand to the services that run on them."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_dockerharden.model.fact import Known, Unknown
from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import parse_reference


def attach_images(service: Service, images: Mapping[str, ImageConfig]) -> None:
    """A service that builds gets the configuration of its base, or else that of the image it was built into."""
    references = _references(service)
    found = next((image for reference in references if (image := find(images, reference))), None)
    if found is not None:
        service.image = Known(found, service.at("image"))
    elif references:
        service.image = Unknown(f"no image configuration of {references[0]} is at hand", service.origin)


def _references(service: Service) -> list[str]:
    base = service.stage.root_base() if service.stage else None
    node = service.get("image")
    own = node.text() if node is not None and not node.unresolved else ""
    if not own and service.get("build") is not None:
        own = f"{service.project.name}-{service.name}"
    return [reference for reference in (base, own) if reference]


def find(images: Mapping[str, ImageConfig], reference: str) -> ImageConfig | None:
    """The configuration under any spelling of the reference (``redis`` is ``docker.io/library/redis:latest``)."""
    if reference in images:
        return images[reference]
    wanted = _identity(reference)
    return next((image for name, image in images.items() if _identity(name) == wanted), None)


def _identity(reference: str) -> tuple[str, str, str]:
    image = parse_reference(reference)
    return image.registry, image.path, image.digest or image.tag or "latest"
