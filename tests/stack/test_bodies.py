"""Our request bodies against those that docker compose 5.6.1 sent to a recording engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.stack.container import CannotRun, container_body
from pytest_dockerharden.stack.names import Names
from pytest_dockerharden.stack.resources import network_body, used_networks, used_volumes, volume_body
from tests.source.compose.test_conformance import PROBES, load_probe

DATA = Path(__file__).parents[1] / "data" / "conformance" / "engine-bodies.json"
BODIES: list[dict[str, Any]] = json.loads(DATA.read_text(encoding="utf-8"))
BY_ID = {probe["id"]: probe for probe in PROBES}
SORTED = {"Env", "Aliases", "ExtraHosts", "Binds"}


def essential(value: Any, key: str = "") -> Any:
    """As recorded: without null, zero, false and empty; lists whose order varies sorted."""
    if isinstance(value, dict):
        kept = {name: essential(child, name) for name, child in value.items()}
        return {
            name: child for name, child in kept.items() if child not in (None, 0, "", [], {}) and child is not False
        }
    if isinstance(value, list):
        items = [essential(item) for item in value]
        if key in ("Ulimits", "Mounts"):
            return sorted(items, key=lambda item: item.get("Name") or item.get("Target"))
        return sorted(items) if key in SORTED else items
    return value


def bodies(project: Project, env_files: tuple[str, ...] = ()) -> dict[str, Any]:
    names = Names(project, env_files=env_files)
    containers = {}
    for service in project.services.values():
        scale = service.text("scale") or service.text("deploy.replicas")
        for number in range(1, int(scale or 1) + 1):
            body = container_body(service, names, lambda _: "<container id>", number)
            containers[names.container(service, number)] = body
    return {
        "networks": [network_body(key, names) for key in sorted(used_networks(names))],
        "volumes": [volume_body(key, names) for key in sorted(used_volumes(names))],
        "containers": containers,
    }


def recorded(body: dict[str, Any], folder: Path) -> Any:
    text = json.dumps(body).replace("$DIR", str(folder)).replace("$PARENT", str(folder.parent))
    return json.loads(text)


@pytest.mark.parametrize("answer", [pytest.param(answer, id=answer["id"]) for answer in BODIES])
def test_sends_what_docker_compose_sends(answer: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "proj"
    folder.mkdir()
    project = load_probe(BY_ID[answer["id"]], folder)
    if answer["rc"]:
        with pytest.raises((CannotRun, OSError)):
            bodies(project)
        return
    expected = recorded({key: answer[key] for key in ("networks", "volumes", "containers")}, folder)
    for body in expected["containers"].values():
        # a digest of a mounted image's content, which only an engine that has the image can give
        body["Labels"].pop("com.docker.compose.image-volume-digest", None)
    given = zip(BY_ID[answer["id"]]["args"][::2], BY_ID[answer["id"]]["args"][1::2], strict=True)
    env_files = tuple(str(folder / value) for flag, value in given if flag == "--env-file")
    assert normal(bodies(project, env_files)) == normal(expected)


def normal(value: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = essential(value)
    for body in result.get("containers", {}).values():
        label = body["Labels"].get("com.docker.compose.depends_on")
        if label:
            body["Labels"]["com.docker.compose.depends_on"] = ",".join(sorted(label.split(",")))
    return result
