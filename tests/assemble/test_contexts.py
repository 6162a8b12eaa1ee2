"""Further build contexts stand for stages and images in a Dockerfile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import hits

BUILD = "services:\n  a:\n    build:\n      additional_contexts: {base: ./base, assets: 'docker-image://nginx:1.27'}\n"


@pytest.mark.parametrize(
    ("control", "dockerfile", "lines"),
    [
        pytest.param(
            "copy-from-a-known-source", "FROM x:1\nCOPY --from=assets /a /a\n", [], id="a context to copy from"
        ),
        pytest.param("copy-from-a-known-source", "FROM x:1\nCOPY --from=asset /a /a\n", [2], id="a typing error"),
        pytest.param("tagged-base-image", "FROM base\nRUN a\n", [], id="a context to build from"),
        pytest.param("tagged-base-image", "FROM bass\nRUN a\n", [1], id="an image to build from"),
        pytest.param("tagged-base-image", "FROM x:1 AS base\nFROM base\n", [], id="a stage comes first"),
    ],
)
def test_a_context_is_no_image(tmp_path: Path, control: str, dockerfile: str, lines: list[int]) -> None:
    files = {"compose.yaml": BUILD, "Dockerfile": dockerfile}
    assert [hit.line for hit in hits(tmp_path, files, control)] == lines


def test_what_stands_on_a_context_runs_as_nobody_knows_whom(tmp_path: Path) -> None:
    assert hits(tmp_path, {"compose.yaml": BUILD, "Dockerfile": "FROM base\n"}, "non-root-image-user") == []
