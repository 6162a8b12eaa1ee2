"""Expressions that are compiled late, or not at all, say what ``re`` would say."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pytest_dockerharden
from pytest_dockerharden.model.pattern import Guarded, pattern

MODULES = [
    importlib.import_module(module.name)
    for package in ("model", "controls", "source", "predict", "assemble", "report")
    for module in pkgutil.walk_packages(
        [f"{pytest_dockerharden.__path__[0]}/{package}"], f"pytest_dockerharden.{package}."
    )
]
MODULES += [importlib.import_module(f"pytest_dockerharden.{name}") for name in ("combinations", "discovery")]
NAMED = {f"{m.__name__}.{name}": value for m in MODULES for name, value in vars(m).items() if type(value) is Guarded}


@pytest.mark.parametrize("name", NAMED)
def test_what_an_expression_needs_is_in_every_match(name: str) -> None:
    guarded = NAMED[name]
    compiled = re.compile(guarded._source, guarded._flags)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(compiled))
    def holds(text: str) -> None:
        assert guarded._may_match(text)

    holds()


def test_a_text_without_what_is_needed_is_answered_for_without_compiling() -> None:
    broken = pattern(r"(", needs=("@",))
    assert broken.search("a") is broken.match("a") is broken.fullmatch("a") is None
    assert list(broken.finditer("a")) == []
    assert broken.sub("x", "a") == "a"
    with pytest.raises(re.error):
        broken.search("a@b")


def test_a_text_with_it_is_matched() -> None:
    found = pattern(r"(?i)(\w+)@", needs=("@",))
    assert found.sub(r"\1 at ", "a@b") == "a at b"
    assert found.search("b") is None
    assert [match[1] for match in found.finditer("a@ b@")] == ["a", "b"]


def test_case_is_ignored_in_what_is_needed_as_in_the_expression() -> None:
    assert pattern(r"pipe", re.IGNORECASE, needs=("pipe",)).match("PIPE")
    assert pattern(r"(?i)key", needs=("key",)).match("\u212aey")
