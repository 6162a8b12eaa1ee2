"""Networks, volumes and containers of a project, created and not yet started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.project import Service
from pytest_dockerharden.stack import isolation
from pytest_dockerharden.stack.container import CannotRun, container_body
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.names import PREFIX, Names
from pytest_dockerharden.stack.resources import is_external, network_body, used_networks, used_volumes, volume_body
from pytest_dockerharden.stack.run import RUN

if TYPE_CHECKING:
    import docker

# engines before it take one endpoint at creation
MANY_ENDPOINTS = (1, 44)
# by the prefix of their options
MODULES = {"apparmor": "AppArmor", "label": "SELinux"}
OVERLAP_HINT = ("stop the stack that uses these addresses, or use --harden-engine private",)


@dataclass(slots=True)
class Creation:
    """Creates on one engine under the names of one run. ``images`` are references by service.

    ``containers`` and ``notes`` are added to: ids by service, and what this engine cannot honour.
    """

    client: docker.DockerClient
    names: Names
    images: dict[str, str]
    containers: dict[str, list[str]]
    keep_ports: bool = False
    progress: Callable[[str], None] = lambda line: None
    notes: list[str] = field(default_factory=list)

    def resources(self) -> None:
        """Networks and volumes, own ones for those that are external too: those of others are not joined or mounted."""
        for key in used_networks(self.names, external=True):
            self.resource("network", key, network_body(key, self.names) | {"CheckDuplicate": True})
        for key in used_volumes(self.names, external=True):
            self.resource("volume", key, volume_body(key, self.names))

    def resource(self, kind: str, key: str, body: dict[str, Any]) -> None:
        """One network or volume. Raises StackError with what the engine said."""
        from docker.errors import APIError

        declared = getattr(self.names.project, f"{kind}s").get(key)
        if declared is not None and is_external(declared):
            self.notes.append(f"the external {kind} {key} is an empty one of this run")
        try:
            post(self.client.api, f"/{kind}s/create", body)
        except APIError as error:
            hint = OVERLAP_HINT if "overlaps" in explanation(error) else ()
            raise StackError(f"the engine refused to create the {kind} {key}", (explanation(error), *hint)) from None

    def note_security(self) -> None:
        """What an engine drops without a word: options of a security module that its kernel has not loaded."""
        asked = [
            (service.name, option.text(), module)
            for service in self.names.project.services.values()
            for option in service.items("security_opt")
            for prefix, module in MODULES.items()
            if option.text().startswith(prefix) and not option.text().endswith(("unconfined", "disable"))
        ]
        if asked:
            loaded = {entry.split(",")[0] for entry in self.client.info().get("SecurityOptions") or ()}
            self.notes += [
                f"{name}: {option} has no effect, the engine's machine is without {module}"
                for name, option, module in asked
                if f"name={module.lower()}" not in loaded
            ]

    def service(self, service: Service) -> None:
        """All containers of a service."""
        for number in range(1, scale(service) + 1):
            self.progress(f"{service.name}: creating")
            self.container(service, number)

    def container(self, service: Service, number: int) -> None:
        """One container. Raises StackError with what the engine said."""
        from docker.errors import APIError

        body = self.body(service, number)
        binds = [bind.partition(":")[0] for bind in body["HostConfig"].get("Binds", ()) if bind.startswith("/")]
        if self.names.remote and number == 1:
            self.notes += [f"{service.name}: {path} is mounted from the engine's machine" for path in binds]
        later = self.later_endpoints(body)
        try:
            created = self.client.api.create_container_from_config(
                body, name=self.names.container(service, number), platform=service.text("platform") or None
            )
        except APIError as error:
            raise StackError(f"{service.name}: the engine refused to create it", (explanation(error),)) from None
        self.containers.setdefault(service.name, []).append(created["Id"])
        self.notes += [f"{service.name}: {warning}" for warning in created.get("Warnings") or ()]
        for network, endpoint in later.items():
            joining = {"Container": created["Id"], "EndpointConfig": endpoint}
            post(self.client.api, f"/networks/{network}/connect", joining)

    def body(self, service: Service, number: int) -> dict[str, Any]:
        """As Docker Compose would send it, but for what keeps a run of ours apart."""
        try:
            body = container_body(service, self.names, lambda name: self.containers[name][0], number)
        except (CannotRun, OSError, ValueError) as error:
            raise StackError(str(error)) from None
        image = self.images[service.name]
        body["Image"] = image
        # `docker compose ps` and `down` look for these two and do not check their values
        body["Labels"] |= {f"{PREFIX}.config-hash": self.names.labels[RUN], f"{PREFIX}.image": image}
        if not self.keep_ports:
            isolation.remap_ports(body)
        return body

    def later_endpoints(self, body: dict[str, Any]) -> dict[str, Any]:
        """Taken out of the body: they are connected after creation where the engine takes one only."""
        endpoints = body["NetworkingConfig"]["EndpointsConfig"]
        if tuple(map(int, self.client.api._version.split("."))) >= MANY_ENDPOINTS:
            return {}
        first = body["HostConfig"]["NetworkMode"]
        later = {network: endpoint for network, endpoint in endpoints.items() if network != first}
        body["NetworkingConfig"] = {"EndpointsConfig": {k: v for k, v in endpoints.items() if k == first}}
        return later


def scale(service: Service) -> int:
    """How many containers a service has; 0 is a number too."""
    text = service.text("scale") or service.text("deploy.replicas")
    return int(text) if text else 1


def post(api: Any, path: str, body: dict[str, Any]) -> None:
    """A request body of our own: the SDK's wrappers lack some of its fields."""
    api._raise_for_status(api._post_json(api._url(path), data=body))


def explanation(error: BaseException) -> str:
    """What the engine said."""
    return str(getattr(error, "explanation", None) or error).strip()
