"""How a later compose file, document or extending service overrides an earlier one.

Mappings merge deeply, sequences get the items they lack, scalars are replaced and null keeps what is there; a table
has the exceptions. A merged collection keeps the place of the base; what was overridden or added stays in ``related``.
"""

from __future__ import annotations

from typing import Any

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.source.compose.derive import derive
from pytest_dockerharden.source.compose.forms import key_values
from pytest_dockerharden.source.compose.problems import Problems
from pytest_dockerharden.source.compose.shortforms import SERVICE as FORMS

Rules = dict[str, Any]


def merge(base: Node, over: Node, problems: Problems) -> Node:
    """The model that results where ``over`` overrides ``base``; the nodes of both are used, not copied."""
    return _merge(base, over, problems, RULES)


def merge_service(base: Node, over: Node, problems: Problems) -> Node:
    """The service that results where ``over`` extends or overrides ``base``."""
    return _merge(base, over, problems, SERVICE_RULES)


def _merge(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    rule = rules.get("")
    return rule(base, over, problems, rules) if rule else _plain(base, over, problems, rules)


def _plain(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    if over.value is None:
        return base
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        return _mappings(base, over, problems, rules)
    if isinstance(base.value, list) and isinstance(over.value, list):
        distinct: dict[object, Node] = {}
        for item in (*base.value, *over.value):
            distinct.setdefault(_content(item), item)
        return _joined(base, over, list(distinct.values()))
    if isinstance(base.value, (dict, list)):
        kind = "a mapping" if isinstance(base.value, dict) else "a list"
        problems.refuse(f"cannot override {kind} of an earlier file with something else", over.place)
    return _replaced(base, over)


def _mappings(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    merged = dict(base.items())
    others: Rules = rules.get("*") or NO_RULES
    for key, node in over.items():
        below = merged.get(key)
        merged[key] = node if below is None else _merge(below, node, problems, rules.get(key) or others)
    return _joined(base, over, merged)


def _joined(base: Node, over: Node, value: dict[str, Node] | list[Node]) -> Node:
    return Node(value, base.origin, base.key_origin, (*base.related, over.place), base.template, base.unresolved)


def _replaced(base: Node, over: Node, *_: object) -> Node:
    """``over`` alone, which remembers the place it overrode."""
    related = (*base.related, base.place, *over.related)
    return Node(over.value, over.origin, over.key_origin, related, over.template, over.unresolved)


def _key_values(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    """List and mapping forms alike: one value for each key, the last."""
    if over.value is None:
        return base
    merged = dict(key_values(base).items())
    for key, node in key_values(over).items():
        below = merged.get(key)
        merged[key] = node if below is None else _replaced(below, node)
    return _joined(base, over, merged)


def _listed(node: Node) -> list[Node]:
    if isinstance(node.value, list):
        return node.value
    return [] if node.value is None else [derive(node, node.value)]


def _lists(base: Node, over: Node, *_: object) -> Node:
    """A text alone counts as a list of one."""
    return base if over.value is None else _joined(base, over, [*_listed(base), *_listed(over)])


def _distinct_lists(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    """As with ``_lists``, each text once."""
    if over.value is None:
        return base
    return _plain(derive(base, _listed(base)), derive(over, _listed(over)), problems, rules)


def _appended(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    """Every item, repeated ones too: of those with one target the last counts, and which that is shows later."""
    if isinstance(base.value, list) and isinstance(over.value, list):
        return _joined(base, over, [*base.value, *over.value])
    return _plain(base, over, problems, rules)


def _content(item: Node) -> object:
    """What makes two items of a list the same: their text, or all they hold."""
    if isinstance(item.value, (dict, list)):
        return repr(item.plain())
    return item.text()


def _as_mappings(key: str) -> Any:
    """Merge deeply after both sides have been brought to the mapping that is the long form of ``key``."""

    def rule(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
        if over.value is None:
            return base
        return _plain(FORMS[key](base, []), FORMS[key](over, []), problems, rules)

    return rule


def _gpus(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    """Of an earlier file ``all`` is a list by then."""
    listed = FORMS["gpus"](over, []) if isinstance(over.value, list) else over
    return _plain(FORMS["gpus"](base, []), listed, problems, rules)


def _extended_gpus(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    """Of another file the base says how many, where its text does not."""
    lists = isinstance(base.value, list) and isinstance(over.value, list)
    return (_gpus if lists else _plain)(base, over, problems, rules)


def _extra_hosts(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    if over.value is None:
        return base
    return _plain(FORMS["extra_hosts"](base, []), FORMS["extra_hosts"](over, []), problems, rules)


def _ssh(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    if isinstance(base.value, list) and isinstance(over.value, list):
        problems.refuse("a list in ssh cannot be overridden by another list", over.place, "write !override")
        return _replaced(base, over)
    return _plain(base, over, problems, rules)


def _logging(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    """Options of one driver merge; another driver replaces them."""
    if over.value is None:
        problems.refuse("logging is overridden by nothing", over.place, "remove the line, or write !reset null")
        return base
    drivers = [node.value for side in (base, over) if (node := side.get("driver")) is not None]
    same = len(drivers) < 2 or drivers[0] == drivers[1]
    return _plain(base, over, problems, rules) if same else _replaced(base, over)


def _ulimit(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    """Soft and hard limits merge; a number replaces both."""
    both = isinstance(base.value, dict) and isinstance(over.value, dict)
    return _mappings(base, over, problems, rules) if both else _replaced(base, over)


def _by_subnet(base: Node, over: Node, problems: Problems, rules: Rules) -> Node:
    """The address ranges of ``over``, each over the one with the same subnet; others of the base are dropped."""
    if not isinstance(base.value, list) or not isinstance(over.value, list):
        return _plain(base, over, problems, rules)
    ranges = {_subnet(item): item for item in base.value}
    merged = [_plain(ranges[_subnet(item)], item, problems, {}) if _subnet(item) in ranges else item for item in over]
    return _joined(base, over, list(merged))


def _subnet(item: Node) -> str:
    subnet = item.get("subnet")
    return subnet.text() if subnet else ""


NO_RULES: Rules = {}
KEY_VALUES: Rules = {"": _key_values}
LISTS: Rules = {"": _lists}
APPENDED: Rules = {"": _appended}
REPLACED: Rules = {"": _replaced}
LABELLED: Rules = {"*": {"labels": KEY_VALUES}}
SERVICE_RULES: Rules = {
    **dict.fromkeys(("command", "entrypoint"), REPLACED),
    **dict.fromkeys(("environment", "labels", "annotations", "sysctls"), KEY_VALUES),
    **dict.fromkeys(("dns", "dns_opt", "dns_search", "env_file", "tmpfs"), LISTS),
    **dict.fromkeys(("devices", "secrets", "configs", "volumes"), APPENDED),
    "label_file": {"": _distinct_lists},
    "build": {
        "": _as_mappings("build"),
        **dict.fromkeys(("args", "labels", "additional_contexts"), KEY_VALUES),
        "extra_hosts": {"": _extra_hosts},
        "ssh": {"": _ssh},
    },
    "depends_on": {"": _as_mappings("depends_on")},
    "deploy": {"labels": KEY_VALUES},
    "extra_hosts": {"": _extra_hosts},
    "gpus": {"": _extended_gpus},
    "healthcheck": {"test": REPLACED},
    "logging": {"": _logging},
    "models": {"": _as_mappings("models")},
    "networks": {"": _as_mappings("networks")},
    "ulimits": {"*": {"": _ulimit}},
}
RULES: Rules = {
    "services": {"*": {**SERVICE_RULES, "gpus": {"": _gpus}}},
    "networks": {"*": {"labels": KEY_VALUES, "ipam": {"config": {"": _by_subnet}}}},
    **dict.fromkeys(("volumes", "secrets", "configs"), LABELLED),
}
