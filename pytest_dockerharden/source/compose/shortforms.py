"""Short forms to the long ones that ``docker compose config`` prints.

Everything here may be applied twice: a long form stays as it is.
"""

from __future__ import annotations

import re

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.compose.command import dropped_part, split_command
from pytest_dockerharden.source.compose.derive import default, derive, refused, warned
from pytest_dockerharden.source.compose.forms import (
    Form,
    Problems,
    as_bool,
    as_bytes,
    as_count,
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
    unreadable,
)
from pytest_dockerharden.source.compose.mounts import expand_device, expand_volume, unknown_options
from pytest_dockerharden.source.compose.ports import expand_ports
from pytest_dockerharden.source.compose.units import scalar_text

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


def _command(node: Node, found: Problems) -> Node:
    if not isinstance(node.value, str):
        return node
    try:
        words = split_command(node.value)
    except ValueError as error:
        if not node.unresolved:
            found.append(refused(str(error), node, 'write a list: ["sh", "-c", "..."]'))
        words = node.value.split()
    if rest := dropped_part(node.value):
        hint = 'there is no shell; for one write ["sh", "-c", "..."]'
        found.append(warned(f"everything from {rest[0]!r} on is dropped", node, hint))
    return derive(node, [_word(node, word) for word in words])


def _word(node: Node, word: str) -> Node:
    return Node(word, node.origin, None, node.related, node.template, node.unresolved)


def _test(node: Node, found: Problems) -> Node:
    if not isinstance(node.value, str):
        return node
    if node.value == "NONE":
        found.append(warned("this runs a command named NONE", node, 'to disable the check write ["NONE"]'))
    return derive(node, [default(node, "CMD-SHELL"), _word(node, node.value)])


def _ports(node: Node, found: Problems) -> Node:
    if not isinstance(node.value, list):
        return node
    entries, problems = expand_ports(node)
    found += problems
    return derive(node, list(entries))


def _volume(item: Node, found: Problems) -> Node:
    if not isinstance(item.value, (str, dict)):
        return item
    entry, problem = expand_volume(item)
    if problem and not item.unresolved:
        found.append(problem)
    for option in unknown_options(item):
        hint = "write ro for a read-only mount" if option.startswith("r") else "remove it"
        found.append(warned(f"the mount option {option!r} is ignored", item, hint))
    return VOLUME_ENTRY(entry, found)


def _volumes(node: Node, found: Problems) -> Node:
    """The long forms; of several on one target the last decides, in the place of the first."""
    if not isinstance(node.value, list):
        return node
    entries: dict[object, Node] = {}
    for item in node.value:
        entry = _volume(item, found)
        target = entry.get("target")
        entries[target.value if target and isinstance(target.value, str) else id(entry)] = entry
    return derive(node, list(entries.values()))


def _device(item: Node, found: Problems) -> Node:
    if not isinstance(item.value, (str, dict)):
        return item
    entry, problem = expand_device(item)
    if problem and not item.unresolved:
        found.append(problem)
    return entry


def _file_mount(item: Node, found: Problems) -> Node:
    entry = dict(item.items())
    if not isinstance(item.value, dict):
        entry = {"source": derive(item, scalar_text(item.value) if not isinstance(item.value, list) else "")}
    mode = entry.get("mode")
    if mode is not None:
        entry["mode"] = _file_mode(mode, found)
    return derive(item, entry)


def _file_mode(mode: Node, found: Problems) -> Node:
    if isinstance(mode.value, str):
        if not OCTAL.fullmatch(mode.value):
            return unreadable(mode, found, "a file mode", 'write it in octal: "0440"')
        return derive(mode, f"0{int(mode.value, 8):o}")
    _note_decimal_mode(mode, found)
    return derive(mode, f"0{int(mode.value):o}") if isinstance(mode.value, (int, float)) else mode


def _tmpfs_mode(mode: Node, found: Problems) -> Node:
    _note_decimal_mode(mode, found)
    return as_integer(mode, found)


