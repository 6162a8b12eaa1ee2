"""What the fixtures of plugin.py give to a user's own tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_dockerharden.current import evaluation_of
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.paths import shown_path
from pytest_dockerharden.tomlfile import did_you_mean

if TYPE_CHECKING:
    from pytest_dockerharden.live.stack import HardenStack


def project_of(config: pytest.Config, wanted: str | None) -> Project:
    """The project whose combination or first file is ``wanted``; without that, the one nearest to the root."""
    projects = evaluation_of(config).projects
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


def stack_of(config: pytest.Config, project: Project) -> HardenStack:
    """The running stack of a project: brought up when the first test asks for it, one for all workers."""
    from pytest_dockerharden.live.course import key_of
    from pytest_dockerharden.live.session import live_of
    from pytest_dockerharden.live.stack import HardenStack
    from pytest_dockerharden.stack.errors import StackError

    try:
        return HardenStack(project, live_of(config).courses.running(key_of(project)))
    except StackError as error:
        pytest.fail(str(error), pytrace=False)
