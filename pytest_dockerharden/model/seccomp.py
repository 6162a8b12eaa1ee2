"""Where a seccomp profile of one's own lies, and whether it filters anything."""

from __future__ import annotations

import os

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern

# what lets a system call be made (seccomp(2)); a tracer that is not there refuses
_PASSING = frozenset({"SCMP_ACT_ALLOW", "SCMP_ACT_LOG"})
_OPTION = pattern(r"seccomp[:=](?!unconfined$|builtin$)(.+)", needs=("seccomp",))


def refuses_nothing(profile: object) -> bool:
    """Whether a profile, as its JSON says it, lets every system call pass: the kernel then filters nothing."""
    if not isinstance(profile, dict):
        return False
    rules = profile.get("syscalls") or ()
    if not isinstance(rules, (list, tuple)) or not all(isinstance(rule, dict) for rule in rules):
        return False
    actions = [profile.get("defaultAction"), *(rule.get("action") for rule in rules)]
    return all(isinstance(action, str) and action in _PASSING for action in actions)


def profile_path(option: Node, directory: str) -> str | None:
    """The absolute path of the profile that an item of ``security_opt`` names; paths start in the project's folder."""
    match = None if option.unresolved else _OPTION.fullmatch(option.text())
    return os.path.normpath(os.path.join(directory, match[1])) if match else None
