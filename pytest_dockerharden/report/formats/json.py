"""Every verdict as JSON, for machines."""

from __future__ import annotations

import json
from typing import Any

from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.paths import shown_path
from pytest_dockerharden.report import Report
from pytest_dockerharden.report.comparison import KINDS, Comparison
from pytest_dockerharden.report.sections import Benchmark
from pytest_dockerharden.verdicts import Result


def render(report: Report) -> str:
    """``{"version": 1, "items": [...]}``; ``line`` and ``column`` count from 1 and are null where there are none.

    A run that is compared with another one adds ``since``: what changed, by kind of change.
    A suite that renders a document adds ``benchmarks``: its sections in order, and what the run says of each.
    """
    items = [_item(identifier, result, report.start) for identifier, result in report.entries]
    content: dict[str, Any] = {"version": 1, "items": items}
    if report.benchmarks:
        content["benchmarks"] = [_benchmark(benchmark) for benchmark in report.benchmarks]
    if report.comparison:
        content["since"] = _since(report.comparison)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _since(comparison: Comparison) -> dict[str, Any]:
    changes = {
        kind: [{"control": c.control, "subject": c.subject, "file": c.file, "phase": c.phase} for c in found]
        for kind in KINDS
        if kind != "same" and (found := comparison.of(kind))
    }
    return {"file": comparison.name, "same": len(comparison.of("same")), **changes}


def _benchmark(benchmark: Benchmark) -> dict[str, Any]:
    sections = [
        {
            "number": outcome.section.number,
            "title": outcome.section.title,
            "level": outcome.section.level or None,
            "status": outcome.status,
            "partly": outcome.partly,
            "failing": list(outcome.failing),
            "imported_from": list(outcome.scanners),
            "by_hand": outcome.section.manual or outcome.section.rest,
            "out_of_scope": outcome.section.out_of_scope,
        }
        for outcome in benchmark.outcomes
    ]
    return {"suite": benchmark.suite.name, "title": benchmark.suite.title, "sections": sections}


def _item(identifier: str, result: Result, start: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": identifier,
        "control": result.control.id,
        "subject": result.subject,
        "phase": result.phase,
        "verdict": result.verdict,
        "severity": result.severity,
        "findings": [_finding(finding, start) for finding in result.findings],
    }
    if result.combinations:
        item["combinations"] = list(result.combinations)
    if result.reason:
        item["reason"] = result.reason
    if result.tolerated:
        item["tolerated"] = True
    if result.also:
        item["also_found_by"] = list(result.also)
    if result.waiver:
        waiver = result.waiver
        item["waiver"] = {
            "reason": waiver.reason,
            "until": waiver.until.isoformat() if waiver.until else None,
            "place": waiver.place,
            "requires": list(waiver.requires),
        }
    return item


def _finding(finding: Finding, start: str) -> dict[str, Any]:
    origin = finding.origin
    text = isinstance(origin, TextOrigin)
    return {
        "message": finding.message,
        "file": shown_path(origin.file, start) if isinstance(origin, TextOrigin) else str(origin),
        "line": origin.line if isinstance(origin, TextOrigin) else None,
        "column": origin.column if isinstance(origin, TextOrigin) else None,
        "remedy": finding.remedy.text if finding.remedy else None,
        **({} if text else {"evidence": str(origin)}),
    }
