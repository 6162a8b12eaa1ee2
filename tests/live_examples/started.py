"""The compose examples of controls, started for real: many at once, with one local image for every other."""

from __future__ import annotations

import copy
import io
import json
import os
import re
import tarfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_dockerharden.assemble import Combination, assemble
from pytest_dockerharden.model.control import Control
from pytest_dockerharden.model.fact import Fact, Known
from pytest_dockerharden.model.posture import Posture
from pytest_dockerharden.model.project import Project, Service
from pytest_dockerharden.observe import observe_stack
from pytest_dockerharden.stack.creation import Creation
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.grants import put_grants
from pytest_dockerharden.stack.names import Names
from pytest_dockerharden.stack.resources import network_body, used_networks, used_volumes, volume_body
from pytest_dockerharden.stack.run import Run
from tests.controls.test_examples import marked, overlays, prepare, split, unmarked
from tests.helpers import is_dockerfile, write

# Debian with a shell, util-linux and Python: what stands in for every image of the examples
BASE = "dockerharden-base/rootfs:bookworm"
SLEEP = ["sleep", "100000"]
WORKERS = 6
# seconds until what the examples do at their start is done and a healthcheck has run a few times
SETTLED = 4.0
# those that look at who else is on the network
ALONE = {"runs-as-predicted", "namespaces-of-its-own"}
VOLUMES = {"redis": "/data"}
# instructions of an example's Dockerfile that say how its container runs
KEPT = ("USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "WORKDIR", "STOPSIGNAL", "ENV")
# and those that say what is in it
MADE = {"code-belongs-to-another": ("RUN",)}
NO_SUCH_PATH = "this host has no"
NOT_FOUND = re.compile(r"executable file not found|no such file or directory|permission denied", re.IGNORECASE)


@dataclass
class Example:
    """One block of a control's documentation. ``refused`` is what the engine said where it did not start.

    ``waits`` are the services that wait instead of running what is not in the image; ``owns_resources`` tells that it
    declares networks.
    """

    control: Control
    kind: str
    number: int
    text: str
    project: Project | None = None
    refused: str = ""
    owns_resources: bool = False
    waits: list[str] = field(default_factory=list)
    containers: dict[str, str] = field(default_factory=dict)
    postures: dict[str, Posture] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.control.id}-{self.kind}{self.number or ''}"

    @property
    def marked_services(self) -> set[str]:
        """Those whose lines bear a mark; all of them where the mark is in another file than the compose file."""
        assert self.project is not None
        marks = marked(split(self.text))
        lines = [line for file, line in marks if file.startswith("compose")]
        if marks and not lines:
            return set(self.project.services)
        starts = {service.origin.line: name for name, service in self.project.services.items()}
        return {starts[max(start for start in starts if start <= line)] for line in lines}


def examples(controls: Iterable[Control]) -> list[Example]:
    found = []
    for control in controls:
        if control.judges == "Posture":
            for kind in ("bad", "good"):
                blocks = getattr(control.documentation, kind)
                found += [Example(control, kind, number, text) for number, text in enumerate(blocks)]
    return found


