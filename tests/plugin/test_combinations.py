from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.combinations import pair
from tests.helpers import write

FULL = "services:\n  web:\n    image: app\n  db:\n    build: .\n"
PART = "services:\n  web:\n    restart: always\n"


def pairs(folder: Path, files: dict[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    write(folder, files)
    pairings = pair([str(folder / name) for name in files])
    return [(p.name, tuple(Path(file).relative_to(folder).as_posix() for file in p.files)) for p in pairings]


def test_one_file_is_one_combination_without_a_name(tmp_path: Path) -> None:
    assert pairs(tmp_path, {"compose.yaml": FULL}) == [("", ("compose.yaml",))]


def test_an_override_file_is_what_compose_adds_by_itself(tmp_path: Path) -> None:
    files = {"docker-compose.yml": FULL, "docker-compose.override.yml": PART}
    assert pairs(tmp_path, files) == [("", ("docker-compose.yml", "docker-compose.override.yml"))]


def test_an_overlay_is_judged_with_its_base_and_the_base_alone(tmp_path: Path) -> None:
    files = {"docker-compose.yml": FULL, "docker-compose.prod.yml": PART}
    assert pairs(tmp_path, files) == [
        ("base", ("docker-compose.yml",)),
        ("prod", ("docker-compose.yml", "docker-compose.prod.yml")),
    ]


def test_an_overlay_does_not_include_the_override_file(tmp_path: Path) -> None:
    files = {"compose.yaml": FULL, "compose.override.yaml": PART, "compose.prod.yaml": PART}
    assert pairs(tmp_path, files) == [
        ("override", ("compose.yaml", "compose.override.yaml")),
        ("prod", ("compose.yaml", "compose.prod.yaml")),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(FULL, id="the same services, each complete"),
        pytest.param("services:\n  other:\n    image: x\n", id="a service of its own"),
        pytest.param("services:\n  other:\n    <<: *defaults\n", id="a merge key may bring the image"),
        pytest.param("services:\n  web:\n    image: a\n  db:\n    image: b\n  x:\n    image: c\n", id="more services"),
    ],
)
def test_a_file_that_is_complete_on_its_own_is_no_overlay(tmp_path: Path, text: str) -> None:
    assert pairs(tmp_path, {"docker-compose.yml": FULL, "docker-compose.dev.yml": text}) == [
        ("", ("docker-compose.yml",)),
        ("", ("docker-compose.dev.yml",)),
    ]


def test_a_file_that_redefines_some_services_is_an_overlay(tmp_path: Path) -> None:
    files = {"docker-compose.yml": FULL, "docker-compose.ci.yml": "services:\n  web:\n    image: ci\n"}
    assert [name for name, _ in pairs(tmp_path, files)] == ["base", "ci"]


def test_folders_are_paired_by_themselves(tmp_path: Path) -> None:
    files = {"a/compose.yml": FULL, "b/compose.prod.yml": PART}
    assert pairs(tmp_path, files) == [("", ("a/compose.yml",)), ("", ("b/compose.prod.yml",))]


def test_of_two_default_files_each_is_judged_and_the_override_goes_with_the_first(tmp_path: Path) -> None:
    files = {"docker-compose.yml": FULL, "compose.yaml": FULL, "compose.override.yml": PART}
    assert sorted(pairs(tmp_path, files)) == [
        ("", ("compose.yaml", "compose.override.yml")),
        ("", ("docker-compose.yml",)),
    ]


def test_a_file_of_another_name_stands_alone(tmp_path: Path) -> None:
    assert pairs(tmp_path, {"compose.yaml": FULL, "stack.yml": PART}) == [
        ("", ("compose.yaml",)),
        ("", ("stack.yml",)),
    ]
