"""Controls of the engine, on engines that are really started: one as it comes, one set up badly, one set up well."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import Judgement, judge
from pytest_dockerharden.model.engine import Engine, EngineFile
from pytest_dockerharden.model.fact import Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.observe.engine import observe_engine
from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.private import private_engine
from tests.live import missing

CONTROLS = {control.id: control for control in load_all().values() if control.judges == "Engine"}
PLACE = KernelOrigin("engine", "here", "so it is")
# newer engines wait a while before they open such a port; a private one has a control group, and rules, of its own;
# words for the profile came after 20.10
NOT_STARTED = {
    "remote-engine-asks-for-certificates",
    "engine-default-cgroup",
    "engine-manages-its-firewall",
    "engine-filters-system-calls",
}
# a logging driver that there is no server for
NOT_STARTED_WELL = {"logs-leave-the-host"}
MARK = re.compile(r"\s*# <-\s*$", re.MULTILINE)


def verdict(identifier: str, engine: Engine) -> Judgement:
    return judge(CONTROLS[identifier], engine, "engine")


def written(identifier: str, kind: str) -> dict[str, Any]:
    """The ``daemon.json`` of a control's example; empty where it has none."""
    examples = getattr(CONTROLS[identifier].documentation, kind)
    settings: dict[str, Any] = json.loads(MARK.sub("", examples[0])) if examples else {}
    return settings


def together(kind: str, left_out: set[str]) -> dict[str, Any]:
    """The settings of all examples that an engine can be started with at once."""
    settings: dict[str, Any] = {}
    for identifier in CONTROLS:
        for name, value in written(identifier, kind).items() if identifier not in left_out else ():
            assert settings.setdefault(name, value) == value
    return settings


@contextlib.contextmanager
def observed(settings: dict[str, Any]) -> Iterator[Engine]:
    if not sys.platform.startswith("linux") or os.geteuid() or not shutil.which("dockerd"):
        missing("a private engine needs Linux, root and dockerd")
    with private_engine(settings=settings) as address:
        client = connect(address)
        try:
            yield observe_engine(client, {})
        finally:
            client.close()


@pytest.fixture(scope="module")
def bad() -> Iterator[Engine]:
    with observed(together("bad", NOT_STARTED)) as engine:
        yield engine


@pytest.fixture(scope="module")
def good() -> Iterator[Engine]:
    with observed(together("good", NOT_STARTED | NOT_STARTED_WELL)) as engine:
        yield engine


WITH_EXAMPLES = sorted(identifier for identifier in CONTROLS if CONTROLS[identifier].documentation.bad)


@pytest.mark.live
@pytest.mark.parametrize("identifier", [i for i in WITH_EXAMPLES if i not in NOT_STARTED])
def test_an_engine_with_the_settings_of_the_bad_example_is_found(identifier: str, bad: Engine) -> None:
    assert verdict(identifier, bad).verdict == "failed"


@pytest.mark.live
@pytest.mark.parametrize("identifier", [i for i in WITH_EXAMPLES if i not in NOT_STARTED | NOT_STARTED_WELL])
def test_an_engine_with_the_settings_of_the_good_example_is_not(identifier: str, good: Engine) -> None:
    assert verdict(identifier, good).verdict == "passed"


@pytest.mark.live
@pytest.mark.parametrize(
    "identifier",
    [
        pytest.param("swarm-mode-off", id="it joined none"),
        pytest.param("maintained-storage-driver", id="it chose overlay2"),
        pytest.param("engine-files-belong-to-root", id="root made them"),
        pytest.param("engine-files-are-protected", id="nobody opened them"),
        pytest.param("remote-engine-asks-for-certificates", id="it listens on a socket alone"),
        pytest.param("engine-manages-its-firewall", id="nobody told it not to"),
    ],
)
def test_an_engine_as_it_comes_is_not_found(identifier: str, good: Engine) -> None:
    assert verdict(identifier, good).verdict == "passed"


@pytest.mark.live
def test_every_setting_of_a_private_engine_is_known(good: Engine) -> None:
    facts = {name: getattr(good, name) for name in Engine.__slots__ if name != "origin"}
    assert [name for name, fact in facts.items() if not fact.known] == []


@pytest.mark.live
def test_its_own_socket_and_configuration_are_among_its_files(good: Engine) -> None:
    found = {file.kind: file.path for file in good.files.value}
    assert found["docker.sock"].endswith("/docker.sock")
    assert os.path.dirname(found["daemon.json"]) == os.path.dirname(found["docker.sock"])


