from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.controls.house_rules import amount
from tests.helpers import hits


def compose(*lines: str) -> dict[str, str]:
    return {
        "compose.yaml": "\n".join(["services:", "  web:", "    image: app", *(f"    {line}" for line in lines), ""])
    }


PORTS = "only-needed-ports-published"
BOUNDS = "limits-within-bounds"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((), id="none is published"),
        pytest.param(("ports: ['443:8443', '80:8080']",), id="each is listed"),
        pytest.param(("ports: ['8080']",), id="the engine picks one"),
        pytest.param(("ports: ['127.0.0.1:443:8443']",), id="on one interface"),
        pytest.param(("expose: [9000]",), id="not published"),
        pytest.param(("ports: ['${PORT}:80']",), id="not known"),
    ],
)
def test_listed_ports_may_be_published(tmp_path: Path, lines: tuple[str, ...]) -> None:
    assert hits(tmp_path, compose(*lines), PORTS, ports=("80", "443")) == []


def test_a_port_that_no_list_has_is_named(tmp_path: Path) -> None:
    found = hits(tmp_path, compose("ports:", "  - 443:8443", "  - 8443:8443"), PORTS, ports=("443",))
    assert [(hit.line, hit.message) for hit in found] == [(6, "host port 8443 is not one of those allowed")]


@pytest.mark.parametrize(
    "ports",
    [
        pytest.param("'8000-8009:8000-8009'", id="ten may have been counted"),
        pytest.param("'9100:9100', '9200:9200'", id="without a list any single port will do"),
    ],
)
def test_without_a_list_only_long_ranges_are_reported(tmp_path: Path, ports: str) -> None:
    assert hits(tmp_path, compose(f"ports: [{ports}]"), PORTS) == []


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((), id="not limited: another control says so"),
        pytest.param(("mem_limit: 512m", "cpus: 2", "pids_limit: 100"), id="at the bounds"),
        pytest.param(("mem_limit: ${MEMORY}",), id="not known"),
        pytest.param(("pids_limit: -1",), id="no limit at all"),
    ],
)
def test_limits_up_to_the_bounds_are_silent(tmp_path: Path, lines: tuple[str, ...]) -> None:
    assert hits(tmp_path, compose(*lines), BOUNDS, memory="512m", cpus=2, pids=100) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mem_limit: 513m", "mem_limit is above 512m"),
        ("cpus: 2.5", "cpus is above 2"),
        ("pids_limit: 101", "pids_limit is above 100"),
    ],
)
def test_a_limit_above_its_bound_is_named(tmp_path: Path, line: str, message: str) -> None:
    found = hits(tmp_path, compose(line), BOUNDS, memory="512m", cpus=2, pids=100)
    assert [(hit.line, hit.message) for hit in found] == [(4, message)]


@pytest.mark.parametrize(
    ("text", "size"), [("1t", 1 << 40), ("512m", 512 << 20), ("1.5G", 3 << 29), ("64kb", 65536), ("7", 7)]
)
def test_amounts(text: str, size: int) -> None:
    assert amount(text) == size
