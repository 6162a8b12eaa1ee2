"""Before and after: what changed since an earlier run, as its JSON report tells."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.paths import read_bytes
from pytest_dockerharden.tomlfile import ConfigurationError
from pytest_dockerharden.verdicts import Result

_LARGEST = 64 << 20
KINDS = ("new", "first", "same", "mended", "accepted", "undecided", "gone")


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one item that fails now or failed before."""

    kind: str
    control: str
    subject: str
    file: str
    phase: str
    result: Result | None


@dataclass(slots=True, eq=False)
class Comparison:
    """The items of an earlier report, beside those of this run.

    ``new`` failed not before; ``first`` fails in a phase that the earlier run did not judge; ``mended`` fails no more;
    ``accepted`` is waived or tolerated now; ``undecided`` is unknown now, which is no improvement; ``gone`` has no
    item any more. ``before`` counts the verdicts of the earlier run.
    """

    name: str
    changes: Sequence[Change]
    before: Mapping[str, int]

    def of(self, kind: str) -> list[Change]:
        """The changes of one kind."""
        return [change for change in self.changes if change.kind == kind]

    def sentence(self) -> str:
        """``2 new, 12 mended, 66 as before``"""
        told = [f"{len(found)} {_WORDS[kind]}" for kind in KINDS if (found := self.of(kind))]
        return ", ".join(told) or "nothing failed, nothing fails"


_WORDS = {
    "new": "new",
    "first": "judged for the first time",
    "same": "as before",
    "mended": "mended",
    "accepted": "accepted",
    "undecided": "not known any more",
    "gone": "gone with what they were found in",
}

Items = Mapping[str, Mapping[str, Any]]


def read_earlier(path: str, name: str) -> Items:
    """The items of a report of ``--harden-report=json`` by id. Raises ConfigurationError for anything else."""
    try:
        content = json.loads(read_bytes(path, _LARGEST))
        items = {item["id"]: item for item in content["items"]} if content["version"] == 1 else None
    except OSError as error:
        raise ConfigurationError(f"--harden-compare: {name}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        items = None
    if items is None or not all(_is_item(item) for item in items.values()):
        raise ConfigurationError(f"--harden-compare: {name} is no report of --harden-report=json")
    return items


def _is_item(item: Mapping[str, Any]) -> bool:
    return all(isinstance(item.get(key), str) for key in ("id", "control", "subject", "phase", "verdict"))


def compare(name: str, earlier: Items, entries: Iterable[tuple[str, Result]]) -> Comparison:
    """Hold the items of a run against those of an earlier one."""
    before: dict[str, int] = {}
    for item in earlier.values():
        verdict = "tolerated" if item.get("tolerated") and item["verdict"] == "failed" else item["verdict"]
        before[verdict] = before.get(verdict, 0) + 1
    return Comparison(name, [*_changes(earlier, dict(entries))], before)


def _changes(earlier: Items, now: Mapping[str, Result]) -> Iterator[Change]:
    phases = {item["phase"] for item in earlier.values()}
    for identifier, result in now.items():
        kind = _kind(earlier.get(identifier), result, result.phase in phases)
        if kind:
            file = identifier.split("::")[0]
            yield Change(kind, result.control.id, result.subject, file, result.phase, result)
    judged = {result.phase for result in now.values()}
    for identifier, item in earlier.items():
        if identifier not in now and _failed(item) and item["phase"] in judged:
            file = identifier.split("::")[0]
            yield Change("gone", item["control"], item["subject"], file, item["phase"], None)


def _kind(item: Mapping[str, Any] | None, result: Result, phase_known: bool) -> str:
    failed = item is not None and _failed(item)
    if result.fails:
        return "same" if failed else "new" if phase_known else "first"
    if not failed:
        return ""
    if result.verdict == "unknown":
        return "undecided"
    return "accepted" if result.verdict in ("waived", "failed") else "mended"


def _failed(item: Mapping[str, Any]) -> bool:
    return item["verdict"] == "error" or (item["verdict"] == "failed" and not item.get("tolerated"))
