"""The pytest hooks of a run that judges; registered only when one was asked for."""

from __future__ import annotations

import datetime
import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_dockerharden.collection import Tree, collect_all, take_over, tree_of
from pytest_dockerharden.evaluation import Evaluation, evaluate
from pytest_dockerharden.garbage import leave_to_the_system
from pytest_dockerharden.hooks import hooks_of
from pytest_dockerharden.items import HardenFile, HardenFolder, HardenItem
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.paths import printable, shown_path
from pytest_dockerharden.protocol import Protocol
from pytest_dockerharden.report import Report, Stack, Target, target_of
from pytest_dockerharden.report.excerpt import Excerpts
from pytest_dockerharden.report.header import header
from pytest_dockerharden.report.summary import summarise
from pytest_dockerharden.request import request_of, typed_paths
from pytest_dockerharden.terminal import Terminal
from pytest_dockerharden.tomlfile import ConfigurationError
from pytest_dockerharden.verdicts import READABLE, Result

if TYPE_CHECKING:
    from pytest_dockerharden.imaging.session import Images
    from pytest_dockerharden.live.session import LiveSession
    from pytest_dockerharden.mending import Mending
    from pytest_dockerharden.model.finding import Finding
    from pytest_dockerharden.model.replacement import Replacement
    from pytest_dockerharden.remedy.replacements import Replacements
    from pytest_dockerharden.report.comparison import Comparison, Items
    from pytest_dockerharden.report.sections import Benchmark

# what the controller tells workers of pytest-xdist
_ANSWERS = "dockerharden-answers"


