"""What one load has in hand: its options, its problems, and the files it may open and has opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.paths import is_inside
from pytest_dockerharden.source.compose.interpolate import Interpolator, cast, interpolate
from pytest_dockerharden.source.compose.problems import Budget, Problems, refusal
from pytest_dockerharden.source.compose.tree import Document, parse
from pytest_dockerharden.source.reading import beginning, read_source

MOST_DOCUMENTS = 256
# reading a text counts too, so that a long file asked for often is bounded
CHARACTERS_A_VALUE = 64


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load.

    ``environment`` stands for the process environment, which is never read. ``profiles`` None means
    ``COMPOSE_PROFILES``, as Docker Compose does; ``("*",)`` all of them. Nothing outside ``root`` is opened, where
    it is set. ``strict`` raises SourceError at the first refusal. Without ``resolve_required`` an unset
    ``${NAME:?}`` or a missing env file is no refusal. ``drop_unused`` takes networks, volumes, secrets and configs
    that no service uses out of the model.
    """

    project_directory: str | None = None
    project_name: str | None = None
    env_files: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    profiles: tuple[str, ...] | None = None
    root: str | None = None
    combination: str = ""
    strict: bool = False
    resolve_required: bool = True
    drop_unused: bool = False


@dataclass(slots=True)
class Session:
    """One load. ``read`` keeps the files opened, in order; ``incomplete`` the services whose base is not at hand."""

    options: LoadOptions
    problems: Problems
    read: dict[str, None] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)
    budget: Budget = field(default_factory=Budget)
    _texts: dict[str, str] = field(default_factory=dict)
    _documents: int = 0

    def text(self, path: str, asked_by: TextOrigin | None = None) -> str:
        """The text of a file. Raises SourceError, located where it is asked for if it cannot be opened."""
        place = asked_by or beginning(path)
        if not self.inside(path):
            raise refusal(f"{os.path.basename(path)} lies outside the project, it is not opened", place, kind="limit")
        if asked_by is not None and not os.path.isfile(path):
            raise refusal(f"cannot read {os.path.basename(path)}: {_why_no_file(path)}", place)
        text = self._texts.get(path)
        if text is None:
            text = self._texts[path] = read_source(path)
        self.read.setdefault(path)
        self.budget.spend(len(text) // CHARACTERS_A_VALUE, place)
        return text

    def inside(self, path: str) -> bool:
        """Whether a path may be opened: it lies, with its links resolved, below the root, or there is no root."""
        return self.options.root is None or is_inside(path, self.options.root)

    def documents(self, path: str, asked_by: TextOrigin | None = None) -> list[Document]:
        """The documents of a compose file, not yet interpolated. Raises SourceError where it is not YAML."""
        documents = parse(self.text(path, asked_by), path, self.problems, self.budget)
        self._documents += max(len(documents), 1)
        if self._documents > MOST_DOCUMENTS:
            raise refusal(f"more than {MOST_DOCUMENTS} compose files", asked_by or beginning(path), kind="limit")
        for document in documents:
            if not isinstance(document.root.value, dict):
                raise refusal("a compose file is a mapping at its top level", document.root.origin)
        return documents

    def interpolate(self, root: Node, environment: Mapping[str, str]) -> None:
        """Expand the variables of a tree and cast its typed fields, in place."""
        required = self.options.resolve_required
        interpolate(root, Interpolator(environment, required=required), self.problems)
        cast(root, self.problems, required=required)

    def note(self, error: SourceError) -> None:
        """Keep the problem of a part that could not be read, and go on without it."""
        self.problems.add(error.problem)


def _why_no_file(path: str) -> str:
    if os.path.isdir(path):
        return "it is a directory"
    if os.path.exists(path):
        return "not a regular file"
    return "no such file, the link points nowhere" if os.path.islink(path) else "no such file"
