"""The healthcheck in force: the service's over the Dockerfile's over the image's, key by key."""

from __future__ import annotations

import re
from dataclasses import fields

from pytest_dockerharden.model.dockerfile import Instruction
from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.known_images import default_user
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.posture import Healthcheck
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.predict.layers import Layers
from pytest_dockerharden.predict.reading import first_unresolved, integer, seconds, seconds_of, truth

_CMD = pattern(r"(?<!\S)CMD(?!\S)", re.IGNORECASE)
_WITHOUT_HEALTHCHECK = (
    "bitnami/", "bitnamilegacy/", "nginxinc/nginx-unprivileged", "gcr.io/distroless/", "cgr.dev/chainguard/",
    "mcr.microsoft.com/dotnet/", "grafana/", "prom/",
)  # fmt: skip
_TIMES = ("interval", "timeout", "start_period", "start_interval")


def predict_healthcheck(service: Service, layers: Layers) -> Fact[Healthcheck | None]:
    """The healthcheck in force; None where there is none or it is switched off."""
    node, below = service.get("healthcheck"), _of_image(layers)
    if node is None:
        return below
    disable, test = node.get("disable"), node.get("test")
    reason = first_unresolved([n for n in (disable, test, *(test or ())) if n is not None], "the healthcheck")
    if reason:
        return reason
    words = tuple(item.text() for item in test or ())
    if disable is not None and truth(disable):
        return Known(None, disable.place, node.related)
    if words and words[0] == "NONE" and test is not None:
        return Known(None, test.place, node.related)
    if isinstance(below, Unknown):
        return Known(_merged(node, words, None), node.place, node.related) if words else below
    if not words and below.value is None:
        return Known(None, node.place, node.related)
    return Known(_merged(node, words, below.value), node.place, node.related)


def _merged(node: Node, words: tuple[str, ...], below: Healthcheck | None) -> Healthcheck:
    """The engine takes every key that the service leaves out from the image."""
    base = {field.name: getattr(below, field.name) for field in fields(Healthcheck)} if below else {}
    given = {"test": words} if words else {}
    times = {name: seconds(part) for name in _TIMES if (part := node.get(name)) is not None and not part.unresolved}
    retries = node.get("retries")
    counts = {"retries": integer(retries)} if retries is not None and not retries.unresolved else {}
    return Healthcheck(**{**base, **given, **{k: v for k, v in (times | counts).items() if v}})


def _of_image(layers: Layers) -> Fact[Healthcheck | None]:
    instruction = layers.last("HEALTHCHECK")
    if instruction is not None:
        return Known(None if instruction.none else _of_instruction(instruction), instruction.origin)
    if layers.image is not None:
        return Known(layers.image.healthcheck, layers.service.origin)
    if layers.base and _publisher_adds_none(layers.base):
        return Known(None, layers.service.origin, (layers.base_origin,))
    return layers.missing("the healthcheck")


def _publisher_adds_none(reference: str) -> bool:
    """Official images have no HEALTHCHECK, as their guidelines ask, and neither have these publishers' images."""
    image = parse_reference(reference)
    if image.official:
        return default_user(reference) is not None
    return image.familiar.startswith(_WITHOUT_HEALTHCHECK)


def _of_instruction(instruction: Instruction) -> Healthcheck:
    if instruction.form == "exec":
        test: tuple[str, ...] = ("CMD", *(word.text for word in instruction.words))
    else:
        test = ("CMD-SHELL", _CMD.split(instruction.text, maxsplit=1)[-1].strip())
    given = {flag.name.replace("-", "_"): flag.value.text for flag in instruction.flags if flag.value}
    retries = given.get("retries", "")
    return Healthcheck(
        test,
        retries=int(retries) if retries.isascii() and retries.isdigit() else None,
        **{name: seconds_of(given[name]) for name in _TIMES if name in given},
    )
