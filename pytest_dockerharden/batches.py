"""Which combinations can be judged and forgotten one batch after the other, so that thousands need little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_dockerharden.assemble import Combination
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.paths import LIMIT, read_bytes

BATCH = 50
# what may lead to another compose file or to a Dockerfile that another project builds, and what may hide such a word
_REFERS = pattern(rb"build|extends|include|\\[xuU]|\0")


def in_batches(
    combinations: Sequence[Combination], size: int = BATCH
) -> tuple[list[Combination], list[list[Combination]]]:
    """Those that must be known together, and batches of those that depend on none but what shares a file with them."""
    together: list[Combination] = []
    batches: list[list[Combination]] = [[]]
    if len(combinations) <= size:
        return list(combinations), []
    for group in _sharing_files(combinations):
        if any(map(_refers, dict.fromkeys(file for combination in group for file in combination.files))):
            together += group
        else:
            if len(batches[-1]) >= size:
                batches.append([])
            batches[-1] += group
    return together, batches


def _sharing_files(combinations: Iterable[Combination]) -> Iterator[list[Combination]]:
    """The combinations in groups: two that share a file are in the same one."""
    group_of: dict[str, list[Combination]] = {}
    for combination in combinations:
        groups = {id(group_of[file]): group_of[file] for file in combination.files if file in group_of}
        merged = [*(other for group in groups.values() for other in group), combination]
        group_of.update({file: merged for other in merged for file in other.files})
    yield from {id(group): group for group in group_of.values()}.values()


def _refers(file: str) -> bool:
    try:
        return bool(_REFERS.search(read_bytes(file, LIMIT)))
    except (OSError, ValueError):
        return True
