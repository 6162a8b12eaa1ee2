"""``dataclass`` at a tenth of its price.

The standard library writes and compiles the source of each method of each class: 0.7 ms for a frozen one, and a static
run defines a hundred before it reads a file. Here ``__eq__``, ``__hash__`` and ``__repr__`` are the same functions for
all classes, and ``__init__`` is written when the first object is made. ``frozen`` is a matter of type checkers alone,
which makes construction three times as fast as well.
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
            cls.__doc__ = cls.__doc__ or cls.__name__  # else the signature is worked out for it
            made = dataclasses.dataclass(init=False, slots=slots, eq=False, repr=False, kw_only=kw_only)(cls)
            made.__init__ = _written_when_called(made)
            made.__repr__ = _repr
            if eq:
                made._compared = attrgetter(*(field.name for field in dataclasses.fields(made) if field.compare))
                made.__eq__ = _eq
                made.__hash__ = _hash if frozen else None
            return made

        return decorate

    def _written_when_called(cls):
        def write_and_call(self, *values, **named):
            cls.__init__ = _init_of(cls)
            cls.__init__(self, *values, **named)

        return write_and_call

    def _init_of(cls):
        positional, named, body, known = ["self"], [], [], {"missing": dataclasses.MISSING}
        for field in dataclasses.fields(cls):
            name = parameter = value = field.name
            default = f"default_of_{name}"
            if field.default is not dataclasses.MISSING:
                known[default] = field.default
                parameter, otherwise = f"{name}={default}", default
            elif field.default_factory is not dataclasses.MISSING:
                known[default] = field.default_factory
                parameter, otherwise = f"{name}=missing", f"{default}()"
                value = f"{otherwise} if {name} is missing else {name}"
            elif not field.init:
                continue
            if field.init:
                (named if field.kw_only else positional).append(parameter)
            body.append(f"self.{name} = {value if field.init else otherwise}")
        parameters = ", ".join([*positional, "*", *named] if named else positional)
        exec(f"def __init__({parameters}):\n " + "\n ".join(body or ["pass"]), known)  # noqa: S102 - names of fields alone
        return known["__init__"]

    def _eq(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return self._compared(self) == self._compared(other)

    def _hash(self):
        return hash(self._compared(self))

    def _repr(self):
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"
