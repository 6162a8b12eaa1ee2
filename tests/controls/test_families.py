"""Families are imported by what they judge, which their names say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_dockerharden.controls import families, judged_by, load_all

CONTROLS = load_all().values()
RUN = """
import sys
from pytest_dockerharden.controls import load
load(sys.argv[1].split(","), live=False, optional=len(sys.argv) > 2)
print(*sorted(name.split(".")[-1] for name in sys.modules if name.startswith("pytest_dockerharden.controls.")))
"""


def loaded(judged: str, *optional: str) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-c", RUN, judged, *optional],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.split()


@pytest.mark.parametrize("family", families())
def test_a_family_judges_what_its_name_says(family: str) -> None:
    judged = {control.judges for control in CONTROLS if control.family == family}
    assert judged <= judged_by(family), "give its name another beginning, or say it in controls/__init__.py"
    assert judged_by(family).isdisjoint({"Project", "Service", "Posture"}) or judged & {"Project", "Service", "Posture"}


@pytest.mark.parametrize(
    ("judged", "needed"),
    [
        ("Project,Service,Posture", {"Project", "Service", "Posture"}),
        ("Stage,Dockerfile", {"Stage", "Dockerfile"}),
    ],
)
def test_a_static_run_imports_every_control_it_needs_and_no_family_without_one(judged: str, needed: set[str]) -> None:
    controls = [c for c in CONTROLS if c.judges in needed and not c.live and c.family in families()]
    assert loaded(judged, "optional") == sorted({c.family for c in controls})
    with_a_recommended_one = {c.family for c in CONTROLS if not c.optional}
    assert loaded(judged) == sorted({c.family for c in controls} & with_a_recommended_one)
