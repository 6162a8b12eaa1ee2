"""The course of one stack: up, observed, judged, drilled, restarted, observed and judged again, stopped, gone."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_dockerharden.live.engine import answering
from pytest_dockerharden.live.phases import READING, Phase, Question
from pytest_dockerharden.live.secrecy import Secrecy
from pytest_dockerharden.live.seeing import observe, with_last_words
from pytest_dockerharden.live.verdicts import LiveVerdicts, not_up, unproven
from pytest_dockerharden.model.control import Judged
from pytest_dockerharden.model.engine import NAME
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.stack.errors import EngineError, RefusedError, StackError
from pytest_dockerharden.verdicts import COMES_UP, Result

if TYPE_CHECKING:
    import docker

    from pytest_dockerharden.assemble import Combination
    from pytest_dockerharden.model.drill import Drill
    from pytest_dockerharden.model.posture import Posture
    from pytest_dockerharden.scope import Scope
    from pytest_dockerharden.stack.run import Run
    from pytest_dockerharden.stack.stack import Stack

Progress = Callable[[str], None]

# seconds for a stack to come up and be healthy
DEADLINE = 300.0
# controls of drills that a restart and a stop alone answer
WITHOUT_PROBES = frozenset({"survives-restart", "stops-within-its-grace-period"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked of the live run. ``deadline`` in seconds bounds a bring-up; None leaves it to the policy."""

    attach: str = ""
    deadline: float | None = None
    keep: str = "never"
    keep_ports: bool = False


