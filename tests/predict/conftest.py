"""Postures of real text: written to files, read by the real loader and parser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from pytest_dockerharden.assemble import Combination, assemble
from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.model.posture import Posture
from tests.helpers import write

Predict = Callable[..., Posture]


@pytest.fixture
def predict_stack(tmp_path: Path) -> Callable[..., dict[str, Posture]]:
    """Postures by service name. ``files`` are further files; ``images`` are image configurations at hand."""

    def postures(
        compose: str,
        files: dict[str, str] | None = None,
        images: dict[str, ImageConfig] | None = None,
        environment: dict[str, str] | None = None,
    ) -> dict[str, Posture]:
        texts = {name: dedent(text) for name, text in (files or {}).items()}
        write(tmp_path, {"compose.yaml": dedent(compose), **texts})
        combination = Combination((str(tmp_path / "compose.yaml"),))
        assembly = assemble([combination], root=str(tmp_path), images=images, environment=environment)
        assert not assembly.failures
        services = assembly.projects[0].services.values()
        return {service.name: service.posture for service in services if service.posture}

    return postures


@pytest.fixture
def predict(predict_stack: Callable[..., dict[str, Posture]]) -> Predict:
    """The posture of one service ``web`` with these keys; an image is added where none is named."""

    def posture(keys: str = "", **more: object) -> Posture:
        keys = dedent(keys).strip("\n")
        if not any(line.startswith(("image:", "build:")) for line in keys.splitlines()):
            keys = f"{keys}\nimage: example.org/app:1"
        return predict_stack("services:\n  web:\n" + indent(keys.strip("\n"), "    ") + "\n", **more)["web"]

    return posture
