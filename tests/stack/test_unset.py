"""What a run makes of variables that nobody sets: as Docker Compose where that is harmless, an error elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.source.compose import LoadOptions, load
from pytest_dockerharden.stack.errors import RefusedError
from pytest_dockerharden.stack.unset import settle

REST = """
volumes: {kept: {driver_opts: {type: none, o: bind, device: "${DEVICE}/"}}, other: {}}
secrets: {key: {file: "${KEYS}/key"}}
configs: {text: {content: "a ${WORD} of text"}}
x-unused: "${UNUSED}"
"""


def loaded(folder: Path, line: str) -> Project:
    file = folder / "compose.yaml"
    image = "" if line.startswith(("image", "build")) else "image: app"
    file.write_text(f"services:\n  web:\n    {image}\n    {line}\n{REST}", encoding="utf-8")
    return load([str(file)], LoadOptions(project_name="unset"))


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('volumes: ["${UNSET}:/data"]', id="the source of a bind"),
        pytest.param('volumes: ["${UNSET}/:/data"]', id="the root of the host"),
        pytest.param('volumes: ["/srv/${UNSET}:/data"]', id="the end of a path"),
        pytest.param('volumes: [{type: bind, source: "${UNSET}/", target: /data}]', id="the root in the long form"),
        pytest.param('volumes: ["./data:/data:${UNSET}"]', id="read-only or not"),
        pytest.param('volumes: ["./data:${UNSET}"]', id="the target"),
        pytest.param('devices: ["${UNSET}:/dev/x"]', id="a device"),
        pytest.param('build: "${UNSET}/"', id="a build context"),
        pytest.param('build: {context: ., additional_contexts: {more: "${UNSET}/"}}', id="another build context"),
        pytest.param('image: "${UNSET}"', id="no image at all"),
        pytest.param('env_file: "${UNSET}"', id="a file of variables"),
        pytest.param('mem_limit: "${UNSET}"', id="a limit"),
        pytest.param('networks: ["${UNSET}"]', id="a network"),
        pytest.param('depends_on: ["${UNSET}"]', id="a dependency"),
        pytest.param('security_opt: ["${UNSET}"]', id="a security option"),
        pytest.param('cap_add: ["${UNSET}"]', id="a capability"),
        pytest.param('ports: ["${UNSET}:8080:80"]', id="the address of a port"),
    ],
)
def test_what_would_decide_over_the_host_is_refused_at_its_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(RefusedError, match=r"(UNSET|a variable) is not set") as refused:
        settle(loaded(tmp_path, line))
    assert refused.value.origin.line == 4


@pytest.mark.parametrize(
    ("line", "place"),
    [
        pytest.param("volumes: [kept:/kept]", 6, id="the device of a volume"),
        pytest.param("secrets: [key]", 7, id="the file of a secret"),
    ],
)
def test_a_resource_that_is_used_counts(tmp_path: Path, line: str, place: int) -> None:
    with pytest.raises(RefusedError) as refused:
        settle(loaded(tmp_path, line))
    assert refused.value.origin.line == place


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('environment: {A: "${UNSET}"}', id="a variable of the container"),
        pytest.param('command: "${UNSET}"', id="the command of the image"),
        pytest.param('command: ["run", "${UNSET}"]', id="a word of a command"),
        pytest.param('user: "${UNSET}"', id="the user of the image"),
        pytest.param('image: "app${UNSET}"', id="a part of an image"),
        pytest.param('labels: ["a=${UNSET}"]', id="a label"),
        pytest.param('healthcheck: {test: "curl ${UNSET}"}', id="a word of a healthcheck"),
        pytest.param('build: {context: ., args: {A: "${UNSET}"}}', id="a build argument"),
        pytest.param('ports: ["${UNSET}:80"]', id="a free port of the host"),
        pytest.param('x-note: "${UNSET}"', id="what only people read"),
        pytest.param('volumes: ["${UNSET:-./data}:/data"]', id="a default"),
        pytest.param('volumes: ["other:/data"]', id="a volume beside one that nobody uses"),
    ],
)
def test_the_rest_goes_on_as_docker_compose_does(tmp_path: Path, line: str) -> None:
    told = settle(loaded(tmp_path, line))
    assert told in ([], ["the variable UNSET is not set, it is an empty text as for Docker Compose"])


def test_the_host_port_that_is_not_set_is_any(tmp_path: Path) -> None:
    project = loaded(tmp_path, 'ports: ["127.0.0.1:${UNSET}:80"]')
    settle(project)
    assert [port.plain() for port in project.services["web"].items("ports")] == [
        {"mode": "ingress", "target": 80, "protocol": "tcp", "host_ip": "127.0.0.1"}
    ]


def test_the_text_of_a_config_may_have_a_gap(tmp_path: Path) -> None:
    assert settle(loaded(tmp_path, "configs: [text]")) == [
        "the variable WORD is not set, it is an empty text as for Docker Compose"
    ]
