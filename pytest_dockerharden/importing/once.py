"""What a control of ours says already is not said again: it is noted there who found it, too."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.origin import Origin, TextOrigin
from pytest_dockerharden.model.scanner import scanner_of
from pytest_dockerharden.paths import read_text
from pytest_dockerharden.verdicts import Result
from pytest_dockerharden.waivers import block

if TYPE_CHECKING:
    from pytest_dockerharden.evaluation import Evaluation


@dataclass(eq=False)
class Once:
    """``equivalents`` are the ids of our controls by scanner and rule."""

    evaluation: Evaluation
    equivalents: Mapping[tuple[str, str], frozenset[str]]

    def without_what_is_known(self, results: Iterable[Result]) -> list[Result]:
        """The results that say something else than ours do, with what else they say."""
        kept = []
        for result in results:
            findings = tuple(finding for finding in result.findings if not self._is_known(finding, result))
            if findings or not result.findings:
                result.findings = findings
                kept.append(result)
        return kept

    def _is_known(self, finding: Finding, result: Result) -> bool:
        if result.verdict != "failed":
            return False
        place = finding.origin if isinstance(finding.origin, TextOrigin) else result.origin
        for own in self._own(result):
            # a failure that is to fail the run is not lost behind one that is tolerated
            if (result.tolerated or not own.tolerated) and self._speaks_for(own, place):
                own.also = tuple(dict.fromkeys((*own.also, result.control.id)))
                return True
        return False

    def _speaks_for(self, own: Result, place: Origin | None) -> bool:
        if not isinstance(place, TextOrigin):
            return False
        if any(_meets(finding.origin, place, self) for finding in own.findings):
            return True
        # scanners name the first line of what is lacking; it may be asked of the service that builds the file
        files = self._built_by(own) if own.control.judges != "Dockerfile" else {own.file}
        return place.line == 1 and own.control.judges != "Stage" and place.file in files

    def _built_by(self, own: Result) -> frozenset[str]:
        return self._dockerfiles.get((own.file, own.service), frozenset())

    @functools.cached_property
    def _dockerfiles(self) -> dict[tuple[str, str], frozenset[str]]:
        """The Dockerfiles that are built for a service, by the first compose file and its name."""
        found: dict[tuple[str, str], frozenset[str]] = {}
        for project in self.evaluation.projects:
            for service in project.services.values():
                if service.dockerfile is not None:
                    key = (project.files[0], service.name)
                    found[key] = found.get(key, frozenset()) | {service.dockerfile.path}
        return found

    def _own(self, result: Result) -> Iterator[Result]:
        scanner = scanner_of(result.control.id)
        ids = {own for alias in result.aliases for own in self.equivalents.get((scanner, alias), ())}
        if ids:
            for own in self._by_file.get(result.file, ()):
                if own.control.id in ids:
                    yield own

    @functools.cached_property
    def _by_file(self) -> dict[str, list[Result]]:
        """Our own failures, waived ones included, also by the file that a finding is in."""
        found: dict[str, list[Result]] = {}
        for own in self.evaluation.all_results():
            if own.verdict in ("failed", "waived"):
                files = {f.origin.file for f in own.findings if isinstance(f.origin, TextOrigin)}
                for file in files | {own.file} | self._built_by(own):
                    found.setdefault(file, []).append(own)
        return found

    def lines(self, file: str) -> list[str]:
        known = self._lines.get(file)
        if known is None:
            known = self._lines[file] = read_text(file).split("\n")
        return known

    @functools.cached_property
    def _lines(self) -> dict[str, list[str]]:
        return {}


def _meets(own: Origin, place: TextOrigin, once: Once) -> bool:
    """Whether both speak of one instruction, or of one block of a compose file."""
    if not isinstance(own, TextOrigin) or own.file != place.file:
        return False
    if own.line <= place.line <= own.end_line:
        return True
    lines = once.lines(place.file)
    if place.line > len(lines):
        return False
    first, last = block(lines, place.line - 1, alone=False)
    return first <= own.line <= max(last, place.end_line)
