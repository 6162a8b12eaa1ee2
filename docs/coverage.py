"""Write docs/coverage/catalogue.md, every known rule and the control that holds it: ``python docs/coverage.py``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from pytest_dockerharden.controls import load_all  # noqa: E402

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = HERE / "coverage/rules.toml"
PAGE = HERE / "coverage/catalogue.md"
_INTRODUCTION = """\
# What scanners of Dockerfiles and compose files know, and what holds it here

<!-- Made by docs/coverage.py from docs/coverage/rules.toml and the registry of controls. -->

One row is one property; the scanners that know it call it by the names in the second column. A control that is marked
*strict* is applied with `--harden-suite strict`, the others always.
"""


def page() -> str:
    """The text of ``docs/coverage/catalogue.md``."""
    rows: dict[str, dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    sections: dict[str, list[str]] = {}
    held = 0
    for row in rows.values():
        controls = _controls(row)
        held += bool(controls)
        sections.setdefault(row["section"], []).append(_line(row, controls))
    return "\n".join([_INTRODUCTION, f"Of {len(rows)} properties {held} have a control.", *_tables(sections), ""])


def _tables(sections: dict[str, list[str]]) -> Iterator[str]:
    for section, lines in sections.items():
        yield f"\n## {section}\n"
        yield "| property | known as | class | control, or why there is none |"
        yield "|---|---|---|---|"
        yield from lines


def _controls(row: dict[str, Any]) -> list[str]:
    """The controls that hold a row: those it names, and those that hold a rule of it."""
    found = dict.fromkeys(row.get("controls", ()))
    for peer, identifiers in row.get("peers", {}).items():
        for control in load_all().values():
            if set(identifiers).intersection(control.equivalents.get(peer, ())):
                found[control.id] = None
    return list(found)


def _line(row: dict[str, Any], controls: list[str]) -> str:
    registry = load_all()
    names = "; ".join(f"{peer} {', '.join(identifiers)}" for peer, identifiers in row.get("peers", {}).items())
    held = ", ".join(f"`{name}`{' (strict)' if registry[name].optional else ''}" for name in controls)
    said = ". ".join(filter(None, (held, row.get("together" if controls else "without", ""))))
    return f"| {' | '.join(_cell(text) for text in (row['meaning'], names or '—', row['class'], said))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
