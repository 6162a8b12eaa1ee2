"""Where the images of services come from."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice

_ADDRESS = pattern(r"(?!127\.)\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?")


@control(severity="high", optional=True, owasp="RULE 13", nist="4.1.5")
def allowed_image_registry(service: Service, *, registries: tuple[str, ...] = ()) -> Findings:
    """The image of a service comes from a registry that the suite allows.

    An entry of ``registries`` is a registry (`docker.io`), a registry with a path (`ghcr.io/ourteam`), or either with
    `*` (`*.example.com`). Without a list only a registry that is a bare IP address is reported: no certificate speaks
    for it. Of base images ``allowed-base-registry`` speaks.

    Bad::

        services:
          web:
            image: 203.0.113.7:5000/app:1.4  # <-

    Good::

        services:
          web:
            image: registry.example.com/app:1.4
          own:
            build: .
            image: 203.0.113.7:5000/own:1.4
    """
    node = service.get("image")
    if node is None or service.get("build") is not None:
        not_applicable("no image is pulled")
    if node.unresolved:
        unknown("the image depends on a variable that has no value")
    image = parse_reference(node.text())
    if registries and not any(image.comes_from(entry) for entry in registries):
        yield service.finding(
            f"{image.registry} is not an allowed registry", advice("use one of " + ", ".join(registries)), at=node
        )
    elif not registries and _ADDRESS.fullmatch(image.registry):
        yield service.finding("the registry is a bare IP address", advice("name the registry"), at=node)
