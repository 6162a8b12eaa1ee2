"""All stacks of one run, in the process that owns them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_dockerharden.live.course import Course, Settings
from pytest_dockerharden.live.engine import Engine
from pytest_dockerharden.live.phases import READING, Phase
from pytest_dockerharden.scope import Scope
from pytest_dockerharden.stack.errors import EngineError, StackError
from pytest_dockerharden.stack.waiting import Cancelled
from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    from pytest_dockerharden.stack.run import Run

# seconds for another thread to end what it is doing
GRACE = 20.0


@dataclass(frozen=True, slots=True)
class Running:
    """What another process needs to use a stack that runs: container ids by service, and where the engine answers."""

    host: str | None
    containers: dict[str, list[str]]
    labels: dict[str, str]


class Courses:
    """Brings a stack up when the first item or fixture asks for it, and takes each down once.

    One thing happens at a time; a test that uses a stack holds a lease of it, and a restart waits for those.
    """

    def __init__(self, scopes: Collection[Scope], settings: Settings, engine: str, say: Callable[[str], None]) -> None:
        from pytest_dockerharden.stack.run import Run

        self.settings = settings
        self.engine = Engine(engine, say)
        self.all = {course.key: course for scope in scopes for course in _courses(scope, settings, Run.start)}
        for course in self.all.values():
            course.progress, course.proceed = say, self._proceed
        # one engine runs them all: what is said of it stands under the first
        for course in [*self.all.values()][:1]:
            course.asks_engine = True
        self.failed: Callable[[], bool] = lambda: False
        self.held = False
        self._working = threading.RLock()
        self._idle = threading.Condition()
        self._leases = 0
        self._cancelled = False

    def of(self, file: str) -> list[Course]:
        """The courses whose items stand under a compose file."""
        return [course for course in self.all.values() if course.file == file]

    def result(self, stack: str, phase: Phase, name: str, needed: Collection[Phase]) -> Result:
        """The verdict on one item; everything that has to happen before happens now."""
        course = self.all[stack]
        if phase in course.done or phase in course.failures:
            return course.result(phase, name, needed, None)
        with self._undisturbed(phase), self._working:
            result = self._ask(course, phase, name, needed)
            self._retire(course, needed)
            return result

    def _ask(self, course: Course, phase: Phase, name: str, needed: Collection[Phase]) -> Result:
        for other in self.all.values():
            if other is not course:
                self._retire(other, needed)
        try:
            client = self.engine.client
        except EngineError as error:
            course.failures.setdefault("live", error)
            client = None
        return course.result(phase, name, needed, client)

    def _retire(self, course: Course, needed: Collection[Phase]) -> None:
        """Take down what nobody will ask of any more, unless only the end of the run tells if it is to be kept."""
        if course.finished(needed) and not self.held and self.settings.keep == "never":
            course.down()

    @contextlib.contextmanager
    def _undisturbed(self, phase: Phase) -> Iterator[None]:
        """From the restart on: begin when nobody uses a stack, and let who wants to meanwhile wait."""
        if phase in READING:
            yield
            return
        with self._idle:
            while self._leases and not self._cancelled:
                self._idle.wait(0.2)
            yield

    def running(self, stack: str) -> Running:
        """A stack that is up, for a test of the user's own. Raises StackError."""
        with self._working:
            course = self.all[stack]
            running = course.up(self.engine.client)
            return Running(self.engine.host, dict(running.containers), running.run.labels)

    def hold(self) -> None:
        """Tests of the user's own will ask for stacks: take none down before the end."""
        self.held = True

    def lease(self) -> None:
        """Keep every stack as it is until :meth:`release`. One that a drill has stopped is brought up again first."""
        with self._idle:
            self._leases += 1
        with self._working, contextlib.suppress(StackError):  # the test sees for itself what does not come back
            for course in self.all.values():
                if course.stopped and course.stack is not None:
                    course.up(self.engine.client)

    def release(self) -> None:
        """End a lease."""
        with self._idle:
            self._leases -= 1
            self._idle.notify_all()

    def _proceed(self) -> None:
        """Called by a stack that waits: the run may end while another thread brings it up."""
        if self._cancelled:
            raise Cancelled

    def results(self) -> Iterator[Result]:
        """Everything that was judged so far, what does not apply included."""
        for course in self.all.values():
            yield from course.results()

    def close(self) -> None:
        """Take everything down. What another thread is just bringing up is left to the reaper if it does not end."""
        self._cancelled = True
        if not self._working.acquire(timeout=GRACE):
            return
        try:
            for course in self.all.values():
                course.down(failed=self.failed())
            self.engine.close()
        finally:
            self._working.release()


def _courses(scope: Scope, settings: Settings, new_run: Callable[[], Run]) -> Iterator[Course]:
    combinations = {combination.files: combination for combination in scope.combinations}
    for project in scope.assembly.projects:
        combination = combinations.get(project.files)
        if combination is not None:
            yield Course(scope, project, combination, scope.prefix(project), new_run(), settings)
