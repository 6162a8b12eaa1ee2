"""Images: built, there, copied, or one error that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.stack import build
from pytest_dockerharden.stack.build import Build
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.images import prepare, split_reference
from pytest_dockerharden.stack.run import Run
from tests.live import labelled_run

Projects = Callable[..., Project]
# nothing listens there
NOWHERE = "127.0.0.1:1/team"


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("redis", ("redis", "latest")),
        ("redis:7", ("redis", "7")),
        ("host:5000/redis", ("host:5000/redis", "latest")),
        ("host:5000/redis:7", ("host:5000/redis", "7")),
        ("redis@sha256:0a", ("redis", "sha256:0a")),
        ("host:5000/redis:7@sha256:0a", ("host:5000/redis", "sha256:0a")),
        ("host:5000/redis@sha256:0a", ("host:5000/redis", "sha256:0a")),
    ],
)
def test_parts_a_reference(image: str, parts: tuple[str, str]) -> None:
    assert split_reference(image) == parts


def only_build(project: Project) -> Build:
    (service,) = project.services.values()
    return Build.of(service, Run("run", "owner"))


@pytest.mark.live
def test_a_name_that_is_missing_everywhere_is_one_error_for_all_of_them(
    client: Any, project: Projects, image: str
) -> None:
    loaded = project(
        f"services: {{one: {{image: {NOWHERE}/one:1}}, there: {{image: IMAGE}}, "
        f"two: {{image: {NOWHERE}/two, pull_policy: never}}, three: {{image: 'Not A Name'}}}}"
    )
    with pytest.raises(StackError) as caught:
        prepare(client, loaded.services.values(), Run.start(), lambda line: None)
    error = caught.value
    assert error.message == f"one: the image {NOWHERE}/one:1 is not on the engine, and 2 more"
    assert [line.split(": ")[0] for line in error.details[:-1]] == ["one", "two", "three"]
    assert "connection refused" in error.details[0]
    assert error.details[1] == f"two: {NOWHERE}/two: pull_policy is never"
    assert error.details[-1].startswith("build or load what is missing")


@pytest.mark.live
@pytest.mark.parametrize("policy", ["", "missing", "if_not_present", "never", "daily", "every_12h"])
def test_an_image_that_is_there_is_not_pulled(client: Any, project: Projects, image: str, policy: str) -> None:
    loaded = project(f"services: {{web: {{image: IMAGE, pull_policy: {policy}}}}}" if policy else WEB)
    said: list[str] = []
    assert prepare(client, loaded.services.values(), Run.start(), said.append) == {"web": image}
    assert said == []


WEB = "services: {web: {image: IMAGE}}"


@pytest.mark.live
def test_pull_policy_always_pulls_what_is_there(client: Any, project: Projects, image: str) -> None:
    client.images.get(image).tag(f"{NOWHERE}/web", "1")
    try:
        loaded = project(f"services: {{web: {{image: '{NOWHERE}/web:1', pull_policy: always}}}}")
        with pytest.raises(StackError, match="is not on the engine"):
            prepare(client, loaded.services.values(), Run.start(), lambda line: None)
    finally:
        client.images.remove(f"{NOWHERE}/web:1")


BUILDING = """
services:
  web:
    image: team/web:1
    build:
      context: .
      target: second
      args: {GREETING: hello, UNSET: }
      labels: {team.label: "of the user"}
  worker:
    image: team/web:1
