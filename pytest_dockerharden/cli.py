"""``dockerharden FILE...``: the static run that takes nothing of the repository for code but controls of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

# a Python file or a text with doctests would be run, and not judged
_RUNNERS = ("python", "unittest", "doctest")
_HERMETIC = (
    *(part for name in ("cacheprovider", *_RUNNERS) for part in ("-p", f"no:{name}")),
    *("--noconftest", "-c", os.devnull, "--rootdir=.", "--harden-static"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the named files, or all below the folder. No conftest.py, no addopts, no third-party plugin takes part.
    Controls that the configuration names (``controls = [...]``) are code and are run.

    Options are those of pytest. The exit status is pytest's, except that nothing to judge is no failure.
    """
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest

    from pytest_dockerharden import plugin

    given = [_as_path(argument) for argument in (sys.argv[1:] if arguments is None else arguments)]
    status = pytest.main([*_HERMETIC, *given], plugins=[plugin])
    return 0 if status == pytest.ExitCode.NO_TESTS_COLLECTED else int(status)


def _as_path(argument: str) -> str:
    """What is handed over by pre-commit are names out of the repository, which must not act as options.

    ``-pevil.Dockerfile`` would load a plugin, ``@x.Dockerfile`` read options from a file.
    """
    if argument[:1] not in ("-", "@") or not os.path.lexists(argument):
        return argument
    from pytest_dockerharden.discovery import kind_of_name

    is_named = argument[0] == "@" or kind_of_name(os.path.basename(argument)) is not None
    return os.path.join(os.curdir, argument) if is_named else argument
