"""Overrides, ``extends`` and ``include``: which value wins, and the place that decided it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.source.compose import LoadOptions, load
from pytest_dockerharden.source.compose.merge import merge
from pytest_dockerharden.source.compose.problems import Problems

NOWHERE = TextOrigin("/c.yaml", 1, 1, 1, 2)


def place(origin: TextOrigin | None) -> tuple[str, int, int] | None:
    return (Path(origin.file).name, origin.line, origin.column) if origin else None


def loaded(folder: Path, files: dict[str, str], main: tuple[str, ...] = ("c.yaml",), **options: Any) -> Project:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load([str(folder / name) for name in main], LoadOptions(strict=True, **options))


def merged(folder: Path, base: str, over: str) -> Project:
    head = "services:\n  a:\n    image: x\n"
    return loaded(folder, {"c.yaml": head + base, "o.yaml": "services:\n  a:\n" + over}, ("c.yaml", "o.yaml"))


@pytest.mark.parametrize(
    ("base", "over", "key", "value"),
    [
        ("user: a", "user: b", "user", "b"),
        ("user: a", "user: null", "user", "a"),
        ("command: a b", "command: null", "command", None),
        ("command: a b", "command: [c]", "command", ["c"]),
        ("healthcheck: {test: a}", "healthcheck: {test: [NONE]}", "healthcheck", {"test": ["NONE"]}),
        ("environment: [A=1, B=2]", "environment: {B: 3}", "environment", {"A": "1", "B": "3"}),
        ("environment: {A: 1}", "environment: {A: }", "environment", {"A": None}),
        ("labels: [a=1]", "labels: {a: 2}", "labels", {"a": "2"}),
        ("dns: 1.1.1.1", "dns: [1.1.1.1, 8.8.8.8]", "dns", ["1.1.1.1", "8.8.8.8"]),
        ("tmpfs: '/t:size=1m'", "tmpfs: ['/t:size=2m']", "tmpfs", ["/t:size=2m"]),
        ("cap_add: [CHOWN]", "cap_add: [CHOWN, chown]", "cap_add", ["CHOWN", "chown"]),
        ("security_opt: ['a:1']", "security_opt: ['a:1', 'a:2']", "security_opt", ["a:1", "a:2"]),
        ("expose: [80]", "expose: ['80', 81]", "expose", ["80", "81"]),
        ("ports: ['80:80']", "ports: []", "ports", 1),
        ("ports: ['127.0.0.1:80:80']", "ports: ['80:80']", "ports", 2),
        ("ports: ['80:80']", "ports: !reset []", "ports", None),
        ("ports: ['80:80']", "ports: !override ['81:81', '82:82']", "ports", 2),
        (
            "logging: {driver: a, options: {x: 1}}",
            "logging: {options: {y: 2}}",
            "logging.options",
            {"x": "1", "y": "2"},
        ),
        ("logging: {driver: a, options: {x: 1}}", "logging: {driver: b}", "logging", {"driver": "b"}),
        ("ulimits: {a: {soft: 1, hard: 2}}", "ulimits: {a: {soft: 2}}", "ulimits.a", {"soft": 2, "hard": 2}),
        ("ulimits: {a: {soft: 1, hard: 2}}", "ulimits: {a: 5}", "ulimits.a", 5),
        ("gpus: all", "gpus: [{count: 2}]", "gpus", [{"count": -1}, {"count": 2}]),
        ("gpus: all", "gpus: [{count: all}]", "gpus", [{"count": -1}]),
        ("gpus: all", "gpus: null", "gpus", [{"count": -1}]),
        ("build: ./d", "build: {target: t}", "build.target", "t"),
        ("extra_hosts: ['a=1.1.1.1']", "extra_hosts: ['a=1.1.1.1']", "extra_hosts", ["a=1.1.1.1"]),
        ("build: {ssh: {k: p}}", "build: {ssh: {l: q}}", "build.ssh", {"k": "p", "l": "q"}),
        ("volumes: ['/a:/x', '/b:/x']", "volumes: ['/a:/x']", "volumes.source", "/a"),
        ("devices: ['/dev/a:/x', '/dev/b:/x']", "devices: ['/dev/a:/x']", "devices.source", "/dev/a"),
    ],
)
def test_what_an_override_makes_of_a_base(tmp_path: Path, base: str, over: str, key: str, value: object) -> None:
    service = merged(tmp_path, f"    {base}\n", f"    {over}\n").services["a"]
    node = service.get(key)
    if key.endswith(".source"):
        (node,) = (item.get("source") for item in service.items(key.removesuffix(".source")))
    if isinstance(value, int) and key == "ports":
        assert node and len(list(node)) == value
    else:
        assert (node.plain() if node else None) == value


def test_all_gpus_twice_is_refused_as_docker_compose_does(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"o.yaml:3:5: cannot override a list"):
        merged(tmp_path, "    gpus: all\n", "    gpus: all\n")


def test_a_request_for_devices_that_a_service_of_another_file_makes_as_well_is_one(tmp_path: Path) -> None:
    request = "gpus: [{driver: nvidia, capabilities: [gpu]}]"
    files = {
        "c.yaml": f"services: {{a: {{extends: {{file: base.yaml, service: b}}, {request}}}}}\n",
        "base.yaml": f"services: {{b: {{image: x, {request}}}}}\n",
    }
    gpus = loaded(tmp_path, files).services["a"].get("gpus")
    assert gpus and gpus.plain() == [{"driver": "nvidia", "capabilities": ["gpu"], "count": -1}]


def test_a_list_of_ssh_keys_over_another_is_refused_as_docker_compose_does(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"o.yaml:3:13: a list in ssh cannot be overridden by another list"):
        merged(tmp_path, "    build: {ssh: [default]}\n", "    build: {ssh: [default]}\n")


def test_a_label_file_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "l").write_text("a=1\n")
    service = merged(tmp_path, "    label_file: l\n", "    label_file: [l]\n").services["a"]
    assert [item.text() for item in service.items("label_file")] == [str(tmp_path / "l")]


def test_the_winning_value_has_the_place_of_the_override_and_remembers_the_base(tmp_path: Path) -> None:
    node = merged(tmp_path, "    read_only: true\n", "    read_only: false\n").services["a"].get("read_only")
    assert node
    assert (node.value, place(node.origin), place(node.place)) == (False, ("o.yaml", 3, 16), ("o.yaml", 3, 5))
    assert [place(origin) for origin in node.related] == [("c.yaml", 4, 5)]


def test_an_untouched_value_keeps_the_place_of_the_base(tmp_path: Path) -> None:
    service = merged(tmp_path, "    cap_drop: [ALL]\n", "    cap_add: [CHOWN]\n").services["a"]
    assert place(service.origin) == ("c.yaml", 2, 3)
    assert place(service.items("cap_drop")[0].origin) == ("c.yaml", 4, 16)
    assert place(service.items("cap_add")[0].origin) == ("o.yaml", 3, 15)


def test_items_of_a_joined_list_keep_their_own_places(tmp_path: Path) -> None:
    service = merged(tmp_path, "    security_opt: ['x:1']\n", "    security_opt: ['x:2']\n").services["a"]
    assert [place(item.origin) for item in service.items("security_opt")] == [("c.yaml", 4, 20), ("o.yaml", 3, 20)]


def test_an_entry_of_a_list_that_a_mapping_overrides_points_at_the_mapping(tmp_path: Path) -> None:
    service = merged(tmp_path, "    environment:\n      - A=1\n      - B=2\n", "    environment: {B: 3}\n").services[
        "a"
    ]
    a, b = service.get("environment.A"), service.get("environment.B")
    assert a and b
    assert (place(a.key_origin), place(a.origin)) == (("c.yaml", 5, 9), ("c.yaml", 5, 11))
    assert (place(b.origin), [place(origin) for origin in b.related]) == (("o.yaml", 3, 22), [("c.yaml", 6, 9)])


EXTENDS = "services:\n  base:\n    image: x\n    privileged: true\n  a:\n    extends: base\n    user: u\n"


def test_what_a_service_inherits_points_at_the_base_through_extends(tmp_path: Path) -> None:
    service = loaded(tmp_path, {"c.yaml": EXTENDS}).services["a"]
    node = service.get("privileged")
    assert node
    assert (place(service.origin), place(node.place)) == (("c.yaml", 5, 3), ("c.yaml", 4, 5))
    assert [place(origin) for origin in node.related] == [("c.yaml", 6, 5)]
    assert service.get("extends") is None


def test_base_and_extending_service_share_no_node(tmp_path: Path) -> None:
    project = loaded(tmp_path, {"c.yaml": EXTENDS})
    assert project.services["base"].get("privileged") is not project.services["a"].get("privileged")
    assert project.services["base"].get("user") is None


def test_paths_of_a_base_in_another_file_start_in_its_folder(tmp_path: Path) -> None:
    files = {
        "c.yaml": "services:\n  a: {extends: {file: sub/b.yaml, service: b}}\n",
        "sub/b.yaml": "services:\n  b:\n    image: x\n    volumes: ['./d:/d']\n    env_file: e.env\n    build: ctx\n",
        "sub/e.env": "A=1\n",
    }
    service = loaded(tmp_path, files).services["a"]
    assert service.text("build.context") == str(tmp_path / "sub" / "ctx")
    assert [mount.plain()["source"] for mount in service.items("volumes")] == [str(tmp_path / "sub" / "d")]
    a = service.get("environment.A")
    assert a and place(a.origin) == ("e.env", 1, 3)


def test_an_override_of_the_base_does_not_reach_who_extended_it(tmp_path: Path) -> None:
    files = {"c.yaml": EXTENDS, "o.yaml": "services:\n  base: {privileged: false}\n"}
    project = loaded(tmp_path, files, ("c.yaml", "o.yaml"))
    assert [project.services[name].node.plain()["privileged"] for name in ("base", "a")] == [False, True]


def test_an_included_model_has_its_own_folder_and_variables(tmp_path: Path) -> None:
    files = {
        "c.yaml": "include: [sub/b.yaml]\nservices:\n  a: {image: x, depends_on: [b]}\n",
        "sub/b.yaml": "name: other\nservices:\n  b: {image: '${Q}', volumes: ['./d:/d', 'v:/v']}\nvolumes: {v: }\n",
        "sub/.env": "Q=fromsub\n",
    }
    project = loaded(tmp_path, files)
    service = project.services["b"]
    assert (service.text("image"), place(service.origin)) == ("fromsub", ("b.yaml", 3, 3))
    assert service.items("volumes")[0].plain()["source"] == str(tmp_path / "sub" / "d")
    assert project.volumes["v"].plain() == {"name": f"{project.name}_v"}
    assert [Path(name).name for name in project.read] == ["b.yaml", ".env"]


def test_the_including_file_wins_and_points_at_itself(tmp_path: Path) -> None:
    files = {
        "c.yaml": "include: [b.yaml]\nservices:\n  a: {image: x, read_only: true}\n",
        "b.yaml": "services:\n  a: {image: y, user: u}\n",
    }
    service = loaded(tmp_path, files).services["a"]
    image, user = service.get("image"), service.get("user")
    assert image and user
    assert (image.value, place(image.origin), place(user.origin)) == ("x", ("c.yaml", 3, 14), ("b.yaml", 2, 23))


def test_a_remote_include_is_told_and_not_fetched(tmp_path: Path) -> None:
    project = loaded(tmp_path, {"c.yaml": "include: ['oci://x/y']\nservices:\n  a: {image: x}\n"})
    assert [(problem.kind, problem.origin.line) for problem in project.problems] == [("warning", 1)]


def test_a_remote_base_is_told_and_not_fetched(tmp_path: Path) -> None:
    text = "services:\n  a: {image: x, extends: {file: 'https://example.com/c.yaml', service: b}}\n"
    project = loaded(tmp_path, {"c.yaml": text})
    assert [(problem.kind, problem.origin.line) for problem in project.problems] == [("warning", 2)]


def test_documents_of_one_file_merge_in_order(tmp_path: Path) -> None:
    text = "services:\n  a: {image: x, user: u}\n---\nservices:\n  a: {user: v}\n"
    assert loaded(tmp_path, {"c.yaml": text}).services["a"].text("user") == "v"


def test_a_list_does_not_override_a_mapping(tmp_path: Path) -> None:
    project = load_tolerant(tmp_path, "    deploy: {replicas: 1}\n", "    deploy: [a]\n")
    assert ("cannot override a mapping of an earlier file with something else", 3) in [
        (problem.message, problem.origin.line) for problem in project.problems
    ]


def load_tolerant(folder: Path, base: str, over: str) -> Project:
    (folder / "c.yaml").write_text("services:\n  a:\n    image: x\n" + base)
    (folder / "o.yaml").write_text("services:\n  a:\n" + over)
    return load([str(folder / "c.yaml"), str(folder / "o.yaml")])


KEYS = st.sampled_from("abcde")
PLAIN = st.recursive(
    st.one_of(st.integers(0, 5), st.sampled_from(["x", "y"])),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(KEYS, PLAIN, max_size=4)


def tree(value: Any) -> Node:
    if isinstance(value, dict):
        return Node({key: tree(child) for key, child in value.items()}, NOWHERE)
    return Node(value, NOWHERE)


def result(*sides: dict[str, Any]) -> Any:
    problems = Problems()
    model = tree(sides[0])
    for side in sides[1:]:
        model = merge(model, tree(side), problems)
    return model.plain()


@given(MAPPINGS)
@settings(deadline=None)
def test_merging_nothing_or_itself_changes_nothing(model: dict[str, Any]) -> None:
    assert result(model, {}) == result({}, model) == result(model, model) == model


@given(MAPPINGS, MAPPINGS)
@settings(deadline=None)
def test_every_scalar_of_the_override_is_in_the_result(base: dict[str, Any], over: dict[str, Any]) -> None:
    merged_model = result(base, over)
    todo: list[tuple[Any, Any]] = [(over, merged_model)]
    while todo:
        wanted, found = todo.pop()
        if isinstance(wanted, dict):
            todo += [(child, found[key]) for key, child in wanted.items()]
        else:
            assert wanted == found


@given(MAPPINGS, MAPPINGS)
@settings(deadline=None)
def test_a_merge_has_the_keys_of_both_sides(base: dict[str, Any], over: dict[str, Any]) -> None:
    assert result(base, over).keys() == base.keys() | over.keys()
