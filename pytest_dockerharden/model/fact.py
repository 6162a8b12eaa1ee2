"""A fact is known or it is not; what is not known is never a pass and never a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.finding import Finding, Remedy

if TYPE_CHECKING:
    from pytest_dockerharden.model.origin import Origin

T = TypeVar("T")
D = TypeVar("D")


class UnknownFact(Exception):  # noqa: N818 - a verdict, not an error
    """A control asked for what cannot be known here; its verdict is then ``unknown`` with this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotApplicable(Exception):  # noqa: N818 - a verdict, not an error
    """A control has nothing to judge on this subject; no item is made, the case is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unknown(reason: str) -> NoReturn:
    """End the running control with the verdict ``unknown``."""
    raise UnknownFact(reason)


def not_applicable(reason: str) -> NoReturn:
    """End the running control with the verdict ``not-applicable``."""
    raise NotApplicable(reason)


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A value and the place that decided it.

    ``related`` holds further places that took part, for instance the base line that an overlay overrode.
    """

    value: T
    origin: Origin
    related: tuple[Origin, ...] = ()

    @property
    def known(self) -> bool:
        return True

    def get(self, default: D) -> T | D:
        """The value; ``default`` is for facts that are not known."""
        return self.value

    def finding(
        self, message: str, remedy: Remedy | None = None, *, at: Origin | None = None, why: str | None = None
    ) -> Finding:
        """A finding at the place that decided this fact, or at ``at``."""
        return Finding(message, at or self.origin, remedy=remedy, related=self.related, why=why)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that cannot be known from here, and why."""

    reason: str
    origin: Origin | None = None

    @property
    def known(self) -> bool:
        return False

    @property
    def value(self) -> Any:
        """Always raises :class:`UnknownFact`, so that a control written for known facts cannot pass by accident."""
        raise UnknownFact(self.reason)

    def get(self, default: D) -> D:
        """The default. For controls that can still say something without this fact."""
        return default

    def finding(
        self, message: str, remedy: Remedy | None = None, *, at: Origin | None = None, why: str | None = None
    ) -> Finding:
        """A finding can only be made of an unknown fact when the control names the place itself."""
        if at is None:
            raise UnknownFact(self.reason)
        return Finding(message, at, remedy=remedy, why=why)


Fact = Known[T] | Unknown
