"""What ``env_file`` and ``label_file`` bring into a service."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.source.compose import dotenv
from pytest_dockerharden.source.compose.session import Session

RAW = "raw"


def add_env_files(service: Node, environment: Mapping[str, str], session: Session) -> tuple[Node, ...]:
    """Merge the files of a service below its own ``environment`` and ``labels``, in place.

    ``env_file`` disappears, as ``docker compose config`` shows it; the entries keep their place in their file. Gives
    the items of ``env_file``.
    """
    if not isinstance(service.value, dict):
        return ()
    env_file, label_file = service.value.pop("env_file", None), service.value.get("label_file")
    if env_file is not None:
        _add(service, service.value, "environment", env_file, environment, session)
    if label_file is not None:
        _add(service, service.value, "labels", label_file, environment, session)
    return tuple(env_file or ())


def _add(
    service: Node,
    entries: dict[str, Node],
    key: str,
    files: Node,
    environment: Mapping[str, str],
    session: Session,
) -> None:
    own = entries.get(key)
    own_values = {name: str(node.value) for name, node in own.items() if node.value is not None} if own else {}
    found: dict[str, Node] = {}
    for file in files:
        known = ChainMap(dict(environment), own_values)
        earlier = {name: str(node.value) for name, node in found.items()}
        for entry in _entries(file, known, earlier, session):
            if entry.value is None:
                continue
            related = (file.place,)
            found[entry.name] = Node(
                entry.value, entry.origin, entry.name_origin, related, entry.template, entry.unresolved
            )
    merged = {**found, **dict(own.items())} if own else found
    if merged:
        place = own or files
        entries[key] = Node(merged, place.origin, place.key_origin, place.related)


def _entries(file: Node, known: Mapping[str, str], earlier: Mapping[str, str], session: Session) -> list[dotenv.Entry]:
    path = file.get("path") if isinstance(file.value, dict) else file
    if path is None or path.unresolved or not isinstance(path.value, str):
        return []
    try:
        text = session.text(path.value, path.origin)
        form = _text(file, "format")
        if form not in ("", RAW):
            session.problems.refuse(f"env_file knows no format {form!r}", file.place, "leave it out or write raw")
        if form == RAW:
            return dotenv.parse_raw(text, path.value, known)
        required = session.options.resolve_required
        return dotenv.parse(text, path.value, known, earlier=earlier, required=required)
    except SourceError as error:
        _note(file, path, error, session)
        return []


def _note(file: Node, path: Node, error: SourceError, session: Session) -> None:
    problem = error.problem
    required = file.get("required")
    missing = problem.origin == path.origin and problem.kind == "refused"
    if missing and required is not None and required.value is False:
        return
    if missing and required is not None and not session.options.resolve_required:
        return  # such files are often made where the stack is deployed: a control of its own judges that
    session.problems.add(problem)


def _text(node: Node, key: str) -> str:
    child = node.get(key)
    return child.text() if child else ""
