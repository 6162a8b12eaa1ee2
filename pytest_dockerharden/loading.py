"""Which controls there are, and which of them a policy applies."""

from __future__ import annotations

import importlib.util
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_dockerharden.controls import load, load_all
from pytest_dockerharden.model.control import REGISTRY, Control, Judged
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Severity
from pytest_dockerharden.policy import Policy
from pytest_dockerharden.suites import Suite, check_against
from pytest_dockerharden.tomlfile import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

# controls of one project's files do not apply to another's in the same run
_OWN = "dockerharden_controls."
_GROUP = "dockerharden.controls"


@dataclass(slots=True, eq=False)
class Selection:
    """The controls that a policy chose, and by id those judged only because a waiver requires them.

    Families are imported when what they judge is asked for.
    """

    suite: Suite
    files: tuple[str, ...] = ()
    compensating: Mapping[str, Control] = field(default_factory=dict)

    def of(self, *judged: Judged, live: bool = True) -> list[Control]:
        """Those that judge one of these types; without ``live``, those that a text can answer to."""
        load(judged, live=live, optional=self.suite.has_optional)
        return [
            control
            for control in _visible(self.files).values()
            if control.judges in judged
            and (live or not control.live)
            and (control.id in self.compensating or self.suite.selects(control))
        ]

    @property
    def chosen(self) -> Mapping[str, Control]:
        """All that the policy chose, by id."""
        load_all()
        return {control.id: control for control in _visible(self.files).values() if self.suite.selects(control)}

    def severity(self, control: Control) -> Severity:
        """As the suite says, else the control's own."""
        return self.suite.severity.get(control.id, control.severity)


def select(policy: Policy, requirements: Iterable[str]) -> Selection:
    """The controls that ``policy`` applies; ``requirements`` are those that waivers name. Raises ConfigurationError."""
    suite, required = policy.suite, dict.fromkeys(requirements)
    if suite.is_plain and not required and not policy.controls and not _entry_points():
        return Selection(suite)
    controls = load_controls(policy.controls)
    where = policy.file or f"suite {suite.name}"
    check_against(suite, controls, where)
    for identifier in required.keys() - controls.keys():
        raise ConfigurationError(f"{where}: requires: no control `{identifier}`{did_you_mean(identifier, controls)}")
    compensating = {identifier: controls[identifier] for identifier in required}
    compensating = {identifier: control for identifier, control in compensating.items() if not suite.selects(control)}
    return Selection(suite, policy.controls, compensating)


def load_controls(files: Sequence[str] = ()) -> Mapping[str, Control]:
    """The built-in controls, those of installed packages, and those of ``files``. Raises ConfigurationError."""
    load_all()
    for point in _entry_points():
        _say_what_fails(f"controls of {point.value}", point.load)
    for file in files:
        _load_file(file)
    return _visible(files)


def _visible(files: Sequence[str]) -> Mapping[str, Control]:
    """All that is loaded but the controls of other projects' files."""
    modules = {_module_of(file) for file in files}
    return {
        identifier: control
        for identifier, control in REGISTRY.items()
        if not control.module.startswith(_OWN) or control.module in modules
    }


def _entry_points() -> Iterable[EntryPoint]:
    from importlib.metadata import distributions, entry_points

    # to look for the name is a third of the work of taking the entry points of every distribution apart
    if any(_GROUP in (distribution.read_text("entry_points.txt") or "") for distribution in distributions()):
        return entry_points(group=_GROUP)
    return ()


def _module_of(file: str) -> str:
    """The name of its module. The last part is the family of its controls."""
    return f"{_OWN}{zlib.crc32(file.encode()):08x}.{Path(file).stem}"


def _load_file(file: str) -> None:
    name = _module_of(file)
    if name in sys.modules:
        return
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


def _say_what_fails(where: str, load: Callable[[], object]) -> None:
    try:
        load()
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{where}: {type(error).__name__}: {error}") from error
