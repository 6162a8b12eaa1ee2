"""From ``build:`` to the Dockerfile and the stage that a service ships."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from pytest_dockerharden.assemble.sources import Sources
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Dockerfile
from pytest_dockerharden.model.ignorefile import IgnoreFile
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.source import ignorefile

_SCHEME = pattern(r"[a-z][a-z0-9+.-]*://")


@dataclass(eq=False)
class Build:
    """How one service builds. ``path`` is the Dockerfile's, ``inline`` the node of a ``dockerfile_inline``."""

    service: Service
    path: str
    context: str | None
    target: str | None
    arguments: Mapping[str, str] = field(default_factory=dict)
    contexts: frozenset[str] = frozenset()
    inline: Node | None = None

    @property
    def key(self) -> str:
        return f"{self.path}#{self.service.name}" if self.inline else self.path


class Builds:
    """Parses every Dockerfile once, and once more for a service whose build arguments differ from another's."""

    def __init__(self, sources: Sources, projects: Iterable[Project]) -> None:
        self.sources = sources
        self.projects = list(projects)
        services = [service for project in self.projects for service in project.services.values()]
        self.builds = [build for service in services if (build := self._build(service))]

    def parse(self, named: Iterable[str]) -> dict[str, Dockerfile]:
        """Every Dockerfile by path: those named, then those that a service builds. Services get theirs attached."""
        found: dict[str, Dockerfile] = {}
        by_key: dict[str, list[Build]] = {os.path.abspath(path): [] for path in named}
        for build in self.builds:
            by_key.setdefault(build.key, []).append(build)
        for key, builds in by_key.items():
            dockerfile = self._shared(key, builds)
            if dockerfile is not None:
                found[key] = dockerfile
                for build in builds:
                    self._attach(build, dockerfile, builds)
        for project in self.projects:
            _share_stages(project)
        return found

    def _shared(self, key: str, builds: list[Build]) -> Dockerfile | None:
        arguments = builds[0].arguments if builds and _agree([build.arguments for build in builds]) else {}
        targets = [build.target for build in builds]
        contexts = [build.context for build in builds]
        target = targets[0] if targets and _agree(targets) else None
        dockerfile = self._read(builds[0] if builds else None, key, arguments, target)
        if dockerfile is None:
            return None
        dockerfile.target = target if target and dockerfile.stage(target) else None
        dockerfile.built_by = tuple(dict.fromkeys(build.service.name for build in builds))
        dockerfile.context = contexts[0] if contexts and _agree(contexts) else None
        # one that no service builds is most likely built from its own folder
        dockerfile.ignore = self._ignore_file(key, dockerfile.context if builds else os.path.dirname(key))
        return dockerfile

    def _ignore_file(self, path: str, context: str | None) -> IgnoreFile | None:
        """``NAME.dockerignore`` beside the Dockerfile goes before the one of the context."""
        places = [f"{path}.dockerignore", *([os.path.join(context, ".dockerignore")] if context else [])]
        found = next((place for place in places if self.sources.is_file(place)), None)
        text = self.sources.text(found) if found else None
        return ignorefile.parse(text, found) if found and text is not None else None

    def _read(
        self, build: Build | None, path: str, arguments: Mapping[str, str], target: str | None
    ) -> Dockerfile | None:
        if build is not None and build.inline is not None:
            text, file = inline_text(build.inline, self.sources), build.path
        else:
            try:
                text, file = self.sources.read(path), path
            except SourceError as error:
                self.sources.fail(error.problem)
                return None
        from pytest_dockerharden.source.dockerfile import parse  # a run on compose files alone may not need it

        contexts = build.contexts if build is not None else ()
        dockerfile = parse(text, file, args=arguments, target=target, contexts=contexts)
        hopeless = next((problem for problem in dockerfile.problems if problem.kind in {"template", "limit"}), None)
        if hopeless is not None:
            self.sources.fail(hopeless)
        return None if hopeless else dockerfile

    def _attach(self, build: Build, shared: Dockerfile, builds: list[Build]) -> None:
        service = build.service
        own = shared
        if build.arguments and not _agree([other.arguments for other in builds]):
            own = self._read(build, build.path, build.arguments, build.target) or shared
        service.dockerfile = shared
        service.stage = own.stage(build.target) if build.target else (own.stages[-1] if own.stages else None)
        service.project.dockerfiles[build.key] = shared

    def _build(self, service: Service) -> Build | None:
        """None where nothing is built, or from a place that is not below the root."""
        context, file = service.get("build.context"), service.get("build.dockerfile")
        inline, target = service.get("build.dockerfile_inline"), service.get("build.target")
        if service.get("build") is None or context is None or context.unresolved:
            return None
        if (file is not None and file.unresolved) or (target is not None and target.unresolved):
            return None
        folder = None if _is_remote(context.text()) else os.path.normpath(context.text())
        goal = target.text() if target is not None else None
        arguments = _arguments(service)
        contexts = service.get("build.additional_contexts")
        more = frozenset(name for name, _ in contexts.items()) if contexts is not None else frozenset()
        if inline is not None:
            return Build(service, inline.origin.file, folder, goal, arguments, more, inline)
        if folder is None:
            return None
        path = os.path.normpath(os.path.join(folder, file.text() if file is not None else "Dockerfile"))
        return Build(service, path, folder, goal, arguments, more) if self.sources.is_file(path) else None


def _is_remote(context: str) -> bool:
    lower = context.lower()
    return lower.startswith(("git@", "github.com/")) or ("://" in lower and _SCHEME.match(lower) is not None)


def _share_stages(project: Project) -> None:
    """A service may run the image that another one builds: it is made of the same stage."""
    built = {other.text("image"): other.stage for other in project.services.values() if other.get("build") is not None}
    for service in project.services.values():
        if service.stage is None and service.get("build") is None and service.text("image"):
            service.stage = built.get(service.text("image"))


def _arguments(service: Service) -> dict[str, str]:
    """The build arguments that have a value; one without is left out, as Docker Compose does."""
    node = service.get("build.args")
    pairs = node.items() if node is not None else ()
    return {name: value.text() for name, value in pairs if value.value is not None and not value.unresolved}


def _agree(values: Sequence[object]) -> bool:
    return all(value == values[0] for value in values)


def inline_text(node: Node, sources: Sources) -> str:
    """An inline Dockerfile, moved to the lines (and columns, where it can be told) where it stands in its file."""
    text = node.text()
    raw = sources.span(node.origin)
    header, newline, body = raw.partition("\n")
    if not newline or not header.lstrip().startswith(("|", ">")):
        return "\n" * (node.origin.line - 1) + text
    indent = min((len(line) - len(line.lstrip()) for line in body.split("\n") if line.strip()), default=0)
    margin = "" if "<<" in text else " " * indent
    lines = (margin + line if line else line for line in text.split("\n"))
    return "\n" * node.origin.line + "\n".join(lines)
