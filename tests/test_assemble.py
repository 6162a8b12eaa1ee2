"""Files to subjects, through the real loader and parsers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_dockerharden.assemble import Assembly, Combination, assemble
from pytest_dockerharden.model.image import ImageConfig
from tests.helpers import write

COMPOSE = "services:\n  web:\n    build: .\n"


def build(folder: Path, files: dict[str, str], *dockerfiles: str, **more: object) -> Assembly:
    """Assemble ``compose.yaml`` if there is one, and the Dockerfiles named."""
    write(folder, files)
    combinations = [Combination((str(folder / "compose.yaml"),))] if "compose.yaml" in files else []
    paths = [str(folder / name) for name in dockerfiles]
    return assemble(combinations, paths, root=str(folder), **more)  # type: ignore[arg-type]


def names(folder: Path, assembly: Assembly) -> list[str]:
    return [os.path.relpath(path, folder) for path in assembly.dockerfiles]


def test_a_dockerfile_alone(tmp_path: Path) -> None:
    assembly = build(tmp_path, {"Dockerfile": "FROM a\n"}, "Dockerfile")
    (dockerfile,) = assembly.dockerfiles.values()
    assert (dockerfile.built_by, dockerfile.context, dockerfile.target) == ((), None, None)
    assert assembly.projects == []


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        (".", "Dockerfile"),
        ("app", "app/Dockerfile"),
        ("{context: app}", "app/Dockerfile"),
        ("{context: app, dockerfile: x/My.Dockerfile}", "app/x/My.Dockerfile"),
        ("{context: app, dockerfile: ../Dockerfile.web}", "Dockerfile.web"),
        ("{dockerfile: Dockerfile.web}", "Dockerfile.web"),
        ("${CONTEXT:-app}", "app/Dockerfile"),
    ],
)
def test_the_dockerfile_of_a_build(tmp_path: Path, keys: str, path: str) -> None:
    assembly = build(tmp_path, {"compose.yaml": f"services:\n  web:\n    build: {keys}\n", path: "FROM a\nUSER 5\n"})
    assert names(tmp_path, assembly) == [path]
    service = assembly.projects[0].services["web"]
    assert service.dockerfile is assembly.dockerfiles[str(tmp_path / path)]
    assert service.stage is service.dockerfile.stages[0]
    assert service.dockerfile.built_by == ("web",)
    assert service.posture is not None
    assert service.posture.uid.value == 5
    assert list(assembly.projects[0].dockerfiles) == [str(tmp_path / path)]


@pytest.mark.parametrize(
    "keys",
    [
        "https://example.org/repo.git",
        "git@example.org:repo.git",
        "${CONTEXT}",
        "{context: ., dockerfile: '${FILE}'}",
        "missing",
        "..",
    ],
)
def test_a_build_that_is_not_at_hand_is_no_failure(tmp_path: Path, keys: str) -> None:
    (tmp_path / "Dockerfile").write_text("FROM outside\n")
    root = tmp_path / "project"
    assembly = build(root, {"compose.yaml": f"services:\n  web:\n    build: {keys}\n"})
    assert assembly.failures == []
    assert assembly.dockerfiles == {}
    assert assembly.projects[0].services["web"].stage is None


def test_a_link_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM outside\n")
    root = tmp_path / "project"
    root.mkdir()
    (root / "Dockerfile").symlink_to(tmp_path / "Dockerfile")
    assert build(root, {"compose.yaml": COMPOSE}).dockerfiles == {}


def test_a_dockerfile_named_outside_the_root_fails(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM outside\n")
    assembly = assemble([], [str(tmp_path / "Dockerfile")], root=str(tmp_path / "project"))
    assert [problem.kind for problem in assembly.failures] == ["limit"]


def test_several_services_share_one_dockerfile(tmp_path: Path) -> None:
    compose = "services:\n  a: {build: {context: ., target: one}}\n  b: {build: {context: ., target: two}}\n"
    text = "FROM x AS one\nUSER 1\nFROM x AS two\nUSER 2\n"
    assembly = build(tmp_path, {"compose.yaml": compose, "Dockerfile": text}, "Dockerfile")
    (dockerfile,) = assembly.dockerfiles.values()
    assert (dockerfile.built_by, dockerfile.target) == (("a", "b"), None)
    services = assembly.projects[0].services
    assert [s.stage and s.stage.name for s in services.values()] == ["one", "two"]
    assert [s.posture and s.posture.uid.value for s in services.values()] == [1, 2]


def test_the_target_on_which_all_agree(tmp_path: Path) -> None:
    compose = "services:\n  a: {build: {context: ., target: one}}\n  b: {build: {context: ., target: one}}\n"
    assembly = build(tmp_path, {"compose.yaml": compose, "Dockerfile": "FROM x AS one\nFROM x AS two\n"})
    (dockerfile,) = assembly.dockerfiles.values()
    assert dockerfile.target == "one"
    assert dockerfile.final is dockerfile.stages[0]


def test_a_target_that_is_not_there_ships_nothing(tmp_path: Path) -> None:
    compose = "services: {web: {build: {context: ., target: gone}}}\n"
    assembly = build(tmp_path, {"compose.yaml": compose, "Dockerfile": "FROM x AS one\n"})
    assert assembly.projects[0].services["web"].stage is None
    assert next(iter(assembly.dockerfiles.values())).target is None


def test_build_arguments_reach_the_dockerfile(tmp_path: Path) -> None:
    compose = "services: {web: {build: {context: ., args: {TAG: '3.12'}}}}\n"
    assembly = build(tmp_path, {"compose.yaml": compose, "Dockerfile": "ARG TAG\nFROM python:$TAG\n"})
    assert next(iter(assembly.dockerfiles.values())).stages[0].base == "python:3.12"


def test_services_with_different_arguments_have_stages_of_their_own(tmp_path: Path) -> None:
    compose = "services:\n  a: {build: {context: ., args: {T: '1'}}}\n  b: {build: {context: ., args: {T: '2'}}}\n"
    assembly = build(tmp_path, {"compose.yaml": compose, "Dockerfile": "ARG T=0\nFROM x:$T\n"})
    services = assembly.projects[0].services
    assert [s.stage and s.stage.base for s in services.values()] == ["x:1", "x:2"]
    assert [d.stages[0].base for d in assembly.dockerfiles.values()] == ["x:0"]


INLINE = """\
services:
  web:
    build:
      dockerfile_inline: |
        FROM python:3
        USER 1000
