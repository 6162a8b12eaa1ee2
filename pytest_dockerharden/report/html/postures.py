"""A service's posture: what was predicted with its source line, what was observed with the kernel's, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from pytest_dockerharden.model.drift import differences
from pytest_dockerharden.model.fact import Fact, Known
from pytest_dockerharden.model.origin import Origin, TextOrigin
from pytest_dockerharden.model.posture import ONLY_LIVE, Posture
from pytest_dockerharden.report.excerpt import Excerpts
from pytest_dockerharden.report.html.markup import Content, Markup, columns, join, table, tag
from pytest_dockerharden.report.html.values import THEMES, said

_LONGEST = 120

Hide = Callable[[str], str]


class Postures:
    """Renders postures. ``hide`` takes secrets out of a text."""

    def __init__(self, excerpts: Excerpts, hide: Hide) -> None:
        self.excerpts = excerpts
        self.hide = hide

    def table(self, predicted: Posture | None, observed: Mapping[str, Sequence[Posture]]) -> Markup:
        """One service. ``observed`` are its containers by phase; the first of several stands for all of them."""
        seen = {phase: postures[0] for phase, postures in observed.items() if postures}
        live, restarted = seen.get("live"), seen.get("restarted")
        drifted = drift_of(live)
        subject = next((posture.subject for posture in (predicted, live, restarted) if posture), "")
        titles = ["Fact", "Predicted from text", *(["Observed in the kernel"] if seen else [])]
        bodies = [
            tag("tbody", tag("tr", tag("th", theme, scope="rowgroup", colspan=len(titles))), *rows)
            for theme, fields in THEMES.items()
            if (rows := [*self._rows(fields, predicted, live, restarted, drifted)])
        ]
        return table(f"The posture of {subject}", columns(*titles), *bodies, class_="posture")

    def _rows(
        self,
        fields: Mapping[str, str],
        predicted: Posture | None,
        live: Posture | None,
        restarted: Posture | None,
        drifted: Mapping[str, Sequence[str]],
    ) -> Iterator[Markup]:
        usual: list[str] = []
        for name, label in fields.items():
            facts = [getattr(posture, name) if posture else None for posture in (predicted, live, restarted)]
            if not any(isinstance(fact, Known) for fact in facts):
                continue
            first = facts[0]
            if (
                isinstance(first, Known)
                and name not in drifted
                and predicted
                and _is_usual(name, facts, predicted.origin)
            ):
                usual.append(f"{label}: {self._short(said(name, first.value))}")
                continue
            cells = [_cell(self._content(name, facts[0], predicted.origin if predicted else None))]
            if live or restarted:
                cells.append(self._observed(name, facts[1], facts[2], drifted.get(name, ())))
            mark = tag("em", "drift", class_="drift") if name in drifted else None
            yield join(_ROW, label, " " if mark else None, mark, *cells)
        if usual:
            # nobody wrote them, and nothing was seen but that it is so
            across = Markup("<td colspan=2>" if live or restarted else "<td>")
            yield join(_ROW, "by default", across, " · ".join(usual))

    def _observed(
        self, name: str, live: Fact[object] | None, restarted: Fact[object] | None, drift: Sequence[str]
    ) -> Markup:
        cell = self._content(name, live)
        notes = [tag("p", self.hide(text), class_="note") for text in drift]
        if isinstance(live, Known) and isinstance(restarted, Known) and name not in _NEW_AFTER_A_RESTART:
            before, after = said(name, live.value), said(name, restarted.value)
            if before != after:
                notes.append(tag("p", "after the restart: ", tag("b", self._short(after)), class_="note"))
        return _cell(cell, *notes)

    def _content(self, name: str, fact: Fact[object] | None, default: Origin | None = None) -> Markup:
        if fact is None or fact is ONLY_LIVE:
            return Markup("")
        if not isinstance(fact, Known):
            return tag("span", f"not known: {self._short(fact.reason)}", class_="dim")
        words = self._short(said(name, fact.value))
        if fact.origin == default:
            return join(tag("b", words), " ", tag("small", "by default"))
        return join(tag("b", words), self._place(fact.origin, words))

    def _place(self, origin: Origin, words: str) -> Markup:
        if isinstance(origin, TextOrigin):
            shown = f"{self.excerpts.shown(origin.file)}:{origin.line}"
            line = self.excerpts.line(origin)
        else:
            shown = self.excerpts.place(origin).partition(":")[2]
            line = self._short("\n".join(origin.text.splitlines()[:2]))
            # what the engine answered is the value once more
            line = "" if line in _EMPTY or line.lower() == words else line
        return tag("code", tag("small", shown), f" {self.hide(line)}" if line.strip() else None)

    def _short(self, text: str) -> str:
        lines = [line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..." for line in text.split("\n")]
        return self.hide("\n".join(lines))


def _is_usual(name: str, facts: Sequence[Fact[object] | None], default: Origin) -> bool:
    """Whether nobody wrote it, and the engine says the same of every container; the kernel's own line is shown."""
    predicted, *observed = facts
    if not isinstance(predicted, Known) or predicted.origin != default:
        return False
    seen = [fact for fact in observed if isinstance(fact, Known)]
    same = all(said(name, fact.value) == said(name, predicted.value) for fact in seen)
    return same and all(getattr(fact.origin, "path", "").startswith("inspect ") for fact in seen)


_ROW = Markup("<tr><th scope=row>")
_EMPTY = frozenset({"()", "{}", "[]", "None", "False", "True", "''"})


def _cell(*content: Content) -> Markup:
    # some three thousand of them in a large stack: HTML closes them by itself
    return join(Markup("<td>"), *content)


# what a restart changes in every container
_NEW_AFTER_A_RESTART = frozenset({"processes", "probes", "changes"})


def drift_of(posture: Posture | None) -> dict[str, list[str]]:
    """By field what differs between a container and what was predicted of it."""
    found: dict[str, list[str]] = {}
    for difference in differences(posture) if posture else ():
        text = f"{difference.what} {difference.asked} in the files, {difference.found} in the container"
        found.setdefault(difference.field, []).append(text)
    return found
