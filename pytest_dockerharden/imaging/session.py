"""The pytest side of image mode: which images were asked for, and their items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_dockerharden.imaging.configurations import EngineImages
from pytest_dockerharden.imaging.items import HardenImage, ImageItem
from pytest_dockerharden.imaging.verdicts import ImageVerdicts, unique
from pytest_dockerharden.live.engine import Engine
from pytest_dockerharden.model.pattern import pattern

if TYPE_CHECKING:
    from pytest_dockerharden.session import StaticSession
    from pytest_dockerharden.verdicts import Result

IDS = "image:"
# pytest shows ids relative to where it was started
_UP = pattern(r"^(?:\.\.[\\/])+")


def take_ids(config: pytest.Config) -> list[str]:
    """The ids of items of images among the arguments; to pytest they would be files that are not there."""
    ids = [argument for argument in config.args if _UP.sub("", argument).startswith(IDS)]
    if ids:
        config.args[:] = [argument for argument in config.args if argument not in ids]
    return [_UP.sub("", argument) for argument in ids]


class Images:
    """The images of a run. ``ids`` are those of the items, or of whole images, that were asked for; empty: all.

    ``configurations`` is what static mode may ask the engine for as well.
    """

    def __init__(self, session: StaticSession, ids: list[str]) -> None:
        self.references = unique(session.config.option.harden_image)
        self.ids = ids
        self.engine = Engine("", lambda line: None)
        self.configurations = EngineImages(lambda: self.engine.client)
        self._session = session
        self._verdicts: ImageVerdicts | None = None

    @property
    def verdicts(self) -> ImageVerdicts:
        """Made when the first item is, for that needs what the run judges."""
        if self._verdicts is None:
            self._verdicts = ImageVerdicts(self._session.evaluation, self.engine)
        return self._verdicts

    def received(self, sent: bytes) -> Result:
        """What a worker of pytest-xdist says of an image that it has read."""
        from pytest_dockerharden.live.broker import load

        self.verdicts.controls()  # the same as in the worker: a result names its control
        result: Result = load(sent)
        return result

    def not_applicable(self) -> list[Result]:
        """What had nothing to judge in the images that were read."""
        known = self._verdicts.known() if self._verdicts is not None else ()
        return [result for result in known if result.verdict == "not-applicable"]

    def items(self, parent: pytest.Session) -> Iterator[ImageItem]:
        """Every item, or those that were asked for."""
        found = set()
        for reference in self.references:
            image = HardenImage.of(reference, parent, self.verdicts)
            items = [item for item in image.collect() if isinstance(item, ImageItem)]
            parent.config.hook.pytest_collectreport(report=pytest.CollectReport(image.nodeid, "passed", None, [*items]))
            for item in items:
                asked = {item.nodeid, image.nodeid}.intersection(self.ids)
                found.update(asked)
                if asked or not self.ids:
                    yield item
        missing = [argument for argument in self.ids if argument not in found]
        if missing:
            raise pytest.UsageError(f"not found: {missing[0]}")
