"""Python's garbage collector, in a run that keeps nearly all that it makes until it ends."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from pathlib import PurePath

_ALLOCATIONS = 50_000
_COMMANDS = frozenset({"pytest", "py.test", "dockerharden"})


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Look for garbage less often: what is made meanwhile lives on, and would be looked at again and again."""
    thresholds = gc.get_threshold()
    gc.set_threshold(_ALLOCATIONS, 5, 1000)
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # all that is left counts as old without being looked at
            gc.freeze()
            gc.unfreeze()
        gc.set_threshold(*thresholds)


def free_what_was_judged() -> None:
    """Free projects that are not needed any more: each knows its services, and they know it.

    All generations: what of a batch was looked at while it was in use counts as old, and would stay to the end.
    """
    gc.collect()


def leave_to_the_system() -> None:
    """Look for no more garbage where the process ends with the run.

    pytest looks for it once more at the end of each session, for exceptions in finalisers of tests, and Python twice:
    a fifth of a short run. A program that calls ``pytest.main`` goes on afterwards and gets its memory back.
    """
    program = PurePath(sys.argv[0] if sys.argv else "")
    if program.stem in _COMMANDS or program.parts[-2:] == ("pytest", "__main__.py"):
        gc.freeze()
