"""One static run without pytest: discover, assemble, judge, waive. Every front end shows what this gives."""

from __future__ import annotations

import datetime
import importlib.util
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_dockerharden.assemble import Assembly, Combination, assemble
from pytest_dockerharden.controls import load_all
from pytest_dockerharden.discovery import Discovery, checkout_of, discover
from pytest_dockerharden.judge import Judgement, judge_dockerfile, judge_project
from pytest_dockerharden.model.control import REGISTRY, Control
from pytest_dockerharden.model.finding import Finding, Severity
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.policy import Overrides, Policies, Policy
from pytest_dockerharden.suites import Suite, check_against
from pytest_dockerharden.tomlfile import ConfigurationError, did_you_mean
from pytest_dockerharden.verdicts import READABLE, WAIVER, Result, Waivers, result_of
from pytest_dockerharden.waivers import BadWaiver, Waiver, inline_waivers

STATIC = frozenset({"Posture", "Service", "Project", "Stage", "Dockerfile"})


@dataclass(frozen=True, slots=True)
class Request:
    """What to judge: all below ``directories``, and ``files``; absolute paths. ``start`` is where the user is."""

    start: str
    directories: tuple[str, ...]
    files: tuple[str, ...] = ()
    overrides: Overrides = Overrides()


@dataclass(slots=True, eq=False)
class Evaluation:
    """All results of a static run, in the order of the files, and what was looked at."""

    request: Request
    discovery: Discovery
    results: dict[str, list[Result]] = field(default_factory=dict)
    not_applicable: list[Result] = field(default_factory=list)
    combinations: int = 0
    absorbed: list[str] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)

    def all_results(self) -> Iterator[Result]:
        for results in self.results.values():
            yield from results

    def shown(self, path: str) -> str:
        """A path as the user would type it."""
        return shown_path(path, self.request.start)


def shown_path(path: str, start: str) -> str:
    try:
        return os.path.relpath(path, start).replace(os.sep, "/")
    except ValueError:  # another drive
        return path


def evaluate(request: Request) -> Evaluation:
    """Judge everything that ``request`` names. Raises ConfigurationError for a mistake in the configuration."""
    top = checkout_of(request.start) or request.start
    policies = Policies(top, request.overrides)
    ignored = policies.of(request.start).ignore
    discovery = discover(request.directories, request.files, ignored=ignored)
    if request.overrides.compose:
        discovery.compose = list(request.overrides.compose)
    evaluation = Evaluation(request, discovery, {path: [] for path in discovery.files()})
    groups: dict[str, tuple[Policy, list[str]]] = {}
    for path in discovery.files():
        policy = policies.of(os.path.dirname(path))
        groups.setdefault(policy.directory, (policy, []))[1].append(path)
    root = os.path.commonpath([top, *(os.path.dirname(path) for path in discovery.files())])
    for policy, paths in groups.values():
        _Scope(evaluation, policy, paths, root).judge()
    return evaluation


