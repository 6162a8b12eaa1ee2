"""What the lines of a ``.gitignore`` say of a path. Most files need no more than names and wildcards."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence

from pytest_dockerharden.model.pattern import pattern

Matcher = Callable[[str], bool | None]

# negation, `**`, brackets, escapes and odd white space are left to a library, which takes 13 ms to import
_HARD = pattern(r"!|\*\*|[\[\]\\]|//|[^\S ]|^ | $|^/+$")


def matcher(lines: Iterable[str]) -> Matcher:
    """A function from a path, with a slash at the end where it is a folder, to whether it is ignored.

    None says that no line speaks of it. Paths are relative to the folder of the file. Raises ValueError for lines that
    git would not understand either.
    """
    told = [line for line in lines if line.strip() and not line.startswith("#")]
    if not any(map(_HARD.search, told)):
        return _of_names([_rule(line) for line in told])
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines(told)
    return lambda path: spec.check_file(path).include


def _of_names(rules: Sequence[Callable[[Sequence[str]], bool]]) -> Matcher:
    # what is in an ignored folder is ignored, and nothing takes it back
    return lambda path: True if any(rule(path.split("/")) for rule in rules) else None


def _rule(line: str) -> Callable[[Sequence[str]], bool]:
    """Whether a line speaks of a path, taken apart; that of a folder has an empty part at its end."""
    only_folders = line.endswith("/")
    names = [_name(part) for part in line.strip("/").split("/")]
    depth = len(names)
    if depth == 1 and not line.startswith("/"):
        is_it = names[0]
        return lambda parts: any(part and is_it(part) for part in (parts[:-1] if only_folders else parts))

    def at_its_place(parts: Sequence[str]) -> bool:
        reaches = len(parts) > depth if only_folders else len(parts) >= depth
        return (
            reaches and all(is_it(part) for is_it, part in zip(names, parts, strict=False)) and parts[depth - 1] != ""
        )

    return at_its_place


def _name(text: str) -> Callable[[str], object]:
    if "?" in text or text.count("*") > 1:
        return re.compile(fnmatch.translate(text)).match
    if "*" not in text:
        return text.__eq__
    start, end = text.split("*")
    return lambda name: len(name) >= len(start) + len(end) and name.startswith(start) and name.endswith(end)
