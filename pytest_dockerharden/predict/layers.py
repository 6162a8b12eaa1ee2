"""What a service takes from below: Dockerfile over image configuration over what is known of public images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Instruction
from pytest_dockerharden.model.fact import Known, Unknown
from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.model.origin import Origin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.shell import Word
from pytest_dockerharden.predict.reading import unresolved

_NAME = pattern(r"\$(?:(\w+)|\{(\w+))", re.ASCII)


@dataclass(eq=False)
class Layers:
    """The layers under one service."""

    service: Service

    @cached_property
    def builds(self) -> bool:
        return self.service.get("build") is not None

    @cached_property
    def image(self) -> ImageConfig | None:
        """The configuration of the image, or of the base that the Dockerfile builds on, where it is at hand."""
        if isinstance(self.service.image, Known):
            return self.service.image.value
        return ImageConfig("scratch") if self.base == "scratch" else None

    @cached_property
    def base(self) -> str | None:
        """The reference of the first image that is not built here; None where it cannot be told."""
        stage = self.service.stage
        if stage is not None:
            return stage.root_base()
        if self.builds:
            return None
        node = self.service.get("image")
        return None if node is None or node.unresolved else node.text() or None

    @cached_property
    def base_origin(self) -> Origin:
        """Where the base is named: the FROM, or the ``image:``."""
        stage = self.service.stage
        return list(stage.chain())[-1].origin if stage else self.service.at("image")

    def missing(self, what: str) -> Unknown:
        """Why ``what`` of the image cannot be told."""
        if self.base:
            return Unknown(f"{what} of image {self.base} is not known: no image configuration is at hand")
        if self.service.stage is not None:
            return Unknown(f"{what} is not known: a build argument without a default decides the base image")
        node = self.service.get("image")
        reason = unresolved(node, "the image") if node is not None and not self.builds else None
        if reason:
            return Unknown(f"{what} is not known: {reason.reason}", reason.origin)
        if self.builds:
            return Unknown(f"{what} is not known: the Dockerfile is not at hand")
        return Unknown(f"{what} is not known: the image is not named")

    @cached_property
    def instructions(self) -> list[Instruction]:
        """What the build runs in the shipped stage and those below it, the deepest first; ONBUILD where it fires."""
        return list(self._instructions())

    def _instructions(self) -> Iterator[Instruction]:
        stage = self.service.stage
        triggers: list[Instruction] = []
        for link in reversed(list(stage.chain()) if stage else []):
            yield link.instructions[0]
            yield from triggers
            yield from (i for i in link.instructions[1:] if i.keyword != "ONBUILD")
            triggers = [i.nested for i in link.instructions if i.keyword == "ONBUILD" and i.nested]

    def of(self, *keywords: str) -> list[Instruction]:
        return [i for i in self.instructions if i.keyword in keywords]

    def last(self, *keywords: str) -> Instruction | None:
        found = self.of(*keywords)
        return found[-1] if found else None

    @cached_property
    def _open_arguments(self) -> set[str]:
        """Build arguments that the service passes and nothing gives a value."""
        arguments = self.service.get("build.args")
        return {name for name, node in arguments.items() if node.unresolved} if arguments else set()

    def word(self, word: Word) -> str | None:
        """The word's value; None where a build argument without a value decides it."""
        names = (a or b for a, b in _NAME.findall(word.raw)) if self._open_arguments else ()
        return None if self._open_arguments.intersection(names) else word.value
