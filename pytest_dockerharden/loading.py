"""Which controls there are, and which of them a policy applies."""

from __future__ import annotations

import importlib.util
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.model.control import REGISTRY, Control
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Severity
from pytest_dockerharden.policy import Policy
from pytest_dockerharden.suites import Suite, check_against
from pytest_dockerharden.tomlfile import ConfigurationError, did_you_mean

# controls of one project's files do not apply to another's in the same run
_OWN = "dockerharden_controls."


@dataclass(slots=True)
class Selection:
    """The controls that a policy chose, and those judged only because a waiver requires them; by id."""

    suite: Suite
    chosen: dict[str, Control]
    compensating: dict[str, Control]

    def of(self, *judged: str) -> list[Control]:
        """Those that judge one of these types."""
        both = {**self.chosen, **self.compensating}
        return [control for control in both.values() if control.judges in judged]

    def severity(self, control: Control) -> Severity:
        """As the suite says, else the control's own."""
        return self.suite.severity.get(control.id, control.severity)


def select(policy: Policy, requirements: Iterable[str]) -> Selection:
    """The controls that ``policy`` applies; ``requirements`` are those that waivers name. Raises ConfigurationError."""
    controls = load_controls(policy.controls)
    where = policy.file or f"suite {policy.suite.name}"
    check_against(policy.suite, controls, where)
    chosen = {identifier: control for identifier, control in controls.items() if policy.suite.selects(control)}
    required = dict.fromkeys(requirements)
    for identifier in required.keys() - controls.keys():
        raise ConfigurationError(f"{where}: requires: no control `{identifier}`{did_you_mean(identifier, controls)}")
    compensating = {identifier: controls[identifier] for identifier in required if identifier not in chosen}
    return Selection(policy.suite, chosen, compensating)


def load_controls(files: Iterable[str] = ()) -> Mapping[str, Control]:
    """The built-in controls, those of installed packages, and those of ``files``. Raises ConfigurationError."""
    load_all()
    _load_entry_points()
    modules = {_load_file(file) for file in files}
    return {
        identifier: control
        for identifier, control in REGISTRY.items()
        if not control.module.startswith(_OWN) or control.module in modules
    }


def _load_entry_points() -> None:
    from importlib.metadata import entry_points

    for point in entry_points(group="dockerharden.controls"):
        _say_what_fails(f"controls of {point.value}", point.load)


def _load_file(file: str) -> str:
    """The name of its module. The last part is the family of its controls."""
    name = f"{_OWN}{zlib.crc32(file.encode()):08x}.{Path(file).stem}"
    if name in sys.modules:
        return name
    if not Path(file).is_file():
        raise ConfigurationError(f"controls: there is no {file}")
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"controls: {file} is not a Python file")
    execute = spec.loader.exec_module
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        _say_what_fails(f"controls: {file}", lambda: execute(module))
    except ConfigurationError:
        del sys.modules[name]
        raise
    return name


def _say_what_fails(where: str, load: Callable[[], object]) -> None:
    try:
        load()
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{where}: {type(error).__name__}: {error}") from error
