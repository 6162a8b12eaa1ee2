"""Documents to one model: interpolation, include, extends, merge; then the canonical form and the checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.source.compose.derive import default
from pytest_dockerharden.source.compose.extends import Extending, settle
from pytest_dockerharden.source.compose.include import Including
from pytest_dockerharden.source.compose.merge import merge
from pytest_dockerharden.source.compose.paths import Resolver
from pytest_dockerharden.source.compose.schema import validate
from pytest_dockerharden.source.compose.schema_table import SERVICE
from pytest_dockerharden.source.compose.session import Session
from pytest_dockerharden.source.compose.shortforms import canonical_service, canonical_top
from pytest_dockerharden.source.compose.tree import Document, clear
from pytest_dockerharden.source.compose.unique import unique_entries, unique_texts

Files = tuple[str, ...]
# what must be a list of a service, and may be nothing else
LISTS = tuple(key for key, rule in (SERVICE.keys or {}).items() if rule.items and not (rule.scalars or rule.others))
VALUES_A_PORT = 5


def load_model(
    documents: Sequence[Document], directory: str, environment: Mapping[str, str], session: Session, trail: Files
) -> Node:
    """The merged model of documents in merge order, in its long form.

    ``trail`` are the files whose loading led here, these documents' own last.
    """
    extending = Extending(session, environment, directory)
    including = Including(session, environment, directory, trail, _included)
    model: Node | None = None
    for document in documents:
        session.interpolate(document.root, environment)
        root = including.apply(document.root, document.cleared)
        if model is not None:
            for path in document.cleared:
                clear(model, path)
        extending.apply(root, document.cleared)
        model = root if model is None else merge(model, root, session.problems)
        unique_texts(model)
        session.problems.add(*validate(model))
    assert model is not None
    _canonical(model, session)
    return model


def _included(
    documents: Sequence[Document], directory: str, environment: Mapping[str, str], session: Session, trail: Files
) -> Node:
    """An included model: its paths and its bare environment names mean what they mean there."""
    model = load_model(documents, directory, environment, session, trail)
    resolver = Resolver(lambda node: directory, environment.get("HOME"))
    for _, service in _items(model, "services"):
        build = service.get("build")
        if build is not None and isinstance(build.value, dict):
            build.value.setdefault("context", default(build, "."))
        settle(service, resolver)
    for kind in ("volumes", "secrets", "configs"):
        for _, entry in _items(model, kind):
            resolver.resource(kind, entry)
    resolve_environment(model, environment)
    return model


def resolve_environment(model: Node, environment: Mapping[str, str]) -> None:
    """Give bare names in ``environment`` and build arguments the value that the project's environment has, in place."""
    for _, service in _items(model, "services"):
        for variables in (service.get("environment"), service.get("build", "args")):
            for name, node in variables.items() if variables else ():
                if node.value is None and name in environment:
                    node.value = environment[name]


def _canonical(model: Node, session: Session) -> None:
    session.problems.add(*canonical_top(model))
    for name, service in _items(model, "services"):
        _refuse_trailing_blanks(service, session)
        _text_as_list(service)
        session.problems.add(*canonical_service(name, service))
        session.budget.spend(VALUES_A_PORT * len(list(service.get("ports") or ())), service.place)
    unique_entries(model)


def _text_as_list(service: Node) -> None:
    """Take one text where a list must be for its only item, in place: the refusal is noted, the meaning is clear."""
    for key in LISTS:
        node = service.get(key)
        if node is not None and isinstance(node.value, str):
            node.value = [replace(node, key_origin=None)]
            node.template, node.unresolved = None, frozenset()


def _refuse_trailing_blanks(service: Node, session: Session) -> None:
    for listed in (service.get("environment"), service.get("build", "args")):
        for item in listed or ():
            if item.text().partition("=")[0].endswith((" ", "\t")):
                session.problems.refuse("a blank stands behind the name of a variable", item.origin, "remove it")


def _items(model: Node, key: str) -> list[tuple[str, Node]]:
    node = model.get(key)
    return list(node.items()) if node else []