@dataclass(slots=True, eq=False)
class Course:
    """One combination of compose files as a stack. Results come phase by phase; each phase happens once.

    ``statically`` is the project as static mode judged it, ``project`` the same files under the name of this run, with
    the variables of this process, as Docker Compose would load them.
    """

    scope: Scope
    statically: Project
    combination: Combination
    prefix: str
    run: Run
    settings: Settings
    progress: Progress = lambda line: None
    proceed: Callable[[], None] = lambda: None
    seen: Callable[[Course, docker.DockerClient], None] = lambda course, client: None
    project: Project | None = None
    refusal: StackError | None = None
    stack: Stack | None = None
    postures: dict[str, list[Posture]] = field(default_factory=dict)
    observed: dict[str, dict[str, list[Posture]]] = field(default_factory=dict)
    drills: dict[str, Drill] = field(default_factory=dict)
    done: dict[Phase, dict[str, Result]] = field(default_factory=dict)
    failures: dict[Phase, StackError] = field(default_factory=dict)
    unproven: list[Result] = field(default_factory=list)
    secrecy: Secrecy = field(default_factory=lambda: Secrecy(None))
    asks_engine: bool = False
    learnt: bool = False
    drilled: bool = False
    restarted: bool = False
    stopped: bool = False
    told: bool = False

    def __post_init__(self) -> None:
        try:
            self.project = self._load()
            self.secrecy = Secrecy(self.project)
        except StackError as error:
            self.refusal = error

    @property
    def key(self) -> str:
        """Tells the courses of one run apart, in every process of it."""
        return key_of(self.statically)

    @property
    def file(self) -> str:
        """The compose file whose items these are."""
        return self.statically.files[0]

    def _load(self) -> Project:
        from pytest_dockerharden.assemble import assemble

        named = replace(
            self.combination,
            project_name=f"dh-{self.run.id}",
            profiles=self._profiles(),
            env_files=self._env_files(),
        )
        assembly = assemble([named], root=self.scope.root, environment=os.environ, running=True)
        if not assembly.projects:
            problem = assembly.failures[0]
            raise RefusedError(problem)
        return assembly.projects[0]

    def _profiles(self) -> tuple[str, ...] | None:
        """Static mode judges every profile; what runs is what `docker compose up` would run, or what was asked for."""
        asked = self.scope.evaluation.request.overrides.profiles
        configured = self.scope.policy.live.profiles
        if asked or configured is not None:
            return asked or configured
        return None if self.combination.profiles == ("*",) else self.combination.profiles

    def _env_files(self) -> tuple[str, ...]:
        """Those for live runs go on top of what static mode reads, ``.env`` included."""
        files, more = self.combination.env_files, self.scope.policy.live.env_files
        if not more or self.scope.evaluation.request.overrides.env_files:
            return files
        default = os.path.join(self.statically.directory, ".env")
        return (files or ((default,) if os.path.isfile(default) else ())) + more

    def questions(self, phase: Phase) -> Iterator[Question]:
        """Everything that is asked in a phase, known before anything runs."""
        if phase == "engine":
            yield from self._questions_of_engine()
            return
        judges: Judged = "Drill" if phase == "drill" else "Posture"
        if phase != "drill":
            yield Question(self.key, phase, COMES_UP, "", self.prefix)
        chosen = self.scope.selection.chosen
        for control in self.scope.selection.of(judges):
            if control.id in chosen:
                for service in self.project.services if self.project else ():
                    subject = "/".join(filter(None, (self.prefix, service)))
                    yield Question(self.key, phase, control, service, subject)

    def _questions_of_engine(self) -> Iterator[Question]:
        chosen = self.scope.selection.chosen if self.asks_engine else {}
        for control in self.scope.selection.of("Engine"):
            if control.id in chosen:
                yield Question(self.key, "engine", control, "", NAME)

    def result(self, phase: Phase, name: str, needed: Collection[Phase], client: docker.DockerClient | None) -> Result:
        """The verdict on one question; what has to happen before happens now. ``needed`` are all phases asked for."""
        for earlier in self._before(phase, needed):
            if earlier not in self.done and earlier not in self.failures:
                self._enter(earlier, needed, client)
        failure = self._failure(phase)
        if failure is None or (phase == "engine" and phase in self.done):
            return self.done[phase][name]
        result = self._unproven(phase, name, failure)
        self.unproven.append(result)
        return result

    def _before(self, phase: Phase, needed: Collection[Phase]) -> list[Phase]:
        if phase in READING:
            return [phase]
        # restarted is observed before the drill of stopping it, if somebody wants to see it
        earlier: list[Phase] = ["live", "restarted"] if "restarted" in {*needed, phase} else ["live"]
        return earlier if phase == "restarted" else [*earlier, "drill"]

    def _failure(self, phase: Phase) -> StackError | None:
        fatal = self.failures.get("live")
        # an engine on which a stack does not come up may be judged all the same
        if phase == "engine" and not isinstance(fatal, EngineError):
            fatal = None
        return fatal or self.failures.get(phase)

    def _enter(self, phase: Phase, needed: Collection[Phase], client: docker.DockerClient | None) -> None:
        if client is None or ("live" in self.failures and phase != "engine"):
            return
        try:
            self.done[phase] = getattr(self, f"_{phase}")(needed, client)
        except StackError as error:
            self.failures[phase] = error
            if phase == "live" or isinstance(error, EngineError):
                self.failures.setdefault("live", error)
                self.down()

    def _engine(self, needed: Collection[Phase], client: docker.DockerClient) -> dict[str, Result]:
        from pytest_dockerharden.observe.engine import observe_engine

        with answering():
            engine = observe_engine(client)
        return self._verdicts().engine(engine)

    def _live(self, needed: Collection[Phase], client: docker.DockerClient) -> dict[str, Result]:
        self.up(client)
        return self._observed("live", client)

    def _restarted(self, needed: Collection[Phase], client: docker.DockerClient) -> dict[str, Result]:
        self._drill_and_restart(needed, client)
        return self._observed("restarted", client)

    def _drill(self, needed: Collection[Phase], client: docker.DockerClient) -> dict[str, Result]:
        from pytest_dockerharden import drills

        self._drill_and_restart(needed, client)
        assert self.stack is not None
        with answering():
            drills.stop(self.stack, client, self.drills, progress=self.progress)
        self.stopped = True
        return with_last_words(self._verdicts().drills(self.drills), self.stack, client, self.secrecy)

    def _drill_and_restart(self, needed: Collection[Phase], client: docker.DockerClient) -> None:
        from pytest_dockerharden import drills

        assert self.stack is not None
        with answering():
            if "drill" in needed and not self.drilled:
                self.drilled = True
                probing = self._is_probed()
                self.drills = drills.active(self.stack, client, self.postures, progress=self.progress, probing=probing)
            if not self.restarted:
                self.restarted = True
                if self.drilled:
                    drills.restart(self.stack, client, self.drills, progress=self.progress, masked=self.secrecy.masked)
                else:
                    self.stack.restart()

    def _is_probed(self) -> bool:
        """Whether somebody asks for more than how the services restart and stop."""
        chosen = self.scope.selection.chosen
        return any(c.id in chosen and c.id not in WITHOUT_PROBES for c in self.scope.selection.of("Drill"))

    def up(self, client: docker.DockerClient) -> Stack:
        """The stack, brought up if it is not. Raises StackError, again and again if it could not be."""
        from pytest_dockerharden.live.attach import attached
        from pytest_dockerharden.stack.stack import Stack

        if self.refusal:
            raise self.refusal
        if self.stack is None:
            assert self.project is not None
            try:
                with answering():
                    if self.settings.attach:
                        self.stack = attached(self.project, client, self.settings.attach)
                    else:
                        stack = Stack(
                            self.project,
                            client,
                            self.run,
                            deadline=self.settings.deadline or self.scope.policy.live.timeout or DEADLINE,
                            progress=self.progress,
                            proceed=self.proceed,
                            keep_ports=self.settings.keep_ports,
                            keep=self.settings.keep == "always",
                            keep_failed=self.settings.keep != "never",
                        )
                        stack.up()
                        self.stack = stack
                        for note in stack.notes:
                            self.progress(f"this engine cannot do all that is asked: {note}")
            except StackError as error:
                self.refusal = error
                raise
        elif self.stopped:
            self.stopped = False
            with answering():
                self.stack.restart()
        return self.stack

    def _observed(self, phase: Phase, client: docker.DockerClient) -> dict[str, Result]:
        self.progress("reading every container from the kernel")
        assert self.stack is not None and phase != "drill"
        self._learn_images(client)
        self.postures = self.observed[phase] = observe(self.stack, self.project, client, phase)
        self.seen(self, client)
        return with_last_words(self._verdicts().postures(phase, self.postures), self.stack, client, self.secrecy)

    def look_again(self, client: docker.DockerClient) -> None:
        """Have the stack looked at as it is after tests of the user's own; what was judged stays. Raises StackError."""
        if self.stack is not None and not self.stopped and "live" in self.done:
            self.progress("looking again, after the tests that use it")
            with answering():
                self.postures = observe(self.stack, self.project, client, "live")
                self.seen(self, client)

    def _learn_images(self, client: docker.DockerClient) -> None:
        """What the images bring is no guess any more; static mode said of it that it is not known."""
        from pytest_dockerharden.imaging.configurations import predict_from_images

        if self.project is not None and self.stack is not None and not self.learnt:
            self.learnt = True
            with answering():
                predict_from_images(self.project, self.stack.containers, client)

    def _verdicts(self) -> LiveVerdicts:
        return LiveVerdicts(self.scope, self.project or self.statically, self.file, self.prefix, self.statically)

    def _unproven(self, phase: Phase, name: str, failure: StackError) -> Result:
        """The first item that asks says why; the others prove nothing and are not to blame."""
        question = next(question for question in self.questions(phase) if question.name == name)
        says_it = question.control is COMES_UP and (phase == "live" or "live" not in self.failures)
        if not says_it and self.told:
            return unproven(question, failure, self.scope, self.statically, self.secrecy)
        self.told = True
        return not_up(question, failure, self.statically, self.secrecy)

    def results(self) -> Iterator[Result]:
        """Everything that was judged so far."""
        for phase in self.done.values():
            yield from phase.values()

    def known(self, name: str, phase: str) -> Result | None:
        """What was answered to a question."""
        for done, results in self.done.items():
            if done == phase and name in results:
                return results[name]
        return next((result for result in self.unproven if (result.name, result.phase) == (name, phase)), None)

    def finished(self, needed: Collection[Phase]) -> bool:
        """Whether nothing more is to be asked of it."""
        return all(phase in self.done or self._failure(phase) or not any(self.questions(phase)) for phase in needed)

    def down(self, *, failed: bool = False) -> None:
        """Take the stack down, unless it is to be kept or is not ours."""
        stack, self.stack = self.stack, None
        if stack is not None and not self.settings.attach:
            stack.keep = self.settings.keep == "always" or (self.settings.keep == "failed" and failed)
            stack.down()


def last_words(client: docker.DockerClient, container: str) -> tuple[str, ...]:
    """Exit code, last health output and last log lines of a container, secrets masked."""
    from pytest_dockerharden.stack.waiting import State, evidence

    return evidence(client, container, State.of(client.api.inspect_container(container)))


def key_of(project: Project) -> str:
    """The key of the stack of a project."""
    return "\n".join((project.combination, *project.files))
