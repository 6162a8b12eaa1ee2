"""Our parser against BuildKit's own, on random Dockerfiles broken in every way that we know of."""

from __future__ import annotations

import pytest

from pytest_dockerharden.source.dockerfile import parse
from tests.helpers import imported_or_skip
from tests.source.dockerfile.oracle import Outdated, buildkit, ours, random_text

BATCHES = 8
EACH = 60


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_files_read_as_buildkit_reads_them(batch: int) -> None:
    for seed in range(batch * EACH, (batch + 1) * EACH):
        text = random_text(seed)
        try:
            expected = buildkit(text)
        except Outdated:
            continue
        dockerfile = parse(text, "/Dockerfile")
        if expected is None:
            assert any(problem.kind == "refused" for problem in dockerfile.problems), text
        else:
            assert ours(dockerfile) == expected, text


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_heredocs_are_those_of_the_pure_python_port(batch: int) -> None:
    port = imported_or_skip("e2b_dockerfile_utils")
    for seed in range(batch * EACH, (batch + 1) * EACH):
        text = random_text(seed)
        try:
            instructions = port.parse_dockerfile_ast(text).instructions
        except port.DockerfileSyntaxError:
            continue
        expected = [
            [(h.name, h.content, h.expand, h.chomp) for h in i.heredocs]
            for i in instructions
            if i.name and i.name.upper() != "ONBUILD"  # the port does not read triggers
        ]
        found = [
            [(h.name, h.body, h.expand, h.chomp) for h in i.heredocs]
            for i in parse(text, "/Dockerfile").instructions
            if i.keyword and i.keyword != "ONBUILD"
        ]
        if any("ONBUILD" in i.keyword and i.heredocs for i in parse(text, "/Dockerfile").instructions):
            continue
        assert found == expected, text
