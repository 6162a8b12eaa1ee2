"""What a remedy says where only ``docker stack deploy`` honours the file: it ignores some keys, and refuses others."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.model.finding import Remedy
from tests.controls.postures import stack
from tests.helpers import judgements

SWARM = "deploy: {mode: global}\n"
LIMITED = "deploy: {placement: {constraints: [node.role==worker]}, resources: {limits: {memory: 512M}}}\n"


def remedy(folder: Path, control: str, body: str) -> Remedy:
    (judged,) = judgements(folder, {"compose.yaml": stack(body)}, control)
    (finding,) = judged.findings
    assert finding.remedy is not None
    return finding.remedy


@pytest.mark.parametrize(
    ("control", "body", "noted"),
    [
        ("no-new-privileges", SWARM, "docker stack deploy ignores it"),
        ("no-new-privileges", "deploy: {update_config: {parallelism: 1}}\n", "docker stack deploy ignores it"),
        ("security-options-set", SWARM, "docker stack deploy, which ignores it"),
        ("swap-limit", LIMITED, "docker stack deploy, which refuses the file for it"),
    ],
)
def test_a_remedy_says_that_swarm_does_not_take_it(tmp_path: Path, control: str, body: str, noted: str) -> None:
    assert noted in remedy(tmp_path, control, body).breaks


@pytest.mark.parametrize(
    ("control", "body"),
    [
        ("no-new-privileges", ""),
        ("no-new-privileges", "deploy: {replicas: 2, resources: {limits: {memory: 512M}}}\n"),
        ("security-options-set", ""),
        ("swap-limit", "mem_limit: 512m\n"),
        ("capabilities-dropped", SWARM),
        ("read-only-rootfs", SWARM),
    ],
)
def test_nothing_is_said_of_swarm_where_compose_runs_it_or_both_take_it(
    tmp_path: Path, control: str, body: str
) -> None:
    assert "stack deploy" not in remedy(tmp_path, control, body).breaks


def test_a_restart_policy_is_written_where_swarm_reads_it(tmp_path: Path) -> None:
    control = "restarts-after-a-failure"
    assert [edit.path for edit in remedy(tmp_path, control, SWARM).edits] == [("deploy", "restart_policy")]
    assert [edit.path for edit in remedy(tmp_path, control, "").edits] == [("restart",)]


def test_a_cpu_reservation_that_swarm_honours_is_not_taken_out(tmp_path: Path) -> None:
    body = "deploy: {mode: global, resources: {reservations: {cpus: '0.5'}}}\n"
    assert remedy(tmp_path, "reservations-take-effect", body).effect == "advice"
    assert remedy(tmp_path, "reservations-take-effect", body.replace("global", "replicated")).edits
