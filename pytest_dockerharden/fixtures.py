"""What the fixtures of plugin.py give to a user's own tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pytest_dockerharden.evaluation import Evaluation, evaluate
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.paths import shown_path
from pytest_dockerharden.policy import Overrides
from pytest_dockerharden.request import Request
from pytest_dockerharden.tomlfile import ConfigurationError, did_you_mean

_EVALUATION = pytest.StashKey[Evaluation]()


def project_of(config: pytest.Config, wanted: str | None) -> Project:
    """The project whose combination or first file is ``wanted``; without that, the one nearest to the root."""
    projects = _evaluation(config).projects
    if not projects:
        pytest.fail("there is no compose file to load", pytrace=False)
    if wanted is None:
        return min(projects, key=lambda project: project.files[0].count(os.sep))
    named = {key: project for project in projects for key in _keys(project, str(config.rootpath))}
    if wanted not in named:
        pytest.fail(f"no combination or compose file `{wanted}`{did_you_mean(wanted, named)}", pytrace=False)
    return named[wanted]


def service_of(project: Project, name: str) -> Service:
    """A service by name; the test fails where there is none."""
    if name not in project.services:
        pytest.fail(f"no service `{name}`{did_you_mean(name, project.services)}", pytrace=False)
    return project.services[name]


def _keys(project: Project, root: str) -> Iterator[str]:
    if project.combination:
        yield project.combination
    yield shown_path(project.files[0], root)


def _evaluation(config: pytest.Config) -> Evaluation:
    known = config.stash.get(_EVALUATION, None)
    if known is None:
        root = str(config.rootpath)
        try:
            known = config.stash[_EVALUATION] = evaluate(
                Request(root, root, (root,), overrides=Overrides(directory=root))
            )
        except ConfigurationError as error:
            pytest.fail(f"dockerharden: {error}", pytrace=False)
    return known