"""


def test_an_inline_dockerfile_keeps_its_places(tmp_path: Path) -> None:
    assembly = build(tmp_path, {"compose.yaml": INLINE})
    (dockerfile,) = assembly.dockerfiles.values()
    assert dockerfile.path == str(tmp_path / "compose.yaml")
    user = dockerfile.stages[0].of("USER")[0]
    assert (user.origin.line, user.origin.column) == (6, 9)
    service = assembly.projects[0].services["web"]
    assert service.posture is not None
    assert service.posture.uid.value == 1000


def test_an_inline_dockerfile_with_a_heredoc_keeps_its_lines(tmp_path: Path) -> None:
    text = INLINE + "        RUN <<EOF\n        echo\n        EOF\n        EXPOSE 80\n"
    assembly = build(tmp_path, {"compose.yaml": text})
    (dockerfile,) = assembly.dockerfiles.values()
    assert dockerfile.problems == ()
    assert dockerfile.stages[0].of("EXPOSE")[0].origin.line == 10


def test_the_ignore_file_in_force(tmp_path: Path) -> None:
    files = {"compose.yaml": COMPOSE, "Dockerfile": "FROM x\n", ".dockerignore": "secrets\n"}
    (dockerfile,) = build(tmp_path, files).dockerfiles.values()
    assert dockerfile.context == str(tmp_path)
    assert dockerfile.ignore is not None
    assert (dockerfile.ignore.excludes("secrets/a"), dockerfile.ignore.excludes("app")) == (True, False)
    (dockerfile,) = build(tmp_path, {**files, "Dockerfile.dockerignore": "app\n"}).dockerfiles.values()
    assert dockerfile.ignore is not None
    assert (dockerfile.ignore.excludes("secrets/a"), dockerfile.ignore.excludes("app")) == (False, True)


@pytest.mark.parametrize("reference", ["redis:7", "docker.io/library/redis:7", "docker.io/redis:7"])
def test_image_configurations_are_found_under_any_spelling(tmp_path: Path, reference: str) -> None:
    images = {"redis:7": ImageConfig("redis:7", user="999")}
    assembly = build(tmp_path, {"compose.yaml": f"services: {{a: {{image: '{reference}'}}}}\n"}, images=images)
    posture = assembly.projects[0].services["a"].posture
    assert posture is not None
    assert posture.uid.value == 999


def test_a_build_takes_the_configuration_of_its_base(tmp_path: Path) -> None:
    images = {"base": ImageConfig("base", user="7")}
    assembly = build(tmp_path, {"compose.yaml": COMPOSE, "Dockerfile": "FROM base\n"}, images=images)
    posture = assembly.projects[0].services["web"].posture
    assert posture is not None
    assert posture.uid.value == 7


def test_a_file_that_cannot_be_read_is_one_failure_and_the_rest_goes_on(tmp_path: Path) -> None:
    write(tmp_path, {"bad.yaml": "a: [\n", "good.yaml": "services: {a: {image: x}}\n", "Dockerfile": "FROM x\n"})
    (tmp_path / "Dockerfile.bad").write_bytes(b"FROM x\n\xff\n")
    assembly = assemble(
        [Combination((str(tmp_path / name),), name) for name in ("bad.yaml", "good.yaml", "gone.yaml")],
        [str(tmp_path / name) for name in ("Dockerfile", "Dockerfile.bad")],
        root=str(tmp_path),
    )
    assert [os.path.basename(p.origin.file) for p in assembly.failures] == ["bad.yaml", "gone.yaml", "Dockerfile.bad"]
    assert [project.combination for project in assembly.projects] == ["good.yaml"]
    assert names(tmp_path, assembly) == ["Dockerfile"]


def test_what_docker_compose_would_refuse_is_judged_all_the_same(tmp_path: Path) -> None:
    assembly = build(tmp_path, {"compose.yaml": "services: {a: {image: x, privilegd: true, read_only: true}}\n"})
    assert assembly.failures == []
    assert [problem.kind for problem in assembly.projects[0].problems] == ["refused"]
    posture = assembly.projects[0].services["a"].posture
    assert posture is not None
    assert posture.read_only_rootfs.value is True


def test_services_of_every_profile_are_there(tmp_path: Path) -> None:
    assembly = build(tmp_path, {"compose.yaml": "services: {a: {image: x, profiles: [debug]}}\n"})
    assert list(assembly.projects[0].services) == ["a"]


def test_combinations_that_share_a_file_are_siblings(tmp_path: Path) -> None:
    text = "services: {a: {image: x}}\n"
    write(tmp_path, {"base.yaml": text, "prod.yaml": text, "other.yaml": text})
    groups = [("base.yaml",), ("base.yaml", "prod.yaml"), ("other.yaml",)]
    combinations = [Combination(tuple(str(tmp_path / f) for f in group), group[-1]) for group in groups]
    base, prod, other = assemble(combinations, root=str(tmp_path)).projects
    assert (base.siblings, prod.siblings, other.siblings) == ((prod,), (base,), ())


def test_files_beside_a_project(tmp_path: Path) -> None:
    compose = """\
