"""Which files make a project, what it is called, which services count, and what stays where it stood."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.source.compose import LoadOptions, load

A = "services:\n  a: {image: x}\n"


def names(files: tuple[str, ...]) -> list[str]:
    return [Path(file).name for file in files]


def test_a_default_file_is_found_with_the_override_beside_it(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text(A)
    (tmp_path / "compose.override.yaml").write_text("services:\n  a: {user: u}\n")
    below = tmp_path / "below"
    below.mkdir()
    project = load([], LoadOptions(project_directory=str(below)))
    assert names(project.files) == ["docker-compose.yml", "compose.override.yaml"]
    assert project.services["a"].text("user") == "u"


def test_a_file_that_is_named_has_no_override(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(A)
    (tmp_path / "compose.override.yaml").write_text("services:\n  a: {user: u}\n")
    assert names(load([str(tmp_path / "compose.yaml")]).files) == ["compose.yaml"]


def test_compose_file_of_the_dotenv_names_the_files(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("COMPOSE_FILE=b.yaml:c.yaml\n")
    (tmp_path / "b.yaml").write_text(A)
    (tmp_path / "c.yaml").write_text("services:\n  a: {user: u}\n")
    (tmp_path / "compose.yaml").write_text("services:\n  z: {image: z}\n")
    options = LoadOptions(project_directory=str(tmp_path), environment={"COMPOSE_PATH_SEPARATOR": ":"})
    assert names(load([], options).files) == ["b.yaml", "c.yaml"]


@pytest.mark.parametrize(
    ("text", "options", "name"),
    [
        pytest.param(A, LoadOptions(), "my-dirx", id="the folder"),
        pytest.param("name: Top_1\n" + A, LoadOptions(), "top_1", id="the file"),
        pytest.param(
            "name: top\n" + A, LoadOptions(environment={"COMPOSE_PROJECT_NAME": "env"}), "env", id="environment"
        ),
        pytest.param("name: top\n" + A, LoadOptions(project_name="given"), "given", id="given"),
    ],
)
def test_the_name_of_a_project(tmp_path: Path, text: str, options: LoadOptions, name: str) -> None:
    folder = tmp_path / "My-Dir.X"
    folder.mkdir()
    (folder / "compose.yaml").write_text(text)
    project = load([str(folder / "compose.yaml")], options)
    assert project.name == name
    assert project.networks["default"].plain() == {"name": f"{name}_default"}


def test_a_given_name_is_not_normalised_but_refused(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(A)
    with pytest.raises(SourceError, match="invalid project name 'Up'"):
        load([str(tmp_path / "compose.yaml")], LoadOptions(project_name="Up", strict=True))


PROFILES = "services:\n  a: {image: x}\n  b: {image: y, profiles: [p]}\n  c: {image: z, profiles: [q]}\n"


@pytest.mark.parametrize(
    ("profiles", "environment", "services"),
    [
        (None, {}, ["a"]),
        (None, {"COMPOSE_PROFILES": "q, p"}, ["a", "b", "c"]),
        (("q",), {"COMPOSE_PROFILES": "p"}, ["a", "c"]),
        (("*",), {}, ["a", "b", "c"]),
    ],
)
def test_profiles(
    tmp_path: Path, profiles: tuple[str, ...] | None, environment: dict[str, str], services: list[str]
) -> None:
    (tmp_path / "compose.yaml").write_text(PROFILES)
    options = LoadOptions(profiles=profiles, environment=environment)
    assert list(load([str(tmp_path / "compose.yaml")], options).services) == services


def test_resources_that_no_service_uses_are_kept(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(A + "networks: {n: }\nvolumes: {v: }\nsecrets: {s: {file: f}}\n")
    project = load([str(tmp_path / "compose.yaml")])
    assert (set(project.networks), set(project.volumes), set(project.secrets)) == ({"n", "default"}, {"v"}, {"s"})


def test_a_service_in_error_is_kept_and_every_refusal_is_told(tmp_path: Path) -> None:
    keys = ("image: x", "privilged: true", "user: 1000", "ports: ['x:80', '81:81']", "cap_drop: ALL")
    text = "services:\n  a:\n" + "".join(f"    {key}\n" for key in keys)
    (tmp_path / "compose.yaml").write_text(text)
    project = load([str(tmp_path / "compose.yaml")])
    assert {(problem.origin.line, problem.hint) for problem in project.problems if problem.kind == "refused"} >= {
        (4, "did you mean privileged?"),
        (5, 'quote it: "1000"'),
        (7, "write a list: [ALL]"),
    }
    assert 6 in {problem.origin.line for problem in project.problems}
    assert project.services["a"].text("image") == "x"


def test_strict_stops_at_the_first_refusal(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(A + "wrong: 1\n")
    with pytest.raises(SourceError, match=r"compose\.yaml:3:1: unknown key wrong"):
        load([str(tmp_path / "compose.yaml")], LoadOptions(strict=True))


EVERYTHING = """\
x-common: &common
  read_only: true
  tmpfs: /run
services:
  web:
    <<: *common
    image: nginx:${TAG:-1.27}
    ports: ["127.0.0.1:8080:80", 443]
    volumes: ["./conf:/etc/nginx:ro", data:/data]
    environment: [A=1, "B=$HOST"]
    depends_on: [db]
    command: nginx -g "daemon off;"
    healthcheck: {test: curl -f localhost, interval: 90s}
    secrets: [password]
    build: .
  db:
    image: postgres
    networks: {back: {aliases: [x]}}
networks: {back: }
volumes: {data: }
secrets: {password: {file: ./password}}
"""


def test_every_node_of_a_canonical_model_has_a_place_in_the_text(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(EVERYTHING)
    lines = EVERYTHING.splitlines()
    project = load([str(path)])
    todo: list[Node] = [project.model]
    while todo:
        node = todo.pop()
        todo += [child for _, child in node.items()] + list(node)
        for origin in (node.origin, node.key_origin, *node.related):
            if origin is not None:
                assert origin.file == str(path)
                assert 1 <= origin.line <= origin.end_line <= len(lines) + 1
                assert (origin.line, origin.column) <= (origin.end_line, origin.end_column)


@pytest.mark.parametrize(
    ("path", "line", "text"),
    [
        ("image", 7, "image"),
        ("read_only", 2, "read_only"),
        ("environment.A", 10, "A"),
        ("depends_on.db", 11, "db"),
        ("healthcheck.interval", 13, "interval"),
        ("build.context", 15, "."),
    ],
)
def test_places_of_canonical_values(tmp_path: Path, path: str, line: int, text: str) -> None:
    (tmp_path / "compose.yaml").write_text(EVERYTHING)
    origin = load([str(tmp_path / "compose.yaml")]).services["web"].at(path)
    assert origin.line == line
    assert EVERYTHING.splitlines()[line - 1][origin.column - 1 : origin.end_column - 1] == text


def test_parts_of_short_forms_have_their_own_places(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(EVERYTHING)
    service = load([str(tmp_path / "compose.yaml")]).services["web"]
    found = [service.items("ports")[0].get("host_ip"), service.items("volumes")[0].get("read_only")]
    lines = EVERYTHING.splitlines()
    texts = [lines[node.origin.line - 1][node.origin.column - 1 : node.origin.end_column - 1] for node in found if node]
    assert texts == ["127.0.0.1", "ro"]
