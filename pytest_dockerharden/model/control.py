"""A control: one judgement, written once as one function, judged on a prediction or an observation alike."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Literal

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import SEVERITIES, Findings, Severity

Priority = Literal["P0", "P1", "P2", "P3", ""]
Judged = Literal["Posture", "Service", "Project", "Stage", "Dockerfile", "Image", "Drill", "Engine"]

_JUDGED: tuple[str, ...] = ("Posture", "Service", "Project", "Stage", "Dockerfile", "Image", "Drill", "Engine")


@dataclass(frozen=True, slots=True)
class Documentation:
    """A control's docstring, taken apart. ``bad`` and ``good`` hold the dedented example texts, ``# <-`` included."""

    title: str
    why: str
    bad: tuple[str, ...]
    good: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """One registered control.

    ``judges`` names the type of the first parameter. Keyword-only parameters of the function are what a suite may set;
    ``parameters`` are their defaults. ``optional`` controls belong to the strict suite and not to the recommended one.
    ``live`` controls need what only a running container shows: text is never judged by them, not even as unknown.
    ``equivalents`` maps a peer's name to its rule ids. ``module`` and ``line`` tell where it is defined.
    """

    id: str
    function: Callable[..., Findings]
    judges: Judged
    severity: Severity
    family: str
    plan: Priority = ""
    optional: bool = False
    cis: tuple[str, ...] = ()
    owasp: tuple[str, ...] = ()
    nist: tuple[str, ...] = ()
    equivalents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    live: bool = False
    module: str = ""
    line: int = 0

    @property
    def documentation(self) -> Documentation:
        return parse_docstring(inspect.cleandoc(self.function.__doc__ or ""))

    @property
    def priority(self) -> str:
        """``priority P1`` where the hardening plan has one, for people."""
        return self.plan and f"priority {self.plan}"

    @property
    def title(self) -> str:
        return self.documentation.title


REGISTRY: dict[str, Control] = {}


def control(
    *,
    severity: Severity,
    plan: Priority = "",
    optional: bool = False,
    cis: str | tuple[str, ...] = (),
    owasp: str | tuple[str, ...] = (),
    nist: str | tuple[str, ...] = (),
    equivalents: Mapping[str, str | tuple[str, ...]] | None = None,
    live: bool = False,
) -> Callable[[Callable[..., Findings]], Callable[..., Findings]]:
    """Register a function as a control. Its name, dashes for underscores, is the control's id.

    Raises ValueError at import where the id is taken, the first parameter has no judged type, the docstring is missing
    or there is no such severity, and names the function, so that a mistake is seen at once.
    """

    def register(function: Callable[..., Findings]) -> Callable[..., Findings]:
        # the source is named by module and line from the code object: inspect.getsource would read the file
        identifier = function.__name__.replace("_", "-")
        module = function.__module__
        taken = REGISTRY.get(identifier)
        if taken is not None and (taken.module, taken.function.__qualname__) != (module, function.__qualname__):
            if _stands_at(taken.function) == _stands_at(function):
                return function  # a file of own controls that pytest imports as well, to look for tests
            raise ValueError(f"control {identifier!r} of {module} is already defined in {taken.module}")
        if not function.__doc__:
            raise ValueError(f"control {identifier!r} of {module} has no docstring")
        if severity not in SEVERITIES:
            raise ValueError(f"control {identifier!r}: severity is one of {', '.join(SEVERITIES)}, not {severity!r}")
        REGISTRY[identifier] = Control(
            id=identifier,
            function=function,
            judges=_judged_type(function, identifier),
            severity=severity,
            family=module.rsplit(".", 1)[-1],
            plan=plan,
            optional=optional,
            cis=_tuple(cis),
            owasp=_tuple(owasp),
            nist=_tuple(nist),
            equivalents={peer: _tuple(ids) for peer, ids in equivalents.items()} if equivalents else {},
            parameters=function.__kwdefaults__ or {},
            live=live,
            module=module,
            line=function.__code__.co_firstlineno,
        )
        return function

    return register


def _stands_at(function: Callable[..., Findings]) -> tuple[str, int]:
    return function.__code__.co_filename, function.__code__.co_firstlineno


def _tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _judged_type(function: Callable[..., Findings], identifier: str) -> Judged:
    # annotations are strings (PEP 563) and stay unevaluated: the name alone says what is judged
    first = function.__code__.co_varnames[0] if function.__code__.co_argcount else ""
    annotation = function.__annotations__.get(first, "")
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    name = name.rsplit(".", 1)[-1]
    if name not in _JUDGED:
        raise ValueError(f"control {identifier!r}: annotate its first parameter with one of {', '.join(_JUDGED)}")
    return name  # type: ignore[return-value]


def parse_docstring(text: str) -> Documentation:
    """Title, why, and the ``Bad::`` / ``Good::`` blocks of a cleaned docstring."""
    lines = text.split("\n")
    title = lines[0].strip()
    why: list[str] = []
    blocks: dict[str, list[str]] = {"Bad::": [], "Good::": []}
    index = 1
    while index < len(lines):
        marker = lines[index].strip()
        if marker in blocks and not lines[index].startswith(" "):
            block: list[str] = []
            index += 1
            while index < len(lines) and (not lines[index].strip() or lines[index].startswith(" ")):
                block.append(lines[index])
                index += 1
            blocks[marker].append(textwrap.dedent("\n".join(block)).strip("\n") + "\n")
            continue
        why.append(lines[index])
        index += 1
    return Documentation(title, "\n".join(why).strip(), tuple(blocks["Bad::"]), tuple(blocks["Good::"]))
