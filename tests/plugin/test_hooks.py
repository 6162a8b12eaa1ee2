"""What is registered with pytest works out nothing before its time."""

from __future__ import annotations

import pytest

from pytest_dockerharden.live.session import LiveSession
from pytest_dockerharden.session import StaticSession


@pytest.mark.parametrize("kind", [StaticSession, LiveSession])
def test_whoever_looks_at_every_attribute_of_a_plugin_finds_its_hooks_alone(kind: type) -> None:
    names = dir(kind.__new__(kind))
    assert [name for name in names if not name.startswith("pytest_")] == []
    assert "pytest_unconfigure" in names
