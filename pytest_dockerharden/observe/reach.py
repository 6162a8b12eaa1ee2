"""What containers share: networks and namespaces, told by the engine of each network itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.fact import Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import NetworkAttachment, Posture

if TYPE_CHECKING:
    import docker

COMPOSE = "com.docker.compose."


@dataclass(slots=True)
class Reach:
    """``inspected`` and ``services`` by container, ``networks`` by the network's id."""

    services: dict[str, str]
    inspected: Mapping[str, dict[str, Any]]
    networks: dict[str, dict[str, Any]]

    @classmethod
    def of(
        cls,
        client: docker.DockerClient,
        containers: Mapping[str, Sequence[str]],
        inspected: Mapping[str, dict[str, Any]],
    ) -> Reach:
        """Every network of the stack is inspected once."""
        services = {container: service for service, ids in containers.items() for container in ids}
        ids = {network: None for answer in inspected.values() for network in attached(answer)}
        return cls(services, inspected, {network: client.api.inspect_network(network) for network in ids})

    def complete(self, posture: Posture, container: str) -> None:
        """Put networks, reachable services and the names of shared namespaces into a posture."""
        # with the network of another container it is on that one's networks, though the engine lists none
        owner = self.inspected[self.owner(container) or container]
        own = sorted((self.attachment(network, owner) for network in attached(owner)), key=lambda item: item.name)
        names = ", ".join(attachment.name for attachment in own)
        origin = KernelOrigin(posture.subject, "inspect NetworkSettings.Networks", names)
        posture.networks = Known(tuple(own), origin)
        posture.reaches = self.reaches(container, origin)
        for name in ("network_mode", "pid_mode", "ipc_mode"):
            fact = getattr(posture, name)
            if isinstance(fact, Known):
                setattr(posture, name, Known(self.named(fact.value), fact.origin))

    def attachment(self, network: str, container: dict[str, Any]) -> NetworkAttachment:
        """As the compose file calls it. A network of another project, or of none, is external."""
        answer = self.networks[network]
        labels = answer.get("Labels") or {}
        project = (container["Config"].get("Labels") or {}).get(f"{COMPOSE}project", "")
        key = labels.get(f"{COMPOSE}network", "")
        ours = bool(key) and labels.get(f"{COMPOSE}project", "") == project
        return NetworkAttachment(
            name=key if ours else answer["Name"],
            internal=bool(answer.get("Internal")),
            driver=answer.get("Driver", ""),
            external=not ours,
            default=key == "default" if ours else answer["Name"] == "bridge",
        )

    def reaches(self, container: str, origin: KernelOrigin) -> Known[frozenset[str]] | Unknown:
        """The other services that a packet of this one can get to."""
        mine = self.owner(container)
        if mine is None:
            return Unknown("it shares the network of a container outside the stack", origin)
        names = set()
        for other, service in self.services.items():
            theirs = self.owner(other)
            if other != container and theirs is not None and self.meet(mine, theirs):
                names.add(service)
        return Known(frozenset(names - {self.services[container]}), origin)

    def owner(self, container: str) -> str | None:
        """The container whose network namespace it uses: itself, or one it was told to join."""
        seen = set()
        while (mode := self.mode(container)).startswith("container:") and container not in seen:
            seen.add(container)
            joined = self.find(mode.partition(":")[2])
            if joined is None:
                return None
            container = joined
        return container

    def meet(self, one: str, other: str) -> bool:
        if one == other:
            return True
        modes = {self.mode(one), self.mode(other)}
        if "host" in modes:
            return "none" not in modes
        return bool(set(attached(self.inspected[one])) & set(attached(self.inspected[other])))

    def mode(self, container: str) -> str:
        return str(self.inspected[container]["HostConfig"].get("NetworkMode") or "")

    def find(self, reference: str) -> str | None:
        """A container of the stack by id or name."""
        for container, answer in self.inspected.items():
            if reference and (answer["Id"].startswith(reference) or answer["Name"].lstrip("/") == reference):
                return container
        return None

    def named(self, mode: str) -> str:
        """``container:ID`` as ``service:NAME`` for a container of the stack."""
        kind, _, reference = mode.partition(":")
        container = self.find(reference) if kind == "container" else None
        return f"service:{self.services[container]}" if container else mode


def attached(inspected: dict[str, Any]) -> list[str]:
    """Ids of the networks a container is on; ``host`` and ``none`` are none of ours."""
    networks = inspected["NetworkSettings"].get("Networks") or {}
    return [
        entry["NetworkID"]
        for name, entry in networks.items()
        if entry.get("NetworkID") and name not in ("host", "none")
    ]
