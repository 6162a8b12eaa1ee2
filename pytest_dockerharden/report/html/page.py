"""The whole page: one file that needs nothing else, runs nothing foreign and is the same for the same verdicts."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import resources

from pytest_dockerharden.model.finding import SEVERITIES
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.secrets import MASK, mask
from pytest_dockerharden.report import Report, Stack, version
from pytest_dockerharden.report.excerpt import Excerpts
from pytest_dockerharden.report.groups import Group, groups
from pytest_dockerharden.report.html import graph, matrix
from pytest_dockerharden.report.html.findings import Findings, unknown, waivers
from pytest_dockerharden.report.html.markup import Markup, details, join, section, tag
from pytest_dockerharden.report.html.matrix import VERDICTS, Matrix, verdict_of
from pytest_dockerharden.report.html.postures import Postures, drift_of
from pytest_dockerharden.report.html.since import bar, since
from pytest_dockerharden.report.html.values import glance, secrets_of
from pytest_dockerharden.report.places import in_order
from pytest_dockerharden.verdicts import Result

_WHOLE = "the whole stack"


class Page:
    """Renders one report."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.results = [result for _, result in in_order(report.entries)]
        self.stacks = [stack for stack in report.stacks if _is_judged(stack, self.results)]
        self.excerpts = Excerpts(report.start, report.root)
        self.secrets = secrets_of(_all_postures(report.stacks))
        self.findings = Findings(self.excerpts, self.hide)

    def hide(self, text: str) -> str:
        """The text without anything that looks like a secret, and without the secrets of the stacks."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return mask(text)

    def render(self) -> Markup:
        """The document."""
        # what fails below the threshold is a finding as well, after all that counts
        below = [replace(result, tolerated=False) for result in self.results if result.tolerated]
        ranked = [*groups(self.results), *groups(below)]
        parts = [part for part in self._parts(ranked) if part is not None]
        links = [tag("a", title, href=f"#{anchor}") for anchor, title, _ in parts]
        body = join(
            tag("a", "Skip to the findings", href="#findings", class_="skip") if ranked else None,
            tag("header", tag("h1", "Hardening report ", tag("span", self._of_what())), self._verdict(), self._tiles()),
            tag("nav", *links, aria_label="Parts of the report"),
            tag("main", *(section(anchor, title, content) for anchor, title, content in parts)),
            tag("footer", self._footer()),
        )
        return _document(self._title(), body)

    def _parts(self, ranked: Sequence[Group]) -> Iterator[tuple[str, str, Markup] | None]:
        if self.report.comparison:
            name, content = self.report.comparison.name, since(self.report.comparison, self._counts())
            yield "since", f"Since {name.rpartition('/')[2]}", content
        if ranked:
            yield "first", "What to do first", self.findings.first(ranked)
        for number, stack in enumerate(self.stacks):
            yield from self._stack(stack, f"-{number}" if number else "")
        yield self._built("dockerfiles", "Dockerfiles", ("Stage", "Dockerfile"))
        yield self._built("images", "Images", ("Image",))
        if ranked:
            yield "findings", "Findings", self.findings.by_control(ranked)
        waived = waivers(self.results, self.excerpts, self.report.today)
        if waived:
            yield "waivers", "Waivers", waived
        undecided = unknown(self.results, self.hide)
        if undecided:
            yield "unknown", "Not known", undecided
        yield "about", "How to read this", join(matrix.legend(), tag("p", _ABOUT))

    # the head

    def _counts(self) -> Counter[str]:
        return Counter(verdict_of(result) for result in self.results)

    def _title(self) -> str:
        failed = sum(result.fails for result in self.results)
        return f"{failed} hardening findings" if failed else "Hardening report: nothing fails"

    def _of_what(self) -> str:
        """What the page speaks of, and how it came to know."""
        images = (result.file.removeprefix("image:") for result in self.results if result.file.startswith("image:"))
        files = (stack.project.files[0] for stack in self.stacks)
        names = dict.fromkeys([*map(self.excerpts.shown, files), *images])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        live = any(stack.observed for stack in self.stacks)
        how = ["predicted from text"] if self.stacks else []
        how += ["observed in the kernel"] if live else []
        return " · ".join([", ".join([*names][:3]) + more, *how, self.report.today.isoformat()]) if names else ""

    def _verdict(self) -> Markup:
        failing = [result for result in self.results if result.fails]
        if not failing:
            judged = any(result.verdict == "passed" for result in self.results)
            return tag("p", "Nothing fails." if judged else "Nothing was judged.", class_="verdict passed")
        severities = Counter(result.severity for result in failing)
        told = ", ".join(f"{severities[s]} {s}" for s in reversed(SEVERITIES) if severities[s])
        return tag("p", f"{len(failing)} failed: {told}.", class_="verdict failed")

    def _tiles(self) -> Markup:
        counts = self._counts()
        tiles = [(str(counts[verdict]), verdict) for verdict in reversed(VERDICTS) if counts[verdict]]
        drifted = sum(len(drift_of(posture)) for posture in _live_postures(self.stacks))
        if any(stack.observed for stack in self.stacks):
            tiles.append((str(drifted), "drift"))
        shown = (tag("li", tag("b", number), f" {name}", class_=name) for number, name in tiles)
        return join(bar(counts, "Verdicts"), tag("ul", *shown, class_="tiles"))

    def _footer(self) -> Markup:
        files = [self.excerpts.shown(path) for stack in self.stacks for path in stack.project.files]
        day = tag("time", self.report.today.isoformat(), datetime=self.report.today.isoformat())
        return tag("p", f"pytest-dockerharden {version()}, ", day, f"; {', '.join(dict.fromkeys(files))}")

    # one stack

    def _stack(self, stack: Stack, suffix: str) -> Iterator[tuple[str, str, Markup]]:
        name, files = self._name(stack), self._files(stack)
        made = Matrix([*stack.project.services])
        postures = Postures(Excerpts(stack.project.directory, self.report.root), self.hide)
        for result in self.results:
            if belongs(result, stack):
                made.add(result, result.service or _WHOLE)
        anchors = {service: f"s{suffix}-{service}" for service in stack.project.services}
        services = [self._service(stack, s, anchors[s], made, postures) for s in stack.project.services]
        parts = [
            tag("p", files, class_="files") if files != name else None,
            graph.render(_current(stack), name, {s: _standing(made, s, anchors[s]) for s in stack.project.services}),
            matrix.render(made, f"Controls by services of {name}", anchors) if made.rows else None,
            tag("h3", "Postures"),
            *services,
        ]
        yield f"stack{suffix}", name, join(*parts)

    def _files(self, stack: Stack) -> str:
        return " + ".join(self.excerpts.shown(path) for path in stack.project.files)

    def _name(self, stack: Stack) -> str:
        name = stack.project.combination or self._files(stack)
        alike = [other for other in self.stacks if (other.project.combination or self._files(other)) == name]
        return name if len(alike) == 1 else self._files(stack)

    def _service(self, stack: Stack, service: str, anchor: str, made: Matrix, postures: Postures) -> Markup:
        predicted = stack.project.services[service].posture
        observed = {phase: seen[service] for phase, seen in stack.observed.items() if service in seen}
        live = next(iter(observed.get("live", ())), None)
        counts = made.counts(service)
        told = [tag("span", f"{counts[v]} {v}", class_=f"chip {v}") for v in VERDICTS if counts[v] and v != "passed"]
        drifted = len(drift_of(live))
        if drifted:
            told.append(tag("span", f"{drifted} drift", class_="chip drift"))
        facts = glance(live or predicted)
        summary = join(tag("b", service), " ", *told, tag("span", facts, class_="glance") if facts else None)
        return details(summary, postures.table(predicted, observed), id=anchor, data_find=service, class_="service")

    def _built(self, anchor: str, title: str, judged: Sequence[str]) -> tuple[str, str, Markup] | None:
        made = Matrix()
        for result in self.results:
            if result.control.judges in judged:
                made.add(result, self.excerpts.shown(result.file).removeprefix("image:"))
        if not made.rows:
            return None
        return anchor, title, matrix.render(made, f"Controls by {title}", {})


def _standing(made: Matrix, service: str, place: str) -> graph.Standing:
    counts = made.counts(service)
    worst = next((verdict for verdict in VERDICTS if counts[verdict]), "")
    return graph.Standing(place, worst, counts["failed"] + counts["error"])


def _is_judged(stack: Stack, results: Sequence[Result]) -> bool:
    """Whether it has a part in the run: one that judges images alone reads compose files for their policy."""
    return bool(stack.observed) or any(belongs(result, stack) for result in results)


def belongs(result: Result, stack: Stack) -> bool:
    """Whether it speaks of this combination of the files."""
    project = stack.project
    if result.file != project.files[0] or result.control.judges in ("Stage", "Dockerfile"):
        return False
    if result.combinations:
        return project.combination in result.combinations
    prefix = result.subject.removesuffix(result.service).rstrip("/")
    return not prefix or prefix == project.combination


def _all_postures(stacks: Sequence[Stack]) -> Iterator[Posture]:
    for stack in stacks:
        yield from (service.posture for service in stack.project.services.values() if service.posture)
        for seen in stack.observed.values():
            for postures in seen.values():
                for posture in postures:
                    yield posture
                    if posture.predicted:
                        yield posture.predicted


def _live_postures(stacks: Sequence[Stack]) -> Iterator[Posture]:
    for stack in stacks:
        for postures in stack.observed.get("live", {}).values():
            yield from postures[:1]


def _current(stack: Stack) -> Mapping[str, Posture]:
    """What was observed, else what was predicted."""
    predicted = {name: service.posture for name, service in stack.project.services.items() if service.posture}
    return predicted | {name: postures[0] for name, postures in stack.observed.get("live", {}).items() if postures}


_ABOUT = (
    "A posture is what a container may do. It is predicted from compose files and Dockerfiles, observed in the kernel, "
    "and each control judges both. Where they differ, that is drift. What is not known is never a pass."
)


def _document(title: str, body: Markup) -> Markup:
    style, script = (_part(name) for name in ("style.css", "script.js"))
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = join(
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        tag("title", title),
        tag("style", Markup(style)),
    )
    made = tag("html", tag("head", head), tag("body", body, tag("script", Markup(script))), lang="en")
    return Markup(f"<!doctype html>\n{made}\n")


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8").strip()


def _digest(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
