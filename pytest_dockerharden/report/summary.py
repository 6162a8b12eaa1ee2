"""The end of a run: which service is how bad, and what to change first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import SEVERITIES
from pytest_dockerharden.report.excerpt import Excerpts, clean
from pytest_dockerharden.report.groups import changes, groups, headline
from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    from pytest_dockerharden.report.comparison import Comparison

Line = tuple[str, str]
_VERDICTS = ("failed", "passed", "waived", "unknown")
_ROWS = 15
# so many failures are not mended in one go
_MANY = 10


@dataclass(slots=True)
class Row:
    """A service, a Dockerfile, or what a compose file says of none of its services."""

    label: str
    counts: Counter[str] = field(default_factory=Counter)
    weight: int = 0

    def rank(self) -> tuple[int, int, str]:
        return -self.weight, -self.counts["failed"], self.label


def summarise(results: Sequence[Result], not_applicable: int, excerpts: Excerpts, *, everything: bool) -> list[Line]:
    """Lines of text, each with its colour (empty: none), worst first. ``everything`` leaves no row out."""
    files = sorted(rows_by_file(results).items(), key=lambda file: min(row.rank() for row in file[1]))
    lines = [*_table(files, excerpts, most=1 << 30 if everything else _ROWS)]
    lines += most_important(results, excerpts)
    lines += _waiving(results)
    if not_applicable:
        times = "once" if not_applicable == 1 else f"{not_applicable} times"
        lines.append((f"{times} a control had nothing to judge", ""))
    return lines


def _waiving(results: Sequence[Result]) -> Iterator[Line]:
    """What is left to do for waivers, and how to come by them on the first day."""
    waivers = {id(result.waiver): result.waiver for result in results if result.waiver}
    lacking = sum(waiver.lacks_a_reason for waiver in waivers.values())
    if lacking:
        yield f"{lacking} waiver{'s say' if lacking > 1 else ' says'} TODO: a reason is still to be given", "yellow"
    if not waivers and sum(result.fails for result in results) > _MANY:
        yield "to start from here: --harden-baseline waives what fails today, each for 90 days", ""


def rows_by_file(results: Iterable[Result]) -> dict[str, list[Row]]:
    """The rows of each file, worst first."""
    files: dict[str, dict[str, Row]] = {}
    for result in results:
        # stages of a Dockerfile are mended together, services of a compose file one by one
        subject = result.service if result.combinations else result.subject
        label = "" if result.control.judges in ("Stage", "Dockerfile", "Image") else subject
        rows = files.setdefault(result.file, {})
        row = rows.get(label)
        if row is None:
            row = rows[label] = Row(label)
        verdict = "tolerated" if result.tolerated and result.verdict == "failed" else result.verdict
        row.counts[verdict] += result.times
        if result.fails:
            row.weight += 4 ** SEVERITIES.index(result.severity)
    return {file: sorted(rows.values(), key=Row.rank) for file, rows in files.items()}


def _table(files: Sequence[tuple[str, list[Row]]], excerpts: Excerpts, most: int) -> Iterator[Line]:
    rows = [row for _, group in files for row in group]
    columns = [*_VERDICTS, *(v for v in ("tolerated", "error") if any(row.counts[v] for row in rows))]
    labels = [excerpts.shown(file) for file, _ in files] + [f"  {row.label}" for row in rows]
    width = min(max(map(len, labels), default=0), 60)
    yield f"{'':{width}}  {'  '.join(f'{column:>7}' for column in columns)}", ""
    left = most
    for file, group in files:
        alone = len(group) == 1 and not group[0].label
        if left > 0 and not alone:
            yield excerpts.shown(file), ""
        for row in group[: max(left, 0)]:
            label = excerpts.shown(file) if alone else f"  {row.label or '(the whole file)'}"
            yield f"{label:{width}}  {_numbers(row, columns)}", _colour(row)
        left -= len(group)
    if left < 0:
        yield f"... and {-left} more (-v shows all)", ""


def _numbers(row: Row, columns: Sequence[str]) -> str:
    return "  ".join(f"{row.counts[column] or '-':>{max(7, len(column))}}" for column in columns)


def _colour(row: Row) -> str:
    if row.counts["failed"] or row.counts["error"]:
        return "red"
    return "yellow" if row.counts["unknown"] else "green"


def most_important(results: Iterable[Result], excerpts: Excerpts, *, remedies: bool = False) -> Iterator[Line]:
    """The changes that matter most, with the lines to write where ``remedies`` are asked for."""
    chosen = list(changes(groups(results)))
    if chosen:
        yield "most important first:", ""
    for number, group in enumerate(chosen, 1):
        result = group[0]
        finding = result.findings[0]
        yield (
            f" {number}. {headline(group, excerpts.shown)} ({result.severity}) {excerpts.place(finding.origin)}",
            "red",
        )
        if remedies and finding.remedy:
            yield from ((f"      {clean(line)}", "") for line in finding.remedy.text.splitlines())


def compared(comparison: Comparison, excerpts: Excerpts) -> Iterator[Line]:
    """What changed since another run, and what is new by name."""
    new = comparison.of("new")
    yield f"since {clean(comparison.name)}: {comparison.sentence()}", "red" if new else "green"
    for change in new[:_ROWS]:
        if change.result is not None:
            place = change.result.place
            where = f" {excerpts.place(place)}" if place else ""
            yield f"  new: {excerpts.first_line(change.result)} ({change.control}){where}", "red"
    if len(new) > _ROWS:
        yield f"  ... and {len(new) - _ROWS} more", "red"
