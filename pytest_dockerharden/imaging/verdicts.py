"""From an image to results: judged once, waived, under the items that were known before."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_dockerharden.imaging.bases import Lines, bases_of, stages_of
from pytest_dockerharden.imaging.reading import read_image
from pytest_dockerharden.judge import judge
from pytest_dockerharden.live.engine import Engine
from pytest_dockerharden.loading import Selection, select
from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.image import Image
from pytest_dockerharden.model.origin import ImageOrigin
from pytest_dockerharden.policy import Policies, Policy
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.verdicts import IMAGE_READABLE, Result, Waivers, result_of

if TYPE_CHECKING:
    from pytest_dockerharden.evaluation import Evaluation

PHASE = "image"


@dataclass(eq=False)
class ImageVerdicts:
    """The images of one run, each read when the first of its items asks."""

    evaluation: Evaluation
    engine: Engine

    @functools.cached_property
    def policy(self) -> Policy:
        """That of the folder where pytest was started. Raises ConfigurationError."""
        request = self.evaluation.request
        return Policies(request.top, request.overrides).of(request.start)

    @functools.cached_property
    def selection(self) -> Selection:
        return select(self.policy, [control for waiver in self.policy.waivers for control in waiver.requires])

    def controls(self) -> list[Control]:
        """What has an item of its own for each image."""
        chosen = self.selection.chosen
        return [IMAGE_READABLE, *(control for control in self.selection.of("Image") if control.id in chosen)]

    def result(self, reference: str, control: Control) -> Result:
        """The verdict on one control and one image."""
        return self._results(reference)[control.id]

    @functools.cached_property
    def _known(self) -> dict[str, dict[str, Result]]:
        return {}

    def _results(self, reference: str) -> dict[str, Result]:
        known = self._known.get(reference)
        if known is None:
            known = self._known[reference] = {r.control.id: r for r in self._judge(reference)}
        return known

    def known(self) -> Iterator[Result]:
        """Everything that was judged so far."""
        for results in self._known.values():
            yield from results.values()

    def _judge(self, reference: str) -> list[Result]:
        try:
            image = read_image(reference, self.evaluation.request.start, lambda: self.engine.client)
        except StackError as error:
            return self._unreadable(reference, error)
        stages = stages_of(reference, self.evaluation.projects)
        image.bases = bases_of(stages, lambda: self.engine.client)
        return [_passed(image), *self._judged(image, Lines(image, stages))]

    def _judged(self, image: Image, lines: Lines) -> list[Result]:
        results = []
        for control in self.selection.of("Image"):
            judgement = judge(control, image, image.reference, self.policy.suite.parameters.get(control.id))
            severity = self.selection.severity(control)
            result = result_of(judgement, file_of(image.reference), image.reference, severity, self.policy.fail_on)
            result.phase = PHASE
            result.origin = lines.of(result.findings[0]) if result.findings else None
            results.append(result)
        self._waive(results)
        return results

    def _waive(self, results: list[Result]) -> None:
        """A waiver that waives nothing of an image that was read is not in order."""
        inline = {path: found for scope in self.evaluation.scopes for path, found in scope.inline.items()}
        waivers = Waivers(self.policy.waivers, inline, datetime.date.today(), self.policy.directory)
        waivers.apply(results)
        for waiver in waivers.listed:
            for result in results if id(waiver) not in waivers.used else ():
                if result.verdict == "passed" and waiver.speaks_of(result.control.id, result.file, result.subject):
                    message = f"the waiver at {waiver.place} is not in order: what it waives is not found any more"
                    result.verdict = "failed"
                    result.findings = (Finding(message, ImageOrigin(result.subject, "", "image", "")),)

    def _unreadable(self, reference: str, error: StackError) -> list[Result]:
        """One failure that says why; of everything else nothing is known."""
        message = f"{reference}: {error.message}" if reference not in error.message else error.message
        finding = Finding(message, ImageOrigin(reference, "", "image", "; ".join(error.details)))
        unknown = (
            _result(reference, control, "unknown", self.selection, f"the image was not read: {error.message}")
            for control in self.controls()[1:]
        )
        failed = _result(reference, IMAGE_READABLE, "failed", self.selection)
        failed.findings = (finding,)
        return [failed, *unknown]


def _passed(image: Image) -> Result:
    return Result(file_of(image.reference), IMAGE_READABLE, image.reference, "passed", "high", phase=PHASE)


def _result(reference: str, control: Control, verdict: str, selection: Selection, reason: str = "") -> Result:
    severity = selection.severity(control)
    return Result(file_of(reference), control, reference, verdict, severity, reason=reason, phase=PHASE)


def file_of(reference: str) -> str:
    """What stands in front of the names of an image's items. ``::`` is what parts them."""
    return f"image:{reference.replace('::', '%3A%3A')}"


def unique(references: Iterable[str]) -> tuple[str, ...]:
    """Each image once, as often as it may be named."""
    return tuple(dict.fromkeys(reference for reference in references if reference))
