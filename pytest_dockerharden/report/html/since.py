"""Before and after: two bars, and what became of each failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_dockerharden.report.comparison import KINDS, Change, Comparison
from pytest_dockerharden.report.html.markup import Markup, columns, details, join, table, tag
from pytest_dockerharden.report.html.matrix import VERDICTS

_WIDTH, _HEIGHT = 1000, 14
_LISTED = 500
_TITLES = {
    "new": ("New", "failed"),
    "first": ("Judged for the first time", "failed"),
    "same": ("Failed before, fails now", "failed"),
    "mended": ("Mended", "passed"),
    "accepted": ("Failed before, accepted now", "waived"),
    "undecided": ("Failed before, not known now", "unknown"),
    "gone": ("Gone with the service or file", "unknown"),
}


def bar(counts: Mapping[str, int], title: str) -> Markup:
    """The verdicts as parts of one bar, the worst first. A part that is there is wide enough to be seen."""
    shown = {verdict: counts.get(verdict, 0) for verdict in VERDICTS if counts.get(verdict)}
    total = sum(shown.values())
    x, parts = 0.0, []
    for verdict, count in shown.items():
        width = 6 + (_WIDTH - 6 * len(shown)) * count / total
        parts.append(tag("rect", x=f"{x:.1f}", y=0, width=f"{max(width - 2, 1):.1f}", height=_HEIGHT, class_=verdict))
        x += width
    told = ", ".join(f"{count} {verdict}" for verdict, count in shown.items()) or "nothing"
    box = {"viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "preserveAspectRatio": "none"}
    return tag("svg", tag("title", f"{title}: {told}"), *parts, role="img", class_="bar", **box)


def since(comparison: Comparison, now: Mapping[str, int]) -> Markup:
    """The bars of both runs, and by kind what changed; what is new is open."""
    bars = [
        join(tag("dt", name), tag("dd", bar(counts, name), tag("small", _told(counts))))
        for name, counts in (("before", comparison.before), ("now", now))
    ]
    kinds = [_kind(kind, found) for kind in KINDS if (found := comparison.of(kind))]
    return join(tag("dl", *bars, class_="bars"), *kinds)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts.get(verdict))


def _kind(kind: str, found: Sequence[Change]) -> Markup:
    title, verdict = _TITLES[kind]
    by_control: dict[str, list[Change]] = {}
    for change in found:
        by_control.setdefault(change.control, []).append(change)
    ranked = sorted(by_control.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    rows = [
        tag("tr", tag("th", _control(control, changes), scope="row"), tag("td", _subjects(changes)))
        for control, changes in ranked[:_LISTED]
    ]
    summary = join(tag("b", title), " ", tag("span", str(len(found)), class_=f"chip {verdict}"))
    content = table(title, columns("Control", "Where"), tag("tbody", *rows), class_="plain")
    return details(summary, content, open=kind == "new", class_="service")


def _control(control: str, changes: Sequence[Change]) -> Markup | str:
    fails = any(change.result is not None and change.result.fails for change in changes)
    return tag("a", control, href=f"#c-{control}") if fails else control


def _subjects(changes: Sequence[Change]) -> str:
    names = (f"{c.subject or c.file}{'' if c.phase == 'static' else f' ({c.phase})'}" for c in changes)
    return ", ".join(dict.fromkeys(names))
