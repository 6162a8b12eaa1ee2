"""Whether what a build installs has a version, manager by manager."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.build import plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.packages import DEBIAN, INSTALL, Invocation, invocations, unpinned
from pytest_dockerharden.model.remedies import advice


def _unpinned(stage: Stage, *managers: str, form: str) -> Findings:
    """A finding for each install by one of the managers that names a package without its version."""
    installs = list(_installs(stage, *managers))
    if not installs:
        not_applicable(f"{managers[0]} installs nothing")
    for run, call in installs:
        names = [plain(word) for word in unpinned(call)]
        if names and "group" not in call.verb:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield run.finding(f"{names[0]}{more} without a version", advice(form), at=call.command.origin)


def _installs(stage: Stage, *managers: str) -> Iterator[tuple[Instruction, Invocation]]:
    for run in runs(stage):
        for call in invocations(run, *managers):
            fetches = call.verb == "run" and call.manager in {"go", "pipx"}  # and runs it at once
            if fetches or (call.action == INSTALL and (call.verb != "get" or call.manager == "go")):
                yield run, call


@control(
    severity="low",
    optional=True,
    equivalents={"kics": "apt_get_install_pin_version_not_defined", "hadolint": "DL3008"},
)
def pinned_apt_packages(stage: Stage) -> Findings:
    """Packages that apt installs have a version.

    Two builds of one commit then hold the same programs. The price: distributions drop old versions, so pins need
    care, or a snapshot mirror.

    Bad::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y curl  # <-

    Good::

        FROM debian:12-slim
        RUN apt-get update && apt-get install -y curl=7.88.* ./local.deb $EXTRA
    """
    yield from _unpinned(stage, *DEBIAN, form="NAME=VERSION")


@control(
    severity="low",
    optional=True,
    equivalents={"kics": "unpinned_package_version_in_apk_add", "hadolint": "DL3018"},
)
def pinned_apk_packages(stage: Stage) -> Findings:
    """Packages that apk installs have a version.

    Two builds of one commit then hold the same programs. A release of Alpine keeps one version of a package: a range
    (`~=8.12`) lives longer than an exact one.

    Bad::

        FROM alpine:3.22
        RUN apk add --no-cache --virtual .build gcc  # <-

    Good::

        FROM alpine:3.22
        RUN apk add --no-cache curl~=8.14 && apk add --no-cache /tmp/local.apk
    """
    yield from _unpinned(stage, "apk", form="NAME=VERSION")


@control(
    severity="low",
    optional=True,
    equivalents={"kics": "yum_install_without_version", "hadolint": "DL3033", "terrascan": "AC_DOCKER_0033"},
)
def pinned_yum_packages(stage: Stage) -> Findings:
    """Packages that yum installs have a version.

    Two builds of one commit then hold the same programs.

    Bad::

        FROM amazonlinux:2
        RUN yum install -y httpd && yum clean all  # <-

    Good::

        FROM amazonlinux:2
        RUN yum install -y httpd-2.4.62 && yum clean all
    """
    yield from _unpinned(stage, "yum", form="NAME-VERSION")


@control(
    severity="low",
    optional=True,
    equivalents={"kics": "missing_version_specification_in_dnf_install", "hadolint": "DL3041"},
)
def pinned_dnf_packages(stage: Stage) -> Findings:
    """Packages that dnf installs have a version.

    Two builds of one commit then hold the same programs. Of a module, name the stream.

    Bad::

        FROM rockylinux:9
        RUN dnf install -y httpd && dnf clean all  # <-
        RUN dnf module install -y nodejs && dnf clean all  # <-

    Good::

        FROM rockylinux:9
        RUN dnf install -y httpd-2.4.62 && dnf module install -y nodejs:20 && dnf clean all
    """
    yield from _unpinned(stage, "dnf", "microdnf", "tdnf", form="NAME-VERSION")


@control(
    severity="low",
    optional=True,
    equivalents={"kics": "zypper_install_without_version", "hadolint": "DL3037"},
)
def pinned_zypper_packages(stage: Stage) -> Findings:
    """Packages that zypper installs have a version.

    Two builds of one commit then hold the same programs.

    Bad::

        FROM opensuse/leap:15.6
        RUN zypper -n install nginx && zypper clean  # <-

    Good::

        FROM opensuse/leap:15.6
        RUN zypper -n install nginx=1.27.2 && zypper clean
    """
    yield from _unpinned(stage, "zypper", form="NAME=VERSION")


@control(
    severity="medium",
    optional=True,
    nist="4.1.1",
    equivalents={
        "kics": "unpinned_package_version_in_pip_install",
        "hadolint": "DL3013",
        "terrascan": "AC_DOCKER_0010",
    },
)
def pinned_pip_packages(stage: Stage) -> Findings:
    """Packages that pip installs have a version.

    The registries take whatever their account holders push: without a version the next build runs a release that
    nobody has looked at. A lock file is best; a version on the command line is enough.

    Bad::

        FROM python:3.13-slim
        RUN pip install --no-cache-dir flask  # <-

    Good::

        FROM python:3.13-slim
        RUN pip install --no-cache-dir -r requirements.txt flask==3.1.0 ./local
    """
    yield from _unpinned(stage, "pip", "uv", "pipx", form="NAME==VERSION")


@control(
    severity="medium",
    optional=True,
    nist="4.1.1",
    equivalents={"kics": "npm_install_without_pinned_version", "hadolint": "DL3016"},
)
def pinned_npm_packages(stage: Stage) -> Findings:
    """Packages that npm, yarn or pnpm installs have a version.

    The registries take whatever their account holders push: without a version the next build runs a release that
    nobody has looked at. A lock file is best; a version on the command line is enough.

    Bad::

        FROM node:22-slim
        RUN npm install -g typescript@latest  # <-

    Good::

        FROM node:22-slim
        RUN npm install -g typescript@5.7.2 && npm ci
    """
    yield from _unpinned(stage, "npm", "pnpm", "yarn", "bun", form="NAME@VERSION")


@control(
    severity="medium",
    optional=True,
    nist="4.1.1",
    equivalents={"kics": "gem_install_without_version", "hadolint": "DL3028"},
)
def pinned_gem_packages(stage: Stage) -> Findings:
    """Gems are installed in a named version.

    The registries take whatever their account holders push: without a version the next build runs a release that
    nobody has looked at. A lock file is best; a version on the command line is enough.

    Bad::

        FROM ruby:3.4-slim
        RUN gem install rails  # <-

    Good::

        FROM ruby:3.4-slim
        RUN gem install rails -v 8.0.1 && gem install rake:13.2.1 && bundle install
    """
    yield from _unpinned(stage, "gem", form="NAME:VERSION")


@control(
    severity="medium",
    optional=True,
    nist="4.1.1",
    equivalents={"hadolint": "DL3062"},
)
def pinned_go_packages(stage: Stage) -> Findings:
    """Programs that go installs have a version.

    The registries take whatever their account holders push: without a version the next build runs a release that
    nobody has looked at. A lock file is best; a version on the command line is enough.

    Bad::

        FROM golang:1.24
        RUN go install golang.org/x/tools/gopls@latest  # <-
        RUN go run example.com/tool  # <-

    Good::

        FROM golang:1.24
        RUN go install golang.org/x/tools/gopls@v0.17.1 && go install ./cmd/app && go run main.go
    """
    yield from _unpinned(stage, "go", form="NAME@VERSION")


@control(
    severity="medium",
    optional=True,
    nist="4.1.1",
)
def pinned_cargo_packages(stage: Stage) -> Findings:
    """Programs that cargo installs have a version.

    The registries take whatever their account holders push: without a version the next build runs a release that
    nobody has looked at. A lock file is best; a version on the command line is enough.

    Bad::

        FROM rust:1.84
        RUN cargo install ripgrep  # <-

    Good::

        FROM rust:1.84
        RUN cargo install ripgrep --version 14.1.1 && cargo install --path .
    """
    yield from _unpinned(stage, "cargo", form="NAME@VERSION")
