"""From what scanners found to results: under the file or the report, with our severities, each thing said once."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.importing.controls import READABLE, by_equivalent, control_of
from pytest_dockerharden.importing.coverage import images_of, scanned_images
from pytest_dockerharden.importing.once import Once
from pytest_dockerharden.importing.reading import read_report
from pytest_dockerharden.importing.running import AskedOnce
from pytest_dockerharden.importing.scan import Found, Scan, UnreadableReportError
from pytest_dockerharden.importing.waiving import Waiving
from pytest_dockerharden.model.finding import SEVERITIES, Finding, Remedy, Severity, is_less
from pytest_dockerharden.model.origin import Origin, ReportOrigin, TextOrigin
from pytest_dockerharden.model.scanner import imported_id
from pytest_dockerharden.model.secrets import mask
from pytest_dockerharden.paths import common_folder, is_below, is_inside, shown_path
from pytest_dockerharden.policy import Policies, Policy
from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    from pytest_dockerharden.evaluation import Evaluation

PHASE = "import"
_Key = tuple[str, str, str]


def add_imports(evaluation: Evaluation, policies: Policies) -> None:
    """Read what the request asks to import, and file the results. Raises ConfigurationError."""
    importing = Importing(evaluation, policies)
    for source in dict.fromkeys(evaluation.request.imports):
        importing.read(source)
    for scanner in evaluation.request.scanners:
        importing.run(scanner)
    importing.finish()


@dataclass(eq=False)
class Importing:
    """The reports of one run."""

    evaluation: Evaluation
    policies: Policies
    scans: list[Scan] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    def read(self, source: str) -> None:
        """One report. One that cannot be read is a failure that says why, and nothing else is lost."""
        try:
            scans = read_report(source)
        except UnreadableReportError as error:
            self.refuse(source, str(error))
        else:
            self.accept(source, scans)

    def run(self, name: str) -> None:
        """Let a scanner look at what the request names, and at the images where it can. One that is missing fails."""
        request = self.evaluation.request
        source = os.path.join(request.start, f"scanner:{name}")
        scanner = AskedOnce(name, request.answers)
        try:
            skipped = [path for path in self.evaluation.discovery.not_visited if os.path.isdir(path)]
            paths = [*request.directories, *request.files]
            scans = [scanner.scan_files(path, [p for p in skipped if is_below(p, path)]) for path in paths]
            has_database = scanner.has_database()
        except UnreadableReportError as error:
            self.refuse(source, str(error))
            return
        if not has_database:
            scans[0].notes.append("images were not scanned: there is no database of vulnerabilities")
        self.accept(source, scans)
        for image in images_of(self.evaluation) if has_database else ():
            try:
                self.accept(source, [scanner.scan_image(image)], image)
            except UnreadableReportError as error:
                self.refuse(source, str(error), image)

    def refuse(self, source: str, problem: str, subject: str = "") -> None:
        """A result for a report that says nothing, and why that is so."""
        shown = subject or shown_path(source, self.evaluation.request.start)
        finding = Finding(f"{shown}: {problem}", ReportOrigin(shown, problem))
        self.results.append(Result(source, READABLE, subject, "failed", "high", (finding,), phase=PHASE))
        self.evaluation.imported.append(f"{shown}: {problem}")

    def accept(self, source: str, scans: Iterable[Scan], subject: str = "") -> None:
        """A result that says what was looked at, and one for each rule and place."""
        shown = subject or shown_path(source, self.evaluation.request.start)
        scans = list(scans)
        for scan in scans:
            scan.source = source
        summary = "; ".join(scan.summary for scan in scans)
        self.results.append(Result(source, READABLE, subject, "passed", "high", reason=summary, phase=PHASE))
        self.evaluation.imported.append(f"{shown}: {summary}")
        self.scans += scans
        for scan in scans:
            self.results += self._results(scan)

    def finish(self) -> None:
        """Say what is known already no second time, waive, and file."""
        results = [*_merged(self.results), *scanned_images(self.evaluation, self.policies, self.scans)]
        once = Once(self.evaluation, by_equivalent(load_all().values())) if self.evaluation.request.static else None
        waiving = Waiving(self.evaluation, self._policy, self.scans, self.local)
        kept = once.without_what_is_known(results) if once else results
        remaining = set(map(id, kept))
        said = [result for result in results if id(result) not in remaining]
        for result in [*waiving.applied(kept, said)]:
            self.evaluation.results.setdefault(result.file, []).append(result)

    # one scan

    def _results(self, scan: Scan) -> Iterator[Result]:
        groups: dict[_Key, list[Found]] = {}
        for found in scan.found:
            path = self.local(scan, found.path)
            subject = found.subject or ("" if path else found.path)
            key = (path or scan.source, imported_id(scan.scanner, found.rule), subject)
            groups.setdefault(key, []).append(found)
        for (file, identifier, subject), group in groups.items():
            result = self._result(scan, file, subject, group)
            if identifier not in self._policy(file).suite.exclude:
                yield result

    def _policy(self, file: str) -> Policy:
        return self.policies.of(self.evaluation.request.policy_folder(file))

    def _result(self, scan: Scan, file: str, subject: str, group: list[Found]) -> Result:
        policy = self._policy(file)
        failed = [found for found in group if found.outcome == "failed"]
        shown = failed or [found for found in group if found.outcome == "waived"]
        worst: Severity = max((found.severity for found in shown or group), key=SEVERITIES.index)
        severity = policy.suite.severity.get(
            imported_id(scan.scanner, group[0].rule), self._severity(scan, group, worst)
        )
        control = control_of(scan.scanner, group[0], severity, "Project" if subject else "Dockerfile")
        local = file != scan.source
        findings = dict.fromkeys(_finding(found, file if local else "", self._seen(scan, found)) for found in shown)
        outcomes = {found.outcome for found in group}
        verdict = next(each for each in ("failed", "unknown", "waived", "passed") if each in outcomes)
        result = Result(file, control, subject, verdict, severity, tuple(findings), phase=PHASE, service=subject)
        result.aliases = tuple(dict.fromkeys((group[0].rule, *group[0].aliases)))
        result.origin = _text_origin(file, shown[0]) if local and shown else None
        if verdict in ("unknown", "waived"):
            result.reason = next(mask(found.reason) for found in group if found.outcome == verdict)
        result.findings = result.findings if verdict in ("failed", "waived") else ()
        result.tolerated = verdict == "failed" and is_less(severity, policy.fail_on)
        return result

    def _severity(self, scan: Scan, group: list[Found], worst: Severity) -> Severity:
        """As the scanner says; Docker Bench does not, and our own control of the section does."""
        if scan.scanner != "docker-bench":
            return worst
        return self._of_sections.get(group[0].rule, worst)

    @functools.cached_property
    def _of_sections(self) -> Mapping[str, Severity]:
        found: dict[str, Severity] = {}
        for control in load_all().values():
            for section in control.equivalents.get("docker-bench", ()):
                found[section] = max(found.get(section, "info"), control.severity, key=SEVERITIES.index)
        return found

    def _seen(self, scan: Scan, found: Found) -> str:
        """What it was seen in, for what is no text or must not be shown."""
        report = shown_path(scan.source, self.evaluation.request.start)
        line = f":{found.line}" if found.line else ""
        return found.subject or (f"{found.path}{line}" if found.path else report)

    # paths

    def local(self, scan: Scan, path: str) -> str:
        """The file of the project that a report means, absolute; empty where there is none.

        A report is data of strangers: nothing outside the project is looked for.
        """
        known = self._local.get((scan, path))
        if known is None:
            known = self._local[scan, path] = self._find(scan, path) if path else ""
        return known

    @functools.cached_property
    def _local(self) -> dict[tuple[Scan, str], str]:
        return {}

    def _find(self, scan: Scan, path: str) -> str:
        request = self.evaluation.request
        root = common_folder([request.top, request.start, *request.directories])
        folders = [os.path.join(request.start, folder) for folder in scan.folders]
        # of one file that was scanned alone its name is reported
        folders += [os.path.dirname(folder) for folder in folders if os.path.isfile(folder)]
        for folder in [*folders, request.start, request.top, os.path.dirname(scan.source)]:
            candidate = os.path.normpath(os.path.join(folder, path))
            if os.path.isfile(candidate) and is_inside(candidate, root):
                return candidate
        return ""


def _finding(found: Found, file: str, seen: str) -> Finding:
    message = mask(found.message) or found.title
    origin: Origin = _text_origin(file, found)
    if found.secret or not file:
        origin = ReportOrigin(seen, mask(found.text))
    remedy = Remedy(found.remedy) if found.remedy else None
    return Finding(message, origin, remedy=remedy)


def _text_origin(file: str, found: Found) -> TextOrigin:
    line = found.line or 1
    return TextOrigin(file, line, found.column, max(line, found.end_line), found.column)


def _merged(results: Iterable[Result]) -> list[Result]:
    """What several reports say of one rule and place is one result: the worst of it."""
    known: dict[tuple[str, str], Result] = {}
    for result in results:
        first = known.setdefault((result.file, result.name), result)
        if first is not result:
            known[result.file, result.name] = _worse(first, result)
    return list(known.values())


def _worse(first: Result, second: Result) -> Result:
    ranks = ("failed", "unknown", "waived", "passed")
    worse, other = sorted((first, second), key=lambda result: ranks.index(result.verdict))
    if worse.verdict == other.verdict:
        said = {_said(finding) for finding in worse.findings}
        worse.findings += tuple(finding for finding in other.findings if _said(finding) not in said)
    return worse


def _said(finding: Finding) -> tuple[object, ...]:
    """One scanner's two formats differ in what else they tell of it."""
    origin = finding.origin
    return finding.message, (origin.file, origin.line) if isinstance(origin, TextOrigin) else origin
