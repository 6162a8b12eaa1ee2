"""GitLab's code quality report: an issue for each finding that is not waived."""

from __future__ import annotations

import json
from typing import Any

from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.paths import shown_path
from pytest_dockerharden.report import Report
from pytest_dockerharden.report.documentation import as_text
from pytest_dockerharden.report.excerpt import Excerpts
from pytest_dockerharden.report.places import fingerprint, in_order, line_of
from pytest_dockerharden.verdicts import Result

_SEVERITIES = {"info": "info", "low": "minor", "medium": "major", "high": "critical", "critical": "blocker"}


def render(report: Report) -> str:
    """A JSON array, empty where nothing failed."""
    excerpts = Excerpts(report.root)
    issues = [
        _issue(result, number, finding, excerpts)
        for _, result in in_order(report.entries)
        if result.verdict == "failed"
        for number, finding in enumerate(result.findings)
    ]
    return json.dumps(issues, indent=1, ensure_ascii=False) + "\n"


def _issue(result: Result, number: int, finding: Finding, excerpts: Excerpts) -> dict[str, Any]:
    place = line_of(result, finding)
    return {
        "type": "issue",
        "check_name": result.control.id,
        "description": excerpts.headline(result, finding),
        "categories": ["Security"],
        "severity": _SEVERITIES[result.severity],
        "fingerprint": fingerprint(result, number, excerpts.start),
        "location": {
            "path": shown_path(place.file, excerpts.start),
            "lines": {"begin": place.line, "end": place.end_line},
        },
        "content": {"body": as_text(result.control)},
    }
