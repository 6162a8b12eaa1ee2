"""One static run without pytest: discover, assemble, judge, waive. Every front end shows what this gives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING

from pytest_dockerharden.discovery import Discovery, discover
from pytest_dockerharden.garbage import rare_collections
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.paths import common_folder
from pytest_dockerharden.policy import Policies, Policy
from pytest_dockerharden.request import Request
from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    from pytest_dockerharden.scope import Scope


@dataclass(slots=True, eq=False)
class Evaluation:
    """All results of a static run by file, and what was looked at.

    ``absorbed`` are compose files that are judged as part of another one that extends or includes them. ``imported``
    says of each report of another scanner what it looked at.
    """

    request: Request
    discovery: Discovery
    results: dict[str, list[Result]] = field(default_factory=dict)
    not_applicable: list[Result] = field(default_factory=list)
    combinations: int = 0
    absorbed: list[str] = field(default_factory=list)
    imported: list[str] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)

    def all_results(self) -> Iterator[Result]:
        """Every result that has an item."""
        for results in self.results.values():
            yield from results


def evaluate(request: Request) -> Evaluation:
    """Judge everything that ``request`` names. Raises ConfigurationError for a mistake in the configuration."""
    with rare_collections():
        return _evaluate(request)


def _evaluate(request: Request) -> Evaluation:
    from pytest_dockerharden.scope import Scope

    policies = Policies(request.top, request.overrides)
    discovery = discover(request.directories, request.files, ignored=policies.of(request.start).ignore)
    if request.overrides.compose:
        discovery.compose = list(request.overrides.compose)
    evaluation = Evaluation(request, discovery, {path: [] for path in discovery.files()})
    groups: dict[str, tuple[Policy, list[str]]] = {}
    for path in discovery.files():
        policy = policies.of(os.path.dirname(path))
        groups.setdefault(policy.directory, (policy, []))[1].append(path)
    root = common_folder([request.top, *(os.path.dirname(path) for path in discovery.files())])
    for policy, paths in groups.values():
        scope = Scope(evaluation, policy, paths, root)
        scope.judge()
        evaluation.scopes.append(scope)
    if request.imports or request.scanners:
        from pytest_dockerharden.importing.results import add_imports

        add_imports(evaluation, policies)
    return evaluation
