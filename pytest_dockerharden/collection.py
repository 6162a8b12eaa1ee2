"""Collect what was judged, and nothing else: no file of the repository is imported, no hook of it is asked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_dockerharden.items import HardenFile, HardenFolder, HardenItem
from pytest_dockerharden.paths import is_below

if TYPE_CHECKING:
    from pytest_dockerharden.session import StaticSession

# options that choose among tests, how they look where somebody typed them, and their value where nobody did
_CHOICES = (
    ("keyword", "-k", ""),
    ("markexpr", "-m", ""),
    ("deselect", "--des", None),
    ("ignore", "--ignore(?!-)", None),
    ("ignore_glob", "--ignore-", None),
    ("collectonly", "--co", False),
    ("stepwise", "--s(w|te)", False),
    ("stepwise_skip", "--s(w|tep.*)-s", False),
    ("maxfail", "-[vqsl]*x|--exit|--maxf", 0),
)
Tree = dict[str, tuple[list[str], list[str]]]


def take_over(config: pytest.Config, directories: tuple[str, ...]) -> None:
    """Let nothing that is meant for the repository's own tests decide what is judged.

    ``testpaths``, and ``-k``, ``-m``, ``--ignore``, ``-x`` or ``--collect-only`` of addopts, would leave files out.
    """
    if directories:
        config.args[:] = directories
    typed = [str(argument) for argument in config.invocation_params.args]
    for option, flags, neutral in _CHOICES:
        if not any(re.match(flags, argument) for argument in typed):
            setattr(config.option, option, neutral)
    last_failed = config.pluginmanager.getplugin("lfplugin")
    if last_failed and not any(re.match("--l", argument) for argument in typed):
        last_failed.active = False


def collect_all(session: pytest.Session, static: StaticSession) -> None:
    """What ``Session.perform_collect`` does, for items that are known beforehand."""
    hook = session.config.hook
    session.items = []
    seen: set[Path] = set()
    try:
        for top in _tops(static):
            for file in _files(HardenFolder.of(Path(top), session, static)):
                if file.path in seen:  # a folder outside may hold the root
                    continue
                seen.add(file.path)
                items = list(_items(file))
                counted: list[pytest.Item | pytest.Collector] = [item for item in items for _ in range(item.times)]
                hook.pytest_collectreport(report=pytest.CollectReport(file.nodeid, "passed", None, counted))
                session.items += items
        if hook.pytest_itemcollected.get_hookimpls():
            for item in session.items:
                hook.pytest_itemcollected(item=item)
        _modify(session, static)
    finally:
        hook.pytest_collection_finish(session=session)
    # after hooks that add items, as those of images do, or leave some out
    session.testscollected = sum(item.times if isinstance(item, HardenItem) else 1 for item in session.items)


def _modify(session: pytest.Session, static: StaticSession) -> None:
    # the fixture manager sorts by parametrised fixtures, which takes longer than all the rest and can change nothing;
    # --nf needs the names of all items: where it looks for them, items that stand for several must not be seen
    manager = session.config.pluginmanager
    needless = ["funcmanage", *(["nfplugin"] if static.request.tallying else [])]
    plugins = [plugin for name in needless if (plugin := manager.getplugin(name))]
    modify = manager.subset_hook_caller("pytest_collection_modifyitems", plugins)
    modify(session=session, config=session.config, items=session.items)


def _tops(static: StaticSession) -> list[str]:
    """The root, and folders outside of it that files were named in."""
    root = str(static.config.rootpath)
    outside = {os.path.dirname(path) for path in static.to_collect if not is_below(path, root)}
    return [root, *sorted(outside)]


def _files(folder: HardenFolder) -> Iterator[HardenFile]:
    queue: list[pytest.Collector] = [folder]
    while queue:
        node = queue.pop()
        if isinstance(node, HardenFile):
            yield node
        else:
            queue += reversed([child for child in node.collect() if isinstance(child, pytest.Collector)])


def _items(file: HardenFile) -> Iterator[HardenItem]:
    for child in file.collect():
        nodes: Iterable[pytest.Item | pytest.Collector] = (
            child.collect() if isinstance(child, pytest.Collector) else [child]
        )
        yield from (node for node in nodes if isinstance(node, HardenItem))


def tree_of(files: Iterable[str]) -> Tree:
    """For each folder the folders and files directly below that lead to, or are, what is judged."""
    tree: Tree = {}
    # in order, since `files` may be a set: workers of pytest-xdist must collect alike
    for file in sorted(files):
        child, folder, position = file, os.path.dirname(file), 1
        while True:
            known = folder in tree
            tree.setdefault(folder, ([], []))[position].append(child)
            parent = os.path.dirname(folder)
            if known or parent == folder:
                break
            child, folder, position = folder, parent, 0
    return tree
