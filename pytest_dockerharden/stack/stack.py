"""A project as running containers: up, healthy, restarted, stopped, gone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.source.compose.units import parse_duration
from pytest_dockerharden.stack import images, unset
from pytest_dockerharden.stack.creation import Creation, explanation, scale
from pytest_dockerharden.stack.engine import endpoint_of
from pytest_dockerharden.stack.errors import EngineError, StackError
from pytest_dockerharden.stack.grants import put_grants
from pytest_dockerharden.stack.names import Names
from pytest_dockerharden.stack.order import completing, dependencies, levels
from pytest_dockerharden.stack.parallel import WORKERS, Progression
from pytest_dockerharden.stack.private import images_source
from pytest_dockerharden.stack.reaper import Reaper
from pytest_dockerharden.stack.run import Run, keep, remove, sweep_once
from pytest_dockerharden.stack.waiting import State, Watch

if TYPE_CHECKING:
    import docker


@dataclass(slots=True)
class Stopped:
    """How a container ended when it was asked to: exit code, and seconds from the request to the end."""

    exit_code: int
    seconds: float


@dataclass(slots=True, eq=False)
class Stack:
    """A running project. Use it as a context manager: whatever happens inside, all of it is removed.

    ``client`` is connected to the engine; ``deadline`` in seconds bounds bringing it up. ``progress`` gets one line of
    text for each step. ``containers`` are ids by service, in order of number; ``images`` the references they run;
    ``notes`` what this engine cannot honour. ``keep`` may be set until the end, and
    ``keep_failed`` keeps what did not come up. ``proceed`` is called twice a second
    while anything is awaited: what it raises ends the wait.
    """

    project: Project
    client: docker.DockerClient
    run: Run = field(default_factory=Run.start)
    deadline: float = 300.0
    progress: Callable[[str], None] = lambda line: None
    proceed: Callable[[], None] = lambda: None
    keep_ports: bool = False
    keep: bool = False
    keep_failed: bool = False
    containers: dict[str, list[str]] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    reaper: Reaper | None = None

    @property
    def names(self) -> Names:
        """How this run names things: nothing under a fixed name, which another stack may bear."""
        return Names(self.project, self.run.labels, fixed_names=False, remote=endpoint_of(self.client).remote)

    def __enter__(self) -> Stack:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def up(self) -> None:
        """Create and start everything, and wait until it is healthy. On any failure all of it is removed again.

        Before, what dead runs have left on the engine is removed. Raises StackError and EngineError.
        """
        for line in unset.settle(self.project):
            self.progress(line)
        endpoint = endpoint_of(self.client)
        self.reaper = Reaper.start(self.run, endpoint)
        try:
            with said_plainly():
                if sweep_once(self.client, endpoint.address):
                    self.progress("removed what runs have left that were killed")
                if self.keep:
                    keep(self.client, self.run, self.names.project_name)
                self._create()
                self.start()
        except BaseException as error:
            self.keep |= self.keep_failed and isinstance(error, StackError)
            self.down()
            raise

    def _create(self) -> None:
        services = list(self.project.services.values())
        with images_source(self.client) as source:
            self.images = images.prepare(self.client, services, self.run, self.progress, source)
        creation = Creation(
            self.client, self.names, self.images, self.containers, self.keep_ports, self.progress, self.notes
        )
        creation.note_security()
        creation.resources()
        # in the project's order, whatever order they are created in
        self.containers |= {service.name: [] for service in services if scale(service)}
        self._progression().run(creation.service, self.proceed)

    def _watch(self) -> Watch:
        return Watch(self.client, self.deadline, self.progress)

    def _progression(self) -> Progression:
        return Progression(self.project, self._watch())

    def start(self) -> None:
        """Start what is created or stopped, in order of dependency, and wait until all is healthy or has ended well."""
        progression = self._progression()
        up: list[Service] = []

        def start(service: Service) -> None:
            self._start_service(service, progression)
            up.append(service)

        def meanwhile() -> None:
            self.proceed()
            # one that came up may end while others are on their way
            self._still_up(list(up), progression.watch)

        progression.run(start, meanwhile)

    def _start_service(self, service: Service, progression: Progression) -> None:
        watch = progression.watch
        for dependency in dependencies(service):
            for container in self.containers.get(dependency.service, ()):
                try:
                    watch.until(dependency.service, container, dependency.condition)
                except StackError:
                    if dependency.required:
                        raise
        for container in self.containers.get(service.name, ()):
            put_grants(self.client, container, service, self.names.remote)
            self.progress(f"{service.name}: starting")
            self._start_container(service, container)
        progression.reached(service)
        self._up(service, watch)

    def _start_container(self, service: Service, container: str) -> None:
        from docker.errors import APIError

        try:
            self.client.api.start(container)
        except APIError as error:
            raise StackError(f"{service.name}: the engine could not start it", (explanation(error),)) from None

    def _up(self, service: Service, watch: Watch) -> None:
        for container in self.containers.get(service.name, ()):
            watch.until(service.name, container, self._condition(service))

    def _condition(self, service: Service) -> str:
        return "service_completed_successfully" if service.name in completing(self.project) else "up"

    def _still_up(self, services: list[Service], watch: Watch) -> None:
        for service in services:
            for container in self.containers.get(service.name, ()):
                watch.holds(service.name, container, self._condition(service))

    def restart(self) -> None:
        """Restart every container in dependency order and wait until all are healthy again."""
        progression = self._progression()
        ended = completing(self.project)
        progression.run(
            lambda service: None if service.name in ended else self._restart_service(service, progression.watch),
            self.proceed,
        )

    def _restart_service(self, service: Service, watch: Watch) -> None:
        for container in self.containers.get(service.name, ()):
            self.progress(f"{service.name}: restarting")
            self.client.api.restart(container, timeout=grace(service))
            watch.until(service.name, container, "up")

    def stop(self) -> dict[str, list[Stopped]]:
        """Ask every container to end, dependants first, and tell how each did."""
        result: dict[str, list[Stopped]] = {}
        for group in reversed(levels(self.project)):
            with ThreadPoolExecutor(WORKERS, thread_name_prefix="dockerharden-stop") as pool:
                for service, stopped in zip(group, pool.map(self._stop_service, group), strict=True):
                    result[service.name] = stopped
        return result

    def _stop_service(self, service: Service) -> list[Stopped]:
        stopped = []
        for container in self.containers.get(service.name, ()):
            self.progress(f"{service.name}: stopping")
            began = time.monotonic()
            self.client.api.stop(container, timeout=grace(service))
            seconds = time.monotonic() - began
            stopped.append(Stopped(int(self.client.api.inspect_container(container)["State"]["ExitCode"]), seconds))
        return stopped

    def state(self, service: str) -> State:
        """The state of a service's first container."""
        return State.of(self.client.api.inspect_container(self.containers[service][0]))

    def down(self) -> None:
        """Remove everything that bears this run's label, or say how to where it is to be kept.

        Does nothing the second time. Where the engine does not answer, or a second Ctrl-C comes, the reaper does it.
        """
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        reaper, self.reaper = self.reaper, None
        if reaper is None:
            return
        try:
            if self.keep:
                self.progress(f"kept; remove it with: {keep(self.client, self.run, self.names.project_name)}")
            else:
                self._remove()
        except (DockerException, RequestException, OSError):
            self.progress("the engine does not answer: what is left is removed when it does")
            reaper.release()
        except BaseException:
            reaper.release()
            raise
        else:
            reaper.dismiss()

    def _remove(self) -> None:
        self.progress("removing the stack")
        left = remove(self.client, self.run.id)
        if left:
            self.progress("not removed: " + "; ".join(left))


@contextlib.contextmanager
def said_plainly() -> Iterator[None]:
    """What the SDK raises as one StackError or EngineError for the user."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except APIError as error:
        raise StackError(f"the engine refused: {explanation(error)}") from None
    except (RequestException, DockerException, OSError) as error:
        raise EngineError(f"the engine stopped answering: {type(error).__name__}") from None


def grace(service: Service) -> int:
    """Seconds that a container has to end: ``stop_grace_period``, else the engine's ten."""
    text = service.text("stop_grace_period")
    return int(parse_duration(text)) if text else 10
