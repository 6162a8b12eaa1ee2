"""What an image is built on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import mounts, plain
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Dockerfile, Stage
from pytest_dockerharden.model.fact import not_applicable, unknown
from pytest_dockerharden.model.finding import Class, Findings, Remedy
from pytest_dockerharden.model.known_images import default_user
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.reference import Reference, parse_reference
from pytest_dockerharden.model.releases import end_of_life, given_up
from pytest_dockerharden.model.remedies import advice, remove_word
from pytest_dockerharden.model.shell import Word

_PLACEHOLDER = pattern(r"replace|placeholder|change|your|actual|digest|todo|x{3,}|\.\.\.|<|>", re.IGNORECASE)
_MOVING = frozenset(
    """stable edge nightly main master trunk develop dev rolling testing unstable current mainline lts release prod
    production snapshot canary""".split()  # noqa: SIM905
)
_ADDRESS = pattern(r"(?!127\.)\d+\.\d+\.\d+\.\d+(:|\Z)")
_NUMBER = pattern(r"(?:^|[-_a-z])v?(\d+(?:\.\d+)*)")


def external_base(stage: Stage) -> Reference:
    """The image that the stage starts from; ends the control where there is none or it is decided at build time."""
    if stage.parent is not None or stage.base == "scratch":
        not_applicable("the stage builds on no external image")
    if stage.base is None:
        unknown(f"FROM {stage.base_word.raw} is decided at build time")
    return parse_reference(stage.base)


def _images(stage: Stage) -> Iterator[tuple[Reference, TextOrigin]]:
    """Every external image that a stage names: FROM, COPY --from, RUN --mount=from."""
    if stage.parent is None and stage.base not in {None, "scratch"}:
        yield parse_reference(stage.base or ""), stage.base_word.origin
    for name, word in _sources(stage):
        if _is_image(stage.dockerfile, name):
            yield parse_reference(name), word.origin


def _sources(stage: Stage) -> Iterator[tuple[str, Word]]:
    for instruction in stage.of("COPY", "RUN"):
        flag = instruction.flag("from") if instruction.keyword == "COPY" else None
        if flag and flag.value and flag.value.value:
            yield flag.value.value, flag.value
        for option in mounts(instruction) if instruction.keyword == "RUN" else ():
            mount = instruction.flag("mount")
            if option.get("from") and mount and mount.value:
                yield option["from"], mount.value


def _is_image(dockerfile: Dockerfile, name: str) -> bool:
    """Neither a stage nor, as far as its name tells, a named build context."""
    if dockerfile.stage(name) is not None or "$" in name or name.isdigit():
        return False
    return bool({":", "/", "@"}.intersection(name)) or default_user(name) is not None


def _without_platform(stage: Stage, effect: Class = "behaviour-changing") -> Remedy:
    text, flag = "leave --platform out", stage.instructions[0].flag("platform")
    breaks = "" if effect == "safe" else "a build on a machine of another architecture"
    return remove_word(flag.origin, text=text, effect=effect, breaks=breaks) if flag else advice(text)


@control(
    severity="medium",
    plan="P2",
    cis="4.2",
    owasp="RULE 13",
    nist="4.1.5",
    equivalents={
        "kics": "image_version_not_explicit",
        "trivy": "DS-0001",
        "checkov": "CKV_DOCKER_7",
        "hadolint": "DL3006",
        "semgrep": "missing-image-version",
        "sonar": "S6596",
        "dockle": "DKL-DI-0006",
        "terrascan": "AC_DOCKER_0041",
    },
)
def tagged_base_image(stage: Stage) -> Findings:
    """The base image has a tag or a digest.

    No tag means `latest`, which is moved to every new release: the next build is another program, untested, and nobody
    can say what the last one was built on.

    Bad::

        FROM node  # <-
        COPY --from=busybox /bin/wget /bin/wget  # <-

    Good::

        FROM node:22.11.0 AS build
        FROM build
        FROM scratch
        FROM localhost:5000/team/app:1.4
        COPY --from=build /app /app

    Good::

        FROM alpine@sha256:21dc6063fd678b478f57c0e13f47560d0ea4eeba26dfc947b2a4f81f686b9f45
    """
    for image, origin in _decided_images(stage):
        if not image.tag:
            yield stage.finding(
                f"{image.familiar} has no tag, so it is latest", advice(f"FROM {image.text}:VERSION"), at=origin
            )


@control(
    severity="medium",
    plan="P2",
    cis="4.2",
    owasp="RULE 13",
    nist="4.1.5",
    equivalents={
        "kics": "image_version_using_latest",
        "trivy": "DS-0001",
        "checkov": "CKV_DOCKER_7",
        "hadolint": "DL3007",
        "semgrep": "avoid-latest-version",
        "sonar": "S6596",
        "dockle": "DKL-DI-0006",
        "terrascan": "AC_DOCKER_0041",
    },
)
def versioned_base_image(stage: Stage) -> Findings:
    """The tag of the base image is a version, and not `latest`.

    `latest` is moved to every new release: the next build is another program, untested, and nobody can say what the
    last one was built on.

    Bad::

        FROM node:latest  # <-
        COPY --from=busybox:latest /bin/wget /bin/wget  # <-

    Bad::

        ARG TAG=latest
        FROM alpine:${TAG}  # <-

    Good::

        ARG VERSION=22.11.0
        FROM node:${VERSION} AS build
        FROM build
        COPY --from=build /app /app

    Good::

        FROM alpine:latest@sha256:21dc6063fd678b478f57c0e13f47560d0ea4eeba26dfc947b2a4f81f686b9f45
    """
    for image, origin in _decided_images(stage):
        if image.tag.lower() == "latest":
            yield stage.finding(
                f"{image.familiar}:latest is moved to every release",
                advice(f"FROM {image.familiar}:VERSION"),
                at=origin,
            )


def _decided_images(stage: Stage) -> Iterator[tuple[Reference, TextOrigin]]:
    """The external images that no digest pins. Ends as unknown where the base is decided at build time."""
    found = list(_images(stage))
    yield from ((image, origin) for image, origin in found if not image.digest and "$" not in image.text)
    if stage.base is None:
        unknown(f"FROM {stage.base_word.raw} is decided at build time")
    if not found:
        not_applicable("no external image is named")


@control(severity="low", plan="P2", optional=True, nist="4.1.5")
def precise_base_version(stage: Stage) -> Findings:
    """The tag of the base image names one release, not a line of releases.

    `7-alpine`, `22` and `stable` are moved on purpose, so two builds of one commit differ. A digest settles it as well.

    Bad::

        FROM redis:7-alpine  # <-

    Bad::

        FROM debian:stable  # <-

    Good::

        FROM redis:7.4.1-alpine

    Good::

        FROM redis:7-alpine@sha256:21dc6063fd678b478f57c0e13f47560d0ea4eeba26dfc947b2a4f81f686b9f45
    """
    image = external_base(stage)
    if image.digest or not image.tag or image.tag == "latest":
        return
    match = _NUMBER.search(image.tag.lower())
    number = match[1] if match else ""
    if image.tag.lower() in _MOVING or (number and "." not in number and len(number) < 6):
        yield stage.finding(
            f"{image.familiar}:{image.tag} is moved from release to release",
            advice("name the release, or add its digest"),
            at=stage.base_word.origin,
        )


@control(
    severity="low",
    plan="P0",
    optional=True,
    cis="4.2",
    owasp="RULE 13",
    nist="4.1.5",
    equivalents={"semgrep": "dockerfile-source-not-pinned", "sonar": "S7023"},
)
def digest_pinned_base(stage: Stage) -> Findings:
    """The base image is pinned by its digest.

    A tag can be pushed again, by its owner or by whoever took the account over; a digest names the content itself.
    Keep the tag beside it: people read the tag, the builder takes the digest.

    Bad::

        FROM nginx:1.27.3-alpine  # <-

    Good::

        FROM nginx:1.27.3-alpine@sha256:21dc6063fd678b478f57c0e13f47560d0ea4eeba26dfc947b2a4f81f686b9f45 AS web
        FROM web
        FROM scratch
    """
    image = external_base(stage)
    if not image.digest:
        yield stage.finding(
            f"{image.familiar} is not pinned by a digest",
            advice(f"FROM {image.text}{'' if image.tag else ':TAG'}@sha256:DIGEST"),
            at=stage.base_word.origin,
        )


@control(severity="high", plan="P0")
def valid_base_reference(stage: Stage) -> Findings:
    """The base image reference is one that the builder takes.

    A digest is `sha256:` and 64 lower-case hex digits. A placeholder, or one with a digit lost, looks pinned in review
    and is "invalid reference format" when it is built.

    Bad::

        FROM certbot/certbot:v3.0.1@sha256:REPLACE_WITH_ACTUAL_DIGEST  # <-

    Bad::

        FROM MyOrg/App:1.0  # <-

    Good::

        FROM certbot/certbot:v3.0.1@sha256:21dc6063fd678b478f57c0e13f47560d0ea4eeba26dfc947b2a4f81f686b9f45
    """
    image = external_base(stage)
    if image.valid:
        return
    if image.digest and _PLACEHOLDER.search(image.digest):
        message = "the digest is a placeholder"
    elif image.digest:
        message = "the digest is not sha256: and 64 hex digits"
    elif image.text != image.text.lower():
        message = "the image name is not in lower case"
    else:
        message = "the image reference is not valid"
    yield stage.finding(message, advice("FROM name:tag@sha256:<64 hex digits>"), at=stage.base_word.origin)


@control(severity="medium", plan="P0", optional=True)
def one_digest_per_base(dockerfile: Dockerfile) -> Findings:
    """One digest stands for one image.

    Two different images cannot have the same content: a digest that was copied from another line pins the wrong
    image, and the tag beside it only looks right.

    Bad::

        FROM nginx:1.27.3@sha256:21dc6063fd678b478f57c0e13f47560d0ea4eeba26dfc947b2a4f81f686b9f45 AS web
        FROM redis:7.4.1@sha256:21dc6063fd678b478f57c0e13f47560d0ea4eeba26dfc947b2a4f81f686b9f45  # <-

    Good::

        FROM nginx:1.27@sha256:21dc6063fd678b478f57c0e13f47560d0ea4eeba26dfc947b2a4f81f686b9f45 AS web
        FROM nginx:1.27.3@sha256:21dc6063fd678b478f57c0e13f47560d0ea4eeba26dfc947b2a4f81f686b9f45
    """
    seen: dict[str, Reference] = {}
    for stage in dockerfile.stages:
        if stage.parent is not None or not stage.base:
            continue
        image = parse_reference(stage.base)
        other = seen.setdefault(image.digest, image)
        if image.digest and image.valid and _differs(image, other):
            yield stage.finding(
                f"the digest is that of {other.familiar}{':' if other.tag else ''}{other.tag}",
                advice("look the digest of this image up"),
                at=stage.base_word.origin,
            )


def _differs(one: Reference, other: Reference) -> bool:
    return one.path.rsplit("/", 1)[-1] != other.path.rsplit("/", 1)[-1] or _flavour(one.tag) != _flavour(other.tag)


def _flavour(tag: str) -> set[str]:
    """The words of a tag that say what is in it: two tags of one image may share a digest, `slim` and `perl` cannot."""
    return {word for word in re.split(r"[-_.]", tag) if word in {"slim", "perl", "otel", "fpm", "apache", "jre", "jdk"}}


@control(
    severity="high",
    optional=True,
    cis="4.2",
    owasp="RULE 13",
    nist="4.1.5",
    equivalents={"hadolint": "DL3026"},
)
def allowed_base_registry(stage: Stage, *, registries: tuple[str, ...] = ()) -> Findings:
    """The base image comes from a registry that the suite allows.

    An entry of the list is a registry (`docker.io`), a registry with a path (`ghcr.io/ourteam`), or either with `*`
    (`*.example.com`). Without a list only a registry that is a bare IP address is reported: no certificate speaks
    for it, so it can be whoever answers there.

    Bad::

        FROM 203.0.113.7:5000/nginx:1.27  # <-

    Good::

        FROM docker.io/library/nginx:1.27
    """
    for image, origin in _images(stage):
        if not registries and _ADDRESS.match(image.registry):
            yield stage.finding("the registry is a bare IP address", advice("name the registry"), at=origin)
        elif registries and "$" not in image.text and not any(image.comes_from(entry) for entry in registries):
            yield stage.finding(
                f"{image.registry} is not an allowed registry", advice("use one of " + ", ".join(registries)), at=origin
            )
    if stage.base is None:
        unknown(f"FROM {stage.base_word.raw} is decided at build time")


@control(
    severity="info",
    optional=True,
    cis="4.3",
    nist="4.1.1",
    equivalents={"tally": "tally/gpu/prefer-runtime-final-stage"},
)
def cuda_ships_its_runtime(dockerfile: Dockerfile) -> Findings:
    """The image that ships is built on the runtime variant of CUDA.

    The `devel` variants hold compilers, headers and static libraries: gigabytes that a program does not use.

    Bad::

        FROM nvidia/cuda:12.6.3-devel-ubuntu24.04  # <-
        CMD ["/app"]

    Good::

        FROM nvidia/cuda:12.6.3-devel-ubuntu24.04 AS build
        FROM nvidia/cuda:12.6.3-runtime-ubuntu24.04
        COPY --from=build /app /app
    """
    if dockerfile.final is None:
        not_applicable("there is no stage")
    stage = list(dockerfile.final.chain())[-1]
    image = external_base(stage)
    if image.familiar == "nvidia/cuda" and "devel" in image.tag:
        message = f"{image.familiar}:{image.tag} holds the tools of a build"
        yield stage.finding(message, advice("FROM its runtime variant"))


@control(severity="medium", nist="4.1.1", equivalents={"tally": "tally/ruby/eol-ruby-version"})
def supported_ruby_release(stage: Stage) -> Findings:
    """The Ruby of the base image still gets security fixes.

    After its end of life it is published no more: every flaw found since is in the image.

    Bad::

        FROM ruby:2.7-slim  # <-

    Good::

        FROM ruby:3.4-slim
    """
    if external_base(stage).official != "ruby":
        not_applicable("the base is not Ruby")
    yield from _past_its_end(stage)


@control(severity="medium", nist="4.1.1")
def supported_base_release(stage: Stage) -> Findings:
    """The release of the base image still gets security fixes.

    After its end of life a distribution or runtime is published no more: every flaw found since is in the image.

    Bad::

        FROM python:3.6-slim  # <-

    Bad::

        FROM debian:stretch  # <-

    Good::

        FROM python:3.13-slim
        FROM debian:bookworm
        FROM ubuntu:24.04
    """
    if external_base(stage).official != "ruby":  # that is supported-ruby-release
        yield from _past_its_end(stage)


def _past_its_end(stage: Stage) -> Findings:
    image = external_base(stage)
    since = end_of_life(image)
    if since:
        if given_up(image) == since:
            message, remedy = (
                f"the {image.familiar} images were given up in {since}",
                "FROM an image that is maintained",
            )
        else:
            message = f"{image.familiar}:{image.tag} had its end of life in {since}"
            remedy = "FROM a release that is supported"
        yield stage.finding(
            message,
            advice(remedy),
            at=stage.base_word.origin,
        )


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "using_platform_with_from",
        "hadolint": "DL3029",
        "semgrep": "avoid-platform-with-from",
        "buildkit": "FromPlatformFlagConstDisallowed",
        "terrascan": "AC_DOCKER_0001",
    },
)
def base_platform_not_fixed(stage: Stage) -> Findings:
    """The platform of the base is left to the build.

    With a constant the image exists for that platform alone: elsewhere it is emulated, or does not start. Cross
    compilation names `$BUILDPLATFORM`; a stage made for one platform says so in its name.

    Bad::

        FROM --platform=linux/amd64 alpine:3.22  # <-

    Good::

        FROM --platform=$BUILDPLATFORM golang:1.24 AS build
        FROM --platform=linux/arm64 alpine:3.22 AS tools_arm64
        FROM alpine:3.22
    """
    platform = stage.platform
    if platform is None:
        not_applicable("no platform is given")
    if "$" in platform.raw:
        return
    parts = [part for part in plain(platform).lower().split("/") if part]
    if not any(part in stage.name for part in parts):
        yield stage.finding(f"the platform is fixed to {plain(platform)}", _without_platform(stage))


@control(severity="info", optional=True, equivalents={"hadolint": "DL3065", "buildkit": "RedundantTargetPlatform"})
def no_redundant_platform(stage: Stage) -> Findings:
    """FROM does not ask for the platform that it gets anyway.

    `--platform=$TARGETPLATFORM` is what FROM does by itself. It reads as if something special happened here.

    Bad::

        FROM --platform=$TARGETPLATFORM alpine:3.22  # <-

    Good::

        FROM alpine:3.22
    """
    if stage.platform is None:
        not_applicable("no platform is given")
    if re.fullmatch(r"\"?\$(TARGETPLATFORM|\{TARGETPLATFORM\})\"?", stage.platform.raw):
        yield stage.finding("$TARGETPLATFORM is the default", _without_platform(stage, effect="safe"))


@control(
    severity="info",
    optional=True,
    cis="4.3",
    nist="4.1.1",
)
def slim_base_image(dockerfile: Dockerfile) -> Findings:
    """The image that ships is built on a slim base.

    The full variants of the language images hold compilers, headers and version control for the build: some hundred
    packages that the program does not use, each with its flaws and each at hand for an intruder.

    Bad::

        FROM python:3.13  # <-
        CMD ["python", "app.py"]

    Good::

        FROM python:3.13 AS build
        FROM python:3.13-slim
        COPY --from=build /app /app
    """
    stage = dockerfile.final
    if stage is None:
        not_applicable("there is no stage")
    stage = list(stage.chain())[-1]
    image = external_base(stage)
    fat = {
        "python",
        "node",
        "golang",
        "rust",
        "ruby",
        "php",
        "perl",
        "gcc",
        "buildpack-deps",
        "erlang",
        "elixir",
        "swift",
    }
    full = image.official in fat and not re.search(r"slim|alpine|distroless|apache|fpm|cli", image.tag)
    if full:
        yield stage.finding(
            f"{image.familiar}:{image.tag or 'latest'} holds the tools of a build", advice("FROM its slim variant")
        )
