"""Images of a stack: built, there, copied or pulled, or one clear error. What is built gets a tag of the run's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pytest_dockerharden.model.project import Service
from pytest_dockerharden.stack.build import Build
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.run import Run
from pytest_dockerharden.stack.transfer import copy_images

if TYPE_CHECKING:
    import docker

Say = Callable[[str], None]
PULLS = 4
HINT = "build or load what is missing, name images that are there, or log in to their registry"


def prepare(
    client: docker.DockerClient,
    services: Iterable[Service],
    run: Run,
    say: Say,
    source: docker.DockerClient | None = None,
) -> dict[str, str]:
    """The reference to create each service's containers from, by service name.

    A service with a ``build`` is built, whatever image of its name is there: what is judged is what the Dockerfile says
    now. A tag that the project names is never written: another image may bear it. A service that only names the image
    of one that is built gets what was built. ``source`` is an engine to copy from what this one lacks.
    """
    services = list(services)
    builds = [Build.of(service, run) for service in services if service.get("build") is not None]
    made = {build.service.text("image"): build.reference for build in reversed(builds)}
    named = [service for service in services if service.get("build") is None and service.text("image") not in made]
    if source is not None:
        bases = [image for build in builds for image in build.base_images()]
        copy_images(source, client, [*(service.text("image") for service in named), *bases], say)
    require(client, named, say)
    for build in builds:
        say(f"{build.service.name}: building")
        build.run_on(client)
    built = {build.service.name: build.reference for build in builds}
    return {
        service.name: built.get(service.name) or made.get(service.text("image")) or service.text("image")
        for service in services
    }


def require(client: docker.DockerClient, services: list[Service], say: Say) -> None:
    """Pull what is missing, or what is to be pulled always. Raises one StackError that names all that are not there."""
    with ThreadPoolExecutor(PULLS, thread_name_prefix="dockerharden-pull") as pool:
        reasons = list(pool.map(lambda service: lacking(client, service, say), services))
    missing = [(service, reason) for service, reason in zip(services, reasons, strict=True) if reason]
    if missing:
        first = missing[0][0]
        others = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise StackError(
            f"{first.name}: the image {first.text('image')} is not on the engine{others}",
            (*(f"{service.name}: {service.text('image')}: {reason}" for service, reason in missing), HINT),
        )


def lacking(client: docker.DockerClient, service: Service, say: Say) -> str:
    """Why an image is not there, and empty when it is. ``pull_policy`` decides as in Docker Compose; what it allows to
    be pulled again after a time is not pulled again.
    """
    from docker.errors import APIError, ImageNotFound

    image, policy = service.text("image"), service.text("pull_policy")
    try:
        if policy != "always":
            client.api.inspect_image(image)
            return ""
    except ImageNotFound:
        if policy == "never":
            return "pull_policy is never"
    except APIError as error:
        return str(error.explanation)
    say(f"{service.name}: pulling {image}")
    return pull(client, image)


def pull(client: docker.DockerClient, image: str) -> str:
    """The engine's reason where it cannot; some come as an error, some in the middle of the answer."""
    from docker.errors import APIError

    repository, tag = split_reference(image)
    try:
        # read to the end: an answer left half-way keeps its connection
        lines = list(client.api.pull(repository, tag=tag, stream=True, decode=True))
    except APIError as error:
        return first_line(str(error.explanation or error))
    return next((first_line(str(line["error"])) for line in lines if "error" in line), "")


def first_line(text: str) -> str:
    """Of an answer that may go on with a page of HTML."""
    return (text.strip().splitlines() or ["no reason given"])[0]


def split_reference(image: str) -> tuple[str, str | None]:
    """Repository, and tag or digest (``latest`` where neither is given)."""
    if "@" in image:
        name, digest = image.split("@", 1)
        head, _, tail = name.rpartition(":")
        return (head if head and "/" not in tail else name), digest
    name, separator, tag = image.rpartition(":")
    return (name, tag) if separator and "/" not in tag else (image, "latest")
