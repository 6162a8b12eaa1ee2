"""Run controls on what they judge. No pytest, no I/O: the engine behind every front end."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Dockerfile
from pytest_dockerharden.model.fact import NotApplicable, UnknownFact
from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.origin import Origin
from pytest_dockerharden.model.project import Project, Service

Verdict = Literal["passed", "failed", "unknown", "not-applicable", "error"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one control says of one subject.

    ``subject`` is the service or stage, empty where the whole file is judged. ``reason`` explains unknown and
    not-applicable, and holds the traceback of an error, which is our own bug.
    """

    control: Control
    subject: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    origin: Origin | None = None


def judge(control: Control, judged: Any, subject: str, parameters: Mapping[str, Any] | None = None) -> Judgement:
    """One control on one posture, service, project, stage, Dockerfile, image, drill or engine.

    Findings made before a fact turned out to be unknown count: the control has failed whatever the rest would say.
    """
    findings: list[Finding] = []
    origin: Origin | None = getattr(judged, "origin", None)
    try:
        for finding in control.function(judged, **(parameters or {})):
            if not isinstance(finding, Finding):
                raise TypeError(f"a control yields findings, and not {finding!r}")
            findings.append(finding)
    except UnknownFact as fact:
        if not findings:
            return Judgement(control, subject, "unknown", (), fact.reason, origin)
    except NotApplicable as reason:
        if not findings:
            return Judgement(control, subject, "not-applicable", (), reason.reason, origin)
    except Exception:
        return Judgement(control, subject, "error", (), traceback.format_exc(), origin)
    return Judgement(control, subject, "failed" if findings else "passed", tuple(findings), "", origin)


def judge_project(project: Project, controls: Iterable[Control], parameters: Mapping[str, Any]) -> Iterator[Judgement]:
    """Every control for projects, services and predicted postures but the live ones. ``parameters`` is by id."""
    for control in controls:
        settings = parameters.get(control.id)
        if control.judges == "Project":
            yield judge(control, project, "", settings)
        elif control.judges == "Service":
            for service in project.services.values():
                judgement = judge(control, service, service.name, settings)
                yield _of_what_is_known(judgement, service) if service.incomplete else judgement
        elif control.judges == "Posture" and not control.live:
            for service in project.services.values():
                if service.posture is not None:
                    judgement = judge(control, service.posture, service.name, settings)
                    yield _of_what_is_known(judgement, service) if service.incomplete else judgement


def _of_what_is_known(judgement: Judgement, service: Service) -> Judgement:
    """What is written in an incomplete service counts; what is not written there may be in the part not at hand."""
    if judgement.verdict not in ("passed", "failed"):
        return judgement
    written = tuple(finding for finding in judgement.findings if finding.origin != service.origin)
    verdict: Verdict = "failed" if written else "unknown"
    return replace(judgement, verdict=verdict, findings=written, reason="" if written else service.incomplete)


def judge_dockerfile(
    dockerfile: Dockerfile, controls: Iterable[Control], parameters: Mapping[str, Any]
) -> Iterator[Judgement]:
    """Every control for Dockerfiles and stages. ``parameters`` is by control id."""
    for control in controls:
        settings = parameters.get(control.id)
        if control.judges == "Dockerfile":
            yield judge(control, dockerfile, "", settings)
        elif control.judges == "Stage":
            for stage in dockerfile.stages:
                yield judge(control, stage, stage.label, settings)
