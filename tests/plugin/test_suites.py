from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.loading import load_controls
from pytest_dockerharden.suites import RECOMMENDED, Suite, check_against, load_suite
from pytest_dockerharden.tomlfile import ConfigurationError
from tests.helpers import write

CONTROLS = load_controls()


def chosen(suite: Suite) -> set[str]:
    return {identifier for identifier, control in CONTROLS.items() if suite.selects(control)}


def suite(folder: Path, text: str, **others: str) -> Suite:
    write(folder, {"house.toml": text, **{f"{name}.toml": content for name, content in others.items()}})
    return load_suite("house.toml", str(folder))


def test_what_applies_without_a_configuration_is_what_the_file_of_that_suite_says(tmp_path: Path) -> None:
    assert load_suite("recommended", str(tmp_path)) == RECOMMENDED


def test_recommended_is_what_is_not_optional(tmp_path: Path) -> None:
    assert chosen(load_suite("recommended", str(tmp_path))) == {i for i, c in CONTROLS.items() if not c.optional}


def test_strict_is_everything(tmp_path: Path) -> None:
    assert chosen(load_suite("strict", str(tmp_path))) == set(CONTROLS)


@pytest.mark.parametrize(
    ("selector", "inside", "outside"),
    [
        ("read-only-rootfs", "read-only-rootfs", "memory-limit"),
        ("family:filesystem", "read-only-rootfs", "memory-limit"),
        ("plan:P1", "read-only-rootfs", "non-root-image-user"),
        ("severity:high", "non-root-image-user", "read-only-rootfs"),
        ("cis:5.13", "read-only-rootfs", "memory-limit"),
        ("cis:5", "read-only-rootfs", "non-root-image-user"),
        ("owasp:RULE 8", "read-only-rootfs", "memory-limit"),
    ],
)
def test_selectors(tmp_path: Path, selector: str, inside: str, outside: str) -> None:
    found = chosen(suite(tmp_path, f'select = ["{selector}"]\n'))
    assert inside in found
    assert outside not in found


def test_a_suite_takes_out_adds_and_changes_what_it_extends(tmp_path: Path) -> None:
    house = suite(
        tmp_path,
        'extends = "base.toml"\nselect = ["+memory-limit"]\nexclude = ["cpu-limit"]\n'
        '[severity]\nmemory-limit = "high"\n',
        base='select = ["read-only-rootfs", "cpu-limit"]\n[severity]\nmemory-limit = "low"\ncpu-limit = "low"\n',
    )
    assert chosen(house) == {"read-only-rootfs", "memory-limit"}
    assert house.severity == {"memory-limit": "high", "cpu-limit": "low"}


def test_a_select_of_its_own_replaces_that_of_the_base(tmp_path: Path) -> None:
    house = suite(tmp_path, 'extends = "strict"\nselect = ["memory-limit"]\n')
    assert chosen(house) == {"memory-limit"}


def test_several_bases_are_joined(tmp_path: Path) -> None:
    house = suite(
        tmp_path, 'extends = ["a.toml", "b.toml"]\n', a='select = ["cpu-limit"]\n', b='select = ["memory-limit"]\n'
    )
    assert chosen(house) == {"cpu-limit", "memory-limit"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "house.toml"\n', "extends itself"),
        ('extends = "gone.toml"\n', "no suite file gone.toml"),
        ('selct = ["all"]\n', "unknown key `selct`; did you mean `select`?"),
        ("select = 3\n", "a list of strings is needed here"),
        ('[severity]\nx = "huge"\n', "a severity is one of"),
        ("parameters = 1\n", "a table is needed here"),
    ],
)
def test_mistakes_in_a_suite(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message.replace("?", r"\?")):
        suite(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('select = ["familly:x"]\n', "unknown selector `familly:x`; did you mean `family`"),
        ('select = ["severity:huge"]\n', "a severity is one of"),
        ('exclude = ["memory-limits"]\n', "no control `memory-limits`; did you mean `memory-limit`"),
        ("[parameters.memory-limits]\n", "no control `memory-limits`"),
        ("[parameters.memory-limit]\nx = 1\n", "unknown key `x`"),
    ],
)
def test_what_speaks_of_no_control(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_against(suite(tmp_path, text), CONTROLS, "house.toml")


def test_parameters_are_merged_and_lists_become_tuples(tmp_path: Path) -> None:
    house = suite(
        tmp_path,
        'extends = "base.toml"\n[parameters.c]\nlabels = ["a"]\n',
        base="[parameters.c]\nlabels = []\nat-most = 3\n",
    )
    assert house.parameters == {"c": {"labels": ("a",), "at_most": 3}}


@pytest.mark.parametrize("name", ["recommended", "strict"])
def test_the_suites_that_come_along_are_in_order(tmp_path: Path, name: str) -> None:
    loaded = load_suite(name, str(tmp_path))
    check_against(loaded, CONTROLS, name)
    assert loaded.title
