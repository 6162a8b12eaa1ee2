"""Write the pages of docs/ that are made from the registry of controls: ``python docs/generate.py``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from pytest_dockerharden.controls import load_all  # noqa: E402
from pytest_dockerharden.model.control import Control  # noqa: E402
from pytest_dockerharden.schema import schema_text  # noqa: E402

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Peer(NamedTuple):
    """A tool that people come from. ``ignore`` is how it is told to be silent about one rule.

    ``here`` is what is run instead, and ``waiver`` what is written.
    """

    name: str
    command: str
    ignore: str
    here: str = "`dockerharden`, or `pytest --harden-static`"
    waiver: str = "`# harden: waive CONTROL until YYYY-MM-DD -- reason`"


PEERS = {
    "hadolint": Peer("hadolint", "hadolint Dockerfile", "# hadolint ignore=RULE"),
    "trivy": Peer("Trivy (misconfigurations)", "trivy config .", "#trivy:ignore:RULE"),
    "checkov": Peer("Checkov", "checkov -d .", "# checkov:skip=RULE:reason"),
    "kics": Peer("KICS", "kics scan -p .", "# kics-scan ignore-line"),
    "semgrep": Peer("Semgrep", "semgrep --config p/dockerfile --config p/docker-compose", "# nosemgrep: RULE"),
    "buildkit": Peer("BuildKit's build checks", "docker build --check .", "# check=skip=RULE"),
    "tally": Peer("tally", "tally lint .", "# tally ignore=RULE"),
    "dclint": Peer("dclint", "dclint .", "# dclint disable-line RULE"),
    "compose-lint": Peer("compose-lint", "compose-lint", "exclude_services in .compose-lint.yml"),
    "docker-bench": Peer("Docker Bench for Security", "docker-bench-security.sh", "-e check_5_13"),
    "dockle": Peer(
        "Dockle",
        "dockle IMAGE",
        "-i RULE",
        "`pytest --harden-image IMAGE` ([built images](../built-images.md)), `--harden-static` for its Dockerfile",
        "a [waiver](../waivers.md) in `dockerharden.toml`",
    ),
    "sonar": Peer("SonarQube (rules for Docker)", "sonar-scanner", "Accept, on the issue's page"),
}


class Rule(NamedTuple):
    """A rule of a peer: what it says, the controls that hold the same, and why there is none where there is none."""

    meaning: str
    controls: list[Control]
    without: str


def rules_of(peer: str) -> dict[str, Rule]:
    """Every known rule of ``peer`` by its id."""
    table = tomllib.loads((HERE / "coverage/rules.toml").read_text(encoding="utf-8"))
    holders: dict[str, list[Control]] = {}
    for control in sorted(load_all().values(), key=lambda control: control.id):
        for identifier in control.equivalents.get(peer, ()):
            holders.setdefault(identifier, []).append(control)
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in table.values():
        for identifier in row.get("peers", {}).get(peer, ()):
            rows.setdefault(identifier, []).append(row)
    return {
        identifier: Rule(
            "; ".join(dict.fromkeys(row["meaning"] for row in rows.get(identifier, ()))),
            holders.get(identifier, []),
            "; ".join(dict.fromkeys(filter(None, (_reason(row, identifier) for row in rows.get(identifier, ()))))),
        )
        for identifier in sorted(rows.keys() | holders.keys(), key=_natural)
    }


def _reason(row: Mapping[str, Any], identifier: str) -> str:
    """Why a rule has no control: what is said of it, or else of its row."""
    return str(row.get("reasons", {}).get(identifier, row.get("without", "")))


def _natural(identifier: str) -> list[tuple[bool, int, str]]:
    """5.9 before 5.10."""
    parts = re.findall(r"\d+|\D+", identifier)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def page(peer: str) -> str:
    """``docs/coming-from/PEER.md``."""
    about = PEERS[peer]
    rules = rules_of(peer)
    held = {identifier: rule for identifier, rule in rules.items() if rule.controls}
    return "\n".join([*_introduction(about, len(held), len(rules)), *_held(held), *_missing(rules), ""])


def _introduction(about: Peer, held: int, known: int) -> Iterator[str]:
    yield f"# Coming from {about.name}"
    yield ""
    yield "<!-- Made by docs/generate.py from the registry of controls: change `equivalents=` there, not here. -->"
    yield ""
    yield "| | there | here |"
    yield "|---|---|---|"
    yield f"| run | `{about.command}` | {about.here} |"
    yield f"| accept one finding | `{about.ignore}` | {about.waiver} |"
    yield "| what a rule says | | `pytest --harden-explain CONTROL` |"
    yield ""
    yield f"Of the {known} rules that we know of, {held} have a control that holds the same property."
    yield "A control that is marked *strict* is applied with `--harden-suite strict`, the others always."
    yield ""


def _held(rules: Mapping[str, Rule]) -> Iterator[str]:
    yield "| rule | what it says | control |"
    yield "|---|---|---|"
    for identifier, rule in rules.items():
        controls = ", ".join(f"`{c.id}`{' (strict)' if c.optional else ''}" for c in rule.controls)
        yield f"| {identifier} | {_cell(rule.meaning or rule.controls[0].title)} | {controls} |"


def _missing(rules: Mapping[str, Rule]) -> Iterator[str]:
    missing = {identifier: rule for identifier, rule in rules.items() if not rule.controls}
    if not missing:
        return
    yield ""
    yield "No control holds these:"
    yield ""
    yield "| rule | what it says | why |"
    yield "|---|---|---|"
    for identifier, rule in missing.items():
        yield f"| {identifier} | {_cell(rule.meaning)} | {_cell(rule.without)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def pages() -> dict[Path, str]:
    """Every generated page of ``coming-from`` by its path."""
    return {HERE / "coming-from" / f"{peer}.md": page(peer) for peer in PEERS}


def main() -> None:  # noqa: D103
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (HERE / "schema.json").write_text(schema_text(load_all().values()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
