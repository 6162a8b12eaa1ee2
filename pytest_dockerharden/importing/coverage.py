"""Whether the reports of a run are about every image of the project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pytest_dockerharden.agreement import agree
from pytest_dockerharden.importing.controls import SCANNED
from pytest_dockerharden.importing.scan import Scan
from pytest_dockerharden.model.finding import Finding, is_less
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.policy import Policies
from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    from pytest_dockerharden.evaluation import Evaluation


def scanned_images(evaluation: Evaluation, policies: Policies, scans: Iterable[Scan]) -> list[Result]:
    """A result for each service, where a report of the run is about any image: scanned, or not, or nobody knows."""
    names = {name for scan in scans for image in scan.images for name in image}
    if not names:
        return []
    scanned = {identity for name in names for identity in _identities(name)}
    return agree(_results(evaluation, scanned))


def images_of(evaluation: Evaluation) -> list[str]:
    """Every image of the services, built ones by the name that Compose gives them; without those not known."""
    services = [s for project in evaluation.projects for s in project.services.values()]
    return list(dict.fromkeys(name for service in services for name in _names(service)[:1]))


def _results(evaluation: Evaluation, scanned: set[str]) -> Iterator[Result]:
    for scope in evaluation.scopes:
        policy = scope.policy
        severity = policy.suite.severity.get(SCANNED.id, SCANNED.severity)
        for project in scope.assembly.projects:
            prefix = scope.prefix(project)
            for service in project.services.values():
                subject = "/".join(filter(None, (prefix, service.name)))
                result = Result(project.files[0], SCANNED, subject, "passed", severity, phase="import")
                result.service, result.combinations = service.name, (prefix,) if prefix else ()
                _judge(result, service, scanned)
                result.tolerated = result.verdict == "failed" and is_less(severity, policy.fail_on)
                if SCANNED.id not in policy.suite.exclude:
                    yield result


def _judge(result: Result, service: Service, scanned: set[str]) -> None:
    image = service.get("image")
    result.origin = image.origin if image is not None else service.origin
    names = _names(service)
    if not names:
        result.verdict, result.reason = "unknown", "which image it is depends on a variable that is not set"
        return
    if not any(_identities(name) & scanned for name in names):
        result.verdict = "failed"
        message = f"no imported report is about its image {names[0]}"
        result.findings = (Finding(message, result.origin),)


def _names(service: Service) -> list[str]:
    """None where a variable decides; what Compose calls an image that has no name: version 2, and version 1."""
    image = service.get("image")
    if image is not None:
        return [] if image.unresolved else [image.text()]
    return [f"{service.project.name}-{service.name}", f"{service.project.name}_{service.name}"]


def _identities(reference: str) -> set[str]:
    """What two names of one image have in common: repository with tag, and digest."""
    parsed = parse_reference(reference)
    repository = f"{parsed.registry}/{parsed.path}"
    found = set()
    if parsed.digest:
        found.add(f"{repository}@{parsed.digest}")
    if parsed.tag or not parsed.digest:
        found.add(f"{repository}:{parsed.tag or 'latest'}")
    return found