class Engine:
    """What one run starts; all of it bears the run's label."""

    def __init__(self, client: Any, run: Run) -> None:
        self.client, self.run = client, run
        self.images: dict[str, str] = {}
        self.made: set[str] = set()
        self.lock = threading.Lock()

    def image(self, instructions: tuple[str, ...]) -> str:
        """The base with a few instructions on top."""
        key = "\n".join(instructions)
        if key not in self.images:
            tag = f"dh-examples-{self.run.id}-{len(self.images)}"
            labels = "".join(f"LABEL {name}={json.dumps(value)}\n" for name, value in self.run.labels.items())
            text = f"FROM {BASE}\n{labels}CMD {json.dumps(SLEEP)}\n{key}\n"
            for line in self.client.api.build(
                fileobj=context(text), custom_context=True, tag=tag, decode=True, rm=True
            ):
                assert "error" not in line, line["error"]
            self.images[key] = tag
        return self.images[key]

    def prepare(self, example: Example, folder: Path) -> None:
        """Write and load it, under a name of its own where it declares resources."""
        files = unmarked(split(example.text))
        prepare(folder, example.text)
        write(folder, files)
        make_bound_folders(folder, files["compose.yaml"])
        declares = re.search(r"(?m)^networks:", files["compose.yaml"]) is not None
        example.owns_resources = declares or example.control.id in ALONE
        name = f"dh-{self.run.id}-{example.name}" if example.owns_resources else f"dh-{self.run.id}"
        combinations = [
            Combination(tuple(str(folder / file) for file in group), combination, project_name=name)
            for combination, group in (overlays(files) or {"": ("compose.yaml",)}).items()
        ]
        dockerfiles = [str(folder / file) for file in files if is_dockerfile(file)]
        assembly = assemble(combinations, dockerfiles, root=str(folder))
        assert not assembly.failures, [problem.message for problem in assembly.failures]
        example.project = assembly.projects[-1]

    def standin(self, service: Service, also: tuple[str, ...] = ()) -> str:
        if service.stage is not None:
            kept = [
                f"{instruction.keyword} {instruction.text}"
                for link in reversed(list(service.stage.chain()))
                for instruction in link.instructions
                if instruction.keyword in KEPT + also
            ]
            return self.image(tuple(kept))
        name = service.text("image").rpartition(":")[0] or service.text("image")
        return self.image((f"VOLUME {VOLUMES[name]}",) if name in VOLUMES else ())

    def creation(self, example: Example) -> Creation:
        assert example.project is not None
        services = example.project.services
        images = {name: self.standin(service, MADE.get(example.control.id, ())) for name, service in services.items()}
        names = Names(example.project, self.run.labels, fixed_names=False)
        return Creation(self.client, names, images, {name: [] for name in services})

    def sameness(self, example: Example) -> str:
        """Equal for examples that one container is enough for; of no other where it is not alone in its container."""
        assert example.project is not None
        try:
            (service,) = example.project.services.values()
            body = self.creation(example).body(service, 1)
        except (ValueError, StackError):
            return example.name
        if example.owns_resources or body["HostConfig"].get("PortBindings"):
            return example.name
        own = ("Labels", "NetworkingConfig")
        return json.dumps({key: value for key, value in body.items() if key not in own}, sort_keys=True)

    def create(self, example: Example) -> None:
        """The resources that are not there yet, and its containers, those before that are joined."""
        assert example.project is not None
        services = example.project.services
        creation = self.creation(example)
        self.resources(creation, creation.names)
        for name, service in services.items():
            body = creation.body(service, 1)
            for path in host_paths(body):
                if not os.path.lexists(path):  # the engine would make it
                    raise StackError(f"{NO_SUCH_PATH} {path}")
            later = creation.later_endpoints(body)
            created = self.client.api.create_container_from_config(body, name=f"dh-{self.run.id}-{example.name}-{name}")
            example.containers[name] = created["Id"]
            creation.containers[name] = [created["Id"]]
            for network in later:
                self.client.api.connect_container_to_network(created["Id"], network)

    def resources(self, creation: Creation, names: Names) -> None:
        """Those of one name are shared: an engine has addresses for thirty networks."""
        with self.lock:
            for kind, keys, body in (
                ("network", used_networks(names), network_body),
                ("volume", used_volumes(names), volume_body),
            ):
                for key in keys:
                    if names.resource(kind, key) not in self.made:
                        self.made.add(names.resource(kind, key))
                        creation.resource(kind, key, body(key, names))

    def start(self, example: Example) -> None:
        """A command that the image does not have is replaced by one that waits."""
        from docker.errors import APIError

        assert example.project is not None
        try:
            self.create(example)
            for name, container in list(example.containers.items()):
                service = example.project.services[name]
                put_grants(self.client, container, service)
                self.client.api.start(container)
        except (APIError, StackError) as error:
            said = str(getattr(error, "explanation", error))
            replaced = [name for name, s in example.project.services.items() if s.get("command") or s.get("entrypoint")]
            if NOT_FOUND.search(said) and replaced:
                self.remove(example)
                self.let_wait(example, replaced)
                self.start(example)
            else:
                example.refused = said

    def let_wait(self, example: Example, services: list[str]) -> None:
        """Let them wait instead of running what is not in the image."""
        assert example.project is not None
        example.waits = services
        for name in services:
            node = example.project.services[name].node.value
            assert isinstance(node, dict)
            for key in ("command", "entrypoint"):
                node.pop(key, None)

    def remove(self, example: Example) -> None:
        for container in example.containers.values():
            self.client.api.remove_container(container, force=True, v=True)
        example.containers.clear()


