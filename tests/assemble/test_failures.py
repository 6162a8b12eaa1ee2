"""What cannot be judged at all: one located problem for each file, and the rest is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import assemble_files


def failures(folder: Path, files: dict[str, str]) -> list[tuple[str, int, str]]:
    assembly = assemble_files(folder, files)
    return [(Path(p.origin.file).relative_to(folder).as_posix(), p.origin.line, p.message) for p in assembly.failures]


TEMPLATE = "FROM {{ base }}\nUSER {{ user }}\n{% if x %}\nRUN y\n{% endif %}\n"


def test_templates_are_told_once_and_the_rest_is_judged(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services:\n"
        + "".join(f"  {name}:\n    build: {{dockerfile: Dockerfile.j2}}\n" for name in "ab"),
        "Dockerfile.j2": TEMPLATE,
        "compose.t.yaml": "services:\n  {{ name }}:\n    image: x\n",
        "app/Dockerfile": "FROM alpine:3.20\n",
    }
    assembly = assemble_files(tmp_path, files)
    assert [(Path(p.origin.file).name, p.origin.line) for p in assembly.failures] == [
        ("compose.t.yaml", 2),
        ("Dockerfile.j2", 1),
    ]
    assert [Path(path).parent.name for path in assembly.dockerfiles] == ["app"]
    assert [project.services.keys() for project in assembly.projects] == [{"a", "b"}]


@pytest.mark.parametrize("inline", ["FROM {{ base }}\nUSER x", "FROM a\n{{ b }}"])
def test_an_inline_template_is_located_in_its_compose_file(tmp_path: Path, inline: str) -> None:
    body = inline.replace("\n", "\n        ")
    text = f"services:\n  a:\n    build:\n      dockerfile_inline: |\n        {body}\n"
    line = 5 + inline.partition("{{")[0].count("\n")
    assert failures(tmp_path, {"compose.yaml": text}) == [("compose.yaml", line, "this is a template of a Dockerfile")]


def test_a_dockerfile_without_end_is_one_error(tmp_path: Path) -> None:
    text = "FROM alpine:3.20\n" + "RUN true\n" * 2000
    assert failures(tmp_path, {"Dockerfile": text}) == [("Dockerfile", 2001, "more than 2,000 instructions")]
    assert failures(tmp_path, {"Dockerfile": text.removesuffix("RUN true\n")}) == []
