"""Items of a scanner that was run, by their ids: ``scanner:trivy::trivy:CVE-2024-0001[web:1.4.2]``.

They stand below a file that is not there, so that pytest would refuse the id.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_dockerharden.items import HardenFile
from pytest_dockerharden.model.pattern import pattern

if TYPE_CHECKING:
    from pytest_dockerharden.session import StaticSession

_ID = pattern(r"(?:.*[\\/])?(scanner:[\w-]+(?:::.*)?)\Z")


def take_scanner_ids(config: pytest.Config) -> list[str]:
    """The arguments that are such ids, or ``scanner:trivy`` for all of its items, from where they are ours."""
    start = config.invocation_params.dir
    ids = [each for each in config.args if _ID.match(each) and not os.path.lexists(start / each.split("::")[0])]
    config.args[:] = [argument for argument in config.args if argument not in ids]
    return [_ID.sub(r"\1", each) for each in ids]


def chosen(ids: list[str], parent: pytest.Session, static: StaticSession) -> Iterator[pytest.Item]:
    """Their items. Raises UsageError where there is none."""
    for identifier in ids:
        source, _, name = identifier.partition("::")
        file = HardenFile.of(Path(static.request.start, source), parent, static)
        items = [item for item in file.collect() if isinstance(item, pytest.Item) and name in ("", item.name)]
        if not items:
            raise pytest.UsageError(f"not found: {identifier}")
        yield from items
