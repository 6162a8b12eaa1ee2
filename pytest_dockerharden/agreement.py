"""What holds in several combinations of compose files is said once: a base and its overlay share most of their text."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_dockerharden.verdicts import Result


def agree(results: Iterable[Result]) -> list[Result]:
    """Results of one control and service that are the same in several combinations become one.

    Where that is so in every combination that has the service, the subject is the service alone; elsewhere it stays
    that of the first combination. Waivers have been applied before: one for ``prod/redis`` makes a difference.
    """
    kept: list[Result] = []
    groups: dict[tuple[str, str, str], list[Result]] = {}
    present: dict[tuple[str, str], set[str]] = {}
    for result in results:
        known = None
        if result.combinations:
            present.setdefault((result.file, result.service), set()).update(result.combinations)
            group = groups.setdefault((result.file, result.control.id, result.service), [])
            known = next((other for other in group if _is_same(other, result)), None)
            if known is None:
                group.append(result)
        if known is None:
            kept.append(result)
        else:
            known.combinations += result.combinations
    for result in kept:
        if len(result.combinations) > 1 and present[result.file, result.service] == set(result.combinations):
            result.subject = result.service
    return kept


def _is_same(first: Result, second: Result) -> bool:
    return (
        first.verdict == second.verdict
        and first.findings == second.findings
        and first.reason == second.reason
        and first.waiver is second.waiver
    )
