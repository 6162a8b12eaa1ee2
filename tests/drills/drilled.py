"""Bring a small stack up, drill it, and give back what was learned."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_dockerharden import drills
from pytest_dockerharden.assemble import Combination, assemble
from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import Judgement, judge
from pytest_dockerharden.model.drill import Drill
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.observe import observe_stack
from pytest_dockerharden.stack.run import Run
from pytest_dockerharden.stack.stack import Stack

PROGRAMS = "rm sh sleep wget nc mkdir touch cat ls echo test true chmod start-stop-daemon"
APPLETS = tuple(f"bin/{name}" for name in PROGRAMS.split())
IMAGE = re.compile(r"(?m)^(\s+image:) \S+$")


@dataclass(frozen=True)
class Drilled:
    """``left`` are containers of the run beside those of the services, after the probes; ``changed`` what those changed
    in the layers of the services' own."""

    drills: dict[str, Drill]
    left: list[str]
    changed: dict[str, Any]

    def __getitem__(self, service: str) -> Drill:
        return self.drills[service]

    def judged(self, control: str, service: str) -> Judgement:
        judgement = judge(load_all()[control], self.drills[service], service)
        assert judgement.verdict != "error", judgement.reason
        return judgement

    def verdict(self, control: str, service: str) -> str:
        return self.judged(control, service).verdict


def loaded(folder: Path, text: str, name: str) -> Project:
    file = folder / "compose.yaml"
    file.write_text(text, encoding="utf-8")
    assembly = assemble([Combination((str(file),), project_name=name, profiles=())], root=str(folder), running=True)
    assert not assembly.failures, assembly.failures
    return assembly.projects[0]


def layer(client: Any, container: str) -> set[tuple[str, int]]:
    """What differs from the image."""
    return {(change["Path"], change["Kind"]) for change in client.api.diff(container) or ()}


def drill(
    client: Any,
    folder: Path,
    text: str,
    image: str,
    what: tuple[str, ...] = ("active", "restart", "stop"),
) -> Drilled:
    """``image: app`` and the like stand for ``image``; what is judged is the text as it is.

    ``what`` is done of probes, restart and stop.
    """
    run = Run.start()
    folder.mkdir(exist_ok=True)
    written = loaded(folder, text, f"dh-{run.id}")
    project = loaded(folder, IMAGE.sub(rf"\1 {image}", text), f"dh-{run.id}")
    for name, service in project.services.items():
        service.posture = written.services[name].posture
    with Stack(project, client, run, deadline=120) as stack:
        postures = observe_stack(stack, client)
        before = {name: layer(client, ids[0]) for name, ids in stack.containers.items()}
        found = drills.active(stack, client, postures, deadline=120, probing="active" in what)
        left = [c["Id"] for c in client.api.containers(all=True, filters={"label": f"dockerharden.run={run.id}"})]
        own = {container for ids in stack.containers.values() for container in ids}
        after = {name: layer(client, ids[0]) for name, ids in stack.containers.items()}
        if "restart" in what:
            drills.restart(stack, client, found, deadline=120)
        if "stop" in what:
            drills.stop(stack, client, found)
    changed = {name: after[name] ^ before[name] for name in after if after[name] != before[name]}
    return Drilled(found, [container for container in left if container not in own], changed)
