"""A summary to paste in a pull request: how each service stands, what to do first, what is waived and not known."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pytest_dockerharden.report import Report
from pytest_dockerharden.report.documentation import fenced, sections
from pytest_dockerharden.report.excerpt import Excerpts, clean
from pytest_dockerharden.report.groups import Group, groups, headline
from pytest_dockerharden.report.places import in_order, line_of
from pytest_dockerharden.report.sections import Benchmark, section_lines
from pytest_dockerharden.report.summary import Row, rows_by_file
from pytest_dockerharden.verdicts import Result

_COLUMNS = ("failed", "waived", "unknown", "passed")
# of a comment: it holds 65536 characters, the summary of a step 1 MiB
_MOST_CHARACTERS = 65000
_MOST_ROWS = 60
_MOST_GROUPS = 25
_MOST_LISTED = 40
_MARKS = "\\`*_[]>|~$"


def render(report: Report) -> str:
    """GitHub's and GitLab's Markdown; names out of files cannot mark anything up, mention anybody or link anywhere."""
    excerpts = Excerpts(report.root)
    results = [result for _, result in in_order(report.entries) if result.verdict != "not-applicable"]
    parts = [
        _headline(results),
        *_since(report, excerpts),
        _table(results, excerpts),
        *_details("What to do, the most important first", list(_failures(results, excerpts))),
        *_details("Waived", list(_waived(results, excerpts))),
        *_details("Not known", list(_unknown(results))),
        *(part for benchmark in report.benchmarks for part in _details(*_sections(benchmark))),
    ]
    return "\n\n".join(_fitting(filter(None, parts))) + "\n"


def _fitting(parts: Iterable[str]) -> Iterator[str]:
    """What has its place; a part that is too long is left out whole, for half of one is broken markup."""
    left = _MOST_CHARACTERS
    for part in parts:
        left -= len(part) + 2
        if left >= 0:
            yield part
        else:
            left += len(part) + 2
            yield "_A part that is too long for this place is left out; the HTML report has it._"
            left -= 100


def _since(report: Report, excerpts: Excerpts) -> Iterator[str]:
    comparison = report.comparison
    if comparison is None:
        return
    yield f"Since {code(comparison.name)}: {escaped(comparison.sentence())}."
    new = [change.result for change in comparison.of("new") if change.result is not None]
    lines = [f"- **{escaped(excerpts.first_line(result))}** ({code(result.control.id)})" for result in new]
    more = [f"- and {len(lines) - _MOST_LISTED} more"] if len(lines) > _MOST_LISTED else []
    if lines:
        yield "New:\n\n" + "\n".join(lines[:_MOST_LISTED] + more)


def _sections(benchmark: Benchmark) -> tuple[str, list[str]]:
    title, *lines = (line for line, _ in section_lines(benchmark, everything=True))
    return escaped(title), [fenced("\n".join(lines))]


def _headline(results: Sequence[Result]) -> str:
    counts = Counter("failed" if result.fails else result.verdict for result in results if not result.tolerated)
    counts["tolerated"] = sum(result.tolerated for result in results)
    if not results:
        return "### :grey_question: Hardening: nothing was judged"
    told = [f"{counts[verdict]} {verdict}" for verdict in ("failed", "passed", "waived", "tolerated", "unknown")]
    told = [text for text in told if not text.startswith("0 ")]
    mark = ":x:" if counts["failed"] else ":white_check_mark:"
    return f"### {mark} Hardening: {', '.join(told)}"


def _table(results: Sequence[Result], excerpts: Excerpts) -> str:
    rows = [(file, row) for file, group in rows_by_file(results).items() for row in group]
    rows.sort(key=lambda entry: entry[1].rank())
    if not rows:
        return ""
    columns = [*_COLUMNS, *(name for name in ("tolerated", "error") if any(row.counts[name] for _, row in rows))]
    named = {file for file, row in rows if row.label}
    only = excerpts.shown(named.pop()) if len(named) == 1 else ""
    lines = [f"| {code(only) if only else ''} | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    lines += [_line(excerpts.shown(file), row, columns, only) for file, row in rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        lines.append(f"| and {len(rows) - _MOST_ROWS} more |{' |' * len(columns)}")
    return "\n".join(lines)


def _line(file: str, row: Row, columns: Sequence[str], only: str) -> str:
    """``only`` is the file of all services, where there is but one: it stands above them."""
    name = f"**{escaped(row.label)}**" if row.label else ""
    label = name if name and file == only else " ".join(filter(None, (name, code(file))))
    return f"| {label} | {' | '.join(str(row.counts[column] or '') for column in columns)} |"


def _failures(results: Iterable[Result], excerpts: Excerpts) -> Iterator[str]:
    ranked = groups(results)
    for number, group in enumerate(ranked[:_MOST_GROUPS], 1):
        yield f"{number}. {_group(group, excerpts, indent=len(str(number)) + 2)}"
    if len(ranked) > _MOST_GROUPS:
        yield f"\nand {len(ranked) - _MOST_GROUPS} more"


def _group(group: Group, excerpts: Excerpts, indent: int) -> str:
    result = group[0]
    if not result.findings:
        return f"{escaped(excerpts.first_line(result))} ({code(result.control.id)})"
    finding = result.findings[0]
    place = line_of(result, finding)
    marks = ", ".join([result.severity, *sections(result.control)])
    where = code(f"{excerpts.shown(place.file)}:{place.line}")
    text = f"**{escaped(headline(group, excerpts.shown))}** — {where}, {marks}, {code(result.control.id)}"
    if finding.remedy:
        lines = "\n".join(map(clean, finding.remedy.text.splitlines()))
        text += "\n\n" + textwrap.indent(fenced(lines, "yaml" if finding.remedy.edits else ""), " " * indent)
    return text


def _waived(results: Iterable[Result], excerpts: Excerpts) -> Iterator[str]:
    waived = [result for result in results if result.verdict == "waived"]
    if not waived:
        return
    yield "| control | subject | reason | until |\n|---|---|---|---|"
    for result in waived[:_MOST_LISTED]:
        waiver = result.waiver
        until = waiver.until.isoformat() if waiver and waiver.until else "no end"
        subject = result.subject or excerpts.shown(result.file)
        reason = waiver.reason if waiver else result.reason
        yield f"| {code(result.control.id)} | {code(subject)} | {escaped(reason)} | {until} |"
    if len(waived) > _MOST_LISTED:
        yield f"| and {len(waived) - _MOST_LISTED} more | | | |"


def _unknown(results: Iterable[Result]) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.verdict == "unknown":
            reasons.setdefault(result.reason, []).append(result.name)
    for reason, names in [*reasons.items()][:_MOST_LISTED]:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield f"- {escaped(reason)}: {', '.join(map(code, names[:3]))}{more}"
    if len(reasons) > _MOST_LISTED:
        yield f"- and {len(reasons) - _MOST_LISTED} more"


def _details(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"<details><summary>{title}</summary>\n\n" + "\n".join(lines) + "\n\n</details>"


def escaped(text: str) -> str:
    """Text that marks nothing up, mentions nobody, refers to no issue and links nowhere."""
    text = clean(" ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")
    text = "".join(f"\\{c}" if c in _MARKS else c for c in text)
    for mark, harmless in (("@", "@<!-- -->"), ("#", "#<!-- -->"), ("://", "&#58;//"), ("www.", "www&#46;")):
        text = text.replace(mark, harmless)
    return text


def code(text: str) -> str:
    """A name as code."""
    text = clean(" ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")
    return f"<code>{''.join(f'&#{ord(c)};' if c in _MARKS else c for c in text)}</code>"
