"""What is kept of verdicts where nobody can ask for a single one of those that passed: their number."""

from __future__ import annotations

from dataclasses import replace

from pytest_dockerharden.model.finding import Finding, Remedy
from pytest_dockerharden.verdicts import Result

_COUNTED = frozenset({"passed", "not-applicable"})


class Tally:
    """One result for all that passed of a subject, one for all that does not apply to it, and each remedy once."""

    def __init__(self) -> None:
        self._standing: dict[tuple[str, str, str], Result] = {}
        self._remedies: dict[str, Remedy] = {}

    def count(self, file: str, subject: str, verdict: str) -> bool:
        """Count a verdict, if a result stands for others of its kind already."""
        standing = self._standing.get((file, subject, verdict))
        if standing is None:
            return False
        standing.times += 1
        return True

    def take(self, result: Result) -> bool:
        """Count a result, unless it stands for itself and perhaps for others to come."""
        if result.verdict not in _COUNTED:
            result.findings = tuple(map(self._sharing, result.findings))
            return False
        standing = self._standing.setdefault((result.file, result.subject, result.verdict), result)
        if standing is result:
            return False
        standing.times += result.times
        return True

    def _sharing(self, finding: Finding) -> Finding:
        """With the remedy of another finding where that is the same: services lack the same lines."""
        if finding.remedy is None:
            return finding
        known = self._remedies.setdefault(finding.remedy.text, finding.remedy)
        return replace(finding, remedy=known) if known == finding.remedy else finding
