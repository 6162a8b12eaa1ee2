"""The end of a run: which service is how bad, and what to change first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pytest_dockerharden.model.finding import SEVERITIES
from pytest_dockerharden.report.excerpt import Excerpts
from pytest_dockerharden.verdicts import Result

Line = tuple[str, str]
_VERDICTS = ("failed", "passed", "waived", "unknown")
_PRIORITIES = ("P0", "P1", "P2", "P3", "")


@dataclass(slots=True)
class _Row:
    label: str
    counts: Counter[str] = field(default_factory=Counter)
    weight: int = 0


def summarise(results: Sequence[Result], not_applicable: int, excerpts: Excerpts, *, everything: bool) -> list[Line]:
    """Lines of text, each with its colour (empty: none), worst first. ``everything`` leaves no row out."""
    rows = sorted(_rows(results, excerpts), key=lambda row: (-row.weight, -row.counts["failed"], row.label))
    lines = [*_table(rows if everything else rows[:12])]
    if len(rows) > 12 and not everything:
        lines.append((f"... and {len(rows) - 12} more (-v shows all)", ""))
    lines += _most_important(results, excerpts)
    if not_applicable:
        lines.append((f"{not_applicable} times a control had nothing to judge", ""))
    return lines


def _rows(results: Iterable[Result], excerpts: Excerpts) -> Iterable[_Row]:
    rows: dict[tuple[str, str], _Row] = {}
    for result in results:
        # stages of a Dockerfile are mended together, services of a compose file one by one
        key = (result.file, "" if result.control.judges in ("Stage", "Dockerfile") else result.subject)
        row = rows.get(key)
        if row is None:
            row = rows[key] = _Row(f"{excerpts.shown(result.file)} {key[1]}".rstrip())
        verdict = "tolerated" if result.tolerated and result.verdict == "failed" else result.verdict
        row.counts[verdict] += 1
        if result.fails:
            row.weight += 4 ** SEVERITIES.index(result.severity)
    return rows.values()


def _table(rows: Sequence[_Row]) -> Iterator[Line]:
    columns = [*_VERDICTS, *(v for v in ("tolerated", "error") if any(row.counts[v] for row in rows))]
    width = max((len(row.label) for row in rows), default=0)
    yield f"{'':{width}}  {'  '.join(f'{column:>7}' for column in columns)}", ""
    for row in rows:
        numbers = "  ".join(f"{row.counts[column] or '-':>{max(7, len(column))}}" for column in columns)
        bad = row.counts["failed"] or row.counts["error"]
        yield f"{row.label:{width}}  {numbers}", "red" if bad else "green" if not row.counts["unknown"] else "yellow"


def _most_important(results: Iterable[Result], excerpts: Excerpts, most: int = 3) -> Iterator[Line]:
    """The changes that matter most: findings of one control and message together, as they are mended together."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.fails and result.findings:
            groups.setdefault((result.control.id, result.findings[0].message), []).append(result)
    ranked = sorted(groups.values(), key=_rank)
    if ranked:
        yield "most important first:", ""
    for number, group in enumerate(ranked[:most], 1):
        result = group[0]
        finding = result.findings[0]
        where = excerpts.place(finding.origin)
        places = {other.findings[0].origin for other in group}
        others = f" and {len(places) - 1} more" if len(places) > 1 else ""
        mark = ", ".join(filter(None, (result.severity, result.control.plan)))
        yield f" {number}. {excerpts.headline(result, finding)}{others} ({mark}) {where}", "red"


def _rank(group: Sequence[Result]) -> tuple[int, int, int]:
    worst = max(SEVERITIES.index(result.severity) for result in group)
    return -worst, _PRIORITIES.index(group[0].control.plan), -len(group)
