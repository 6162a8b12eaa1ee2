"""What the findings of a run wish to be changed: one wish for each edit of each remedy, in the projects it is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace

from pytest_dockerharden.evaluation import Evaluation
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Edit, Finding, Remedy
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.scope import Scope
from pytest_dockerharden.verdicts import PRECONDITIONS, Result

Path = tuple[str, ...]


@dataclass(slots=True, eq=False)
class Wish:
    """One edit that a finding of ``result`` asks for.

    ``base`` is the path in the model that the path of the edit starts from (``services``, ``web``), empty for edits of
    plain text. ``projects`` are the combinations that it speaks of. ``reason`` says why it was not fulfilled.
    ``variable`` is the one whose default is written anew: that does nothing where it has a value.
    """

    result: Result
    finding: Finding
    remedy: Remedy
    edit: Edit
    base: Path
    projects: tuple[Project, ...]
    reason: str = ""
    candidate: int = field(default=0)
    variable: str = ""

    @property
    def path(self) -> Path:
        """The whole path in the model."""
        if self.edit.path[:1] == ("",):
            return self.edit.path[1:]
        in_item = self.edit.kind == "set" and self.edit.at is not None
        return (*self.base, *(self.edit.path[:-1] if in_item else self.edit.path))


def wishes_of(evaluation: Evaluation, *, safe_only: bool = False) -> Iterator[Wish]:
    """Those of all that fails and has a remedy with edits."""
    for result in evaluation.all_results():
        if not result.fails or result.control in PRECONDITIONS:
            continue
        projects = projects_of(result, evaluation)
        for finding in result.findings:
            remedy = finding.remedy
            if remedy is not None and (remedy.effect == "safe" or not safe_only):
                yield from _of_finding(result, finding, remedy, _base(result), projects)


def wishes_of_observed(
    results: Iterable[Result], evaluation: Evaluation, proven: Mapping[tuple[str, str, str], tuple[Edit, ...]]
) -> Iterator[list[Wish]]:
    """Those of each finding of running stacks, in every combination that has the service. ``proven`` goes first."""
    for result in results:
        service = result.service or result.subject.rpartition("/")[2]
        projects = tuple(p for p in projects_of(result, evaluation) if service in p.services)
        edits = proven.get((result.file, result.control.id, service))
        for finding in result.findings if result.fails and projects else ():
            remedy = finding.remedy
            if remedy is not None and (edits or remedy.edits):
                wished = replace(remedy, edits=edits or remedy.edits)
                yield [*_of_finding(result, finding, wished, ("services", service), projects)]


def _of_finding(
    result: Result, finding: Finding, remedy: Remedy, base: Path, projects: tuple[Project, ...]
) -> Iterator[Wish]:
    for edit in remedy.edits:
        wish = Wish(result, finding, remedy, edit, base, projects)
        yield from _expanded(wish) if projects else [wish]


def projects_of(result: Result, evaluation: Evaluation) -> tuple[Project, ...]:
    """The combinations that a result speaks of; none for a Dockerfile."""
    return tuple(
        project
        for scope in evaluation.scopes
        for project in scope.assembly.projects
        if project.files[0] == result.file and _speaks_of(result, scope, project)
    )


def _speaks_of(result: Result, scope: Scope, project: Project) -> bool:
    return not result.combinations or scope.prefix(project) in result.combinations


def _base(result: Result) -> Path:
    return ("services", result.service) if result.control.judges in ("Posture", "Service") else ()


def _expanded(wish: Wish) -> Iterator[Wish]:
    """A mapping over a mapping that is there: key by key, so that nothing else in it is lost."""
    edit = wish.edit
    there = wish.projects[0].model.get(*wish.path)
    if (
        edit.kind != "set"
        or edit.at is not None
        or not isinstance(edit.value, dict)
        or there is None
        or not isinstance(there.value, dict)
    ):
        yield wish
        return
    for key, value in edit.value.items():
        yield from _expanded(replace(wish, edit=Edit("set", (*edit.path, str(key)), value)))
