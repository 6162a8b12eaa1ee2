"""The text edits that mend one finding alone, for reports that offer them to other tools."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from pytest_dockerharden.evaluation import Evaluation
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Edit, Finding
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.model.replacement import Replacement
from pytest_dockerharden.remedy.check import Checker
from pytest_dockerharden.remedy.errors import CannotEditError
from pytest_dockerharden.remedy.sites import Sheets, Site, edits_at, joined, sites_of
from pytest_dockerharden.remedy.text import TextEdit, edited, line_starts, overlap
from pytest_dockerharden.remedy.wishes import Wish, wishes_of, wishes_of_observed
from pytest_dockerharden.verdicts import Result

_CANDIDATES = 3


@dataclass(slots=True, eq=False)
class _Fix:
    finding: Finding
    wishes: list[Wish]
    edits: list[TextEdit]


class Replacements:
    """What ``--harden-fix`` would write, finding by finding: each stands alone, and they may exclude each other.

    Everything is made when the first finding is asked for, and proved as a plan is: nothing but the keys it is for
    changes in any combination. The texts are those the evaluation read. ``observed`` are results of running stacks;
    ``proven`` are the edits, by file, control and service, with which one was seen to come up and pass.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        observed: Iterable[Result] = (),
        proven: Mapping[tuple[str, str, str], tuple[Edit, ...]] | None = None,
    ) -> None:
        self.evaluation = evaluation
        self.observed = observed
        self.proven = proven or {}
        self.sheets = Sheets()
        self._found: dict[int, tuple[Replacement, ...]] | None = None
        self._same: dict[int, int] = {}

    def of(self, finding: Finding) -> tuple[Replacement, ...]:
        """The replacements that mend a finding of the evaluation, all of them or none."""
        if self._found is None:
            wishes = self._wishes()
            self._found = {id(fix.finding): tuple(self._shown(fix.edits)) for fix in self._fixes(wishes)}
        return self._found.get(self._same.get(id(finding), id(finding)), ())

    def _wishes(self) -> list[list[Wish]]:
        """Those of each finding. What was seen in a running stack as well as in the text is mended once."""
        groups: dict[int, list[Wish]] = {}
        for wish in wishes_of(self.evaluation):
            groups.setdefault(id(wish.finding), []).append(wish)
        known = {_what(wishes[0]): number for number, wishes in groups.items()}
        for wishes in wishes_of_observed(self.observed, self.evaluation, self.proven):
            number = id(wishes[0].finding)
            first = known.setdefault(_what(wishes[0]), number)
            if first == number:
                groups[number] = wishes
            self._same[number] = first
        return list(groups.values())

    def _fixes(self, waiting: list[list[Wish]]) -> Iterator[_Fix]:
        self.checker = Checker(self.evaluation)
        for candidate in range(_CANDIDATES):
            fixes = [fix for wishes in waiting if (fix := self._fix(wishes, candidate))]
            good = [fix for layer in _layers(fixes) for fix in self._proved(layer)]
            yield from good
            done = {id(fix.finding) for fix in good}
            waiting = [wishes for wishes in waiting if id(wishes[0].finding) not in done]

    def _fix(self, wishes: list[Wish], candidate: int) -> _Fix | None:
        """All edits of one finding at their nth best places; None where one of them has no such place."""
        try:
            return _Fix(wishes[0].finding, wishes, edits_of(wishes, self.sheets, candidate))
        except (CannotEditError, SourceError):
            return None

    def _proved(self, fixes: Sequence[_Fix]) -> list[_Fix]:
        """Those that do nothing else; of many that do, each half on its own."""
        if not fixes:
            return []
        edits = [edit for fix in fixes for edit in fix.edits]
        before = {edit.file: self.sheets.text(edit.file) for edit in edits}
        if not self.checker.complaint(before, edited(before, edits), [wish for fix in fixes for wish in fix.wishes]):
            return list(fixes)
        middle = len(fixes) // 2
        return [*self._proved(fixes[:middle]), *self._proved(fixes[middle:])] if middle else []

    def _shown(self, edits: Sequence[TextEdit]) -> Iterator[Replacement]:
        for edit in sorted(edits, key=lambda edit: (edit.file, edit.start, edit.end, -edit.depth, edit.rank)):
            text = self.sheets.text(edit.file)
            # what stays goes into no report: it may be a secret
            kept = _common_end(text[edit.start : edit.end], edit.new)
            end, new = edit.end - kept, edit.new[: len(edit.new) - kept]
            starts = line_starts(text)
            line, end_line = bisect_right(starts, edit.start), bisect_right(starts, end)
            column, end_column = edit.start - starts[line - 1] + 1, end - starts[end_line - 1] + 1
            yield Replacement(edit.file, line, column, end_line, end_column, new)


def _what(wish: Wish) -> tuple[str, str, str, str]:
    return wish.result.file, wish.result.control.id, wish.base[1] if wish.base else "", repr(wish.remedy.edits)


def _common_end(old: str, new: str) -> int:
    pairs = zip(reversed(old), reversed(new), strict=False)
    return next((length for length, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)))


def edits_of(wishes: Sequence[Wish], sheets: Sheets, candidate: int = 0) -> list[TextEdit]:
    """What fulfils wishes together, each at its nth best place. Raises CannotEditError and SourceError."""
    places: dict[tuple[object, ...], list[Site]] = {}
    for wish in wishes:
        sites = sites_of(wish, sheets)
        if not sites:
            raise CannotEditError("there is no place for it")
        site = sites[min(candidate, len(sites) - 1)]
        places.setdefault(site.identity, []).append(site)
    edits = [edit for sites in places.values() for edit in edits_at(joined(sites), sheets)]
    ordered = sorted(edits, key=lambda edit: (edit.file, edit.start, edit.end))
    if any(overlap(first, second) for first, second in pairwise(ordered)):
        raise CannotEditError("its edits get in each other's way")
    return edits


def _layers(fixes: Sequence[_Fix]) -> list[list[_Fix]]:
    """Fixes that touch the same place in different layers: what is proved together must not get in its own way."""
    layers: list[list[_Fix]] = []
    taken: dict[tuple[str, int], int] = {}
    for fix in fixes:
        places = [(edit.file, place) for edit in fix.edits for place in {edit.start, edit.end}]
        index = max((taken.get(place, 0) for place in places), default=0)
        taken.update(dict.fromkeys(places, index + 1))
        if index == len(layers):
            layers.append([])
        layers[index].append(fix)
    return layers
