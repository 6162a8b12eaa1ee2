"""What a build does with the runtime of a language, or of a GPU, that does nothing or does it no more."""

from __future__ import annotations

import re

from pytest_dockerharden.model.build import commands, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.packages import INSTALL, SYSTEM, invocations
from pytest_dockerharden.model.reference import parse_reference
from pytest_dockerharden.model.remedies import advice

_BUNDLER_FLAGS = {
    "--without": 'ENV BUNDLE_WITHOUT="development:test"',
    "--with": "ENV BUNDLE_WITH=...",
    "--path": "ENV BUNDLE_PATH=...",
    "--deployment": "ENV BUNDLE_DEPLOYMENT=1",
    "--frozen": "ENV BUNDLE_FROZEN=1",
    "--clean": "ENV BUNDLE_CLEAN=1",
    "--no-prune": "ENV BUNDLE_NO_PRUNE=1",
    "--binstubs": "bundle binstubs",
    "--system": "ENV BUNDLE_SYSTEM=1",
}


@control(severity="low", optional=True, equivalents={"tally": "tally/ruby/deprecated-bundler-install-flags"})
def bundler_is_configured(stage: Stage) -> Findings:
    """Bundler is told by variables what its flags were for.

    `--without`, `--deployment` and their like are deprecated and gone in Bundler 4: the build breaks, or installs the
    gems of development.

    Bad::

        FROM ruby:3.4-slim
        RUN bundle install --without development test  # <-

    Good::

        FROM ruby:3.4-slim
        ENV BUNDLE_WITHOUT="development:test" BUNDLE_DEPLOYMENT=1
        RUN bundle install --jobs 4
    """
    for run in runs(stage):
        for call in invocations(run, "bundle"):
            flag = next((flag for flag in _BUNDLER_FLAGS if call.has(flag)), "")
            if call.action == INSTALL and flag:
                yield run.finding(f"{flag} is deprecated", advice(_BUNDLER_FLAGS[flag]), at=call.command.origin)


@control(severity="info", optional=True, equivalents={"tally": "tally/ruby/redundant-bundler-install"})
def bundler_comes_with_ruby(stage: Stage) -> Findings:
    """Bundler is not installed a second time.

    Every Ruby since 2.6 brings it, and it switches to the version of the lock file by itself.

    Bad::

        FROM ruby:3.4-slim
        RUN gem install bundler  # <-

    Good::

        FROM ruby:3.4-slim
        RUN bundle install && gem install rails -v 8.0.1
    """
    for run in runs(stage):
        for call in invocations(run, "gem"):
            names = [plain(word).partition(":")[0] for word in call.packages]
            if call.action == INSTALL and names == ["bundler"]:
                yield run.finding("the image has bundler", advice("remove it"), at=call.command.origin)


@control(severity="info", optional=True, equivalents={"tally": "tally/php/enable-opcache-in-production"})
def php_has_its_opcache(stage: Stage) -> Findings:
    """A PHP image that serves requests has the opcache.

    Without it every request compiles every file anew.

    Bad::

        FROM php:8.3-fpm  # <-
        COPY . /var/www/html

    Good::

        FROM php:8.3-fpm
        RUN docker-php-ext-install opcache
    """
    image = parse_reference(stage.root_base() or "")
    final = stage is stage.dockerfile.final
    if image.official != "php" or not re.search(r"fpm|apache", image.tag) or not final:
        not_applicable("no PHP server ships")
    if re.match(r"8\.[5-9]|9", image.tag):
        not_applicable("PHP has it built in since 8.5")
    texts = [i.text + "".join(h.body for h in i.heredocs) for part in stage.chain() for i in part.instructions]
    if not any("opcache" in text.lower() for text in texts):
        yield stage.finding("the opcache is not switched on", advice("RUN docker-php-ext-install opcache"))


@control(severity="low", optional=True, equivalents={"tally": "tally/gpu/no-buildtime-gpu-queries"})
def build_asks_for_no_gpu(stage: Stage) -> Findings:
    """The build does not ask for a GPU.

    A build has none: `nvidia-smi` fails, and `torch.cuda.is_available()` is false whatever the machine has.

    Bad::

        FROM nvidia/cuda:12.6.3-base-ubuntu24.04
        RUN nvidia-smi  # <-

    Good::

        FROM nvidia/cuda:12.6.3-base-ubuntu24.04
        CMD ["nvidia-smi"]
    """
    for run, command in commands(stage, "nvidia-smi", "nvidia-debugdump", "python", "python3"):
        code = " ".join(plain(word) for word in command.args)
        asks = re.search(r"cuda\.(is_available|device_count|get_device)|list_physical_devices\(.GPU", code)
        if command.name.startswith("nvidia") or asks:
            yield run.finding("a build has no GPU", advice("ask when the container starts"), at=command.origin)


@control(severity="info", optional=True, equivalents={"tally": "tally/gpu/no-redundant-cuda-install"})
def cuda_comes_with_its_image(stage: Stage) -> Findings:
    """An image built on one of CUDA does not install CUDA again.

    It is gigabytes a second time, and whichever version is found first wins.

    Bad::

        FROM nvidia/cuda:12.6.3-runtime-ubuntu24.04
        RUN apt-get update && apt-get install -y cuda-toolkit-12-6  # <-

    Good::

        FROM nvidia/cuda:12.6.3-devel-ubuntu24.04
        RUN apt-get update && apt-get install -y python3
    """
    if parse_reference(stage.root_base() or "").familiar != "nvidia/cuda":
        not_applicable("the base is no CUDA image")
    pattern = r"cuda(-toolkit|-runtime|-libraries|-compat)?(-\d+-\d+)?(=.*)?\Z|nvidia-cuda-toolkit"
    for run in runs(stage):
        for call in invocations(run, *SYSTEM):
            name = next((plain(w) for w in call.packages if re.match(pattern, plain(w))), "")
            if call.action == INSTALL and name:
                yield run.finding(f"the base image brings {name}", advice("remove it"), at=call.command.origin)