def engine(**facts: object) -> Engine:
    return Engine(origin=PLACE, **{name: Known(value, PLACE) for name, value in facts.items()})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("identifier", "facts"),
    [
        pytest.param("engine-without-root", {"rootless": True}, id="rootless"),
        pytest.param("user-namespaces-remapped", {"user_namespaces": True, "rootless": False}, id="remapped"),
        pytest.param(
            "user-namespaces-remapped", {"user_namespaces": False, "rootless": True}, id="rootless is remapped"
        ),
        pytest.param("engine-release-is-maintained", {"version": (25, 0, 3)}, id="the oldest that is maintained"),
        pytest.param("engine-release-is-maintained", {"version": (29,)}, id="a new one"),
        pytest.param("maintained-storage-driver", {"storage_driver": "overlayfs"}, id="that of containerd"),
        pytest.param("maintained-storage-driver", {"storage_driver": "zfs"}, id="one that others keep"),
        pytest.param("remote-engine-asks-for-certificates", {"listeners": ("unix:///x", "fd://")}, id="sockets"),
        pytest.param(
            "remote-engine-asks-for-certificates",
            {"listeners": ("tcp://0.0.0.0:2376",), "verifies_clients": True},
            id="it verifies",
        ),
        pytest.param("engine-default-cgroup", {"cgroup_parent": ""}, id="not set"),
        pytest.param("containers-on-their-own-partition", {"own_partition": True}, id="apart"),
        pytest.param("logs-leave-the-host", {"logging_driver": "journald"}, id="one that collects"),
        pytest.param("signed-images-only", {"content_trust": True}, id="asked to"),
        pytest.param("engine-authorises-requests", {"authorization_plugins": ("opa",)}, id="a plugin"),
        pytest.param("engine-enforces-limits", {"limits_ignored": ()}, id="it can"),
        pytest.param("unified-control-groups", {"cgroup_version": 2}, id="version 2"),
        pytest.param("engine-filters-system-calls", {"seccomp_profile": "/etc/docker/seccomp.json"}, id="its own"),
    ],
)
def test_what_is_in_order_is_silent(identifier: str, facts: dict[str, object]) -> None:
    assert verdict(identifier, engine(**facts)).verdict == "passed"


@pytest.mark.parametrize(
    ("identifier", "facts", "message"),
    [
        ("engine-release-is-maintained", {"version": (24, 0)}, "release 24.0 of the engine gets no fixes any more"),
        (
            "remote-engine-asks-for-certificates",
            {"listeners": ("fd://", "tcp://0.0.0.0:2375"), "verifies_clients": False},
            "the engine answers everybody at tcp://0.0.0.0:2375",
        ),
        ("maintained-storage-driver", {"storage_driver": "aufs"}, "the storage driver is aufs"),
        ("engine-filters-system-calls", {"seccomp_profile": ""}, "the engine knows no seccomp"),
        ("swarm-mode-off", {"swarm": True}, "the engine is in a swarm"),
        ("engine-manages-its-firewall", {"manages_firewall": False},
         "the engine sets up no firewall rules, so its networks are not kept apart"),
        ("engine-enforces-limits", {"limits_ignored": ("swap",)}, "a swap limit is ignored"),
        ("base-device-size-kept", {"storage_driver": "devicemapper", "base_device_size": "50G"},
         "the base device is set to 50G"),
        ("engine-default-cgroup", {"cgroup_parent": "/elsewhere"},
         "containers are put below the control group /elsewhere"),
    ],
)  # fmt: skip
def test_what_is_not_in_order_is_named(identifier: str, facts: dict[str, object], message: str) -> None:
    assert [finding.message for finding in verdict(identifier, engine(**facts)).findings] == [message]


@pytest.mark.parametrize("identifier", CONTROLS)
def test_what_cannot_be_read_is_never_a_pass(identifier: str) -> None:
    judgement = verdict(identifier, Engine(origin=PLACE))
    assert (judgement.verdict, judgement.reason) == ("unknown", "not read")


def files(*found: tuple[str, str, str, str, int]) -> Engine:
    made = tuple(EngineFile(*one) for one in found)
    return engine(files=made, rootless=False, watched=frozenset({"/etc/docker", "/usr/bin/dockerd"}))


def test_each_file_is_found_under_its_own_section() -> None:
    judged = files(
        ("TLS key", "/etc/docker/key.pem", "deploy", "root", 0o440),
        ("docker.sock", "/run/docker.sock", "root", "docker", 0o660),
        ("docker.socket", "/lib/systemd/system/docker.socket", "root", "root", 0o666),
    )
    owners = verdict("engine-files-belong-to-root", judged).findings
    assert [(finding.message, finding.sections) for finding in owners] == [
        ("/etc/docker/key.pem belongs to deploy:root", ("3.13",))
    ]
    modes = verdict("engine-files-are-protected", judged).findings
    assert [(finding.message, finding.sections) for finding in modes] == [
        ("/etc/docker/key.pem has mode 0440, which is more than 0400", ("3.14",)),
        ("/lib/systemd/system/docker.socket has mode 0666, which is more than 0644", ("3.4",)),
    ]


def test_a_rule_of_a_folder_watches_what_is_in_it() -> None:
    judged = files(
        ("daemon.json", "/etc/docker/daemon.json", "root", "root", 0o644),
        ("dockerd", "/usr/bin/dockerd", "root", "root", 0o755),
        ("runc", "/usr/bin/runc", "root", "root", 0o755),
    )
    found = verdict("engine-files-are-audited", judged).findings
    assert [(finding.message, finding.sections) for finding in found] == [
        ("no audit rule watches /usr/bin/runc", ("1.1.18",))
    ]


def test_files_of_an_engine_without_root_are_not_judged() -> None:
    judged = engine(rootless=True, files=())
    assert verdict("engine-files-belong-to-root", judged).verdict == "not-applicable"


def test_what_a_remote_engine_does_not_tell_stays_unknown() -> None:
    judged = engine(user_namespaces=False)
    judged.rootless = Unknown("the API is too old")
    assert verdict("user-namespaces-remapped", judged).verdict == "unknown"


def test_none_is_recommended() -> None:
    assert [identifier for identifier, control in CONTROLS.items() if not control.optional] == []
