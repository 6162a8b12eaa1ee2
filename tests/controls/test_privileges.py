from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found, verdict
from tests.helpers import hits


def opt(*options: str) -> str:
    return "security_opt:\n" + "\n".join(f'  - "{option}"' for option in options)


@pytest.mark.parametrize(
    ("control", "body"),
    [
        pytest.param("not-privileged", "", id="privileged-left-out"),
        pytest.param("not-privileged", "privileged: false", id="privileged-false"),
        pytest.param("not-privileged", 'privileged: "${P}"', id="privileged-unresolved"),
        pytest.param("no-new-privileges", opt("no-new-privileges:true"), id="nnp-colon"),
        pytest.param("no-new-privileges", opt("no-new-privileges=true"), id="nnp-equals"),
        pytest.param("no-new-privileges", opt("no-new-privileges"), id="nnp-bare"),
        pytest.param("no-new-privileges", opt("no-new-privileges:True"), id="nnp-capital"),
        pytest.param("no-new-privileges", opt("no-new-privileges:1"), id="nnp-number"),
        pytest.param("no-new-privileges", opt("no-new-privileges:false", "no-new-privileges:true"), id="nnp-last-wins"),
        pytest.param("no-new-privileges", opt("${NNP}"), id="nnp-unresolved"),
        pytest.param("seccomp-confined", "", id="seccomp-default"),
        pytest.param("seccomp-confined", opt("seccomp=./profile.json"), id="seccomp-of-its-own"),
        pytest.param("seccomp-confined", opt("seccomp:builtin"), id="seccomp-builtin"),
        pytest.param("seccomp-confined", "privileged: true", id="seccomp-said-by-privileged"),
        pytest.param("seccomp-confined", opt("seccomp:unconfined", "seccomp:builtin"), id="seccomp-last-wins"),
        pytest.param("apparmor-confined", "", id="apparmor-default"),
        pytest.param("apparmor-confined", opt("apparmor:docker-default"), id="apparmor-named"),
        pytest.param("apparmor-confined", "privileged: true", id="apparmor-said-by-privileged"),
        pytest.param("selinux-confined", "", id="selinux-default"),
        pytest.param("selinux-confined", opt("label=type:container_t"), id="selinux-type"),
        pytest.param("system-paths-masked", "", id="masked-by-default"),
        pytest.param("system-paths-masked", "privileged: true", id="masks-said-by-privileged"),
        pytest.param("control-groups-read-only", opt("writable-cgroups=false"), id="cgroups-false"),
        pytest.param("hooks-without-privileges", "post_start:\n  - command: ./x", id="hook-as-the-service"),
        pytest.param("hooks-without-privileges", "post_start:\n  - {command: ./x, user: app}", id="hook-as-a-user"),
        pytest.param(
            "hooks-without-privileges",
            "user: root\nprivileged: true\npre_start:\n  - {command: ./x}",
            id="hook-before-as-the-service",
        ),
        pytest.param("security-options-set", opt("no-new-privileges:true"), id="some-option"),
    ],
)
def test_what_is_confined_is_not_reported(tmp_path: Path, control: str, body: str) -> None:
    assert found(tmp_path, control, body) == []


@pytest.mark.parametrize(
    ("control", "body", "line", "message"),
    [
        ("not-privileged", "privileged: true", 4, "privileged mode is on"),
        ("not-privileged", 'privileged: "${P:-true}"', 4, "privileged mode is on"),
        ("no-new-privileges", "", 2, "its processes can gain privileges"),
        ("no-new-privileges", opt("no-new-privileges:false"), 5, "its processes can gain privileges"),
        (
            "no-new-privileges",
            opt("no-new-privileges:true", "no-new-privileges=false"),
            6,
            "its processes can gain privileges",
        ),
        ("no-new-privileges", opt("seccomp:builtin"), 2, "its processes can gain privileges"),
        ("seccomp-confined", opt("seccomp=unconfined"), 5, "no seccomp profile is in force"),
        (
            "seccomp-confined",
            "privileged: true\n" + opt("seccomp=unconfined"),
            6,
            "no seccomp profile is in force",
        ),
        ("apparmor-confined", opt("apparmor:unconfined"), 5, "AppArmor is switched off for it"),
        ("selinux-confined", opt("label:disable"), 5, "SELinux separation is switched off for it"),
        ("selinux-confined", opt("label=disable"), 5, "SELinux separation is switched off for it"),
        ("system-paths-masked", opt("systempaths=unconfined"), 5, "its /proc and /sys are not masked"),
        ("control-groups-read-only", opt("writable-cgroups=true"), 5, "it can write its own control groups"),
        (
            "hooks-without-privileges",
            "pre_stop:\n  - command: ./x\n    user: root:app",
            6,
            "its pre_stop hook runs as root",
        ),
        (
            "hooks-without-privileges",
            "post_start:\n  - command: ./x\n    privileged: true",
            6,
            "its post_start hook is privileged",
        ),
        ("security-options-set", "", 2, "it sets no security options"),
    ],
)
def test_what_is_not_confined_is_reported(tmp_path: Path, control: str, body: str, line: int, message: str) -> None:
    assert found(tmp_path, control, body) == [(line, message)]


def test_an_overlay_can_switch_no_new_privileges_off(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services:\n  web:\n    image: app\n    security_opt: [no-new-privileges:true]\n",
        "compose.prod.yaml": "services:\n  web:\n    security_opt: [no-new-privileges:false]\n",
    }
    found = hits(tmp_path, files, "no-new-privileges", {"prod": ("compose.yaml", "compose.prod.yaml")})
    assert [(hit.file, hit.line) for hit in found] == [("compose.prod.yaml", 3)]


def test_an_unresolved_switch_is_unknown(tmp_path: Path) -> None:
    assert verdict(tmp_path, "not-privileged", 'privileged: "${P}"') == "unknown"
    assert verdict(tmp_path, "no-new-privileges", opt("no-new-privileges:${NNP}")) == "unknown"