services:
  web:
    image: x
    env_file: web.env
    volumes: ["./data:/data", "/etc/passwd:/p"]
secrets:
  s: {file: ./s.txt}
  gone: {file: ./gone.txt}
"""
    write(tmp_path, {"compose.yaml": compose, "web.env": "PASSWORD=hunter2\nB=1\n", "s.txt": "abc"})
    (tmp_path / "data").mkdir()
    (tmp_path / "s.txt").chmod(0o600)
    local = build(tmp_path, {"compose.yaml": compose}).projects[0].local
    fact = local[str(tmp_path / "s.txt")]
    assert (fact.exists, fact.size, fact.mode, fact.tracked) == (True, 3, 0o600, None)
    assert local[str(tmp_path / "gone.txt")].exists is False
    assert local[str(tmp_path / "data")].is_dir is True
    assert local[str(tmp_path / "web.env")].keys == ("PASSWORD", "B")
    assert local["/etc/passwd"].inside is False
    assert local.checkout is None
    assert "hunter2" not in repr(local)


NGINX = "server { listen 8080; }\n"


@pytest.mark.parametrize(
    ("compose", "dockerfile", "path"),
    [
        pytest.param("image: nginx\n    volumes: ['./n.conf:/etc/nginx/nginx.conf:ro']", "", "n.conf", id="bind"),
        pytest.param("image: nginx\n    volumes: ['./conf:/etc/nginx/conf.d']", "", "conf/a.conf", id="bound-folder"),
        pytest.param("build: .", "FROM nginx\nCOPY n.conf /etc/nginx/conf.d/\n", "n.conf", id="copy"),
        pytest.param("build: .", "FROM nginx\nCOPY conf /etc/nginx/conf.d/\n", "conf/a.conf", id="copied-folder"),
        pytest.param("build: .", "FROM nginx\nWORKDIR /etc/nginx\nCOPY n.conf conf.d/x.conf\n", "n.conf", id="workdir"),
        pytest.param(
            "build: .",
            "FROM nginx\nCOPY t.template /etc/nginx/templates/a.conf.template\n",
            "t.template",
            id="template",
        ),
    ],
)
def test_nginx_configurations_reach_their_container(tmp_path: Path, compose: str, dockerfile: str, path: str) -> None:
    files = {"compose.yaml": f"services:\n  web:\n    {compose}\n", path: NGINX, "Dockerfile": dockerfile}
    (config,) = build(tmp_path, files).projects[0].services["web"].nginx
    assert config.path == str(tmp_path / path)
    assert config.named("listen")[0].origin.line == 1
    assert config.context == ("main" if "nginx.conf" in compose else "http")


@pytest.mark.parametrize(
    ("compose", "dockerfile"),
    [
        pytest.param("image: nginx\n    volumes: ['./n.conf:/srv/n.conf']", "", id="elsewhere"),
        pytest.param("build: .", "FROM nginx\nCOPY --from=b n.conf /etc/nginx/conf.d/\n", id="of-another-stage"),
        pytest.param(
            "build: {context: ., target: a}", "FROM x AS a\nFROM x\nCOPY n.conf /etc/nginx/\n", id="other-stage"
        ),
        pytest.param("build: .", "FROM nginx\nCOPY mime.types /etc/nginx/mime.types\n", id="no-configuration"),
    ],
)
def test_other_files_are_no_nginx_configurations(tmp_path: Path, compose: str, dockerfile: str) -> None:
    files = {"compose.yaml": f"services:\n  web:\n    {compose}\n", "n.conf": NGINX, "Dockerfile": dockerfile}
    assert build(tmp_path, {**files, "mime.types": "types { }\n"}).projects[0].services["web"].nginx == ()


SCRIPT = '#!/bin/sh\nset -e\nexec "$@"\n'


@pytest.mark.parametrize(
    ("compose", "dockerfile", "path", "target"),
    [
        ("build: .", 'FROM x\nCOPY e.sh /e.sh\nENTRYPOINT ["/e.sh"]\n', "e.sh", "/e.sh"),
        ("build: .", 'FROM x\nCOPY bin/ /usr/local/bin/\nENTRYPOINT ["run"]\n', "bin/run", "/usr/local/bin/run"),
        ("build: .", 'FROM x\nWORKDIR /app\nCOPY . .\nCMD ["./start.sh"]\n', "start.sh", "/app/start.sh"),
        ("build: .", 'FROM x\nCOPY *.sh /bin/\nENTRYPOINT ["e.sh"]\n', "e.sh", "/bin/e.sh"),
        ("build: .", 'FROM x\nCOPY rootfs /\nENTRYPOINT ["/usr/bin/e"]\n', "rootfs/usr/bin/e", "/usr/bin/e"),
        ("build: .", "FROM x\nCOPY e.sh /e.sh\nENTRYPOINT exec /e.sh --flag\n", "e.sh", "/e.sh"),
        ("build: .", 'FROM x AS b\nCOPY e.sh /e.sh\nFROM b\nCMD ["/e.sh"]\n', "e.sh", "/e.sh"),
        ("image: x\n    command: sh /s/go.sh\n    volumes: ['./s:/s']", "", "s/go.sh", "/s/go.sh"),
        ("image: x\n    healthcheck: {test: [CMD, /h.sh]}\n    volumes: ['./h.sh:/h.sh']", "", "h.sh", "/h.sh"),
    ],
)
def test_scripts_reach_their_container(tmp_path: Path, compose: str, dockerfile: str, path: str, target: str) -> None:
    files = {"compose.yaml": f"services:\n  web:\n    {compose}\n", path: SCRIPT, "Dockerfile": dockerfile}
    script = build(tmp_path, files).projects[0].services["web"].scripts[target]
    (hand_over,) = script.run("exec")
    assert hand_over.origin.file == str(tmp_path / path)
    assert hand_over.origin.line == 3


def test_a_script_written_out_in_the_dockerfile_keeps_its_lines(tmp_path: Path) -> None:
    dockerfile = f'FROM x\nCOPY <<"EOF" /e.sh\n{SCRIPT}EOF\nENTRYPOINT ["/e.sh"]\n'
    service = build(tmp_path, {"compose.yaml": COMPOSE, "Dockerfile": dockerfile}).projects[0].services["web"]
    (hand_over,) = service.scripts["/e.sh"].run("exec")
    assert (hand_over.origin.file, hand_over.origin.line) == (str(tmp_path / "Dockerfile"), 5)


def test_a_script_is_found_in_a_large_context(tmp_path: Path) -> None:
    files = {f"a{number:03}.py": "x = 1\n" for number in range(300)}
    files |= {"z.sh": SCRIPT, "Dockerfile": 'FROM x\nCOPY . /app\nENTRYPOINT ["/app/z.sh"]\n', "compose.yaml": COMPOSE}
    assert list(build(tmp_path, files).projects[0].services["web"].scripts) == ["/app/z.sh"]


@pytest.mark.parametrize(
    ("dockerfile", "path"),
    [
        pytest.param('FROM x\nCOPY e.sh /other.sh\nENTRYPOINT ["/e.sh"]\n', "e.sh", id="elsewhere"),
        pytest.param('FROM x\nCOPY e.sh /e.sh\nENTRYPOINT ["/srv"]\n', "e.sh", id="not-named"),
        pytest.param('FROM x\nCOPY --from=y e.sh /e.sh\nENTRYPOINT ["/e.sh"]\n', "e.sh", id="of-another-image"),
        pytest.param('FROM x\nCOPY ../e.sh /e.sh\nENTRYPOINT ["/run"]\n', "../e.sh", id="outside"),
    ],
)
def test_files_that_no_command_runs_are_no_scripts(tmp_path: Path, dockerfile: str, path: str) -> None:
    files = {"compose.yaml": COMPOSE, path: SCRIPT, "Dockerfile": dockerfile}
    assert dict(build(tmp_path / "project", files).projects[0].services["web"].scripts) == {}


def test_a_binary_that_a_command_runs_is_no_script(tmp_path: Path) -> None:
    write(tmp_path, {"compose.yaml": COMPOSE, "Dockerfile": 'FROM x\nCOPY app /app\nENTRYPOINT ["/app"]\n'})
    (tmp_path / "app").write_bytes(b"\x7fELF\xff\xfe")
    assembly = build(tmp_path, {"compose.yaml": COMPOSE})
    assert (dict(assembly.projects[0].services["web"].scripts), assembly.failures) == ({}, [])


def test_commands_and_healthchecks_are_read_with_their_places(tmp_path: Path) -> None:
    compose = """\
