"""PyYAML, imported for its binding of libyaml alone.

Importing it compiles the regular expressions of its reader and resolver in Python, which nothing here calls: 14 of the
22 ms that it takes. They are compiled at first use instead, by whoever uses them.
"""

from __future__ import annotations

import re

from pytest_dockerharden.model.pattern import pattern

__all__ = ["yaml"]

_compile = re.compile
re.compile = pattern  # type: ignore[assignment]
try:
    import yaml
finally:
    re.compile = _compile
