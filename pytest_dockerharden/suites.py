"""Suites: which controls apply, how severe they are and with which parameters, as data in TOML."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, cast

from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import SEVERITIES, Severity
from pytest_dockerharden.model.scanner import KNOWN, scanner_of
from pytest_dockerharden.tomlfile import ConfigurationError, check_keys, did_you_mean, read_toml, strings, table_of

_KEYS = {
    "name", "title", "description", "extends", "select", "exclude", "severity", "parameters",
    "benchmark", "chapters", "sections",
}  # fmt: skip
_SECTION_KEYS = {"title", "level", "later", "controls", "rest", "manual", "out-of-scope"}
_BENCHMARKS = ("cis", "owasp", "nist")
_HERE = Path(__file__).parent
_FOLDERS = (_HERE / "suites", _HERE.parent / "suites")


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the document that a suite renders, under its number there.

    It is automated by the controls that carry its number for the suite's ``benchmark``, or that are named here, and
    ``rest`` says what they leave to be looked at; or ``manual`` says what to look at, or ``out_of_scope`` why it is
    nobody's business here. ``level`` is 0 where the document has none; ``later`` the number in a later edition.
    """

    number: str
    title: str
    level: int = 0
    later: str = ""
    controls: tuple[str, ...] = ()
    rest: str = ""
    manual: str = ""
    out_of_scope: str = ""


@dataclass(slots=True)
class Suite:
    """A choice of controls.

    ``select`` and ``exclude`` hold selectors: a control's id, ``all``, ``recommended`` (every control that is not
    optional), ``family:NAME``, ``severity:LEVEL`` (that and above), ``plan:P0``, ``cis:5`` (the section and those below
    it), ``owasp:RULE 8``, ``nist:4.4``. ``exclude`` and ``severity`` may name the rules of known scanners as well, as
    ``trivy:DS-0026``. What a suite says itself goes before what it extends.

    A suite that renders a document has its ``sections`` by number, in order, and the headings of its ``chapters``;
    ``benchmark`` names the numbers of the controls that are its own.
    """

    name: str
    title: str = ""
    select: tuple[str, ...] = ("recommended",)
    exclude: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    benchmark: str = ""
    chapters: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, Section] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether it chooses by words alone and names no control."""
        named = self.severity or self.parameters or self.sections
        return not named and all(selector in _WORDS for selector in self.select + self.exclude)

    @property
    def has_optional(self) -> bool:
        """Whether it may choose a control that is optional: all that it chooses by is not ``recommended``."""
        return any(selector != "recommended" for selector in self.select)

    def selects(self, control: Control) -> bool:
        """Whether ``control`` belongs to this suite."""
        return any(_matches(selector, control) for selector in self.select) and not any(
            _matches(selector, control) for selector in self.exclude
        )

    def controls_of(self, section: Section, controls: Iterable[Control]) -> list[Control]:
        """Those of ``controls`` that judge what a section asks for, whether this suite selects them or not."""
        return [c for c in controls if c.id in section.controls or section.number in self.numbers_of(c)]

    def numbers_of(self, control: Control) -> tuple[str, ...]:
        """The sections of this suite's benchmark that a control carries."""
        marks = {"cis": control.cis, "owasp": control.owasp, "nist": control.nist}
        return marks.get(self.benchmark, ())


RECOMMENDED = Suite("recommended", "Recommended")
"""What applies where nothing is configured; ``recommended.toml`` says the same to who reads or extends it."""


def load_suite(name: str, directory: str) -> Suite:
    """A suite of ours by name, or a file, relative to ``directory``. Raises ConfigurationError."""
    return _load(_find(name, directory), ())