"""
DOCKERFILE = """
FROM {image} AS first
FROM first AS second
ARG GREETING=bye
LABEL greeting=$GREETING
FROM first AS third
LABEL third=yes
"""


@pytest.fixture(params=["classic builder", "BuildKit"])
def builder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "classic builder":
        monkeypatch.setattr(build, "buildkit_command", lambda: None)
    elif build.buildkit_command() is None:
        pytest.skip("no docker command here speaks BuildKit")
    return str(request.param)


@pytest.mark.live
def test_builds_with_target_arguments_and_labels_under_a_tag_of_the_run(
    client: Any, project: Projects, image: str, tmp_path: Path, builder: str
) -> None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.format(image=image), encoding="utf-8")
    with labelled_run(client) as run:
        references = prepare(client, project(BUILDING).services.values(), run, lambda line: None)
        assert references == dict.fromkeys(("web", "worker"), f"dockerharden/{run.id}/web")
        labels = client.images.get(references["web"]).labels
        assert (labels["greeting"], labels["team.label"]) == ("hello", "of the user")
        assert "third" not in labels
        assert run.labels.items() <= labels.items()
    assert not [found for found in client.images.list() if "team/web:1" in found.tags]


@pytest.mark.live
def test_an_inline_dockerfile_is_built(client: Any, project: Projects, image: str, builder: str) -> None:
    inline = f"services: {{web: {{build: {{dockerfile_inline: 'FROM {image}\n\n    LABEL inline=yes'}}}}}}"
    with labelled_run(client) as run:
        references = prepare(client, project(inline).services.values(), run, lambda line: None)
        assert client.images.get(references["web"]).labels["inline"] == "yes"


@pytest.mark.live
def test_a_build_that_fails_shows_its_last_lines(
    client: Any, project: Projects, image: str, tmp_path: Path, builder: str
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nRUN echo the compiler is missing; exit 4\n", encoding="utf-8")
    with labelled_run(client) as run, pytest.raises(StackError) as caught:
        prepare(client, project("services: {web: {build: .}}").services.values(), run, lambda line: None)
    assert caught.value.message == "web: the build failed"
    assert any("the compiler is missing" in line for line in caught.value.details)
    assert len(caught.value.details) <= build.LAST_LINES


NEEDS = {
    "FROM x\nCOPY --chmod=644 a b": ["line 2: COPY --chmod"],
    "FROM x\nRUN true\nADD --link a b\n": ["line 3: ADD --link"],
    "FROM x\nRUN --mount=type=cache,target=/c \\\n  --network=none make\n": [
        "line 2: RUN --mount",
        "line 2: RUN --network",
    ],
    "FROM x\nRUN <<EOF\nmake\nEOF\n": ["line 2: a heredoc"],
    "FROM x\nCOPY --chown=1:1 --from=y a b": [],
    "FROM x\nRUN make --mount=fast\n": [],
    "FROM x\nRUN cat <<< here\n": [],
    "# syntax=docker/dockerfile:1\nFROM x\n": [],
    "FROM x\n# COPY --chmod=644 a b\nHEALTHCHECK --interval=1s CMD true\n": [],
}


@pytest.mark.parametrize("text", NEEDS)
def test_names_the_lines_that_need_buildkit(project: Projects, tmp_path: Path, text: str) -> None:
    (tmp_path / "Dockerfile").write_text(text, encoding="utf-8")
    assert only_build(project("services: {web: {build: .}}")).buildkit_needs() == NEEDS[text]


def test_without_buildkit_one_error_names_what_needs_it(
    project: Projects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "buildkit_command", lambda: None)
    monkeypatch.setattr(build, "is_podman", lambda client: False)
    (tmp_path / "Dockerfile").write_text("FROM x\nCOPY --chmod=644 a b\n", encoding="utf-8")
    text = "services: {web: {build: {context: ., ssh: [default]}}}"
    with pytest.raises(StackError) as caught:
        only_build(project(text)).run_on(None)  # type: ignore[arg-type]
    assert caught.value.message == "web: its build needs BuildKit"
    assert caught.value.details[:2] == ("build.ssh in the compose file", "line 2: COPY --chmod")


def test_tells_the_bases_that_a_build_takes(project: Projects, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "ARG BASE=redis\nFROM $BASE:7 AS a\nFROM a\nFROM scratch\nCOPY --from=0 x x\nCOPY --from=a x x\n"
        "COPY --from=nginx:1 x x\n",
        encoding="utf-8",
    )
    text = "services: {web: {build: {context: ., args: {BASE: valkey}}}}"
    assert only_build(project(text)).base_images() == ["valkey:7", "nginx:1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("services: {web: {build: ./nowhere}}", "web: the build context .*nowhere is not a folder here"),
        ("services: {web: {build: .}}", "web: its Dockerfile cannot be read: No such file or directory"),
    ],
)
def test_says_what_there_is_not_to_build_from(project: Projects, text: str, message: str) -> None:
    with pytest.raises(StackError, match=message):
        only_build(project(text))


def test_a_secret_of_a_build_is_named_and_not_read(project: Projects, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\n", encoding="utf-8")
    text = (
        "services: {web: {build: {context: ., secrets: [token, {source: other, target: named}]}}}\n"
        "secrets: {token: {file: ./token.txt}, other: {environment: TOKEN}}"
    )
    options = list(only_build(project(text)).options())
    assert f"--secret=id=token,src={tmp_path}/token.txt" in options
    assert "--secret=id=named,env=TOKEN" in options
