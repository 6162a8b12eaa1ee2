"""Every control's own examples: what is marked is found, and nothing else; the good ones are silent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_dockerharden.controls import load_all
from tests.helpers import hits, write_git_index

CONTROLS = load_all()
STATIC = {"Posture", "Service", "Project", "Stage", "Dockerfile"}
MARK = re.compile(r"\s*# <-\s*$")
COMPOSE = re.compile(r"(services|include|x-\w+|name|networks|volumes):")
FILE = re.compile(r"# file: (\S+)(?: \((0\d{3}|in git)\))?\s*$")


def split(example: str) -> dict[str, str]:
    """The files of an example: ``# file: NAME`` starts one; the first is named by what it holds."""
    files: dict[str, list[str]] = {}
    lines = example.splitlines()
    current = "compose.yaml" if any(COMPOSE.match(line) for line in lines) else "Dockerfile"
    for line in lines:
        start = FILE.match(line)
        if start:
            current = start[1]
            continue
        files.setdefault(current, []).append(line)
    return {name: "\n".join(text) + "\n" for name, text in files.items() if any(line.strip() for line in text)}


def prepare(folder: Path, example: str) -> None:
    """What ``# file: NAME (0600)`` and ``# file: NAME (in git)`` say of a file, beyond its text."""
    said = [match for line in example.splitlines() if (match := FILE.match(line)) and match[2]]
    for match in said:
        if match[2].startswith("0"):
            (folder / match[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / match[1]).touch()
            (folder / match[1]).chmod(int(match[2], 8))
    tracked = [match[1] for match in said if match[2] == "in git"]
    if tracked:
        write_git_index(folder, tracked)


def overlays(files: dict[str, str]) -> dict[str, tuple[str, ...]] | None:
    """``compose.prod.yaml`` beside ``compose.yaml`` is an overlay of it."""
    further = [name for name in files if re.fullmatch(r"compose\.\w+\.yaml", name)]
    if not further:
        return None
    return {"plain": ("compose.yaml",), **{name.split(".")[1]: ("compose.yaml", name) for name in further}}


def marked(files: dict[str, str]) -> set[tuple[str, int]]:
    return {
        (name, number)
        for name, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        if MARK.search(line)
    }


def unmarked(files: dict[str, str]) -> dict[str, str]:
    return {name: "\n".join(MARK.sub("", line) for line in text.splitlines()) + "\n" for name, text in files.items()}


def examples(kind: str) -> Iterator[object]:
    for control in CONTROLS.values():
        if control.judges in STATIC and not control.live:  # those are in tests/live_examples
            for number, example in enumerate(getattr(control.documentation, kind)):
                yield pytest.param(control.id, example, id=f"{control.id}-{kind}{number or ''}")


@pytest.mark.parametrize(("control", "example"), list(examples("bad")))
def test_the_marked_lines_are_found(control: str, example: str, tmp_path: Path) -> None:
    files = split(example)
    expected = marked(files)
    assert expected, "a Bad block marks the lines that must be reported with '# <-'"
    prepare(tmp_path, example)
    assert {(hit.file, hit.line) for hit in hits(tmp_path, unmarked(files), control, overlays(files))} == expected


@pytest.mark.parametrize(("control", "example"), list(examples("good")))
def test_the_good_example_is_silent(control: str, example: str, tmp_path: Path) -> None:
    prepare(tmp_path, example)
    files = split(example)
    assert hits(tmp_path, files, control, overlays(files)) == []


@pytest.mark.parametrize("control", [pytest.param(c, id=c.id) for c in CONTROLS.values()])
def test_a_control_documents_itself(control) -> None:  # type: ignore[no-untyped-def]
    documentation = control.documentation
    assert documentation.title.endswith("."), "the title is one sentence"
    assert len(documentation.title) <= 72
    assert documentation.why, "say why it matters"
    if control.judges in STATIC:
        assert documentation.bad and documentation.good
