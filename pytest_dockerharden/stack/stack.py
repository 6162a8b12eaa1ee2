"""A project as running containers: up, healthy, restarted, stopped, gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.stack import images, isolation
from pytest_dockerharden.stack.container import CannotRun, container_body
from pytest_dockerharden.stack.errors import EngineError, StackError
from pytest_dockerharden.stack.grants import put_grants
from pytest_dockerharden.stack.names import PREFIX, Names
from pytest_dockerharden.stack.order import completing, dependencies, levels
from pytest_dockerharden.stack.reaper import Reaper
from pytest_dockerharden.stack.resources import network_body, used_networks, used_volumes, volume_body
from pytest_dockerharden.stack.run import Run, remove
from pytest_dockerharden.stack.waiting import State, Watch

if TYPE_CHECKING:
    import docker

WORKERS = 8


@dataclass(slots=True)
class Stopped:
    """How a container ended when it was asked to: exit code, and seconds from the request to the end."""

    exit_code: int
    seconds: float


@dataclass(slots=True, eq=False)
class Stack:
    """A running project. Use it as a context manager: whatever happens inside, all of it is removed.

    ``client`` is connected to the engine; ``deadline`` in seconds bounds bringing it up. ``progress`` gets one line of
    text for each step. ``containers`` are ids by service, in order of number; ``images`` the references they run.
    """

    project: Project
    client: docker.DockerClient
    run: Run = field(default_factory=Run.start)
    deadline: float = 300.0
    progress: Callable[[str], None] = lambda line: None
    keep_ports: bool = False
    keep: bool = False
    containers: dict[str, list[str]] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    reaper: Reaper | None = None

    @property
    def names(self) -> Names:
        """How this run names things: nothing under a fixed name, which another stack may bear."""
        return Names(self.project, self.run.labels, fixed_names=False)

    def __enter__(self) -> Stack:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def up(self) -> None:
        """Create and start everything, and wait until it is healthy. On any failure all of it is removed again."""
        from docker.errors import APIError
        from requests.exceptions import RequestException

        self.reaper = Reaper.start(self.run, images.address(self.client))
        try:
            self._create()
            self._start()
        except APIError as error:
            self.down()
            raise StackError(f"the engine refused: {error.explanation}") from None
        except (RequestException, OSError) as error:
            self.down()
            raise EngineError(f"the engine stopped answering: {type(error).__name__}") from None
        except BaseException:
            self.down()
            raise

    def _create(self) -> None:
        names, api = self.names, self.client.api
        services = list(self.project.services.values())
        self.images = images.prepare(self.client, services, self.run, self.progress)
        for key in used_networks(names):
            post(api, "/networks/create", network_body(key, names) | {"CheckDuplicate": True})
        for key in used_volumes(names):
            post(api, "/volumes/create", volume_body(key, names))
        for group in levels(self.project):
            for service in group:
                self._create_service(service, names)

    def _create_service(self, service: Service, names: Names) -> None:
        scale = service.text("scale") or service.text("deploy.replicas")
        count = int(scale) if scale else 1
        for number in range(1, count + 1):
            body = self._body(service, names, number)
            later = self._later_endpoints(body)
            self.progress(f"{service.name}: creating")
            try:
                created = self.client.api.create_container_from_config(body, name=names.container(service, number))
            except Exception as error:
                raise StackError(f"{service.name}: the engine refused to create it", (explanation(error),)) from None
            self.containers.setdefault(service.name, []).append(created["Id"])
            for network, endpoint in later.items():
                joining = {"Container": created["Id"], "EndpointConfig": endpoint}
                post(self.client.api, f"/networks/{network}/connect", joining)

    def _body(self, service: Service, names: Names, number: int) -> dict[str, Any]:
        try:
            body = container_body(service, names, lambda name: self.containers[name][0], number)
        except (CannotRun, OSError, ValueError) as error:
            raise StackError(str(error)) from None
        body["Image"] = self.images[service.name]
        # `docker compose ps` and `down` look for these two and do not check their values
        body["Labels"] |= {f"{PREFIX}.config-hash": self.run.id, f"{PREFIX}.image": body["Image"]}
        if not self.keep_ports:
            isolation.remap_ports(body)
        return body

    def _later_endpoints(self, body: dict[str, Any]) -> dict[str, Any]:
        """Taken out of the body: engines before API 1.44 take one endpoint at creation, others are connected later."""
        endpoints = body["NetworkingConfig"]["EndpointsConfig"]
        if tuple(map(int, self.client.api._version.split("."))) >= (1, 44):
            return {}
        first = body["HostConfig"]["NetworkMode"]
        later = {network: endpoint for network, endpoint in endpoints.items() if network != first}
        body["NetworkingConfig"] = {"EndpointsConfig": {k: v for k, v in endpoints.items() if k == first}}
        return later

    def _start(self) -> None:
        watch = Watch(self.client, self.deadline, self.progress)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="dockerharden-start") as pool:
            for group in levels(self.project):
                list(pool.map(lambda service: self._start_service(service, watch), group))
        ended = completing(self.project)
        for name, containers in self.containers.items():
            for container in containers:
                watch.until(name, container, "service_completed_successfully" if name in ended else "up")

    def _start_service(self, service: Service, watch: Watch) -> None:
        for dependency in dependencies(service):
            for container in self.containers.get(dependency.service, ()):
                try:
                    watch.until(dependency.service, container, dependency.condition)
                except StackError:
                    if dependency.required:
                        raise
        for container in self.containers.get(service.name, ()):
            put_grants(self.client, container, service)
            self.progress(f"{service.name}: starting")
            try:
                self.client.api.start(container)
            except Exception as error:
                raise StackError(f"{service.name}: the engine could not start it", (explanation(error),)) from None

    def restart(self) -> None:
        """Restart every container in dependency order and wait until all are healthy again."""
        watch = Watch(self.client, self.deadline, self.progress)
        ended = completing(self.project)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="dockerharden-restart") as pool:
            for group in levels(self.project):
                lasting = [service for service in group if service.name not in ended]
                list(pool.map(lambda service: self._restart_service(service, watch), lasting))

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
        """Remove everything that bears this run's label. Does nothing the second time, or when it is to be kept."""
        if self.reaper is None:
            return
        reaper, self.reaper = self.reaper, None
        if not self.keep:
            self.progress("removing the stack")
            left = remove(self.client, self.run.id)
            if left:
                self.progress("not removed: " + "; ".join(left))
        reaper.dismiss()


def grace(service: Service) -> int:
    """Seconds that a container has to end: ``stop_grace_period``, else the engine's ten."""
    from pytest_dockerharden.source.compose.units import parse_duration

    text = service.text("stop_grace_period")
    return int(parse_duration(text)) if text else 10


def post(api: Any, path: str, body: dict[str, Any]) -> None:
    """A request body of our own: the SDK's wrappers lack some of its fields."""
    api._raise_for_status(api._post_json(api._url(path), data=body))


def explanation(error: BaseException) -> str:
    """What the engine said."""
    return str(getattr(error, "explanation", None) or error).strip()
