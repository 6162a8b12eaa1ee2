"""Compose texts through the real parser, for the tests of what comes after it."""

from __future__ import annotations

from typing import Any

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.source.compose.consistency import check, warnings
from pytest_dockerharden.source.compose.interpolate import Interpolator, interpolate
from pytest_dockerharden.source.compose.normalise import normalise
from pytest_dockerharden.source.compose.problems import Problems
from pytest_dockerharden.source.compose.shortforms import canonical_service, canonical_top
from pytest_dockerharden.source.compose.tree import parse

FILE = "/project/compose.yaml"


def read(text: str) -> Node:
    """The tree of a YAML text; variables have no value but their defaults."""
    root = parse(text, FILE, Problems())[0].root
    interpolate(root, Interpolator({}), Problems())
    return root


def service_text(body: str) -> str:
    """A file with one service, ``web``, whose lines after its key are ``body``."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    return f"services:\n  web:\n{lines}"


def canonical(body: str) -> tuple[Node, list[Problem]]:
    """The canonical mapping of one service, and what was found on the way."""
    service = read(service_text(body)).get("services", "web")
    assert service is not None
    problems = canonical_service("web", service)
    return service, problems


def normalised(text: str, project: str = "proj", home: str | None = "/home/u") -> Node:
    """The normalised model of a file in ``/project``."""
    model = read(text)
    canonical_top(model)
    for name, service in (model.get("services") or model).items():
        canonical_service(name, service)
    normalise(model, project=project, directory_of=lambda node: "/project", home=home)
    return model


def checked(text: str) -> list[Problem]:
    return check(normalised(text))


def warned(text: str) -> list[Problem]:
    return warnings(normalised(text))


def brief(problems: list[Problem]) -> list[tuple[int, str]]:
    """Line and message of each problem."""
    return [(problem.origin.line, problem.message) for problem in problems]


def source_text(text: str, origin: TextOrigin) -> str:
    """What stands at a one-line span."""
    return text.split("\n")[origin.line - 1][origin.column - 1 : origin.end_column - 1]


def plain(node: Node | None) -> Any:
    return node.plain() if node is not None else None
