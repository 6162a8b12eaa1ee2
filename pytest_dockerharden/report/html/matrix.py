"""Services by controls: one mark where prediction, observation and restart agree, one for each where they do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import SEVERITIES, Severity
from pytest_dockerharden.model.wording import counted
from pytest_dockerharden.report.html.markup import Markup, details, join, table, tag
from pytest_dockerharden.verdicts import PRECONDITIONS, Result

PHASES = {
    "static": "predicted",
    "engine": "engine",
    "live": "observed",
    "restarted": "after restart",
    "drill": "drilled",
}
VERDICTS = ("error", "failed", "tolerated", "unknown", "waived", "passed")
_PLACES = (
    ("failed", "#c-{}"),
    ("error", "#c-{}"),
    ("tolerated", "#c-{}"),
    ("waived", "#waivers"),
    ("unknown", "#unknown"),
)
_WORST = {verdict: rank for rank, verdict in enumerate(VERDICTS)}


@dataclass(slots=True, eq=False)
class Matrix:
    """Verdicts by control, column and phase; the worst where a column stands for several subjects."""

    columns: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    controls: dict[str, Control] = field(default_factory=dict)
    severities: dict[str, Severity] = field(default_factory=dict)

    def add(self, result: Result, column: str) -> None:
        """Nothing is added for what does not apply."""
        if result.verdict == "not-applicable" or result.control in PRECONDITIONS:
            return
        if column not in self.columns:
            self.columns.append(column)
        identifier = result.control.id
        self.controls[identifier] = result.control
        self.severities[identifier] = result.severity
        cell = self.rows.setdefault(identifier, {}).setdefault(column, {})
        verdict = verdict_of(result)
        if result.phase not in cell or _WORST[verdict] < _WORST[cell[result.phase]]:
            cell[result.phase] = verdict

    def counts(self, column: str) -> dict[str, int]:
        """How many controls have which verdict; a control counts once, for its worst phase."""
        counts = dict.fromkeys(VERDICTS, 0)
        for cells in self.rows.values():
            if column in cells:
                counts[worst(cells[column])] += 1
        return counts

    def disagreeing(self) -> int:
        """How many cells differ from phase to phase."""
        return sum(len(set(cell.values())) > 1 for cells in self.rows.values() for cell in cells.values())


def verdict_of(result: Result) -> str:
    """With ``tolerated`` for what fails below the threshold."""
    return "tolerated" if result.tolerated and result.verdict == "failed" else result.verdict


def worst(cell: Mapping[str, str]) -> str:
    """The worst of the phases."""
    return min(cell.values(), key=_WORST.__getitem__)


def render(matrix: Matrix, caption: str, anchors: Mapping[str, str]) -> Markup:
    """The table, and below it what passes everywhere. ``anchors`` are the ids of columns that have a place to go to."""
    telling: list[str] = []
    passing: list[str] = []
    for identifier in sorted(matrix.rows, key=lambda identifier: _rank(matrix, identifier)):
        cells = matrix.rows[identifier]
        quiet = all(set(cell.values()) == {"passed"} for cell in cells.values())
        (passing if quiet else telling).append(identifier)
    head = tag("tr", tag("th", "Control", scope="col"), *(_heading(name, anchors) for name in matrix.columns))
    families: dict[str, list[str]] = {}
    for identifier in sorted(passing):
        families.setdefault(matrix.controls[identifier].family.replace("_", " "), []).append(identifier)
    rows = [_row(matrix, identifier) for identifier in telling]
    green = [_passed(matrix, tag("b", "passed everywhere"), passing)] if passing else []
    bodies = [tag("tbody", *rows), tag("tbody", *green)]
    note = join(caption, " ", tag("a", "What the marks mean", href="#about"))
    return join(table(note, head, *bodies, class_="matrix"), _passing(matrix, head, families))


def _rank(matrix: Matrix, identifier: str) -> tuple[int, int, int, str]:
    verdicts = [worst(cell) for cell in matrix.rows[identifier].values()]
    severity = SEVERITIES.index(matrix.severities[identifier])
    return min(_WORST[v] for v in verdicts), -severity, -sum(v != "passed" for v in verdicts), identifier


def _heading(name: str, anchors: Mapping[str, str]) -> Markup:
    label = tag("a", name, href=f"#{anchors[name]}") if name in anchors else tag("span", name)
    return tag("th", label, scope="col")


def _row(matrix: Matrix, identifier: str) -> Markup:
    cells = matrix.rows[identifier]
    verdicts = {verdict for cell in cells.values() for verdict in cell.values()}
    place = next((place for verdict, place in _PLACES if verdict in verdicts), "")
    label = tag("a", identifier, href=place.format(identifier)) if place else tag("span", identifier)
    severity = tag("small", matrix.severities[identifier], class_=f"sev {matrix.severities[identifier]}")
    title = matrix.controls[identifier].title
    head = tag("th", label, " ", severity, scope="row", title=title)
    return tag("tr", head, *(_cell(cells.get(column)) for column in matrix.columns))


def _cell(cell: Mapping[str, str] | None) -> Markup:
    # fifty services make thousands of these: they are written short, and need no closing tag
    if not cell:
        return Markup("<td>")
    if len(set(cell.values())) == 1:
        verdict = next(iter(cell.values()))
        return Markup(f"<td class={verdict}><i>{verdict}</i>")
    marks = "".join(
        f"<s class={cell[phase]} data-p={name[0].upper()}><i>{name}: {cell[phase]}, </i></s>"
        for phase, name in PHASES.items()
        if phase in cell
    )
    return Markup(f"<td class=differs>{marks}")


def _passed(matrix: Matrix, name: Markup | str, identifiers: Sequence[str]) -> Markup:
    """A row for controls that passed everywhere: how many of them each column has."""
    cells = []
    for column in matrix.columns:
        number = sum(column in matrix.rows[identifier] for identifier in identifiers)
        cells.append(Markup(f"<td class=passed><i>passed: </i>{number}" if number else "<td>"))
    return tag("tr", tag("th", name, " ", tag("small", f"{len(identifiers)} controls"), scope="row"), *cells)


def _passing(matrix: Matrix, head: Markup, families: Mapping[str, Sequence[str]]) -> Markup | None:
    number = sum(map(len, families.values()))
    if not number:
        return None
    lists = [
        join(tag("dt", family), tag("dd", *_comma(_name(matrix, each) for each in families[family])))
        for family in sorted(families)
    ]
    rows = [_passed(matrix, name, families[name]) for name in sorted(families)]
    summary = f"{counted(number, 'control')} passed wherever there was something to judge"
    counts = table("Passed, by family", head, tag("tbody", *rows), class_="matrix counts")
    return details(summary, counts, tag("dl", *lists, class_="passing"))


def _name(matrix: Matrix, identifier: str) -> Markup:
    return tag("span", identifier, title=matrix.controls[identifier].title)


def _comma(names: Iterable[Markup]) -> list[Markup]:
    return [Markup(", ".join(names))]


def legend() -> Markup:
    """What the marks mean."""
    marks = [
        tag("li", tag("span", tag("i", verdict), class_=f"mark {verdict}"), f" {verdict}") for verdict in VERDICTS[::-1]
    ]
    pair = Markup("<s class=passed data-p=P></s><s class=failed data-p=O></s>")
    explained = " differs: P predicted from text, O observed in the kernel, A after a restart, D drilled"
    differing = tag("li", tag("span", pair, class_="mark differs"), explained)
    return tag("ul", *marks, differing, class_="legend")
