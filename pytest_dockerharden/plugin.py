"""The pytest hooks and options. Standard library and pytest only: every pytest run of every project pays for this."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from pytest_dockerharden.live.stack import HardenStack
    from pytest_dockerharden.model.posture import Posture
    from pytest_dockerharden.model.project import Project, Service
    from pytest_dockerharden.observe.testinfra_host import ContainerHost

# the options that ask for a judgement
_ASKED = ("harden_static", "harden_live", "harden_attach", "harden_image", "harden_import", "harden_scanner")
# those that are answered without a run
_TOLD = ("harden_list", "harden_explain", "harden_baseline")
SEVERITIES = ("info", "low", "medium", "high", "critical")


class _Offered:
    """``choices`` of an option that takes other values as well: a shell that completes asks for them one by one."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __contains__(self, value: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        from pytest_dockerharden import completion

        return iter(getattr(completion, self.kind)())


def pytest_addoption(parser: pytest.Parser) -> None:  # noqa: D103
    group = parser.getgroup("dockerharden", "Hardening of containers (pytest-dockerharden)")
    group.addoption(
        "--harden-static",
        action="store_true",
        help="Judge compose files and Dockerfiles: the given files, those below the given directories, or all",
    )
    group.addoption(
        "--harden-live",
        action="store_true",
        help="Bring the stacks of the compose files up, judge them from the kernel, drill them, take them down",
    )
    group.addoption(
        "--harden-attach",
        metavar="PROJECT",
        help="Judge the stack of this Compose project that runs already: read only, nothing is started or removed",
    )
    group.addoption(
        "--harden-engine",
        choices=("private",),
        metavar="private",
        help="Start an engine for this run alone, beside the one of this machine (root, dockerd on PATH)",
    )
    group.addoption(
        "--harden-image",
        action="append",
        default=[],
        metavar="REF",
        help="Judge a built image: on the engine, or an archive of it (docker save, OCI layout; repeatable)",
    )
    group.addoption(
        "--harden-import",
        action="append",
        default=[],
        metavar="FILE",
        help="Judge what another scanner found: Trivy's JSON, SARIF of any scanner, Docker Bench's JSON (repeatable)",
    )
    group.addoption(
        "--harden-scanner",
        action="append",
        default=[],
        choices=("trivy",),
        metavar="trivy",
        help="Run a scanner that is on PATH, without a network, and judge what it finds (repeatable)",
    )
    group.addoption(
        "--harden-keep",
        choices=("never", "failed", "always"),
        default="never",
        metavar="{never,failed,always}",
        help="Leave the stack running at the end (default: never)",
    )
    group.addoption(
        "--harden-timeout",
        type=float,
        metavar="SECONDS",
        help="How long a stack may take to come up and be healthy (default: 300)",
    )
    group.addoption(
        "--harden-suite",
        choices=_Offered("suites"),
        metavar="NAME-or-FILE",
        help="Which controls to apply: recommended (default), strict, cis-docker, owasp, nist-800-190, or a file",
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
        "--harden-no-local-code",
        action="store_true",
        help="Run no Python file that a configuration names (`controls`): for a repository that you do not trust",
    )
    group.addoption(
        "--harden-report",
        action="append",
        choices=_Offered("reports"),
        default=[],
        metavar="FORMAT[:PATH]",
        help="Write a report, to the terminal where no path is given: json:harden.json (repeatable)",
    )
    group.addoption(
        "--harden-compare",
        metavar="FILE",
        help="Say what changed since an earlier run; FILE is its report of --harden-report=json:FILE",
    )
    group.addoption(
        "--harden-list",
        nargs="?",
        const="text",
        choices=_Offered("listings"),
        metavar="text|json|schema|TOOL",
        help="List every control and exit; for a tool such as hadolint: the controls that hold its rules; "
        "schema: the JSON schema of the configuration",
    )
    group.addoption(
        "--harden-explain",
        action="append",
        default=[],
        choices=_Offered("controls"),
        metavar="ID",
        help="Explain a control and exit (repeatable)",
    )
    group.addoption(
        "--harden-diff",
        action="store_true",
        help="Show what would mend the findings: a diff of each file, what it may break, what is left and why",
    )
    group.addoption(
        "--harden-fix",
        action="count",
        default=0,
        help="Write the remedies that cannot change a working service; said twice: over what git does not have, too",
    )
    group.addoption(
        "--harden-fix-all",
        action="count",
        default=0,
        help="Write the remedies that change how a service behaves as well (see what they may break in --harden-diff)",
    )
    group.addoption(
        "--harden-baseline",
        action="store_true",
        help="Add waivers for all that fails now to dockerharden.toml, each to be given a reason in 90 days, and exit",
    )


def _mends(option: Any) -> bool:
    return bool(option.harden_diff or option.harden_fix or option.harden_fix_all)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Where nothing but ours is judged, no code of the repository is run: not even a conftest.py at its top."""
    known = early_config.known_args_namespace
    typed = [str(argument) for argument in early_config.invocation_params.args]
    is_ours = any(getattr(known, name, None) for name in _ASKED + _TOLD) or _mends(known)
    if is_ours and not any(argument.split("::")[0].endswith(".py") for argument in typed):
        known.noconftest = True
        # addopts may name options of a conftest.py, or of a plugin that only the repository's own tests need
        unknown = parser.parse_known_and_unknown_args(args, copy.copy(early_config.option))[1]
        args[:] = [argument for argument in args if argument not in unknown or argument in typed]


def pytest_cmdline_main(config: pytest.Config) -> int | None:  # noqa: D103
    option = config.option
    if option.harden_list or option.harden_explain:
        from pytest_dockerharden.catalogue import show

        return show(config)
    if option.harden_baseline:
        from pytest_dockerharden.baseline import write_baseline

        return write_baseline(config)
    return None


def pytest_configure(config: pytest.Config) -> None:  # noqa: D103
    option = config.option
    if _mends(option) and not (option.harden_live or option.harden_attach):
        option.harden_static = True
    if any(getattr(option, name) for name in _ASKED):
        from pytest_dockerharden.imports import import_plainly

        import_plainly(config)
        from pytest_dockerharden.garbage import rare_collections

        with rare_collections():
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


@pytest.fixture(scope="session")
def harden_stack(request: pytest.FixtureRequest, harden_project: Project) -> HardenStack:
    """The running stack of ``harden_project``: healthy, one for all tests and workers, removed at the end."""
    from pytest_dockerharden.fixtures import stack_of

    return stack_of(request.config, harden_project)


@pytest.fixture(scope="session")
def harden_host(harden_stack: HardenStack) -> Iterator[Callable[..., ContainerHost]]:
    """A function from a service's name to a testinfra host in its container; ``user="root"`` for another user."""
    yield harden_stack.host
    harden_stack.close()


@pytest.fixture(scope="session")
def harden_posture(harden_stack: HardenStack) -> Callable[[str], Posture]:
    """A function from a service's name to its posture as the kernel shows it now."""
    return harden_stack.posture


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called by pytest-xdist for each worker: all of them share one stack, which the controller owns."""
    from pytest_dockerharden.live.session import live_of

    live_of(node.config).introduce(node)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:  # noqa: D103
    if any("harden_stack" in getattr(item, "fixturenames", ()) for item in session.items):
        from pytest_dockerharden.live.session import live_of

        live_of(session.config).hold()
