from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.collection import tree_of
from pytest_dockerharden.discovery import discover, kind_of_file, kind_of_name
from tests.helpers import write

COMPOSE = "services:\n  web:\n    image: app\n"
DOCKERFILE = "FROM alpine:3.20\nRUN true\n"


def found(folder: Path, *files: str) -> tuple[list[str], list[str], dict[str, str]]:
    discovery = discover([str(folder)], [str(folder / file) for file in files])

    def relative(path: str) -> str:
        return Path(path).relative_to(folder).as_posix()

    return (
        [relative(path) for path in discovery.compose],
        [relative(path) for path in discovery.dockerfiles],
        {relative(path): reason for path, reason in discovery.not_visited.items()},
    )


@pytest.mark.parametrize(
    "name",
    [
        "compose.yaml",
        "compose.yml",
        "docker-compose.yml",
        "docker-compose.yaml",
        "docker-compose.prod.yml",
        "compose.override.yaml",
        "docker-compose-dev.yml",
        "docker-compose_ci.yml",
    ],
)
def test_a_compose_file_is_known_by_its_name(name: str) -> None:
    assert kind_of_name(name) == "compose"


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile",
        "dockerfile",
        "Dockerfile.dev",
        "Dockerfile-prod",
        "Dockerfile_ci",
        "web.Dockerfile",
        "web.dockerfile",
        "Containerfile",
        "Containerfile.arm64",
    ],
)
def test_a_dockerfile_is_known_by_its_name(name: str) -> None:
    assert kind_of_name(name) == "Dockerfile"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("Dockerfile.dockerignore", id="an ignore file"),
        pytest.param("Dockerfile.md", id="a text about one"),
        pytest.param("dockerfile.py", id="a program"),
        pytest.param("Dockerfile.orig", id="left by a merge"),
        pytest.param("Dockerfile~", id="left by an editor"),
        pytest.param("composer.yml", id="another word"),
        pytest.param("docker-compose.yml.bak", id="a backup"),
        pytest.param("compose.json", id="not YAML"),
    ],
)
def test_these_names_say_nothing(name: str) -> None:
    assert kind_of_name(name) is None


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("stack.yml", COMPOSE, "compose"),
        ("stack.yaml", "# a stack\nversion: '3'\n" + COMPOSE, "compose"),
        ("build", "# syntax=docker/dockerfile:1\nARG V=3\nFROM alpine:$V\nRUN true\n", "Dockerfile"),
        ("image.docker", "FROM a\nCOPY . .\n", "Dockerfile"),
    ],
)
def test_content_tells_where_the_name_does_not(tmp_path: Path, name: str, text: str, kind: str) -> None:
    write(tmp_path, {name: text})
    assert kind_of_file(str(tmp_path / name)) == kind


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(".gitlab-ci.yml", "services:\n  - docker:dind\nimage: x\n", id="GitLab"),
        pytest.param("ci.yml", "on: push\njobs:\n  a:\n    services:\n      db:\n        image: x\n", id="GitHub"),
        pytest.param("bitbucket.yml", "pipelines:\n  default: []\nservices:\n  a:\n    image: x\n", id="Bitbucket"),
        pytest.param("k8s.yaml", "apiVersion: v1\nservices:\n  a:\n    image: x\n", id="Kubernetes"),
        pytest.param("di.yaml", "services:\n  App\\Foo:\n    class: Foo\n", id="a Symfony container"),
        pytest.param("README", "FROM what we know\nnothing follows\n", id="prose"),
        pytest.param("query", "FROM users\nSELECT 1\n", id="a query"),
        pytest.param("script", "#!/bin/sh\nFROM=1\nRUN=2\n", id="a shell script"),
        pytest.param("blob", "\0FROM a\nRUN b\n", id="binary"),
    ],
)
def test_content_of_another_kind_is_left_alone(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, {name: text})
    assert kind_of_file(str(tmp_path / name)) is None


def test_folders_that_pytest_skips_are_visited(tmp_path: Path) -> None:
    files = ["build/Dockerfile", "dist/Dockerfile", ".devcontainer/Dockerfile", "a.egg/Dockerfile", "venvx/Dockerfile"]
    write(tmp_path, dict.fromkeys(files, DOCKERFILE))
    assert sorted(found(tmp_path)[1]) == sorted(files)


