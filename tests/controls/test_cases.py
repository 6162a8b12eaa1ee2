"""Case files: what the controls that hold a known rule report, line by line, and above all what they do not.

A case begins with ``=== RULE: what it shows``, RULE being a row of docs/coverage/rules.toml, a peer's rule
(``hadolint DL3008``) or a control. Lines that must be reported end with ``# <-``; all others must stay silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import judge_dockerfile, judge_project
from pytest_dockerharden.model.origin import TextOrigin
from tests.controls.coverage import controls_of, rows
from tests.controls.test_examples import marked, overlays, prepare, split, unmarked
from tests.helpers import assemble_files

HEADER = re.compile(r"=== (?P<rules>[^:]+): (?P<behaviour>.+)")


def cases() -> Iterator[object]:
    for path in sorted((Path(__file__).parent / "cases").glob("*.txt")):
        rules, behaviour, body = "", "", list[str]()
        for line in [*path.read_text(encoding="utf-8").splitlines(), "=== end: end"]:
            header = HEADER.match(line)
            if not header:
                body.append(line)
                continue
            if rules:
                yield pytest.param(rules, "\n".join(body).strip("\n") + "\n", id=f"{path.stem}-{rules}-{behaviour}")
            rules, behaviour, body = header["rules"], header["behaviour"], []


@cache
def chosen(rule: str) -> frozenset[str]:
    """The controls that hold a row, a peer's rule or are of that name."""
    if rule in load_all():
        return frozenset({rule})
    if rule in rows():
        return frozenset(controls_of(rule))
    peer, _, identifier = rule.partition(" ")
    found = {c.id for c in load_all().values() if identifier in c.equivalents.get(peer, ())}
    assert found, f"no control holds {rule}"
    return frozenset(found)


@pytest.mark.parametrize(("rules", "text"), list(cases()))
def test_the_marked_lines_are_reported_and_no_others(rules: str, text: str, tmp_path: Path) -> None:
    files = split(text)
    prepare(tmp_path, text)
    assembly = assemble_files(tmp_path, unmarked(files), overlays(files))
    assert not assembly.failures, [f"{p.origin}: {p.message}" for p in assembly.failures]
    for rule in rules.split(", "):
        controls = [load_all()[identifier] for identifier in sorted(chosen(rule))]
        found = [j for project in assembly.projects for j in judge_project(project, controls, {})]
        found += [j for dockerfile in assembly.dockerfiles.values() for j in judge_dockerfile(dockerfile, controls, {})]
        assert not [j.reason for j in found if j.verdict == "error"]
        reported = {
            (Path(finding.origin.file).relative_to(tmp_path).as_posix(), finding.origin.line)
            for judgement in found
            for finding in judgement.findings
            if isinstance(finding.origin, TextOrigin)
        }
        assert reported == marked(files), rule
