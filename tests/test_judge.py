"""What may be said of a service whose base is not at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.source.compose import load
from tests.helpers import assemble_files, hits, verdicts

MISSING = "services:\n  a:\n    extends: {file: no.yaml, service: base}\n    privileged: true\n"
REMOTE = MISSING.replace("no.yaml", "https://example.com/x.git")
NOT_THERE = MISSING.replace("{file: no.yaml, service: base}", "base")
CHAIN = MISSING.replace("  a:\n", "  b:\n") + "  a:\n    extends: b\n"
BASES = [
    pytest.param(MISSING, id="a missing file"),
    pytest.param(REMOTE, id="a remote file"),
    pytest.param(NOT_THERE, id="a missing service"),
    pytest.param(CHAIN, id="the base of a base"),
]


@pytest.mark.parametrize("text", BASES)
def test_what_the_base_may_say_is_unknown(tmp_path: Path, text: str) -> None:
    assert verdicts(tmp_path, {"compose.yaml": text}, "read-only-rootfs")["a"] == "unknown"
    assert verdicts(tmp_path, {"compose.yaml": text}, "no-host-network")["a"] == "unknown"


@pytest.mark.parametrize("text", BASES)
def test_what_is_written_is_judged(tmp_path: Path, text: str) -> None:
    found = hits(tmp_path, {"compose.yaml": text}, "not-privileged")
    assert ("compose.yaml", 4) in [(hit.file, hit.line) for hit in found if hit.subject == "a"]


@pytest.mark.parametrize("text", BASES)
def test_the_base_that_is_not_there_is_the_only_complaint(tmp_path: Path, text: str) -> None:
    (project,) = assemble_files(tmp_path, {"compose.yaml": text}).projects
    refused = [problem.message for problem in project.problems if problem.kind == "refused"]
    assert not [message for message in refused if "neither an image" in message]


def test_a_base_that_is_there_is_judged(tmp_path: Path) -> None:
    text = "services:\n  a:\n    extends: base\n  base:\n    image: x:1\n"
    assert verdicts(tmp_path, {"compose.yaml": text}, "read-only-rootfs") == {"a": "failed", "base": "failed"}


OVERLAY = "services:\n  db:\n    ports: ['5432:5432']\n    privileged: true\n"


@pytest.mark.parametrize("name", ["docker-compose.override.yml", "compose.prod.yaml", "docker-compose-dev.yml"])
def test_a_lone_overlay_is_judged_by_what_is_written_in_it(tmp_path: Path, name: str) -> None:
    assert verdicts(tmp_path, {name: OVERLAY}, "read-only-rootfs") == {"db": "unknown"}
    assert [(hit.subject, hit.line) for hit in hits(tmp_path, {name: OVERLAY}, "not-privileged")] == [("db", 4)]
    assert hits(tmp_path, {name: OVERLAY}, "accepted-by-compose") == []


@pytest.mark.parametrize("name", ["docker-compose.yml", "compose.bad.yaml"])
def test_a_file_that_is_no_overlay_has_to_name_an_image(tmp_path: Path, name: str) -> None:
    assert [hit.line for hit in hits(tmp_path, {name: OVERLAY}, "accepted-by-compose")] == [2]


def test_an_overlay_over_its_base_is_complete(tmp_path: Path) -> None:
    base, overlay = tmp_path / "docker-compose.yml", tmp_path / "docker-compose.override.yml"
    base.write_text("services:\n  db:\n    image: app:1\n")
    overlay.write_text(OVERLAY)
    assert load([str(base), str(overlay)]).services["db"].incomplete == ""
    assert load([str(overlay)]).services["db"].incomplete != ""
