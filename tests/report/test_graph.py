"""The map of who reaches whom, as data."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.report.html.graph import nodes_of, render, services_of
from tests.helpers import assemble_files


def postures(folder: Path, count: int) -> dict[str, Posture]:
    services = "".join(f"  s{n:02}:\n    image: app\n    networks: [back]\n" for n in range(count))
    proxy = "  proxy:\n    image: app\n    ports: ['80:80']\n    networks: [back]\n"
    [project] = assemble_files(folder, {"compose.yaml": f"services:\n{services}{proxy}networks:\n  back:\n"}).projects
    return {name: service.posture for name, service in project.services.items() if service.posture}


@pytest.mark.parametrize(("count", "kinds"), [(8, ["service"] * 8), (9, ["frame"]), (60, ["frame"])])
def test_many_services_on_the_same_networks_are_one_step_in_a_frame(
    tmp_path: Path, count: int, kinds: list[str]
) -> None:
    layers = nodes_of(postures(tmp_path, count))
    assert [[node.label for node in layer] for layer in layers[:3]] == [["outside"], ["proxy"], ["back"]]
    assert [node.kind for node in layers[3]] == kinds
    assert sorted(node.label for node in services_of(layers)) == ["proxy", *(f"s{n:02}" for n in range(count))]


def test_one_line_leads_to_a_frame_and_every_service_is_drawn(tmp_path: Path) -> None:
    drawn = str(render(postures(tmp_path, 60), "base", {}))
    assert drawn.count("<path") == 3
    assert all(f">s{n:02}</text>" in drawn for n in range(60))
