"""Labelled Dockerfiles: what a rule of another tool must find, and what it must not, one line each.

``== PEER RULE, PEER RULE`` names the rules, ``+`` a text in which the controls that hold a rule find something, ``-``
one in which they do not. ``\\n`` stands for a new line; what has no FROM gets one, unless it begins with ``@``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import judge_dockerfile
from pytest_dockerharden.source.dockerfile import load
from tests.controls.coverage import holders

LABELS = Path(__file__).parent / "labels"


def labels() -> Iterator[object]:
    for path in sorted(LABELS.glob("*.txt")):
        rules, texts = "", list[str]()
        for line in [*path.read_text(encoding="utf-8").splitlines(), "== end"]:
            if line.startswith("== "):
                for rule in rules.split(", ") if texts else ():
                    yield pytest.param(rule, tuple(texts), id=f"{path.stem}: {rule}")
                rules, texts = line[3:], []
            elif line:
                texts.append(line)


@pytest.mark.parametrize(("rule", "texts"), list(labels()))
def test_a_rule_of_another_tool_holds_here(rule: str, texts: tuple[str, ...], tmp_path: Path) -> None:
    peer, _, identifier = rule.partition(" ")
    controls = [load_all()[name] for name in holders()[peer, identifier]]
    controls = [control for control in controls if control.judges in {"Stage", "Dockerfile"}]
    assert controls
    wrong = []
    for line in texts:
        text = line[1:].strip().replace("\\n", "\n")
        path = tmp_path / "Dockerfile"
        whole = text.startswith(("FROM", "#", "@")) or "\nFROM" in text
        path.write_text(f"{text.lstrip('@')}\n" if whole else f"FROM debian:12\n{text}\n")
        found = [j.control.id for j in judge_dockerfile(load(str(path)), controls, {}) if j.findings]
        if bool(found) != (line[0] == "+"):
            wrong.append((line, found))
    assert not wrong
