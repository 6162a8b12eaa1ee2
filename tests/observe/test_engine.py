"""What an engine's answers, arguments and files say of it. On really started ones: tests/controls/test_engine.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.model.fact import Fact
from pytest_dockerharden.observe.daemon import Daemon, Settings, flags, settings_of
from pytest_dockerharden.observe.engine import of_info, of_settings


def facts(info: dict[str, Any], daemon: Daemon | None = None) -> dict[str, Fact[Any]]:
    return {**dict(of_info(info)), **dict(of_settings(daemon, info))}


def here(arguments: list[str]) -> Daemon:
    found, configuration = settings_of(["dockerd", *arguments], "/nowhere")
    return Daemon(1, "", found, configuration)


@pytest.mark.parametrize(
    ("info", "field", "value"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}, "rootless", True),
        ({"SecurityOptions": ["name=seccomp,profile=builtin"]}, "rootless", False),
        ({"SecurityOptions": ["name=userns"]}, "user_namespaces", True),
        ({"SecurityOptions": ["name=seccomp,profile=unconfined"]}, "seccomp_profile", "unconfined"),
        ({"SecurityOptions": ["name=apparmor"]}, "seccomp_profile", ""),
        ({"ServerVersion": "28.2.2"}, "version", (28, 2, 2)),
        ({"ServerVersion": "20.10.24+dfsg1"}, "version", (20, 10, 24)),
        ({"Swarm": {"LocalNodeState": "pending"}}, "swarm", True),
        ({"RegistryConfig": {"InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"]}}, "insecure_registries", ()),
        (
            {
                "RegistryConfig": {
                    "InsecureRegistryCIDRs": ["10.0.0.0/8"],
                    "IndexConfigs": {"docker.io": {"Secure": True}, "r.lan:5000": {"Secure": False}},
                }
            },
            "insecure_registries",
            ("10.0.0.0/8", "r.lan:5000"),
        ),
        ({"MemoryLimit": True, "SwapLimit": False, "CpuCfsQuota": True}, "limits_ignored", ("swap",)),
        ({"CgroupVersion": "2"}, "cgroup_version", 2),
        ({"Plugins": {"Authorization": ["opa"]}}, "authorization_plugins", ("opa",)),
        ({"Debug": True}, "log_level", "debug"),
        ({"SecurityOptions": ["name=no-new-privileges"]}, "no_new_privileges", True),
        (
            {"Warnings": ["WARNING: API is accessible on http://0.0.0.0:2375 without encryption.\n Access to"]},
            "listeners",
            ("tcp://0.0.0.0:2375",),
        ),
    ],
)
def test_what_the_api_tells(info: dict[str, Any], field: str, value: object) -> None:
    assert facts(info)[field].value == value


@pytest.mark.parametrize(
    "field", ["log_level", "listeners", "manages_firewall", "userland_proxy", "no_new_privileges", "default_ulimits"]
)
def test_what_the_api_does_not_tell_is_unknown_of_an_engine_elsewhere(field: str) -> None:
    assert not facts({"ServerVersion": "28.0.0", "SecurityOptions": ["name=seccomp,profile=builtin"]})[field].known


def test_a_version_that_is_none_is_unknown() -> None:
    assert not facts({"ServerVersion": "dev"})["version"].known


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        ([], "log_level", "info"),
        ([], "listeners", ()),
        ([], "default_ulimits", ()),
        (["--log-level=warn"], "log_level", "warn"),
        (["-l", "debug"], "log_level", "debug"),
        (["--iptables=false"], "manages_firewall", False),
        (["--iptables"], "manages_firewall", True),
        (["--userland-proxy=0"], "userland_proxy", False),
        (["--no-new-privileges"], "no_new_privileges", True),
        (["-H", "fd://", "--host", "tcp://0.0.0.0:2375"], "listeners", ("fd://", "tcp://0.0.0.0:2375")),
        (["-Hunix:///x.sock"], "listeners", ("unix:///x.sock",)),
        (["--live-restore", "-H", "fd://"], "listeners", ("fd://",)),
        (["--tlsverify"], "verifies_clients", True),
        (["--default-ulimit", "nofile=64:64"], "default_ulimits", ("nofile=64:64",)),
        (["--storage-opt", "dm.basesize=50G"], "base_device_size", "50G"),
        (["--storage-opt=overlay2.size=1G"], "base_device_size", ""),
        (["--cgroup-parent", "/elsewhere"], "cgroup_parent", "/elsewhere"),
    ],
)
def test_what_the_arguments_say(arguments: list[str], field: str, value: object) -> None:
    assert facts({}, here(arguments))[field].value == value


def test_a_configuration_says_the_rest_and_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_text('{"userland-proxy": false, "hosts": ["fd://"]}', encoding="utf-8")
    found, configuration = settings_of(["dockerd", "--config-file", "/daemon.json"], str(tmp_path))
    known = facts({}, Daemon(1, "", found, configuration))
    assert known["userland_proxy"].value is False
    assert str(known["userland_proxy"].origin) == 'engine:/daemon.json: "userland-proxy": false'
    assert known["listeners"].value == ("fd://",)


def test_what_is_not_asked_for_is_not_quoted() -> None:
    quoted = [str(fact.origin) for fact in facts({}, here(["--log-opt", "splunk-token=hunter22"])).values()]
    assert not [text for text in quoted if "hunter22" in text]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"hosts": 3}', '{"hosts": "fd://", "icc": null}'])
def test_a_broken_configuration_breaks_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "daemon.json").write_text(text, encoding="utf-8")
    found, configuration = settings_of(["dockerd", "--config-file=/daemon.json"], str(tmp_path))
    assert facts({}, Daemon(1, "", found, configuration))["manages_firewall"].value is True


def test_audit_rules_are_read_of_every_file(tmp_path: Path) -> None:
    folder = tmp_path / "etc/audit/rules.d"
    folder.mkdir(parents=True)
    (tmp_path / "etc/audit/audit.rules").write_text("-D\n-w /usr/bin/dockerd -p rwxa -k docker\n", encoding="utf-8")
    (folder / "a.rules").write_text(
        "# -w /no\n-a always,exit -F dir=/etc/docker -F perm=wa\n-a exit,always -F path=/usr/bin/runc\n",
        encoding="utf-8",
    )
    watched = Daemon(1, str(tmp_path), Settings()).watched.value
    assert watched == {"/usr/bin/dockerd", "/etc/docker", "/usr/bin/runc"}


def test_files_are_found_once_with_their_modes(tmp_path: Path) -> None:
    units = tmp_path / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    (units / "docker.service").write_text("", encoding="utf-8")
    (units / "docker.service").chmod(0o666)
    certificates = tmp_path / "etc/docker/certs.d/r.lan:5000"
    certificates.mkdir(parents=True)
    (certificates / "ca.crt").write_text("", encoding="utf-8")
    found = {file.kind: (file.path, file.mode) for file in Daemon(1, str(tmp_path), Settings()).files.value}
    assert found["docker.service"] == ("/usr/lib/systemd/system/docker.service", 0o666)
    assert found["registry certificate"][0] == "/etc/docker/certs.d/r.lan:5000/ca.crt"
    assert set(found) == {"docker.service", "/etc/docker", "registry certificate"}


@given(st.lists(st.text(max_size=12) | st.sampled_from(["-H", "--icc", "--host=", "-", "--", "-Dx", "--a=b=c"])))
@settings(deadline=None, max_examples=100)
def test_any_command_line_is_read(arguments: list[str]) -> None:
    for name, _ in flags(arguments):
        assert isinstance(name, str)
    assert facts({}, here([a for a in arguments if "config-file" not in a]))["manages_firewall"].known


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda v: st.lists(v, max_size=3)))
@settings(deadline=None, max_examples=100)
def test_any_value_of_a_setting_is_read(value: object) -> None:
    names = ("hosts", "storage-opts", "default-ulimits", "log-level", "iptables", "cgroup-parent", "data-root")
    json.dumps(value)
    daemon = Daemon(1, "/nowhere", Settings(dict.fromkeys(names, value)))
    facts({}, daemon)
    assert daemon.files.known
