"""The environment variables of a container, and which place sets each."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pytest_dockerharden.model.fact import Fact, Known
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Variable
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.predict.layers import Layers

_PLAIN_REFERENCE = pattern(r"\$(?:\$|\w+|\{\w+(?::?([-+?])([^{}]*))?\})", re.ASCII)


def predict_environment(service: Service, layers: Layers) -> Fact[Mapping[str, Variable]]:
    """``environment`` over env files over the Dockerfile's ENV over the image's."""
    found: dict[str, Variable] = {}
    if layers.image is not None:
        for name, value in layers.image.environment.items():
            found[name] = Variable(name, value, service.origin, literal=False, place="image")
    for instruction in layers.of("ENV"):
        for pair in instruction.pairs:
            name, known_value = pair.key.text, layers.word(pair.value) if pair.value else None
            literal = known_value is not None
            found[name] = Variable(name, known_value, pair.origin, literal=literal, place="image")
    node = service.get("environment")
    env_files = _env_files(service)
    for name, entry in node.items() if node else ():
        found[name] = _variable(name, entry, env_files)
    return Known(found, node.place if node else service.origin)


def _env_files(service: Service) -> frozenset[str]:
    """The env files of the service; where the model has dropped them, everything that is not a compose file."""
    return frozenset(
        path
        for path in service.project.read
        if path not in service.project.files and not path.endswith((".yaml", ".yml", ".json"))
    )


def _variable(name: str, node: Node, env_files: frozenset[str]) -> Variable:
    in_file = node.origin.file in env_files
    unknown = node.value is None or bool(node.unresolved)
    return Variable(
        name,
        None if unknown else node.text(),
        node.place,
        literal=not unknown and is_literal(node.template),
        place="env_file" if in_file else "environment",
    )


def is_literal(template: str | None) -> bool:
    """Whether a value is written out: it has no reference, or each brings its own default."""
    if template is None:
        return True
    for match in _PLAIN_REFERENCE.finditer(template):
        if match[0] != "$$" and not (match[1] == "-" and match[2]):
            return False
    return True
