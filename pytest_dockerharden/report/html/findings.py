"""What fails, control by control; what is waived; what is not known."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence

from pytest_dockerharden.model.finding import Finding, Remedy
from pytest_dockerharden.report.documentation import sections
from pytest_dockerharden.report.excerpt import Excerpts
from pytest_dockerharden.report.groups import Group, changes, headline
from pytest_dockerharden.report.html.markup import Markup, columns, details, join, prose, table, tag
from pytest_dockerharden.report.places import line_of
from pytest_dockerharden.verdicts import Result

_LISTED = 200
_SOON = 30

Hide = Callable[[str], str]


class Findings:
    """Renders failures. ``hide`` takes secrets out of a text."""

    def __init__(self, excerpts: Excerpts, hide: Hide) -> None:
        self.excerpts = excerpts
        self.hide = hide

    def first(self, ranked: Sequence[Group]) -> Markup:
        """The three changes that matter most."""
        items = [self._change(group) for group in changes(ranked)]
        return tag("ol", *items, class_="first") if items else Markup("")

    def _change(self, group: Group) -> Markup:
        result = group[0]
        finding = result.findings[0]
        link = tag("a", self.hide(headline(group, self.excerpts.shown)), href=f"#c-{result.control.id}")
        place = tag("small", self._place(result, finding))
        return tag("li", link, " ", _severity(result), " ", place, _lines_to_write(finding.remedy))

    def by_control(self, ranked: Sequence[Group]) -> Markup:
        """Every failure, those of one control together, the most important first."""
        controls: dict[str, list[Group]] = {}
        for group in ranked:
            controls.setdefault(group[0].control.id, []).append(group)
        return join(*(self._control(groups) for groups in controls.values()))

    def _control(self, groups: Sequence[Group]) -> Markup:
        result = groups[0][0]
        control = result.control
        number = sum(map(len, groups))
        heading = tag(
            "h3", control.title, " ", _severity(result), " ", tag("small", f"{number} times" if number > 1 else "")
        )
        marks = ", ".join([control.id, *sections(control)])
        return tag(
            "article",
            heading,
            tag("p", marks, class_="marks"),
            tag("p", prose(control.documentation.why)),
            *map(self._group, groups),
            id=f"c-{control.id}",
            data_find=control.id,
        )

    def _group(self, group: Group) -> Markup:
        result = group[0]
        finding = result.findings[0] if result.findings else None
        if finding is None:
            return join(tag("h4", self.excerpts.first_line(result)), tag("pre", self.hide(result.reason)))
        parts = [
            tag("h4", self.hide(headline(group, self.excerpts.shown))),
            tag("p", prose(self.hide(finding.why))) if finding.why else None,
            tag(
                "div",
                tag("div", *(self._excerpt(finding) for finding in result.findings[:3])),
                tag("div", _instead(finding.remedy)) if finding.remedy else None,
                class_="beside",
            ),
            tag("p", result.reason, class_="note") if result.reason else None,
            tag("p", f"Also found by {', '.join(result.also)}", class_="note") if result.also else None,
            *(join(tag("p", f"{title}:"), tag("pre", self.hide(text))) for title, text in result.evidence),
            self._others(group),
        ]
        return join(*parts)

    def _excerpt(self, finding: Finding) -> Markup:
        place, *lines = self.excerpts.excerpt(finding.origin)
        return tag("pre", tag("small", place.replace("-->", "").strip()), "\n", self.hide("\n".join(lines)))

    def _others(self, group: Group) -> Markup | None:
        others = group[1:]
        if not others:
            return None
        first = group[0].findings[0].message
        items = [
            tag("li", tag("code", self._place(r, r.findings[0])), " ", self._other(r, first)) for r in others[:_LISTED]
        ]
        if len(others) > _LISTED:
            items.append(tag("li", f"and {len(others) - _LISTED} more"))
        return details(f"The same at {len(others)} more", tag("ul", *items, class_="places"))

    def _other(self, result: Result, first: str) -> str:
        message = result.findings[0].message
        phase = "" if result.phase == "static" else f" ({result.phase})"
        return self.hide(
            f"{result.subject if message == first else self.excerpts.headline(result, result.findings[0])}{phase}"
        )

    def _place(self, result: Result, finding: Finding) -> str:
        place = line_of(result, finding)
        if place.file.startswith("image:"):
            return self.excerpts.place(finding.origin)
        return f"{self.excerpts.shown(place.file)}:{place.line}"


def _severity(result: Result) -> Markup:
    return tag("small", result.severity, class_=f"sev {result.severity}")


def _instead(remedy: Remedy) -> Markup:
    may_break = tag("p", tag("b", "May break"), " ", prose(remedy.breaks), class_="breaks") if remedy.breaks else None
    return join(_lines_to_write(remedy), may_break)


def _lines_to_write(remedy: Remedy | None) -> Markup | None:
    return tag("pre", tag("small", "instead"), "\n", remedy.text, class_="remedy") if remedy else None


def waivers(results: Iterable[Result], excerpts: Excerpts, today: datetime.date) -> Markup | None:
    """Every waiver that is used, the one that ends first at the top."""
    waived = sorted((r for r in results if r.waiver is not None), key=_end_of)
    rows = [_waiver(result, excerpts, today) for result in waived]
    head = columns("Control", "Subject", "Reason", "Until", "In its place", "Written in")
    return table("Known exceptions", head, tag("tbody", *rows), class_="plain") if rows else None


def _end_of(result: Result) -> tuple[datetime.date, str, str]:
    until = result.waiver.until if result.waiver else None
    return until or datetime.date.max, result.control.id, result.subject


def _waiver(result: Result, excerpts: Excerpts, today: datetime.date) -> Markup:
    waiver = result.waiver
    assert waiver is not None
    subject = result.subject or excerpts.shown(result.file)
    phase = "" if result.phase == "static" else f" ({result.phase})"
    return tag(
        "tr",
        tag("th", result.control.id, scope="row"),
        tag("td", f"{subject}{phase}"),
        tag("td", waiver.reason),
        tag("td", *_until(waiver.until, today)),
        tag("td", ", ".join(waiver.requires)),
        tag("td", tag("code", waiver.place)),
    )


def _until(until: datetime.date | None, today: datetime.date) -> Iterator[str]:
    if until is None:
        yield "no end"
        return
    yield tag("time", until.isoformat(), datetime=until.isoformat())
    days = (until - today).days
    if days < 0:
        yield tag("p", "expired", class_="note")
    elif days <= _SOON:
        yield tag("p", f"{days} days left" if days != 1 else "1 day left", class_="note")


def unknown(results: Iterable[Result], hide: Hide) -> Markup | None:
    """What could not be decided, by reason."""
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.verdict == "unknown":
            phase = "" if result.phase == "static" else f" ({result.phase})"
            reasons.setdefault(hide(result.reason), []).append(f"{result.name}{phase}")
    rows = [
        tag("tr", tag("th", reason, scope="row"), tag("td", ", ".join(dict.fromkeys(names))))
        for reason, names in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    head = columns("Why", "What")
    return table("Not known, which is never a pass", head, tag("tbody", *rows), class_="plain") if rows else None
