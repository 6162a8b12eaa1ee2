"""The examples of every control that judges a drill are started for real: what is marked is found, nothing else."""

from __future__ import annotations

import re
import textwrap
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.origin import TextOrigin
from tests.drills.drilled import Drilled, drill

pytestmark = pytest.mark.live

CONTROLS = [control for control in load_all().values() if control.judges == "Drill"]
EXAMPLES = {
    f"{control.id}-{kind}{number or ''}": (control, example)
    for control in CONTROLS
    for kind in ("bad", "good")
    for number, example in enumerate(getattr(control.documentation, kind))
}
MARK = re.compile(r"\s*# <-$")
# what an example needs: probes, a restart or a stop
NEEDED = {"survives-restart": ("restart",), "stops-within-its-grace-period": ("stop",)}
# what an example cannot show, with the test that does
WITHOUT_A_BAD_ONE = {"networks-keep-services-apart": "test_connections.py switches the engine's firewall off for it"}


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, client: Any, image: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Future[Drilled]]:
    """Those that are selected, some at a time."""
    selected = {
        item.callspec.id for item in request.session.items if item.path == request.path and hasattr(item, "callspec")
    }
    pool = ThreadPoolExecutor(4)
    folder = tmp_path_factory.mktemp("examples")
    started = {
        name: pool.submit(drill, client, folder / name, unmarked(example), image, NEEDED.get(control.id, ("active",)))
        for name, (control, example) in EXAMPLES.items()
        if name in selected
    }
    request.addfinalizer(pool.shutdown)
    return started


def unmarked(example: str) -> str:
    return "\n".join(MARK.sub("", line) for line in textwrap.dedent(example).splitlines()) + "\n"


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_what_is_marked_is_found_in_the_running_stack(name: str, outcomes: dict[str, Future[Drilled]]) -> None:
    control, example = EXAMPLES[name]
    drilled = outcomes[name].result()
    judgements = [drilled.judged(control.id, service) for service in drilled.drills]
    assert [j.reason for j in judgements if j.verdict == "unknown"] == []
    assert any(j.verdict in ("passed", "failed") for j in judgements)
    origins = [finding.origin for j in judgements for finding in j.findings]
    found = {origin.line for origin in origins if isinstance(origin, TextOrigin)}
    assert len(origins) == len([origin for origin in origins if isinstance(origin, TextOrigin)])
    assert found == {number for number, line in enumerate(example.splitlines(), 1) if MARK.search(line)}
    assert (name.rpartition("-")[2].startswith("bad")) is bool(found)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_a_drill_is_shown_failing_and_passing(control: Control) -> None:
    assert control.documentation.good
    assert bool(control.documentation.bad) is (control.id not in WITHOUT_A_BAD_ONE)
