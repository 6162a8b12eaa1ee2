"""Which keys and values a compose file may have."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.compose.scalars import Timestamp
from pytest_dockerharden.source.compose.schema_rules import Rule
from pytest_dockerharden.source.compose.schema_table import FILE, SERVICE

GONE = {
    "net": "it is network_mode now",
    "log_driver": "it is logging.driver now",
    "log_opt": "it is logging.options now",
    "volume_driver": "set driver below the volume in the top-level volumes",
    "cpuset_cpus": "did you mean cpuset?",
    "memory": "did you mean mem_limit?",
}
PARENTS = ("build", "deploy", "healthcheck", "logging")
HIDDEN = frozenset({"content", *(f"an item of {name}" for name in ("environment", "args", "command", "entrypoint"))})
MOST_HINTED = 40
# looking for a similar word takes about a millisecond
MOST_HINTS = 100
UNBOUNDED = 2**63

Found = list[Problem]
Todo = list[tuple[Node, Rule, str]]


def validate(model: Node) -> list[Problem]:
    """What Docker Compose would refuse of the keys and types of a file's mapping, in the order of the text.

    ``model`` may have short forms. Values with a variable that no file gives are taken for right.
    """
    found: Found = []
    todo: Todo = [(model, FILE, "the file")]
    while todo:
        node, rule, name = todo.pop()
        if rule.anything:
            continue
        value = node.value
        if isinstance(value, dict):
            _mapping(node, value, rule, name, todo, found)
        elif isinstance(value, list):
            _sequence(node, value, rule, name, todo, found)
        else:
            _scalar(node, rule, name, found)
    return sorted(found, key=lambda problem: (problem.origin.file, problem.origin.line, problem.origin.column))


def _mapping(node: Node, value: dict[str, Node], rule: Rule, name: str, todo: Todo, found: Found) -> None:
    keys, others = rule.keys, rule.others
    if keys is None and others is None:
        return _wrong(node, rule, name, found)
    for key, child in value.items():
        below = keys.get(key) if keys else None
        if below is None:
            if rule.extensible and key.startswith("x-"):
                continue
            if others is None or (rule.names and not rule.names.fullmatch(key)):
                found.append(_unknown(key, child, rule, name, hinted=len(found) < MOST_HINTS))
                continue
            below = others
        todo.append((child, below, key))
    found += [_refused(f"{name} lacks {key}", node, f"add {key}:") for key in rule.required if key not in value]
    return None


def _sequence(node: Node, value: list[Node], rule: Rule, name: str, todo: Todo, found: Found) -> None:
    if rule.items is None:
        return _wrong(node, rule, name, found)
    todo += [(item, rule.items, f"an item of {name}") for item in value]
    if rule.distinct and len(value) > 1:
        seen = set()
        for item in value:
            if isinstance(item.value, (str, int)) and not item.unresolved:
                if item.value in seen:
                    # not what stands behind the name of a variable: it may be a secret
                    text = item.text().partition("=")[0]
                    found.append(_refused(f"{name} repeats {text!r}", item, "remove one of them"))
                seen.add(item.value)
    return None


def _scalar(node: Node, rule: Rule, name: str, found: Found) -> None:
    value = node.value
    kind = type(value)
    if kind not in rule.scalars and not (isinstance(value, float) and value.is_integer() and int in rule.scalars):
        if not node.unresolved:
            _wrong(node, rule, name, found)
        return
    if kind is Timestamp:
        found.append(Problem("warning", f"the date becomes the text {value}", node.origin, "quote it"))
    elif kind is str:
        if node.unresolved:
            return
        text = node.text()
        if rule.words and text not in rule.words:
            found.append(_refused(f"{name} cannot be {text!r}", node, _suggest(text, rule.words)))
        elif rule.pattern and not rule.pattern.search(text):
            found.append(_refused(f"{name} cannot be {text!r}", node))
    elif rule.bounds and isinstance(value, (int, float)):
        low, high = rule.bounds
        if not low <= value <= high:
            limit = f"from {low} to {high}" if high < UNBOUNDED else f"at least {low}"
            found.append(_refused(f"{name} must be {limit}", node))


def _wrong(node: Node, rule: Rule, name: str, found: Found) -> None:
    found.append(_refused(f"{name} must be {rule.describe()}", node, _how(node, rule, name)))


def _how(node: Node, rule: Rule, name: str) -> str:
    """How to write a value of the wrong type. What may be a secret is not repeated."""
    value = node.value
    if value is None:
        return "give it a value or remove the line"
    if isinstance(value, (dict, list)):
        return ""
    if rule.items is not None and rule.items.scalars:
        quotable = rule.others is None and "=" not in node.text()
        return f"write a list: [{node.text()}]" if quotable else "write a list or a mapping"
    if bool in rule.scalars:
        return "write true or false"
    if name in HIDDEN or type(value) is Timestamp:
        return "quote it"
    return f'quote it: "{node.text()}"' if str in rule.scalars and not isinstance(value, str) else ""


def _refused(message: str, node: Node, hint: str = "") -> Problem:
    return Problem("refused", message, node.origin, hint)


def _unknown(key: str, child: Node, rule: Rule, name: str, *, hinted: bool) -> Problem:
    if rule.others is not None and rule.names:
        hint = "use letters, digits, dots, dashes and underscores"
        return Problem("refused", f"{key!r} is not a name for an entry of {name}", child.place, hint)
    return Problem("refused", f"unknown key {key}", child.place, _advice(key, child, rule) if hinted else "")


def _advice(key: str, child: Node, rule: Rule) -> str:
    keys = rule.keys or {}
    if rule is SERVICE:
        if key in GONE:
            return GONE[key]
        for parent in PARENTS:
            if key in (keys[parent].keys or {}):
                return f"it belongs below {parent}"
    if (hint := _suggest(key, keys)) or rule is SERVICE:
        return hint
    if (rule is FILE and child.get("image") is not None) or child.get("build") is not None:
        return "services belong below services:"
    return "it belongs to the service" if key in (SERVICE.keys or {}) and rule is not FILE else ""


def _suggest(word: str, known: Iterable[str]) -> str:
    # Imported here, since only files with a mistake need it.
    from difflib import get_close_matches

    near = get_close_matches(word[:MOST_HINTED].lower().replace("-", "_"), list(known), n=1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else ""
