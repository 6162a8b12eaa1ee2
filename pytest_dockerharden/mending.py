"""``--harden-diff`` and ``--harden-fix``: what pytest shows and writes of the remedies of a run.

With ``--harden-live`` what the running stacks were seen to use becomes edits as well, after they were proved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_dockerharden.evaluation import Evaluation
from pytest_dockerharden.paths import shown_path

if TYPE_CHECKING:
    import docker

    from pytest_dockerharden.live.course import Course
    from pytest_dockerharden.live.courses import Courses
    from pytest_dockerharden.live.proving import Proof
    from pytest_dockerharden.model.finding import Edit
    from pytest_dockerharden.remedy.evidence import Evidence
    from pytest_dockerharden.remedy.plan import Plan
    from pytest_dockerharden.session import StaticSession


class Mending:
    """Takes the evaluation of a run; with ``--harden-fix`` the texts are written and judged as they are then."""

    def __init__(self, static: StaticSession) -> None:
        self.static = static
        option = static.config.option
        self.saying = option.harden_fix + option.harden_fix_all
        self.everything = bool(option.harden_fix_all) or not self.saying
        self.plan: Plan | None = None
        self.evidence: dict[str, Evidence] = {}
        self.proofs: list[Proof] = []
        self.refusals: list[str] = []
        # after they were judged, so that no place in them is where it was
        self.written: set[str] = set()

    def apply(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation to show. Raises UsageError where a file must not be overwritten."""
        # workers read what the controller has written before it started them
        if hasattr(self.static.config, "workerinput"):
            return evaluation
        from pytest_dockerharden.remedy.plan import plan_of
        from pytest_dockerharden.remedy.save import NotSavedError, save

        self.plan = plan_of(evaluation, safe_only=not self.everything)
        if not self.saying:
            return evaluation
        try:
            save(self.plan, evaluation.request.top, self._shown, forced=self.saying > 1)
        except NotSavedError as refusal:
            raise pytest.UsageError(f"dockerharden: {refusal}") from None
        return self.plan.evaluation

    def _shown(self, path: str) -> str:
        return shown_path(path, self.static.request.start)

    # what runs

    def watch(self, courses: Courses) -> None:
        """Have every stack looked at while it runs."""
        from pytest_dockerharden.remedy.evidence import Evidence

        for key, course in courses.all.items():
            self.evidence[key] = Evidence()
            course.seen = self._look

    def _look(self, course: Course, client: docker.DockerClient) -> None:
        if course.stack is not None:
            self.evidence[course.key].look(course.stack.containers, client, course.postures)

    def prove(self, courses: Courses) -> None:
        """Start each stack again with what it was seen to get along with, and write what holds."""
        from pytest_dockerharden.live.proving import Proof
        from pytest_dockerharden.stack.errors import StackError

        for key, course in courses.all.items():
            if courses.held:
                self._look_again(course, courses)
            proposals = self.evidence[key].proposals()
            if not proposals or "live" in course.failures:
                continue
            course.down()
            proof = Proof(course, proposals, course.progress)
            try:
                proof.run(courses.engine.client)
            except StackError as error:
                self.refusals.append(f"{self._shown(course.file)}: nothing could be proved: {error.message}")
                continue
            self.proofs.append(proof)
            if self.saying:
                self._write(proof)

    def _look_again(self, course: Course, courses: Courses) -> None:
        """What tests of the user's own make a stack write is seen only behind them."""
        from pytest_dockerharden.stack.errors import StackError

        try:
            course.look_again(courses.engine.client)
        except StackError as error:
            self.refusals.append(f"{self._shown(course.file)}: what its tests made it do is not seen: {error.message}")
            course.failures.setdefault("live", error)  # nothing is proposed of half of what it does

    def _write(self, proof: Proof) -> None:
        from pytest_dockerharden.remedy.plan import Plan
        from pytest_dockerharden.remedy.save import NotSavedError, save

        evaluation, before = self.static.evaluation, proof.before
        plan = Plan(evaluation, before, proof.after)
        ours = {file for file, text in self.plan.after.items() if text == before.get(file)} if self.plan else set()
        try:
            save(plan, evaluation.request.top, self._shown, forced=self.saying > 1, ours=ours)
        except NotSavedError as refusal:
            self.refusals.append(str(refusal))
        else:
            self.written.update(before)

    def proven(self) -> dict[tuple[str, str, str], tuple[Edit, ...]]:
        """The edits with which stacks came up again, by file, control and service."""
        return {(p.course.file, k.what, k.service): k.edits for p in self.proofs for k in p.kept}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        assert self.static.evaluation is not None  # written before any worker or item reads

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.plan is None:
            return
        from pytest_dockerharden.remedy.diff import plan_lines

        terminalreporter.section("remedies")
        with_diff = bool(self.static.config.option.harden_diff)
        lines = [*plan_lines(self.plan, self._shown, written=bool(self.saying), with_diff=with_diff)]
        if self.evidence:
            from pytest_dockerharden.remedy.diff import proof_lines

            for proof in self.proofs:
                lines += proof_lines(proof.before, proof.after, proof.kept, proof.taken_back, self._shown, with_diff)
            lines += [(refusal, "red") for refusal in self.refusals]
        for text, colour in lines:
            terminalreporter.write_line(text, **({colour: True} if colour else {}))
