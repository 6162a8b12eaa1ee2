"""Read our own modules as Python does, not through pytest's rewriting of assertions.

pytest rewrites every module of every plugin's distribution, for the sake of assertions that a plugin makes about the
user's objects. We make none, and its import hook hashes each source file and reads the cached code slowly: some 60 ms
for what a static run imports.
"""

from __future__ import annotations

import functools
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import pytest

_OURS = f"{__package__}."


class OwnModules:
    """A finder for ``sys.meta_path`` that answers for this package alone.

    It looks at each folder once, where Python asks the system for the folder and the file of every module.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not path or not name.startswith(_OURS):
            return None
        module = name.rpartition(".")[2]
        place = os.path.join(path[0], module)
        names = _names(path[0])
        if f"{module}.py" in names:
            return _spec(name, f"{place}.py")
        if "__init__.py" in _names(place):
            return _spec(name, os.path.join(place, "__init__.py"), [place])
        return None


@functools.cache
def _names(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:  # an archive: Python itself will find out
        return frozenset()


def _spec(name: str, file: str, folders: list[str] | None = None) -> ModuleSpec | None:
    loader = SourceFileLoader(name, file)
    return spec_from_file_location(name, file, loader=loader, submodule_search_locations=folders)


def import_plainly(config: pytest.Config) -> None:
    """From here to the end of this run of pytest."""
    finder = OwnModules()
    sys.meta_path.insert(0, finder)
    config.add_cleanup(functools.partial(sys.meta_path.remove, finder))
