"""Whether edited texts mean what was intended and nothing else: every project they are part of is loaded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_dockerharden.assemble import Combination
from pytest_dockerharden.assemble.sources import Sources
from pytest_dockerharden.evaluation import Evaluation
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.paths import reading
from pytest_dockerharden.remedy.wishes import Path, Wish
from pytest_dockerharden.source.dockerfile import parse

_ABSENT: Any = object()
# what Compose adds or takes away because of a key
_FOLLOWS: dict[str, tuple[Path, ...]] = {
    "network_mode": (("networks",), ("depends_on",)),
    "deploy": (("deploy", "replicas"),),
    "env_file": (("environment",),),
    **dict.fromkeys(("ipc", "pid", "uts", "cgroup", "links", "volumes_from"), (("depends_on",),)),
}


@dataclass(slots=True, eq=False)
class _Loaded:
    """A combination as it was before any edit."""

    combination: Combination
    root: str
    project: Project
    model: Any
    problems: list[str]

    @property
    def files(self) -> set[str]:
        return {*self.project.files, *self.project.read}


class Checker:
    """Compares all projects of an evaluation, as they are, with what edited texts make of them."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.loaded: list[_Loaded] = []
        self.dockerfiles = set(evaluation.discovery.dockerfiles)
        for scope in evaluation.scopes:
            for project in scope.assembly.projects:
                combination = next(c for c in scope.combinations if _is_of(c, project))
                known = _Loaded(combination, scope.root, project, project.model.plain(), _refusals(project))
                self.loaded.append(known)

    def complaint(self, before: Mapping[str, str], texts: Mapping[str, str], wishes: Iterable[Wish]) -> str:
        """Why the texts cannot stand for those before, empty where they can. ``wishes`` say what is intended."""
        intended = list(wishes)
        for file in texts.keys() & self.dockerfiles:
            edits = sum(wish.edit.at is not None and wish.edit.at.file == file for wish in intended)
            if complaint := still_parses(file, before[file], texts[file], edits):
                return complaint
        with reading({file: text.encode() for file, text in texts.items()}):
            for known in self.loaded:
                if not known.files.isdisjoint(texts):
                    complaint = _complaint(known, [wish for wish in intended if known.project in wish.projects])
                    if complaint:
                        return complaint
        return ""


def _is_of(combination: Combination, project: Project) -> bool:
    return combination.files == project.files and combination.name == project.combination


def _refusals(project: Project) -> list[str]:
    return [problem.message for problem in project.problems if problem.kind != "warning"]


def _complaint(known: _Loaded, wishes: list[Wish]) -> str:
    sources = Sources(known.root)
    project = sources.project(known.combination, {})
    if project is None:
        return f"the file would not load: {sources.failures[0].message}"
    refusals = _refusals(project)
    if len(refusals) > len(known.problems):
        return f"Compose would refuse it: {next((r for r in refusals if r not in known.problems), refusals[-1])}"
    by_place: dict[Path, list[Wish]] = {}
    for wish in wishes:
        by_place.setdefault(_place(wish.path), []).append(wish)
    for path, before, after in differences(known.model, project.model.plain()):
        near = [*by_place.get(_place(path), ()), *by_place.get((), ())]
        completed = _is_completed(known.model, path) or _is_default_network(known.model, path, wishes)
        if not (_means_nothing(path) or completed or _is_allowed(near, path, before, after)):
            return f"it would change {_shown(path)} as well"
    return ""


def _place(path: Path) -> Path:
    """The service that a path leads to or through; nothing where it is another part of the model."""
    return path[:2] if path[:1] == ("services",) else ()


def _is_completed(before: Any, path: Path) -> bool:
    """Whether it is the network that Compose gives to a service of which nothing was written."""
    return path[2:] == ("networks", "default") and before["services"].get(path[1], _ABSENT) is None


def _is_default_network(before: Any, path: Path, wishes: list[Wish]) -> bool:
    """Whether it is the network that Compose makes as soon as the first service is on it."""
    if path[:2] != ("networks", "default") or "default" in (before.get("networks") or {}):
        return False
    return any(wish.edit.path[:1] == ("network_mode",) for wish in wishes)


