"""A run in the words of the document that its suite renders: every section in order, and how much of it was judged."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.scanner import scanner_of
from pytest_dockerharden.report.excerpt import clean
from pytest_dockerharden.suites import Section, Suite
from pytest_dockerharden.verdicts import Result

Line = tuple[str, str]

LIVE = "needs --harden-live"
STATIC = "needs --harden-static"
IMAGE = "needs --harden-image"
NOTHING = "nothing to judge"
NOT_ASKED = "not asked"
LEFT_OUT = "left out"
MANUAL = "by hand"
OUT_OF_SCOPE = "out of scope"
# a section is as bad as the worst that was judged of it
_WORST_FIRST = ("error", "failed", "unknown", "waived", "passed")
_ORDER = (
    "failed",
    "error",
    "unknown",
    "waived",
    "passed",
    NOTHING,
    NOT_ASKED,
    LIVE,
    STATIC,
    IMAGE,
    MANUAL,
    OUT_OF_SCOPE,
    LEFT_OUT,
)
_COLOURS = {"failed": "red", "error": "red", "unknown": "yellow", "passed": "green"}
# many sections in a row of which the same is to be said are one line
_ALIKE = frozenset({NOT_ASKED, LIVE, STATIC, IMAGE, OUT_OF_SCOPE, LEFT_OUT})
_MANY = 3
# its checks have the numbers of the CIS benchmark
_NUMBERED = "docker-bench"
_NAMED = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run asks: of text, of running containers and their engine, by putting them to the test, of images.

    ``narrowed`` is that only some of it was chosen.
    """

    static: bool
    live: bool
    drills: bool
    images: bool
    narrowed: bool = False

    def asks(self, control: Control) -> bool:
        """Whether this run judges what a control judges."""
        if control.judges == "Drill":
            return self.drills
        if control.judges == "Engine":
            return self.live
        if control.judges == "Image":
            return self.images
        return (self.static and not control.live) or (self.live and control.judges == "Posture")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run says of one section. ``partly`` is that live mode judges more of it; ``failing`` are subjects.

    ``why`` is the reason that most subjects give where nothing was judged, or nothing could be known. ``scanners`` are
    those whose imported results are part of it.
    """

    section: Section
    status: str
    partly: bool = False
    failing: tuple[str, ...] = ()
    why: str = ""
    scanners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A suite that renders a document, and what a run says of its sections."""

    suite: Suite
    outcomes: Sequence[Outcome]


def outcomes(
    suite: Suite, controls: Collection[Control], results: Iterable[Result], nothing: Iterable[Result], asked: Asked
) -> list[Outcome]:
    """One for each section, in the order of the document. ``nothing`` are results that do not apply.

    What other scanners found counts where one of our controls that hold the section holds their rule, and where they
    name the section themselves.
    """
    by_control: dict[str, list[Result]] = {}
    imported: dict[tuple[str, str], list[Result]] = {}
    for result in (*results, *nothing):
        scanner = scanner_of(result.control.id)
        if scanner:
            for alias in result.aliases:
                imported.setdefault((scanner, alias), []).append(result)
        else:
            by_control.setdefault(result.control.id, []).append(result)
    return [_outcome(suite, section, controls, by_control, imported, asked) for section in suite.sections.values()]


def _outcome(
    suite: Suite,
    section: Section,
    controls: Collection[Control],
    results: Mapping[str, list[Result]],
    imported: Mapping[tuple[str, str], list[Result]],
    asked: Asked,
) -> Outcome:
    found = _imported(suite, section, controls, imported)
    scanners = tuple(dict.fromkeys(scanner_of(result.control.id) for result in found))
    by_hand = bool(section.manual or section.out_of_scope)
    if by_hand and not found:
        return Outcome(section, MANUAL if section.manual else OUT_OF_SCOPE)
    applied = [control for control in suite.controls_of(section, controls) if suite.selects(control)]
    if not applied and not by_hand:
        return Outcome(section, LEFT_OUT)
    judged = [(result, _verdict(suite, section, result)) for c in applied for result in results.get(c.id, ())]
    judged += [(result, result.verdict) for result in found]
    verdicts = {verdict for _, verdict in judged}
    status = next((verdict for verdict in _WORST_FIRST if verdict in verdicts), "")
    if not status:
        status = NOTHING if verdicts else _unjudged(applied, asked)
    # what is built says no more of a section than what is written, but for the files in it
    partly = status == "passed" and not all(asked.asks(c) for c in applied if c.judges != "Image")
    failing = tuple(dict.fromkeys(_name(r) for r, v in judged if v in _WORST_FIRST[:2]))
    return Outcome(section, status, partly, failing, _why(status, judged), scanners)


