"""``${VARIABLE}`` in values, by the grammar of Docker Compose, and the casts of what is a number or a truth value.

Names are ``[A-Za-z_][A-Za-z0-9_]*``; ``$$`` is a dollar; a dollar before anything else stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pytest_dockerharden.model.node import Node, Scalar
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.compose.problems import Problems
from pytest_dockerharden.source.compose.units import parse_bool, parse_float, parse_integer

MOST_TEXT = 128 * 1024
MOST_TEXT_IN_ALL = 16 * 1024 * 1024
MOST_NESTED = 64
TOO_LONG = "the interpolated text is too long"
DOLLAR = pattern(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|(\{))")
BRACED = pattern(r"([A-Za-z_][A-Za-z0-9_]*)(:?[-?+]|(?=\}))")
BRACE = pattern(r"[{}\n]")


class InterpolationError(ValueError):
    """A template that Docker Compose refuses. The message holds no value."""


class Interpolator:
    """Expands templates from ``environment``.

    With ``required`` a ``${NAME:?}`` without a value is an error; without, the name is merely unresolved.
    """

    def __init__(self, environment: Mapping[str, str], *, required: bool = True) -> None:
        self.environment = environment
        self.required = required
        self.produced = 0

    def expand(self, template: str) -> tuple[str, frozenset[str]]:
        """The text and the names in it that have neither a value nor a default. Raises InterpolationError."""
        if "$" not in template:
            return template, frozenset()
        unresolved: set[str] = set()
        text = self._expand(template, unresolved, 0)
        self.produced += len(text)
        if len(text) > MOST_TEXT or self.produced > MOST_TEXT_IN_ALL:
            raise InterpolationError(TOO_LONG)
        return text, frozenset(unresolved)

    def _expand(self, template: str, unresolved: set[str], depth: int) -> str:
        if depth > MOST_NESTED:
            raise InterpolationError("variables are nested too deeply")
        parts: list[str] = []
        position = size = 0
        for _ in range(len(template)):
            match = DOLLAR.search(template, position)
            if match is None:
                break
            parts.append(template[position : match.start()])
            text, position = self._variable(template, match, unresolved, depth)
            parts.append(text)
            size += len(text)
            if size > MOST_TEXT:
                raise InterpolationError(TOO_LONG)
        parts.append(template[position:])
        return "".join(parts)

    def _variable(self, template: str, match: re.Match[str], unresolved: set[str], depth: int) -> tuple[str, int]:
        """The text for the variable at ``match`` and the position behind it."""
        if match[1]:
            return "$", match.end()
        if match[2]:
            return self._value(match[2], unresolved), match.end()
        name = BRACED.match(template, match.end())
        if name is None:
            raise InterpolationError("invalid interpolation format, write $$ for a plain dollar")
        if not name[2]:
            return self._value(name[1], unresolved), name.end() + 1
        end = _closing_brace(template, name.end())
        return self._operate(name[1], name[2], template[name.end() : end], unresolved, depth), end + 1

    def _value(self, name: str, unresolved: set[str]) -> str:
        value = self.environment.get(name)
        if value is None:
            unresolved.add(name)
            return ""
        return value

    def _operate(self, name: str, operator: str, word: str, unresolved: set[str], depth: int) -> str:
        value = self.environment.get(name)
        present = bool(value) if operator[0] == ":" else value is not None
        if operator[-1] == "+":
            return self._expand(word, unresolved, depth + 1) if present else ""
        if present:
            return value or ""
        if operator[-1] == "-":
            return self._expand(word, unresolved, depth + 1)
        if self.required:
            raise InterpolationError(f"required variable {name} is missing a value: {word}")
        unresolved.add(name)
        return ""


def _closing_brace(template: str, start: int) -> int:
    """Where the brace opened before ``start`` closes; unbalanced ones close at the last brace of the line."""
    level, last = 1, -1
    for brace in BRACE.finditer(template, start):
        if brace[0] == "\n":
            break
        level += 1 if brace[0] == "{" else -1
        if brace[0] == "}":
            last = brace.start()
        if level == 0:
            return last
    if last < 0:
        raise InterpolationError("invalid interpolation format, a brace is not closed")
    return last


def interpolate(root: Node, interpolator: Interpolator, problems: Problems) -> None:
    """Replace every template below ``root``, in place, and note it in ``template`` and ``unresolved``."""
    unset: set[str] = set()
    todo = [root]
    while todo:
        node = todo.pop()
        value = node.value
        if isinstance(value, str):
            if "$" in value:
                _replace(node, value, interpolator, problems, unset)
        elif isinstance(value, dict):
            todo.extend(reversed(value.values()))
        elif isinstance(value, list):
            todo.extend(reversed(value))


def _replace(node: Node, text: str, interpolator: Interpolator, problems: Problems, unset: set[str]) -> None:
    node.template = text
    try:
        node.value, node.unresolved = interpolator.expand(text)
    except InterpolationError as error:
        problems.refuse(str(error), node.origin)
    for name in sorted(node.unresolved - unset):
        unset.add(name)
        problems.warn(f"the variable {name} is not set, it becomes an empty text", node.origin)


def _boolean(text: str) -> Scalar:
    return parse_bool(text)


_INT: Callable[[str], Scalar] = parse_integer
_FLOAT: Callable[[str], Scalar] = parse_float
_BOOL: Callable[[str], Scalar] = _boolean
_NAMES = {_INT: "an integer", _FLOAT: "a number", _BOOL: "a boolean"}
_EXTERNAL = {"*": {"external": _BOOL}}
_UPDATE = {"parallelism": _INT, "max_failure_ratio": _FLOAT}
_ULIMITS = {"*": {"": _INT, "soft": _INT, "hard": _INT}}
CASTS: dict[str, Any] = {
    "services": {
        "*": {
            "build": {"ulimits": _ULIMITS, "no_cache": _BOOL, "pull": _BOOL, "privileged": _BOOL},
            **dict.fromkeys(("cpu_count", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime"), _INT),
            **dict.fromkeys(("cpu_shares", "oom_score_adj", "pids_limit", "scale"), _INT),
            **dict.fromkeys(("cpu_percent", "cpus"), _FLOAT),
            **dict.fromkeys(("init", "oom_kill_disable", "privileged", "read_only", "stdin_open", "tty"), _BOOL),
            "depends_on": {"*": {"required": _BOOL, "restart": _BOOL}},
            "deploy": {
                "replicas": _INT,
                "update_config": _UPDATE,
                "rollback_config": _UPDATE,
                "restart_policy": {"max_attempts": _INT},
                "placement": {"max_replicas_per_node": _INT},
            },
            "healthcheck": {"retries": _INT, "disable": _BOOL},
            "ports": {"[]": {"target": _INT}},
            "ulimits": _ULIMITS,
            "volumes": {"[]": {"read_only": _BOOL, "volume": {"nocopy": _BOOL}, "bind": {"create_host_path": _BOOL}}},
        }
    },
    "networks": {
        "*": dict.fromkeys(("external", "internal", "attachable", "enable_ipv4", "enable_ipv6"), _BOOL),
    },
    "volumes": _EXTERNAL,
    "secrets": _EXTERNAL,
    "configs": _EXTERNAL,
}


def cast(root: Node, problems: Problems, *, required: bool = True) -> None:
    """Turn texts into the numbers and truth values their fields hold, in place: ``privileged: "yes"`` is true.

    Without ``required`` a text with an unresolved variable may stay a text.
    """
    todo: list[tuple[Node, Any]] = [(root, CASTS)]
    while todo:
        node, wanted = todo.pop()
        if isinstance(node.value, dict) and isinstance(wanted, dict):
            every = wanted.get("*")
            for key, child in node.value.items():
                below = wanted.get(key, every)
                if below is not None:
                    todo.append((child, below))
        elif isinstance(node.value, list) and isinstance(wanted, dict) and "[]" in wanted:
            todo.extend((child, wanted["[]"]) for child in node.value)
        elif isinstance(node.value, str):
            to = wanted.get("") if isinstance(wanted, dict) else wanted
            if to is not None:
                _cast(node, node.value, to, problems, required)


def _cast(node: Node, text: str, to: Callable[[str], Scalar], problems: Problems, required: bool) -> None:
    value = to(text)
    if value is not None:
        node.value = value
        if isinstance(value, bool) and text.lower() not in ("true", "false"):
            word = str(value).lower()
            message = f"{text!r} for a boolean is not supported by YAML 1.2, write {word}"
            problems.add(Problem("warning", message, node.origin, written=text, instead=word))
    elif required or not node.unresolved:
        problems.refuse(f"must be {_NAMES[to]}", node.origin)
