"""Reports. A format is a module in ``formats`` with ``render(report) -> str``; there is no list to maintain."""

from __future__ import annotations

import datetime
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.model.replacement import Replacement
from pytest_dockerharden.tomlfile import ConfigurationError, did_you_mean
from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    from pytest_dockerharden.report.comparison import Comparison
    from pytest_dockerharden.report.sections import Benchmark


@dataclass(slots=True, eq=False)
class Stack:
    """One combination of compose files as text told it, and what was observed of it: postures by phase and service."""

    project: Project
    observed: Mapping[str, Mapping[str, Sequence[Posture]]]


@dataclass(slots=True, eq=False)
class Report:
    """What a format renders: node id and result of everything judged, what does not apply included.

    Paths are shown relative to ``start``, where pytest was started; those that a forge is to find again are relative
    to ``root``, the checkout. ``today`` is the day on which waivers were judged. ``benchmarks`` are the documents that
    the suites of the run render. ``comparison`` is with the
    run that was asked to be compared with. ``edits`` gives the text edits that mend a finding, all of them or none.
    """

    entries: Sequence[tuple[str, Result]]
    start: str
    root: str
    stacks: Sequence[Stack]
    today: datetime.date
    benchmarks: Sequence[Benchmark] = ()
    comparison: Comparison | None = None
    edits: Callable[[Finding], Sequence[Replacement]] = lambda finding: ()


@dataclass(slots=True, eq=False)
class Target:
    """``FORMAT[:PATH]`` of ``--harden-report``. ``path`` is empty for the terminal."""

    format: str
    path: str

    def render(self, report: Report) -> str:
        """The text of ``report`` in this format."""
        module = importlib.import_module(f"{__name__}.formats.{self.format}")
        text: str = module.render(report)
        return text


def target_of(option: str) -> Target:
    """Take ``json:out.json`` apart. Raises ConfigurationError for a format that there is none of."""
    name, _, path = option.partition(":")
    known = format_names()
    if name not in known:
        raise ConfigurationError(
            f"--harden-report: no format `{name}`{did_you_mean(name, known)} (there are: {', '.join(known)})"
        )
    return Target(name, path)


def format_names() -> list[str]:
    """The names of all formats."""
    import pkgutil  # only a report in a file needs it

    package = importlib.import_module(f"{__name__}.formats")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def version() -> str:
    """Of this distribution; ``unknown`` in a source tree that is not installed."""
    from importlib import metadata

    try:
        return metadata.version("pytest-dockerharden")
    except metadata.PackageNotFoundError:
        return "unknown"
