"""The JSON schema (draft 7) of ``dockerharden.toml``, for editors: completion, hover texts, mistakes underlined.

A TOML date counts as a string of the format ``date``, as editors for TOML hand it to a schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.finding import SEVERITIES

Schema = dict[str, Any]
_DRAFT = "http://json-schema.org/draft-07/schema#"


def schema(controls: Iterable[Control]) -> Schema:
    """The schema of a configuration, with the ids and parameters of ``controls``."""
    known = sorted(controls, key=lambda control: control.id)
    return {
        "$schema": _DRAFT,
        "title": "dockerharden.toml",
        "description": "Which controls judge the containers of a repository, and what is accepted",
        **_table({**_choice(known), **_own()}),
        "definitions": _definitions(known),
    }


_SECTION: Schema = {
    "title": {"type": "string", "description": "What must hold"},
    "level": {"type": "integer", "description": "The level of the document's own"},
    "later": {"type": "string", "description": "Its number in a later edition"},
    "controls": {"type": "array", "items": {"$ref": "#/definitions/control"}, "description": "What judges it"},
    "rest": {"type": "string", "description": "What they leave to be looked at by hand"},
    "manual": {"type": "string", "description": "What to look at by hand"},
    "out-of-scope": {"type": "string", "description": "Why it is nobody's business here"},
}


def suite_schema(controls: Iterable[Control]) -> Schema:
    """The schema of a suite: which controls a benchmark or a house has, as data."""
    known = sorted(controls, key=lambda control: control.id)
    about = {
        "name": _text("What it is called; the name of its file where this is missing"),
        "title": _text("One line"),
        "description": _text("What it is for"),
        "extends": _said(_strings(), "Suites, by name or file, that it adds to"),
        "benchmark": _said({"enum": ["cis", "owasp", "nist"]}, "Whose numbers of the controls are its sections"),
        "chapters": _said({"type": "object", "additionalProperties": {"type": "string"}}, "Headings by number"),
        "sections": _said(
            {"type": "object", "additionalProperties": _table(_SECTION)}, "Sections of its document by number, in order"
        ),
    }
    return {
        "$schema": _DRAFT,
        "title": "A suite of pytest-dockerharden",
        **_table({**about, **_choice(known)}),
        "definitions": _definitions(known),
    }


def schema_text(controls: Iterable[Control]) -> str:
    """The schema of a configuration as ``--harden-list schema`` prints it."""
    return json.dumps(schema(controls), indent=1)


def _choice(controls: list[Control]) -> Schema:
    """The keys that a configuration and a suite have in common."""
    selectors = {"anyOf": [_ref("selector"), {"type": "array", "items": _ref("selector")}]}
    excluded = {"anyOf": [*selectors["anyOf"], _ref("rule"), {"type": "array", "items": _selector_or_rule()}]}
    return {
        "select": _said(
            selectors, "Controls, by selector, in place of those of the suite; with + in front, beside them"
        ),
        "exclude": _said(excluded, "Controls, by selector, and rules of other scanners, that do not apply"),
        "severity": _said(
            {**_object(_control_or_rule()), "additionalProperties": _ref("severity")},
            "How severe failures of a control, or of a rule of another scanner, are",
        ),
        "parameters": _said(
            _table({control.id: _parameters(control) for control in controls if control.parameters}),
            "What controls that have parameters are told",
        ),
    }


def _own() -> Schema:
    """The keys that a configuration has and a suite has not."""
    profiles = _said(_strings(), "Active profiles; all of them where this is missing")
    env_files = _said(_strings(), "Environment files for interpolation, like --env-file of docker compose")
    return {
        "suite": _text(
            "Which controls apply: recommended (default), another suite by name, or a TOML file", "recommended"
        ),
        "fail-on": _said(_ref("severity"), "What is less severe does not fail the run (default: low)"),
        "controls": _said(_strings(), "Python files with controls of your own"),
        "ignore": _said(_strings(), "Folders and files, as patterns of .gitignore, that are not looked at"),
        "shellcheck": {"type": "boolean", "description": "Run ShellCheck on what RUN runs, where it is installed"},
        "env-files": env_files,
        "profiles": profiles,
        "combinations": _said(
            {"type": "object", "additionalProperties": _ref("combination")},
            "The lists of compose files that are really run together, by name",
        ),
        "waiver": {"type": "array", "items": _ref("waiver"), "description": "What is accepted, why, and until when"},
        "live": _said(
            _table(
                {
                    "env-files": env_files,
                    "profiles": profiles,
                    "timeout": {
                        "type": "number",
                        "exclusiveMinimum": 0,
                        "description": "How many seconds a stack may take to come up and be healthy (default: 300)",
                    },
                }
            ),
            "What --harden-live needs besides",
        ),
    }


def _definitions(controls: list[Control]) -> Schema:
    names = {
        "type": "string",
        "enum": [control.id for control in controls],
        "x-taplo": {"docs": {"enumValues": [control.title for control in controls]}},
    }
    words = r"^\+?\s*((family|plan|cis|owasp|nist):.+|severity:(" + "|".join(SEVERITIES) + "))$"
    added = {"type": "string", "pattern": r"^\+\s*(all|recommended|" + "|".join(names["enum"]) + ")$"}
    return {
        "control": names,
        "rule": {"type": "string", "pattern": r"^[a-z0-9][a-z0-9-]*:\S+$"},
        "selector": {
            "anyOf": [
                {"type": "string", "enum": ["all", "recommended"]},
                _ref("control"),
                {"type": "string", "pattern": words},
                added,
            ]
        },
        "severity": {"type": "string", "enum": list(SEVERITIES)},
        "combination": {"anyOf": [{"type": "string"}, {**_list(), "minItems": 1}, _combination()]},
        "waiver": _waiver(),
    }


def _control_or_rule() -> Schema:
    return {"anyOf": [_ref("control"), _ref("rule")]}


def _selector_or_rule() -> Schema:
    return {"anyOf": [_ref("selector"), _ref("rule")]}


def _combination() -> Schema:
    keys = {
        "files": {"anyOf": [{"type": "string"}, {**_list(), "minItems": 1}], "description": "In the order of -f"},
        "env-files": _strings(),
        "profiles": _strings(),
        "project-directory": _text("The folder that relative paths start from; that of the first file by default"),
    }
    return {**_table(keys), "required": ["files"]}


def _waiver() -> Schema:
    keys = {
        "control": _said(_control_or_rule(), "The control that fails, or the rule of another scanner: trivy:DS-0026"),
        "subject": _text(
            "The service, prod/web for one combination alone, the stage of a Dockerfile; * matches anything"
        ),
        "file": _text("The compose file or Dockerfile, from the folder of this configuration; * matches anything"),
        "reason": {"type": "string", "pattern": r"\S", "description": "Why this is acceptable"},
        "until": {"type": "string", "format": "date", "description": "The last day it holds; it fails after that"},
        "requires": {
            "anyOf": [_ref("control"), {"type": "array", "items": _ref("control")}],
            "description": "Controls that must pass for the same subject instead",
        },
    }
    return {**_table(keys), "required": ["control", "reason"]}


def _parameters(control: Control) -> Schema:
    spellings = {name: value for key, value in control.parameters.items() for name in (key, key.replace("_", "-"))}
    return {**_table({name: _of_default(value) for name, value in spellings.items()}), "description": control.title}


def _of_default(value: Any) -> Schema:
    if isinstance(value, (tuple, list)):
        items = {"type": "integer"} if value and isinstance(value[0], int) else {"type": "string"}
        return {"type": "array", "items": items, "default": list(value)}
    kinds: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
    kind = kinds.get(type(value))
    return {"type": kind, "default": value} if kind else {}


def _table(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _object(names: Schema) -> Schema:
    return {"type": "object", "propertyNames": names}


def _list() -> Schema:
    return {"type": "array", "items": {"type": "string"}}


def _strings() -> Schema:
    return {"anyOf": [{"type": "string"}, _list()]}


def _text(description: str, default: str | None = None) -> Schema:
    return {"type": "string", "description": description, **({} if default is None else {"default": default})}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _said(what: Schema, description: str) -> Schema:
    # beside a $ref, draft 7 ignores everything
    return {"allOf": [what], "description": description} if "$ref" in what else {**what, "description": description}
