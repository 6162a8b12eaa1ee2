"""The table of known rules, and which control holds which."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

from pytest_dockerharden.controls import load_all

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).parents[2] / "docs/coverage/rules.toml"


@cache
def rows() -> dict[str, dict[str, Any]]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


@cache
def holders() -> dict[tuple[str, str], list[str]]:
    """Controls by peer and rule id."""
    found: dict[tuple[str, str], list[str]] = {}
    for control in load_all().values():
        for peer, identifiers in control.equivalents.items():
            for identifier in identifiers:
                found.setdefault((peer, identifier), []).append(control.id)
    return found


def controls_of(row: str) -> list[str]:
    """The controls that hold a row: those it names, and those that hold a peer's rule of it."""
    table = rows()[row]
    found = dict.fromkeys(table.get("controls", ()))
    for peer, identifiers in table.get("peers", {}).items():
        for identifier in identifiers:
            found.update(dict.fromkeys(holders().get((peer, identifier), ())))
    return list(found)