@dataclass(slots=True)
class _Scope:
    """The files that one policy applies to."""

    evaluation: Evaluation
    policy: Policy
    paths: list[str]
    root: str
    assembly: Assembly = field(default_factory=Assembly)
    settings: _Settings = field(init=False)

    def judge(self) -> None:
        self.settings = _settings(self.policy)
        compose = set(self.evaluation.discovery.compose)
        combinations = self.policy.combine([path for path in self.paths if path in compose])
        dockerfiles = [path for path in self.paths if path not in compose]
        self.assembly = assemble(combinations, dockerfiles, root=self.root)
        self._forget_what_others_include()
        self._add_what_is_built()
        self.evaluation.combinations += len(combinations)
        self.evaluation.projects += self.assembly.projects
        results = [*self._unreadable(combinations), *self._compose_results(), *self._dockerfile_results()]
        self._apply_waivers(results)
        for result in results:
            if result.verdict == "not-applicable":
                self.evaluation.not_applicable.append(result)
            elif self.settings.selected(result.control):
                self.evaluation.results.setdefault(result.file, []).append(result)

    def _forget_what_others_include(self) -> None:
        """A file that another one extends or includes is judged as part of that."""
        projects = self.assembly.projects
        read = {path for project in projects for path in project.read if path not in project.files}
        alone = [p for p in projects if p.files[0] in read and p.files[0] not in self.evaluation.request.files]
        for project in alone:
            projects.remove(project)
            self.evaluation.absorbed.append(project.files[0])

    def _add_what_is_built(self) -> None:
        if not self.evaluation.request.directories:
            return
        known = self.evaluation.results
        for path in self.assembly.dockerfiles:
            if path not in known:
                known[path] = []
                self.evaluation.discovery.dockerfiles.append(path)

    def _unreadable(self, combinations: Sequence[Combination]) -> Iterator[Result]:
        loaded = {project.files for project in self.assembly.projects}
        for problem in self.assembly.failures:
            file = problem.origin.file
            if file not in self.evaluation.results:
                # an env file or a file that was included: it is the project's file that cannot be judged
                failed = [c.files[0] for c in combinations if c.files not in loaded]
                file = failed[0] if failed else self.paths[0]
            yield Result(file, READABLE, "", "failed", "high", (_finding_of(problem),), origin=problem.origin)

    def _compose_results(self) -> Iterator[Result]:
        touching = Counter(project.files[0] for project in self.assembly.projects)
        controls = self.settings.of("Project", "Service", "Posture")
        for project in self.assembly.projects:
            prefix = project.combination if touching[project.files[0]] > 1 else ""
            for judgement in judge_project(project, controls, self.settings.suite.parameters):
                subject = "/".join(filter(None, (prefix, judgement.subject)))
                yield self._result(judgement, project.files[0], subject)

    def _dockerfile_results(self) -> Iterator[Result]:
        controls = self.settings.of("Stage", "Dockerfile")
        for path, dockerfile in self.assembly.dockerfiles.items():
            if path in self.evaluation.results:
                for judgement in judge_dockerfile(dockerfile, controls, self.settings.suite.parameters):
                    yield self._result(judgement, path, judgement.subject)

    def _result(self, judgement: Judgement, file: str, subject: str) -> Result:
        severity = self.settings.severity(judgement.control)
        return result_of(judgement, file, subject, severity, self.policy.fail_on)

    def _apply_waivers(self, results: list[Result]) -> None:
        inline: dict[str, list[Waiver]] = {}
        for path in dict.fromkeys(self._texts()):
            for waiver in inline_waivers(path, _text(path), self.evaluation.shown(path)):
                if isinstance(waiver, Waiver):
                    inline.setdefault(path, []).append(waiver)
                    waiver = self._misspelt(waiver)
                if waiver:
                    results.append(_waiver_result(path, waiver.origin, waiver.message))
        waivers = Waivers(self.policy.waivers, inline, datetime.date.today(), self.policy.directory)
        waivers.apply(results)
        for listed, problem in waivers.out_of_order():
            if self._is_expected(listed):
                results.append(self._out_of_order(listed, problem))

    def _texts(self) -> Iterator[str]:
        for project in self.assembly.projects:
            yield from project.files
        yield from (path for path in self.assembly.dockerfiles if path in self.evaluation.results)

    def _misspelt(self, waiver: Waiver) -> BadWaiver | None:
        if waiver.control in REGISTRY or waiver.origin is None:
            return None
        return BadWaiver(f"no control `{waiver.control}`{did_you_mean(waiver.control, REGISTRY)}", waiver.origin)

    def _is_expected(self, waiver: Waiver) -> bool:
        """Whether this run should have met it: its control was judged, and so was every file there is."""
        if waiver.control not in REGISTRY:
            return waiver.origin is None
        control = REGISTRY[waiver.control]
        if control.judges not in STATIC or not self.settings.selected(control):
            return False
        whole = not self.evaluation.request.files and not self.evaluation.request.overrides.compose
        return waiver.origin is not None or whole

    def _out_of_order(self, waiver: Waiver, problem: str) -> Result:
        if waiver.control not in REGISTRY:
            problem = f"no control `{waiver.control}`{did_you_mean(waiver.control, REGISTRY)}"
        subject = "/".join(filter(None, (waiver.control, waiver.subject)))
        if waiver.origin:
            return _waiver_result(waiver.origin.file, waiver.origin, f"{waiver.control}: {problem}", subject)
        file = self.policy.file or ""
        return _waiver_result(file, _place_of(waiver, self.policy), f"{waiver.control}: {problem}", subject)


def _waiver_result(file: str, origin: TextOrigin, message: str, subject: str = "") -> Result:
    return Result(file, WAIVER, subject, "failed", "medium", (Finding(message, origin),), origin=origin)


def _place_of(waiver: Waiver, policy: Policy) -> TextOrigin:
    """The line of a listed waiver: tomllib has no positions, so its table is counted."""
    file = policy.file or ""
    number = policy.waivers.index(waiver)
    headers = [
        n for n, line in enumerate(_text(file).split("\n"), 1) if line.split("#")[0].strip().endswith("waiver]]")
    ]
    line = headers[number] if number < len(headers) else 1
    return TextOrigin(file, line, 1, line, 1)


def _finding_of(problem: Problem) -> Finding:
    message = problem.message + (f"; {problem.hint}" if problem.hint else "")
    return Finding(message, problem.origin)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@dataclass(slots=True)
class _Settings:
    suite: Suite
    chosen: dict[str, Control]
    compensating: dict[str, Control]

    def of(self, *judged: str) -> list[Control]:
        both = {**self.chosen, **self.compensating}
        return [control for control in both.values() if control.judges in judged]

    def selected(self, control: Control) -> bool:
        return control.id in self.chosen or control in (READABLE, WAIVER)

    def severity(self, control: Control) -> Severity:
        return self.suite.severity.get(control.id, control.severity)


def _settings(policy: Policy) -> _Settings:
    controls = load_controls(policy.controls)
    check_against(policy.suite, controls, policy.file or policy.suite.name)
    chosen = {identifier: control for identifier, control in controls.items() if policy.suite.selects(control)}
    required = {identifier for waiver in policy.waivers for identifier in waiver.requires}
    for identifier in required - controls.keys():
        raise ConfigurationError(
            f"{policy.file}: requires: no control `{identifier}`{did_you_mean(identifier, controls)}"
        )
    return _Settings(
        policy.suite, chosen, {identifier: controls[identifier] for identifier in required - chosen.keys()}
    )


def load_controls(files: Iterable[str] = ()) -> Mapping[str, Control]:
    """The built-in controls, those of installed packages, and those of ``files``. Raises ConfigurationError."""
    load_all()
    for point in _entry_points():
        try:
            point.load()
        except Exception as error:
            raise ConfigurationError(f"controls of {point.value}: {type(error).__name__}: {error}") from error
    for file in files:
        _import_file(file)
    return REGISTRY


def _entry_points() -> Iterable[Any]:
    from importlib.metadata import entry_points

    return entry_points(group="dockerharden.controls")


def _import_file(file: str) -> None:
    name = f"dockerharden_controls.{Path(file).stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__file__ == file:
        return
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"controls: {file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigurationError(f"controls: {file}: {type(error).__name__}: {error}") from error
