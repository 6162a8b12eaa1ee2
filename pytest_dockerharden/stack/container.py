"""The body of ``POST /containers/create`` for a service.

Held key by key against the bodies that Docker Compose 5.6.1 sends (``tests/data/conformance/engine-bodies.json``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_dockerharden.model.project import Service
from pytest_dockerharden.source.compose.units import parse_duration
from pytest_dockerharden.stack.host import host_config
from pytest_dockerharden.stack.names import Names, without_empty

NANOSECONDS = 1_000_000_000


class CannotRun(Exception):  # noqa: N818 - it is what the user reads, not a bug
    """Something in the project that cannot be honoured here; the message says what, where and what to do."""


ContainerId = Callable[[str], str]


def container_body(service: Service, names: Names, container_id: ContainerId, number: int = 1) -> dict[str, Any]:
    """The whole body. ``container_id`` gives the id of another service's container (``network_mode: service:x``).

    Raises CannotRun for what Docker Compose would refuse when it creates containers.
    """
    config = service.node.plain()
    refuse_unsupported(service, config)
    body: dict[str, Any] = {
        "AttachStdout": True,
        "AttachStderr": True,
        "Image": names.image(service),
        "Cmd": config.get("command"),
        "Entrypoint": config.get("entrypoint"),
        "Env": environment(config),
        "User": config.get("user", ""),
        "WorkingDir": config.get("working_dir", ""),
        "Hostname": config.get("hostname", ""),
        "Domainname": config.get("domainname", ""),
        "StopSignal": config.get("stop_signal", ""),
        "Tty": bool(config.get("tty")),
        "OpenStdin": bool(config.get("stdin_open")),
        "ExposedPorts": exposed_ports(config),
        "Labels": {**config.get("labels", {}), **names.container_labels(service, number)},
        "HostConfig": host_config(service, config, names, container_id),
        "NetworkingConfig": {"EndpointsConfig": endpoints(service, config, names, number)},
    }
    if "stop_grace_period" in config:
        body["StopTimeout"] = int(parse_duration(config["stop_grace_period"]))
    if config.get("healthcheck"):
        body["Healthcheck"] = healthcheck(config["healthcheck"])
    return body


def refuse_unsupported(service: Service, config: dict[str, Any]) -> None:
    """What loads and cannot be created."""
    if config.get("provider") or config.get("models"):
        raise CannotRun(f"{service.name}: a provider or a model needs a plugin of Docker Compose")
    check = config.get("healthcheck") or {}
    if check.get("start_interval") and not check.get("start_period"):
        raise CannotRun(f"{service.name}: healthcheck.start_interval needs a start_period")
    for secret in config.get("secrets", ()):
        declared = service.project.secrets.get(secret["source"])
        if declared is not None and (external := declared.get("external")) and external.value:
            raise CannotRun(f"{service.name}: the external secret {secret['source']} exists in a swarm only")


def environment(config: dict[str, Any]) -> list[str]:
    """``K=V``; a bare ``K`` takes the variable out of the image's environment."""
    variables = dict(config.get("environment") or {})
    if config.get("use_api_socket"):
        variables["DOCKER_CONFIG"] = "/run/secrets/docker"
    return [name if value is None else f"{name}={value}" for name, value in variables.items()]


def exposed_ports(config: dict[str, Any]) -> dict[str, dict[str, str]]:
    """``expose`` and the targets of ``ports``."""
    ports = [str(port) for port in config.get("expose", ())]
    ports += [f"{port['target']}/{port.get('protocol', 'tcp')}" for port in config.get("ports", ())]
    return {port if "/" in port else f"{port}/tcp": {} for port in ports}


def healthcheck(check: dict[str, Any]) -> dict[str, Any]:
    """Times in nanoseconds. Without a test only the times are sent, and the image's test stays."""
    test = ["NONE"] if check.get("disable") else check.get("test")
    body: dict[str, Any] = {"Test": test} if test else {}
    for key, name in (
        ("interval", "Interval"),
        ("timeout", "Timeout"),
        ("start_period", "StartPeriod"),
        ("start_interval", "StartInterval"),
    ):
        if check.get(key):
            body[name] = round(parse_duration(check[key]) * NANOSECONDS)
    if check.get("retries"):
        body["Retries"] = int(check["retries"])
    return body


def endpoints(service: Service, config: dict[str, Any], names: Names, number: int) -> dict[str, dict[str, Any]]:
    """One endpoint for each network, under the engine's name of the network."""
    if config.get("network_mode"):
        return {}
    return {
        names.resource("network", key): endpoint(service, attachment or {}, names, number)
        for key, attachment in (config.get("networks") or {}).items()
    }


def endpoint(service: Service, attachment: dict[str, Any], names: Names, number: int) -> dict[str, Any]:
    """Aliases, addresses and driver options of one attachment."""
    aliases = [names.container(service, number), service.name, *attachment.get("aliases", ())]
    body: dict[str, Any] = {"Aliases": list(dict.fromkeys(aliases))}
    addresses = {
        "IPv4Address": attachment.get("ipv4_address"),
        "IPv6Address": attachment.get("ipv6_address"),
        "LinkLocalIPs": attachment.get("link_local_ips"),
    }
    if any(addresses.values()):
        body["IPAMConfig"] = without_empty(addresses)
        # Docker Compose repeats them at the top of the endpoint
        body |= {
            key: value
            for key, value in (
                ("IPAddress", attachment.get("ipv4_address")),
                ("GlobalIPv6Address", attachment.get("ipv6_address")),
            )
            if value
        }
    if attachment.get("mac_address") or config_mac(service):
        body["MacAddress"] = attachment.get("mac_address") or config_mac(service)
    if attachment.get("gw_priority"):
        body["GwPriority"] = int(attachment["gw_priority"])
    options = dict(attachment.get("driver_opts") or {})
    if attachment.get("interface_name"):
        options["com.docker.network.endpoint.ifname"] = attachment["interface_name"]
    return body | ({"DriverOpts": options} if options else {})


def config_mac(service: Service) -> str:
    """The service-level ``mac_address``."""
    return service.text("mac_address")
