"""What an overlay takes away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import hits, judgements

BASE = """services:
  web:
    image: app
    user: "1000:1000"
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    mem_limit: 512m
    cpus: 1
    pids_limit: 100
    healthcheck: {test: [CMD, app]}
    env_file: .env.local
"""
ENV = {".env.local": "A=1\n", ".env.production": "B=1\n"}


def found(folder: Path, overlay: str, control: str, name: str = "prod", base: str = BASE) -> list[tuple[int, str]]:
    file = f"compose.{name}.yaml"
    files = {"compose.yaml": base, file: overlay, **ENV}
    combinations = {"base": ("compose.yaml",), name: ("compose.yaml", file)}
    result = hits(folder, files, control, combinations)
    assert all(hit.file == file for hit in result)
    return [(hit.line, hit.message) for hit in result]


def web(*settings: str) -> str:
    return "services:\n  web:\n" + "".join(f"    {setting}\n" for setting in settings)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        pytest.param("read_only: false", "the root filesystem is writable again", id="read_only"),
        pytest.param('security_opt: ["no-new-privileges:false"]', "no-new-privileges is lost", id="the last one wins"),
        pytest.param("privileged: true", "it is privileged", id="privileged"),
        pytest.param("user: root", "it runs as root again", id="root"),
        pytest.param("mem_limit: 0", "the memory limit is lost", id="memory"),
        pytest.param("pids_limit: -1", "the process limit is lost", id="pids"),
        pytest.param("cpus: 0", "the CPU limit is lost", id="cpus"),
        pytest.param("network_mode: host", "it joins the host's network", id="host network"),
        pytest.param("pid: host", "it sees the host's processes", id="host pid"),
        pytest.param("healthcheck: {disable: true}", "its healthcheck is lost", id="healthcheck"),
        pytest.param("cap_add: [SYS_ADMIN]", "it gains SYS_ADMIN", id="a capability"),
        pytest.param('security_opt: ["seccomp:unconfined"]', "seccomp is switched off", id="seccomp"),
    ],
)
def test_lost_hardening_is_found_at_the_line_of_the_overlay(tmp_path: Path, setting: str, message: str) -> None:
    assert (3, message) in found(tmp_path, web(setting), "overlays-keep-the-hardening")


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(("restart: always",), id="something else"),
        pytest.param(("read_only: true", "mem_limit: 2g"), id="as hard"),
        pytest.param(("cap_drop: []",), id="an empty list drops nothing"),
        pytest.param(("user: '2000:2000'",), id="another user"),
        pytest.param(("mem_limit: ${LIMIT}",), id="a variable without a value"),
        pytest.param(("healthcheck: {interval: 5s}",), id="another interval"),
    ],
)
def test_an_overlay_that_loses_nothing_is_let_be(tmp_path: Path, settings: tuple[str, ...]) -> None:
    assert found(tmp_path, web(*settings), "overlays-keep-the-hardening") == []


@pytest.mark.parametrize("name", ["dev", "local", "test", "override"])
def test_an_overlay_for_development_is_exempt(tmp_path: Path, name: str) -> None:
    assert found(tmp_path, web("read_only: false"), "overlays-keep-the-hardening", name) == []


def test_a_base_that_was_never_hard_loses_nothing(tmp_path: Path) -> None:
    base = "services:\n  web:\n    image: app\n"
    assert found(tmp_path, web("read_only: false"), "overlays-keep-the-hardening", base=base) == []


def test_the_nearest_combination_below_is_the_one_compared_with(tmp_path: Path) -> None:
    files = {
        "compose.yaml": BASE,
        "compose.site.yaml": web("read_only: false"),
        "compose.prod.yaml": web("mem_limit: 0"),
        **ENV,
    }
    combinations = {
        "base": ("compose.yaml",),
        "site": ("compose.yaml", "compose.site.yaml"),
        "prod": ("compose.yaml", "compose.site.yaml", "compose.prod.yaml"),
    }
    result = hits(tmp_path, files, "overlays-keep-the-hardening", combinations)
    assert [(hit.file, hit.line) for hit in result] == [("compose.prod.yaml", 3), ("compose.site.yaml", 3)]


def test_files_that_do_not_build_on_each_other_are_not_compared(tmp_path: Path) -> None:
    files = {"compose.yaml": BASE, "compose.prod.yaml": "services:\n  web:\n    image: app\n", **ENV}
    combinations = {"base": ("compose.yaml",), "prod": ("compose.prod.yaml",)}
    found = judgements(tmp_path, files, "overlays-keep-the-hardening", combinations)
    assert {judgement.verdict for judgement in found} == {"not-applicable"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(("ports:", '  - "5432:5432"'), [4], id="a new port"),
        pytest.param(("ports:", '  - "0.0.0.0:5432:5432"'), [4], id="every address, written out"),
        pytest.param(("ports:", '  - "127.0.0.1:5432:5432"'), [], id="on the loopback"),
        pytest.param(("ports:", '  - "443:8443"'), [], id="the edge is published in production"),
        pytest.param(("restart: always",), [], id="none"),
    ],
)
def test_a_new_port_is_found(tmp_path: Path, settings: tuple[str, ...], expected: list) -> None:
    lines = [line for line, _ in found(tmp_path, web(*settings), "overlays-publish-no-further-port")]
    assert lines == expected


def test_a_port_that_the_base_publishes_is_not_new(tmp_path: Path) -> None:
    base = BASE + '    ports: ["8080:80"]\n'
    overlay = web('ports: ["8080:80"]')
    assert found(tmp_path, overlay, "overlays-publish-no-further-port", base=base) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(("env_file: .env.production",), [3], id="added to the development file"),
        pytest.param(("env_file: !override [.env.production]",), [], id="in its place"),
        pytest.param(("restart: always",), [], id="no file added"),
    ],
)
def test_the_development_env_file_is_dropped(tmp_path: Path, settings: tuple[str, ...], expected: list) -> None:
    lines = [line for line, _ in found(tmp_path, web(*settings), "overlays-drop-the-development-env-file")]
    assert lines == expected


def test_a_service_that_an_overlay_takes_out_is_found(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services:\n  web:\n    image: a\n  waf:\n    image: b\n",
        "compose.prod.yaml": "services:\n  waf: !reset null\n",
    }
    combinations = {"base": ("compose.yaml",), "prod": ("compose.yaml", "compose.prod.yaml")}
    result = hits(tmp_path, files, "overlays-keep-every-service", combinations)
    assert [hit.message for hit in result] == ["service waf is gone"]
