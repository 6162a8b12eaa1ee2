"""Where a seccomp profile of one's own lies."""

from __future__ import annotations

import os

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern

_OPTION = pattern(r"seccomp[:=](?!unconfined$|builtin$)(.+)", 0)


def profile_path(option: Node, directory: str) -> str | None:
    """The absolute path of the profile that an item of ``security_opt`` names; paths start in the project's folder."""
    match = None if option.unresolved else _OPTION.fullmatch(option.text())
    return os.path.normpath(os.path.join(directory, match[1])) if match else None
