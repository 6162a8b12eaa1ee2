"""The waivers that name rules of other scanners."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_dockerharden.importing.scan import Scan
from pytest_dockerharden.model.scanner import misspelt, scanner_of
from pytest_dockerharden.paths import read_text, shown_path
from pytest_dockerharden.policy import Policy
from pytest_dockerharden.scope import result_out_of_order
from pytest_dockerharden.tomlfile import did_you_mean
from pytest_dockerharden.verdicts import Result, Waivers
from pytest_dockerharden.waivers import Waiver, inline_waivers

if TYPE_CHECKING:
    from pytest_dockerharden.evaluation import Evaluation


@dataclass(eq=False)
class Waiving:
    """The waivers of one run. ``local`` tells which file of the project a scan means by a path."""

    evaluation: Evaluation
    policy_of: Callable[[str], Policy]
    scans: list[Scan]
    local: Callable[[Scan, str], str]

    def applied(self, results: Iterable[Result], said: Iterable[Result]) -> Iterator[Result]:
        """The results after waiving, and one for each waiver that waives nothing though its target was scanned.

        ``said`` are results that a control of ours speaks for: a waiver of one is in order.
        """
        groups: dict[str, list[Result]] = {}
        spoken_for = list(said)
        for result in results:
            groups.setdefault(self.policy_of(result.file).directory, []).append(result)
        for group in groups.values():
            policy = self.policy_of(group[0].file)
            listed = [waiver for waiver in policy.waivers if scanner_of(waiver.control)]
            inline = {file: self._inline(file) for file in self._texts(group, policy)}
            waivers = Waivers(listed, inline, datetime.date.today(), policy.directory)
            waivers.apply(group)
            yield from group
            named = [(r.control.id, shown_path(r.file, policy.directory), r.subject) for r in spoken_for]
            for waiver, problem in waivers.out_of_order():
                if not any(waiver.speaks_of(*each) for each in named):
                    yield from self._out_of_order(waiver, policy, problem, group)

    def _texts(self, group: list[Result], policy: Policy) -> set[str]:
        """The files that results are about, and those that were scanned without any."""
        scanned = {self.local(scan, target) for scan in self.scans for target in scan.targets} - {""}
        mine = {file for file in scanned if self.policy_of(file).directory == policy.directory}
        return {result.file for result in group} | mine

    def _inline(self, file: str) -> list[Waiver]:
        """Those beside the lines of any text that a scanner speaks of."""
        if file in {scan.source for scan in self.scans}:
            return []
        found = inline_waivers(file, read_text(file), shown_path(file, self.evaluation.request.start))
        return [waiver for waiver in found if isinstance(waiver, Waiver) and scanner_of(waiver.control)]

    def _out_of_order(self, waiver: Waiver, policy: Policy, problem: str, group: list[Result]) -> Iterator[Result]:
        scanner = scanner_of(waiver.control)
        if misspelt(scanner) or not self._was_scanned(waiver, scanner, policy):
            return  # of a misspelt one everybody hears, whether something is imported or not
        rules = {result.control.id for result in group if scanner_of(result.control.id) == scanner}
        if waiver.control not in rules:
            problem += did_you_mean(waiver.control, rules)
        result = result_out_of_order(waiver, policy, problem)
        result.phase = "import"
        yield result

    def _was_scanned(self, waiver: Waiver, scanner: str, policy: Policy) -> bool:
        """Whether a report of this run is about what the waiver speaks of."""
        if not self.evaluation.request.whole:
            return False
        for scan in self.scans:
            if scan.scanner != scanner:
                continue
            files = [self.local(scan, target) for target in scan.targets]
            if waiver.origin is not None:
                if waiver.origin.file in files:
                    return True
                continue
            targets = [(shown_path(file, policy.directory), "") for file in files if file]
            report = shown_path(scan.source, policy.directory)
            targets += [(report, name) for names in scan.images for name in names]
            targets += [(report, found.subject) for found in scan.found if not found.path]
            if any(waiver.speaks_of(waiver.control, *target) for target in targets):
                return True
        return False
