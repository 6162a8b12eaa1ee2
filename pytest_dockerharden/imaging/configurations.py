"""Configurations of images on an engine, for predictions of the services that run on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from pytest_dockerharden.imaging.reading import configuration
from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.stack.errors import StackError

if TYPE_CHECKING:
    import docker


class EngineImages(Mapping[str, ImageConfig]):
    """The images of an engine by reference, each asked for when somebody wants it.

    Of an engine that does not answer there are none: a prediction then says what it does not know.
    """

    def __init__(self, engine: Callable[[], docker.DockerClient]) -> None:
        self._engine = engine
        self._known: dict[str, ImageConfig | None] = {}

    def __getitem__(self, reference: str) -> ImageConfig:
        if reference not in self._known:
            self._known[reference] = self._ask(reference)
        found = self._known[reference]
        if found is None:
            raise KeyError(reference)
        return found

    def _ask(self, reference: str) -> ImageConfig | None:
        from pytest_dockerharden.live.engine import answering

        try:
            client = self._engine()
            with answering():
                return configuration(client, reference)
        except StackError:
            return None

    def __iter__(self) -> Iterator[str]:
        return (reference for reference, found in self._known.items() if found is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return True  # there may be any


def predict_from_images(project: Project, containers: Mapping[str, list[str]], client: docker.DockerClient) -> None:
    """Predict the services again, now that their images are on the engine. ``containers`` are ids by service."""
    from pytest_dockerharden.assemble.images import attach_images
    from pytest_dockerharden.predict import predict

    known = EngineImages(lambda: client)
    for service in project.services.values():
        attach_images(service, _Running(service, known, containers.get(service.name, ()), client))
    for service in project.services.values():
        service.posture = predict(service)


class _Running(Mapping[str, ImageConfig]):
    """The base of a service's Dockerfile, or else the image that its container runs, whatever that is called."""

    def __init__(
        self, service: Service, known: EngineImages, ids: list[str] | tuple[str, ...], client: docker.DockerClient
    ) -> None:
        self._base = service.stage.root_base() if service.stage else None
        self._known = known
        self._ids = ids
        self._client = client

    def __getitem__(self, reference: str) -> ImageConfig:
        if reference == self._base:
            return self._known[reference]
        if not self._ids:
            raise KeyError(reference)
        return self._known[self._client.api.inspect_container(self._ids[0])["Image"]]

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