def _imported(
    suite: Suite, section: Section, controls: Collection[Control], imported: Mapping[tuple[str, str], list[Result]]
) -> list[Result]:
    """What scanners decided of a section; what they leave to people, it does already."""
    if not imported:
        return []
    holders = [control for control in suite.controls_of(section, controls) if suite.selects(control)]
    rules = {(scanner, rule) for c in holders for scanner, held in c.equivalents.items() for rule in held}
    if suite.benchmark == "cis":
        rules.add((_NUMBERED, section.number))
    found = {id(result): result for rule in sorted(rules) for result in imported.get(rule, ())}
    return [result for result in found.values() if result.verdict in ("failed", "waived", "passed")]


def _why(status: str, judged: Iterable[tuple[Result, str]]) -> str:
    verdict = {NOTHING: "not-applicable", "unknown": "unknown"}.get(status)
    reasons = Counter(result.reason for result, given in judged if given == verdict and result.reason)
    return reasons.most_common(1)[0][0] if reasons else ""


def _unjudged(applied: Collection[Control], asked: Asked) -> str:
    """Why nothing was judged: the option that would, if there is one."""
    if any(asked.asks(control) for control in applied):
        return NOT_ASKED if asked.narrowed else NOTHING
    if any(Asked(static=True, live=False, drills=False, images=False).asks(control) for control in applied):
        return STATIC
    return IMAGE if all(control.judges == "Image" for control in applied) else LIVE


def _verdict(suite: Suite, section: Section, result: Result) -> str:
    """A control may hold several sections: then each of its findings says of which it speaks."""
    if result.verdict == "failed" and suite.benchmark == "cis":
        about = [finding for finding in result.findings if not finding.sections or section.number in finding.sections]
        return "failed" if about else "passed"
    return result.verdict


def _name(result: Result) -> str:
    if result.control.judges in ("Stage", "Dockerfile") or not result.subject:
        return "/".join(result.file.replace("\\", "/").split("/")[-2:])
    return result.service if result.combinations else result.subject


def section_lines(benchmark: Benchmark, *, everything: bool) -> Iterator[Line]:
    """The lines of a report. ``everything`` says of each section what is left to people, and joins none."""
    suite, found = benchmark.suite, benchmark.outcomes
    widths = tuple(max(map(len, column), default=0) for column in zip(*map(_columns, found), strict=True)) or (0,)
    yield clean(f"{suite.title or suite.name}, section by section"), ""
    for chapter, group in itertools.groupby(found, lambda outcome: _chapter(suite, outcome.section.number)):
        if chapter:
            yield f"{chapter} {clean(suite.chapters[chapter])}", ""
        for status, alike in itertools.groupby(group, lambda outcome: outcome.status):
            members = list(alike)
            if status in _ALIKE and len(members) >= _MANY and not everything:
                numbers = f"{members[0].section.number} - {members[-1].section.number}"
                yield f"  {numbers:{widths[0]}}  {len(members)} sections: {status}", ""
                continue
            for outcome in members:
                yield from _lines(outcome, widths, everything)
    yield from _totals(found, everything)


def _chapter(suite: Suite, number: str) -> str:
    return next((chapter for chapter in suite.chapters if f"{number}.".startswith(f"{chapter}.")), "")


def _lines(outcome: Outcome, widths: tuple[int, ...], everything: bool) -> Iterator[Line]:
    section = outcome.section
    more = len(outcome.failing) - _NAMED
    who = ", ".join(map(clean, outcome.failing[:_NAMED])) + (f" and {more} more" if more > 0 else "")
    who = "; ".join(filter(None, (who or clean(outcome.why), _imports(outcome))))
    cells = [f"{cell:{width}}" for cell, width in zip(_columns(outcome), widths, strict=True) if width]
    text = f"  {'  '.join(cells)}  "
    yield f"{text}{clean(section.title)}{f': {who}' if who else ''}", _COLOURS.get(outcome.status, "")
    said = section.manual or section.out_of_scope or (f"and by hand: {section.rest}" if section.rest else "")
    if everything and said:
        yield f"{'':{len(text)}}{clean(said)}", ""


def _imports(outcome: Outcome) -> str:
    return f"imported from {' and '.join(outcome.scanners)}" if outcome.scanners else ""


def _columns(outcome: Outcome) -> tuple[str, str, str]:
    level = f"L{outcome.section.level}" if outcome.section.level else ""
    return outcome.section.number, level, f"{outcome.status}{'*' if outcome.partly else ''}"


def _totals(found: Sequence[Outcome], everything: bool) -> Iterator[Line]:
    counts = Counter(outcome.status for outcome in found)
    parts = [f"{counts[status]} {status}" for status in _ORDER if counts[status]]
    yield f"{len(found)} sections: {', '.join(parts)}", ""
    if any(outcome.partly for outcome in found):
        yield "* as far as this run sees: --harden-live judges more of it, and asks the kernel the same", ""
    if not everything and (counts[MANUAL] or counts[OUT_OF_SCOPE]):
        yield "-v says what to look at by hand, and why a section is out of scope", ""
