"""Failures that one change mends, together: nine services without a memory limit are one thing to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pytest_dockerharden.model.finding import SEVERITIES
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.report.excerpt import Excerpts, clean
from pytest_dockerharden.verdicts import COMES_UP, IMAGE_READABLE, IMPORT_READABLE, PRECONDITIONS, READABLE, Result

_PRIORITIES = ("P0", "P1", "P2", "P3", "")
_LISTED = 15
_UNREAD = (READABLE, COMES_UP, IMAGE_READABLE, IMPORT_READABLE)

Group = list[Result]


def groups(results: Iterable[Result]) -> list[Group]:
    """The failures of one control that the same lines mend, the most important first."""
    found: dict[tuple[object, ...], Group] = {}
    results = list(results)
    before = {_said(result) for result in results if result.phase == "live"}
    for result in results:
        if result.fails and not (result.phase == "restarted" and _said(result) in before):
            found.setdefault(_key(result), []).append(result)
    # workers of xdist hand results in as they like
    return sorted((sorted(group, key=_position) for group in found.values()), key=_rank)


def _said(result: Result) -> tuple[object, ...]:
    """What a restart leaves as it was is said once."""
    return result.file, result.name, tuple(finding.message for finding in result.findings)


def changes(ranked: Iterable[Group], most: int = 3) -> Iterator[Group]:
    """The first groups that are different things to do: ``USER`` and ``user:`` mend the same rule of the benchmark."""
    seen: set[tuple[str, ...]] = set()
    for group in ranked:
        sections = group[0].control.cis
        if group[0].findings and sections not in seen:
            yield group
            most -= 1
            seen.update([sections] if sections else [])
        if not most:
            return


def headline(group: Group, shown: Callable[[str], str], most: int = 3) -> str:
    """``redis, proxy and 7 more: it keeps all default capabilities``."""
    message = group[0].findings[0].message
    if group[0].control in PRECONDITIONS:
        return f"{shown(group[0].file)}: {clean(message)}"
    alike = dict.fromkeys(_subject(result, shown) for result in group if result.findings[0].message == message)
    names = [*alike][:most]
    # a service may fail as text and again as it runs
    more = len({_subject(result, shown) for result in group} - set(names))
    return f"{', '.join(names)}{f' and {more} more' if more else ''}: {clean(message)}"


def _subject(result: Result, shown: Callable[[str], str]) -> str:
    """Of a Dockerfile its path: stages have no name of their own, or the same one in each."""
    of_a_build = result.control.judges in ("Stage", "Dockerfile")
    return shown(result.file) if of_a_build or not result.subject else clean(result.subject)


def rest_of(group: Group, excerpts: Excerpts) -> Iterator[str]:
    """A line for each but the first: where it is, and what is wrong where that is not the same."""
    first = group[0].findings[0].message if group[0].findings else ""
    for result in group[1 : 1 + _LISTED]:
        place = excerpts.place(result.place) if result.place else excerpts.shown(result.file)
        same = not result.findings or result.findings[0].message == first
        text = result.subject if same else excerpts.headline(result, result.findings[0])
        text += "" if result.phase == group[0].phase else f" ({result.phase})"
        yield f"      {place}  {text}".rstrip()
    if len(group) > 1 + _LISTED:
        yield f"      ... and {len(group) - 1 - _LISTED} more (-v shows all)"


def _key(result: Result) -> tuple[object, ...]:
    if result.control in PRECONDITIONS:
        return (id(result),)
    if result.verdict == "error":
        return result.control.id, result.reason
    # messages may name what differs: it is the change that is the same
    return result.control.id, tuple(f.remedy.text if f.remedy else f.message for f in result.findings), result.reason


def _position(result: Result) -> tuple[str, str, int]:
    place = result.place
    return (result.file, place.file, place.line) if isinstance(place, TextOrigin) else (result.file, str(place), 0)


def _rank(group: Group) -> tuple[bool, bool, int, int, int, str]:
    worst = max(SEVERITIES.index(result.severity) for result in group)
    control = group[0].control
    # of what cannot be read nothing is known, so that comes first
    return (
        group[0].verdict == "error",
        control not in _UNREAD,
        -worst,
        _PRIORITIES.index(control.plan),
        -len(group),
        control.id,
    )
