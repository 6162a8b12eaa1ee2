"""The JSON of Docker Bench for Security: what a host, its daemon and its containers are like."""

from __future__ import annotations

from typing import Any

from pytest_dockerharden.importing.document import Table, table, tables, text, texts
from pytest_dockerharden.importing.scan import Found, Outcome, Scan
from pytest_dockerharden.model.pattern import pattern

# INFO and NOTE are said of what a person is to look at, and of what was not there to be looked at
_OUTCOMES: dict[str, Outcome] = {"PASS": "passed", "WARN": "failed"}
_KIND = pattern(r"\s*\((?:Automated|Manual|Scored|Not Scored)\)\s*$")
_NUMBER = pattern(r"^[\d.]+\s+")


def is_bench(document: Any) -> bool:
    """Whether this is what ``docker-bench-security.sh`` leaves in its ``.log.json``."""
    return isinstance(document, dict) and "dockerbenchsecurity" in document


def read_bench(document: Table) -> Scan:
    """Raises UnreadableReportError."""
    scan = Scan("docker-bench", text(document["dockerbenchsecurity"]), notes=["a host and what runs on it"])
    for index, chapter in enumerate(tables(document.get("tests"), "tests")):
        for number, result in enumerate(tables(chapter.get("results"), f"tests[{index}].results")):
            for found in _found(table(result, f"tests[{index}].results[{number}]")):
                scan.add(found)
    return scan


def _found(result: Table) -> list[Found]:
    said, details = text(result.get("result")), text(result.get("details"))
    title = _NUMBER.sub("", _KIND.sub("", text(result.get("desc"))))
    outcome = _OUTCOMES.get(said, "unknown")
    # containers and images one by one, so that one of them can be waived
    subjects = [item.strip("[]") for item in texts(result.get("items"))] if outcome == "failed" else []
    # what stands before the list of them
    told = details.partition(": ")[0].rstrip(": ") if subjects else details.rstrip(": ")
    message = told[:1].lower() + told[1:] if told else f"not held: {title}"
    reason = f"Docker Bench says {said or 'nothing'}: {details or 'a person is to look at this'}"
    identifier = text(result.get("id"))
    return [
        Found(identifier, title, message, outcome=outcome, reason=reason, subject=subject, text=details)
        for subject in dict.fromkeys(subjects or [""])
    ]
