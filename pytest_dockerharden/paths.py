"""Paths as users see them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=256)
def shown_path(path: str, start: str) -> str:
    """A path as the user would type it in ``start``."""
    try:
        return os.path.relpath(path, start).replace(os.sep, "/")
    except ValueError:  # another drive
        return path


def is_below(path: str, folder: str) -> bool:
    """Whether an absolute path is ``folder`` or lies in it."""
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def is_inside(path: str, root: str) -> bool:
    """Whether a path lies below a folder with all links resolved."""
    return is_below(os.path.realpath(path), os.path.realpath(root))


def common_folder(folders: Iterable[str]) -> str:
    """The innermost folder that holds them all; the first one where there is none, as on different drives."""
    known = list(folders)
    try:
        return os.path.commonpath(known)
    except ValueError:
        return known[0]
