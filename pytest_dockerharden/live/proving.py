"""Proof of what evidence proposes: the stack is started from the edited files, and what does not hold is taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_dockerharden.live.course import Course
from pytest_dockerharden.live.phases import READING
from pytest_dockerharden.model.finding import Finding, Remedy
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.paths import reading
from pytest_dockerharden.remedy.check import Checker
from pytest_dockerharden.remedy.errors import CannotEditError
from pytest_dockerharden.remedy.evidence import Proposal
from pytest_dockerharden.remedy.replacements import edits_of
from pytest_dockerharden.remedy.sites import Sheets
from pytest_dockerharden.remedy.text import TextEdit, edited
from pytest_dockerharden.remedy.wishes import Wish
from pytest_dockerharden.stack.errors import EngineError
from pytest_dockerharden.stack.run import Run
from pytest_dockerharden.verdicts import COMES_UP, Result

if TYPE_CHECKING:
    import docker

Texts = dict[str, str]


class Proof:
    """Tries the proposals for the stack of one course. ``kept`` are those that hold, ``taken_back`` the others."""

    def __init__(self, course: Course, proposals: Sequence[Proposal], say: Callable[[str], None]) -> None:
        self.course = course
        self.say = say
        self.sheets = Sheets()
        self.checker = Checker(course.scope.evaluation)
        self.kept: list[Proposal] = []
        self.taken_back: list[Proposal] = []
        for proposal in proposals:
            refusal = proposal.refusal or self._complaint([*self.kept, proposal])
            (self.taken_back if refusal else self.kept).append(replace(proposal, refusal=refusal))

    @property
    def before(self) -> Texts:
        """The texts of the files that would change."""
        return {edit.file: self.sheets.text(edit.file) for edit in self._edits(self.kept)}

    @property
    def after(self) -> Texts:
        """The same files with the edits of what is kept."""
        return edited(self.before, self._edits(self.kept))

    def run(self, client: docker.DockerClient) -> None:
        """Start the stack as often as it takes. Raises EngineError; nothing is proved then."""
        while self.kept:
            self.say(f"starting it with {len(self.kept)} edits that the first run suggests")
            blamed = self._try(client)
            if blamed is None:
                return
            service, reason = blamed
            self._take_back(service, reason)

    def _take_back(self, service: str, reason: str) -> None:
        """The boldest edit of the service that failed; of any, where none of its own can be the cause."""
        own = [proposal for proposal in self.kept if proposal.service == service] or self.kept
        boldest = own[-1]
        self.say(f"taking back {boldest.what} of {boldest.service}: {reason.splitlines()[0]}")
        self.kept.remove(boldest)
        self.taken_back.append(replace(boldest, refusal=reason))

    def _try(self, client: docker.DockerClient) -> tuple[str, str] | None:
        """The service that fails with the edits and did not without, and how; None where all is well."""
        trial = self._trial()
        try:
            for question in trial.questions("live"):
                trial.result("live", question.name, READING, client)
        finally:
            trial.down()
        failure = trial.failures.get("live") or trial.refusal
        if isinstance(failure, EngineError):
            raise failure
        if failure is not None:
            name, colon, rest = failure.message.partition(": ")
            known = bool(colon) and name in self.course.statically.services
            reason = "\n".join((rest if known else failure.message, *failure.details))
            return name if known else "", self.course.secrecy.masked(reason)
        failing = {result.name for result in self.course.done.get("live", {}).values() if result.fails}
        for result in trial.done["live"].values():
            if result.fails and result.name not in failing:
                return result.service, f"{result.control.id} fails then"
        return None

    def _trial(self) -> Course:
        """The same stack from the edited texts, as a run of its own."""
        course = self.course
        settings = replace(course.settings, attach="", keep="never")
        with reading({file: text.encode() for file, text in self.after.items()}):
            return Course(
                course.scope, course.statically, course.combination, course.prefix, Run.start(), settings, self.say
            )

    def _edits(self, proposals: Sequence[Proposal]) -> list[TextEdit]:
        return edits_of([wish for proposal in proposals for wish in self._wishes(proposal)], self.sheets)

    def _complaint(self, proposals: Sequence[Proposal]) -> str:
        try:
            edits = self._edits(proposals)
        except (CannotEditError, SourceError) as error:
            return str(error)
        before = {edit.file: self.sheets.text(edit.file) for edit in edits}
        wishes = [wish for proposal in proposals for wish in self._wishes(proposal)]
        return self.checker.complaint(before, edited(before, edits), wishes)

    def _wishes(self, proposal: Proposal) -> list[Wish]:
        course = self.course
        result = Result(course.file, COMES_UP, proposal.service, "failed", "medium", service=proposal.service)
        remedy = Remedy(proposal.seen, proposal.edits, "behaviour-changing")
        finding = Finding(proposal.seen, course.statically.services[proposal.service].origin, remedy)
        base, projects = ("services", proposal.service), self._projects(proposal.service)
        return [Wish(result, finding, remedy, edit, base, projects) for edit in proposal.edits]

    def _projects(self, service: str) -> tuple[Project, ...]:
        """The stack that was seen, and all others that have the service from the same file: they change with it."""
        course = self.course
        others = [
            project
            for scope in course.scope.evaluation.scopes
            for project in scope.assembly.projects
            if project is not course.statically and service in project.services and course.file in project.files
        ]
        return (course.statically, *others)
