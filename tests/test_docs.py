"""The pages that are made from the registry say what the registry says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dockerharden_docs", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in GENERATOR.pages()])
def test_a_page_is_as_the_registry_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == GENERATOR.pages()[path], "run: python docs/generate.py"


def test_no_page_is_left_of_what_is_gone() -> None:
    assert set((DOCS / "coming-from").glob("*.md")) == set(GENERATOR.pages())


@pytest.mark.parametrize(
    ("peer", "rule", "control"),
    [
        ("hadolint", "DL3002", "non-root-image-user"),
        ("compose-lint", "CL-0003", "no-new-privileges"),
        ("docker-bench", "5.13", "read-only-rootfs"),
    ],
)
def test_a_well_known_rule_leads_to_its_control(peer: str, rule: str, control: str) -> None:
    rules = GENERATOR.rules_of(peer)
    assert control in [each.id for each in rules[rule].controls]


def test_every_rule_that_is_held_is_said_to_say_something() -> None:
    for peer in GENERATOR.PEERS:
        for identifier, rule in GENERATOR.rules_of(peer).items():
            assert rule.meaning or rule.controls[0].title, identifier
