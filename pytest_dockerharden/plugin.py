"""The pytest hooks and options. Standard library and pytest only: every pytest run of every project pays for this."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_dockerharden.model.project import Project, Service

SEVERITIES = ("info", "low", "medium", "high", "critical")


def pytest_addoption(parser: pytest.Parser) -> None:  # noqa: D103
    group = parser.getgroup("dockerharden", "Hardening of containers (pytest-dockerharden)")
    group.addoption(
        "--harden-static",
        action="store_true",
        help="Judge compose files and Dockerfiles: the given files, those below the given directories, or all",
    )
    group.addoption(
        "--harden-suite",
        metavar="NAME-or-FILE",
        help="Which controls to apply: recommended (default), strict, or a file",
    )
    group.addoption(
        "--harden-fail-on",
        metavar="SEVERITY",
        choices=SEVERITIES,
        help="Fail on findings of this severity and above (info, low, medium, high, critical; default: low)",
    )
    group.addoption(
        "--harden-compose",
        action="append",
        default=[],
        metavar="FILE",
        help="Compose file of the one combination to judge, like -f of docker compose (repeatable: an overlay list)",
    )
    group.addoption(
        "--harden-env-file", action="append", default=[], metavar="FILE", help="Environment file for interpolation"
    )
    group.addoption(
        "--harden-profile", action="append", default=[], metavar="NAME", help="Active profile (default: all of them)"
    )
    group.addoption(
        "--harden-report",
        action="append",
        default=[],
        metavar="FORMAT[:PATH]",
        help="Write a report, to the terminal where no path is given: json:harden.json (repeatable)",
    )
    group.addoption(
        "--harden-list",
        nargs="?",
        const="text",
        choices=("text", "json"),
        metavar="text|json",
        help="List every control and exit",
    )
    group.addoption(
        "--harden-explain", action="append", default=[], metavar="ID", help="Explain a control and exit (repeatable)"
    )
    group.addoption(
        "--harden-baseline",
        action="store_true",
        help="Print waivers for all that fails now, to be pasted and given a reason, and exit",
    )


# why the repository's conftest.py could not be loaded, where a run goes on without it
BROKEN_CONFTEST = pytest.StashKey[str]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:  # noqa: D103
    try:
        yield
    except Exception as error:
        # text can be judged, whatever a conftest.py that no static item needs does at import
        if not getattr(early_config.known_args_namespace, "harden_static", False):
            raise
        early_config.stash[BROKEN_CONFTEST] = str(error).split("\n", 1)[0]


def pytest_cmdline_main(config: pytest.Config) -> int | None:  # noqa: D103
    option = config.option
    if option.harden_list or option.harden_explain:
        from pytest_dockerharden.catalogue import show

        return show(config)
    if option.harden_baseline:
        from pytest_dockerharden.baseline import show_baseline

        return show_baseline(config)
    return None


def pytest_configure(config: pytest.Config) -> None:  # noqa: D103
    if config.option.harden_static:
        from pytest_dockerharden.session import StaticSession

        config.pluginmanager.register(StaticSession(config), "dockerharden-static")


@pytest.fixture(scope="session")
def harden_project(request: pytest.FixtureRequest) -> Project:
    """The compose project of the repository, predicted. Parametrise it indirectly with a combination's name."""
    from pytest_dockerharden.fixtures import project_of

    return project_of(request.config, getattr(request, "param", None))


@pytest.fixture(scope="session")
def harden_service(harden_project: Project) -> Callable[[str], Service]:
    """A function from a service's name to the service, with its node, Dockerfile, stage and predicted posture."""
    from pytest_dockerharden.fixtures import service_of

    return lambda name: service_of(harden_project, name)
