"""What loads but has no effect, or fails once it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.compose.derive import entries_below, value_at, warned

SWARM_DEPLOY = {
    "mode": "it has an effect in Swarm only",
    "placement": "only the Swarm scheduler honours it",
    "update_config": "rolling updates exist in Swarm only",
    "rollback_config": "rolling updates exist in Swarm only",
    "endpoint_mode": "the routing mesh exists in Swarm only",
    "labels": "they go to Swarm services only; write labels at the service",
}


def warnings(model: Node) -> list[Problem]:
    """What a normalised model says without effect outside Swarm, and what fails or misleads once it runs."""
    found: list[Problem] = []
    for service in entries_below(model, "services").values():
        if isinstance(service.value, dict):
            for keys, rule in SERVICE_WARNINGS:
                if not keys.isdisjoint(service.value):
                    found += rule(service)
    for kind in ("secrets", "configs"):
        for entry in entries_below(model, kind).values():
            for key in ("labels", "driver_opts"):
                if (node := entry.get(key)) is not None and node.value:
                    found.append(_at_key(f"{kind}.{key} has an effect in Swarm only", node, "remove it"))
    return found


def _at_key(message: str, node: Node, hint: str = "") -> Problem:
    return Problem("warning", message, node.place, hint)


def _swarm_keys(service: Node) -> Iterator[Problem]:
    for key, reason in SWARM_DEPLOY.items():
        if node := value_at(service, "deploy", key):
            yield _at_key(f"deploy.{key}: {reason}", node)
    if node := value_at(service, "deploy", "resources", "reservations", "cpus"):
        yield _at_key("deploy.resources.reservations.cpus: it has an effect in Swarm only", node)
    if node := value_at(service, "credential_spec"):
        yield _at_key("credential_spec is for Windows containers in Swarm only", node)
    for key, node in entries_below(service, "storage_opt").items():
        yield _at_key(f"storage_opt.{key}: most storage drivers do not honour it", node)


def _swarm_modes(service: Node) -> Iterator[Problem]:
    for port in value_at(service, "ports") or ():
        if (mode := value_at(port, "mode")) and mode.value == "host":
            yield warned("mode host has an effect in Swarm only", mode)
    for mount in value_at(service, "volumes") or ():
        if (kind := value_at(mount, "type")) and kind.value == "cluster":
            yield warned("cluster volumes exist in Swarm only", kind)


def _file_modes(service: Node) -> Iterator[Problem]:
    for key in ("secrets", "configs"):
        for mount in value_at(service, key) or ():
            for name in ("uid", "gid", "mode"):
                if node := value_at(mount, name):
                    hint = "set the owner and the mode of the file itself"
                    yield _at_key(f"{name} of {key} is ignored outside Swarm", node, hint)


def _start_interval(service: Node) -> Iterator[Problem]:
    interval = value_at(service, "healthcheck", "start_interval")
    if interval and not value_at(service, "healthcheck", "start_period"):
        yield _at_key(
            "start_interval without start_period: the container cannot be created", interval, "add start_period"
        )


def _restart_policy(service: Node) -> Iterator[Problem]:
    restart, policy = value_at(service, "restart"), value_at(service, "deploy", "restart_policy")
    if restart and policy and restart.value not in {"", "no"} and not value_at(policy, "condition"):
        yield _at_key("without a condition this cancels restart: " + restart.text(), policy, "add condition: any")


# Each with the keys without which it has nothing to say.
SERVICE_WARNINGS: tuple[tuple[frozenset[str], Callable[[Node], Iterator[Problem]]], ...] = (
    (frozenset({"deploy", "credential_spec", "storage_opt"}), _swarm_keys),
    (frozenset({"ports", "volumes"}), _swarm_modes),
    (frozenset({"secrets", "configs"}), _file_modes),
    (frozenset({"healthcheck"}), _start_interval),
    (frozenset({"deploy"}), _restart_policy),
)