def _note_decimal_mode(mode: Node, found: Problems) -> None:
    """Warn of ``1777``, which is decimal, where the octal ``01777`` is meant."""
    value, origin = mode.value, mode.origin
    if not isinstance(value, int) or mode.template is not None or origin.line != origin.end_line:
        return
    digits = str(value)
    as_written = origin.end_column - origin.column == len(digits)
    if as_written and _is_natural_mode(digits) and not _is_natural_mode(f"{value:o}"):
        found.append(warned(f"the mode {digits} is decimal, that is {value:o} in octal", mode, f"write 0{digits}"))


def _secret_mount(item: Node, found: Problems) -> Node:
    entry = _file_mount(item, found)
    source = entry.get("source")
    if source is not None and isinstance(entry.value, dict) and "target" not in entry.value:
        entry.value["target"] = default(source, f"/run/secrets/{source.text()}")
        entry.value["target"].unresolved = source.unresolved
    return entry


def _is_natural_mode(digits: str) -> bool:
    """Whether octal digits are a mode that somebody would choose: the owner may most, others least."""
    return bool(MODE.fullmatch(digits)) and digits[-3] >= digits[-2] >= digits[-1]


def _names(node: Node, found: Problems) -> Node:
    """A mapping of names to null out of a list of names."""
    if not isinstance(node.value, list):
        return node
    return derive(node, {item.text(): derive(item, None, item.origin) for item in node.value})


def _depends_on(node: Node, found: Problems) -> Node:
    entries = {}
    for name, entry in _names(node, found).items():
        conditions = {**dict(DEPENDENCY(entry, found).items())}
        conditions.setdefault("condition", default(entry, "service_started"))
        conditions.setdefault("required", default(entry, True))
        entries[name] = derive(entry, conditions)
    return derive(node, entries)


def _env_files(node: Node, found: Problems) -> Node:
    items = node.value if isinstance(node.value, list) else [derive(node, node.value)]
    return derive(node, [_env_file(item, found) for item in items])


def _env_file(item: Node, found: Problems) -> Node:
    entry = dict(ENV_FILE(item, found).items())
    if not isinstance(item.value, dict):
        entry = {"path": _word(item, item.text())}
    entry.setdefault("required", default(item, True))
    return derive(item, entry)


def _ulimit(node: Node, found: Problems) -> Node:
    return SOFT_AND_HARD(node, found) if isinstance(node.value, dict) else as_integer(node, found)


def _extra_hosts(node: Node, found: Problems) -> Node:
    """``host=address`` texts, sorted by host, out of a list with ``:`` or ``=`` or a mapping."""
    entries: dict[tuple[str, str], Node] = {}
    for host, address, item in _host_addresses(node, found):
        text = address[1:-1] if address.startswith("[") and address.endswith("]") else address
        entries.setdefault((host, text), derive(item, f"{host}={text}"))
    if isinstance(node.value, (list, dict)):
        ordered = sorted(entries.items(), key=lambda entry: entry[0][0])
        return derive(node, [entry for _, entry in ordered])
    return node


def _host_addresses(node: Node, found: Problems) -> list[tuple[str, str, Node]]:
    pairs = []
    for host, child in node.items():
        pairs += [(host, item.text(), item) for item in (child if isinstance(child.value, list) else (child,))]
    for item in node:
        text = item.text()
        separator = "=" if "=" in text else ":"
        host, found_separator, address = text.partition(separator)
        if found_separator:
            pairs.append((host, address, item))
        elif not item.unresolved:
            found.append(refused(f"no address for the host {text!r}", item, 'write it as "host=10.0.0.1"'))
    return pairs


def _gpus(node: Node, found: Problems) -> Node:
    if isinstance(node.value, str):
        return derive(node, [derive(node, {"count": default(node, -1)})])
    return items_of(_device_request)(node, found)


def _device_request(item: Node, found: Problems) -> Node:
    entry = DEVICE_REQUEST(item, found)
    if isinstance(entry.value, dict) and not entry.value.keys() & {"count", "device_ids"}:
        entry.value["count"] = default(item, -1)
    return entry


