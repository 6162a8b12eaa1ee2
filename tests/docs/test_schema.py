"""The JSON schema of the configuration accepts what is read, and refuses what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden import policy, suites, waivers
from pytest_dockerharden.controls import load_all
from pytest_dockerharden.schema import schema, schema_text, suite_schema

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "docs/schema.json"
SCHEMA = schema(load_all().values())
SUITE_SCHEMA = suite_schema(load_all().values())


def mistakes(text: str, using: dict[str, Any] = SCHEMA) -> list[str]:
    """Where the schema finds a mistake: paths of keys."""
    # what an editor hands to a schema is JSON: a date is a string
    instance = json.loads(json.dumps(tomllib.loads(text), default=str))
    validator = jsonschema.Draft7Validator(using, format_checker=jsonschema.FormatChecker())
    return sorted({"/".join(map(str, error.path)) or "(top)" for error in validator.iter_errors(instance)})


def test_the_schemas_are_schemas() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator.check_schema(SUITE_SCHEMA)


def test_the_shipped_schema_is_as_the_registry_says() -> None:
    assert SHIPPED.read_text(encoding="utf-8") == schema_text(load_all().values()) + "\n", (
        "run: python docs/generate.py"
    )


@pytest.mark.parametrize(
    ("described", "read"),
    [
        pytest.param(SCHEMA["properties"], policy._KEYS, id="configuration"),
        pytest.param(SCHEMA["definitions"]["waiver"]["properties"], waivers._KEYS, id="waiver"),
        pytest.param(
            SCHEMA["definitions"]["combination"]["anyOf"][2]["properties"], policy._COMBINATION_KEYS, id="files"
        ),
        pytest.param(SCHEMA["properties"]["live"]["properties"], policy._LIVE_KEYS, id="live"),
        pytest.param(SUITE_SCHEMA["properties"], suites._KEYS, id="suite"),
    ],
)
def test_it_has_the_keys_that_are_read(described: dict[str, Any], read: set[str]) -> None:
    assert set(described) == set(read)


WAIVER = '[[waiver]]\ncontrol = "read-only-rootfs"\n'


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param('suite = "strict"\nfail-on = "medium"\nignore = ["vendor/"]\n', id="a suite"),
        pytest.param('select = ["all", "cis:5", "severity:high", "+pids-limit"]\n', id="selectors"),
        pytest.param('select = "read-only-rootfs"\nexclude = "family:network"\n', id="one selector"),
        pytest.param('[severity]\nread-only-rootfs = "high"\n', id="a severity"),
        pytest.param('[parameters.image-labels]\nlabels = ["a"]\n', id="a parameter"),
        pytest.param('[parameters.overlays-publish-no-further-port]\nweb-ports = ["80"]\n', id="a dash in its name"),
        pytest.param('[combinations]\nbase = "a.yml"\nprod = ["a.yml", "b.yml"]\n', id="combinations"),
        pytest.param(
            '[combinations.prod]\nfiles = ["a.yml"]\nprofiles = ["x"]\nproject-directory = "."\n', id="a table"
        ),
        pytest.param(WAIVER + 'reason = "x"\nuntil = 2027-03-31\nrequires = ["pids-limit"]\n', id="a waiver"),
        pytest.param("[live]\ntimeout = 90\nenv-files = ['ci.env']\n", id="live"),
    ],
)
def test_what_is_right(text: str) -> None:
    assert mistakes(text) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param("sweet = 1\n", "(top)", id="no such key"),
        pytest.param('fail-on = "hi"\n', "fail-on", id="no such severity"),
        pytest.param('select = ["read-only-rootf"]\n', "select", id="no such control"),
        pytest.param('select = ["severity:very"]\n', "select", id="no such severity in a selector"),
        pytest.param('select = ["colour:red"]\n', "select", id="no such selector"),
        pytest.param('[severity]\nread-only = "high"\n', "severity", id="the severity of nothing"),
        pytest.param('[severity]\nread-only-rootfs = "big"\n', "severity/read-only-rootfs", id="a severity"),
        pytest.param("[parameters.read-only-rootfs]\nx = 1\n", "parameters", id="a control without parameters"),
        pytest.param("[parameters.image-labels]\nlable = []\n", "parameters/image-labels", id="no such parameter"),
        pytest.param("[parameters.image-labels]\nlabels = 1\n", "parameters/image-labels/labels", id="another type"),
        pytest.param("[combinations]\nprod = []\n", "combinations/prod", id="no files"),
        pytest.param(WAIVER, "waiver/0", id="no reason"),
        pytest.param(WAIVER + 'reason = " "\n', "waiver/0/reason", id="an empty reason"),
        pytest.param(WAIVER + 'reason = "x"\nuntil = "soon"\n', "waiver/0/until", id="no date"),
        pytest.param(WAIVER + 'reason = "x"\nservice = "web"\n', "waiver/0", id="no such key of a waiver"),
        pytest.param("[live]\ntimeout = 0\n", "live/timeout", id="no time at all"),
    ],
)
def test_what_is_wrong(text: str, where: str) -> None:
    assert mistakes(text) == [where]


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.name) for path in sorted((ROOT / "suites").glob("*.toml"))]
)
def test_our_own_suites_are_right(path: Path) -> None:
    assert mistakes(path.read_text(encoding="utf-8"), SUITE_SCHEMA) == []
