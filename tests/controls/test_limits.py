from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found, stack, verdict
from tests.helpers import judgements


def deploy(kind: str, name: str, value: str) -> str:
    return f"deploy:\n  resources:\n    {kind}:\n      {name}: {value}"


@pytest.mark.parametrize(
    ("control", "body"),
    [
        pytest.param("memory-limit", "mem_limit: 512m", id="memory-plain"),
        pytest.param("memory-limit", deploy("limits", "memory", "512M"), id="memory-deploy"),
        pytest.param("memory-limit", "mem_limit: ${M:-1g}", id="memory-by-default"),
        pytest.param("memory-limit", "mem_limit: ${M}", id="memory-unresolved"),
        pytest.param("cpu-limit", "cpus: 0.5", id="cpus-plain"),
        pytest.param("cpu-limit", deploy("limits", "cpus", "'0.5'"), id="cpus-deploy"),
        pytest.param("cpu-limit", "cpu_quota: 50000", id="cpus-by-quota"),
        pytest.param("pids-limit", "pids_limit: 100", id="pids-plain"),
        pytest.param("pids-limit", deploy("limits", "pids", "100"), id="pids-deploy"),
        pytest.param("swap-limit", "mem_limit: 1g\nmemswap_limit: 1g", id="no-swap"),
        pytest.param("swap-limit", "", id="nothing-to-double"),
        pytest.param("limits-are-accepted", "mem_limit: 1g\nmem_reservation: 1g", id="reserved-to-the-limit"),
        pytest.param("limits-are-accepted", "mem_reservation: 1g", id="reserved-without-a-limit"),
        pytest.param("limits-are-accepted", "mem_limit: 6m", id="the-smallest-limit"),
        pytest.param("limits-are-accepted", "mem_limit: 1g\nmemswap_limit: -1", id="swap-without-end"),
        pytest.param("reservations-take-effect", deploy("reservations", "memory", "64M"), id="memory-is-reserved"),
        pytest.param("tmpfs-fits-memory-limit", "mem_limit: 1g\ntmpfs: /tmp:size=64m", id="a-small-tmpfs"),
        pytest.param("tmpfs-fits-memory-limit", "tmpfs: /tmp:size=64g", id="no-limit-to-fit"),
        pytest.param("tmpfs-fits-memory-limit", "mem_limit: 64m\ntmpfs: /tmp", id="no-size-is-another-control"),
        pytest.param("tmpfs-fits-memory-limit", "mem_limit: 100m", id="the-default-shm"),
        pytest.param("file-descriptors-limited", "ulimits: {nofile: 1024}", id="open-files"),
        pytest.param("oom-killer-enabled", "oom_kill_disable: false", id="oom-killer-on"),
        pytest.param("oom-score-not-lowered", "oom_score_adj: 100", id="stopped-first"),
    ],
)
def test_what_is_limited_is_not_reported(tmp_path: Path, control: str, body: str) -> None:
    assert found(tmp_path, control, body) == []


