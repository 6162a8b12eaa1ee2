"""Names and labels of what a project creates, as Docker Compose gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.stack.run import RUN

# the version whose request bodies ours are held against; `docker compose ps` reads it
COMPOSE_VERSION = "5.6.1"
PREFIX = "com.docker.compose"


@dataclass(frozen=True, slots=True)
class Names:
    """How one run names things. ``labels`` are put on everything it creates, on top of those of Docker Compose.

    Without ``fixed_names`` nothing gets a name that the compose files fix: what bears it may be somebody else's.
    ``remote`` is an engine that does not see this machine's files.
    """

    project: Project
    labels: dict[str, str] = field(default_factory=dict)
    fixed_names: bool = True
    env_files: tuple[str, ...] = ()
    remote: bool = False

    def container(self, service: Service, number: int = 1) -> str:
        """``container_name`` where it is honoured, else ``<project>-<service>-<number>``."""
        fixed = service.text("container_name") if self.fixed_names else ""
        return fixed or f"{self.project_name}-{service.name}-{number}"

    @property
    def project_name(self) -> str:
        """The project's, or one that only this run bears."""
        name, run = self.project.name, self.labels.get(RUN, "")
        return name if self.fixed_names or run in name else f"{name}-{run}"

    def resource(self, kind: str, key: str) -> str:
        """The engine's name of a network or volume of the project."""
        nodes = self.project.networks if kind == "network" else self.project.volumes
        node = nodes.get(key)
        name = node.get("name") if node and self.fixed_names else None
        return name.text() if name else f"{self.project_name}_{key}"

    def image(self, service: Service) -> str:
        """The image reference: a service that is only built is ``<project>-<service>``."""
        return service.text("image") or f"{self.project.name}-{service.name}"

    def resource_labels(self, kind: str, key: str) -> dict[str, str]:
        """Labels of a network or volume."""
        return {
            f"{PREFIX}.{kind}": key,
            f"{PREFIX}.project": self.project_name,
            f"{PREFIX}.version": COMPOSE_VERSION,
            **self.labels,
        }

    def container_labels(self, service: Service, number: int = 1) -> dict[str, str]:
        """Labels of a container, those that `docker compose` looks for included."""
        labels = {
            f"{PREFIX}.container-number": str(number),
            f"{PREFIX}.oneoff": "False",
            f"{PREFIX}.project": self.project_name,
            f"{PREFIX}.project.config_files": ",".join(self.project.files),
            f"{PREFIX}.project.working_dir": self.project.directory,
            f"{PREFIX}.service": service.name,
            f"{PREFIX}.version": COMPOSE_VERSION,
            **self.labels,
        }
        optional = {
            f"{PREFIX}.depends_on": depends_on_label(service),
            f"{PREFIX}.project.environment_file": ",".join(self.env_files),
        }
        return labels | without_empty(optional)


def depends_on_label(service: Service) -> str:
    """``redis:service_healthy:true,…``: name, condition, and whether a restart of it restarts this one."""
    node = service.get("depends_on")
    parts = []
    for name, entry in node.items() if node else ():
        if name not in service.project.services:
            continue
        condition, restart = entry.get("condition"), entry.get("restart")
        restarts = bool(restart and restart.value)
        parts.append(f"{name}:{condition.text() if condition else 'service_started'}:{str(restarts).lower()}")
    return ",".join(parts)


def without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """The mapping without what is empty or zero."""
    return {key: item for key, item in value.items() if item}
