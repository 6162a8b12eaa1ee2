"""``dataclass`` at a twentieth of its price.

The standard library looks at each field, and writes and compiles the source of each method: 0.7 ms for a frozen class,
and a static run defines a hundred before it reads a file. Here a class gets its slots and nothing else: ``__init__`` is
written when there are more than a few objects, ``__eq__``, ``__hash__`` and ``__repr__`` are the same functions for all
classes, and what the standard library knows of a class (its ``fields``) is worked out when somebody asks. ``frozen`` is
a matter of type checkers alone, which makes construction three times as fast as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses
    from operator import attrgetter

    MISSING = dataclasses.MISSING
    # half of the classes have no more objects in a run, and to compile an ``__init__`` costs as much as forty of these
    _FEW = 12

    def dataclass(*, frozen=False, slots=False, eq=True, kw_only=False):
        """As in the standard library; what is made works with its ``fields``, ``replace`` and ``asdict``.

        Annotations are strings, as ``from __future__ import annotations`` makes them.
        """

        def decorate(cls):
            names = [name for name, kind in cls.__annotations__.items() if not kind.startswith("ClassVar")]
            defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}
            made = _with_slots(cls, names) if slots else _without_fields(cls, defaults)
            made._own_fields = names, defaults, kw_only
            for name in ("__dataclass_fields__", "__dataclass_params__", "__match_args__"):
                setattr(made, name, _WhenAsked(made, name, _as_in_the_standard_library))
            made.__init__ = _written_when_called(made)
            made.__repr__ = _repr
            if eq:
                made._compared = _WhenAsked(made, "_compared", _getter_of_what_is_compared)
                made.__eq__ = _eq
                made.__hash__ = _hash if frozen else None
            return made

        return decorate

    def _with_slots(cls, names):
        inherited = {slot for base in cls.__mro__[1:-1] for slot in base.__dict__.get("__slots__", ())}
        namespace = {**cls.__dict__, "__slots__": tuple(name for name in names if name not in inherited)}
        for name in [*names, "__dict__", "__weakref__"]:
            namespace.pop(name, None)
        return type(cls)(cls.__name__, cls.__bases__, namespace)

    def _without_fields(cls, defaults):
        for name, value in defaults.items():
            if isinstance(value, dataclasses.Field):
                delattr(cls, name)
        return cls

    class _WhenAsked:
        """An attribute of a class that is worked out once, when it is read for the first time."""

        def __init__(self, cls, name, work_out):
            self.cls = cls
            self.name = name
            self.work_out = work_out

        def __get__(self, instance, owner):
            value = self.work_out(self.cls, self.name)
            setattr(self.cls, self.name, value)
            return value

    def _as_in_the_standard_library(cls, name):
        names, defaults, kw_only = cls._own_fields
        bases = tuple(base for base in cls.__bases__ if dataclasses.is_dataclass(base))
        annotations = {name: cls.__annotations__[name] for name in names}
        # where there is a text already no signature is worked out for one
        namespace = {"__annotations__": annotations, "__doc__": cls.__name__, "__module__": cls.__module__, **defaults}
        alike = type(cls.__name__, bases, namespace)
        dataclasses.dataclass(init=False, eq=False, repr=False, kw_only=kw_only)(alike)
        return getattr(alike, name)

    def _getter_of_what_is_compared(cls, name):
        return attrgetter(*(field for field, (*_, compared) in _fields_of(cls).items() if compared))

    def _written_when_called(cls):
        """An ``__init__`` for a few objects: for more it pays to compile one."""
        fields, left = {}, _FEW

        def init(self, *values, **named):
            nonlocal fields, left
            fields, left = fields or _fields_of(cls), left - 1
            if left and not _set(self, fields, values, named):
                return
            cls.__init__ = _init_of(cls)
            cls.__init__(self, *values, **named)

        return init

    def _set(self, fields, values, named):
        """Set the fields as an ``__init__`` would; whether there is more to it, or a mistake to tell."""
        taken = 0
        for place, (name, (default, factory, init, alone, _)) in enumerate(fields.items()):
            if not init or alone:
                return True
            if place < len(values):
                value = values[place]
            elif name in named:
                value, taken = named[name], taken + 1
            elif factory is not MISSING:
                value = factory()
            elif default is not MISSING:
                value = default
            else:
                return True
            setattr(self, name, value)
        return taken < len(named) or len(values) > len(fields)

    def _init_of(cls):
        positional, named, body, known = ["self"], [], [], {"missing": MISSING}
        for name, (default, factory, init, kw_only, _) in _fields_of(cls).items():
            parameter = value = name
            if default is not MISSING:
                known[f"default_of_{name}"] = default
                parameter, otherwise = f"{name}=default_of_{name}", f"default_of_{name}"
            elif factory is not MISSING:
                known[f"default_of_{name}"] = factory
                parameter, otherwise = f"{name}=missing", f"default_of_{name}()"
                value = f"{otherwise} if {name} is missing else {name}"
            elif not init:
                continue
            if init:
                (named if kw_only else positional).append(parameter)
            body.append(f"self.{name} = {value if init else otherwise}")
        parameters = ", ".join([*positional, "*", *named] if named else positional)
        exec(f"def __init__({parameters}):\n " + "\n ".join(body or ["pass"]), known)  # noqa: S102 - names of fields alone
        return known["__init__"]

    def _fields_of(cls):
        """Default, its factory, whether it is a parameter, by keyword alone, and compared; of each field by name."""
        fields = {}
        for base in reversed(cls.__mro__):
            names, defaults, kw_only = base.__dict__.get("_own_fields", ((), {}, False))
            for name in names:
                value = defaults.get(name, MISSING)
                if isinstance(value, dataclasses.Field):
                    alone = kw_only if value.kw_only is MISSING else value.kw_only
                    fields[name] = value.default, value.default_factory, value.init, alone, value.compare
                else:
                    fields[name] = value, MISSING, True, kw_only, True
        return fields

    def _eq(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return self._compared(self) == self._compared(other)

    def _hash(self):
        return hash(self._compared(self))

    def _repr(self):
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"
