"""How a build installs packages of a programming language."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import may_ship, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.packages import INSTALL, Invocation, invocations
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice


@control(severity="medium", optional=True, nist="4.1.1", equivalents={"sonar": "S6505"})
def no_install_scripts(stage: Stage) -> Findings:
    """Packages of npm do not run code of their own when they are installed.

    `postinstall` is how a hijacked package takes a build over: any of the hundreds of dependencies may run what it
    likes, with the build's secrets in reach. Allow the scripts of the few that need one.

    Bad::

        FROM node:22-slim
        RUN npm ci  # <-

    Good::

        FROM node:22-slim
        RUN npm ci --ignore-scripts && npm rebuild sharp
    """
    for run in runs(stage):
        for call in invocations(run, "npm", "pnpm", "yarn"):
            if call.action in {INSTALL, "ci"} and not _ignores_scripts(stage, run, call):
                yield run.finding(
                    f"{call.manager} {call.verb} runs scripts of the packages",
                    call.with_option(
                        "--ignore-scripts", breaks="packages that build native code when they are installed"
                    ),
                    at=call.command.origin,
                )


def _ignores_scripts(stage: Stage, run: Instruction, call: Invocation) -> bool:
    if any(re.match(r"--ignore-scripts(=true)?\Z", option) for option in call.options) or call.has(
        "--help", "--version"
    ):
        return True
    variables = {**run.environment, **{name: word.text for name, word in call.command.assignments}}
    for name, value in variables.items():
        if name.upper() in {"NPM_CONFIG_IGNORE_SCRIPTS", "YARN_IGNORE_SCRIPTS"} and value in {"true", "1"}:
            return True
        if name.upper() == "YARN_ENABLE_SCRIPTS" and value in {"false", "0"}:
            return True
    texts = [other.text for other in runs(stage)]
    return any(re.search(r"config set ignore-scripts[= ]\"?true|enableScripts\"? false", text) for text in texts)


@control(
    severity="low",
    optional=True,
    cis="4.3",
    nist="4.1.1",
)
def no_development_dependencies(stage: Stage) -> Findings:
    """The image that ships holds no development dependencies.

    Test runners, debuggers and compilers for the developer are code that production never calls and an intruder can.

    Bad::

        FROM node:22-slim
        RUN npm ci  # <-

    Good::

        FROM node:22 AS build
        RUN npm ci && npm run build
        FROM node:22-slim
        COPY --from=build /app/dist /app
        RUN npm ci --omit=dev

    Good::

        FROM node:22-slim
        ENV NODE_ENV=production
        RUN npm ci
    """
    yield from _development(stage, "npm", "pnpm", "yarn", "poetry", "pip")


def _development(stage: Stage, *managers: str) -> Findings:
    for run in _production_runs(stage):
        for call in invocations(run, *managers):
            if _brings_development(stage, run, call):
                message = f"{call.manager} {call.verb} brings development dependencies"
                yield run.finding(message, _for_production_only(stage, call), at=call.command.origin)


def _production_runs(stage: Stage, *, shipped: bool = True) -> Iterator[Instruction]:
    """The RUNs of a stage for production; ``shipped``: of one whose layers ship, for what it builds may be copied."""
    if shipped and (not may_ship(stage) or "build" in stage.name):
        not_applicable("the stage does not ship")
    if re.search(r"dev|test|lint|debug|ci\b", stage.name):
        not_applicable("the stage is not for production")
    return runs(stage)


@control(
    severity="low",
    optional=True,
    cis="4.3",
    nist="4.1.1",
    equivalents={"tally": "tally/php/composer-no-dev-in-production"},
)
def composer_leaves_development_out(stage: Stage) -> Findings:
    """Composer installs no development dependencies in the image that ships.

    Test runners and debuggers are code that production never calls and an intruder can.

    Bad::

        FROM php:8.4-fpm
        RUN composer install --no-interaction  # <-

    Good::

        FROM php:8.4-fpm
        RUN composer install --no-interaction --no-dev
    """
    yield from _development(stage, "composer")


@control(
    severity="low",
    optional=True,
    cis="4.3",
    nist="4.1.1",
    equivalents={"tally": "tally/ruby/missing-bundle-without-development"},
)
def bundler_leaves_development_out(stage: Stage) -> Findings:
    """Bundler installs no development gems in the image that ships.

    Test runners and debuggers are code that production never calls and an intruder can. Where the lock file does not
    bind yet, bundler-keeps-to-the-lock-file comes first.

    Bad::

        FROM ruby:3.4-slim
        ENV BUNDLE_DEPLOYMENT=1
        RUN bundle install  # <-

    Good::

        FROM ruby:3.4-slim
        ENV BUNDLE_DEPLOYMENT=1 BUNDLE_WITHOUT="development:test"
        RUN bundle install
    """
    for run in _production_runs(stage, shipped=False):
        for call in invocations(run, "bundle"):
            if _is_frozen(stage, run, call) and _brings_development(stage, run, call):
                message = "bundle install brings development dependencies"
                yield run.finding(message, _for_production_only(stage, call), at=call.command.origin)


@control(severity="low", optional=True, nist="4.1.1", equivalents={"tally": "tally/ruby/missing-bundle-deployment"})
def bundler_keeps_to_the_lock_file(stage: Stage) -> Findings:
    """Bundler installs exactly what the lock file says.

    Without `BUNDLE_DEPLOYMENT` or `BUNDLE_FROZEN` it resolves anew where Gemfile and lock file differ: the image holds
    gems that nobody has looked at.

    Bad::

        FROM ruby:3.4-slim
        RUN bundle install  # <-

    Good::

        FROM ruby:3.4-slim
        ENV BUNDLE_DEPLOYMENT=1
        RUN bundle install
    """
    for run in _production_runs(stage, shipped=False):
        for call in invocations(run, "bundle"):
            if call.action == INSTALL and not _is_frozen(stage, run, call):
                remedy = advice("ENV BUNDLE_DEPLOYMENT=1")
                yield run.finding("the lock file is not binding", remedy, at=call.command.origin)


def _is_frozen(stage: Stage, run: Instruction, call: Invocation) -> bool:
    names = {*run.environment, *(name for name, _ in call.command.assignments)}
    written = any(re.search(r"bundle config .*(deployment|frozen)", other.text) for other in runs(stage))
    flags = call.has("--deployment", "--frozen")
    return written or flags or not {"BUNDLE_DEPLOYMENT", "BUNDLE_FROZEN"}.isdisjoint(names)


@control(
    severity="low", optional=True, cis="4.3", nist="4.1.1", equivalents={"tally": "tally/php/no-xdebug-in-final-image"}
)
def no_xdebug_in_image(stage: Stage) -> Findings:
    """Xdebug is not in the image that ships.

    It lets whoever reaches its port run code, and slows every request.

    Bad::

        FROM php:8.4-fpm
        RUN pecl install xdebug && docker-php-ext-enable xdebug  # <-

    Good::

        FROM php:8.4-fpm AS dev
        RUN pecl install xdebug && docker-php-ext-enable xdebug
        FROM php:8.4-fpm
        RUN docker-php-ext-install opcache
    """
    for run in _production_runs(stage):
        for command in run.script.commands if "xdebug" in run.text else ():
            if command.name in {"pecl", "docker-php-ext-enable", "install-php-extensions", "apk", "apt-get"}:
                remedy = advice("FROM ... AS debug\nRUN pecl install xdebug && docker-php-ext-enable xdebug")
                yield run.finding("xdebug is installed", remedy, at=command.origin)
                break


_PRODUCTION = {
    "npm": "npm ci --omit=dev", "pnpm": "pnpm install --prod", "yarn": "yarn install --production",
    "composer": "composer install --no-dev", "bundle": "BUNDLE_WITHOUT=development:test",
    "poetry": "poetry install --only main", "pip": "pip install -r requirements.txt",
}  # fmt: skip


_OPTIONS = {
    "npm": "--omit=dev",
    "pnpm": "--prod",
    "yarn": "--production",
    "composer": "--no-dev",
    "poetry": "--only main",
}


# what needs the compilers and bundlers among the development dependencies
_BUILDS = pattern(
    r"\b((npm|pnpm|yarn|bun) (run )?(-\S+ )*[\w:-]*(build|compile|test|lint)|npm run|npx|tsc|webpack|vite)\b"
)


def _for_production_only(stage: Stage, call: Invocation) -> Remedy:
    option = _OPTIONS.get(call.manager)
    builds = call.manager in {"npm", "pnpm", "yarn"} and any(_BUILDS.search(step.text) for step in runs(stage))
    if option is None or builds:
        return advice(_PRODUCTION.get(call.manager, ""))
    return call.with_option(option, breaks="a step of the build that needs development dependencies")


def _brings_development(stage: Stage, run: Instruction, call: Invocation) -> bool:
    variables = {**run.environment, **{name: word.text for name, word in call.command.assignments}}
    if call.manager in {"npm", "pnpm", "yarn"}:
        whole = call.action == "ci" or (call.action == INSTALL and not call.packages and call.verb != "add")
        return whole and not call.has("-g", "--global") and not _for_production(run, call, variables)
    if call.action != INSTALL:
        return False
    if call.manager == "composer":
        return not call.has("--no-dev") and not variables.get("COMPOSER_NO_DEV")
    if call.manager == "bundle":
        written = any("bundle config" in other.text and "without" in other.text for other in runs(stage))
        left_out = "development" in (variables.get("BUNDLE_WITHOUT") or "") or "BUNDLE_ONLY" in variables
        return not (left_out or written or call.has("--without"))
    if call.manager == "poetry":
        return not (call.has("--only", "--without", "--no-dev", "--only-root"))
    files = [*(v for k, v in call.values.items() if k in {"-r", "--requirement"})]
    return call.manager == "pip" and any(re.search(r"(^|[-_./])(dev|test|tests|lint)([-_.]|$)", name) for name in files)


def _for_production(run: Instruction, call: Invocation, variables: dict[str, str | None]) -> bool:
    if variables.get("NODE_ENV") == "production" or variables.get("NPM_CONFIG_OMIT") == "dev":
        return True
    if call.has("--production", "--prod", "-P", "--only", "--focus") or "dev" in call.values.get("--omit", ""):
        return True
    # a prune or a build in the same layer: what is left is not what was installed
    pruned = r"prune\b.*(--production|--omit[= ]dev|--prod)|npm prune|workspaces focus|rm -rf \S*node_modules"
    return bool(re.search(pruned, run.text)) or any(option.startswith("--only=prod") for option in call.options)


_DEBUG: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(
        ("DEBUG", "FLASK_DEBUG", "DJANGO_DEBUG", "APP_DEBUG", "SYMFONY_DEBUG", "WP_DEBUG", "QUART_DEBUG"),
        pattern(r"(?i)(1|true|yes|on|\*)\Z"),
    ),
    **dict.fromkeys(
        ("NODE_ENV", "FLASK_ENV", "RAILS_ENV", "RACK_ENV", "APP_ENV", "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT",
         "SYMFONY_ENV", "LARAVEL_ENV"),
        pattern(r"(?i)(dev|development|debug|local)\Z"),
    ),
    "PYTHONBREAKPOINT": pattern(r"[^0]"),
    "XDEBUG_MODE": pattern(r"(?!off)."),
}  # fmt: skip


@control(severity="low", optional=True, equivalents={"sonar": "S4507"})
def no_debug_mode(stage: Stage) -> Findings:
    """The image that ships does not run in debug mode.

    Debug modes show stack traces, settings and consoles to whoever provokes an error; Flask's runs code for him.

    Bad::

        FROM python:3.13-slim
        ENV FLASK_DEBUG=1  # <-

    Good::

        FROM node:22-slim AS dev
        ENV NODE_ENV=development
        FROM node:22-slim
        ENV NODE_ENV=production DEBUG=
    """
    if not may_ship(stage) or re.search(r"dev|test|debug", stage.name):
        not_applicable("the stage is not for production")
    for name, finding in _debug_variables(stage):
        yield stage.finding(f"{name} switches debugging on", advice("set it when a developer starts it"), at=finding)


def _debug_variables(stage: Stage) -> Iterator[tuple[str, TextOrigin]]:
    for env in stage.of("ENV"):
        for pair in env.pairs:
            pattern = _DEBUG.get(pair.key.text)
            if pattern and pair.value is not None and pattern.match(plain(pair.value)):
                yield pair.key.text, pair.origin
