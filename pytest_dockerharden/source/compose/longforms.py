"""The long forms of single attributes: what a short form of ports, mounts, dependencies and the like stands for."""

from __future__ import annotations

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.source.compose.command import dropped_part, split_command
from pytest_dockerharden.source.compose.derive import default, derive, refused, warned
from pytest_dockerharden.source.compose.forms import (
    Problems,
    as_bool,
    as_bytes,
    as_count,
    as_integer,
    as_texts,
    empty_texts,
    entries_of,
    items_of,
    mapping,
)
from pytest_dockerharden.source.compose.modes import file_mode, tmpfs_mode
from pytest_dockerharden.source.compose.mounts import expand_device, expand_volume, unknown_options
from pytest_dockerharden.source.compose.ports import expand_ports
from pytest_dockerharden.source.compose.units import scalar_text

DEVICE_REQUEST = mapping({"count": as_count, "options": empty_texts})
DEPENDENCY = mapping({"restart": as_bool, "required": as_bool})
ENV_FILE = mapping({"required": as_bool})
SOFT_AND_HARD = mapping({"soft": as_integer, "hard": as_integer})
TMPFS = mapping({"size": as_bytes, "mode": tmpfs_mode})
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


def command(node: Node, found: Problems) -> Node:
    """The words of a command line, or of a list of them."""
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
    return derive(node, [word_of(node, word) for word in words])


def word_of(node: Node, word: str) -> Node:
    """A text that comes from a part of ``node`` which cannot be told apart by place."""
    return Node(word, node.origin, None, node.related, node.template, node.unresolved)


def healthcheck_test(node: Node, found: Problems) -> Node:
    """A text as a command for the shell."""
    if not isinstance(node.value, str):
        return node
    if node.value == "NONE":
        found.append(warned("this runs a command named NONE", node, 'to disable the check write ["NONE"]'))
    return derive(node, [default(node, "CMD-SHELL"), word_of(node, node.value)])


def port_list(node: Node, found: Problems) -> Node:
    """One long entry for each port."""
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


def volume_list(node: Node, found: Problems) -> Node:
    """The long forms; of several on one target the last decides, in the place of the first."""
    if not isinstance(node.value, list):
        return node
    entries: dict[object, Node] = {}
    for item in node.value:
        entry = _volume(item, found)
        target = entry.get("target")
        entries[target.value if target and isinstance(target.value, str) else id(entry)] = entry
    return derive(node, list(entries.values()))


def device(item: Node, found: Problems) -> Node:
    """A device with source, target and permissions."""
    if not isinstance(item.value, (str, dict)):
        return item
    entry, problem = expand_device(item)
    if problem and not item.unresolved:
        found.append(problem)
    return entry


def file_mount(item: Node, found: Problems) -> Node:
    """A config or build secret with its source; the mode as octal text."""
    entry = dict(item.items())
    if not isinstance(item.value, dict):
        entry = {"source": derive(item, scalar_text(item.value) if not isinstance(item.value, list) else "")}
    mode = entry.get("mode")
    if mode is not None:
        entry["mode"] = file_mode(mode, found)
    return derive(item, entry)


def secret_mount(item: Node, found: Problems) -> Node:
    """A secret with the target it has by default."""
    entry = file_mount(item, found)
    source = entry.get("source")
    if source is not None and isinstance(entry.value, dict) and "target" not in entry.value:
        entry.value["target"] = default(source, f"/run/secrets/{source.text()}")
        entry.value["target"].unresolved = source.unresolved
    return entry


def name_map(node: Node, found: Problems) -> Node:
    """A mapping of names to null out of a list of names."""
    if not isinstance(node.value, list):
        return node
    return derive(node, {item.text(): derive(item, None, item.origin) for item in node.value})


def depends_on(node: Node, found: Problems) -> Node:
    """Dependencies with their conditions."""
    entries = {}
    for name, entry in name_map(node, found).items():
        conditions = {**dict(DEPENDENCY(entry, found).items())}
        conditions.setdefault("condition", default(entry, "service_started"))
        conditions.setdefault("required", default(entry, True))
        entries[name] = derive(entry, conditions)
    return derive(node, entries)


def env_files(node: Node, found: Problems) -> Node:
    """Env files, each with its path and whether it must exist."""
    items = node.value if isinstance(node.value, list) else [derive(node, node.value)]
    return derive(node, [_env_file(item, found) for item in items])


def _env_file(item: Node, found: Problems) -> Node:
    entry = dict(ENV_FILE(item, found).items())
    if not isinstance(item.value, dict):
        entry = {"path": word_of(item, item.text())}
    entry.setdefault("required", default(item, True))
    return derive(item, entry)


def ulimit(node: Node, found: Problems) -> Node:
    """One number, or a soft and a hard one."""
    return SOFT_AND_HARD(node, found) if isinstance(node.value, dict) else as_integer(node, found)


def extra_hosts(node: Node, found: Problems) -> Node:
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


def gpus(node: Node, found: Problems) -> Node:
    """Device requests; ``all`` asks for every one."""
    if isinstance(node.value, str):
        return derive(node, [derive(node, {"count": default(node, -1)})])
    return items_of(device_request)(node, found)


def device_request(item: Node, found: Problems) -> Node:
    """A request for devices, for all of them where it names none."""
    entry = DEVICE_REQUEST(item, found)
    if isinstance(entry.value, dict) and not entry.value.keys() & {"count", "device_ids"}:
        entry.value["count"] = default(item, -1)
    return entry


def weight(node: Node, found: Problems) -> Node:
    """A whole number. A text is none, and stays one to be refused: an extended file is checked after this."""
    return node if isinstance(node.value, str) else as_integer(node, found)


def storage_option(node: Node, found: Problems) -> Node:
    """A text out of an integer or nothing; what else there is stays to be refused."""
    return derive(node, node.text()) if node.value is None or type(node.value) is int else node


def pull_policy(node: Node, found: Problems) -> Node:
    """``if_not_present`` is an old name of ``missing``."""
    return derive(node, "missing") if node.value == "if_not_present" else node


def option_lists(node: Node, found: Problems) -> Node:
    """A list of texts for each option of a provider."""
    return entries_of(as_texts)(node, found)


def external_name(node: Node, found: Problems) -> Node:
    """``external: {name: x}``, deprecated, as ``external: true`` and ``name: x``."""
    external = node.get("external")
    if external is None or not isinstance(node.value, dict) or not isinstance(external.value, dict):
        return node
    entries = dict(node.value)
    entries["external"] = derive(external, True)
    if (name := external.get("name")) is not None:
        own = entries.setdefault("name", name)
        if own.text() != name.text() and not own.unresolved and not name.unresolved:
            found.append(refused("name and external.name differ", name, "keep name, and write external: true"))
    return derive(node, entries)
