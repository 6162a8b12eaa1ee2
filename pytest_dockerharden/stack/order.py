"""Which service starts after which, and what it waits for."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_dockerharden.model.project import Project, Service


@dataclass(frozen=True, slots=True)
class Dependency:
    """One entry of ``depends_on``; ``condition`` is service_started, _healthy or _completed_successfully."""

    service: str
    condition: str
    required: bool


def dependencies(service: Service) -> list[Dependency]:
    """What a service depends on, of the services that are there."""
    node = service.get("depends_on")
    found = []
    for name, entry in node.items() if node else ():
        if name in service.project.services:
            condition, required = entry.get("condition"), entry.get("required")
            found.append(
                Dependency(
                    name,
                    condition.text() if condition else "service_started",
                    required is None or required.value is not False,
                )
            )
    return found


def levels(project: Project) -> list[list[Service]]:
    """Services in groups: those of one group depend on earlier groups alone and can be started together.

    The loader has refused cycles; should one be left, its members form the last group.
    """
    waiting = {name: {d.service for d in dependencies(service)} for name, service in project.services.items()}
    groups: list[list[Service]] = []
    while waiting:
        ready = [name for name, needs in waiting.items() if not needs] or list(waiting)
        groups.append([project.services[name] for name in ready])
        waiting = {name: needs.difference(ready) for name, needs in waiting.items() if name not in ready}
    return groups


def completing(project: Project) -> set[str]:
    """Services that others wait for to end: they are up when they have exited with 0."""
    return {
        dependency.service
        for service in project.services.values()
        for dependency in dependencies(service)
        if dependency.condition == "service_completed_successfully"
    }