def suite_of(table: dict[str, Any], base: Suite, where: str) -> Suite:
    """``base`` changed by the keys of a table: a suite file, or the configuration of a project.

    A ``select`` of its own replaces that of the base where it starts without ``+``; ``exclude`` always adds.
    """
    select = strings(table.get("select", []), f"{where}: select")
    added = tuple(selector[1:].strip() for selector in select if selector.startswith("+"))
    replacing = tuple(selector for selector in select if not selector.startswith("+"))
    return Suite(
        name=str(table.get("name", base.name)),
        title=str(table.get("title", base.title)),
        select=(replacing or base.select) + added,
        exclude=base.exclude + strings(table.get("exclude", []), f"{where}: exclude"),
        severity={**base.severity, **_severities(table.get("severity", {}), f"{where}: severity")},
        parameters=_parameters(base.parameters, table.get("parameters", {}), f"{where}: parameters"),
        benchmark=_benchmark(table.get("benchmark", base.benchmark), where),
        chapters={**base.chapters, **_texts(table.get("chapters", {}), f"{where}: chapters")},
        sections={**base.sections, **_sections(table.get("sections", {}), f"{where}: sections")},
    )


def check_against(suite: Suite, controls: Mapping[str, Control], where: str) -> None:
    """Raise ConfigurationError for a selector, severity or parameter that speaks of no control."""
    imported = [selector for selector in suite.exclude if scanner_of(selector) in KNOWN]
    for selector in (*suite.select, *(selector for selector in suite.exclude if selector not in imported)):
        kind, colon, value = selector.partition(":")
        if colon and kind not in _BY_KIND:
            raise ConfigurationError(f"{where}: unknown selector `{selector}`{did_you_mean(kind, _BY_KIND)}")
        if kind == "severity" and value not in SEVERITIES:
            raise ConfigurationError(f"{where}: `{selector}`: a severity is one of {', '.join(SEVERITIES)}")
        if not colon and selector not in _WORDS and selector not in controls:
            raise ConfigurationError(f"{where}: no control `{selector}`{did_you_mean(selector, controls)}")
    named = [identifier for section in suite.sections.values() for identifier in section.controls]
    severities = [identifier for identifier in suite.severity if scanner_of(identifier) not in KNOWN]
    for identifier in (*severities, *suite.parameters, *named):
        if identifier not in controls:
            raise ConfigurationError(f"{where}: no control `{identifier}`{did_you_mean(identifier, controls)}")
    for identifier, values in suite.parameters.items():
        defaults = controls[identifier].parameters
        for name, value in check_keys(values, defaults, f"{where}: parameters of {identifier}").items():
            _check_type(value, defaults[name], f"{where}: parameters of {identifier}: {name}")


def _check_type(value: Any, default: Any, where: str) -> None:
    """A control is written for the type of its default, and would say nonsense of another."""
    kinds = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a string",
        tuple: "a list of strings",
    }
    kind = type(default)
    fits = type(value) is kind or (kind is float and type(value) is int)
    needed = kinds.get(kind)
    if kind is tuple:
        item = type(default[0]) if default else str
        fits = fits and all(type(each) is item for each in value)
        needed = "a list of whole numbers" if item is int else needed
    if needed and not fits:
        raise ConfigurationError(f"{where}: {needed} is needed here")


def _load(path: str, seen: tuple[str, ...]) -> Suite:
    if path in seen:
        raise ConfigurationError(f"{path}: extends itself")
    table = check_keys(read_toml(path), _KEYS, path)
    base = Suite("")
    parents = [
        _load(_find(name, os.path.dirname(path)), (*seen, path))
        for name in strings(table.get("extends", []), f"{path}: extends")
    ]
    if parents:
        base = functools.reduce(_join, parents)
    return suite_of({"name": _name_of(path), **table}, base, path)


def _join(first: Suite, second: Suite) -> Suite:
    return Suite(
        first.name,
        first.title,
        tuple(dict.fromkeys(first.select + second.select)),
        first.exclude + second.exclude,
        {**first.severity, **second.severity},
        _parameters(first.parameters, dict(second.parameters), second.name),
        second.benchmark or first.benchmark,
        {**first.chapters, **second.chapters},
        {**first.sections, **second.sections},
    )


def _name_of(path: str) -> str:
    # a suite with files of its own is a folder
    return Path(path).parent.name if Path(path).name == "suite.toml" else Path(path).stem


