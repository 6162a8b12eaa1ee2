"""``${VARIABLE}`` in values."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.source.compose import LoadOptions, load
from pytest_dockerharden.source.compose.interpolate import InterpolationError, Interpolator

KNOWN = {"SET": "val", "EMPTY": "", "N": "5"}


def expand(template: str, *, required: bool = True) -> tuple[str, set[str]]:
    text, unresolved = Interpolator(KNOWN, required=required).expand(template)
    return text, set(unresolved)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$SET", "val"),
        ("${SET}_X", "val_X"),
        ("${EMPTY}", ""),
        ("${UNSET:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${UNSET-a:-b}", "a:-b"),
        ("${SET:+p}", "p"),
        ("${EMPTY+p}", "p"),
        ("${UNSET+p}", ""),
        ("${SET:?e}", "val"),
        ("$$SET", "$SET"),
        ("$$$SET", "$val"),
        ("$${SET}", "${SET}"),
        ("${UNSET:-$$x}", "$x"),
        ("${A:-${B:-c}}", "c"),
        ("${UNSET:-a}}", "a}"),
        ("${UNSET:-{}}", "{}"),
        ('${UNSET:-{"a":1}}', '{"a":1}'),
        ("${UNSET:-{{}", "{{"),
        ("${SET:-${M:?never looked at}}", "val"),
        ("$ a$ $1 $-$(date)", "$ a$ $1 $-$(date)"),
        ("\\$SET", "\\val"),
        ("plain", "plain"),
    ],
)
def test_templates_with_every_value_at_hand(template: str, text: str) -> None:
    assert expand(template) == (text, set())


@pytest.mark.parametrize(
    "template",
    [
        "${}",
        "${SET",
        "${1}",
        "${SET }",
        "${ SET}",
        "${SET/x/y}",
        "${SET:0:1}",
        "${SET:=x}",
        "${!SET}",
        "${SET:-a\nb}",
        "${É}",
    ],
)
def test_what_docker_compose_calls_an_invalid_format(template: str) -> None:
    with pytest.raises(InterpolationError, match="invalid interpolation format"):
        expand(template)


@pytest.mark.parametrize(
    ("template", "names"),
    [
        pytest.param("a${X}b", {"X"}, id="no value"),
        pytest.param("$X$Y", {"X", "Y"}, id="two"),
        pytest.param("${A:-$X}", {"X"}, id="in a default"),
        pytest.param("${X:+p}", set(), id="an alternative needs no value"),
        pytest.param("${SET:-$X}", set(), id="a default that is not taken"),
    ],
)
def test_names_without_a_value_are_told(template: str, names: set[str]) -> None:
    assert expand(template)[1] == names


def test_a_required_value_is_an_error_or_unresolved() -> None:
    with pytest.raises(InterpolationError, match="required variable X is missing a value: why"):
        expand("${X:?why}")
    assert expand("a${X:?why}", required=False) == ("a", {"X"})


@given(st.text(alphabet="${}:?-+AB_x1 \n", max_size=30), st.booleans())
@settings(deadline=None, max_examples=400)
def test_any_text_expands_or_is_refused(template: str, required: bool) -> None:
    try:
        text, unresolved = Interpolator({"A": "$B", "B": ""}, required=required).expand(template)
    except InterpolationError:
        return
    assert required or unresolved <= {"A", "B", "x", "_", *unresolved}
    if "$" not in template:
        assert text == template


def loaded(folder: Path, service: str, dotenv: str = "", **options: object) -> Project:
    (folder / "compose.yaml").write_text(f"services:\n  a:\n    image: x\n{service}", encoding="utf-8")
    (folder / ".env").write_text(dotenv, encoding="utf-8")
    return load([str(folder / "compose.yaml")], LoadOptions(**options))  # type: ignore[arg-type]


def messages(project: Project) -> list[tuple[str, str, int, int]]:
    return [(p.kind, p.message, p.origin.line, p.origin.column) for p in project.problems]


def test_a_node_keeps_its_template_and_what_is_unresolved(tmp_path: Path) -> None:
    project = loaded(tmp_path, "    user: ${U}:$G\n    hostname: h$$x\n    domainname: d\n", "G=7\n")
    service = project.services["a"]
    user, hostname, domain = (service.get(key) for key in ("user", "hostname", "domainname"))
    assert user and hostname and domain
    assert (user.value, user.template, user.unresolved) == (":7", "${U}:$G", {"U"})
    assert (hostname.value, hostname.template, hostname.unresolved) == ("h$x", "h$$x", set())
    assert (domain.template, domain.unresolved) == (None, set())
    assert messages(project) == [("warning", "the variable U is not set, it becomes an empty text", 4, 11)]


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("privileged: ${P:-true}", "privileged", True),
        ("privileged: 'yes'", "privileged", True),
        ("read_only: OFF", "read_only", False),
        ("pids_limit: ${N:-5}", "pids_limit", 5),
        ("cpus: ${C:-0.5}", "cpus", 0.5),
        ("init: true", "init", True),
    ],
)
def test_typed_fields_take_texts(tmp_path: Path, line: str, key: str, value: object) -> None:
    node = loaded(tmp_path, f"    {line}\n").services["a"].get(key)
    assert node and (type(node.value), node.value) == (type(value), value)


def test_a_text_that_is_no_number_is_refused_at_its_place(tmp_path: Path) -> None:
    project = loaded(tmp_path, "    pids_limit: many\n    privileged: '1'\n")
    refused = [problem for problem in messages(project) if problem[0] == "refused"]
    assert [problem[2:] for problem in refused if "boolean" in problem[1]] == [(5, 17)]
    assert (4, 17) in [problem[2:] for problem in refused]


def test_an_unresolved_truth_value_is_no_refusal_where_values_are_not_required(tmp_path: Path) -> None:
    project = loaded(tmp_path, "    privileged: ${P:?}\n    user: ${U?}\n", resolve_required=False)
    node = project.services["a"].get("privileged")
    assert node and node.unresolved == {"P"}
    assert [problem for problem in project.problems if problem.kind == "refused"] == []


def test_keys_and_comments_are_not_interpolated(tmp_path: Path) -> None:
    project = loaded(tmp_path, "    environment:\n      $SET: a # ${UNSET:?x}\n")
    assert project.services["a"].node.plain()["environment"] == {"$SET": "a"}
    assert project.problems == ()


def test_the_process_environment_is_not_read_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_PROCESS", "leak")
    assert loaded(tmp_path, "    user: ${FROM_PROCESS:-none}\n").services["a"].text("user") == "none"
    given = loaded(tmp_path, "    user: ${FROM_PROCESS:-none}\n", environment={"FROM_PROCESS": "said"})
    assert given.services["a"].text("user") == "said"
