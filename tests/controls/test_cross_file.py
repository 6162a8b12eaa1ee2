"""A service and its Dockerfile together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import hits, write_git_index


def found(folder: Path, settings: str, dockerfile: str, control: str) -> list[int]:
    files = {"compose.yaml": f"services:\n  web:\n    build: .\n{settings}", "Dockerfile": dockerfile}
    result = hits(folder, files, control)
    assert all(hit.file == "compose.yaml" for hit in result)
    return [hit.line for hit in result]


@pytest.mark.parametrize(
    ("settings", "dockerfile", "expected"),
    [
        pytest.param("    user: root\n", "FROM x\nUSER app\n", [4], id="root by name"),
        pytest.param('    user: "0:0"\n', "FROM x\nUSER 1000\n", [4], id="root by number"),
        pytest.param('    user: "0"\n', "FROM x AS a\nUSER 1000\nFROM a\n", [4], id="the user of a parent stage"),
        pytest.param("    user: root\n", "FROM x\nUSER root\n", [], id="root in both"),
        pytest.param("    user: root\n", "FROM x\n", [4], id="the image's user is not known"),
        pytest.param("    user: ${UID:-0}\n", "FROM x\n", [4], id="root by default"),
        pytest.param('    user: "1000"\n', "FROM x\nUSER app\n", [], id="another user"),
        pytest.param("    user: ${UID}\n", "FROM x\nUSER app\n", [], id="a variable without a value"),
        pytest.param("    user: root\n", "FROM x\nARG U\nUSER $U\n", [4], id="an argument without a value"),
        pytest.param('    user: "1000:0"\n', "FROM x\nUSER app\n", [], id="the group of root"),
        pytest.param('    user: ""\n', "FROM x\nUSER app\n", [], id="empty"),
        pytest.param("    user: rootless\n", "FROM x\nUSER app\n", [], id="a name that begins with root"),
        pytest.param("", "FROM x\n", [], id="nothing set"),
    ],
)
def test_the_user_of_the_image_is_kept(tmp_path: Path, settings: str, dockerfile: str, expected: list) -> None:
    assert found(tmp_path, settings, dockerfile, "user-of-the-image-is-kept") == expected


@pytest.mark.parametrize(
    ("settings", "dockerfile", "expected"),
    [
        pytest.param('    ports: ["80:80"]\n', "FROM x\nEXPOSE 8080\n", [4], id="another port"),
        pytest.param('    ports: ["80:8080"]\n', "FROM x\nEXPOSE 8080/tcp\n", [], id="the exposed port"),
        pytest.param('    ports: ["80:80"]\n', "FROM x\n", [], id="nothing exposed"),
        pytest.param('    ports: ["80:80"]\n    expose: ["80"]\n', "FROM x\nEXPOSE 8080\n", [], id="exposed here"),
        pytest.param('    ports: ["80:80"]\n', "FROM x\nEXPOSE $PORT\n", [], id="a variable decides"),
        pytest.param("", "FROM x\nEXPOSE 8080\n", [], id="nothing published"),
    ],
)
def test_published_ports_are_exposed(tmp_path: Path, settings: str, dockerfile: str, expected: list) -> None:
    assert found(tmp_path, settings, dockerfile, "published-ports-are-exposed") == expected


def build(*lines: str) -> str:
    return "services:\n  web:\n    build:\n      context: .\n" + "".join(f"      {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(("args:", "  NPM_TOKEN: x"), [6], id="written out"),
        pytest.param(("args:", "  - NPM_TOKEN"), [6], id="passed on"),
        pytest.param(("args:", "  - DB_PASSWORD=${DB_PASSWORD}"), [6], id="interpolated"),
        pytest.param(("args:", "  VERSION: '1'"), [], id="a version"),
        pytest.param(("args:", "  TOKEN_FILE: /run/x"), [], id="the path of one"),
        pytest.param((), [], id="none"),
    ],
)
def test_build_arguments_carry_no_secret(tmp_path: Path, lines: tuple[str, ...], expected: list) -> None:
    files = {"compose.yaml": build(*lines), "Dockerfile": "FROM x\n"}
    assert [hit.line for hit in hits(tmp_path, files, "no-secrets-in-build-arguments")] == expected


@pytest.mark.parametrize(
    ("lines", "dockerfile", "expected"),
    [
        pytest.param(("target: prod",), "FROM x AS dev\n", [5], id="no such stage"),
        pytest.param(("target: DEV",), "FROM x AS dev\n", [], id="in another case"),
        pytest.param(("target: '0'",), "FROM x AS dev\n", [], id="by its number"),
        pytest.param(("target: ${T}",), "FROM x AS dev\n", [], id="a variable without a value"),
        pytest.param((), "FROM x AS dev\n", [], id="the last one"),
    ],
)
def test_the_target_is_there(tmp_path: Path, lines: tuple[str, ...], dockerfile: str, expected: list) -> None:
    files = {"compose.yaml": build(*lines), "Dockerfile": dockerfile}
    assert [hit.line for hit in hits(tmp_path, files, "build-target-exists")] == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param("", [2], id="nothing"),
        pytest.param("    volumes: ['./d:/data']\n", [], id="a bind"),
        pytest.param("    tmpfs: /data:size=1m\n", [], id="a tmpfs"),
    ],
)
def test_a_volume_of_the_image_is_mounted(tmp_path: Path, settings: str, expected: list) -> None:
    assert found(tmp_path, settings, "FROM x\nVOLUME /data\n", "image-volumes-are-mounted") == expected


@pytest.mark.parametrize(
    ("build", "files", "message"),
    [
        pytest.param("./web", {"Makefile": ""}, "web/Dockerfile does not exist", id="no folder"),
        pytest.param("./web", {"web/a": ""}, "web/Dockerfile does not exist", id="no file"),
        pytest.param("./web", {"web/Dockerfile/a": ""}, "web/Dockerfile is a directory", id="a directory"),
        pytest.param(
            "{context: ., dockerfile: web.dockerfile}", {"Makefile": ""}, "web.dockerfile does not exist", id="named"
        ),
        pytest.param("./web", {"other.yaml": "", ".env": ""}, "", id="compose files without their project"),
        pytest.param("./web", {"web/Dockerfile": "FROM scratch\n"}, "", id="there"),
        pytest.param("{context: ./web, dockerfile: ../D}", {"D": "FROM scratch\n"}, "", id="beside its context"),
        pytest.param("{context: ./web, dockerfile_inline: FROM scratch}", {}, "", id="inline"),
        pytest.param("https://example.com/a.git", {}, "", id="remote"),
        pytest.param("'git@example.com:a/b.git#main'", {}, "", id="remote over ssh"),
        pytest.param("github.com/a/b", {}, "", id="remote without a scheme"),
        pytest.param("../other", {}, "", id="outside of the project"),
        pytest.param("${CONTEXT}", {}, "", id="unknown"),
        pytest.param("./web", {".git/HEAD": "", ".gitignore": "/web\n"}, "", id="ignored by git"),
    ],
)
def test_the_dockerfile_that_is_built_is_there(tmp_path: Path, build: str, files: dict[str, str], message: str) -> None:
    compose = f"services:\n  a:\n    build: {build}\n"
    found = hits(tmp_path, {"compose.yaml": compose, **files}, "built-dockerfile-exists")
    assert [(hit.line, hit.message) for hit in found] == ([(3, message)] if message else [])


def test_the_dockerfile_of_a_submodule_is_not_missed(tmp_path: Path) -> None:
    write_git_index(tmp_path, ["compose.yaml", "web"])
    files = {"compose.yaml": "services:\n  a:\n    build: ./web\n"}
    assert hits(tmp_path, files, "built-dockerfile-exists") == []
