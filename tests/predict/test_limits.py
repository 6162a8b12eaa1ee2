"""What limits a container."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.posture import Ulimit
from tests.predict.conftest import Predict

MIB = 1 << 20
LIMITS = "deploy: {resources: {limits: {%s}}}"


@pytest.mark.parametrize(
    ("keys", "value", "line"),
    [
        pytest.param("", None, 2, id="absent"),
        pytest.param("mem_limit: 512m", 512 * MIB, 3, id="plain"),
        pytest.param("mem_limit: 0", None, 3, id="zero-is-none"),
        pytest.param("mem_limit: ${M:-64m}", 64 * MIB, 3, id="default-of-a-variable"),
        pytest.param(LIMITS % "memory: 1g", 1024 * MIB, 3, id="deploy"),
        pytest.param("mem_limit: 1g\n" + LIMITS % "memory: 1024m", 1024 * MIB, 4, id="both"),
        pytest.param("mem_limit: 1g\ndeploy: {replicas: 1}", 1024 * MIB, 3, id="deploy-without-limits"),
        pytest.param("deploy: {resources: {reservations: {memory: 1g}}}", None, 2, id="a-reservation-is-no-limit"),
    ],
)
def test_memory(predict: Predict, keys: str, value: int | None, line: int) -> None:
    fact = predict(keys).memory
    assert (fact.value, fact.origin.line) == (value, line)


def test_a_float_is_no_memory_limit(predict: Predict) -> None:
    assert predict("mem_limit: 0.5").memory.value is None


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("", None),
        ("mem_limit: 1m", 2 * MIB),
        ("mem_limit: 1m\nmemswap_limit: 1m", MIB),
        ("mem_limit: 1m\nmemswap_limit: -1", None),
        ("mem_limit: 1m\nmemswap_limit: 0", 2 * MIB),
        (LIMITS % "memory: 1m", 2 * MIB),
    ],
)
def test_memory_and_swap(predict: Predict, keys: str, value: int | None) -> None:
    assert predict(keys).memory_swap.value == value


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("", None),
        ("cpus: 0.5", 0.5),
        ('cpus: "1.5"', 1.5),
        ("cpus: 0", None),
        (LIMITS % 'cpus: "2"', 2.0),
        ("cpu_quota: 50000", 0.5),
        ("cpu_quota: 50000\ncpu_period: 25000", 2.0),
        ("cpu_quota: -1", None),
        ("cpu_shares: 512", None),
    ],
)
def test_cpus(predict: Predict, keys: str, value: float | None) -> None:
    assert predict(keys).cpus.value == value


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("", None),
        ("pids_limit: 100", 100),
        ('pids_limit: "100"', 100),
        ("pids_limit: 0", None),
        ("pids_limit: -1", None),
        (LIMITS % "pids: 50", 50),
    ],
)
def test_pids(predict: Predict, keys: str, value: int | None) -> None:
    assert predict(keys).pids.value == value


@pytest.mark.parametrize("key", ["mem_limit", "cpus", "pids_limit", "shm_size"])
def test_a_limit_that_nothing_sets_is_unknown(predict: Predict, key: str) -> None:
    posture = predict(f"{key}: ${{LIMIT}}")
    fact = {"mem_limit": posture.memory, "cpus": posture.cpus, "pids_limit": posture.pids}.get(key, posture.shm_size)
    assert fact.known is False
    assert "$LIMIT, which no file sets" in str(fact)


def test_the_rest(predict: Predict) -> None:
    posture = predict(
        """
        mem_reservation: 64m
        shm_size: 128m
        oom_kill_disable: true
        oom_score_adj: -500
        ulimits: {nproc: 64, nofile: {soft: 1024, hard: 2048}, core: 0}
        """
    )
    assert posture.memory_reservation.value == 64 * MIB
    assert posture.shm_size.value == 128 * MIB
    assert posture.oom_kill_disabled.value is True
    assert posture.oom_score_adj.value == -500
    assert posture.ulimits.value == {"nproc": Ulimit(64, 64), "nofile": Ulimit(1024, 2048), "core": Ulimit(0, 0)}


def test_the_defaults_of_the_rest(predict: Predict) -> None:
    posture = predict()
    assert posture.shm_size.value == 64 * MIB
    assert posture.oom_kill_disabled.value is False
    assert (posture.oom_score_adj.value, posture.ulimits.value, posture.memory_reservation.value) == (0, {}, None)
