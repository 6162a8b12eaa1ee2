"""The image that a user names: on an engine, or in an archive."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.fact import Known, Unknown
from pytest_dockerharden.model.image import Image, ImageConfig
from pytest_dockerharden.source.image.config import config_of, table_of, texts_of
from pytest_dockerharden.source.image.streams import BadArchive
from pytest_dockerharden.stack.errors import EngineError, StackError

if TYPE_CHECKING:
    import docker

# as skopeo and podman name them
_ARCHIVES = ("docker-archive:", "oci-archive:", "oci:", "dir:")


class NoImage(StackError):  # noqa: N818 - a verdict on what was asked for, not an error of ours
    """What was named is no image, or cannot be read."""


def archive_of(reference: str, start: str) -> tuple[str, str] | None:
    """Path of the archive and the image in it that is meant, after ``#``; None for the name of an image."""
    text, named = reference, False
    for prefix in _ARCHIVES:
        if text.startswith(prefix):
            text, named = text[len(prefix) :], True
    whole = os.path.join(start, text)
    if os.path.exists(whole):
        return whole, ""
    path, _, chosen = text.partition("#")
    path = os.path.join(start, path)
    if named or text.startswith(("/", "./", "../")) or (os.path.exists(path) and chosen):
        return path, chosen
    return None


def read_image(reference: str, start: str, engine: Callable[[], docker.DockerClient]) -> Image:
    """Raises NoImage and EngineError. An engine is connected to only for an image that is in no archive."""
    archive = archive_of(reference, start)
    if archive is not None:
        return _read_archive(*archive, reference)
    from pytest_dockerharden.live.engine import answering
    from pytest_dockerharden.source.image.image import image_of_pieces

    client = engine()
    with answering():
        inspected = inspect(client, reference)
        if inspected is None:
            raise NoImage(f"no image {reference} is on the engine", ("pull or build it, or name an archive of it",))
        try:
            image = image_of_pieces(client.api.get_image(inspected["Id"], chunk_size=1 << 20), reference)
        except BadArchive as error:
            raise NoImage(f"what the engine sends cannot be read: {error}") from None
    _add_digests(image, inspected)
    return image


def _read_archive(path: str, chosen: str, reference: str) -> Image:
    from pytest_dockerharden.source.image.image import image_of_file

    try:
        image = image_of_file(path, chosen, reference)
    except OSError as error:
        raise NoImage(f"it cannot be read: {error.strerror or error}") from None
    except BadArchive as error:
        raise NoImage(str(error)) from None
    image.archived = True
    return image


def _add_digests(image: Image, inspected: dict[str, Any]) -> None:
    import dataclasses

    config: ImageConfig = image.config.value
    config = dataclasses.replace(config, digests=texts_of(inspected.get("RepoDigests")))
    image.config = Known(config, image.at("config", ""))


def inspect(client: docker.DockerClient, reference: str) -> dict[str, Any] | None:
    """What the engine knows of an image; None where it has none of that name, or no image can have it."""
    from docker.errors import APIError, ImageNotFound, NullResource

    try:
        answer: dict[str, Any] = client.api.inspect_image(reference)
    except (ImageNotFound, NullResource):
        return None
    except APIError as error:
        if error.response is not None and error.response.status_code == 400:  # no name of an image
            return None
        raise
    return answer


def configuration(client: docker.DockerClient, reference: str) -> ImageConfig | None:
    """The configuration of an image on the engine, which is not read for it; None where it is not there."""
    inspected = inspect(client, reference)
    if inspected is None:
        return None
    return config_of(inspected.get("Config"), reference, texts_of(inspected.get("RepoDigests")))


def layers_on(engine: Callable[[], docker.DockerClient], reference: str) -> Known[tuple[str, ...]] | Unknown:
    """The digests of the layers of an image on the engine."""
    from pytest_dockerharden.live.engine import answering
    from pytest_dockerharden.model.origin import ImageOrigin

    try:
        client = engine()
        with answering():
            inspected = inspect(client, reference)
    except EngineError as error:
        return Unknown(f"whether {reference} is below it is not known: {error.message}")
    except StackError as error:
        return Unknown(f"{reference}: {error.message}")
    if inspected is None:
        return Unknown(f"the base image {reference} is not on the engine")
    layers = texts_of(table_of(inspected.get("RootFS")).get("Layers"))
    return Known(layers, ImageOrigin(reference, "", "layers", ""))
