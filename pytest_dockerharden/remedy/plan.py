"""Which edits are made: those that do what they are for and nothing else, round by round until none is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field

from pytest_dockerharden.evaluation import Evaluation, evaluate
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.paths import reading
from pytest_dockerharden.remedy.check import Checker
from pytest_dockerharden.remedy.errors import CannotEditError
from pytest_dockerharden.remedy.sites import Sheets, Site, edits_at, joined, sites_of
from pytest_dockerharden.remedy.text import Taken, TextEdit, apply_edits
from pytest_dockerharden.remedy.wishes import Wish, wishes_of

_ROUNDS = 10
_IN_THE_WAY = "another change touches the same lines"
Texts = dict[str, str]
Key = tuple[object, ...]


@dataclass(slots=True, eq=False)
class Plan:
    """What would be written. ``before`` and ``after`` are the texts of the files that change, by absolute path.

    ``made`` are the wishes that are fulfilled in ``after``, ``left`` those that are not, each with its reason.
    ``evaluation`` judges the texts as they are after it. ``safe_only`` plans hold what cannot change a working service.
    """

    evaluation: Evaluation
    before: Texts = field(default_factory=dict)
    after: Texts = field(default_factory=dict)
    made: list[Wish] = field(default_factory=list)
    left: list[Wish] = field(default_factory=list)
    safe_only: bool = False


def plan_of(evaluation: Evaluation, *, safe_only: bool = False) -> Plan:
    """The plan that mends what ``evaluation`` found; with ``safe_only`` just what cannot change a working service."""
    plan = Plan(evaluation, safe_only=safe_only)
    refused: dict[Key, str] = {}
    news = False
    for _ in range(_ROUNDS):
        with reading(_encoded(plan.after)):
            made = _Round(plan, refused, safe_only=safe_only).make()
        if not made and not (news and refused):
            break
        if not made:
            refused.clear()  # what was in the way may not be there any more
        news = made
    plan.left = [wish for wish in wishes_of(plan.evaluation, safe_only=safe_only) if _reasoned(wish, refused)]
    return plan


def _reasoned(wish: Wish, refused: dict[Key, str]) -> bool:
    wish.reason = refused.get(key_of(wish), _IN_THE_WAY)
    return True


def key_of(wish: Wish) -> Key:
    """What a finding is known by from round to round, while its lines move."""
    return wish.result.file, wish.result.control.id, wish.result.service, wish.finding.message


def _encoded(texts: Texts) -> dict[str, bytes]:
    return {file: text.encode() for file, text in texts.items()}


@dataclass(slots=True, eq=False)
class _Unit:
    """Edits of one text that belong together, and all the wishes that they fulfil."""

    edits: list[TextEdit]
    wishes: list[Wish]


class _Round:
    """One step from the texts of a plan to better ones."""

    def __init__(self, plan: Plan, refused: dict[Key, str], *, safe_only: bool) -> None:
        self.plan = plan
        self.refused = refused
        self.safe_only = safe_only
        self.sheets = Sheets()
        self.checker = Checker(plan.evaluation)
        self.accepted: list[_Unit] = []
        self.failed: list[Wish] = []
        self.again: list[Wish] = []

    def make(self) -> bool:
        """Whether anything was changed."""
        while True:
            self._fulfil()
            texts = self._texts(self.accepted)
            if not texts:
                return False
            with reading(_encoded(texts)):
                evaluation = evaluate(self.plan.evaluation.request)
            unsound = {key_of(wish): reason for wish, reason in self._unsound(evaluation)}
            if not unsound:
                break
            self.refused.update(unsound)
        self._take(texts, evaluation)
        return True

    def _take(self, texts: Texts, evaluation: Evaluation) -> None:
        for file in texts:
            self.plan.before.setdefault(file, self.sheets.text(file))
        self.plan.after.update(texts)
        self.plan.made += [wish for unit in self.accepted for wish in unit.wishes]
        self.plan.evaluation = evaluation

    def _unsound(self, evaluation: Evaluation) -> Iterator[tuple[Wish, str]]:
        """Wishes that were fulfilled in part, or whose control objects all the same."""
        failed = {key_of(wish): wish.reason for wish in self.failed}
        still = {key_of(wish) for wish in wishes_of(evaluation)}
        for wish in [wish for unit in self.accepted for wish in unit.wishes]:
            key = key_of(wish)
            if key in failed:
                yield wish, failed[key]
            elif key in still:
                set_elsewhere = f"the variable {wish.variable} is set, and its value decides"
                yield wish, set_elsewhere if wish.variable else "the control would object all the same"

    def _fulfil(self) -> None:
        self.accepted, self.failed = [], []
        waiting = [
            w for w in wishes_of(self.plan.evaluation, safe_only=self.safe_only) if key_of(w) not in self.refused
        ]
        while waiting:
            self.again = []
            self._accept(self._units(waiting))
            waiting = self.again
        for wish in self.failed:
            if wish.reason != _IN_THE_WAY:
                self.refused[key_of(wish)] = wish.reason

    def _units(self, wishes: Sequence[Wish]) -> list[_Unit]:
        groups: dict[tuple[object, ...], list[tuple[Wish, Site]]] = {}
        for wish in wishes:
            site = self._site(wish)
            if site is not None:
                groups.setdefault(site.identity, []).append((wish, site))
        return [unit for group in groups.values() for unit in self._unit(group)]

    def _site(self, wish: Wish) -> Site | None:
        try:
            sites = sites_of(wish, self.sheets)
        except (CannotEditError, SourceError) as error:
            sites, wish.reason = [], str(error)
        if wish.candidate < len(sites):
            return sites[wish.candidate]
        self.failed.append(wish)
        return None

    def _unit(self, group: list[tuple[Wish, Site]]) -> Iterator[_Unit]:
        wishes = [wish for wish, _ in group]
        try:
            yield _Unit(edits_at(joined([site for _, site in group]), self.sheets), wishes)
        except CannotEditError as error:
            if len(group) > 1:
                # what wants something else than the first comes too late
                yield from self._unit(group[:1])
                wishes = wishes[1:]
            self._try_elsewhere(wishes, str(error))

    def _try_elsewhere(self, wishes: list[Wish], reason: str) -> None:
        for wish in wishes:
            wish.candidate, wish.reason = wish.candidate + 1, reason
        self.again += wishes

    def _accept(self, units: list[_Unit]) -> None:
        """Take the units that pass; of many that do not, each half on its own."""
        taken = Taken(edit for unit in self.accepted for edit in unit.edits)
        units = [unit for unit in units if self._is_free(unit, taken)]
        if not units:
            return
        together = [*self.accepted, *units]
        complaint = self.checker.complaint(
            {edit.file: self.sheets.text(edit.file) for unit in together for edit in unit.edits},
            self._texts(together),
            [wish for unit in together for wish in unit.wishes],
        )
        if not complaint:
            self.accepted = together
        elif len(units) == 1:
            self._try_elsewhere(units[0].wishes, complaint)
        else:
            middle = len(units) // 2
            self._accept(units[:middle])
            self._accept(units[middle:])

    def _is_free(self, unit: _Unit, taken: Taken) -> bool:
        if not all(map(taken.is_free, unit.edits)):
            for wish in unit.wishes:
                wish.reason = _IN_THE_WAY
            self.failed += unit.wishes
            return False
        taken.add(unit.edits)
        return True

    def _texts(self, units: Sequence[_Unit]) -> Texts:
        """The texts that units make of those before."""
        edits: dict[str, list[TextEdit]] = {}
        for unit in units:
            for edit in unit.edits:
                edits.setdefault(edit.file, []).append(edit)
        return {file: apply_edits(self.sheets.text(file), group) for file, group in edits.items()}
