"""What the lines of a ``.gitignore`` say of a path. Most files need no more than names and wildcards."""

from __future__ import annotations

import fnmatch
import re
import warnings
from collections.abc import Callable, Iterable, Sequence

from pytest_dockerharden.model.pattern import pattern

Matcher = Callable[[str], bool | None]

# `**`, brackets, escapes and odd white space are left to a library, which takes 13 ms to import
_HARD = pattern(r"\*\*|[\[\]\\]|//|[^\S ]|^ | $|^!?/*$|^!!")
_MOST_STARS, _MOST_IN_A_NAME = 12, 3
_Rule = Callable[[Sequence[str], bool], object]


def matcher(lines: Iterable[str]) -> Matcher:
    """A function from a path, with a slash at the end where it is a folder, to whether it is ignored.

    None says that no line speaks of it. Paths are relative to the folder of the file. A line that cannot be understood
    speaks of nothing, as for git.
    """
    told = [line for line in lines if line.strip() and not line.startswith("#")]
    if not any(map(_HARD.search, told)):
        return _of_names([(not line.startswith("!"), _rule(line.removeprefix("!"))) for line in reversed(told)])
    quick = [line for line in told if not _tries_for_ever(line)]
    try:
        return _of_library(quick)
    except (ValueError, re.error):
        return _of_library([line for line in quick if _is_understood(line)])


def _of_library(lines: list[str]) -> Matcher:
    from pathspec import GitIgnoreSpec

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # a bracket in a class
        spec = GitIgnoreSpec.from_lines(lines)
    return lambda path: spec.check_file(path).include


def _is_understood(line: str) -> bool:
    try:
        _of_library([line])
    except (ValueError, re.error):
        return False
    return True


def _tries_for_ever(line: str) -> bool:
    return line.count("*") > _MOST_STARS or any(part.count("*") > _MOST_IN_A_NAME for part in line.split("/"))


def _of_names(rules: Sequence[tuple[bool, _Rule]]) -> Matcher:
    """``rules`` from the last to the first."""

    def ignored(path: str) -> bool | None:
        parts = path.rstrip("/").split("/")
        answer = None
        for depth in range(1, len(parts) + 1):
            is_folder = depth < len(parts) or path.endswith("/")
            answer = next((ignores for ignores, speaks_of in rules if speaks_of(parts[:depth], is_folder)), None)
            if answer:  # what is in an ignored folder is ignored, and nothing takes it back: gitignore(5)
                return True
        return answer

    return ignored


def _rule(line: str) -> _Rule:
    """Whether a line speaks of a path, taken apart, that may be a folder."""
    only_folders = line.endswith("/")
    names = [_name(part) for part in line.strip("/").split("/")]
    if len(names) == 1 and not line.startswith("/"):
        is_it = names[0]
        return lambda parts, is_folder: (is_folder or not only_folders) and is_it(parts[-1])
    return lambda parts, is_folder: (
        len(parts) == len(names)
        and (is_folder or not only_folders)
        and all(is_it(part) for is_it, part in zip(names, parts, strict=True))
    )


def _name(text: str) -> Callable[[str], object]:
    if "?" in text or text.count("*") > 1:
        return re.compile(fnmatch.translate(text)).match
    if "*" not in text:
        return text.__eq__
    start, end = text.split("*")
    return lambda name: len(name) >= len(start) + len(end) and name.startswith(start) and name.endswith(end)
