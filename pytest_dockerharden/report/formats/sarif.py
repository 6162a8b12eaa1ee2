"""SARIF 2.1.0, for code scanning: a result for each finding, waived ones suppressed, what is not known as a notice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import quote

from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.replacement import Replacement
from pytest_dockerharden.model.secrets import mask
from pytest_dockerharden.paths import shown_path
from pytest_dockerharden.report import Report, version
from pytest_dockerharden.report.documentation import as_markdown, as_text, fenced, sections
from pytest_dockerharden.report.excerpt import Excerpts, clean
from pytest_dockerharden.report.places import fingerprint, in_order, line_of
from pytest_dockerharden.verdicts import Result

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"info": "note", "low": "note", "medium": "warning", "high": "error", "critical": "error"}
# code scanning shows: over 9.0 critical, from 7.0 high, from 4.0 medium, below low
_SCORES = {"info": "0.5", "low": "3.0", "medium": "5.5", "high": "8.0", "critical": "9.5"}
_BASE = "SRCROOT"

Object = dict[str, Any]


def render(report: Report) -> str:
    """One run of one tool. There is no time and no absolute path in it: equal verdicts are equal text."""
    entries = in_order(report.entries)
    shown = [result for _, result in entries if result.verdict in ("failed", "waived")]
    rules = {result.control.id: result for result in shown}
    writer = _Writer(report, sorted(rules))
    run = {
        "tool": {"driver": _driver([_rule(rules[identifier]) for identifier in sorted(rules)])},
        "automationDetails": {"id": f"dockerharden-{_mode(report)}/"},
        "originalUriBaseIds": {_BASE: {"description": {"text": "The root of the checkout."}}},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(entries)],
        "results": [each for result in shown for each in writer.results(result)],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def _mode(report: Report) -> str:
    return "static" if all(result.phase in ("static", "import") for _, result in report.entries) else "live"


def _driver(rules: list[Object]) -> Object:
    return {"name": "pytest-dockerharden", "version": version(), "rules": rules}


def _rule(result: Result) -> Object:
    """The control of ``result``, as severe as this policy takes it."""
    control, severity = result.control, result.severity
    return {
        "id": control.id,
        "name": "".join(word.capitalize() for word in control.id.split("-")),
        "shortDescription": {"text": control.title},
        "fullDescription": {"text": as_text(control)},
        "help": {"text": as_text(control), "markdown": as_markdown(control)},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {
            "tags": ["security", control.family, *sections(control)],
            "precision": "high",
            "problem.severity": _LEVELS[severity].replace("note", "recommendation"),
            "security-severity": _SCORES[severity],
        },
    }


def _invocation(entries: list[tuple[str, Result]]) -> Object:
    """What was not decided, and controls that crashed: neither is a result."""
    notices = [_notice(name, result) for name, result in entries if result.verdict in ("unknown", "error")]
    crashed = any(result.verdict == "error" for _, result in entries)
    return {"executionSuccessful": not crashed, "toolExecutionNotifications": notices}


def _notice(name: str, result: Result) -> Object:
    crashed = result.verdict == "error"
    text = result.reason.strip().splitlines()[-1] if crashed else result.reason
    return {
        "level": "error" if crashed else "note",
        "descriptor": {"id": result.control.id},
        "message": {"text": clean(f"{name}: {'the control crashed' if crashed else 'unknown'}: {mask(text)}")},
    }


class _Writer:
    """Results of one run. ``rules`` are the ids of its controls by index."""

    def __init__(self, report: Report, rules: list[str]) -> None:
        self.root = report.root
        self.edits = report.edits
        self.index = {identifier: index for index, identifier in enumerate(rules)}
        self.excerpts = Excerpts(report.root)

    def results(self, result: Result) -> Iterator[Object]:
        for number, finding in enumerate(result.findings):
            stable = fingerprint(result, number, self.root)
            written: Object = {
                "ruleId": result.control.id,
                "ruleIndex": self.index[result.control.id],
                "level": _LEVELS[result.severity],
                "message": self._message(result, finding),
                "locations": [self._location(line_of(result, finding), result)],
                # code scanning knows the second name only
                "partialFingerprints": {"dockerharden/v1": stable, "primaryLocationLineHash": f"{stable}:1"},
                "properties": _properties(result),
            }
            related = [origin for origin in finding.related if isinstance(origin, TextOrigin)]
            if related:
                written["relatedLocations"] = [self._related(place, number) for number, place in enumerate(related)]
            if result.verdict == "waived":
                written["suppressions"] = [self._suppression(result)]
            elif edits := self.edits(finding):
                written["fixes"] = [self._fix(finding, edits)]
            yield written

    def _message(self, result: Result, finding: Finding) -> Object:
        headline = self.excerpts.headline(result, finding)
        lines, marked = [headline], [_escaped(headline)]
        if not isinstance(finding.origin, TextOrigin):
            seen = mask(clean(finding.origin.text))
            lines.append(f"Seen in {self.excerpts.place(finding.origin)}:\n{seen}")
            marked.append(f"Seen in `{self.excerpts.place(finding.origin)}`:\n\n{fenced(seen)}")
        if finding.remedy:
            remedy = "\n".join(map(clean, finding.remedy.text.splitlines()))
            lines.append(f"Instead:\n{remedy}")
            marked.append(f"Instead:\n\n{fenced(remedy)}")
        return {"text": "\n\n".join(lines), "markdown": "\n\n".join(marked)}

    def _location(self, place: TextOrigin, result: Result) -> Object:
        location: Object = {"physicalLocation": self._physical(place)}
        if result.subject:
            kind = "stage" if result.control.judges == "Stage" else "service"
            location["logicalLocations"] = [{"name": result.subject, "kind": kind}]
        return location

    def _related(self, place: TextOrigin, number: int) -> Object:
        return {"id": number, "message": {"text": "see also"}, "physicalLocation": self._physical(place)}

    def _fix(self, finding: Finding, edits: Sequence[Replacement]) -> Object:
        """One way to mend it: all changes belong together. An empty region is a place to insert at."""
        remedy = finding.remedy
        told = [clean(line) for line in remedy.text.splitlines()] if remedy else []
        told += [f"May break: {clean(remedy.breaks)}"] if remedy and remedy.breaks else []
        changes = [
            {"artifactLocation": self._artifact(file), "replacements": [_replacement(edit) for edit in group]}
            for file, group in groupby(edits, key=lambda edit: edit.file)
        ]
        return {"description": {"text": "\n".join(told) or "Mend it."}, "artifactChanges": changes}

    def _artifact(self, file: str) -> Object:
        path = shown_path(file, self.root)
        return {"uri": quote(path.encode("utf-8", "surrogateescape")), "uriBaseId": _BASE}

    def _physical(self, place: TextOrigin) -> Object:
        region = {"startLine": place.line, "startColumn": place.column}
        if (place.end_line, place.end_column) > (place.line, place.column):
            region |= {"endLine": place.end_line, "endColumn": place.end_column}
        return {"artifactLocation": self._artifact(place.file), "region": region}

    def _suppression(self, result: Result) -> Object:
        waiver = result.waiver
        origin = waiver.origin if waiver else None
        written: Object = {
            "kind": "inSource" if origin else "external",
            "status": "accepted",
            "justification": clean(result.reason),
        }
        if origin:
            written["location"] = {"physicalLocation": self._physical(origin)}
        if waiver:
            until = waiver.until.isoformat() if waiver.until else None
            written["properties"] = {"until": until, "requires": list(waiver.requires), "place": clean(waiver.place)}
        return written


def _replacement(edit: Replacement) -> Object:
    start, end = {"startLine": edit.line, "startColumn": edit.column}, {"endLine": edit.end_line}
    written: Object = {"deletedRegion": start | end | {"endColumn": edit.end_column}}
    return written | {"insertedContent": {"text": edit.new}} if edit.new else written


def _properties(result: Result) -> Object:
    properties: Object = {"phase": result.phase, "severity": result.severity, "tolerated": result.tolerated}
    if result.combinations:
        properties["combinations"] = list(result.combinations)
    if result.also:
        properties["alsoFoundBy"] = list(result.also)
    return properties


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|~" else c for c in text)
