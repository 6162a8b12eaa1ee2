"""Which files of the project are in a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import assemble_files

SITE = {"nginx/a.conf": "server {}", "nginx/sub/b.conf": "server {}", "run.sh": "#!/bin/sh\nexec a\n"}


def service(folder: Path, compose: str, **more: str):  # type: ignore[no-untyped-def]
    files = {"compose.yaml": "services:\n  web:\n" + compose, **SITE, **more}
    [project] = assemble_files(folder, files).projects
    return project.services["web"]


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        pytest.param("COPY nginx /etc/nginx/conf.d", ["nginx/a.conf", "nginx/sub/b.conf"], id="a folder"),
        pytest.param("COPY nginx/a.conf /etc/nginx/conf.d/", ["nginx/a.conf"], id="a file into a folder"),
        pytest.param("COPY nginx/a.conf nginx/sub/b.conf /etc/nginx/", ["nginx/a.conf", "nginx/sub/b.conf"], id="two"),
        pytest.param("COPY . /srv", [], id="elsewhere"),
        pytest.param("COPY --from=other nginx /etc/nginx", [], id="from another image"),
        pytest.param("ARG D\nCOPY nginx $D", [], id="a variable decides"),
        pytest.param("COPY <<E /etc/nginx/conf.d/a.conf\nserver {}\nE", ["Dockerfile"], id="a heredoc"),
        pytest.param("ADD https://example.com/a.conf /etc/nginx/conf.d/", [], id="a download"),
        pytest.param("COPY missing /etc/nginx/conf.d/", [], id="a file that is not there"),
    ],
)
def test_copied_configurations_are_found(tmp_path: Path, copy: str, expected: list[str]) -> None:
    web = service(tmp_path, "    build: .\n", Dockerfile=f"FROM x\n{copy}\n")
    assert sorted(Path(config.path).relative_to(tmp_path).as_posix() for config in web.nginx) == expected


def test_a_mounted_folder_is_found(tmp_path: Path) -> None:
    web = service(tmp_path, "    image: x\n    volumes: ['./nginx:/etc/nginx/conf.d:ro']\n")
    assert len(web.nginx) == 2


def test_a_mount_takes_the_place_of_what_is_copied(tmp_path: Path) -> None:
    web = service(
        tmp_path,
        "    build: .\n    volumes: ['./other.conf:/etc/nginx/conf.d/a.conf']\n",
        Dockerfile="FROM x\nCOPY nginx/a.conf /etc/nginx/conf.d/a.conf\n",
        **{"other.conf": "user root;"},
    )
    assert [Path(config.path).name for config in web.nginx] == ["other.conf"]


def test_a_script_that_is_run_is_known_by_its_path_in_the_container(tmp_path: Path) -> None:
    dockerfile = 'FROM x\nWORKDIR /app\nCOPY run.sh bin/\nENTRYPOINT ["bin/run.sh"]\n'
    web = service(tmp_path, "    build: .\n", Dockerfile=dockerfile)
    assert list(web.scripts) == ["/app/bin/run.sh"]
    assert web.scripts["/app/bin/run.sh"].commands[0].name == "exec"


def test_a_link_out_of_the_project_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.conf"
    outside.write_text("user root;")
    project = tmp_path / "project"
    (project / "conf").mkdir(parents=True)
    (project / "conf/a.conf").symlink_to(outside)
    web = service(project, "    image: x\n    volumes: ['./conf:/etc/nginx/conf.d']\n")
    assert web.nginx == ()


def test_a_service_that_runs_the_image_of_another_has_its_stage(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services:\n  a: {build: ., image: 'app:1'}\n  b: {image: 'app:1'}\n  c: {image: 'app:2'}\n",
        "Dockerfile": "FROM x\nUSER 1000\n",
    }
    [project] = assemble_files(tmp_path, files).projects
    assert project.services["b"].stage is project.services["a"].stage
    assert project.services["c"].stage is None
