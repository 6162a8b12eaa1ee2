"""Read our own modules as Python does, not through pytest's rewriting of assertions.

pytest rewrites every module of every plugin's distribution, for the sake of assertions that a plugin makes about the
user's objects. We make none, and its import hook hashes each source file and reads the cached code slowly: some 60 ms
for what a static run imports.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import pytest

_OURS = f"{__package__}."


class OwnModules:
    """A finder for ``sys.meta_path`` that answers for this package alone."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(name, path, target) if name.startswith(_OURS) else None


def import_plainly(config: pytest.Config) -> None:
    """From here to the end of this run of pytest."""
    finder = OwnModules()
    sys.meta_path.insert(0, finder)
    config.add_cleanup(partial(sys.meta_path.remove, finder))
