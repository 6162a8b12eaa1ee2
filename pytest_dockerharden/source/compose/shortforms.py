"""Short forms to the long ones that ``docker compose config`` prints.

Everything here may be applied twice: a long form stays as it is.
"""

from __future__ import annotations

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.compose.command import split_command
from pytest_dockerharden.source.compose.derive import derive
from pytest_dockerharden.source.compose.forms import (
    Form,
    Problems,
    as_bool,
    as_bytes,
    as_duration,
    as_integer,
    as_number,
    as_text,
    as_texts,
    chain,
    empty_texts,
    entries_of,
    items_of,
    key_values,
    mapping,
    null_texts,
)
from pytest_dockerharden.source.compose.longforms import (
    command,
    depends_on,
    device,
    device_request,
    env_files,
    external_name,
    extra_hosts,
    file_mount,
    gpus,
    healthcheck_test,
    name_map,
    option_lists,
    port_list,
    pull_policy,
    secret_mount,
    storage_option,
    ulimit,
    volume_list,
    weight,
    word_of,
)
from pytest_dockerharden.source.compose.mounts import expand_volume
from pytest_dockerharden.source.compose.ports import expand_ports

__all__ = ["canonical_service", "canonical_top", "expand_ports", "expand_volume", "key_values", "split_command"]


def canonical_service(name: str, service: Node) -> list[Problem]:
    """Bring a service's mapping to its long form, in place.

    Answers what cannot be read (``refused``) and what loads but means something else (``warning``).
    """
    found: list[Problem] = []
    if isinstance(service.value, dict):
        service.value.pop("extends", None)
        service.value = SERVICE_FORM(service, found).value
    return found


def canonical_top(model: Node) -> list[Problem]:
    """Bring the networks, volumes, secrets, configs and models of a model to their long form, in place."""
    found: list[Problem] = []
    if isinstance(model.value, dict):
        for key, form in TOP.items():
            if key in model.value:
                model.value[key] = form(model.value[key], found)
    return found


def _build(node: Node, found: Problems) -> Node:
    if isinstance(node.value, str):
        return derive(node, {"context": word_of(node, node.value)})
    return BUILD(node, found)


def _resource(forms: dict[str, Form]) -> Form:
    return entries_of(chain(external_name, mapping({"external": as_bool, "labels": empty_texts, **forms})))


LIMITS = mapping({"cpus": as_number, "memory": as_bytes, "pids": as_integer})
RESERVATIONS = mapping({"cpus": as_number, "memory": as_bytes, "devices": items_of(device_request)})
ROLLOUT = mapping(
    {"parallelism": as_integer, "delay": as_duration, "monitor": as_duration, "max_failure_ratio": as_number}
)
RESTART_POLICY = mapping({"delay": as_duration, "max_attempts": as_integer, "window": as_duration})
ATTACHMENT = mapping({"driver_opts": empty_texts, "priority": as_integer, "gw_priority": as_integer})
ULIMITS = entries_of(ulimit)
HOOK = mapping({"command": command, "environment": null_texts, "privileged": as_bool})
RATE = mapping({"rate": as_bytes})
BLKIO: dict[str, Form] = {
    "weight": weight,
    "device_read_bps": items_of(RATE),
    "device_write_bps": items_of(RATE),
    "device_read_iops": items_of(RATE),
    "device_write_iops": items_of(RATE),
}
HEALTHCHECK = mapping(
    {
        "test": healthcheck_test,
        "disable": as_bool,
        "retries": as_integer,
        "interval": as_duration,
        "timeout": as_duration,
        "start_period": as_duration,
        "start_interval": as_duration,
    }
)
DEPLOY = mapping(
    {
        "replicas": as_integer,
        "labels": empty_texts,
        "resources": mapping({"limits": LIMITS, "reservations": RESERVATIONS}),
        "update_config": ROLLOUT,
        "rollback_config": ROLLOUT,
        "restart_policy": RESTART_POLICY,
        "placement": mapping({"max_replicas_per_node": as_integer}),
    }
)
BUILD = mapping(
    {
        "args": null_texts,
        "labels": empty_texts,
        "additional_contexts": null_texts,
        "secrets": items_of(file_mount),
        "shm_size": as_bytes,
        "extra_hosts": extra_hosts,
        "ulimits": ULIMITS,
        "no_cache_filter": as_texts,
        "no_cache": as_bool,
        "pull": as_bool,
        "privileged": as_bool,
        "provenance": as_text,
        "sbom": as_text,
    }
)
WATCH = mapping({"ignore": as_texts, "include": as_texts, "exec": HOOK})
SERVICE: dict[str, Form] = {
    **dict.fromkeys(("command", "entrypoint"), command),
    **dict.fromkeys(("mem_limit", "mem_reservation", "memswap_limit", "mem_swappiness", "shm_size"), as_bytes),
    **dict.fromkeys(("cpu_count", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime"), as_integer),
    **dict.fromkeys(("cpu_shares", "oom_score_adj", "pids_limit", "scale"), as_integer),
    **dict.fromkeys(("cpus", "cpu_percent"), as_number),
    **dict.fromkeys(("attach", "init", "oom_kill_disable", "privileged", "read_only"), as_bool),
    **dict.fromkeys(("stdin_open", "tty", "use_api_socket"), as_bool),
    "stop_grace_period": as_duration,
    **dict.fromkeys(("dns", "dns_search", "tmpfs", "label_file"), as_texts),
    **dict.fromkeys(("expose", "group_add"), items_of(as_text)),
    **dict.fromkeys(("labels", "annotations", "sysctls"), empty_texts),
    "networks": chain(name_map, entries_of(ATTACHMENT)),
    "models": name_map,
    **dict.fromkeys(("post_start", "pre_stop"), items_of(HOOK)),
    "blkio_config": mapping(BLKIO),
    "build": _build,
    "configs": items_of(file_mount),
    "credential_spec": mapping({}),
    "depends_on": depends_on,
    "deploy": DEPLOY,
    "develop": mapping({"watch": items_of(WATCH)}),
    "devices": items_of(device),
    "env_file": env_files,
    "environment": null_texts,
    "extra_hosts": extra_hosts,
    "gpus": gpus,
    "healthcheck": HEALTHCHECK,
    "logging": mapping({"options": empty_texts}),
    "ports": port_list,
    "pull_policy": pull_policy,
    "provider": mapping({"options": option_lists}),
    "secrets": items_of(secret_mount),
    "storage_opt": entries_of(storage_option),
    "ulimits": ULIMITS,
    "volumes": volume_list,
}
SERVICE_FORM = mapping(SERVICE)
SERVICE["pre_start"] = items_of(SERVICE_FORM)
NETWORK: dict[str, Form] = {
    **dict.fromkeys(("internal", "attachable", "enable_ipv4", "enable_ipv6"), as_bool),
    "driver_opts": empty_texts,
    "ipam": mapping({"config": items_of(mapping({}))}),
}
TOP: dict[str, Form] = {
    "networks": _resource(NETWORK),
    "volumes": _resource({"driver_opts": empty_texts}),
    "secrets": _resource({"driver_opts": empty_texts}),
    "configs": _resource({}),
    "models": entries_of(mapping({})),
    "jobs": entries_of(SERVICE_FORM),
}
