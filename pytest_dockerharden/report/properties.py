"""What JUnit's report says of each item, beside its outcome and text: properties named ``harden_*``."""

from __future__ import annotations

from pytest_dockerharden.paths import shown_path
from pytest_dockerharden.report.places import line_of
from pytest_dockerharden.verdicts import Result


def properties_of(result: Result, start: str) -> list[tuple[str, object]]:
    """Name and value, without those that are empty. ``harden_place`` is ``file:line``, relative to ``start``."""
    control, waiver = result.control, result.waiver
    place = line_of(result, result.findings[0] if result.findings else None)
    remedy = result.findings[0].remedy if result.findings else None
    properties: dict[str, object] = {
        "control": control.id,
        "severity": result.severity,
        "verdict": result.verdict,
        "phase": result.phase,
        "subject": result.subject,
        "place": f"{shown_path(place.file, start)}:{place.line}",
        "plan": control.plan,
        "cis": ", ".join(control.cis),
        "owasp": ", ".join(control.owasp),
        "nist": ", ".join(control.nist),
        "remedy": remedy.text if remedy else "",
        "waived_because": waiver.reason if waiver else "",
        "waived_until": waiver.until.isoformat() if waiver and waiver.until else "",
    }
    return [(f"harden_{name}", value) for name, value in properties.items() if value]
