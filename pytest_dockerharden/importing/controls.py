"""The rules of other scanners as controls, so that everything that shows a control can show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_dockerharden.importing.scan import Found
from pytest_dockerharden.model.control import Control, Judged
from pytest_dockerharden.model.finding import Findings, Severity
from pytest_dockerharden.model.scanner import imported_id
from pytest_dockerharden.model.secrets import mask
from pytest_dockerharden.verdicts import IMPORT_READABLE

READABLE = IMPORT_READABLE


def scanned_image(project: Any) -> Findings:
    """Every image of the project was scanned.

    Of an image that no report is about nothing is known, and a run that is green seems to say that it was scanned.
    """
    yield from ()


SCANNED = Control("import:scanned-image", scanned_image, "Project", "high", "images")


def control_of(scanner: str, found: Found, severity: Severity, judges: Judged) -> Control:
    """The control of the rule that ``found`` is of."""

    def rule(subject: Any) -> Findings:
        yield from ()

    title, why = (_plain(text) for text in (found.title or found.rule, found.why))
    rule.__doc__ = f"{title}\n\n{why}"
    cis = (found.rule,) if scanner == "docker-bench" else ()
    return Control(imported_id(scanner, found.rule), rule, judges, severity, scanner, cis=cis)


def _plain(text: str) -> str:
    # what ends in this begins an example in a docstring of ours
    return mask(text).replace("::", ": :")


def by_equivalent(controls: Iterable[Control]) -> Mapping[tuple[str, str], frozenset[str]]:
    """The ids of our controls by the scanner and rule whose property they hold."""
    found: dict[tuple[str, str], set[str]] = {}
    for control in controls:
        for scanner, rules in control.equivalents.items():
            for rule in rules:
                found.setdefault((scanner, rule), set()).add(control.id)
    return {key: frozenset(ids) for key, ids in found.items()}
