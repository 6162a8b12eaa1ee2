from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import pytest_dockerharden
from pytest_dockerharden.model.control import REGISTRY

# pytester forgets what a run in this process imported: everything has to be there before
for _module in pkgutil.walk_packages(pytest_dockerharden.__path__, "pytest_dockerharden."):
    if _module.name.split(".")[1] not in ("observe", "stack", "drills"):  # these need the extra `live`
        importlib.import_module(_module.name)


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    """Controls that a test registers are gone after it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.fixture
def repo(pytester: pytest.Pytester) -> Repo:
    return Repo(pytester)


class Repo:
    """A repository under test: files, and pytest runs in it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path

    def add(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def judge(self, *arguments: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
        """``pytest --harden-static`` in this process."""
        return self.pytester.runpytest_inprocess("--harden-static", "-p", "no:cacheprovider", *arguments)

    def verdicts(self, *arguments: str) -> dict[str, str]:
        """Outcome by node id, as ``-v`` shows them."""
        result = self.judge("-v", "--no-header", *arguments)
        words = ("PASSED", "FAILED", "XFAIL", "SKIPPED")
        found = {}
        for line in result.outlines:
            parts: list[Any] = line.split(" ")
            if "::" in parts[0] and parts[0] not in found:
                outcome = next((part for part in parts[1:] if part in words), None)
                if outcome:
                    found[parts[0]] = outcome
        return found