def _shown(path: Path) -> str:
    return ".".join(path[1:] if path[:1] == ("services",) else path)


def _means_nothing(path: Path) -> bool:
    """Whether it is an extension: text for anchors, which Compose itself passes over."""
    return path[0].startswith("x-") or (path[0] == "services" and len(path) > 2 and path[2].startswith("x-"))


def _is_allowed(wishes: list[Wish], path: Path, before: Any, after: Any) -> bool:
    """Whether a difference is one that was wished for, alone or together: one item less and another one more."""
    here = [wish for wish in wishes if path[: len(wish.path)] == wish.path]
    growing = [wish for wish in here if wish.edit.kind == "append"]
    shrinking = [wish for wish in here if wish.edit.kind == "remove" and wish.edit.at is not None]
    changing = [wish for wish in here if wish.edit.kind == "replace" and wish.edit.at is not None]
    if not here:
        return any(_follows(wish, path) for wish in wishes)
    if len(here) > len(growing) + len(shrinking) + len(changing):
        return True
    old, now = _listed(before), _listed(after)
    new = [item for item in now if item not in old]
    return _are_wished(new, [*growing, *changing]) and _differs_by_items(old, now, fewer=bool(shrinking or changing))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _are_wished(new: list[Any], wishes: list[Wish]) -> bool:
    """Whether the new items are this service's own: in a list that services share stand those of the others too."""
    values = [wish.edit.value for wish in wishes]
    texts = [value for value in values if isinstance(value, str)]
    if len(new) > len(values):
        return False
    if len(texts) < len(values) or not all(isinstance(item, str) for item in new):
        return True  # the model has them in their long form
    return all(any(_is_written(item, text) for text in texts) for item in new)


def _is_written(item: str, value: str) -> bool:
    """Whether a value makes this item; ``{}`` in it stands for what was there."""
    before, hole, behind = value.partition("{}")
    return item.startswith(before) and item.endswith(behind) if hole else item == value


def _differs_by_items(before: list[Any], after: list[Any], *, fewer: bool) -> bool:
    """Whether no item is gone unless ``fewer`` may be, and those that are kept are in order."""
    kept = [item for item in before if item in after]
    in_order = kept == [item for item in after if item in before]
    return in_order and (fewer or len(kept) == len(before))


def _follows(wish: Wish, path: Path) -> bool:
    """Whether Compose changes this by itself because of what was wished."""
    follows = [also for key in wish.edit.path[:1] for also in _FOLLOWS.get(key, ())]
    below = path[len(wish.base) :] if path[: len(wish.base)] == wish.base else path
    return any(below[: len(also)] == also for also in follows)


def differences(before: Any, after: Any) -> Iterator[tuple[Path, Any, Any]]:
    """Where two models differ: paths of scalars and lists, with what stands there before and after."""
    todo: list[tuple[Path, Any, Any]] = [((), before, after)]
    while todo:
        path, old, new = todo.pop()
        if old == new and type(old) is type(new):
            continue
        mappings = [side for side in (old, new) if isinstance(side, dict)]
        absent = any(side is _ABSENT or side is None for side in (old, new))
        if len(mappings) == 2 or (mappings and mappings[0] and absent):
            keys = dict.fromkeys(key for side in mappings for key in side)
            todo += [((*path, key), _at(old, key), _at(new, key)) for key in keys]
        else:
            yield path, old, new


def _at(side: Any, key: str) -> Any:
    return side.get(key, _ABSENT) if isinstance(side, dict) else _ABSENT


def still_parses(path: str, before: str, after: str, edits: int) -> str:
    """Why the text of a Dockerfile cannot be replaced, empty where it can: only instructions with edits differ."""
    old, new = parse(before, path), parse(after, path)
    if len(new.problems) > len(old.problems):
        return f"Docker would refuse it: {new.problems[-1].message}"
    kept = [(i.keyword, i.text) for i in old.instructions]
    now = [(i.keyword, i.text) for i in new.instructions]
    gone = sum(item not in now for item in kept)
    return "it would change other instructions" if gone > edits else ""
