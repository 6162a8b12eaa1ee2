"""The pytest hooks of a static run; registered only when one was asked for."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_dockerharden.evaluation import Evaluation, Request, evaluate
from pytest_dockerharden.items import HardenFile, HardenFolder, HardenItem
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.plugin import BROKEN_CONFTEST
from pytest_dockerharden.policy import Overrides
from pytest_dockerharden.report.excerpt import Excerpts
from pytest_dockerharden.tomlfile import ConfigurationError
from pytest_dockerharden.verdicts import Result


class StaticSession:
    """Discovery, collection and reports of one run with ``--harden-static``."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.start = str(config.invocation_params.dir)
        self.request = request_of(config)
        self.excerpts = Excerpts(self.start)
        self.alone = self._takes_over()
        self._children: dict[str, tuple[list[str], list[str]]] = {}
        self.ran: dict[str, Result] = {}

    def _takes_over(self) -> bool:
        """Whether nothing but static items is asked for; then only our own folders are walked."""
        others = [path for path in _arguments(self.config) if path.endswith(".py") or not os.path.exists(path)]
        if others:
            return False
        if not self.request.files:
            self.config.args[:] = list(self.request.directories)
        return True

    @functools.cached_property
    def evaluation(self) -> Evaluation:
        try:
            return evaluate(self.request)
        except ConfigurationError as error:
            raise pytest.UsageError(f"dockerharden: {error}") from None

    @functools.cached_property
    def compose_files(self) -> frozenset[str]:
        return frozenset(self.evaluation.discovery.compose)

    # discovery and collection

    def pytest_report_header(self) -> list[str]:
        return header(self)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        return HardenFolder.of(path, parent, self) if self.alone else None

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        known = str(file_path) in self.evaluation.results
        return HardenFile.of(file_path, parent, self) if known else None

    def children(self, folder: str) -> tuple[list[str], list[str]]:
        """The folders and files directly below ``folder`` that lead to, or are, what is judged."""
        if not self._children:
            self._children = _tree(self.evaluation.results)
        return self._children.get(folder, ([], []))

    def node_path(self, path: Path) -> str:
        """A path as node ids write it."""
        relative = os.path.relpath(path, self.config.rootpath).replace(os.sep, "/")
        return "" if relative == "." else relative

    # items

    def text_of(self, result: Result) -> str:
        return self.excerpts.text_of(result)

    def location_of(self, result: Result) -> tuple[str, int | None, str]:
        place = result.place
        if isinstance(place, TextOrigin):
            return place.file, place.line - 1, result.name
        return result.file, None, result.name

    def pytest_runtest_makereport(self, item: pytest.Item) -> None:
        if isinstance(item, HardenItem):
            self.ran[item.nodeid] = item.result


def header(static: StaticSession) -> list[str]:
    """What was found, what was judged as part of something else, what was not visited."""
    evaluation = static.evaluation
    discovery = evaluation.discovery
    parts = [
        _count(len(discovery.compose), "compose file"),
        _count(evaluation.combinations, "combination"),
        _count(len(discovery.dockerfiles), "Dockerfile"),
    ]
    line = f"dockerharden: {', '.join(parts)}"
    if evaluation.absorbed:
        line += f"; judged where they are included: {_names(evaluation, evaluation.absorbed)}"
    if discovery.not_visited:
        line += f"; not visited: {_names(evaluation, list(discovery.not_visited))}"
    lines = [line]
    broken = static.config.stash.get(BROKEN_CONFTEST, "")
    if broken:
        lines.append(f"dockerharden: no conftest.py is needed, and this one cannot be loaded: {broken}")
    return lines


def _names(evaluation: Evaluation, paths: list[str], most: int = 8) -> str:
    reasons = evaluation.discovery.not_visited
    named = [
        evaluation.shown(path) + (f" ({reasons[path]})" if reasons.get(path, "not ours") != "not ours" else "")
        for path in paths[:most]
    ]
    return ", ".join(named) + (f" and {len(paths) - most} more" if len(paths) > most else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _tree(files: dict[str, list[Result]]) -> dict[str, tuple[list[str], list[str]]]:
    tree: dict[str, tuple[list[str], list[str]]] = {}
    for file in files:
        folder = os.path.dirname(file)
        child = file
        position = 1
        while True:
            known = folder in tree
            tree.setdefault(folder, ([], []))[position].append(child)
            parent = os.path.dirname(folder)
            if known or parent == folder:
                break
            folder, child, position = parent, folder, 0
    return tree


def request_of(config: pytest.Config) -> Request:
    """What the command line asks to judge."""
    start = str(config.invocation_params.dir)
    arguments = _arguments(config)
    option = config.option

    def absolute(paths: list[str]) -> tuple[str, ...]:
        return tuple(os.path.normpath(os.path.join(start, path)) for path in paths)

    overrides = Overrides(
        suite=option.harden_suite,
        fail_on=option.harden_fail_on,
        compose=absolute(option.harden_compose),
        env_files=absolute(option.harden_env_file),
        profiles=tuple(option.harden_profile),
        directory=start,
    )
    files = tuple(path for path in arguments if os.path.isfile(path) and not path.endswith(".py"))
    directories = tuple(path for path in arguments if os.path.isdir(path))
    return Request(start, directories or (() if files else (start,)), files, overrides)


def _arguments(config: pytest.Config) -> list[str]:
    """The paths that the user typed; what testpaths or addopts say is meant for the user's own tests."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return []
    typed = {str(argument) for argument in config.invocation_params.args}
    start = str(config.invocation_params.dir)
    return [os.path.normpath(os.path.join(start, a.split("::")[0])) for a in config.args if a in typed]
