"""Which image a service really runs."""

from __future__ import annotations

import re
from functools import lru_cache

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.reference import Reference, parse_reference
from pytest_dockerharden.model.remedies import advice, set_key

ALIASES = ("latest", "stable", "edge", "nightly", "dev", "test")
PREVIEWS = ("beta", "canary", "alpha", "rc", "unstable", "testing", "snapshot")
BRANCHES = (
    "main", "master", "trunk", "develop", "rolling", "current", "mainline", "lts", "release", "prod", "production",
)  # fmt: skip
MOVING_TAGS = (*ALIASES, *PREVIEWS, *BRANCHES)
_PLACEHOLDER = pattern(r"replace|placeholder|change|your|actual|digest|todo|x{3,}|\.\.\.|<|>", re.IGNORECASE)
_NUMBER = pattern(r"v?(\d+(?:\.\d+)*)")


def _image(service: Service) -> tuple[Node, Reference]:
    """The image that is pulled; one that a service of the project builds is not."""
    node = service.get("image")
    if node is None or service.get("build") is not None:
        not_applicable("no image is pulled")
    if node.text() in _built(service.project):
        not_applicable("a service of the project builds it")
    if node.unresolved:
        unknown("the image depends on a variable that has no value")
    return node, parse_reference(node.text())


@lru_cache(maxsize=2)
def _built(project: Project) -> frozenset[str]:
    """The images that services of the project build, looked up once for all of them."""
    return frozenset(other.text("image") for other in project.services.values() if other.get("build") is not None)


@control(
    severity="medium",
    plan="P2",
    cis="5.28",
    owasp="RULE 13",
    nist="4.2.2",
    equivalents={
        "compose-lint": "CL-0004",
        "dclint": "service-image-require-explicit-tag",
        "checkov": "CKV_DOCKER_7",
        "hadolint": ("DL3006", "DL3007"),
    },
)
def versioned_image(service: Service, *, moving_tags: tuple[str, ...] = ALIASES) -> Findings:
    """The image names a version.

    `latest`, which is also what no tag means, and tags like it are moved to the next release: the next pull starts
    another program, untested, and nobody can say which one ran yesterday.

    Bad::

        services:
          web:
            image: nginx  # <-
          cache:
            image: redis:latest  # <-

    Good::

        services:
          web:
            image: nginx:1.27.3
          cache:
            image: redis@sha256:9341b6548cc35b64a6de0085555264336e2f570e17ecff20190bf62222f2bd64
    """
    node, image = _image(service)
    if not image.digest and not image.tag:
        yield service.finding("the image has no tag, so it is `latest`", advice(f"{image.text}:VERSION"), at=node)
    yield from _moving(service, moving_tags)


def _moving(service: Service, tags: tuple[str, ...]) -> Findings:
    node, image = _image(service)
    if image.tag.lower() in tags and not image.digest:
        remedy = advice("name the version, and best its digest as well")
        yield service.finding(f"the tag `{image.tag}` moves with every release", remedy, at=node)


@control(
    severity="medium",
    plan="P2",
    cis="5.28",
    owasp="RULE 13",
    equivalents={"dclint": "service-image-require-explicit-tag"},
)
def released_image(service: Service, *, previews: tuple[str, ...] = PREVIEWS) -> Findings:
    """The image is not the latest preview.

    `beta`, `canary` and `rc` are moved to the next one too, and what they name was not released.

    Bad::

        services:
          web:
            image: app:canary  # <-

    Good::

        services:
          web:
            image: app:1.4.0-rc.2
    """
    yield from _moving(service, previews)


@control(severity="medium", plan="P2", cis="5.28", owasp="RULE 13")
def no_branch_as_tag(service: Service, *, branches: tuple[str, ...] = BRANCHES) -> Findings:
    """The tag of the image is not the name of a branch.

    `main`, `mainline` and `lts` are wherever the branch is: the next pull starts what was merged since.

    Bad::

        services:
          web:
            image: app:main  # <-

    Good::

        services:
          web:
            image: app:1.4.0
    """
    yield from _moving(service, branches)


@control(severity="low", plan="P2", optional=True, owasp="RULE 13")
def precise_image_version(service: Service) -> Findings:
    """The image tag names a version down to its second number.

    A tag such as `7-alpine` follows every minor release of that line.

    Bad::

        services:
          cache:
            image: redis:7-alpine  # <-

    Good::

        services:
          cache:
            image: redis:7.4-alpine
    """
    node, image = _image(service)
    if image.digest or not image.tag or image.tag.lower() in MOVING_TAGS:
        not_applicable("the version is judged by its digest or its tag as a whole")
    version = _NUMBER.match(image.tag)
    # a date or a build number is as precise as a version can be
    if version is None or ("." not in version[1] and len(version[1]) < 5):
        yield service.finding(
            f"the tag `{image.tag}` names no minor version", advice(f"{image.familiar}:MAJOR.MINOR"), at=node
        )


