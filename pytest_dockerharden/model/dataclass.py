"""``dataclass`` at a third of its price.

The standard library writes and compiles the source of each method of each class: 0.8 ms for a frozen one, and a static
run defines a hundred before it reads a file. Here ``__eq__``, ``__hash__`` and ``__repr__`` are the same functions for
all classes, and ``frozen`` is a matter of type checkers alone, which makes construction three times as fast as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses
    from operator import attrgetter

    def dataclass(*, frozen=False, slots=False, eq=True, kw_only=False):
        """As in the standard library; what is made works with its ``fields``, ``replace`` and ``asdict``."""

        def decorate(cls):
            made = dataclasses.dataclass(slots=slots, eq=False, repr=False, kw_only=kw_only)(cls)
            made.__repr__ = _repr
            if eq:
                made._compared = attrgetter(*(field.name for field in dataclasses.fields(made) if field.compare))
                made.__eq__ = _eq
                made.__hash__ = _hash if frozen else None
            return made

        return decorate

    def _eq(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return self._compared(self) == self._compared(other)

    def _hash(self):
        return hash(self._compared(self))

    def _repr(self):
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"