class StaticSession:
    """Discovery, collection and reports of one run with ``--harden-static`` or ``--harden-live``, or both."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.images = self._images()
        self.scanner_ids = self._scanner_ids()
        self.request = request_of(config)
        self.request.choosing |= bool(self.scanner_ids)
        self.request.answers.update(getattr(config, "workerinput", {}).get(_ANSWERS, {}))
        if self.images is not None and config.option.harden_static:
            self.request.images = self.images.configurations
        self.excerpts = Excerpts(self.request.start, self.request.top)
        self.protocol = Protocol(self)
        self.targets = self._targets()
        self.earlier = self._earlier()
        self.alone = not any(path.endswith(".py") for path in typed_paths(config))
        self.judged: list[Result] = []
        self.terminal = Terminal(self)
        config.pluginmanager.register(self.terminal, "dockerharden-terminal")
        self.mending = self._mending()
        self.live: LiveSession | None = None
        if config.option.harden_live or config.option.harden_attach:
            from pytest_dockerharden.live.session import live_of

            self.live = live_of(config)
        if self.live is not None and config.option.harden_live and not hasattr(config, "workerinput"):
            self.live.mending = self.mending
        if self.alone:
            take_over(config, self.request.directories if not (self.request.files or self.request.choosing) else ())

    def __dir__(self) -> list[str]:
        return hooks_of(type(self))

    def _images(self) -> Images | None:
        if not self.config.option.harden_image:
            return None
        from pytest_dockerharden.imaging.session import Images, take_ids

        return Images(self, take_ids(self.config))

    def _scanner_ids(self) -> list[str]:
        if not self.config.option.harden_scanner:
            return []
        from pytest_dockerharden.scanner_ids import take_scanner_ids

        return take_scanner_ids(self.config)

    def _targets(self) -> list[Target]:
        try:
            return [target_of(option) for option in self.config.option.harden_report]
        except ConfigurationError as error:
            raise pytest.UsageError(str(error)) from None

    def _earlier(self) -> Items | None:
        """The run to compare with: read at once, for who names the wrong file wants to know before a stack is up."""
        name = self.config.option.harden_compare
        if not name:
            return None
        from pytest_dockerharden.report.comparison import read_earlier

        try:
            return read_earlier(os.path.join(self.request.start, name), name)
        except ConfigurationError as error:
            raise pytest.UsageError(f"dockerharden: {error}") from None

    def _mending(self) -> Mending | None:
        option = self.config.option
        if not (option.harden_diff or option.harden_fix or option.harden_fix_all):
            return None
        from pytest_dockerharden.mending import Mending

        mending = Mending(self)
        self.config.pluginmanager.register(mending, "dockerharden-mending")
        return mending

    @functools.cached_property
    def evaluation(self) -> Evaluation:
        self.request.tallying = self.protocol.can_tally()
        try:
            evaluation = evaluate(self.request)
            return self.mending.apply(evaluation) if self.mending else evaluation
        except ConfigurationError as error:
            raise pytest.UsageError(f"dockerharden: {error}") from None

    @functools.cached_property
    def compose_files(self) -> frozenset[str]:
        return frozenset(self.evaluation.discovery.compose)

    @functools.cached_property
    def by_name(self) -> dict[tuple[str, str], Result]:
        return {(result.file, result.name): result for result in self.evaluation.all_results()}

    def results_of(self, path: str) -> list[Result]:
        """What has an item of its own. A run that is live alone says of text only what cannot be read."""
        results = self.evaluation.results[path]
        if self.config.option.harden_static:
            return results
        return [result for result in results if result.phase == "import" or self._is_needed(result)]

    def _is_needed(self, result: Result) -> bool:
        return result.control is READABLE and self.live is not None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Workers judge what the scanners have told the controller, and do not run them again."""
        if self.request.scanners and self.evaluation:
            node.workerinput[_ANSWERS] = self.request.answers

    def pytest_report_header(self) -> list[str]:
        return header(self.evaluation, len(self.images.references) if self.images is not None else 0)

    # collection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        return HardenFolder.of(path, parent, self) if self.alone else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        known = str(file_path) in self.to_collect
        return HardenFile.of(file_path, parent, self) if known else None

    @functools.cached_property
    def tree(self) -> Tree:
        """For each folder the folders and files directly below that lead to, or are, what is judged."""
        return tree_of(self.to_collect)

    @functools.cached_property
    def to_collect(self) -> frozenset[str]:
        """The files that have items."""
        of_files = self.config.option.harden_static or self.live is not None or self._imports
        if self.images is not None and (self.images.ids or not of_files):
            return frozenset()  # images alone
        live = self.compose_files if self.live is not None else frozenset()
        return live | {path for path in self.evaluation.results if self.results_of(path)}

    @property
    def _imports(self) -> bool:
        return bool(self.request.imports or self.request.scanners)

    def node_path(self, path: str) -> str:
        """A path as node ids write it. pytest prints ids as they are, and writes them into XML."""
        relative = shown_path(path, str(self.config.rootpath))
        return "" if relative == "." else printable(relative)

    def pytest_collection(self, session: pytest.Session) -> bool | None:
        if self.request.choosing:
            self.config.args[:] = [each for argument in self.config.args for each in self._as_collected(argument)]
        if not self.alone or self.request.choosing:
            return None
        for path in self.request.files:
            if not os.path.lexists(path):
                shown = printable(shown_path(path, self.request.start))
                raise pytest.UsageError(f"file or directory not found: {shown}")
        collect_all(session, self)
        return True

    def _as_collected(self, argument: str) -> list[str]:
        """``no-new-privileges[prod/redis]`` where ``[redis]`` stands for all combinations, and the other way round."""
        path, name = argument.split("::")[0], argument.split("::")[-1]
        file = os.path.normpath(os.path.join(self.request.start, path))
        results = self.evaluation.results.get(file, []) if name.endswith("]") else []
        if any(result.name == name for result in results):
            return [argument]
        names = [result.name for result in results if name in result.other_names()]
        return [f"{argument[: -len(name)]}{other}" for other in names] or [argument]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        if self.images is not None:
            items += self.images.items(session)
        if self.scanner_ids:
            from pytest_dockerharden.scanner_ids import chosen

            items += chosen(self.scanner_ids, session, self)

    # items

    def location_of(self, result: Result) -> tuple[str, int | None, str]:
        """File, line from 0, and title of a result."""
        place = result.place
        if isinstance(place, TextOrigin):
            return place.file, place.line - 1, result.name
        return result.file, None, result.name

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        blocked = session.testsfailed and not session.config.option.continue_on_collection_errors
        if blocked or session.config.option.collectonly or not self.protocol.can_count(session.items):
            return None
        self.protocol.run_counting(session)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        if not isinstance(item, HardenItem):
            return None
        self.protocol.run(item)
        return True

    # reports

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = getattr(report, "harden", None)
        if name and not hasattr(self.config, "workerinput"):  # it comes from a worker, with the same verdict as here
            self.judged.append(self._sent_result(report) or self._result(*name))

    def _sent_result(self, report: pytest.TestReport) -> Result | None:
        sent = getattr(report, "harden_result", None)
        return None if sent is None or self.images is None else self.images.received(sent)

    def _result(self, file: str, name: str, phase: str) -> Result:
        if self.live is None or phase in ("static", "import"):
            return self.by_name[file, name]
        return self.live.known_result(file, name, phase)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        if not self.protocol.counting:
            return None
        return "xfailed" if hasattr(report, "wasxfail") else report.outcome, "", ""

    @property
    def not_applicable(self) -> list[Result]:
        """What had nothing to judge, in every phase that was asked for."""
        static = self.evaluation.not_applicable if self.config.option.harden_static else []
        static = static + (self.images.not_applicable() if self.images is not None else [])
        return static + (self.live.not_applicable() if self.live is not None else [])

    def entries(self, results: Iterable[Result]) -> Iterator[tuple[str, Result]]:
        """Node id and result of each."""
        for result in results:
            phase = f"{result.phase}::" if result.file in self.compose_files else ""
            yield f"{self.node_path(result.file)}::{phase}{result.name}", result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.judged:
            return
        everything = self.config.get_verbosity() > 0
        terminalreporter.section("hardening")
        lines = summarise(self.judged, sum(r.times for r in self.not_applicable), self.excerpts, everything=everything)
        for text, colour in (*lines, *self._compared(), *self._section_lines(everything)):
            terminalreporter.write_line(text, **({colour: True} if colour else {}))
        for target in self.targets:
            if not target.path:
                terminalreporter.write_line(target.render(self._report))
        self.terminal.before_short_summary(terminalreporter)

    def _benchmarks(self) -> Iterator[Benchmark]:
        """What the suites that render a document make of the run."""
        suites = {scope.policy.suite.name: scope for scope in self.evaluation.scopes if scope.policy.suite.sections}
        if not suites:
            return
        from pytest_dockerharden.model.control import REGISTRY
        from pytest_dockerharden.report.sections import Asked, Benchmark, outcomes

        option = self.config.option
        narrowed = self.request.choosing or bool(option.keyword or option.markexpr or getattr(option, "lf", False))
        images = bool(option.harden_image)
        asked = Asked(option.harden_static, self.live is not None, option.harden_live, images, narrowed)
        for suite in (scope.policy.suite for scope in suites.values()):
            yield Benchmark(suite, outcomes(suite, REGISTRY.values(), self.judged, self.not_applicable, asked))

    def _compared(self) -> Iterator[tuple[str, str]]:
        comparison = self._comparison
        if comparison is not None:
            from pytest_dockerharden.report.summary import compared

            yield from compared(comparison, self.excerpts)

    def _section_lines(self, everything: bool) -> Iterator[tuple[str, str]]:
        for benchmark in self._benchmarks():
            from pytest_dockerharden.report.sections import section_lines

            yield "", ""
            yield from section_lines(benchmark, everything=everything)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if hasattr(self.config, "workerinput") or self.config.option.collectonly:
            return
        for target in self.targets:
            if target.path:
                path = Path(self.request.start, target.path)
                text = target.render(self._report)
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8", errors="backslashreplace")
                except OSError as error:
                    reason = f"--harden-report: {target.path} cannot be written: {error.strerror}"
                    pytest.exit(reason, returncode=pytest.ExitCode.USAGE_ERROR)

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self) -> None:
        if self.alone and self.live is None:
            leave_to_the_system()

    @functools.cached_property
    def _replacements(self) -> Replacements:
        from pytest_dockerharden.remedy.replacements import Replacements

        observed = [result for result in self.judged if result.phase in ("live", "restarted", "drill")]
        return Replacements(self.evaluation, observed, self.mending.proven() if self.mending else {})

    def _edits(self, finding: Finding) -> Sequence[Replacement]:
        edits = self._replacements.of(finding)
        written = self.mending.written if self.mending else ()
        return () if any(edit.file in written for edit in edits) else edits

    @functools.cached_property
    def _comparison(self) -> Comparison | None:
        """Asked for when all items have run."""
        if self.earlier is None:
            return None
        from pytest_dockerharden.report.comparison import compare

        entries = self.entries((*self.judged, *self.not_applicable))
        return compare(self.config.option.harden_compare, self.earlier, entries)

    @functools.cached_property
    def _report(self) -> Report:
        """One for all targets, asked for when all items have run."""
        entries = list(self.entries((*self.judged, *self.not_applicable)))
        observed = self.live.observed if self.live is not None else lambda project: {}
        stacks = [Stack(project, observed(project)) for project in self.evaluation.projects]
        today = datetime.date.today()
        benchmarks = [*self._benchmarks()]
        start, top = self.request.start, self.request.top
        return Report(entries, start, top, stacks, today, benchmarks, self._comparison, self._edits)
