"""The files that one policy applies to, from their text to their verdicts."""

from __future__ import annotations

import datetime
import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from pytest_dockerharden.agreement import agree
from pytest_dockerharden.assemble import Assembly, Combination, assemble
from pytest_dockerharden.batches import in_batches
from pytest_dockerharden.controls import load_all
from pytest_dockerharden.garbage import free_what_was_judged
from pytest_dockerharden.judge import Judgement, judge_dockerfile, judge_project
from pytest_dockerharden.loading import Selection, select
from pytest_dockerharden.model.control import REGISTRY
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.model.scanner import misspelt, scanner_of
from pytest_dockerharden.paths import read_text, shown_path
from pytest_dockerharden.policy import Policy
from pytest_dockerharden.tally import Tally
from pytest_dockerharden.tomlfile import did_you_mean
from pytest_dockerharden.verdicts import READABLE, WAIVER, Result, Waivers, result_of
from pytest_dockerharden.waivers import BadWaiver, Waiver, inline_waivers

if TYPE_CHECKING:
    from pytest_dockerharden.evaluation import Evaluation
    from pytest_dockerharden.source.git import Checkout

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
    waivers: Waivers = field(init=False)
    failures: list[Problem] = field(default_factory=list)
    checkouts: dict[str, Checkout | None] = field(default_factory=dict)
    _judged: set[tuple[str, ...]] = field(default_factory=set)
    _alike: Counter[str] = field(default_factory=Counter)

    def judge(self) -> None:
        """Raises ConfigurationError."""
        compose = set(self.evaluation.discovery.compose)
        self.combinations = self.policy.combine([path for path in self.paths if path in compose])
        self._add_bases()
        self.evaluation.combinations += len(self.combinations)
        together, batches = in_batches(self.combinations) if self.tally else (self.combinations, [])
        self.assembly = self._assemble(together)
        self._forget_what_others_include(batches)
        self._add_what_is_built()
        problems = [*self._inline_waivers(batches)]
        inline = [waiver for group in self.inline.values() for waiver in group]
        self.selection = select(self.policy, [c for waiver in (*self.policy.waivers, *inline) for c in waiver.requires])
        self.waivers = Waivers(self.policy.waivers, self.inline, datetime.date.today(), self.policy.directory)
        self._take([*problems, *self._results_of(self.assembly)])
        unbuilt = [path for path in self.paths if path not in compose and path not in self.assembly.dockerfiles]
        self._keep_models()
        for batch in batches:
            self._take(self._results_of(self._assemble(batch)))
            free_what_was_judged()
        for start in range(0, len(unbuilt), _BATCH):
            self._take(self._results_of(self._assemble((), unbuilt[start : start + _BATCH])))
        self._take(self._unreadable())
        self._file(agree(self._out_of_order()))

    @functools.cached_property
    def tally(self) -> Tally | None:
        """Where the number of what passed is enough: a suite that renders a document shows what it is."""
        return Tally() if self.evaluation.request.tallying and not self.policy.suite.sections else None

    def _assemble(self, combinations: Sequence[Combination], dockerfiles: Sequence[str] = ()) -> Assembly:
        assembly = assemble(
            combinations,
            dockerfiles,
            root=self.root,
            shellcheck=self.policy.shellcheck,
            images=self.evaluation.request.images,
            checkouts=self.checkouts,
        )
        self.failures += (problem for problem in assembly.failures if problem not in self.failures)
        return assembly

    def _keep_models(self) -> None:
        """Of what the first assembly holds, unless nobody will ask for more than verdicts."""
        if self.tally:
            self.assembly = Assembly()
        self.evaluation.projects += self.assembly.projects

    def _take(self, results: list[Result]) -> None:
        self.waivers.apply(results)
        self._file(agree(results))

    def _file(self, results: list[Result]) -> None:
        for result in results:
            applies = result.verdict != "not-applicable"
            is_asked_for = not applies or result.control.id not in self.selection.compensating
            if not is_asked_for or (self.tally is not None and self.tally.take(result)):
                continue
            if applies:
                self.evaluation.results.setdefault(result.file, []).append(result)
            else:
                self.evaluation.not_applicable.append(result)

    def _forget_what_others_include(self, batches: Iterable[list[Combination]]) -> None:
        projects = self.assembly.projects
        asked = self.evaluation.request.files
        readers = Counter(file for project in projects for file in _read_from_others(project))
        for project in list(projects):
            # of two that extend each other one remains
            if project.files[0] not in asked and readers[project.files[0]]:
                projects.remove(project)
                readers.subtract(_read_from_others(project))
                self.evaluation.absorbed.append(project.files[0])
        for batch in batches:
            absorbed = [c for c in batch if c.files[0] not in asked and readers[c.files[0]]]
            batch[:] = [combination for combination in batch if combination not in absorbed]
            self.evaluation.absorbed += (combination.files[0] for combination in absorbed)

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

    def _unreadable(self) -> list[Result]:
        """One result for each file that cannot be judged, whatever number of combinations it is in."""
        problems: dict[str, list[Problem]] = {}
        for problem in self.failures:
            file = problem.origin.file
            if file not in self.evaluation.results:
                # an env file or a file that was included: it is the project's file that cannot be judged
                failed = [c.files[0] for c in self.combinations if c.files not in self._judged]
                file = failed[0] if failed else self.paths[0]
            problems.setdefault(file, []).append(problem)
        return [
            Result(
                file,
                READABLE,
                "",
                "failed",
                "high",
                tuple(dict.fromkeys(_finding_of(problem) for problem in group)),
                origin=group[0].origin,
            )
            for file, group in problems.items()
        ]

    def _results_of(self, assembly: Assembly) -> list[Result]:
        self._judged.update(project.files for project in assembly.projects)
        self._alike.update(project.files[0] for project in assembly.projects)
        return [*self._compose_results(assembly), *self._dockerfile_results(assembly)]

    def _compose_results(self, assembly: Assembly) -> Iterator[Result]:
        if not assembly.projects:
            return
        controls = self.selection.of("Project", "Service", "Posture", live=False)
        for project in assembly.projects:
            judgements = judge_project(project, controls, self.policy.suite.parameters)
            yield from self._results(judgements, project.files[0], self.prefix(project))

    def prefix(self, project: Project) -> str:
        """What tells the subjects of a combination from those of another one of the same first file."""
        # the others may exist and not be asked for: a subject has the same name in every run
        named = sum(each.files[0] == project.files[0] for each in self.policy.combinations)
        return "" if named == self._alike[project.files[0]] == 1 else project.combination

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
                yield from self._results(judge_dockerfile(dockerfile, controls, self.policy.suite.parameters), path)

    def _results(self, judgements: Iterable[Judgement], file: str, combination: str = "") -> Iterator[Result]:
        tally = None if combination or self._are_told_apart else self.tally
        for judgement in judgements:
            if tally is None or not tally.count(file, judgement.subject, judgement.verdict):
                result = self._result(judgement, file, combination)
                if tally is None or not tally.take(result):
                    yield result

    @functools.cached_property
    def _are_told_apart(self) -> bool:
        """Whether it matters which control passed before all of them are counted: a waiver may speak of it."""
        return bool(self.policy.waivers or self.inline or self.selection.compensating)

    def _result(self, judgement: Judgement, file: str, combination: str = "") -> Result:
        subject = f"{combination}/{judgement.subject}" if combination and judgement.subject else combination
        subject = subject or judgement.subject
        result = result_of(judgement, file, subject, self.selection.severity(judgement.control), self.policy.fail_on)
        result.combinations = (combination,) if combination else ()
        return result

    def _inline_waivers(self, batches: Iterable[Iterable[Combination]]) -> Iterator[Result]:
        """Read those beside the lines; a result for each that is none."""
        judged: list[Project | Combination] = [*self.assembly.projects, *itertools.chain(*batches)]
        paths = [path for each in judged for path in each.files]
        paths += [path for path in self.assembly.dockerfiles if path in self.evaluation.results]
        paths += self.paths
        for path in dict.fromkeys(paths):
            for waiver in inline_waivers(path, read_text(path), shown_path(path, self.evaluation.request.start)):
                if isinstance(waiver, BadWaiver):
                    yield _waiver_result(waiver.origin, waiver.message)
                else:
                    self.inline.setdefault(path, []).append(waiver)

    def _out_of_order(self) -> Iterator[Result]:
        """A result for each waiver that waives nothing though this run should have met it."""
        for waiver, problem in self.waivers.out_of_order():
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
            yield result_out_of_order(waiver, self.policy, problem)

    def _should_be_met(self, waiver: Waiver) -> bool:
        control = REGISTRY[waiver.control]
        judged = control.judges in _STATIC and control.id in self.selection.chosen
        return judged and (waiver.origin is not None or self.evaluation.request.whole)