services:
  web:
    image: x
    command: sh -c 'a && exec b'
    healthcheck:
      test: curl -f http://localhost
"""
    service = build(tmp_path, {"compose.yaml": compose}).projects[0].services["web"]
    assert [c.name for c in service.command_script.commands][:1] == ["sh"]
    (probe,) = service.health_script.run("curl")
    assert (probe.origin.line, probe.origin.column) == (6, 13)
    assert service.source_text is not None
    assert service.source_text(service.node.get("image").origin) == "x"  # type: ignore[union-attr]


def test_the_shell_grammar_is_not_loaded_for_nothing(tmp_path: Path) -> None:
    dockerfile = 'FROM python:3\nCOPY e.sh /e.sh\nRUN useradd app\nUSER app\nENTRYPOINT ["/e.sh"]\n'
    write(tmp_path, {"compose.yaml": COMPOSE + "    command: x\n", "Dockerfile": dockerfile, "e.sh": SCRIPT})
    code = (
        "import sys; from pytest_dockerharden.assemble import Combination, assemble; "
        f"a = assemble([Combination(({str(tmp_path / 'compose.yaml')!r},))], root={str(tmp_path)!r}); "
        "assert a.projects[0].services['web'].stage; print('tree_sitter' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_another_service_may_run_the_image_that_one_builds(tmp_path: Path) -> None:
    compose = "services:\n  a: {build: ., image: me}\n  b: {image: me}\n"
    services = build(tmp_path, {"compose.yaml": compose, "Dockerfile": "FROM x\nUSER 9\n"}).projects[0].services
    assert services["b"].posture is not None
    assert services["b"].posture.uid.value == 9
