"""From judgements to verdicts: what is waived, what is tolerated, and what a waiver that is not in order does."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from pytest_dockerharden.judge import Judgement
from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Finding, Findings, Severity, is_less
from pytest_dockerharden.model.origin import Origin, TextOrigin
from pytest_dockerharden.waivers import Waiver


def readable(file: Any) -> Findings:
    """The file can be read and is valid.

    What Docker or Compose would refuse cannot be judged, so nothing in it is proved.
    """
    yield from ()


def waiver(file: Any) -> Findings:
    """Every waiver is in order.

    One that is expired, no longer needed or badly written hides the next real finding.
    """
    yield from ()


def stack_comes_up(stack: Any) -> Findings:
    """The stack comes up and is healthy.

    What does not run proves nothing, so nothing else of it is judged.
    """
    yield from ()


def image_readable(image: Any) -> Findings:
    """The image can be read.

    Of an image that is not there, or whose archive is damaged, nothing is proved.
    """
    yield from ()


def import_readable(report: Any) -> Findings:
    """The report of the other scanner can be read.

    What is missing, damaged or of an unknown format says nothing, which is not the same as nothing found.
    """
    yield from ()


READABLE = Control("readable", readable, "Dockerfile", "high", "files")
WAIVER = Control("waiver", waiver, "Dockerfile", "medium", "waivers")
COMES_UP = Control("stack-comes-up", stack_comes_up, "Drill", "high", "stack")
IMAGE_READABLE = Control("image-readable", image_readable, "Image", "high", "images")
IMPORT_READABLE = Control("import-readable", import_readable, "Dockerfile", "high", "imports")
# what is no matter of judgement: it is in no suite and cannot be waived
PRECONDITIONS = (READABLE, WAIVER, COMES_UP, IMAGE_READABLE, IMPORT_READABLE)


@dataclass(slots=True, eq=False)
class Result:
    """The verdict on one control and one subject, under the file whose item it is.

    ``file`` is absolute, or ``image:REFERENCE``; ``subject`` is as in the node id. ``tolerated`` marks a failure below
    ``--harden-fail-on``.
    ``reason`` explains waived, unknown, not-applicable and a waiver that is not in order; for an error it is the
    traceback. ``combinations`` are those that it holds in, where its file is in several; ``service`` is the subject
    without any of them.
    ``evidence`` are titles and texts to show below a failure, such as last log lines.
    ``times`` is how many controls it stands for, where a run needs no more than their number.
    ``also`` are the ids of other scanners' rules that say the same of it; ``aliases`` are the names of such a rule.
    """

    file: str
    control: Control
    subject: str
    verdict: str
    severity: Severity
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    origin: Origin | None = None
    waiver: Waiver | None = None
    tolerated: bool = False
    phase: str = "static"
    evidence: tuple[tuple[str, str], ...] = ()
    service: str = ""
    combinations: tuple[str, ...] = ()
    times: int = 1
    also: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def subjects(self) -> list[str]:
        """The subject in each combination: ``base/redis``, ``prod/redis``."""
        return ["/".join(filter(None, (name, self.service))) for name in self.combinations]

    @property
    def name(self) -> str:
        """The last part of the node id. That of an image has the image in front."""
        if self.phase == "image":
            return self.control.id
        return f"{self.control.id}[{self.subject}]" if self.subject else self.control.id

    def other_names(self) -> list[str]:
        """The names that its item would have if the combinations agreed more, or less."""
        return [f"{self.control.id}[{subject}]" for subject in (*self.subjects, self.service) if subject]

    @property
    def fails(self) -> bool:
        """Whether the run fails because of it."""
        return (self.verdict == "failed" and not self.tolerated) or self.verdict == "error"

    @property
    def place(self) -> Origin | None:
        """Where to look: the first finding, else the subject."""
        return self.findings[0].origin if self.findings else self.origin


@dataclass(slots=True)
class Waivers:
    """The waivers of one scope, and which of them were met. ``inline`` is by absolute path."""

    listed: list[Waiver]
    inline: Mapping[str, list[Waiver]]
    today: datetime.date
    directory: str
    used: set[int] = field(default_factory=set)
    met: set[int] = field(default_factory=set)
    verdicts: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def apply(self, results: Iterable[Result]) -> None:
        """Turn waived failures into ``waived``, and say why a waiver that is not in order does not help."""
        results = list(results)
        if not self.listed and not self.inline:
            return
        self.verdicts = {(r.file, r.subject, r.control.id): r.verdict for r in results}
        by_control: dict[str, list[Waiver]] = {}
        for waiver in self.listed:
            by_control.setdefault(waiver.control, []).append(waiver)
        for result in results:
            for waiver in by_control.get(result.control.id, ()):
                if waiver.speaks_of(result.control.id, self._relative(result.file), result.subject):
                    self._apply_listed(waiver, result)
            if self.inline and result.findings:
                self._apply_inline(result)

    def _apply_listed(self, waiver: Waiver, result: Result) -> None:
        self.met.add(id(waiver))
        if result.verdict == "unknown":
            self.used.add(id(waiver))
        elif result.verdict == "failed":
            self.used.add(id(waiver))
            self._waive(waiver, result)

    def _apply_inline(self, result: Result) -> None:
        covered = {}
        for index, finding in enumerate(result.findings):
            waiver = self._inline_for(finding.origin, result)
            if waiver:
                self.used.add(id(waiver))
                covered[index] = waiver
        if not covered or result.verdict != "failed":
            return
        for waiver in covered.values():
            problem = self._problem(waiver, result)
            if problem:
                result.reason = problem
                return
        rest = tuple(finding for index, finding in enumerate(result.findings) if index not in covered)
        if rest:
            result.findings = rest
            return
        self._waive(next(iter(covered.values())), result)

    def _inline_for(self, origin: Origin, result: Result) -> Waiver | None:
        # beside the finding, or beside the service or stage whose finding points elsewhere
        for place in (origin, result.origin):
            if isinstance(place, TextOrigin):
                for waiver in self.inline.get(place.file, ()):
                    if waiver.control == result.control.id and waiver.covers(place.line):
                        return waiver
        return None

    def _waive(self, waiver: Waiver, result: Result) -> None:
        problem = self._problem(waiver, result)
        result.waiver = waiver
        if problem:
            result.reason = problem
        else:
            result.verdict = "waived"
            until = f" (until {waiver.until})" if waiver.until else ""
            result.reason = f"{waiver.reason}{until}"

    def _problem(self, waiver: Waiver, result: Result) -> str:
        if waiver.expired(self.today):
            return f"the waiver at {waiver.place} expired on {waiver.until}: {waiver.reason}"
        for control in waiver.requires:
            verdict = self.verdicts.get((result.file, result.subject, control), "not judged")
            if verdict != "passed":
                return f"the waiver at {waiver.place} needs {control}, which is {verdict} here"
        return ""

    def out_of_order(self) -> list[tuple[Waiver, str]]:
        """The waivers that waive nothing, and why that is so."""
        unused = [
            w for w in [*self.listed, *(w for group in self.inline.values() for w in group)] if id(w) not in self.used
        ]
        return [
            (w, "what it waives is not found any more" if id(w) in self.met or w.lines else "nothing has this subject")
            for w in unused
        ]

    def _relative(self, file: str) -> str:
        return os.path.relpath(file, self.directory).replace(os.sep, "/")


def result_of(judgement: Judgement, file: str, subject: str, severity: Severity, fail_on: Severity) -> Result:
    """The result of a judgement before waivers."""
    return Result(
        file,
        judgement.control,
        subject,
        judgement.verdict,
        severity,
        judgement.findings,
        judgement.reason,
        judgement.origin,
        tolerated=judgement.verdict == "failed" and is_less(severity, fail_on),
        service=judgement.subject,
    )