def test_dependencies_and_environments_are_not_visited_and_named(tmp_path: Path) -> None:
    write(tmp_path, {"node_modules/x/Dockerfile": DOCKERFILE, "env/pyvenv.cfg": "", "env/Dockerfile": DOCKERFILE})
    _, dockerfiles, not_visited = found(tmp_path)
    assert dockerfiles == []
    assert not_visited == {"node_modules": "dependencies", "env": "virtual environment"}


def test_what_git_ignores_is_not_visited_and_named(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".gitignore": "/out/\n*.local.yml\n!keep.local.yml\n",
            "out/Dockerfile": DOCKERFILE,
            "compose.local.yml": COMPOSE,
            "sub/.gitignore": "Dockerfile.tmp\n",
            "sub/Dockerfile.tmp": DOCKERFILE,
            "sub/out/Dockerfile": DOCKERFILE,
        },
    )
    compose, dockerfiles, not_visited = found(tmp_path)
    assert compose == []
    assert dockerfiles == ["sub/out/Dockerfile"]
    assert not_visited == {"out": "ignored", "compose.local.yml": "ignored", "sub/Dockerfile.tmp": "ignored"}


def test_rules_above_the_folder_count_within_a_checkout(tmp_path: Path) -> None:
    write(tmp_path, {".git/HEAD": "", ".gitignore": "tmp/\n", "sub/tmp/Dockerfile": DOCKERFILE})
    assert found(tmp_path / "sub")[1] == []


def test_a_file_that_is_named_is_judged_whatever_git_ignores(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "Dockerfile\n", "Dockerfile": DOCKERFILE})
    assert found(tmp_path, "Dockerfile")[1] == ["Dockerfile"]


def test_a_named_yaml_file_is_a_compose_file_whatever_it_holds(tmp_path: Path) -> None:
    write(tmp_path, {"stack.yml": "x: 1\n"})
    assert found(tmp_path, "stack.yml")[0] == ["stack.yml"]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("docker-compose.yml.bad", "services:\n  web:\n    privileged: true\n", "compose"),
        ("positive.txt", "version: '3'\nservices:\n  web:\n    image: a\n", "compose"),
        ("compose.json", '{\n  "name": "x",\n  "services": {"web": {"image": "a"}}\n}\n', "compose"),
        ("POSITIVE.YML", "x: 1\n", "compose"),
        ("other.json", '{"x": {"services": {}}}\n', None),
        ("notes.txt", "FROM debian:12\nCOPY <<EOF /x\nservices:\n  web:\nEOF\nUSER app\n", "Dockerfile"),
        ("positive.docker", "FROM debian:12\nUSER root\n", "Dockerfile"),
    ],
)
def test_content_tells_what_a_named_file_is(tmp_path: Path, name: str, text: str, kind: str | None) -> None:
    write(tmp_path, {name: text})
    assert kind_of_file(str(tmp_path / name), named=True) == kind


def test_a_symlink_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"a/Dockerfile": DOCKERFILE})
    (tmp_path / "loop").symlink_to(tmp_path)
    assert found(tmp_path)[1] == ["a/Dockerfile"]


def test_a_dangling_symlink_and_a_folder_named_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").symlink_to(tmp_path / "gone")
    write(tmp_path, {"sub/Dockerfile/Dockerfile": DOCKERFILE})
    assert sorted(found(tmp_path)[1]) == ["Dockerfile", "sub/Dockerfile/Dockerfile"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("docker-compose.yml.j2", "compose"),
        ("stack.yaml.tmpl", "compose"),
        ("Dockerfile.j2", "Dockerfile"),
        ("web.Dockerfile.template", "Dockerfile"),
    ],
)
def test_a_template_that_a_user_names_is_what_comes_out_of_it(tmp_path: Path, name: str, kind: str) -> None:
    write(tmp_path, {name: "{% if x %}\n"})
    assert kind_of_file(str(tmp_path / name), named=True) == kind


def test_what_is_collected_has_one_order_however_the_files_come() -> None:
    files = ["/r/b/compose.yaml", "/r/a/Dockerfile", "/r/a/compose.yaml", "/r/c/d/compose.yaml"]
    assert tree_of(files) == tree_of(files[::-1])
    assert tree_of(files)["/r"] == (["/r/a", "/r/b", "/r/c"], [])
