"""Write a plan: whole files at once, through links, with the mode they had; never over what git does not have."""

from __future__ import annotations

import codecs
import os
import tempfile
from collections.abc import Callable, Collection, Iterable

from pytest_dockerharden.remedy.plan import Plan
from pytest_dockerharden.source.git import find_checkout


class NotSavedError(Exception):
    """Why nothing was written."""


def unsaved(files: Iterable[str], top: str) -> list[str]:
    """The files whose present content no commit or index of git has. Where there is no checkout nobody can ask."""
    found = []
    for file in files:
        checkout = find_checkout(os.path.realpath(file), os.path.realpath(top))
        if checkout is not None and checkout.has_content(os.path.realpath(file)) is False:
            found.append(file)
    return sorted(found)


def save(
    plan: Plan, top: str, shown: Callable[[str], str], *, forced: bool, ours: Collection[str] = frozenset()
) -> None:
    """Write the texts of a plan. Raises NotSavedError, and has written nothing then.

    ``ours`` are files that this run has written before, and that git therefore does not have as they are.
    """
    dirty = [] if forced else unsaved(set(plan.after) - set(ours), top)
    if dirty:
        names = ", ".join(map(shown, dirty[:3])) + (f" and {len(dirty) - 3} more" if len(dirty) > 3 else "")
        raise NotSavedError(f"git does not have {names} as it is: commit or stage it, or say --harden-fix twice")
    for file, text in plan.after.items():
        _refuse_changed(file, plan.before[file], shown)
        _replace(os.path.realpath(file), text)


def _refuse_changed(file: str, before: str, shown: Callable[[str], str]) -> None:
    with open(file, "rb") as stream:
        if stream.read().decode("utf-8-sig") != before:
            raise NotSavedError(f"{shown(file)} was changed by somebody else meanwhile")


def _replace(path: str, text: str) -> None:
    """Put a new file in the old one's place, so that nobody ever sees half of it."""
    with open(path, "rb") as stream:
        mark = stream.read(3)
    status = os.stat(path)
    handle, name = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write((codecs.BOM_UTF8 if mark == codecs.BOM_UTF8 else b"") + text.encode())
        os.chmod(name, status.st_mode & 0o7777)
        if hasattr(os, "chown") and (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            _give_back(name, status)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _give_back(name: str, status: os.stat_result) -> None:
    try:
        os.chown(name, status.st_uid, status.st_gid)
    except OSError:
        os.chown(name, -1, status.st_gid) if status.st_gid in os.getgroups() else None
