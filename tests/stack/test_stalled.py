"""An engine that stops answering in the middle: one clear error in time, and nothing left when it is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.errors import EngineError
from pytest_dockerharden.stack.run import RUN
from pytest_dockerharden.stack.stack import Stack
from tests.live import Valve, engine_on_tcp, what_is_left

pytestmark = pytest.mark.live
TEXT = """
services:
  web:
    {init: true, image: IMAGE, command: [sleep, "1000"], healthcheck: {test: [CMD, sh, -c, exit 1], interval: 100s}}
"""
TIMEOUT = 2


def test_an_engine_that_accepts_and_never_answers_is_refused_in_time(client: Any) -> None:
    valve = Valve()
    valve.stall()
    with engine_on_tcp(valve) as address:
        began = time.monotonic()
        with pytest.raises(EngineError, match="no Docker Engine answers at tcp://127"):
            connect(address, timeout=1)
        assert time.monotonic() - began < 10
        valve.release()


@pytest.mark.parametrize("moment", ["web: creating", "web: waiting for its healthcheck"])
@pytest.mark.parametrize("how", ["stall", "refuse"])
def test_an_engine_that_stops_answering_is_one_error_and_is_cleaned_when_it_is_back(
    client: Any, project: Callable[..., Project], how: str, moment: str
) -> None:
    valve = Valve()
    said = []

    def progress(line: str) -> None:
        said.append(line)
        if line == moment:
            getattr(valve, how)()

    with engine_on_tcp(valve) as address:
        stack = Stack(project(TEXT), connect(address, timeout=TIMEOUT), progress=progress)
        with pytest.raises(EngineError, match="the engine stopped answering"):
            began = time.monotonic()
            stack.up()
        assert time.monotonic() - began < 30
        assert "the engine does not answer: what is left is removed when it does" in said
        assert what_is_left(client, f"{RUN}={stack.run.id}") or moment == "web: creating"
        valve.release()
        until = time.monotonic() + 60
        while what_is_left(client, f"{RUN}={stack.run.id}") and time.monotonic() < until:
            time.sleep(0.2)
        assert what_is_left(client, f"{RUN}={stack.run.id}") == []