@pytest.mark.parametrize(
    ("control", "body", "line", "message"),
    [
        ("memory-limit", "", 2, "its memory is not limited"),
        ("memory-limit", "mem_limit: 0", 4, "its memory is not limited"),
        ("memory-limit", "mem_reservation: 1g", 2, "its memory is not limited"),
        ("memory-limit", deploy("reservations", "memory", "1G"), 2, "its memory is not limited"),
        ("cpu-limit", "cpu_shares: 512", 2, "its CPU time is not limited"),
        ("cpu-limit", "cpus: 0", 4, "its CPU time is not limited"),
        ("cpu-limit", deploy("reservations", "cpus", "'1'"), 2, "its CPU time is not limited"),
        ("pids-limit", "pids_limit: -1", 4, "the number of its processes is not limited"),
        ("pids-limit", "pids_limit: 0", 4, "the number of its processes is not limited"),
        ("swap-limit", "mem_limit: 512m", 4, "it may swap by 512m beyond its memory limit"),
        ("swap-limit", "mem_limit: 1g\nmemswap_limit: -1", 5, "it may swap without end beyond its memory limit"),
        ("swap-limit", "mem_limit: 1g\nmemswap_limit: 1536m", 5, "it may swap by 512m beyond its memory limit"),
        (
            "limits-are-accepted",
            "mem_limit: 1g\nmem_reservation: 2g",
            5,
            "it reserves 2g of memory, and is limited to 1g",
        ),
        (
            "limits-are-accepted",
            "mem_limit: 1g\nmemswap_limit: 512m",
            5,
            "memory and swap together (512m) are less than memory (1g)",
        ),
        ("limits-are-accepted", "mem_limit: 4m", 4, "4m of memory is less than the engine takes (6m)"),
        ("reservations-take-effect", deploy("reservations", "cpus", "'1'"), 7, "its CPU reservation is ignored"),
        (
            "tmpfs-fits-memory-limit",
            "mem_limit: 100m\ntmpfs:\n  - /tmp:size=20m\n  - /data:size=30m",
            7,
            "its tmpfs may take 50m of 100m of memory",
        ),
        ("tmpfs-fits-memory-limit", "mem_limit: 1g\nshm_size: 1g", 5, "its /dev/shm may take 1g of 1g of memory"),
        ("file-descriptors-limited", "", 2, "the number of its open files is not limited"),
        ("file-descriptors-limited", "ulimits: {nofile: -1}", 4, "the number of its open files is not limited"),
        ("oom-killer-enabled", "oom_kill_disable: true", 4, "the OOM killer is switched off for it"),
        ("oom-score-not-lowered", "oom_score_adj: -1000", 4, "its OOM score is lowered by 1000"),
    ],
)
def test_what_is_not_limited_is_reported(tmp_path: Path, control: str, body: str, line: int, message: str) -> None:
    assert found(tmp_path, control, body) == [(line, message)]


def test_an_unresolved_limit_is_unknown(tmp_path: Path) -> None:
    assert verdict(tmp_path, "memory-limit", "mem_limit: ${M}") == "unknown"


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        pytest.param("", "deploy:\n  resources:\n    limits:\n      pids: 100", id="nothing-used"),
        pytest.param("mem_limit: 1g", "pids_limit: 100", id="the-plain-spelling"),
        pytest.param(
            deploy("limits", "memory", "1G"), "deploy:\n  resources:\n    limits:\n      pids: 100", id="deploy"
        ),
    ],
)
def test_the_remedy_keeps_to_the_spelling_in_use(tmp_path: Path, body: str, lines: str) -> None:
    text = "services:\n  web:\n    image: app\n" + "".join(f"    {line}\n" for line in body.splitlines())
    ((finding,),) = [j.findings for j in judgements(tmp_path, {"compose.yaml": text}, "pids-limit")]
    assert finding.remedy is not None
    assert finding.remedy.text == lines


@pytest.mark.parametrize(
    ("image", "memory", "pids"),
    [
        pytest.param("acme/app:1", "512M", 100, id="an ordinary service"),
        pytest.param("docker.elastic.co/elasticsearch/elasticsearch:8.15.0", "4G", 1000, id="a JVM of many threads"),
        pytest.param("ollama/ollama:0.9.0", "4G", 1000, id="a model in memory"),
    ],
)
def test_the_limits_to_write_let_the_program_start(tmp_path: Path, image: str, memory: str, pids: int) -> None:
    values = {}
    for control in ("memory-limit", "pids-limit"):
        (judged,) = judgements(tmp_path, {"compose.yaml": stack(f"image: {image}")}, control)
        (finding,) = judged.findings
        assert finding.remedy is not None
        values[control] = [edit.value for edit in finding.remedy.edits]
    assert values == {"memory-limit": [memory], "pids-limit": [pids]}
