"""A compose project after interpolation, ``extends``, ``include``, merge and profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Dockerfile, Stage
from pytest_dockerharden.model.fact import Fact, Unknown
from pytest_dockerharden.model.files import ProjectFiles
from pytest_dockerharden.model.finding import Finding, Remedy
from pytest_dockerharden.model.image import ImageConfig
from pytest_dockerharden.model.nginx import NginxConfig
from pytest_dockerharden.model.node import Node
from pytest_dockerharden.model.origin import Origin, TextOrigin
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.problem import Problem
from pytest_dockerharden.model.shell import EMPTY_SCRIPT, Script

NO_IMAGE = Unknown("no image configuration is at hand")


@dataclass(slots=True, eq=False)
class Service:
    """One service of the merged model.

    ``node`` is its canonical mapping, with the long forms that ``docker compose config`` prints. The rest is filled by
    the assembly: ``dockerfile`` and ``stage`` that it builds (None without ``build:`` or where it is not at hand),
    ``image`` configuration, the predicted ``posture``, the ``nginx`` configurations that reach its container, and the
    ``scripts`` of the project that do (path in the container -> shell text), such as an entrypoint script.
    ``parse_command`` turns a canonical ``command``, ``entrypoint`` or ``healthcheck.test`` into what it runs, and
    ``source_text`` gives the source text of a span. ``env_files`` are the items of ``env_file``, which the canonical
    model has no more: their variables are in its ``environment``. ``incomplete`` says why a part of it is not known, as
    where the file that it extends is not at hand.
    """

    name: str
    node: Node
    project: Project
    dockerfile: Dockerfile | None = None
    stage: Stage | None = None
    image: Fact[ImageConfig] = NO_IMAGE
    posture: Posture | None = None
    nginx: tuple[NginxConfig, ...] = ()
    scripts: Mapping[str, Script] = field(default_factory=dict)
    env_files: tuple[Node, ...] = ()
    incomplete: str = ""
    # filled by the assembly
    parse_command: Callable[[Node], Script] | None = field(default=None, repr=False)
    source_text: Callable[[TextOrigin], str] | None = field(default=None, repr=False)
    _parsed: dict[str, Script] = field(default_factory=dict, repr=False)

    @property
    def health_script(self) -> Script:
        """What the healthcheck in force runs: that of the compose file, else that of the Dockerfile."""
        return self._script_of("healthcheck.test", "HEALTHCHECK")

    @property
    def entrypoint_script(self) -> Script:
        """What the entrypoint in force runs."""
        return self._script_of("entrypoint", "ENTRYPOINT")

    @property
    def command_script(self) -> Script:
        """What the command in force runs; an ``entrypoint:`` without a ``command:`` drops that of the Dockerfile."""
        entrypoint = self.get("entrypoint")
        dropped = entrypoint is not None and bool(entrypoint.value)
        return self._script_of("command", "" if dropped else "CMD")

    def _script_of(self, path: str, keyword: str) -> Script:
        if path not in self._parsed:
            node = self.get(path)
            instruction = self.stage.last(keyword) if self.stage and keyword and node is None else None
            if node is not None and self.parse_command is not None:
                self._parsed[path] = self.parse_command(node)
            else:
                self._parsed[path] = instruction.script if instruction else EMPTY_SCRIPT
        return self._parsed[path]

    @property
    def origin(self) -> TextOrigin:
        """Its key."""
        return self.node.place

    def get(self, path: str) -> Node | None:
        """The node at a dotted path (``deploy.resources.limits.memory``); None where it is absent or null."""
        node = self.node
        # controls ask some hundred times for each service, and mostly for a single step
        for step in path.split(".") if "." in path else (path,):
            value = node.value
            child = value.get(step) if isinstance(value, dict) else None
            if child is None or child.value is None:
                return None
            node = child
        return node

    def text(self, path: str) -> str:
        """The scalar at a dotted path as text, empty where there is none."""
        node = self.get(path)
        return node.text() if node else ""

    def items(self, path: str) -> list[Node]:
        """The items of the list at a dotted path."""
        return list(self.get(path) or ())

    def at(self, path: str) -> TextOrigin:
        """The place of the longest part of a dotted path that exists: where one would write the rest."""
        steps = path.split(".")
        for length in range(len(steps), 0, -1):
            node = self.node.get(*steps[:length])
            if node is not None:
                return node.place
        return self.origin

    def finding(
        self,
        message: str,
        remedy: Remedy | None = None,
        *,
        at: str | Node | Origin = "",
        why: str | None = None,
    ) -> Finding:
        """A finding at a dotted path, at a node, or at an origin; at the service's key otherwise."""
        related: tuple[Origin, ...] = ()
        if isinstance(at, str):
            place: Origin = self.at(at) if at else self.origin
        elif isinstance(at, Node):
            place, related = at.place, at.related
        else:
            place = at
        return Finding(message, place, remedy=remedy, related=related, why=why)


@dataclass(slots=True, eq=False)
class Project:
    """A loaded project.

    ``combination`` is the name of the list of files it was merged from (empty where there is only one), ``files`` their
    absolute paths in merge order; ``read`` every further file the load opened (extends, include, env files).
    ``model`` is the canonical model; ``networks``, ``volumes``, ``secrets`` and ``configs`` are its declared resources,
    unused ones too. ``dockerfiles`` are those that its services build and those below its directory that nobody builds.
    ``problems`` are what Docker Compose would refuse or warn of.
    """

    name: str
    directory: str
    files: tuple[str, ...]
    model: Node
    services: dict[str, Service] = field(default_factory=dict)
    networks: dict[str, Node] = field(default_factory=dict)
    volumes: dict[str, Node] = field(default_factory=dict)
    secrets: dict[str, Node] = field(default_factory=dict)
    configs: dict[str, Node] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    combination: str = ""
    read: tuple[str, ...] = ()
    dockerfiles: dict[str, Dockerfile] = field(default_factory=dict)
    siblings: tuple[Project, ...] = ()
    local: ProjectFiles = field(default_factory=ProjectFiles)

    @property
    def origin(self) -> TextOrigin:
        """The first line of the model."""
        return self.model.place

    def finding(
        self, message: str, remedy: Remedy | None = None, *, at: Node | Origin | None = None, why: str | None = None
    ) -> Finding:
        place = at.place if isinstance(at, Node) else at or self.origin
        return Finding(message, place, remedy=remedy, why=why)
