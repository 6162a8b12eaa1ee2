"""What images on an engine say of the services that run on them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.assemble import Combination, assemble
from pytest_dockerharden.imaging.configurations import EngineImages, predict_from_images
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.errors import EngineError
from pytest_dockerharden.stack.run import Run
from tests.image.archives import tar_of
from tests.live import labelled_run, live_engine

DOCKERFILE = b"""FROM scratch
COPY Dockerfile /x
USER 4242:4243
ENV A=image B=image
STOPSIGNAL SIGQUIT
HEALTHCHECK CMD ["/busybox", "true"]
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    client = live_engine()
    yield client
    client.close()


@pytest.fixture(scope="module")
def run(client: Any) -> Iterator[Run]:
    with labelled_run(client) as run:
        yield run


@pytest.fixture(scope="module")
def image(client: Any, run: Run) -> str:
    name = f"dh-configured-{run.id}:1"
    context = io.BytesIO(tar_of([("Dockerfile", DOCKERFILE)]))
    client.images.build(fileobj=context, custom_context=True, tag=name, labels=run.labels, rm=True)
    return name


def project(folder: Path, compose: str, dockerfile: str = "", images: Any = None) -> Project:
    (folder / "compose.yaml").write_text(compose)
    if dockerfile:
        (folder / "Dockerfile").write_text(dockerfile)
    assembly = assemble([Combination((str(folder / "compose.yaml"),))], root=str(folder), images=images)
    assert not assembly.failures
    return assembly.projects[0]


@pytest.mark.live
def test_the_image_that_runs_decides_what_the_files_leave_open(
    tmp_path: Path, client: Any, run: Run, image: str
) -> None:
    loaded = project(tmp_path, f"services: {{web: {{image: {image}, environment: {{B: compose}}}}}}")
    posture = loaded.services["web"].posture
    assert posture is not None and not posture.uid.known
    container = client.api.create_container(image, ["/x"], labels=run.labels)["Id"]
    predict_from_images(loaded, {"web": [container]}, client)
    posture = loaded.services["web"].posture
    assert posture is not None
    assert (posture.uid.value, posture.stop_signal.value) == (4242, "SIGQUIT")
    variables = posture.environment.value
    assert {name: variables[name].value for name in "AB"} == {"A": "image", "B": "compose"}
    assert posture.healthcheck.value.test == ("CMD", "/busybox", "true")


@pytest.mark.live
def test_a_dockerfile_is_read_on_top_of_its_base(tmp_path: Path, client: Any, image: str) -> None:
    loaded = project(tmp_path, "services: {web: {build: .}}", f"FROM {image}\nUSER 1\n")
    predict_from_images(loaded, {}, client)
    posture = loaded.services["web"].posture
    assert posture is not None
    assert (posture.uid.value, posture.stop_signal.value) == (1, "SIGQUIT")


@pytest.mark.live
def test_static_mode_asks_the_engine_for_what_it_meets(tmp_path: Path, client: Any, image: str) -> None:
    images = EngineImages(lambda: client)
    posture = project(tmp_path, f"services: {{a: {{image: {image}}}, b: {{image: nobody/has:it}}}}", images=images)
    assert posture.services["a"].posture.uid.value == 4242  # type: ignore[union-attr]
    assert not posture.services["b"].posture.uid.known  # type: ignore[union-attr]
    assert list(images) == [image]


@pytest.mark.live
@pytest.mark.parametrize("reference", ["", "UPPER", "a b", "x:y:z", "../x", "sha256:0", "@", "nobody/has:it"])
def test_what_is_no_image_has_no_configuration(client: Any, reference: str) -> None:
    assert reference not in EngineImages(lambda: client)


def test_without_an_engine_nothing_is_known(tmp_path: Path) -> None:
    def refuse() -> Any:
        raise EngineError("no engine")

    posture = project(tmp_path, "services: {a: {image: redis}}", images=EngineImages(refuse)).services["a"].posture
    assert posture is not None and posture.subject == "a"


def test_a_socket_that_is_not_there_is_no_engine(tmp_path: Path) -> None:
    assert "redis" not in EngineImages(lambda: connect(f"unix://{tmp_path}/none.sock"))
