"""The way from compose files to a project, in the order of Docker Compose 5.6.1."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.source.compose import discovery, dotenv
from pytest_dockerharden.source.compose.consistency import check, warnings
from pytest_dockerharden.source.compose.environment import add_env_files
from pytest_dockerharden.source.compose.normalise import normalise
from pytest_dockerharden.source.compose.pipeline import load_model, resolve_environment
from pytest_dockerharden.source.compose.problems import Problems, refusal
from pytest_dockerharden.source.compose.selection import active_profiles, drop_inactive, drop_unused
from pytest_dockerharden.source.compose.session import LoadOptions, Session
from pytest_dockerharden.source.compose.tree import Document
from pytest_dockerharden.source.compose.version1 import put_below_services
from pytest_dockerharden.source.reading import beginning

DEFAULTS = LoadOptions()
MOST_SERVICES = 1_000
RESOURCES = ("networks", "volumes", "secrets", "configs")
# what is made to be laid over another file, by its name: compose.override.yaml, docker-compose.prod.yml
_OVERLAY = pattern(r"(?i)(?:docker-)?compose[._-](?!(?:bad|good|positive|negative|vuln|insecure)).+\.ya?ml")
_SOURCES = frozenset({"image", "build", "provider"})


def load(files: Sequence[str], options: LoadOptions = DEFAULTS) -> Project:
    """Load compose files, in merge order; without any, those that Docker Compose would find in the project directory.

    Raises SourceError where nothing is left to judge; every other complaint is in ``Project.problems``.
    """
    return _Load(files, options).project()


class _Load:
    def __init__(self, files: Sequence[str], options: LoadOptions) -> None:
        self.options = options
        self.session = Session(options, Problems(options.strict))
        given = options.project_directory and os.path.abspath(options.project_directory)
        start = given or (os.path.dirname(os.path.abspath(files[0])) if files else os.getcwd())
        self.environment = self._environment(start)
        self.files = [os.path.abspath(file) for file in files] or self._found(start)
        self.directory = given or os.path.dirname(self.files[0])
        self.service_env_files: dict[str, tuple[Node, ...]] = {}
        self.laid_over: set[str] = set()

    def _found(self, start: str) -> list[str]:
        files = discovery.named_files(start, self.environment) or discovery.discover(start)
        if not files:
            raise refusal("no compose file here or above", beginning(start))
        folder = os.path.dirname(files[0])
        if folder != start and not self.options.env_files:
            self.environment = {**self._dotenv(os.path.join(folder, ".env")), **self.environment}
        return files

    def _environment(self, start: str) -> dict[str, str]:
        """The process environment over the env files given, or else over ``.env``."""
        process = dict(self.options.environment)
        if self.options.env_files:
            variables: dict[str, str] = {}
            for path in self.options.env_files:
                variables.update(self._env_file(os.path.abspath(path), {**variables, **process}))
        elif process.get("COMPOSE_DISABLE_ENV_FILE", "").lower() in ("1", "t", "true"):
            variables = {}
        else:
            variables = self._dotenv(os.path.join(start, ".env"))
        return {**variables, **process}

    def _dotenv(self, path: str) -> dict[str, str]:
        if not os.path.isfile(path) or not self.session.inside(path):
            return {}
        return self._env_file(path, self.options.environment)

    def _env_file(self, path: str, environment: Mapping[str, str]) -> dict[str, str]:
        try:
            text = self.session.text(path, beginning(path))
            entries = dotenv.parse(text, path, environment, required=self.options.resolve_required)
        except SourceError as error:
            self.session.note(error)
            return {}
        return {entry.name: entry.value for entry in entries if entry.value is not None}

    def project(self) -> Project:
        documents = self._documents()
        name = self._name([document.root for document in documents])
        environment = {**self.environment, "COMPOSE_PROJECT_NAME": name}
        model = load_model(documents, self.directory, environment, self.session, tuple(self.files))
        _refuse_too_many_services(model)
        self._complete(model, name, environment)
        return self._assembled(name, model)

    def _complete(self, model: Node, name: str, environment: Mapping[str, str]) -> None:
        """What follows once everything is merged: values, names and paths; profiles; checks; env files."""
        problems = self.session.problems
        resolve_environment(model, environment)
        home = environment.get("HOME")
        problems.add(*normalise(model, project=name, directory_of=lambda node: self.directory, home=home))
        if (version := model.get("version")) is not None:
            for place in dict.fromkeys((*version.related, version.place)):
                problems.warn("`version` is obsolete and ignored", place, "remove it")
        _set_name(model, name)
        inactive = drop_inactive(model, active_profiles(self.options.profiles, self.environment))
        self.laid_over = self._laid_over(model)
        problems.add(*check(model, inactive, self.session.incomplete | self.laid_over), *warnings(model))
        if self.options.drop_unused:
            drop_unused(model)
        for service, node in _entries(model, "services").items():
            self.service_env_files[service] = add_env_files(node, environment, self.session)

    def _laid_over(self, model: Node) -> set[str]:
        """Services without an image in a lone overlay: they have it in the file that this one is laid over."""
        if self.options.strict or len(self.files) > 1:
            return set()
        services = _entries(model, "services")
        without = {
            name for name, node in services.items() if isinstance(node.value, dict) and not _SOURCES & node.value.keys()
        }
        return without if without and _OVERLAY.fullmatch(os.path.basename(self.files[0])) else set()

    def _documents(self) -> list[Document]:
        documents = [document for file in self.files for document in self.session.documents(file)]
        if not documents:
            raise refusal("empty compose file", beginning(self.files[0]))
        for document in documents:
            put_below_services(document, self.session.problems)
        return documents

    def _name(self, roots: list[Node]) -> str:
        explicit = self.options.project_name or self.environment.get("COMPOSE_PROJECT_NAME")
        if explicit:
            if explicit != discovery.normalise_name(explicit):
                self.session.problems.refuse(f"invalid project name {explicit!r}", roots[0].origin)
            return explicit
        declared = discovery.declared_name(roots, self.environment)
        name = discovery.normalise_name(declared or os.path.basename(self.directory))
        if not name:
            self.session.problems.refuse("the project has no name", roots[0].origin, "add a top-level name:")
        return name

    def _assembled(self, name: str, model: Node) -> Project:
        project = Project(
            name,
            self.directory,
            tuple(self.files),
            model,
            problems=tuple(self.session.problems),
            combination=self.options.combination,
            read=tuple(path for path in self.session.read if path not in self.files),
        )
        for service, node in _entries(model, "services").items():
            project.services[service] = Service(
                service, node, project, env_files=self.service_env_files.get(service, ())
            )
            if service in self.session.incomplete:
                project.services[service].incomplete = "what it extends is not at hand"
            elif service in self.laid_over:
                project.services[service].incomplete = "the file that this one is laid over is not at hand"
        for resource in RESOURCES:
            getattr(project, resource).update(_entries(model, resource))
        return project


def _refuse_too_many_services(model: Node) -> None:
    services = list(_entries(model, "services").values())
    if len(services) > MOST_SERVICES:
        raise refusal(f"more than {MOST_SERVICES:,} services", services[MOST_SERVICES].place, kind="limit")


def _set_name(model: Node, name: str) -> None:
    if isinstance(model.value, dict):
        declared = model.value.get("name")
        place = declared or model
        template = declared.template if declared else None
        model.value["name"] = Node(name, place.origin, place.key_origin, template=template)
        model.value.pop("version", None)


def _entries(model: Node, key: str) -> dict[str, Node]:
    node = model.get(key)
    return dict(node.items()) if node else {}
