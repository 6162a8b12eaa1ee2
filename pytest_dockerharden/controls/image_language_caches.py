"""Whether the download caches of language package managers are left in the image."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pytest_dockerharden.model.build import appended, is_covered, may_ship, mounted_caches, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.packages import INSTALL, Invocation, invocations
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice


def _left(stage: Stage, *managers: str) -> Findings:
    if not may_ship(stage):
        not_applicable("the stage does not ship")
    for run in runs(stage):
        for call in invocations(run, *managers):
            if call.action == INSTALL and not _is_clean(run, call):
                message = f"{call.manager} leaves its cache in the layer"
                yield run.finding(message, _cleaned(run, call), at=call.command.origin)


@control(
    severity="low",
    optional=True,
    equivalents={
        "kics": "pip_install_keeping_cached_packages",
        "hadolint": "DL3042",
        "semgrep": "missing-pip-no-cache-dir",
        "terrascan": "AC_DOCKER_0031",
    },
)
def no_pip_cache_left(stage: Stage) -> Findings:
    """The downloads of pip are not left in the image.

    They hold every package a second time and are never read again.

    Bad::

        FROM python:3.13-slim
        RUN pip install -r requirements.txt  # <-

    Good::

        FROM python:3.13-slim
        RUN pip install --no-cache-dir -r requirements.txt
        ENV PIP_NO_CACHE_DIR=1
        RUN pip install -r more.txt

    Good::

        FROM python:3.13 AS build
        RUN pip install -r requirements.txt
        FROM python:3.13-slim
        COPY --from=build /venv /venv
        RUN --mount=type=cache,target=/root/.cache/pip pip install -r more.txt
    """
    yield from _left(stage, "pip", "uv")


@control(severity="low", optional=True, equivalents={"hadolint": "DL3060"})
def no_yarn_cache_left(stage: Stage) -> Findings:
    """The downloads of yarn are not left in the image.

    They hold every package a second time and are never read again.

    Bad::

        FROM node:22-slim
        RUN yarn install --frozen-lockfile  # <-

    Good::

        FROM node:22-slim
        RUN yarn install --frozen-lockfile && yarn cache clean
    """
    yield from _left(stage, "yarn")


@control(severity="low", optional=True, equivalents={"tally": "tally/ruby/leftover-bundler-cache"})
def no_bundler_cache_left(stage: Stage) -> Findings:
    """The downloads of Bundler are not left in the image.

    They hold every gem a second time and are never read again.

    Bad::

        FROM ruby:3.4-slim
        RUN bundle install  # <-

    Good::

        FROM ruby:3.4-slim
        RUN bundle install && rm -rf "$BUNDLE_PATH"/ruby/*/cache
    """
    yield from _left(stage, "bundle")


_CLEANING = {
    "pip": "pip install --no-cache-dir",
    "uv": "uv pip install --no-cache",
    "yarn": "yarn install && yarn cache clean",
    "bundle": 'bundle install && rm -rf "$BUNDLE_PATH"/ruby/*/cache',
}
_SYSTEM_CACHE = pattern(r"/var/(cache/(apt|apk|dnf|yum|zypp|libdnf5|tdnf)|lib/apt)(/|\Z)")
_CACHE_DIRECTORIES = pattern(r"\.cache|/cache|\.npm|\.yarn|\.bundle")


def _cleaned(run: Instruction, call: Invocation) -> Remedy:
    option = {"pip": "--no-cache-dir", "uv": "--no-cache"}.get(call.manager)
    if option:
        return call.with_option(option, effect="safe")
    cleaning = appended(run, "yarn cache clean") if call.manager == "yarn" else None
    return cleaning or advice(_CLEANING[call.manager])


def _is_clean(run: Instruction, call: Invocation) -> bool:
    if any(_CACHE_DIRECTORIES.search(target) and not _SYSTEM_CACHE.match(target) for target in mounted_caches(run)):
        return True
    if any(is_covered("/root/.cache", [target]) for target in mounted_caches(run)):
        return True
    variables = {**run.environment, **{name: word.text for name, word in call.command.assignments}}
    variables |= dict.fromkeys(re.findall(r"export\s+(\w+)=\S", run.text), "1")
    removed = (plain(w) for command in run.script.commands if command.name in {"rm", "find"} for w in command.args)
    if any(_held_its_cache(path.rstrip("/*"), call.manager, variables) for path in removed):
        return True
    if call.manager == "pip":
        return _pip_is_clean(run, call, variables)
    if call.manager == "uv":
        return call.has("--no-cache", "-n", "--no-cache-dir") or bool(variables.get("UV_NO_CACHE"))
    if call.manager == "yarn":
        cleaned = any(other.verb == "cache" for other in invocations(run, "yarn"))
        return cleaned or call.has("--cache-folder", "--help", "--version") or "YARN_CACHE_FOLDER" in variables
    return call.has("--no-cache") or any(other.verb == "clean" for other in invocations(run, "bundle"))


def _held_its_cache(path: str, manager: str, variables: Mapping[str, str | None]) -> bool:
    """Whether a directory that is removed is the manager's cache, or one that the cache lies in.

    pip and uv keep theirs in ``$XDG_CACHE_HOME``, which is ``~/.cache``, unless a variable of their own names it.
    """
    if manager not in _OWN_DIRECTORY:
        return bool(_CACHE_DIRECTORIES.search(path)) and not _SYSTEM_CACHE.match(path)
    for name in (_OWN_DIRECTORY[manager], "XDG_CACHE_HOME"):
        given = variables.get(name)
        if _REFERENCE_TO[name].match(path) or (given and (path == given or path == f"{given}/{manager}")):
            return True
    home = variables.get("HOME")
    of_home = path == f"{home}/.cache" or bool(_CACHE_OF_HOME.fullmatch(path))
    return of_home or path in {"/root", f"/root/.cache/{manager}"} or f"/.cache/{manager}" in path


_OWN_DIRECTORY = {"pip": "PIP_CACHE_DIR", "uv": "UV_CACHE_DIR"}
_REFERENCE_TO = {name: pattern(rf"\$\{{?{name}(?!\w)") for name in (*_OWN_DIRECTORY.values(), "XDG_CACHE_HOME")}
_CACHE_OF_HOME = pattern(r"(?:~[\w.-]*|\$\{?HOME\}?|/root|/home/[^/]+)/\.cache")
_SAYS_NO = frozenset({"0", "false", "off", "no"})


def _pip_is_clean(run: Instruction, call: Invocation, variables: dict[str, str | None]) -> bool:
    """Whether nothing of pip's cache stays.

    Any value of PIP_NO_CACHE_DIR switches the cache off, `off` too: pip keeps an old mistake for compatibility. Nobody
    who reads it knows, so it does not count here.
    """
    configured = re.search(r"pip\S* config .*no-cache-dir", run.text)
    purged = any(other.verb == "cache" for other in invocations(run, "pip"))
    value = variables.get("PIP_NO_CACHE_DIR", "")
    given = value is None or (value != "" and value.lower() not in _SAYS_NO)
    return call.has("--no-cache-dir", "--no-cache") or given or purged or bool(configured)