def make_bound_folders(folder: Path, text: str) -> None:
    """What an example binds beside its file and does not show."""
    for source in re.findall(r"(?m)[-\s\"]\./([\w./-]+):/", text):
        path = folder / source
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch() if path.suffix in (".conf", ".key", ".json", ".txt") else path.mkdir()


def host_paths(body: dict[str, Any]) -> list[str]:
    """Sources of binds."""
    host = body["HostConfig"]
    binds = [bind.split(":")[0] for bind in host.get("Binds") or ()]
    binds += [mount["Source"] for mount in host.get("Mounts") or () if mount["Type"] == "bind"]
    return [path for path in binds if path.startswith("/")]


def own_names(reaches: Fact[frozenset[str]], example: str) -> Fact[frozenset[str]]:
    """Without the services of other examples that are on the same network."""
    if not isinstance(reaches, Known):
        return reaches
    names = (name.partition(" ")[::2] for name in reaches.value)
    return Known(frozenset(service for owner, service in names if owner == example), reaches.origin)


def context(dockerfile: str) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        data = dockerfile.encode()
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    buffer.seek(0)
    return buffer


def start_all(client: Any, run: Run, found: list[Example], folder: Path) -> None:
    """Load, create, start, let settle, observe, and remove the containers."""
    engine = Engine(client, run)
    for example in found:
        engine.prepare(example, folder / example.name)
    for example in found:  # networks and images first, in turn
        assert example.project is not None
        for service in example.project.services.values():
            engine.standin(service, MADE.get(example.control.id, ()))
    alike: dict[str, list[Example]] = {}
    for example in found:
        alike.setdefault(engine.sameness(example), []).append(example)
    first = [examples[0] for examples in alike.values()]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(engine.start, sorted(first, key=does_something, reverse=True)))
        time.sleep(SETTLED)
        observe([example for example in first if not example.refused], client)
        list(pool.map(engine.remove, first))
    for leader, *others in alike.values():
        for other in others:
            engine.let_wait(other, leader.waits and list(other.project.services if other.project else ()))
            other.refused = leader.refused
            for posture in leader.postures.values():
                put(other, next(iter(other.project.services if other.project else ())), copy.copy(posture))


def does_something(example: Example) -> bool:
    """What takes a while goes first: until all others are started it has settled."""
    services = example.project.services.values() if example.project else ()
    return any(service.get(key) for service in services for key in ("command", "entrypoint", "healthcheck"))


def observe(running: list[Example], client: Any) -> None:
    """All at once."""
    keyed = {f"{e.name} {name}": [id] for e in running for name, id in e.containers.items()}
    predicted = {
        f"{e.name} {name}": service.posture
        for e in running
        for name, service in (e.project.services if e.project else {}).items()
        if service.posture is not None
    }
    postures = observe_stack(keyed, client, predicted=predicted)
    for example in running:
        for name in example.containers:
            posture = postures[f"{example.name} {name}"][0]
            posture.reaches = own_names(posture.reaches, example.name)
            put(example, name, posture)


def put(example: Example, name: str, posture: Posture) -> None:
    """What was seen, beside what this example says of the service."""
    assert example.project is not None
    service = posture.service = example.project.services[name]
    example.postures[name] = posture
    posture.predicted = service.posture
    if service.posture is not None:  # another image stands in for it
        posture.image = service.posture.image
