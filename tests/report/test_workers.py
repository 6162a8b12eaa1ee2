from __future__ import annotations

import pytest

from tests.plugin.conftest import Repo

FORMATS = ("sarif", "codequality", "markdown", "html")


def test_workers_of_xdist_make_the_same_reports(stack: Repo) -> None:
    pytest.importorskip("xdist")
    arguments = ["--harden-static", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    alone = [f"--harden-report={name}:alone/{name}" for name in FORMATS]
    shared = [f"--harden-report={name}:shared/{name}" for name in FORMATS]
    stack.pytester.runpytest_subprocess(*arguments, *alone)
    stack.pytester.runpytest_subprocess(*arguments, *shared, "-n2")
    for name in FORMATS:
        assert (stack.path / "shared" / name).read_text() == (stack.path / "alone" / name).read_text(), name
