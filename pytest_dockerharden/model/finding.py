"""What a control found: where, what is wrong with this one, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from pytest_dockerharden.model.dataclass import dataclass

if TYPE_CHECKING:
    from pytest_dockerharden.model.origin import Origin, TextOrigin

Severity = Literal["info", "low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")


def is_less(severity: Severity, than: Severity) -> bool:
    """Whether a severity is less than another one."""
    return SEVERITIES.index(severity) < SEVERITIES.index(than)


EditKind = Literal["set", "append", "remove", "replace", "tag", "text"]
Class = Literal["safe", "behaviour-changing", "advice"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one compose value, by its path below the service (or the project).

    ``value`` is plain data (str, int, bool, list, dict); None for ``remove``. ``at`` names one item of the list at
    ``path`` by its place: what ``remove`` takes out, what ``replace`` rewrites (``value`` is then the text as one
    writes it, ``${VARIABLES}`` included; ``{}`` in it stands for what is there), in what ``set`` writes the last key
    of ``path``, and of what list ``tag`` puts its value (``!override``) in front. A ``path`` that begins with an
    empty step is that of the whole model. A ``text`` edit of a file that is no compose file has none; it puts
    ``value`` in place of the span ``at`` of any file, as in a Dockerfile, if ``old`` stands there (None: whatever
    does); an empty span inserts. A ``set`` of a mapping keeps what else is in it; ``replace`` without ``at`` does
    not.
    """

    kind: EditKind
    path: tuple[str, ...]
    value: object = None
    at: TextOrigin | None = None
    old: str | None = None


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to write instead: ``text`` are the lines for people; ``edits`` only where they are unambiguous.

    ``effect`` says how careful one must be: ``safe`` cannot change a working service, ``behaviour-changing``
    may (``breaks`` says what), ``advice`` is not to be applied by a machine.
    """

    text: str
    edits: tuple[Edit, ...] = ()
    effect: Class = "advice"
    breaks: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a property does not hold.

    ``message`` says what is wrong with this one; reports put the subject in front of it
    (``redis: the root filesystem is writable``), so it starts in lower case and does not repeat the subject.
    ``why`` replaces the control's own sentence of why where this case needs another.
    ``sections`` are those of the control's CIS sections that it speaks of; empty: all of them.
    A secret value never stands in ``message``, ``why`` or ``remedy``.
    """

    message: str
    origin: Origin
    remedy: Remedy | None = None
    related: tuple[Origin, ...] = field(default=())
    why: str | None = None
    sections: tuple[str, ...] = ()


Findings = Iterator[Finding]
