"""What a built image is built on."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Finding, Findings
from pytest_dockerharden.model.image import Base, Image
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.releases import end_of_life
from pytest_dockerharden.model.remedies import advice

_OFFICIAL = {"amzn": "amazonlinux"}
_BASE_DIGEST = "org.opencontainers.image.base.digest"


@control(severity="medium", nist="4.1.1")
def built_on_a_supported_release(image: Image) -> Findings:
    """The distribution in the image still gets security fixes.

    After its end of life a release is published no more: every flaw found since is in the image. What counts is what
    /etc/os-release of the image says, whatever the tag of its base was.

    Bad::

        FROM debian:9  # <-

    Good::

        FROM debian:12
    """
    release = image.release.value
    name, version = release.get("ID", "").lower(), release.get("VERSION_ID", "")
    if not name or not version:
        not_applicable("the image has no release of a distribution")
    since = end_of_life(parse_reference(f"{_OFFICIAL.get(name, name)}:{version}"))
    if since:
        shown = release.get("PRETTY_NAME") or f"{name} {version}"
        remedy = advice("FROM a release that is supported")
        yield image.finding(f"{shown} had its end of life in {since}", "/etc/os-release", f"{name} {version}", remedy)


@control(severity="medium", nist="4.1.5")
def built_on_its_pinned_base(image: Image) -> Findings:
    """The image is built on the base that its Dockerfile pins.

    The digest in FROM says which base was reviewed. An image that was built before it was changed, or elsewhere, is on
    another one, with flaws that are thought to be fixed.

    Bad::

        # based: elsewhere
        FROM debian:12.5@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b  # <-

    Good::

        FROM debian:12.5@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
    """
    pinned = [base for base in image.bases if parse_reference(base.reference).pinned]
    if not pinned:
        not_applicable("no Dockerfile of the project builds it on a pinned base")
    yield from _elsewhere(image, pinned)


@control(severity="low", optional=True, nist="4.1.1")
def built_on_its_current_base(image: Image) -> Findings:
    """The image is built on what its base's tag names now.

    A base with a tag gets fixes under the same name. An image that was built before has none of them.

    Bad::

        # based: elsewhere
        FROM debian:12.5  # <-

    Good::

        FROM debian:12.5
    """
    named = [base for base in image.bases if not parse_reference(base.reference).digest]
    if not named:
        not_applicable("no Dockerfile of the project builds it on a base with a tag alone")
    yield from _elsewhere(image, named)


def _elsewhere(image: Image, bases: list[Base]) -> Findings:
    """Two services may build an image of one name: that it is built on one of their bases is enough."""
    verdicts = [_is_on(image, base) for base in bases]
    if True in verdicts:
        return
    if None in verdicts:
        unknown(f"the base image {bases[verdicts.index(None)].reference} is not on the engine")
    for base in bases:
        message = f"it is not built on {base.reference.partition('@')[0]} as FROM names it"
        yield Finding(message, image.at("layers", ""), advice("docker build --pull ..."), (base.origin,))


def _is_on(image: Image, base: Base) -> bool | None:
    """By the layers of the base, or by what the image's labels say of it."""
    own = tuple(layer.digest for layer in image.layers.value)
    layers = base.layers.get(None)
    if layers is not None:
        return own[: len(layers)] == layers
    said = image.config.value.labels.get(_BASE_DIGEST)
    digest = parse_reference(base.reference).digest
    return said == digest if said and digest else None
