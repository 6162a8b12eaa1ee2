"""Another text for a value that is written with variables: they stay, and where it must be one gets another default."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.remedy.errors import CannotEditError

_PART = pattern(r"\$\{(\w+)(:?-)([^${}]*)\}|\$\$|\$\{?(\w+)\}?|[^$]+")
# a colon outside of braces
_FIELD = pattern(r":(?![^{}]*\})")


def as_text(value: object) -> str:
    """A value as Compose writes it into a text, its dollars doubled."""
    return str(value).lower() if isinstance(value, bool) else str(value).replace("$", "$$")


def other_default(template: str, new: str) -> tuple[str, str]:
    """The template that becomes ``new`` as long as nothing sets its variables, and the one with another default.

    ``${USER:-0}:0`` becomes ``${USER:-0}:10`` for ``0:10``, without another default. Raises CannotEditError.
    """
    parts = list(_PART.finditer(template))
    if "".join(part[0] for part in parts) != template:
        raise CannotEditError("the value comes from a variable in a way that is not simple")
    for part in parts:
        if part[4]:
            raise CannotEditError(f"the variable {part[4]} decides, and has no default")
    for name, written in _candidates(parts, new):
        return written, name
    fields, wanted = _FIELD.split(template), new.split(":")
    if len(fields) == len(wanted) > 1:
        each = [other_default(*pair) for pair in zip(fields, wanted, strict=True)]
        return ":".join(text for text, _ in each), next((name for _, name in each if name), "")
    raise CannotEditError("the value comes from several variables")


def _candidates(parts: Sequence[re.Match[str]], new: str) -> Iterator[tuple[str, str]]:
    """With one part changed, first those that are plain text."""
    defaults = [part[0] if part[1] is None else part[3] for part in parts]
    for index in sorted(range(len(parts)), key=lambda i: parts[i][1] is not None):
        before, behind = "".join(defaults[:index]), "".join(defaults[index + 1 :])
        if not (new.startswith(before) and new.endswith(behind) and len(new) >= len(before) + len(behind)):
            continue
        middle, part = new[len(before) : len(new) - len(behind)], parts[index]
        if part[1] is None:
            yield "", _with(parts, index, middle)
        elif "{" not in middle and "}" not in middle and "$" not in middle:
            yield part[1], _with(parts, index, f"${{{part[1]}{part[2]}{middle}}}")


def _with(parts: Sequence[re.Match[str]], index: int, new: str) -> str:
    return "".join(new if i == index else part[0] for i, part in enumerate(parts))
