"""The variables of a container, and where each comes from."""

from __future__ import annotations

import pytest

from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.predict.environment import is_literal
from tests.predict.conftest import Predict


def test_the_nearest_place_wins(predict: Predict) -> None:
    files = {
        "Dockerfile": "FROM example.org/b\nENV A=dockerfile B=dockerfile C=dockerfile D=dockerfile\n",
        "e.env": "A=file\nB=file\n",
    }
    images = {"example.org/b": ImageConfig("example.org/b", environment={"D": "image", "E": "image"})}
    posture = predict("build: .\nenv_file: e.env\nenvironment: {A: service}", files=files, images=images)
    found = {v.name: (v.value, v.place) for v in posture.environment.value.values()}
    assert found == {
        "A": ("service", "environment"),
        "B": ("file", "env_file"),
        "C": ("dockerfile", "image"),
        "D": ("dockerfile", "image"),
        "E": ("image", "image"),
    }


def test_every_variable_is_located_where_it_is_set(predict: Predict) -> None:
    files = {"Dockerfile": "FROM x\nENV A=1 \\\n  B=2\n", "e.env": "# c\nC=3\n"}
    variables = predict("build: .\nenv_file: e.env\nenvironment:\n  - D=4", files=files).environment.value
    places = {name: (v.origin.file.rsplit("/", 1)[-1], v.origin.line) for name, v in variables.items()}
    assert places == {
        "A": ("Dockerfile", 2),
        "B": ("Dockerfile", 3),
        "C": ("e.env", 2),
        "D": ("compose.yaml", 6),
    }


@pytest.mark.parametrize(
    ("entry", "value", "literal"),
    [
        ("A: plain", "plain", True),
        ("A: ''", "", True),
        ("A: 5", "5", True),
        ("A: ${X:-fallback}", "fallback", True),
        ("A: ${X}", None, False),
        ("A: ${SET}", "given", False),
        ("A: pre-${X}", None, False),
        ("A: $$X", "$X", True),
        ("A: ", None, False),
    ],
)
def test_a_value_is_literal_where_a_file_writes_it_out(
    predict: Predict, entry: str, value: str | None, literal: bool
) -> None:
    posture = predict(f"environment:\n  {entry}", environment={"SET": "given"})
    variable = posture.environment.value["A"]
    assert (variable.value, variable.literal) == (value, literal)


@pytest.mark.parametrize(
    ("template", "literal"),
    [
        (None, True),
        ("${A:-b}", True),
        ("${A-b}${C:-d}", True),
        ("$$HOME", True),
        ("${A:-}", False),
        ("${A:?needed}", False),
        ("${A:+b}", False),
        ("$A", False),
        ("x${A}", False),
        ("${A:-b}$C", False),
    ],
)
def test_templates(template: str | None, literal: bool) -> None:
    assert is_literal(template) is literal


def test_an_env_without_a_known_value_is_unknown(predict: Predict) -> None:
    files = {"Dockerfile": "FROM x\nARG V\nENV A=$V B=x\n"}
    variables = predict("build: .", files=files).environment.value
    assert {name: (v.value, v.literal) for name, v in variables.items()} == {"A": (None, False), "B": ("x", True)}


def test_an_image_written_value_is_not_in_a_file_of_the_project(predict: Predict) -> None:
    images = {"example.org/app:1": ImageConfig("example.org/app:1", environment={"A": "1"})}
    assert predict(images=images).environment.value["A"].literal is False
