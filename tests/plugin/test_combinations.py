from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.combinations import pair
from tests.helpers import write
from tests.plugin.conftest import Repo

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


@pytest.mark.parametrize("suffix", ["positive", "negative2", "bad", "good-ports", "invalid", "fail_1"])
def test_an_example_of_what_a_scanner_reports_stands_alone(tmp_path: Path, suffix: str) -> None:
    files = {"docker-compose.yml": FULL, f"docker-compose.{suffix}.yml": PART, "docker-compose.badger.yml": PART}
    assert sorted(pairs(tmp_path, files))[:2] == [
        ("", (f"docker-compose.{suffix}.yml",)),
        ("badger", ("docker-compose.yml", "docker-compose.badger.yml")),
    ]


BASE = "services:\n  web:\n    image: web:1\n    read_only: true\n"
OVERLAY = "services:\n  web:\n    restart: always\n"
ONE_CONTROL = 'select = ["read-only-rootfs", "accepted-by-compose"]\n'


@pytest.mark.parametrize(
    ("base", "overlay", "subject"),
    [
        ("docker-compose.yml", "docker-compose.prod.yml", "prod/web"),
        ("compose.yaml", "compose.prod.yaml", "prod/web"),
        ("compose.yaml", "compose.override.yaml", "web"),
    ],
)
def test_an_overlay_that_is_named_alone_is_judged_upon_its_base(
    repo: Repo, base: str, overlay: str, subject: str
) -> None:
    repo.add("dockerharden.toml", ONE_CONTROL)
    repo.add(base, BASE)
    repo.add(overlay, OVERLAY)
    assert repo.verdicts(overlay) == {
        f"{base}::static::read-only-rootfs[{subject}]": "PASSED",
        f"{base}::static::accepted-by-compose" + ("[prod]" if subject != "web" else ""): "PASSED",
    }


def test_a_waiver_of_a_combination_counts_where_only_its_overlay_is_named(repo: Repo) -> None:
    waiver = '[[waiver]]\ncontrol = "read-only-rootfs"\nsubject = "prod/web"\nreason = "x"\n'
    repo.add("dockerharden.toml", 'select = ["read-only-rootfs"]\n' + waiver)
    repo.add("compose.yml", BASE.replace("true", "false"))
    repo.add("compose.prod.yml", OVERLAY)
    assert repo.verdicts("compose.prod.yml") == {"compose.yml::static::read-only-rootfs[prod/web]": "XFAIL"}


@pytest.mark.parametrize(
    ("named", "text"),
    [
        pytest.param("compose.yml", BASE, id="the base alone"),
        pytest.param("compose.other.yml", "services:\n  other:\n    image: o:1\n", id="complete on its own"),
        pytest.param("stack.yml", BASE, id="another name"),
    ],
)
def test_what_is_no_overlay_is_judged_alone(repo: Repo, named: str, text: str) -> None:
    repo.add("dockerharden.toml", 'select = ["read-only-rootfs"]\n')
    repo.add("compose.yml", BASE)
    repo.add("compose.prod.yml", OVERLAY)
    repo.add(named, text)
    assert [name.split("::")[0] for name in repo.verdicts(named)] == [named]
