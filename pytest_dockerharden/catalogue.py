"""``--harden-list`` and ``--harden-explain``: the registry, for people and for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from pytest_dockerharden.loading import load_controls
from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.finding import SEVERITIES
from pytest_dockerharden.policy import Policies
from pytest_dockerharden.report.documentation import sections
from pytest_dockerharden.request import request_of
from pytest_dockerharden.tomlfile import ConfigurationError, did_you_mean

LEGEND = """\
By family: the control, its severity, its priority in the hardening plan where it has one (P0 first), and what holds.
What is marked (strict) is judged with --harden-suite=strict. More of one: pytest --harden-explain CONTROL"""


def show(config: pytest.Config) -> int:
    """Print what ``--harden-list`` or ``--harden-explain`` asks for. The exit status."""
    request = request_of(config)
    try:
        controls = load_controls(Policies(request.top, request.overrides).of(request.start).controls)
    except ConfigurationError as error:
        raise pytest.UsageError(f"dockerharden: {error}") from None
    if config.option.harden_explain:
        return _explain(config.option.harden_explain, controls)
    _print(_list(config.option.harden_list, controls.values()))
    return 0


def _list(form: str, controls: Iterable[Control]) -> str:
    known = forms(controls)
    if form == "text":
        return listing(controls)
    if form == "json":
        return listing_as_json(controls)
    if form == "schema":
        from pytest_dockerharden.schema import schema_text

        return schema_text(controls)
    if form in known:
        return listing_for(form, controls)
    raise pytest.UsageError(f"--harden-list: no `{form}`{did_you_mean(form, known)} (there are: {', '.join(known)})")


def forms(controls: Iterable[Control]) -> list[str]:
    """What ``--harden-list`` takes: the forms of the whole list, and the tools whose rules are held."""
    return ["text", "json", "schema", *sorted({peer for control in controls for peer in control.equivalents})]


def listing_for(peer: str, controls: Iterable[Control]) -> str:
    """One line for each rule of another tool: which controls hold the same property."""
    rules: dict[str, list[Control]] = {}
    for control in controls:
        for identifier in control.equivalents.get(peer, ()):
            rules.setdefault(identifier, []).append(control)
    width = max(map(len, rules))
    lines = []
    for identifier in sorted(rules):
        names = (f"{control.id}{' (strict)' if control.optional else ''}" for control in rules[identifier])
        lines.append(f"{identifier:<{width}}  {', '.join(names)}")
    return "\n".join(lines)


def listing(controls: Iterable[Control]) -> str:
    """One line for each control, by family, the most severe first, below what the columns are."""
    families: dict[str, list[Control]] = {}
    for control in controls:
        families.setdefault(control.family, []).append(control)
    lines = [LEGEND]
    for family in sorted(families):
        lines.append(f"{family}:")
        for control in sorted(families[family], key=lambda c: (-SEVERITIES.index(c.severity), c.id)):
            mark = " (strict)" if control.optional else ""
            lines.append(f"  {control.id:<34} {control.severity:<8} {control.plan:<2}  {control.title}{mark}")
    return "\n".join(lines)


def listing_as_json(controls: Iterable[Control]) -> str:
    """Every control's metadata."""
    return json.dumps([metadata(control) for control in sorted(controls, key=lambda c: c.id)], indent=1)


def metadata(control: Control) -> dict[str, Any]:
    """All that is known of a control, as plain data."""
    documentation = control.documentation
    return {
        "id": control.id,
        "title": documentation.title,
        "why": documentation.why,
        "judges": control.judges,
        "family": control.family,
        "severity": control.severity,
        "plan": control.plan,
        "optional": control.optional,
        "cis": list(control.cis),
        "owasp": list(control.owasp),
        "nist": list(control.nist),
        "equivalents": {peer: list(identifiers) for peer, identifiers in control.equivalents.items()},
        "parameters": {name: _plain(value) for name, value in control.parameters.items()},
        "bad": list(documentation.bad),
        "good": list(documentation.good),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list, set, frozenset)):
        return sorted(value) if isinstance(value, (set, frozenset)) else list(value)
    if isinstance(value, Mapping):
        return dict(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def explanation(control: Control) -> str:
    """A control's documentation, for the terminal."""
    documentation = control.documentation
    marks = ", ".join([control.severity, *sections(control)])
    parts = [f"{control.id}: {documentation.title}", f"({marks})", documentation.why]
    for name, examples in (("Bad", documentation.bad), ("Good", documentation.good)):
        parts += [f"{name}:\n\n{_indented(example)}" for example in examples]
    if control.equivalents:
        peers = [f"  {peer}: {', '.join(identifiers)}" for peer, identifiers in sorted(control.equivalents.items())]
        parts.append("Known elsewhere as:\n" + "\n".join(peers))
    if control.parameters:
        settings = [f"  {name} = {_plain(value)!r}" for name, value in control.parameters.items()]
        parts.append(f"Parameters ([tool.dockerharden.parameters.{control.id}]):\n" + "\n".join(settings))
    return "\n\n".join(filter(None, parts))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.rstrip().split("\n"))


def _explain(identifiers: Iterable[str], controls: Mapping[str, Control]) -> int:
    for identifier in identifiers:
        for control in _meant_by(identifier, controls):
            _print(explanation(control) + "\n")
    return 0


def _meant_by(identifier: str, controls: Mapping[str, Control]) -> list[Control]:
    """The control of this id, or those that hold a rule of another scanner: ``trivy:DS-0002``."""
    if identifier in controls:
        return [controls[identifier]]
    scanner, _, rule = identifier.partition(":")
    held = [control for control in controls.values() if rule in control.equivalents.get(scanner, ())]
    if not held:
        raise pytest.UsageError(f"no control {identifier!r}{did_you_mean(identifier, controls)}")
    return held


def _print(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")
