"""A project's own rules: ``dockerharden.toml``, or ``[tool.dockerharden]`` in ``pyproject.toml``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, cast

from pytest_dockerharden.assemble import Combination
from pytest_dockerharden.combinations import pair
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import SEVERITIES, Severity
from pytest_dockerharden.paths import LIMIT, read_bytes, shown_path
from pytest_dockerharden.suites import RECOMMENDED, Suite, load_suite, suite_of
from pytest_dockerharden.tomlfile import ConfigurationError, check_keys, read_toml, strings, table_of
from pytest_dockerharden.waivers import Waiver, parse_waivers

_KEYS = {
    "suite", "fail-on", "controls", "combinations", "waiver", "select", "exclude", "severity", "parameters",
    "env-files", "profiles", "ignore", "live", "shellcheck",
}  # fmt: skip
_LIVE_KEYS = {"env-files", "profiles", "timeout"}
_COMBINATION_KEYS = {"files", "env-files", "profiles", "project-directory"}


@dataclass(slots=True, eq=False)
class Overrides:
    """What the command line says; it goes before every configuration.

    Without ``local_code`` no file of Python that a configuration names is run: it is refused.
    """

    suite: str | None = None
    fail_on: Severity | None = None
    compose: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    directory: str = ""
    local_code: bool = True


@dataclass(slots=True)
class LivePolicy:
    """What applies only to stacks that are brought up.

    ``env_files`` are read after those of static mode: images and secrets to test with. ``profiles`` None means those
    of static mode, without which none is active; ``timeout`` in seconds is for a stack to be healthy.
    """

    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] | None = None
    timeout: float | None = None


@dataclass(slots=True)
class Policy:
    """What applies to the files below ``directory``. ``file`` is where it is written, None where nothing is."""

    directory: str
    file: str | None
    suite: Suite
    fail_on: Severity = "low"
    controls: tuple[str, ...] = ()
    waivers: list[Waiver] = field(default_factory=list)
    combinations: tuple[Combination, ...] = ()
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ("*",)
    ignore: tuple[str, ...] = ()
    shellcheck: bool = False
    live: LivePolicy = field(default_factory=LivePolicy)

    def combine(self, files: Sequence[str]) -> list[Combination]:
        """The combinations to judge: the configured ones that have one of ``files``, and the other files paired."""
        chosen = [combination for combination in self.combinations if not set(files).isdisjoint(combination.files)]
        taken = {file for combination in self.combinations for file in combination.files}
        pairings = pair([file for file in files if file not in taken])
        return chosen + [Combination(each.files, each.name, self.env_files, self.profiles) for each in pairings]


class Policies:
    """The policy of each folder: that of the nearest one above it that has a configuration, up to ``top``."""

    def __init__(self, top: str, overrides: Overrides) -> None:
        self.top = top
        self.overrides = overrides
        self._known: dict[str, Policy] = {}

    def of(self, directory: str) -> Policy:
        """Raises ConfigurationError."""
        policy = self._known.get(directory)
        if policy is None:
            policy = self._known[directory] = self._find(directory)
        return policy

    def _find(self, directory: str) -> Policy:
        found = _configuration_in(directory)
        if found:
            return load_policy(*found, self.overrides)
        parent = os.path.dirname(directory)
        if directory == self.top or parent == directory:
            return load_policy(None, {}, self.overrides)
        return self.of(parent)


def _configuration_in(directory: str) -> tuple[str, dict[str, Any]] | None:
    own = os.path.join(directory, "dockerharden.toml")
    if os.path.exists(own):
        return own, read_toml(own)
    shared = os.path.join(directory, "pyproject.toml")
    if os.path.exists(shared) and _mentions(shared):
        table = read_toml(shared).get("tool", {}).get("dockerharden")
        if table is not None:
            return shared, table_of(table, f"{shared}: tool.dockerharden")
    return None


def _mentions(path: str) -> bool:
    # most pyproject.toml files say nothing of us and need not be parsed
    try:
        return b"dockerharden" in read_bytes(path, LIMIT)
    except OSError:
        return False


def load_policy(file: str | None, table: Mapping[str, Any], overrides: Overrides) -> Policy:
    """A policy from its table. Raises ConfigurationError, with ``file`` and the key in its text."""
    where = shown_path(file, overrides.directory) if file else "dockerharden"
    check_keys(table, _KEYS, where)
    directory = os.path.dirname(file) if file else overrides.directory
    suite = _suite(table, directory, overrides, where)
    env_files = overrides.env_files or _paths(table.get("env-files", []), directory, f"{where}: env-files")
    profiles = overrides.profiles or strings(table.get("profiles", ["*"]), f"{where}: profiles")
    policy = Policy(
        directory=directory,
        file=file,
        suite=suite,
        fail_on=overrides.fail_on or _severity(table.get("fail-on", "low"), f"{where}: fail-on"),
        controls=_controls(table, directory, overrides, where),
        waivers=parse_waivers(table.get("waiver", []), where),
        env_files=env_files,
        profiles=profiles,
        ignore=strings(table.get("ignore", []), f"{where}: ignore"),
        shellcheck=_switch(table.get("shellcheck", False), f"{where}: shellcheck"),
        live=_live(table_of(table.get("live", {}), f"{where}: live"), directory, f"{where}: live"),
    )
    if overrides.compose:
        policy.combinations = (Combination(overrides.compose, "", env_files, profiles),)
    else:
        tables = table_of(table.get("combinations", {}), f"{where}: combinations")
        policy.combinations = tuple(
            _combination(name, value, policy, f"{where}: combinations.{name}") for name, value in tables.items()
        )
    return policy


def _controls(table: Mapping[str, Any], directory: str, overrides: Overrides, where: str) -> tuple[str, ...]:
    files = _paths(table.get("controls", []), directory, f"{where}: controls")
    if files and not overrides.local_code:
        named = shown_path(files[0], overrides.directory)
        raise ConfigurationError(f"{where}: controls: {named} is code, and with --harden-no-local-code none is run")
    return files


def _live(table: Mapping[str, Any], directory: str, where: str) -> LivePolicy:
    check_keys(table, _LIVE_KEYS, where)
    timeout = table.get("timeout")
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0):
        raise ConfigurationError(f"{where}: `timeout` is a number of seconds")
    return LivePolicy(
        _paths(table.get("env-files", []), directory, f"{where}: env-files"),
        strings(table["profiles"], f"{where}: profiles") if "profiles" in table else None,
        float(timeout) if timeout is not None else None,
    )


def _suite(table: Mapping[str, Any], directory: str, overrides: Overrides, where: str) -> Suite:
    if overrides.suite:
        base = load_suite(overrides.suite, overrides.directory)
    elif "suite" in table:
        name = table["suite"]
        if not isinstance(name, str):
            raise ConfigurationError(f"{where}: suite: the name of a suite or a TOML file")
        base = load_suite(name, directory)
    else:
        base = RECOMMENDED
    own = {key: table[key] for key in ("select", "exclude", "severity", "parameters") if key in table}
    return suite_of(own, base, where) if own else base


def _combination(name: str, value: Any, policy: Policy, where: str) -> Combination:
    table = check_keys(value, _COMBINATION_KEYS, where) if isinstance(value, dict) else {"files": value}
    files = _paths(table.get("files", []), policy.directory, f"{where}: files")
    if not files:
        raise ConfigurationError(f"{where}: `files` is empty")
    for path in files:
        if not os.path.exists(path):
            raise ConfigurationError(f"{where}: there is no {os.path.relpath(path, policy.directory)}")
    project_directory = _paths(table.get("project-directory", []), policy.directory, f"{where}: project-directory")
    return Combination(
        files,
        name,
        policy.env_files + _paths(table.get("env-files", []), policy.directory, f"{where}: env-files"),
        strings(table["profiles"], f"{where}: profiles") if "profiles" in table else policy.profiles,
        project_directory[0] if project_directory else None,
    )


def _paths(value: Any, directory: str, where: str) -> tuple[str, ...]:
    return tuple(os.path.normpath(os.path.join(directory, path)) for path in strings(value, where))


def _switch(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where}: true or false")
    return value


def _severity(value: Any, where: str) -> Severity:
    if value not in SEVERITIES:
        raise ConfigurationError(f"{where}: a severity is one of {', '.join(SEVERITIES)}")
    return cast(Severity, value)
