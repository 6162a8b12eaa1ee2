"""Variables that nobody gives a value, before anything of a project is started.

Docker Compose warns and goes on with an empty text: ``${DATA}/:/backup`` mounts the host's root. Here it goes on where
an empty text can do no harm to the host; anywhere else the run is refused at that line.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.stack.errors import RefusedError
from pytest_dockerharden.stack.names import Names
from pytest_dockerharden.stack.resources import used_networks, used_volumes

HINT = "give it a value in .env, in the environment or by --harden-env-file, or write a default: ${NAME:-default}"
# below a service: what may be empty as it is for Docker Compose; the container then shows what it made of it
MAY_BE_EMPTY = (
    "annotations", "build.args", "build.labels", "command", "configs.content", "deploy.labels", "deploy.placement",
    "develop", "domainname", "entrypoint", "environment", "healthcheck.test", "hostname", "image", "labels", "logging",
    "platform", "ports.published", "pull_policy", "restart", "user", "working_dir",
)  # fmt: skip


def settle(project: Project) -> list[str]:
    """What goes on with an empty text, one line for each variable. A host port that is one becomes a free port.

    Raises RefusedError at the first place where an empty text would decide what of the host a container gets.
    """
    unset: dict[str, str] = {}
    for path, node in _everything(project):
        if _may_be_empty(path) and (path != "image" or node.value):
            for name in sorted(node.unresolved):
                unset.setdefault(name, f"the variable {name} is not set, it is an empty text as for Docker Compose")
        else:
            raise RefusedError(_problem(path, node))
    for service in project.services.values():
        _publish_anywhere(service)
    return list(unset.values())


def _everything(project: Project) -> Iterator[tuple[str, Node]]:
    """Path below its service or resource, and node, of what is unresolved in what would be started."""
    names = Names(project)
    for service in project.services.values():
        for file in service.env_files:
            yield from _unresolved(file, "env_file")
        yield from _unresolved(service.node, "")
        for kind, declared in (("secrets", project.secrets), ("configs", project.configs)):
            for grant in service.items(kind):
                source = grant.get("source")
                if source is not None and source.text() in declared:
                    yield from _unresolved(declared[source.text()], kind)
    for key in used_networks(names):
        yield from _unresolved(project.networks[key], "networks")
    for key in used_volumes(names):
        yield from _unresolved(project.volumes[key], "volumes")


def _unresolved(root: Node, path: str) -> Iterator[tuple[str, Node]]:
    todo = [(path, root)]
    while todo:
        path, node = todo.pop()
        children = dict(node.items())
        # of a short form, what no part of its long form has kept: the options in `./data:/data:${MODE}`
        if node.template and node.unresolved.difference(*(child.unresolved for child in children.values())):
            yield path, node
        todo += [(path, item) for item in reversed(list(node))]
        for key, child in reversed(children.items()):
            if not key:  # a name in a list of networks or dependencies has become a key
                yield path, child
            if not key.startswith("x-"):
                todo.append((f"{path}.{key}".lstrip("."), child))


def _may_be_empty(path: str) -> bool:
    return any(path == allowed or path.startswith(f"{allowed}.") for allowed in MAY_BE_EMPTY)


def _problem(path: str, node: Node) -> Problem:
    names = ", ".join(sorted(node.unresolved)) or "a variable"
    verb = "are" if len(node.unresolved) > 1 else "is"
    written = f"`{node.template}`" if node.template else path
    return Problem("refused", f"{written} cannot be started: {names} {verb} not set", node.origin, HINT)


def _publish_anywhere(service: Service) -> None:
    for port in service.items("ports"):
        published = port.get("published")
        if published is not None and published.unresolved and isinstance(port.value, dict):
            del port.value["published"]
