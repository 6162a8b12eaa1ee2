"""The files that one policy applies to, from their text to their verdicts."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from pytest_dockerharden.agreement import agree
from pytest_dockerharden.assemble import Assembly, Combination, assemble
from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import Judgement, judge_dockerfile, judge_project
from pytest_dockerharden.loading import Selection, select
from pytest_dockerharden.model.control import REGISTRY
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.model.scanner import misspelt, scanner_of
from pytest_dockerharden.paths import LIMIT, read_bytes, shown_path
from pytest_dockerharden.policy import Policy
from pytest_dockerharden.tomlfile import did_you_mean
from pytest_dockerharden.verdicts import READABLE, WAIVER, Result, Waivers, result_of
from pytest_dockerharden.waivers import BadWaiver, Waiver, inline_waivers

if TYPE_CHECKING:
    from pytest_dockerharden.evaluation import Evaluation

_BATCH = 100
_STATIC = frozenset({"Posture", "Service", "Project", "Stage", "Dockerfile"})


@dataclass(eq=False)
class Scope:
    """``paths`` judged under ``policy``; the results go into ``evaluation``. Nothing outside ``root`` is opened."""

    evaluation: Evaluation
    policy: Policy
    paths: list[str]
    root: str
    assembly: Assembly = field(default_factory=Assembly)
    inline: dict[str, list[Waiver]] = field(default_factory=dict)
    combinations: Sequence[Combination] = ()
    selection: Selection = field(init=False)

    def judge(self) -> None:
        """Raises ConfigurationError."""
        compose = set(self.evaluation.discovery.compose)
        combinations = self.combinations = self.policy.combine([path for path in self.paths if path in compose])
        self._add_bases()
        images = self.evaluation.request.images
        self.assembly = assemble(combinations, root=self.root, shellcheck=self.policy.shellcheck, images=images)
        self._forget_what_others_include()
        self._add_what_is_built()
        self.evaluation.combinations += len(combinations)
        self.evaluation.projects += self.assembly.projects
        results = [*self._inline_waivers()]
        waivers = [*self.policy.waivers, *(waiver for group in self.inline.values() for waiver in group)]
        self.selection = select(self.policy, [control for waiver in waivers for control in waiver.requires])
        results += [*self._compose_results(), *self._dockerfile_results(self.assembly)]
        unbuilt = [path for path in self.paths if path not in compose and path not in self.assembly.dockerfiles]
        for start in range(0, len(unbuilt), _BATCH):
            results += self._unbuilt_results(unbuilt[start : start + _BATCH])
        results += self._unreadable(combinations)
        results += self._apply_waivers(results)
        self._file(agree(results))

    def _unbuilt_results(self, paths: Sequence[str]) -> list[Result]:
        """Dockerfiles that no compose file builds: judged and forgotten, so that thousands need little memory."""
        assembly = assemble((), paths, root=self.root, shellcheck=self.policy.shellcheck)
        self.assembly.failures += assembly.failures
        return list(self._dockerfile_results(assembly))

    def _file(self, results: list[Result]) -> None:
        compensating = self.selection.compensating
        for result in results:
            if result.verdict == "not-applicable":
                self.evaluation.not_applicable.append(result)
            elif result.control.id not in compensating:
                self.evaluation.results.setdefault(result.file, []).append(result)

    def _forget_what_others_include(self) -> None:
        projects = self.assembly.projects
        asked = self.evaluation.request.files
        for project in list(projects):
            file = project.files[0]
            # of two that extend each other one remains
            if file not in asked and any(file in p.read and file not in p.files for p in projects if p is not project):
                projects.remove(project)
                self.evaluation.absorbed.append(file)

    def _add_bases(self) -> None:
        """The first file of a combination holds its items, also where only an overlay was named."""
        for combination in self.combinations:
            if combination.files[0] not in self.evaluation.results:
                self.evaluation.results[combination.files[0]] = []
                self.evaluation.discovery.compose.append(combination.files[0])

    def _add_what_is_built(self) -> None:
        """A Dockerfile that no name or content gave away, but a ``build:``."""
        if self.evaluation.request.directories:
            for path in sorted(self.assembly.dockerfiles.keys() - self.evaluation.results.keys()):
                self.evaluation.results[path] = []
                self.evaluation.discovery.dockerfiles.append(path)

    def _unreadable(self, combinations: Sequence[Combination]) -> Iterator[Result]:
        """One result for each file that cannot be judged, whatever number of combinations it is in."""
        loaded = {project.files for project in self.assembly.projects}
        problems: dict[str, list[Problem]] = {}
        for problem in self.assembly.failures:
            file = problem.origin.file
            if file not in self.evaluation.results:
                # an env file or a file that was included: it is the project's file that cannot be judged
                failed = [c.files[0] for c in combinations if c.files not in loaded]
                file = failed[0] if failed else self.paths[0]
            problems.setdefault(file, []).append(problem)
        for file, group in problems.items():
            findings = tuple(dict.fromkeys(_finding_of(problem) for problem in group))
            yield Result(file, READABLE, "", "failed", "high", findings, origin=group[0].origin)

    def _compose_results(self) -> Iterator[Result]:
        if not self.assembly.projects:
            return
        controls = self.selection.of("Project", "Service", "Posture", live=False)
        for project in self.assembly.projects:
            prefix = self.prefix(project)
            for judgement in judge_project(project, controls, self.policy.suite.parameters):
                yield self._result(judgement, project.files[0], prefix)

    def prefix(self, project: Project) -> str:
        """What tells the subjects of a combination from those of another one of the same first file."""
        # the others may exist and not be asked for: a subject has the same name in every run
        named = sum(each.files[0] == project.files[0] for each in self.policy.combinations)
        alike = sum(other.files[0] == project.files[0] for other in self.assembly.projects)
        return "" if named == alike == 1 else project.combination

    @functools.cached_property
    def by_name(self) -> dict[tuple[str, str], Result]:
        """What was judged, by file and name of the item, and by the name in each combination that it holds in."""
        results = [result for group in self.evaluation.results.values() for result in group]
        named = {(r.file, f"{r.control.id}[{subject}]"): r for r in results for subject in r.subjects}
        return named | {(r.file, r.name): r for r in results}

    def _dockerfile_results(self, assembly: Assembly) -> Iterator[Result]:
        if not assembly.dockerfiles:
            return
        controls = self.selection.of("Stage", "Dockerfile")
        for path, dockerfile in assembly.dockerfiles.items():
            if path in self.evaluation.results:
                for judgement in judge_dockerfile(dockerfile, controls, self.policy.suite.parameters):
                    yield self._result(judgement, path)

    def _result(self, judgement: Judgement, file: str, combination: str = "") -> Result:
        subject = "/".join(filter(None, (combination, judgement.subject)))
        result = result_of(judgement, file, subject, self.selection.severity(judgement.control), self.policy.fail_on)
        result.combinations = (combination,) if combination else ()
        return result

    def _inline_waivers(self) -> Iterator[Result]:
        """Read those beside the lines; a result for each that is none."""
        paths = [path for project in self.assembly.projects for path in project.files]
        paths += [path for path in self.assembly.dockerfiles if path in self.evaluation.results]
        paths += self.paths
        for path in dict.fromkeys(paths):
            for waiver in inline_waivers(path, _text(path), shown_path(path, self.evaluation.request.start)):
                if isinstance(waiver, BadWaiver):
                    yield waiver_result(waiver.origin, waiver.message)
                else:
                    self.inline.setdefault(path, []).append(waiver)

    def _apply_waivers(self, results: list[Result]) -> Iterator[Result]:
        """Waive, and a result for each waiver that waives nothing though this run should have met it."""
        waivers = Waivers(self.policy.waivers, self.inline, datetime.date.today(), self.policy.directory)
        waivers.apply(results)
        for waiver, problem in waivers.out_of_order():
            controls = load_all()
            scanner = scanner_of(waiver.control)
            meant = misspelt(scanner) if scanner else ""
            if meant:
                problem = f"there is no scanner `{scanner}`; did you mean `{meant}`?"
            elif scanner:
                continue
            elif waiver.control not in controls:
                problem = f"there is no such control{did_you_mean(waiver.control, controls)}"
            elif not self._should_be_met(waiver):
                continue
            subject = "/".join(filter(None, (waiver.control, waiver.subject)))
            origin = waiver.origin or place_of(waiver, self.policy)
            yield waiver_result(origin, f"the waiver of {waiver.control} is not in order: {problem}", subject)

    def _should_be_met(self, waiver: Waiver) -> bool:
        control = REGISTRY[waiver.control]
        judged = control.judges in _STATIC and control.id in self.selection.chosen
        return judged and (waiver.origin is not None or self.evaluation.request.whole)


def waiver_result(origin: TextOrigin, message: str, subject: str = "") -> Result:
    """A failure of a waiver that is not in order."""
    return Result(origin.file, WAIVER, subject, "failed", "medium", (Finding(message, origin),), origin=origin)


def place_of(waiver: Waiver, policy: Policy) -> TextOrigin:
    """The line of a listed waiver: tomllib has no positions, so its table is counted."""
    file = policy.file or ""
    lines = [line.split("#")[0].strip() for line in _text(file).split("\n")]
    headers = [number for number, line in enumerate(lines, 1) if line.startswith("[[") and line.endswith("waiver]]")]
    index = next(index for index, listed in enumerate(policy.waivers) if listed is waiver)
    line = headers[index] if index < len(headers) else 1
    return TextOrigin(file, line, 1, line, 1)


def _finding_of(problem: Problem) -> Finding:
    join = " " if problem.message.endswith("?") else "; "
    return Finding(join.join(filter(None, (problem.message, problem.hint))), problem.origin)


def _text(path: str) -> str:
    try:
        return read_bytes(path, LIMIT).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
