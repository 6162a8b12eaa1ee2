"""A report of another scanner, whichever format it has."""

from __future__ import annotations

from typing import Any

from pytest_dockerharden.importing.bench import is_bench, read_bench
from pytest_dockerharden.importing.document import read_document
from pytest_dockerharden.importing.sarif import is_sarif, read_sarif
from pytest_dockerharden.importing.scan import Scan, UnreadableReportError
from pytest_dockerharden.importing.trivy import is_trivy, read_trivy

_READ = "Trivy's JSON, SARIF 2.1.0 and the JSON of Docker Bench for Security are read"


def read_report(path: str) -> list[Scan]:
    """What a report says. ``path`` is absolute. Raises UnreadableReportError."""
    return scans_of(read_document(path), path)


def scans_of(document: Any, source: str) -> list[Scan]:
    """What a JSON value says that was read from ``source``. Raises UnreadableReportError."""
    scans = _scans(document)
    for scan in scans:
        scan.source = source
    return scans


def _scans(document: Any) -> list[Scan]:
    if is_sarif(document):
        return read_sarif(document)
    if is_trivy(document):
        return [read_trivy(document)]
    if is_bench(document):
        return [read_bench(document)]
    if isinstance(document, list) and document and isinstance(document[0], dict) and "Target" in document[0]:
        raise UnreadableReportError(f"it is JSON of a Trivy before 0.20, without what was scanned: {_READ}")
    raise UnreadableReportError(f"it is JSON of no known format: {_READ}")
