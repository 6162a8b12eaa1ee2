"""Files that nobody can load: one clear located error, quickly, and never a traceback."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pytest_dockerharden.model.problem import Problem, SourceError
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.source.compose import LoadOptions, load

TOLERANT = LoadOptions(profiles=("*",), resolve_required=False)
# generous: machines that run tests are busy, and what these tests are afraid of takes minutes
SECONDS = 15.0


def fail(path: Path, content: bytes | str) -> Problem:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    started = time.process_time()
    with pytest.raises(SourceError) as raised:
        load([str(path)], TOLERANT)
    assert time.process_time() - started < SECONDS
    assert raised.value.problem.origin.file == str(path)
    return raised.value.problem


def loaded(folder: Path, files: dict[str, str], options: LoadOptions = TOLERANT) -> Project:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    started = time.process_time()
    project = load([str(folder / next(iter(files)))], options)
    assert time.process_time() - started < SECONDS
    return project


def refused(project: Project) -> list[tuple[str, str, int]]:
    return [
        (problem.message, os.path.basename(problem.origin.file), problem.origin.line)
        for problem in project.problems
        if problem.kind != "warning"
    ]


@pytest.mark.parametrize(
    ("content", "message", "line", "column"),
    [
        pytest.param("", "empty compose file", 1, 1, id="empty"),
        pytest.param("# only\n", "empty compose file", 1, 1, id="comments"),
        pytest.param("- a\n", "a compose file is a mapping at its top level", 1, 1, id="a list"),
        pytest.param("text\n", "a compose file is a mapping at its top level", 1, 1, id="a text"),
        pytest.param("a: 'x\n", "found unexpected end of stream", 2, 1, id="an open quote"),
        pytest.param("a: [1\n", "did not find expected ',' or ']'", 2, 1, id="an open bracket"),
        pytest.param("services:\n\ta: 1\n", "a tab where spaces must indent", 2, 1, id="a tab"),
        pytest.param("a:\n  b: 1\n c: 2\n", "not YAML", 3, 2, id="a wrong indent"),
        pytest.param("services:\n  a: {{ name }}\n", "not YAML but a template", 2, 7, id="a template in a value"),
        pytest.param("{% if x %}\na: 1\n{% endif %}\n", "not YAML but a template", 1, 2, id="a template around"),
        pytest.param("a: *b\n", "no anchor of this name stands before the alias", 1, 4, id="an unknown alias"),
        pytest.param("a: 1\nb: \x00\n", "not text: a null byte", 2, 4, id="a null byte"),
        pytest.param("a: 1\nb: \x01\n", "a control character", 2, 4, id="a control character"),
        pytest.param("a: 1\n".encode("utf-16-le"), "not text: a null byte", 1, 2, id="UTF-16 without a mark"),
        pytest.param(b"a: 1\nb: \xff\n", "not UTF-8 text", 2, 4, id="not UTF-8"),
        pytest.param("a: 1\n".encode("utf-16"), "not UTF-8 text", 1, 1, id="UTF-16"),
        pytest.param("a:\n" * 10 + " b: {\n", "not YAML", 12, 1, id="an open brace"),
    ],
)
def test_malformed_files(tmp_path: Path, content: bytes | str, message: str, line: int, column: int) -> None:
    problem = fail(tmp_path / "compose.yaml", content)
    assert message in problem.message
    assert (problem.origin.line, problem.origin.column) == (line, column)


def test_what_is_utf_16_is_told_what_to_do(tmp_path: Path) -> None:
    assert fail(tmp_path / "compose.yaml", "a: 1\n".encode("utf-16")).hint == "it is UTF-16: save it as UTF-8"
    assert fail(tmp_path / "other.yaml", b"a: \xff\n").hint == ""


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
CHAIN = "a0: &a0 {k: v}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 10_000))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("[" * 10_000, "nested deeper than 256 levels", id="brackets"),
        pytest.param("- " * 10_000, "nested deeper than 256 levels", id="lists"),
        pytest.param("x-a: " + "{a: " * 10_000 + "}" * 10_000, "nested deeper than 256 levels", id="braces"),
        pytest.param(BOMB, "more than 200,000 values once everything is expanded", id="an alias bomb"),
        pytest.param(
            "x-a: [" + "x," * 400_000 + "]", "more than 200,000 values once everything is expanded", id="wide"
        ),
        pytest.param(b"#" * 50_000_000, "the file is larger than 1 MiB", id="50 MB"),
        pytest.param("---\nx-a: 1\n" * 5_000, "more than 256 compose files", id="documents"),
    ],
)
def test_floods_end_at_a_bound(tmp_path: Path, content: bytes | str, message: str) -> None:
    problem = fail(tmp_path / "compose.yaml", content)
    assert (problem.kind, problem.message) == ("limit", message)


def test_a_chain_of_merge_keys_does_not_pile_up_places(tmp_path: Path) -> None:
    chain = "".join(f"  {line}\n" for line in CHAIN.splitlines())
    node = loaded(tmp_path, {"compose.yaml": "services: {}\nx-chain:\n" + chain}).model.get("x-chain", "a9999", "k")
    assert node is not None and len(node.related) == 8


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        pytest.param(
            "services:\n" + "".join(f"  s{n}: {{image: x}}\n" for n in range(1001)), "more than 1,000 services", 1002,
            id="services",
        ),
        pytest.param(
            "services:\n  a:\n    image: x\n    ports:\n      - 1-20000:1-20000\n      - 30000-40000:1-10001\n",
            "more than 20,000 ports of one service", 6,
            id="ports of one",
        ),
        pytest.param(
            "services:\n" + "".join(f"  s{n}: {{image: x, ports: ['1-9999:1-9999']}}\n" for n in range(9)),
            "more than 200,000 values once everything is expanded", 5,
            id="ports of all",
        ),
    ],
)  # fmt: skip
def test_what_would_keep_a_machine_busy_is_one_error(tmp_path: Path, content: str, message: str, line: int) -> None:
    problem = fail(tmp_path / "compose.yaml", content)
    assert (problem.kind, problem.message, problem.origin.line) == ("limit", message, line)


def test_a_directory_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="it is a directory"):
        load([str(tmp_path)])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "compose.yaml")
    with pytest.raises(SourceError, match="not a regular file"):
        load([str(tmp_path / "compose.yaml")])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_extended(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "compose.yaml").write_text("services:\n  a: {image: x, extends: {file: pipe.yaml, service: b}}\n")
    [problem] = load([str(tmp_path / "compose.yaml")]).problems
    assert problem.message == "cannot read pipe.yaml: not a regular file"
    assert problem.origin.line == 2


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        load([str(tmp_path / "none.yaml")])


def test_a_link_that_points_nowhere(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").symlink_to(tmp_path / "gone.yaml")
    with pytest.raises(SourceError, match="no such file"):
        load([str(tmp_path / "compose.yaml")])


def test_no_compose_file_anywhere(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no compose file here or above"):
        load([], LoadOptions(project_directory=str(tmp_path)))


A = "services:\n  a:\n    image: x\n"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        pytest.param(
            {"c.yaml": "services:\n  a: {image: x, extends: b}\n  b: {image: y, extends: a}\n"},
            ("extends goes in a circle: a -> b -> a", "c.yaml", 3),
            id="extends circle",
        ),
        pytest.param(
            {"c.yaml": "services:\n  a: {image: x, extends: a}\n"},
            ("extends goes in a circle: a -> a", "c.yaml", 2),
            id="extends itself",
        ),
        pytest.param(
            {
                "c.yaml": "services:\n  a: {image: x, extends: {file: d.yaml, service: b}}\n",
                "d.yaml": "services:\n  b: {extends: {file: c.yaml, service: a}}\n",
            },
            ("extends goes in a circle: a -> b -> a", "d.yaml", 2),
            id="extends circle over files",
        ),
        pytest.param(
            {"c.yaml": "services:\n  a: {image: x, extends: b}\n"},
            ("extends the service 'b', which is not there", "c.yaml", 2),
            id="extends nothing",
        ),
        pytest.param(
            {"c.yaml": "services:\n  a:\n    image: x\n    extends: {file: n.yaml, service: b}\n"},
            ("cannot read n.yaml: no such file", "c.yaml", 4),
            id="extends a missing file",
        ),
        pytest.param(
            {"c.yaml": "services:\n  a: {image: x, extends: {file: d.yaml, service: b}}\n", "d.yaml": "#\n- a: 'b\n"},
            ("not YAML: found unexpected end of stream while scanning a quoted scalar", "d.yaml", 3),
            id="extends a broken file",
        ),
        pytest.param(
            {"c.yaml": "include: [d.yaml]\n" + A, "d.yaml": "include: [c.yaml]\n" + A},
            ("include goes in a circle: c.yaml -> d.yaml -> c.yaml", "d.yaml", 1),
            id="include circle",
        ),
        pytest.param(
            {"c.yaml": A + "include:\n  - d/none.yaml\n"},
            ("cannot read none.yaml: no such file", "c.yaml", 5),
            id="include a missing file",
        ),
        pytest.param(
            {"c.yaml": A + "include: [d]\n", "d/x": ""},
            ("cannot read d: it is a directory", "c.yaml", 4),
            id="include a directory",
        ),
        pytest.param({"c.yaml": A + "include: d.yaml\n"}, ("include must be a list", "c.yaml", 4), id="include a text"),
    ],
)
def test_what_cannot_be_followed_is_located_and_the_rest_is_judged(
    tmp_path: Path, files: dict[str, str], found: tuple[str, str, int]
) -> None:
    project = loaded(tmp_path, files)
    assert refused(project) == [found]
    assert project.services["a"].text("image") == "x"


def test_what_a_base_multiplies_is_bounded(tmp_path: Path) -> None:
    base = "services:\n  b: {image: x, command: [" + "x," * 50_000 + "]}\n"
    extending = "".join(f"  s{n}: {{extends: b}}\n" for n in range(2_000))
    problem = fail(tmp_path / "compose.yaml", base + extending)
    assert problem.kind == "limit"


def test_files_that_include_each_other_often_are_bounded(tmp_path: Path) -> None:
    files = {f"c{n}.yaml": f"include: [{', '.join([f'c{n + 1}.yaml'] * 50)}]\n{A}" for n in range(10)}
    project = loaded(tmp_path, {**files, "c10.yaml": A})
    assert any(kind == "more than 256 compose files" for kind, _, _ in refused(project))


def test_an_env_file_that_many_services_read_is_bounded(tmp_path: Path) -> None:
    services = "services:\n" + "".join(f"  s{n}: {{image: x, env_file: e.env}}\n" for n in range(1_000))
    project = loaded(tmp_path, {"compose.yaml": services, "e.env": "# comment\n" * 90_000})
    assert ("more than 200,000 values once everything is expanded") in {message for message, _, _ in refused(project)}


def test_variables_that_double_end_at_a_bound(tmp_path: Path) -> None:
    doubling = "A0=xxxxxxxxxxxxxxxx\n" + "".join(f"A{n}=${{A{n - 1}}}${{A{n - 1}}}\n" for n in range(1, 60))
    project = loaded(tmp_path, {"compose.yaml": A, ".env": doubling})
    assert [message for message, _, _ in refused(project)] == ["the interpolated text is too long"]


def test_deeply_nested_defaults_end_at_a_bound(tmp_path: Path) -> None:
    project = loaded(tmp_path, {"compose.yaml": A + "    user: '" + "${A:-" * 5_000 + "}" * 5_000 + "'\n"})
    assert [message for message, _, _ in refused(project)] == ["variables are nested too deeply"]


def test_many_unknown_keys_take_no_time(tmp_path: Path) -> None:
    keys = "".join(f"    imagee{n}: 1\n" for n in range(20_000))
    assert len(refused(loaded(tmp_path, {"compose.yaml": A + keys}))) == 20_000


def test_nothing_outside_the_root_is_opened(tmp_path: Path) -> None:
    (tmp_path / "out.yaml").write_text(A)
    (tmp_path / "out.env").write_text("SECRET=1\n")
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "link.env").symlink_to(tmp_path / "out.env")
    text = "include: [../out.yaml]\nservices:\n  b: {image: x, env_file: [../out.env, link.env]}\n"
    project = loaded(inside, {"compose.yaml": text}, LoadOptions(root=str(inside), resolve_required=False))
    assert list(project.services) == ["b"]
    assert project.services["b"].get("environment") is None
    assert project.read == ()
    assert [(problem.message.split(",")[0], problem.origin.line) for problem in project.problems] == [
        ("out.yaml lies outside the project", 1),
        ("out.env lies outside the project", 3),
        ("link.env lies outside the project", 3),
    ]


def test_a_problem_does_not_show_a_value(tmp_path: Path) -> None:
    files = {
        "compose.yaml": A + "    environment:\n      A: ${hunter2\n      B: ${B?$PASSWORD}\n",
        ".env": "PASSWORD=hunter2\n",
    }
    project = loaded(tmp_path, files, LoadOptions())
    assert not [problem for problem in project.problems if "hunter2" in problem.message + problem.hint]
    assert {problem.origin.line for problem in project.problems} == {5, 6}


@pytest.mark.parametrize(
    ("text", "services"),
    [
        pytest.param("web:\n  image: a\n  net: host\ndb:\n  build: .\n", ["web", "db"], id="services as they were"),
        pytest.param("web:\n  privileged: true\n", ["web"], id="no image"),
        pytest.param("x-a: {image: a}\nweb:\n  image: a\n", [], id="an extension field came later"),
        pytest.param("volumes: {}\nweb:\n  image: a\n", [], id="so did volumes"),
        pytest.param("service:\n  web:\n    image: a\n", [], id="services misspelt"),
        pytest.param("web: {}\n", [], id="nothing in it"),
        pytest.param("image: a\n", [], id="a service alone"),
    ],
)
def test_services_at_the_top_level_are_judged_beside_the_error(tmp_path: Path, text: str, services: list[str]) -> None:
    project = loaded(tmp_path, {"compose.yml": text})
    assert list(project.services) == services
    first = ("a file of version 1, which Docker Compose no longer reads", "compose.yml", 1)
    assert (first in refused(project)) == bool(services)
    assert refused(project)


def test_a_text_where_a_list_must_be_is_its_only_item_beside_the_error(tmp_path: Path) -> None:
    text = "services:\n  a:\n    image: x\n    security_opt: seccomp:unconfined\n    volumes: /run/docker.sock:/s:ro\n"
    project = loaded(tmp_path, {"compose.yml": text})
    service = project.services["a"]
    assert [(item.text(), item.origin.line) for item in service.items("security_opt")] == [("seccomp:unconfined", 4)]
    assert [item.get("source").text() for item in service.items("volumes")] == ["/run/docker.sock"]  # type: ignore[union-attr]
    assert [message for message, _, _ in refused(project)] == ["security_opt must be a list", "volumes must be a list"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('include: ["a\\0b"]\n' + A, id="include"),
        pytest.param('services:\n  b: {extends: {service: b, file: "a\\0b"}}\n', id="extends"),
        pytest.param(A + '    env_file: "a\\0b"\n', id="env_file"),
        pytest.param(A + '    label_file: "a\\0b"\n', id="label_file"),
    ],
)
def test_a_null_byte_in_a_path_is_an_error_at_its_line(tmp_path: Path, text: str) -> None:
    options = LoadOptions(root=str(tmp_path), resolve_required=False)
    project = loaded(tmp_path, {"compose.yaml": text}, options)
    assert [problem.origin.file for problem in project.problems] == [str(tmp_path / "compose.yaml")]


@pytest.mark.parametrize("command", ["$" * 300_000, "${A:-" * 50_000])
def test_a_long_command_takes_no_time(tmp_path: Path, command: str) -> None:
    started = time.process_time()
    loaded(tmp_path, {"compose.yaml": A + f'    command: "{command}"\n'})
    assert time.process_time() - started < 3
