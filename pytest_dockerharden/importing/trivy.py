"""Trivy's own JSON (``trivy ... --format json``): misconfigurations, secrets and vulnerabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_dockerharden.importing.document import Table, number, table, tables, text, texts
from pytest_dockerharden.importing.scan import Found, Outcome, Scan, UnreadableReportError
from pytest_dockerharden.model.finding import Severity
from pytest_dockerharden.model.pattern import pattern

# what Trivy could not rate may be anything
SEVERITIES: dict[str, Severity] = {
    "UNKNOWN": "medium", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "CRITICAL": "critical",
}  # fmt: skip
_OUTCOMES: dict[str, Outcome] = {"PASS": "passed", "EXCEPTION": "waived"}
_OLD_ID = pattern(r"(?:AVD-)?([A-Z]+)-?(\d{3,4})")


def is_trivy(document: Any) -> bool:
    """Whether this is what ``trivy --format json`` writes."""
    return isinstance(document, dict) and "SchemaVersion" in document and "ArtifactName" in document


def read_trivy(document: Table) -> Scan:
    """Raises UnreadableReportError."""
    if document["SchemaVersion"] != 2:
        raise UnreadableReportError("it is JSON of a Trivy whose format is not known: version 2 is read")
    version = text(table(document.get("Trivy"), "Trivy").get("Version"))
    scan = Scan("trivy", version)
    artifact = text(document["ArtifactName"])
    image = ""
    if document.get("ArtifactType") == "container_image":
        scan.images.append(_names(artifact, table(document.get("Metadata"), "Metadata")))
        image = next(iter(scan.images[0]), artifact)
    else:
        scan.folders.append(artifact)
    for index, result in enumerate(tables(document.get("Results"), "Results")):
        target = text(result.get("Target"))
        if not image:
            scan.targets.append(target)
        for found in _found(result, f"Results[{index}]"):
            _place(found, target, image)
            scan.add(found)
    return scan


def rule_name(identifier: str) -> str:
    """``DS-0002`` of all the names that versions of Trivy have had for it: ``DS002``, ``AVD-DS-0002``."""
    match = _OLD_ID.fullmatch(identifier)
    return f"{match[1]}-{match[2]:0>4}" if match else identifier


def _names(artifact: str, metadata: Table) -> tuple[str, ...]:
    """That of a tag first: the artifact may be an archive."""
    tags, digests = texts(metadata.get("RepoTags")), texts(metadata.get("RepoDigests"))
    first = [artifact] if artifact in tags or artifact in digests else tags[:1]
    return tuple(dict.fromkeys(filter(None, [*first, artifact, *tags, *digests, text(metadata.get("ImageID"))])))


def _place(found: Found, target: str, image: str) -> None:
    if not image:
        found.path = target
        return
    found.subject = image
    found.text = "; ".join(filter(None, (found.text, f"in {target}" if target != image else "")))
    if found.line:
        found.message += f" (line {found.line})"


def _found(result: Table, where: str) -> Iterator[Found]:
    for index, each in enumerate(tables(result.get("Misconfigurations"), f"{where}.Misconfigurations")):
        yield _misconfiguration(each, f"{where}.Misconfigurations[{index}]")
    for each in tables(result.get("Secrets"), f"{where}.Secrets"):
        yield _secret(each)
    for each in tables(result.get("Vulnerabilities"), f"{where}.Vulnerabilities"):
        yield _vulnerability(each)
    for index, each in enumerate(tables(result.get("ExperimentalModifiedFindings"), f"{where}.Experimental...")):
        yield from _suppressed(each, f"{where}.ExperimentalModifiedFindings[{index}]")


def _misconfiguration(each: Table, where: str) -> Found:
    cause = table(each.get("CauseMetadata"), f"{where}.CauseMetadata")
    title = text(each.get("Title"))
    identifier = rule_name(text(each.get("AVDID")) or text(each.get("ID")))
    return Found(
        identifier,
        title,
        text(each.get("Message")) or title,
        _severity(each),
        _OUTCOMES.get(text(each.get("Status")), "failed"),
        why=text(each.get("Description")),
        remedy=text(each.get("Resolution")),
        reason="Trivy was told of an exception",
        line=number(cause.get("StartLine")),
        end_line=number(cause.get("EndLine")),
        text=text(cause.get("Resource")),
    )


def _secret(each: Table) -> Found:
    title = text(each.get("Title")) or "a secret"
    start, end = number(each.get("StartLine")), number(each.get("EndLine"))
    why = "Whoever can read the file can use the secret, and what was stored once is to be changed."
    return Found(
        text(each.get("RuleID")), title, title, _severity(each), why=why, line=start, end_line=end, secret=True
    )


def _vulnerability(each: Table) -> Found:
    package, version = text(each.get("PkgName")), text(each.get("InstalledVersion"))
    fixed = text(each.get("FixedVersion"))
    state = f"fixed in {fixed}" if fixed else text(each.get("Status")).replace("_", " ") or "no fix is known"
    title = text(each.get("Title")) or f"{text(each.get('VulnerabilityID'))} in {package}"
    return Found(
        text(each.get("VulnerabilityID")),
        title,
        f"{package} {version} is vulnerable ({state})",
        _severity(each),
        why=title,
        remedy=f"{package} {fixed}" if fixed else "",
        text=text(each.get("PkgPath")),
    )


def _suppressed(each: Table, where: str) -> Iterator[Found]:
    finding = table(each.get("Finding"), f"{where}.Finding")
    kind = text(each.get("Type"))
    if kind == "misconfiguration":
        found = _misconfiguration(finding, f"{where}.Finding")
    elif kind in ("vulnerability", "secret"):
        found = _vulnerability(finding) if kind == "vulnerability" else _secret(finding)
    else:
        return
    found.outcome = "waived"
    said = ": ".join(filter(None, (text(each.get("Source")), text(each.get("Statement")))))
    found.reason = said or "Trivy was told to ignore it"
    yield found


def _severity(each: Table) -> Severity:
    return SEVERITIES.get(text(each.get("Severity")).upper(), "medium")
