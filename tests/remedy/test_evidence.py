"""What the changed paths of a container say about where it writes."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.fact import Known
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.remedy.evidence import Evidence, Folder, Usage, written_folders

ORIGIN = KernelOrigin("web", "test", "test")


def usage(**facts: object) -> Usage:
    known = {name: Known(value, ORIGIN) for name, value in facts.items()}
    return Usage(Posture(subject="web", phase="live", origin=ORIGIN, **known))  # type: ignore[arg-type]


WRITTEN = {
    "a new file in a folder of the image": ({"/run": "modified", "/run/a.pid": "added"}, ["/run"]),
    "a new folder, and what is in it": (
        {"/var": "modified", "/var/new/": "added", "/var/new": "added", "/var/new/a": "added"},
        ["/var/new"],
    ),
    "a file that is gone again": ({"/data": "modified"}, ["/data"]),
    "a log of the image": ({"/var/log/a": "modified", "/var/log/a/error.log": "modified"}, ["/var/log/a"]),
}
FOLDERS = {"/run", "/var", "/var/new", "/data", "/var/log/a", "/etc"}


@pytest.mark.parametrize(("changes", "folders"), WRITTEN.values(), ids=WRITTEN)
def test_the_folders_that_must_be_writable(changes: dict[str, str], folders: list[str]) -> None:
    seen = usage()
    clean = {path.rstrip("/"): kind for path, kind in changes.items()}
    assert written_folders(clean, seen, FOLDERS.__contains__) == folders
    assert seen.obstacle == ""


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        pytest.param({"/etc/app.conf": "modified"}, "it changes /etc/app.conf", id="rewritten"),
        pytest.param({"/etc/app.conf": "deleted"}, "it deletes /etc/app.conf", id="deleted"),
    ],
)
def test_a_file_of_the_image_that_is_changed_is_in_the_way(changes: dict[str, str], obstacle: str) -> None:
    seen = usage()
    assert written_folders(changes, seen, FOLDERS.__contains__) == []
    assert seen.obstacle.startswith(obstacle)


def test_limits_leave_room_for_what_a_tmpfs_holds() -> None:
    evidence = Evidence()
    evidence.usage["web"] = seen = usage(memory=None, pids=None, read_only_rootfs=False)
    seen.memory, seen.processes = 100 << 20, 9
    seen.folders["/cache"] = Folder("/cache", 101, 101, 0o750, 10 << 20)
    written = {proposal.what: [edit.value for edit in proposal.edits] for proposal in evidence.proposals()}
    assert written == {
        "pids-limit": [32],
        "memory-limit": ["320M"],
        "read-only-rootfs": [True, "/cache:size=48m,uid=101,gid=101,mode=0750"],
    }


def test_nothing_is_proposed_of_what_is_limited_and_read_only() -> None:
    evidence = Evidence()
    evidence.usage["web"] = seen = usage(memory=64 << 20, pids=10, read_only_rootfs=True)
    seen.memory, seen.processes = 10 << 20, 3
    assert evidence.proposals() == []
