"""Items of images: their verdicts are not known before the image is read."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.imaging.verdicts import PHASE, ImageVerdicts, file_of
from pytest_dockerharden.items import HardenItem
from pytest_dockerharden.model.control import Control
from pytest_dockerharden.verdicts import Result


class HardenImage(pytest.Collector):
    """One image."""

    def __init__(self, *, reference: str, verdicts: ImageVerdicts, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reference = reference
        self.verdicts = verdicts

    @classmethod
    def of(cls, reference: str, parent: pytest.Session, verdicts: ImageVerdicts) -> HardenImage:
        name = file_of(reference)
        image: HardenImage = cls.from_parent(
            parent, name=name, path=Path(name), nodeid=name, reference=reference, verdicts=verdicts
        )
        return image

    def collect(self) -> Iterator[pytest.Item]:
        return (ImageItem.of_control(control, self) for control in self.verdicts.controls())


class ImageItem(HardenItem):
    """The verdict on one control and one image."""

    control: Control

    def __init__(self, *, control: Control, **kwargs: Any) -> None:
        self.control = control
        self.attach(**kwargs)

    @classmethod
    def of_control(cls, control: Control, parent: HardenImage) -> ImageItem:
        item: ImageItem = cls.from_parent(parent, name=control.id, control=control)
        return item

    @functools.cached_property
    def result(self) -> Result:  # type: ignore[override]
        """Asked for when the item runs: the image is read for the first one."""
        assert isinstance(self.parent, HardenImage)
        began = time.monotonic()
        try:
            return self.parent.verdicts.result(self.parent.reference, self.control)
        except AttributeError as error:  # it would seem to be one of ours that is missing
            raise RuntimeError(f"bug in image mode: {error}") from error
        finally:
            self.duration = time.monotonic() - began

    @property
    def known_result(self) -> Result | None:
        known: Result | None = vars(self).get("result")
        return known

    def words(self) -> tuple[str, ...]:
        return (self.control.severity, self.control.plan, self.control.family, PHASE)

    @property
    def location(self) -> tuple[str, int | None, str]:
        assert self.parent is not None
        return self.parent.name, None, self.name

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.path, None, self.name
