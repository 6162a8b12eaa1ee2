"""What pytest is told of an object that is registered as a plugin."""

from __future__ import annotations


def hooks_of(kind: type) -> list[str]:
    """For ``__dir__`` of a plugin with cached properties.

    Up to 8.3 pytest looks for fixtures at whatever ``dir`` lists, and would work out what is not to be known yet.
    """
    return [name for name in dir(kind) if name.startswith("pytest_")]
