"""Annotations of GitHub Actions for the terminal, and the Markdown report as the summary of the step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain

from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.paths import printable, shown_path
from pytest_dockerharden.report import Report
from pytest_dockerharden.report.excerpt import Excerpts
from pytest_dockerharden.report.formats import markdown
from pytest_dockerharden.report.groups import groups
from pytest_dockerharden.report.places import line_of
from pytest_dockerharden.verdicts import Result

_SUMMARY = "GITHUB_STEP_SUMMARY"
# ten of each level are shown of a step
_LEVELS = {"info": "notice", "low": "notice", "medium": "warning", "high": "error", "critical": "error"}


def render(report: Report) -> str:
    """``::error``, ``::warning`` or ``::notice`` for each line that has findings, the most important first.

    Where the runner names a file for the summary of the step, the Markdown report is appended to it.
    """
    if path := os.environ.get(_SUMMARY):
        with open(path, "a", encoding="utf-8") as summary:
            summary.write(markdown.render(report))
    return "\n".join(_annotations(report))


def _annotations(report: Report) -> Iterator[str]:
    excerpts = Excerpts(report.root)
    by_line: dict[tuple[str, int], tuple[TextOrigin, list[tuple[Result, str]]]] = {}
    for result in chain.from_iterable(groups(result for _, result in report.entries)):
        if result.verdict == "error":
            place = line_of(result, None)
            told = by_line.setdefault((place.file, place.line), (place, []))[1]
            told.append((result, excerpts.first_line(result)))
        for finding in result.findings:
            place = line_of(result, finding)
            told = by_line.setdefault((place.file, place.line), (place, []))[1]
            told.append((result, excerpts.headline(result, finding)))
    for place, told in by_line.values():
        yield _annotation(place, told, report.root)


def _annotation(place: TextOrigin, told: list[tuple[Result, str]], root: str) -> str:
    properties = {"file": printable(shown_path(place.file, root)), "line": place.line, "endLine": place.end_line}
    if place.line == place.end_line:
        properties |= {"col": place.column, "endColumn": place.end_column}
    first = told[0][0]
    if len(told) == 1:
        title, message = first.control.id, told[0][1]
    else:
        title = f"{len(told)} hardening findings"
        message = "\n".join(f"{result.severity}: {text} ({result.control.id})" for result, text in told)
    properties["title"] = title
    written = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    level = "error" if first.verdict == "error" else _LEVELS[first.severity]
    return f"::{level} {written}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
