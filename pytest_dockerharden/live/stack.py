"""A running stack in the hands of a user's own test."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from pytest_dockerharden.live.courses import Running
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.tomlfile import did_you_mean

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

    from pytest_dockerharden.model.posture import Posture
    from pytest_dockerharden.observe.testinfra_host import ContainerHost


class HardenStack:
    """What the fixture ``harden_stack`` gives. ``containers`` are ids by service, in order of number."""

    def __init__(self, project: Project, running: Running) -> None:
        self.project = project
        self.containers = running.containers
        self._running = running
        self._hosts: dict[tuple[str, str], ContainerHost] = {}

    @functools.cached_property
    def client(self) -> docker.DockerClient:
        """A client of the engine that the stack runs on."""
        from pytest_dockerharden.stack.engine import connect

        return connect(self._running.host)

    def container(self, service: str) -> Container:
        """The first container of a service, as the Docker SDK has it."""
        return self.client.containers.get(self._of(service)[0])

    def address(self, service: str, port: int, protocol: str = "tcp") -> tuple[str, int]:
        """Where a published port of a service is reached from here: ports are moved to free ones of loopback."""
        found = self.client.api.inspect_container(self._of(service)[0])
        bindings = found["NetworkSettings"]["Ports"].get(f"{port}/{protocol}")
        if not bindings:
            pytest.fail(f"{service} publishes no port {port}/{protocol}", pytrace=False)
        return bindings[0]["HostIp"], int(bindings[0]["HostPort"])

    def host(self, service: str, user: str = "") -> ContainerHost:
        """testinfra's modules in the container of a service. A command that cannot run raises ProbeDidNotRun."""
        from pytest_dockerharden.observe.host import host

        known = self._hosts.get((service, user))
        if known is None:
            images = [self.client.api.inspect_container(ids[0])["Image"] for ids in self.containers.values() if ids]
            known = host(self._of(service)[0], self.client, user=user, tools=images, labels=self._running.labels)
            self._hosts[service, user] = known
        return known

    def posture(self, service: str) -> Posture:
        """What the kernel shows of a service now, read anew; ``predicted`` is what its files say."""
        from pytest_dockerharden.live.seeing import observe

        self._of(service)
        return observe(self.containers, self.project, self.client)[service][0]

    def close(self) -> None:
        """End the shells of its hosts."""
        while self._hosts:
            self._hosts.popitem()[1].close()

    def _of(self, service: str) -> list[str]:
        if not self.containers.get(service):
            pytest.fail(f"no service `{service}` runs{did_you_mean(service, self.containers)}", pytrace=False)
        return self.containers[service]

    def __repr__(self) -> str:
        services: Any = ", ".join(self.containers)
        return f"<HardenStack {self.project.name}: {services}>"
