"""The pytest side of live mode: which items there are, who owns the stacks, and when they are taken down."""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pytest_dockerharden.hooks import hooks_of

if TYPE_CHECKING:
    from pytest_dockerharden.evaluation import Evaluation
    from pytest_dockerharden.live.broker import RemoteCourses
    from pytest_dockerharden.live.courses import Courses
    from pytest_dockerharden.live.phases import Phase, Question
    from pytest_dockerharden.mending import Mending
    from pytest_dockerharden.model.posture import Posture
    from pytest_dockerharden.model.project import Project
    from pytest_dockerharden.verdicts import Result

NAME = "dockerharden-live"
INPUT = "dockerharden"


def live_of(config: pytest.Config) -> LiveSession:
    """The one of this process, made where there is none yet."""
    known = config.pluginmanager.getplugin(NAME)
    if known is None:
        known = LiveSession(config)
        config.pluginmanager.register(known, NAME)
    session: LiveSession = known
    return session


class LiveSession:
    """Owns the stacks of a run, or in a worker of pytest-xdist the way to the controller that does."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.needed: frozenset[Phase] = frozenset()
        # told of the stacks before anything runs, and before they are taken down
        self.mending: Mending | None = None
        self._broker: Any = None
        self._courses: Courses | None = None
        self._ended: Courses | None = None
        self._making = threading.Lock()

    def __dir__(self) -> list[str]:
        return hooks_of(type(self))

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that have items; an attached stack is read and not touched."""
        from pytest_dockerharden.live.phases import PHASES, READING

        option = self.config.option
        if option.harden_attach:
            return READING
        return PHASES if option.harden_live else ()

    @property
    def evaluation(self) -> Evaluation:
        """What static mode says of the same files."""
        from pytest_dockerharden.current import evaluation_of

        return evaluation_of(self.config)

    def questions(self, file: str) -> Iterator[tuple[Phase, list[Question]]]:
        """What is asked of the stacks of a compose file, phase by phase; nothing is started for it."""
        for phase in self.phases:
            questions = [q for course in self.own_courses.of(file) for q in course.questions(phase)]
            if questions:
                yield phase, questions

    def collectors(self, file: str, parent: pytest.Collector) -> Iterator[pytest.Collector]:
        """What stands below a compose file, beside ``static``."""
        from pytest_dockerharden.live.items import LivePhase

        return (LivePhase.of(phase, parent, questions) for phase, questions in self.questions(file))

    @property
    def own_courses(self) -> Courses:
        """What would run: in a worker, it tells only what there is to ask."""
        with self._making:
            if self._courses is None:
                self._courses = self._make()
            return self._courses

    def _make(self) -> Courses:
        from pytest_dockerharden.live.course import Settings
        from pytest_dockerharden.live.courses import Courses
        from pytest_dockerharden.live.progress import Progress

        option = self.config.option
        settings = Settings(option.harden_attach or "", option.harden_timeout, option.harden_keep)
        courses = Courses(self.evaluation.scopes, settings, option.harden_engine or "", Progress(self.config))
        if self.mending is not None:
            self.mending.watch(courses)
        return courses

    @functools.cached_property
    def courses(self) -> Courses | RemoteCourses:
        """Who answers: the stacks themselves, or the controller."""
        if not hasattr(self.config, "workerinput"):
            return self.own_courses
        from pytest_dockerharden.live.broker import RemoteCourses

        return RemoteCourses(*self.config.workerinput[INPUT])

    # one stack for all workers

    def introduce(self, node: Any) -> None:
        """Tell a worker where its questions are answered."""
        from pytest_dockerharden.live.broker import Broker

        if self._broker is None:
            self._broker = Broker(lambda: self.own_courses)
        node.workerinput[INPUT] = self._broker.address

    def known_result(self, file: str, name: str, phase: str) -> Result:
        """What a worker was told."""
        for course in self.own_courses.of(file):
            known = course.known(name, phase)
            if known is not None:
                return known
        raise LookupError(f"{file}::{phase}::{name}")

    def not_applicable(self) -> list[Result]:
        """What had nothing to judge in the phases that were reached."""
        courses = self._courses or self._ended
        known = courses.results() if courses is not None else ()
        return [result for result in known if result.verdict == "not-applicable"]

    def observed(self, project: Project) -> Mapping[str, Mapping[str, Sequence[Posture]]]:
        """What was seen of the stack of a project that static mode judged: postures by phase and service."""
        from pytest_dockerharden.live.course import key_of

        courses = self._courses or self._ended
        course = courses.all.get(key_of(project)) if courses is not None else None
        return course.observed if course is not None else {}

    # who uses what

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        from pytest_dockerharden.live.items import LiveItem

        self.needed = frozenset(item.question.phase for item in session.items if isinstance(item, LiveItem))

    def hold(self) -> None:
        """Tests of the user's own ask for the stacks."""
        if not self.config.option.collectonly:
            self.courses.hold()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if not uses_stack(item):
            return (yield)
        self.courses.lease()
        try:
            return (yield)
        finally:
            self.courses.release()

    # the end

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        """Let SIGTERM end the run as Ctrl-C does, where nobody else wants it."""
        ours = threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGTERM")
        if not ours or not self.phases or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return (yield)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return (yield)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._courses is not None:
            self._courses.failed = lambda: session.testsfailed > 0
            if self.mending is not None and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
                self.mending.prove(self._courses)
        self.close()

    def pytest_unconfigure(self) -> None:
        self.close()

    def close(self) -> None:
        """Take down what is left. Does nothing the second time."""
        if "courses" in self.__dict__ or self._courses is not None:
            courses = self.__dict__.pop("courses", self._courses)
            self._courses, self._ended = (None if courses is self._courses else self._courses), self._courses
            courses.close()
        if self._broker is not None:
            self._broker.close()
            self._broker = None


def uses_stack(item: pytest.Item) -> bool:
    """Whether a test asks for a running stack."""
    return "harden_stack" in getattr(item, "fixturenames", ())
