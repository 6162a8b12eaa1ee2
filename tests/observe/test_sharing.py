"""Who shares a namespace with whom, and what is said where one could not be read."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.fact import Known, Unknown, UnknownFact
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.observe.sharing import put_shared_namespaces

OWN = {"net": 11, "pid": 12, "ipc": 13}


def shared(running: str = "abc", joining: str = "", **inodes: dict[str, int] | None) -> dict[str, Posture]:
    postures = {}
    for name, namespaces in inodes.items():
        origin = KernelOrigin(name, "/proc/1/ns", "", 1)
        postures[name] = Posture(subject=name, phase="live", origin=origin)
        postures[name].namespaces = Unknown("not read") if namespaces is None else Known(namespaces, origin)
        postures[name].pid_mode = Known("container:a" if name in joining else "private", origin)
    put_shared_namespaces(postures, {name: f"service {name}" for name in inodes}, set(running))
    return postures


def test_one_namespace_of_two_containers_is_said_of_both() -> None:
    found = shared(a=OWN, b={**OWN, "net": 21, "ipc": 23}, c={"net": 31, "pid": 32, "ipc": 33})
    assert found["a"].shared_namespaces.value == {"pid": {"service b"}}
    assert found["b"].shared_namespaces.value == {"pid": {"service a"}}
    assert found["c"].shared_namespaces.value == {}


def test_what_was_not_read_of_one_that_joins_another_is_no_proof_that_nothing_is_shared() -> None:
    found = shared(a=OWN, b=None, joining="b")
    with pytest.raises(UnknownFact, match="the namespaces of service b could not be read"):
        found["a"].shared_namespaces.value  # noqa: B018
    with pytest.raises(UnknownFact, match="its namespaces could not be read"):
        found["b"].shared_namespaces.value  # noqa: B018


def test_what_was_not_read_of_one_with_namespaces_of_its_own_does_not_matter() -> None:
    assert shared(a=OWN, b=None)["a"].shared_namespaces.value == {}


def test_what_is_shared_is_said_whoever_was_not_read() -> None:
    found = shared(joining="c", a=OWN, b=OWN, c=None)
    assert found["a"].shared_namespaces.value == {kind: {"service b"} for kind in OWN}


def test_a_container_that_has_ended_shares_nothing() -> None:
    assert shared(running="a", joining="b", a=OWN, b=None)["a"].shared_namespaces.value == {}
