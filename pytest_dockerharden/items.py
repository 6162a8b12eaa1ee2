"""Collectors and items: one item for each control and subject, its verdict already known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from pytest_dockerharden.verdicts import Result

if TYPE_CHECKING:
    from pytest_dockerharden.session import StaticSession


class HardenFolder(pytest.Collector):
    """A folder on the way to a judged file. Not a ``pytest.Directory``: nothing else in it is visited or imported."""

    def __init__(self, *, static: StaticSession, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.static = static

    @classmethod
    def of(cls, path: Path, parent: pytest.Collector, static: StaticSession) -> HardenFolder:
        # -k matches names of nodes, and nobody means the folder that the repository happens to be in
        name = "." if isinstance(parent, pytest.Session) else path.name
        nodeid = static.node_path(str(path))
        folder: HardenFolder = cls.from_parent(parent, name=name, path=path, static=static, nodeid=nodeid)
        return folder

    def collect(self) -> Iterator[pytest.Collector]:
        folders, files = self.static.tree.get(str(self.path), ((), ()))
        for file in files:
            yield HardenFile.of(Path(file), self, self.static)
        for folder in folders:
            yield HardenFolder.of(Path(folder), self, self.static)


class HardenFile(pytest.File):
    """A compose file, a Dockerfile, or the configuration where a waiver of it is not in order."""

    def __init__(self, *, static: StaticSession, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.static = static

    @classmethod
    def of(cls, path: Path, parent: pytest.Collector, static: StaticSession) -> HardenFile:
        file: HardenFile = cls.from_parent(parent, path=path, static=static, nodeid=static.node_path(str(path)))
        return file

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        path = str(self.path)
        results = self.static.results_of(path)
        if path not in self.static.compose_files:
            yield from (HardenItem.of(result, self) for result in results)
            return
        for phase in ("static", "import"):
            of_phase = [result for result in results if result.phase == phase]
            if of_phase:
                yield HardenPhase.of(phase, self, of_phase)
        if self.static.live is not None:
            yield from self.static.live.collectors(path, self)


class HardenPhase(pytest.Collector):
    """``static``, beside which the phases of a running stack stand."""

    def __init__(self, *, results: list[Result], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.results = results

    @classmethod
    def of(cls, name: str, parent: HardenFile, results: list[Result]) -> HardenPhase:
        phase: HardenPhase = cls.from_parent(parent, name=name, results=results)
        return phase

    def collect(self) -> Iterator[pytest.Item]:
        return (HardenItem.of(result, self) for result in self.results)


class HardenViolation(Exception):  # noqa: N818 - a verdict, not an error
    """A finding, for those who run an item by hand; reports never show its traceback."""


class InternalError(Exception):
    """A control crashed: our own bug, or that of a custom control."""


class HardenItem(pytest.Item):
    """The verdict on one control and one subject.

    There are some fifty of them for each file, so one is built of five references alone. pytest's own constructor runs
    when somebody asks for one of the many attributes that it sets.
    """

    __slots__ = ("result",)
    result: Result
    duration = 0.0
    fixturenames: ClassVar[tuple[str, ...]] = ()
    _completed: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, name: str, parent: pytest.Collector, result: Result) -> None:
        self.attach(name, parent)
        self.result = result

    def attach(self, name: str, parent: pytest.Collector) -> None:
        """What every item needs, and no more."""
        self.name = name
        self.parent = parent
        self.config = parent.config
        self.session = parent.session
        self.path = parent.path

    @classmethod
    def of(cls, result: Result, parent: pytest.Collector) -> HardenItem:
        item: HardenItem = cls.from_parent(parent, name=result.name, result=result)
        return item

    def __getattr__(self, attribute: str) -> Any:
        state = self.__dict__
        known = type(self)._completed
        if state.get("_is_complete") or (known and attribute not in known):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r}")
        state["_is_complete"] = True
        super().__init__(self.name, self.parent, nodeid=self.nodeid)
        self.extra_keyword_matches.update(filter(None, self.words()))
        type(self)._completed = frozenset({*state, "_id", "_nodeid", "_store"})
        return getattr(self, attribute)

    @property
    def known_result(self) -> Result | None:
        """The verdict where it is known without running anything."""
        return self.result

    @property
    def times(self) -> int:
        """How many controls it stands for."""
        return self.known_result.times if self.known_result else 1

    def words(self) -> tuple[str, ...]:
        """What -k matches besides names."""
        control = self.result.control
        return (self.result.severity, control.plan, control.family, self.result.phase, *self.result.subjects)

    __hash__ = object.__hash__

    @property
    def nodeid(self) -> str:
        assert self.parent is not None
        return f"{self.parent.nodeid}::{self.name}"

    def runtest(self) -> None:
        result = self.result
        if result.verdict == "error":
            raise InternalError(result.reason)
        if result.verdict == "unknown":
            pytest.skip(result.reason)
        if result.fails:
            raise HardenViolation(result.name)
        if result.verdict != "passed":
            pytest.xfail(result.reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        return self.static.excerpts.text_of(self.result)

    @property
    def static(self) -> StaticSession:
        static: StaticSession = self.config.pluginmanager.getplugin("dockerharden-static")
        return static

    @property
    def location(self) -> tuple[str, int | None, str]:
        # pytest's own asks the file system, once for each item
        path, line, title = self.reportinfo()
        return self.static.node_path(str(path)), line, title

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.static.location_of(self.result)
