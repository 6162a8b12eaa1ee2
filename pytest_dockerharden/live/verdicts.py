"""From what was seen of a running stack to results: judged, waived, under the items that were known before."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_dockerharden.judge import Judgement, judge
from pytest_dockerharden.live.phases import Phase, Question
from pytest_dockerharden.live.secrecy import Secrecy
from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.engine import NAME
from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.stack.errors import RefusedError, StackError
from pytest_dockerharden.verdicts import COMES_UP, Result, Waivers, result_of

if TYPE_CHECKING:
    from pytest_dockerharden.model.drill import Drill
    from pytest_dockerharden.model.engine import Engine
    from pytest_dockerharden.model.posture import Posture
    from pytest_dockerharden.scope import Scope

# the worst of several replicas decides
_WORST_FIRST = ("error", "failed", "unknown", "passed", "not-applicable")


@dataclass(slots=True, eq=False)
class LiveVerdicts:
    """Judges one stack of one scope. ``statically`` is the project as text alone told it."""

    scope: Scope
    project: Project
    file: str
    prefix: str
    statically: Project

    def postures(self, phase: Phase, postures: Mapping[str, Sequence[Posture]]) -> dict[str, Result]:
        """Every control that judges a posture, by the name of its item."""
        results = [Result(self.file, COMES_UP, self.prefix, "passed", "high", phase=phase, origin=self._place(""))]
        for control in self.scope.selection.of("Posture"):
            results += [self._result(control, name, postures.get(name, ()), phase) for name in self.project.services]
        return self._waived(results)

    def drills(self, drills: Mapping[str, Drill]) -> dict[str, Result]:
        """Every control that judges a drill, by the name of its item."""
        results = []
        for control in self.scope.selection.of("Drill"):
            for service in self.project.services:
                drilled = [drills[service]] if service in drills else []
                results.append(self._result(control, service, drilled, "drill"))
        return self._waived(results)

    def engine(self, engine: Engine) -> dict[str, Result]:
        """Every control that judges the engine, by the name of its item."""
        results = []
        policy = self.scope.policy
        for control in self.scope.selection.of("Engine"):
            judgement = judge(control, engine, NAME, policy.suite.parameters.get(control.id))
            result = result_of(judgement, self.file, NAME, self.scope.selection.severity(control), policy.fail_on)
            # no line of the project is to be changed
            result.phase, result.origin = "engine", None
            results.append(result)
        return self._waived(results)

    def _result(self, control: Control, service: str, judged: Iterable[object], phase: Phase) -> Result:
        parameters = self.scope.policy.suite.parameters.get(control.id)
        judgements = [judge(control, one, service, parameters) for one in judged]
        judgement = _together(judgements) or Judgement(control, service, "unknown", reason="it has no container")
        severity = self.scope.selection.severity(control)
        subject = "/".join(filter(None, (self.prefix, service)))
        result = result_of(judgement, self.file, subject, severity, self.scope.policy.fail_on)
        result.phase = phase
        result.origin = self._line_to_change(result) or self._place(service)
        return result

    def _line_to_change(self, result: Result) -> TextOrigin | None:
        """Where text alone told the same of the service."""
        static = self.scope.by_name.get((result.file, result.name))
        place = static.findings[0].origin if static is not None and static.findings else None
        return place if isinstance(place, TextOrigin) else None

    def _place(self, service: str) -> TextOrigin:
        known = self.statically.services.get(service)
        return known.origin if known else self.statically.model.place

    def _waived(self, results: list[Result]) -> dict[str, Result]:
        policy = self.scope.policy
        waivers = Waivers(policy.waivers, self.scope.inline, datetime.date.today(), policy.directory)
        waivers.apply(results)
        for result in results:
            if result.verdict == "failed":
                self._waive_as_statically(result)
        self._unneeded(waivers, results)
        return {result.name: result for result in results}

    def _waive_as_statically(self, result: Result) -> None:
        """A comment beside the line that was waived speaks of what that line makes of the container, too."""
        static = self.scope.by_name.get((result.file, result.name))
        if static is not None and static.verdict == "waived":
            result.verdict, result.reason, result.waiver = "waived", static.reason, static.waiver

    def _unneeded(self, waivers: Waivers, results: Iterable[Result]) -> None:
        """A waiver of what only a running container shows is strict here: static mode cannot tell that it is stale."""
        for waiver in waivers.listed:
            for result in results if id(waiver) not in waivers.used else ():
                only_here = result.control.live or result.control.judges in ("Drill", "Engine")
                file = os.path.relpath(result.file, waivers.directory).replace(os.sep, "/")
                if (
                    only_here
                    and result.verdict == "passed"
                    and waiver.speaks_of(result.control.id, file, result.subject)
                ):
                    message = f"the waiver at {waiver.place} is not in order: what it waives is not found any more"
                    result.verdict = "failed"
                    result.findings = (Finding(message, self._place("")),)


def _together(judgements: Sequence[Judgement]) -> Judgement | None:
    """One judgement of all replicas of a service."""
    if len(judgements) < 2:
        return judgements[0] if judgements else None
    worst = min(judgements, key=lambda judgement: _WORST_FIRST.index(judgement.verdict))
    findings = tuple(finding for judgement in judgements for finding in judgement.findings)
    return Judgement(worst.control, worst.subject, worst.verdict, findings, worst.reason, worst.origin)


def not_up(question: Question, failure: StackError, project: Project, secrecy: Secrecy) -> Result:
    """The one result that says why a stack does not run, in place of whatever was asked."""
    place = _place_of(failure, project)
    finding = Finding(secrecy.masked(failure.message), place)
    details = secrecy.masked("\n".join(failure.details))
    return Result(
        project.files[0],
        COMES_UP,
        question.subject if question.control is COMES_UP else "",
        "failed",
        "high",
        (finding,),
        origin=place,
        phase=question.phase,
        evidence=(("What was seen", details),) if details else (),
    )


def unproven(question: Question, failure: StackError, scope: Scope, project: Project, secrecy: Secrecy) -> Result:
    """What is said of everything else: unknown, which is never a pass."""
    return Result(
        project.files[0],
        question.control,
        question.subject,
        "unknown",
        scope.selection.severity(question.control),
        reason=f"the stack did not come up: {secrecy.masked(failure.message)}",
        origin=_place_of(failure, project),
        phase=question.phase,
    )


def _place_of(failure: StackError, project: Project) -> TextOrigin:
    """Where Docker Compose would refuse it, or the service that the message starts with, or the file."""
    if isinstance(failure, RefusedError):
        return failure.origin
    service = project.services.get(failure.message.partition(":")[0])
    return service.origin if service else project.model.place
