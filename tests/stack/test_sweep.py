"""What is swept: the things of dead owners, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_dockerharden.stack import run as runs
from pytest_dockerharden.stack.run import RUN, Run, boot_id, is_dead, keep, owner_of, remove, start_time, sweep
from tests.live import what_is_left


def dead_owner() -> str:
    """The owner label of a process that was and is not any more."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = owner_of(process.pid)
    process.communicate(b"\n")
    return owner


OWNERS = {
    "this process": lambda: owner_of(1),
    "a process of another boot or machine": lambda: f"00000000-0000-0000-0000-000000000000:{1 << 21}:77",
    "one whose start time could not be read": lambda: f"{boot_id()}:{1 << 21}:",
    "something else": lambda: "somebody",
}


@pytest.mark.parametrize("owner", OWNERS)
def test_an_owner_is_not_dead_unless_that_can_be_shown(owner: str) -> None:
    assert not is_dead(OWNERS[owner]())


def test_an_owner_is_dead_when_its_process_is_gone_or_another_one() -> None:
    assert is_dead(dead_owner())
    assert is_dead(f"{boot_id()}:1:{int(start_time(1)) + 1}")


class Left:
    """A stopped container, a network and a volume under the labels of a run."""

    def __init__(self, client: Any, image: str, owner: str, run_id: str) -> None:
        self.run = Run(run_id, owner)
        labels = self.run.labels
        client.containers.create(image, ["sleep", "1"], labels=labels)
        client.networks.create(f"harden-sweep-{run_id}", labels=labels)
        client.volumes.create(f"harden-sweep-{run_id}", labels=labels)
        self.left = what_is_left(client, self.label)

    @property
    def label(self) -> str:
        return f"{RUN}={self.run.id}"


@pytest.fixture
def left(client: Any, image: str) -> Iterator[dict[str, Left]]:
    owners = {"dead": dead_owner(), "kept": dead_owner(), "alive": owner_of(1), "elsewhere": "otherboot:1:1"}
    made = {name: Left(client, image, owner, f"sweep-{name}-{id(owners)}") for name, owner in owners.items()}
    yield made
    for thing in made.values():
        assert remove(client, thing.run.id) == []


@pytest.mark.live
def test_removes_what_dead_owners_left_and_nothing_else(client: Any, left: dict[str, Left], bystander: Any) -> None:
    keep(client, left["kept"].run, "project")
    sweep(client)  # or one of a run beside it has been quicker
    assert what_is_left(client, left["dead"].label) == []
    for name in ("alive", "elsewhere"):
        assert what_is_left(client, left[name].label) == left[name].left
    # and the mark
    assert len(what_is_left(client, left["kept"].label)) == len(left["kept"].left) + 1
    assert bystander()


@pytest.mark.live
def test_sweeps_once_for_each_engine(client: Any, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_SWEPT", set())
    first = Left(client, image, dead_owner(), f"sweep-first-{id(monkeypatch)}")
    assert first.run.id in runs.sweep_once(client, "unix:///here")
    second = Left(client, image, dead_owner(), f"sweep-second-{id(monkeypatch)}")
    assert runs.sweep_once(client, "unix:///here") == []
    assert second.run.id in runs.sweep_once(client, "tcp://there:2376")
