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


FORMS = ("v:semver", "mail:email", "at:hash", "created:rfc3339", "home:url", "licence:spdx", "x:unheard-of")


@pytest.mark.parametrize(
    ("label", "message"),
    [
        pytest.param('created="today"', "label created is not an RFC 3339 time", id="time"),
        pytest.param("v=1.0", "label v is not a semantic version", id="version"),
        pytest.param("mail=somebody", "label mail is not an e-mail address", id="address"),
        pytest.param("at=main", "label at is not a commit", id="commit"),
        pytest.param("home=example.com", "label home is not a URL", id="URL"),
        pytest.param('licence="as you like"', "label licence is not an SPDX expression", id="licence"),
        pytest.param('v=""', "label v is empty", id="empty"),
    ],
)
def test_a_label_has_the_form_that_the_house_asks_for(tmp_path: Path, label: str, message: str) -> None:
    found = hits(tmp_path, {"Dockerfile": f"FROM a:1\nLABEL {label}\n"}, "valid-label-values", forms=FORMS)
    assert [(hit.line, hit.message) for hit in found] == [(2, message)]


@pytest.mark.parametrize(
    "label",
    [
        pytest.param('created="2021-03-23 13:04:29.300508335+01:00"', id="a time with a blank"),
        pytest.param("v=1.0.0-rc.1+build.5", id="a release candidate"),
        pytest.param("mail=dev@example.com at=43c572f home=https://example.com", id="three"),
        pytest.param('licence="MIT OR Apache-2.0"', id="two licences"),
        pytest.param("v=$VERSION", id="not known"),
        pytest.param("other=today", id="another label"),
        pytest.param("x=whatever", id="a form that nobody knows"),
    ],
)
def test_a_label_of_the_right_form_is_silent(tmp_path: Path, label: str) -> None:
    text = f"FROM a:1\nARG VERSION\nLABEL {label}\n"
    assert hits(tmp_path, {"Dockerfile": text}, "valid-label-values", forms=FORMS) == []


def test_no_label_has_a_form_unless_the_house_says_so(tmp_path: Path) -> None:
    assert hits(tmp_path, {"Dockerfile": "FROM a:1\nLABEL created=today v=1\n"}, "valid-label-values") == []
