"""What the engine's answer says of a container."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_dockerharden.observe.engine_facts import probes


def run(start: str, code: int) -> dict[str, Any]:
    return {"Start": start, "End": start, "ExitCode": code, "Output": ""}


@pytest.mark.parametrize(
    ("started", "codes"),
    [
        ("2026-11-24T08:00:00.5Z", [0]),
        ("2026-11-24T09:00:00.5+01:00", [0]),
        ("2026-11-24T07:00:00Z", [1, 0]),
        ("0001-01-01T00:00:00Z", [1, 0]),
        ("", [1, 0]),
    ],
    ids=["before the restart", "in another zone", "both after the start", "never started", "no time"],
)
def test_runs_of_the_healthcheck_before_the_start_are_left_out(started: str, codes: list[int]) -> None:
    health = {"Log": [run("2026-11-24T07:59:30.1+00:00", 1), run("2026-11-24T08:00:10.123456789Z", 0)]}
    assert [probe.exit_code for probe in probes("web", health, started)] == codes
