from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.model.fact import Unknown
from pytest_dockerharden.model.posture import Mount
from tests.controls.test_live_controls import HERE, process, verdict
from tests.helpers import hits

EXCEEDS = "no-process-exceeds-the-first"
RAW = frozenset({"NET_RAW"})
SAME = (("user", 1),)


def two(first: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {"processes": (process(**{"namespaces": SAME, **first}), process(pid=9, **{"namespaces": SAME, **other}))}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(two({}, {}), "passed", id="both alike"),
        pytest.param(two({"cap_bounding": RAW}, {}), "passed", id="the other has less"),
        pytest.param(two({"no_new_privileges": False, "seccomp": 0}, {}), "passed", id="the other confines itself"),
        pytest.param(two({}, {"cap_bounding": RAW, "namespaces": (("user", 2),)}), "passed", id="a sandbox of its own"),
        pytest.param(two({}, {"cap_effective": RAW}), "passed", id="a set that the bounding set bounds"),
        pytest.param(two({}, {"cap_bounding": RAW, "state": "Z (zombie)"}), "passed", id="it has ended"),
        pytest.param(two({}, {"cap_bounding": RAW, "namespaces": ()}), "unknown", id="its namespace is not known"),
        pytest.param({"processes": (process(pid=9),)}, "not-applicable", id="no first process was seen"),
        pytest.param({"processes": Unknown("x")}, "unknown", id="nobody looked"),
    ],
)
def test_no_more_than_the_first_may_is_silent(values: dict[str, Any], expected: str) -> None:
    assert verdict(EXCEEDS, **values)[0] == expected


@pytest.mark.parametrize(
    ("other", "more"),
    [
        ({"cap_bounding": RAW}, "NET_RAW"),
        ({"no_new_privileges": False}, "a way to new privileges"),
        ({"seccomp": 0}, "system calls without a filter"),
    ],
)
def test_what_another_process_may_beyond_is_named(other: dict[str, Any], more: str) -> None:
    message = f"process 9 has {more}, which the first one has not"
    assert verdict(EXCEEDS, **two({}, other)) == ("failed", [message])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"cap_ambient": frozenset(), "cap_inheritable": frozenset()}, ("passed", [])),
        ({"cap_ambient": RAW, "cap_inheritable": RAW}, ("failed", ["NET_RAW is ambient"])),
        ({"cap_ambient": frozenset(), "cap_inheritable": RAW}, ("failed", ["NET_RAW is inheritable"])),
        ({"cap_ambient": Unknown("x")}, ("unknown", [])),
    ],
)
def test_capabilities_that_are_handed_on(values: dict[str, Any], expected: tuple[str, list[str]]) -> None:
    assert verdict("no-inherited-capabilities", **values) == expected


def mounted(**values: Any) -> dict[str, Any]:
    mount = Mount("/data", values.pop("kind", "volume"), HERE, **values)
    return {"no_new_privileges": False, "mounts": (mount,)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(mounted(flags=frozenset({"nosuid"})), "passed", id="nosuid"),
        pytest.param(mounted(read_only=True), "passed", id="read-only"),
        pytest.param(mounted(kind="secret"), "passed", id="nobody writes a secret"),
        pytest.param(mounted() | {"no_new_privileges": True}, "not-applicable", id="no file gives any"),
        pytest.param(mounted(), "failed", id="a volume"),
        pytest.param(mounted(kind="tmpfs"), "failed", id="a tmpfs with suid"),
    ],
)
def test_setuid_on_writable_mounts(values: dict[str, Any], expected: str) -> None:
    assert verdict("no-setuid-on-writable-mounts", **values)[0] == expected


@pytest.mark.parametrize("ulimits", ["{core: 0}", "{core: {soft: 0, hard: 0}}", "{core: '0'}"])
def test_core_dumps_that_are_off(tmp_path: Path, ulimits: str) -> None:
    text = f"services:\n  web:\n    image: app\n    ulimits: {ulimits}\n"
    assert hits(tmp_path, {"compose.yaml": text}, "no-core-dumps") == []


def test_core_dumps_that_a_process_may_switch_on(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: app\n    ulimits:\n      core: {soft: 0, hard: -1}\n"
    assert [hit.message for hit in hits(tmp_path, {"compose.yaml": text}, "no-core-dumps")] == [
        "core dumps are not switched off"
    ]
