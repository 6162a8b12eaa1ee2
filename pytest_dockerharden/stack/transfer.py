"""Images from one engine to another, as ``docker save | docker load`` does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pytest_dockerharden.stack.errors import StackError

if TYPE_CHECKING:
    import docker

# for one answer: loading is done when the engine has unpacked all layers
SECONDS = 600


def copy_images(
    source: docker.DockerClient,
    target: docker.DockerClient,
    references: Iterable[str],
    progress: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Copy those of ``references`` that ``source`` has and ``target`` lacks, and return them.

    All go in one stream, so that a layer that several share goes once. Of ``source`` nothing is changed, and nothing
    but these images is read.
    """
    wanted = [name for name in dict.fromkeys(references) if has_image(source, name) and not has_image(target, name)]
    if wanted:
        progress(f"copying {len(wanted)} images from the machine's engine, of which nothing else is used")
        stream_images(source, target, wanted)
    return wanted


def has_image(client: docker.DockerClient, reference: str) -> bool:
    """Whether the engine has it under this name."""
    from docker.errors import ImageNotFound

    try:
        client.api.inspect_image(reference)
    except ImageNotFound:
        return False
    return True


def stream_images(source: docker.DockerClient, target: docker.DockerClient, references: list[str]) -> None:
    """``GET /images/get`` into ``POST /images/load``: the SDK's own method takes one name."""
    api = source.api
    answer = api.get(api._url("/images/get"), params={"names": references}, stream=True, timeout=SECONDS)
    api._raise_for_status(answer)
    with answer:
        loading = target.api.post(
            target.api._url("/images/load"),
            data=answer.iter_content(1 << 20),
            params={"quiet": True},
            stream=True,
            timeout=SECONDS,
        )
        target.api._raise_for_status(loading)
        for line in target.api._stream_helper(loading, decode=True):
            if "error" in line:
                raise StackError("the private engine could not load the images", (str(line["error"]),))
