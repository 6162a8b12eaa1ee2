"""What the Dockerfiles of the project say of an image: what it is built on, and the lines that made its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pytest_dockerharden.imaging.reading import layers_on
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.finding import Finding
from pytest_dockerharden.model.image import Base, Image
from pytest_dockerharden.model.origin import ImageOrigin, TextOrigin
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.model.reference import parse_reference

if TYPE_CHECKING:
    import docker

_KEYWORDS = {
    "User": "USER", "Env": "ENV", "ExposedPorts": "EXPOSE", "Volumes": "VOLUME", "StopSignal": "STOPSIGNAL",
    "Cmd": "CMD", "Entrypoint": "ENTRYPOINT", "Healthcheck": "HEALTHCHECK", "Labels": "LABEL",
}  # fmt: skip


def stages_of(reference: str, projects: Iterable[Project]) -> list[Stage]:
    """The stages of the services that are built into an image of this name, each once."""
    found = {}
    for service in _builders(reference, projects):
        if service.stage is not None:
            found[service.stage.origin] = service.stage
    return list(found.values())


def bases_of(stages: Iterable[Stage], engine: Callable[[], docker.DockerClient]) -> tuple[Base, ...]:
    """What the stages are built on in the end."""
    bases = ((stage.root_base(), list(stage.chain())[-1].origin) for stage in stages)
    return tuple(Base(base, origin, layers_on(engine, base)) for base, origin in bases if base and base != "scratch")


def _builders(reference: str, projects: Iterable[Project]) -> Iterator[Service]:
    wanted = _identity(reference)
    for project in projects:
        for service in project.services.values():
            if service.get("build") is not None and _identity(_name(service)) == wanted:
                yield service


def _name(service: Service) -> str:
    node = service.get("image")
    return node.text() if node is not None and not node.unresolved else f"{service.project.name}-{service.name}"


def _identity(reference: str) -> tuple[str, str, str]:
    parsed = parse_reference(reference)
    return parsed.registry, parsed.path, parsed.tag or "latest"


class Lines:
    """The lines of the Dockerfile that made an image; none where no service of the project is built into it."""

    def __init__(self, image: Image, stages: Sequence[Stage]) -> None:
        self._stage = stages[0] if stages else None
        self._by_step = _aligned(image, self._stage) if self._stage else {}

    def of(self, finding: Finding) -> TextOrigin | None:
        """The instruction to change for a finding."""
        for place in (*finding.related, finding.origin):
            if isinstance(place, TextOrigin):
                return place
            line = self._line(place.path) if isinstance(place, ImageOrigin) and not place.layer else None
            if line:
                return line
        return self._stage.origin if self._stage else None

    def _line(self, path: str) -> TextOrigin | None:
        kind, _, what = path.partition(" ")
        if kind == "history":
            return self._by_step.get(int(what))
        keyword = _KEYWORDS.get(what.partition(" ")[0]) if kind == "config" else None
        last = self._stage.last(keyword) if self._stage and keyword else None
        return last.origin if last else None


def _aligned(image: Image, stage: Stage) -> dict[int, TextOrigin]:
    """Steps and instructions put side by side from their ends, as far as they agree.

    Every builder makes one step of each instruction. Labels may be added on the command line.
    """
    instructions = [i for link in reversed(list(stage.chain())) for i in link.instructions[1:]]
    lines = {}
    for step in reversed(image.history.get(())):
        keyword, text = step.instruction
        if instructions and _fits(instructions[-1], keyword, text):
            lines[step.number] = instructions.pop().origin
        elif keyword != "LABEL" or lines:
            break
    return lines


def _fits(instruction: Instruction, keyword: str, text: str) -> bool:
    if instruction.keyword != keyword:
        return False
    # of other instructions a builder may write something else than what stands in the Dockerfile
    return keyword != "LABEL" or all(pair.key.text in text for pair in instruction.pairs)