def _read_from_others(project: Project) -> set[str]:
    return set(project.read).difference(project.files)


def result_out_of_order(waiver: Waiver, policy: Policy, problem: str) -> Result:
    """The failure of a waiver that waives nothing."""
    message = f"the waiver of {waiver.control} is not in order: {problem}"
    subject = "/".join(filter(None, (waiver.control, waiver.subject)))
    return _waiver_result(waiver.origin or _place_of(waiver, policy), message, subject)


def _waiver_result(origin: TextOrigin, message: str, subject: str = "") -> Result:
    return Result(origin.file, WAIVER, subject, "failed", "medium", (Finding(message, origin),), origin=origin)


def _place_of(waiver: Waiver, policy: Policy) -> TextOrigin:
    """The line of a listed waiver: tomllib has no positions, so its table is counted."""
    file = policy.file or ""
    lines = [line.split("#")[0].strip() for line in read_text(file).split("\n")]
    headers = [number for number, line in enumerate(lines, 1) if line.startswith("[[") and line.endswith("waiver]]")]
    index = next(index for index, listed in enumerate(policy.waivers) if listed is waiver)
    line = headers[index] if index < len(headers) else 1
    return TextOrigin(file, line, 1, line, 1)


def _finding_of(problem: Problem) -> Finding:
    join = " " if problem.message.endswith("?") else "; "
    return Finding(join.join(filter(None, (problem.message, problem.hint))), problem.origin)
