"""From a layer or a key of the configuration to the line of the Dockerfile that made it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.assemble import Combination, assemble
from pytest_dockerharden.imaging.bases import Lines, stages_of
from pytest_dockerharden.model.image import Image
from pytest_dockerharden.model.origin import TextOrigin
from tests.image.archives import files, image_of

COMPOSE = "services:\n  web: {build: ., image: 'example.org/web:1'}\n  other: {image: 'redis:7'}\n"
DOCKERFILE = """\
FROM golang:1.24 AS build
RUN go build -o /app

FROM debian:12
ARG VERSION=1
ENV A=b
COPY --from=build /app /app
RUN chmod 755 /app
LABEL org.opencontainers.image.title=app
USER 10001
CMD ["/app"]
"""
BUILDKIT = [
    "debuerreotype", "-ARG VERSION=1", "-ENV A=b", "COPY /app /app # buildkit",
    "RUN |1 VERSION=1 /bin/sh -c chmod 755 /app # buildkit", "-LABEL org.opencontainers.image.title=app", "-USER 10001",
    '-CMD ["/app"]',
]  # fmt: skip
CLASSIC = [
    "/bin/sh -c #(nop) ADD file:1 in / ", "-/bin/sh -c #(nop)  ARG VERSION=1", "-/bin/sh -c #(nop)  ENV A=b",
    "/bin/sh -c #(nop) COPY file:2 in /app ", "|1 VERSION=1 /bin/sh -c chmod 755 /app",
    "-/bin/sh -c #(nop)  LABEL org.opencontainers.image.title=app", "-/bin/sh -c #(nop)  USER 10001",
    '-/bin/sh -c #(nop)  CMD ["/app"]', "-/bin/sh -c #(nop)  LABEL built.by=ci",
]  # fmt: skip


def lines(folder: Path, history: list[str], reference: str = "example.org/web:1") -> tuple[Image, Lines]:
    (folder / "compose.yaml").write_text(COMPOSE)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    assembly = assemble([Combination((str(folder / "compose.yaml"),))], root=str(folder))
    image = image_of(*[files("a")] * sum(not step.startswith("-") for step in history), history=history)
    return image, Lines(image, stages_of(reference, assembly.projects))


def line(found: TextOrigin | None) -> int | None:
    return found.line if found else None


@pytest.mark.parametrize("history", [pytest.param(BUILDKIT, id="BuildKit"), pytest.param(CLASSIC, id="classic")])
def test_steps_are_the_lines_that_made_them(tmp_path: Path, history: list[str]) -> None:
    image, found = lines(tmp_path, history)
    at = [line(found.of(image.finding("x", f"history {step.number}"))) for step in image.history.value]
    assert at[:8] == [4, 5, 6, 7, 8, 9, 10, 11]


def test_a_key_of_the_configuration_is_the_instruction_that_sets_it(tmp_path: Path) -> None:
    image, found = lines(tmp_path, BUILDKIT)
    keys = {
        "config User": 10,
        "config Env A": 6,
        "config Cmd": 11,
        "config Healthcheck": 4,
        "/etc/passwd": 4,
        "image": 4,
    }
    assert {key: line(found.of(image.finding("x", key))) for key in keys} == keys


def test_where_the_steps_are_others_no_line_is_guessed(tmp_path: Path) -> None:
    image, found = lines(tmp_path, ["ADD x", "RUN one", "RUN two", "-ENTRYPOINT x"])
    assert {line(found.of(image.finding("x", f"history {number}"))) for number in range(4)} == {4}


@pytest.mark.parametrize("reference", ["example.org/web:2", "redis:7", "web", "image.tar"])
def test_an_image_that_no_service_is_built_into_has_no_lines(tmp_path: Path, reference: str) -> None:
    image, found = lines(tmp_path, BUILDKIT, reference)
    assert found.of(image.finding("x", "history 3")) is None
