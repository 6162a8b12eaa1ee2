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
        if not result.combinations:
            kept.append(result)
            continue
        present.setdefault((result.file, result.service), set()).update(result.combinations)
        group = groups.setdefault((result.file, result.control.id, result.service), [])
        for known in group:
            if _is_same(known, result):
                known.combinations += result.combinations
                break
        else:
            group.append(result)
            kept.append(result)
    for result in kept:
        # no combination stands there twice
        if len(result.combinations) > 1 and len(result.combinations) == len(present[result.file, result.service]):
            result.subject = result.service
    return kept


def _is_same(first: Result, second: Result) -> bool:
    return (
        first.verdict == second.verdict
        and first.findings == second.findings
        and first.reason == second.reason
        and first.waiver is second.waiver
    )
