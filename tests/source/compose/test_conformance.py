"""The loader against 400 recorded answers of docker compose 5.6.1 (``tests/data/conformance``)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.source.compose import LoadOptions, load

DATA = Path(__file__).parents[2] / "data" / "conformance" / "compose-probes.json"
PROBES: list[dict[str, Any]] = json.loads(DATA.read_text(encoding="utf-8"))
NULL_MATTERS = {"environment", "networks", "models"}
EMPTY_MEANS_NOTHING = {"environment", "ipam", "placement", "resources", "bind", "volume", "tmpfs", "image"}
FALSE_IS_LEFT_OUT = {"privileged", "read_only", "tty", "stdin_open", "external", "internal", "attachable"}
ZERO_IS_LEFT_OUT = {"cpus", "cpu_shares", "mem_limit", "mem_reservation", "memswap_limit", "shm_size", "pids_limit"}
EMPTY_LIST_MATTERS = {"command", "entrypoint"}


def expected(model: dict[str, Any], folders: dict[str, str]) -> Any:
    """The recorded model. The reference writes a limit of zero as an empty map, which would hide what the file says."""
    model = with_folders(model, folders)
    for service in model["services"].values():
        limits = service.get("ulimits", {})
        limits.update({name: 0 for name, limit in limits.items() if limit == {}})
    return essential(model)


def loaded(project: Project) -> Any:
    """Our model. The reference does not print the top-level models."""
    return essential({key: value for key, value in project.model.plain().items() if key != "models"})


def essential(value: Any, key: str = "") -> Any:
    """Without the differences that carry no meaning."""
    if isinstance(value, dict):
        pairs = ((name, essential(child, name)) for name, child in value.items())
        return {name: child for name, child in pairs if key in NULL_MATTERS or not meaningless(name, child)}
    if isinstance(value, list):
        return [essential(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def meaningless(key: str, value: Any) -> bool:
    if value is None or (key == "create_host_path" and value is True):
        return True
    if (key in FALSE_IS_LEFT_OUT and value is False) or (key in ZERO_IS_LEFT_OUT and value in (0, "0")):
        return True
    if value == {}:
        return key in EMPTY_MEANS_NOTHING
    return value == [] and key not in EMPTY_LIST_MATTERS


def with_folders(value: Any, replacements: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: with_folders(child, replacements) for key, child in value.items()}
    if isinstance(value, list):
        return [with_folders(item, replacements) for item in value]
    if isinstance(value, str):
        for name, path in replacements.items():
            value = value.replace(name, path)
    return value


def load_probe(probe: dict[str, Any], folder: Path) -> Project:
    """Load as the recorded command line did, strictly."""
    for name, text in probe["files"].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    arguments = list(zip(probe["args"][::2], probe["args"][1::2], strict=True))
    given = {flag: [value for name, value in arguments if name == flag] for flag, _ in arguments}
    files = probe["main"] or given.get("-f", [])
    options = LoadOptions(
        project_directory=None if files else str(folder),
        project_name=given.get("-p", [None])[0],
        env_files=tuple(str(folder / name) for name in given.get("--env-file", [])),
        environment={"HOME": "/home/u", "PWD": str(folder), **probe["env"]},
        profiles=tuple(given["--profile"]) if "--profile" in given else None,
        strict=True,
        drop_unused=True,
    )
    return load([str(folder / name) for name in files], options)


@pytest.mark.parametrize("probe", [pytest.param(probe, id=probe["id"]) for probe in PROBES])
def test_loads_as_docker_compose_does(probe: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "proj"
    folder.mkdir()
    if probe["rc"]:
        with pytest.raises(SourceError) as raised:
            load_probe(probe, folder)
        assert raised.value.problem.kind == "refused"
        return
    project = load_probe(probe, folder)
    folders = {"$DIR": str(folder), "$PARENT": str(folder.parent)}
    assert loaded(project) == expected(probe["model"], folders)


def test_the_recorded_folder_is_not_ours() -> None:
    assert not any(os.path.isabs(name) for probe in PROBES for name in probe["files"])
