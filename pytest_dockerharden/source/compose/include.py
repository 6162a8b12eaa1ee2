"""``include``: whole models, loaded with their own directory and ``.env``, below the file that includes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.source.compose import dotenv
from pytest_dockerharden.source.compose.merge import merge
from pytest_dockerharden.source.compose.paths import REMOTE_PREFIXES
from pytest_dockerharden.source.compose.problems import refusal
from pytest_dockerharden.source.compose.session import Session
from pytest_dockerharden.source.compose.tree import Document, Path, clear

MOST_STEPS = 16
REMOTE = ("oci://", *REMOTE_PREFIXES)
IMPORTED = ("services", "networks", "volumes", "secrets", "configs", "models")
LoadModel = Callable[[Sequence[Document], str, Mapping[str, str], Session, tuple[str, ...]], Node]


class Including:
    """Resolves the ``include`` of a document. ``load_model`` makes a complete model of an included one."""

    def __init__(
        self,
        session: Session,
        environment: Mapping[str, str],
        directory: str,
        trail: tuple[str, ...],
        load_model: LoadModel,
    ) -> None:
        self.session = session
        self.environment = environment
        self.directory = directory
        self.trail = trail
        self.load_model = load_model

    def apply(self, root: Node, cleared: Sequence[Path]) -> Node:
        """The document over what it includes, which loses what the document clears."""
        include = root.get("include")
        if include is None or not isinstance(root.value, dict):
            return root
        del root.value["include"]
        if not isinstance(include.value, list):
            self.session.problems.refuse("include must be a list", include.place)
            return root
        imported: Node | None = None
        for item in include.value:
            model = self._imported(item)
            if model is not None:
                imported = model if imported is None else merge(model, imported, self.session.problems)
        if imported is None:
            return root
        for path in cleared:
            clear(imported, path)
        merged = merge(imported, root, self.session.problems)
        return Node(merged.value, root.origin, root.key_origin, root.related)

    def _imported(self, item: Node) -> Node | None:
        """The model that one item of ``include`` brings, None with a problem where it cannot be read."""
        try:
            return self._load(item)
        except SourceError as error:
            self.session.note(error)
            return None

    def _load(self, item: Node) -> Node | None:
        named = _texts(item.get("path") if isinstance(item.value, dict) else item)
        if not named:
            self.session.problems.refuse("include names no file", item.place)
            return None
        if any(path.unresolved for path in named):
            return None
        remote = next((path for path in named if path.text().startswith(REMOTE)), None)
        if remote is not None:
            self.session.problems.warn("a remote model is not fetched, what it brings is not known", remote.origin)
            return None
        paths = [self._absolute(path) for path in named]
        documents = self._documents(paths, named)
        chosen = item.get("project_directory")
        directory = self._absolute(chosen) if chosen is not None and chosen.text() else os.path.dirname(paths[0])
        environment = {**self._variables(item.get("env_file"), directory), **self.environment}
        if not documents:
            return None
        return self._only_resources(
            self.load_model(documents, directory, environment, self.session, (*self.trail, *paths))
        )

    def _documents(self, paths: list[str], named: list[Node]) -> list[Document]:
        documents: list[Document] = []
        for path, node in zip(paths, named, strict=True):
            if path in self.trail or len(self.trail) > MOST_STEPS:
                steps = " -> ".join(os.path.basename(step) for step in (*self.trail, path))
                raise refusal(f"include goes in a circle: {steps}", node.origin)
            documents += self.session.documents(path, node.origin)
        return documents

    def _absolute(self, node: Node) -> str:
        return os.path.normpath(os.path.join(self.directory, node.text()))

    def _variables(self, env_file: Node | None, directory: str) -> dict[str, str]:
        variables: dict[str, str] = {}
        for path, asked in self._env_files(env_file, directory):
            text = self.session.text(path, asked.origin if asked else None)
            known = {**variables, **self.environment}
            entries = dotenv.parse(text, path, known, required=self.session.options.resolve_required)
            variables.update({entry.name: entry.value for entry in entries if entry.value is not None})
        return variables

    def _env_files(self, env_file: Node | None, directory: str) -> Iterator[tuple[str, Node | None]]:
        for node in _texts(env_file):
            if node.text() != os.devnull:
                yield self._absolute(node), node
        path = os.path.join(directory, ".env")
        if env_file is None and os.path.isfile(path) and self.session.inside(path):
            yield path, None

    def _only_resources(self, model: Node) -> Node:
        kept = {key: node for key, node in model.items() if key in IMPORTED}
        return Node(kept, model.origin, model.key_origin, model.related)


def _texts(node: Node | None) -> list[Node]:
    if node is None or node.value is None:
        return []
    return [item for item in node if item.text()] if isinstance(node.value, list) else [node]