@control(
    severity="low",
    plan="P2",
    optional=True,
    owasp="RULE 13",
    nist="4.2.2",
    equivalents={"compose-lint": "CL-0019", "semgrep": "dockerfile-source-not-pinned"},
)
def digest_pinned_image(service: Service) -> Findings:
    """The image is pinned by its digest.

    A tag can be moved by whoever holds the registry account; a digest names the content itself.

    Bad::

        services:
          cache:
            image: redis:7.4.1  # <-

    Good::

        services:
          cache:
            image: redis:7.4.1@sha256:9341b6548cc35b64a6de0085555264336e2f570e17ecff20190bf62222f2bd64
    """
    node, image = _image(service)
    if not image.tag or image.tag.lower() in ALIASES:
        not_applicable("it names no version: versioned-image judges it")
    if not image.digest:
        yield service.finding("the image has no digest", advice(f"{image.text}@sha256:DIGEST"), at=node)


@control(severity="high", plan="P2")
def valid_image_reference(service: Service) -> Findings:
    """The engine can read the image reference.

    Compose takes any text; the engine answers "invalid reference format" when the stack is started. A digest is
    `sha256:` and exactly 64 lower-case hex digits.

    Bad::

        services:
          cache:
            image: redis:7-alpine@sha256:REPLACE_WITH_DIGEST  # <-

    Good::

        services:
          cache:
            image: redis:7.4.1@sha256:9341b6548cc35b64a6de0085555264336e2f570e17ecff20190bf62222f2bd64
    """
    node = service.get("image")
    if node is None:
        not_applicable("no image is named")
    if node.unresolved:
        unknown("the image depends on a variable that has no value")
    image = parse_reference(node.text())
    if image.valid and (image.pinned or not image.digest):
        return
    if image.digest and _PLACEHOLDER.search(image.digest):
        message = "the digest is a placeholder"
    elif image.digest:
        message = "the digest is not one the engine takes"
    elif image.text != image.text.lower() and parse_reference(image.text.lower()).valid:
        message = "an image name must be lower case"
    else:
        message = "the engine cannot read this image reference"
    yield service.finding(message, advice("write name:version@sha256:<64 lower-case hex digits>"), at=node)


@control(severity="medium", plan="P2", owasp="RULE 13")
def one_digest_per_image(project: Project) -> Findings:
    """A digest belongs to one image and one tag.

    The same digest under another name or tag was copied and not looked up: the engine goes by the digest, and runs
    another image than the line says.

    Bad::

        services:
          web:
            image: nginx:1.27.3@sha256:9341b6548cc35b64a6de0085555264336e2f570e17ecff20190bf62222f2bd64
          cache:
            image: redis:7.4.1@sha256:9341b6548cc35b64a6de0085555264336e2f570e17ecff20190bf62222f2bd64  # <-

    Good::

        services:
          cache:
            image: redis:7.4.1@sha256:9341b6548cc35b64a6de0085555264336e2f570e17ecff20190bf62222f2bd64
          sessions:
            image: redis:7.4.1@sha256:9341b6548cc35b64a6de0085555264336e2f570e17ecff20190bf62222f2bd64
    """
    by_digest: dict[str, Reference] = {}
    for service in project.services.values():
        node = service.get("image")
        image = parse_reference(node.text()) if node is not None and not node.unresolved else None
        if node is None or image is None or not image.pinned:
            continue
        first = by_digest.setdefault(image.digest, image)
        if first.path.rsplit("/", 1)[-1] != image.path.rsplit("/", 1)[-1] or (
            first.tag and image.tag and first.tag != image.tag
        ):
            yield project.finding(
                f"{service.name} has the digest of {first.familiar}:{first.tag or 'latest'}",
                advice("look up the digest of this very tag"),
                at=node,
            )


@control(severity="low", plan="P2", optional=True)
def versioned_build_image(service: Service) -> Findings:
    """An image that is built here is named with a version.

    Under `latest` every build overwrites the one before: there is nothing to go back to.

    Bad::

        services:
          web:
            build: .
            image: app:latest  # <-

    Good::

        services:
          web:
            build: .
            image: app:2.0.0
    """
    node = service.get("image")
    if node is None or service.get("build") is None or node.unresolved:
        not_applicable("no image is named for a build")
    image = parse_reference(node.text())
    if not image.digest and (not image.tag or image.tag.lower() in MOVING_TAGS):
        yield service.finding("every build overwrites this image", advice(f"{image.familiar}:VERSION"), at=node)


@control(severity="info", optional=True, cis="5.28")
def moving_image_is_pulled(service: Service) -> Findings:
    """An image with a moving tag is pulled anew.

    Without `pull_policy: always` an engine keeps the copy that it has, security fixes or not.

    Bad::

        services:
          web:
            image: nginx:stable  # <-

    Good::

        services:
          web:
            image: nginx:stable
            pull_policy: always
    """
    node, image = _image(service)
    if image.digest or (image.tag and image.tag.lower() not in MOVING_TAGS):
        not_applicable("the tag does not move")
    policy = service.text("pull_policy")
    if policy in {"", "missing", "if_not_present", "never"}:
        yield service.finding("an old copy of this image stays in use", set_key("pull_policy", "always"), at=node)
