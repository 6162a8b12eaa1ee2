"""Short ways to write a remedy."""

from __future__ import annotations

import json
from typing import Any

from pytest_dockerharden.model.finding import Class, Edit, Remedy


def set_key(path: str, value: object, *, effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
    """Write ``value`` at a dotted path below the service: ``set_key("deploy.resources.limits.pids", 100)``."""
    steps = tuple(path.split("."))
    return Remedy("\n".join(yaml_lines(steps, value)), (Edit("set", steps, value),), effect, breaks)


def append_item(path: str, item: object, *, effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
    """Add ``item`` to the list at a dotted path below the service."""
    steps = tuple(path.split("."))
    return Remedy("\n".join(yaml_lines(steps, [item])), (Edit("append", steps, item),), effect, breaks)


def remove_key(path: str, *, text: str = "", effect: Class = "behaviour-changing", breaks: str = "") -> Remedy:
    """Take out what stands at a dotted path below the service."""
    steps = tuple(path.split("."))
    return Remedy(text or f"remove `{path}`", (Edit("remove", steps),), effect, breaks)


def advice(text: str) -> Remedy:
    """The lines to write, or what to do, where no edit is unambiguous."""
    return Remedy(text)


def yaml_lines(steps: tuple[str, ...], value: object) -> list[str]:
    """The block-style YAML lines that set ``value`` at ``steps``.

    >>> yaml_lines(("deploy", "cap_drop"), ["ALL"])
    ['deploy:', '  cap_drop:', '    - ALL']
    """
    if not steps:
        return _value_lines(value)
    below = yaml_lines(steps[1:], value)
    if len(steps) == 1 and not isinstance(value, (dict, list)):
        return [f"{steps[0]}: {below[0]}"]
    return [f"{steps[0]}:", *(f"  {line}" for line in below)]


def _value_lines(value: object) -> list[str]:
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in yaml_lines((str(key),), item)]
    if isinstance(value, list):
        return [f"- {_scalar(item)}" for item in value]
    return [_scalar(value)]


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        plain = value and value.replace("_", "").replace("-", "").replace("/", "").replace(".", "").isalnum()
        ambiguous = value.lower() in {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
        return value if plain and not ambiguous and not value[0].isdigit() and value[0] != "-" else json.dumps(value)
    return json.dumps(value)