def _find(name: str, directory: str) -> str:
    if name.endswith(".toml"):
        path = os.path.normpath(os.path.join(directory, name))
        if not os.path.exists(path):
            raise ConfigurationError(f"no suite file {name}")
        return path
    for folder in _FOLDERS:
        for candidate in (folder / f"{name}.toml", folder / name / "suite.toml"):
            if candidate.is_file():
                return str(candidate)
    known = ", ".join(sorted(names_of_suites()))
    raise ConfigurationError(f"no suite `{name}`; there are: {known} (a file's name ends in .toml)")


def names_of_suites() -> set[str]:
    """The suites that are known by name."""
    files = [path for folder in _FOLDERS for path in (*folder.glob("*.toml"), *folder.glob("*/suite.toml"))]
    return {_name_of(str(path)) for path in files}


def _severities(table: Any, where: str) -> dict[str, Severity]:
    for identifier, level in table_of(table, where).items():
        if level not in SEVERITIES:
            raise ConfigurationError(f"{where}: {identifier}: a severity is one of {', '.join(SEVERITIES)}")
    return cast(dict[str, Severity], table)


def _benchmark(value: Any, where: str) -> str:
    if value and value not in _BENCHMARKS:
        raise ConfigurationError(f"{where}: benchmark: one of {', '.join(_BENCHMARKS)}")
    return str(value)


def _sections(table: Any, where: str) -> dict[str, Section]:
    return {number: _section(number, value, f"{where}.{number}") for number, value in table_of(table, where).items()}


def _section(number: str, value: Any, where: str) -> Section:
    table = check_keys(value, _SECTION_KEYS, where)
    texts = _texts(
        {key: table[key] for key in ("title", "later", "rest", "manual", "out-of-scope") if key in table}, where
    )
    controls = strings(table.get("controls", []), f"{where}: controls")
    level = table.get("level", 0)
    if not isinstance(level, int):
        raise ConfigurationError(f"{where}: level: a number is needed here")
    manual, out_of_scope = texts.get("manual", ""), texts.get("out-of-scope", "")
    if sum(map(bool, (controls, manual, out_of_scope))) > 1:
        raise ConfigurationError(f"{where}: it has `controls`, or `manual`, or `out-of-scope`")
    title, later, rest = texts.get("title", number), texts.get("later", ""), texts.get("rest", "")
    return Section(number, title, level, later, controls, rest, manual, out_of_scope)


def _texts(table: Any, where: str) -> dict[str, str]:
    for key, value in table_of(table, where).items():
        if not isinstance(value, str):
            raise ConfigurationError(f"{where}: {key}: a text is needed here")
    return cast(dict[str, str], table)


def _parameters(base: Mapping[str, Mapping[str, Any]], table: Any, where: str) -> dict[str, dict[str, Any]]:
    merged = {identifier: dict(values) for identifier, values in base.items()}
    for identifier, values in table_of(table, where).items():
        values = table_of(values, f"{where}: {identifier}")
        # controls take tuples where TOML has lists
        frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        merged.setdefault(identifier, {}).update({key.replace("-", "_"): value for key, value in frozen.items()})
    return merged


def _below(section: str, sections: tuple[str, ...]) -> bool:
    return any(own == section or own.startswith(section + ".") for own in sections)


_BY_KIND: Mapping[str, Callable[[str, Control], bool]] = {
    "family": lambda value, control: control.family == value,
    "severity": lambda value, control: SEVERITIES.index(control.severity) >= SEVERITIES.index(value),
    "plan": lambda value, control: control.plan == value,
    "cis": lambda value, control: _below(value, control.cis),
    "owasp": lambda value, control: _below(value, control.owasp),
    "nist": lambda value, control: _below(value, control.nist),
}
_WORDS: Mapping[str, Callable[[Control], bool]] = {
    "all": lambda control: True,
    "recommended": lambda control: not control.optional,
}


def _matches(selector: str, control: Control) -> bool:
    word = _WORDS.get(selector)
    if word:
        return word(control)
    kind, colon, value = selector.partition(":")
    return _BY_KIND[kind](value, control) if colon and kind in _BY_KIND else selector == control.id