def _build(node: Node, found: Problems) -> Node:
    if isinstance(node.value, str):
        return derive(node, {"context": _word(node, node.value)})
    return BUILD(node, found)


def _option_lists(node: Node, found: Problems) -> Node:
    return entries_of(as_texts)(node, found)


def _external(node: Node, found: Problems) -> Node:
    """``external: {name: x}``, deprecated, as ``external: true`` and ``name: x``."""
    external = node.get("external")
    if external is None or not isinstance(node.value, dict) or not isinstance(external.value, dict):
        return node
    entries = dict(node.value)
    entries["external"] = derive(external, True)
    if (name := external.get("name")) is not None:
        entries.setdefault("name", name)
    return derive(node, entries)


def _resource(forms: dict[str, Form]) -> Form:
    return entries_of(chain(_external, mapping({"external": as_bool, "labels": empty_texts, **forms})))


OCTAL = re.compile(r"[0-7]{1,7}")
MODE = re.compile(r"[01]?[4-7][04-7][04-7]")
LIMITS = mapping({"cpus": as_number, "memory": as_bytes, "pids": as_integer})
DEVICE_REQUEST = mapping({"count": as_count, "options": empty_texts})
RESERVATIONS = mapping({"cpus": as_number, "memory": as_bytes, "devices": items_of(_device_request)})
ROLLOUT = mapping(
    {"parallelism": as_integer, "delay": as_duration, "monitor": as_duration, "max_failure_ratio": as_number}
)
RESTART_POLICY = mapping({"delay": as_duration, "max_attempts": as_integer, "window": as_duration})
DEPENDENCY = mapping({"restart": as_bool, "required": as_bool})
ATTACHMENT = mapping({"driver_opts": empty_texts, "priority": as_integer, "gw_priority": as_integer})
ENV_FILE = mapping({"required": as_bool})
SOFT_AND_HARD = mapping({"soft": as_integer, "hard": as_integer})
ULIMITS = entries_of(_ulimit)
TMPFS = mapping({"size": as_bytes, "mode": _tmpfs_mode})
BIND = mapping({"create_host_path": as_bool})
VOLUME_ENTRY = mapping(
    {
        "read_only": as_bool,
        "bind": BIND,
        "volume": mapping({"nocopy": as_bool, "labels": empty_texts}),
        "tmpfs": TMPFS,
        "image": mapping({}),
    }
)
HOOK = mapping({"command": _command, "environment": null_texts, "privileged": as_bool})
RATE = mapping({"rate": as_bytes})
BLKIO: dict[str, Form] = {
    "weight": as_integer,
    "device_read_bps": items_of(RATE),
    "device_write_bps": items_of(RATE),
    "device_read_iops": items_of(RATE),
    "device_write_iops": items_of(RATE),
}
HEALTHCHECK = mapping(
    {
        "test": _test,
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
        "secrets": items_of(_file_mount),
        "shm_size": as_bytes,
        "extra_hosts": _extra_hosts,
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
    **dict.fromkeys(("command", "entrypoint"), _command),
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
    "networks": chain(_names, entries_of(ATTACHMENT)),
    "models": _names,
    **dict.fromkeys(("post_start", "pre_stop"), items_of(HOOK)),
    "blkio_config": mapping(BLKIO),
    "build": _build,
    "configs": items_of(_file_mount),
    "credential_spec": mapping({}),
    "depends_on": _depends_on,
    "deploy": DEPLOY,
    "develop": mapping({"watch": items_of(WATCH)}),
    "devices": items_of(_device),
    "env_file": _env_files,
    "environment": null_texts,
    "extra_hosts": _extra_hosts,
    "gpus": _gpus,
    "healthcheck": HEALTHCHECK,
    "logging": mapping({"options": empty_texts}),
    "ports": _ports,
    "provider": mapping({"options": _option_lists}),
    "secrets": items_of(_secret_mount),
    "storage_opt": empty_texts,
    "ulimits": ULIMITS,
    "volumes": _volumes,
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
