"""A running stack of ``suites/plan``, and how a test asks it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import urllib3

from pytest_dockerharden.assemble import Combination, assemble
from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import judge
from pytest_dockerharden.model.project import Project
from pytest_dockerharden.observe import observe_stack
from pytest_dockerharden.stack.run import Run
from pytest_dockerharden.stack.stack import Stack

SUITE = Path(__file__).parents[2] / "suites" / "plan" / "stack"
BASES = SUITE / "bases"
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)"
Answer = TypeVar("Answer")


def make_bases() -> None:
    """Build the stand-ins of the base images where they are not up to date, and the secret of the stack."""
    subprocess.run([sys.executable, str(BASES / "make.py")], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["sh", str(SUITE / "hardened" / "secrets" / "make.sh")], check=True)


def project(run: Run, *files: Path, **environment: str) -> Project:
    """The merged project on the stand-ins, with names of the run's own and what its files predict."""
    combination = Combination(
        tuple(map(str, files)),
        env_files=(str(BASES / "offline.env"),),
        profiles=(),
        project_name=f"plan-{run.id}",
        project_directory=str(files[0].parent),
    )
    # overlays of tests lie elsewhere
    root = os.path.commonpath([SUITE, *files])
    assembly = assemble([combination], root=root, environment=environment, running=True)
    assert assembly.failures == []
    return assembly.projects[0]


@contextmanager
def running(client: Any, *files: Path, **environment: str) -> Iterator[Running]:
    """Bring a list of compose files up; all of it is gone at the end."""
    run = Run.start()
    with Stack(project(run, *files, **environment), client, run, deadline=120) as stack:
        yield Running(stack, client)


@dataclass(frozen=True)
class Running:
    """The stack, with the questions of these tests."""

    stack: Stack
    client: Any

    def inspect(self, service: str) -> dict[str, Any]:
        """``docker inspect`` of its container."""
        return dict(self.client.api.inspect_container(self.stack.containers[service][0]))

    def logs(self, service: str) -> str:
        """All that it has logged."""
        return str(self.client.api.logs(self.stack.containers[service][0]).decode("utf-8", "replace"))

    def run(self, service: str, *argv: str, **options: Any) -> tuple[int, str]:
        """Run a command in its container; exit code and output. Options: ``user``, ``environment``."""
        container = self.client.containers.get(self.stack.containers[service][0])
        code, output = container.exec_run(list(argv), **options)
        return int(code), output.decode("utf-8", "replace").strip()

    def port(self, service: str, target: int) -> int:
        """The port of the host that leads to a port of the container."""
        return int(self.inspect(service)["NetworkSettings"]["Ports"][f"{target}/tcp"][0]["HostPort"])

    def address(self, service: str, network: str) -> str:
        """Its address on a network of the project."""
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        return str(networks[f"{self.stack.project.name}_{network}"]["IPAddress"])

    def reaches(self, client: str, host: str, port: int) -> bool:
        """Whether a service gets a TCP connection to a host within a second."""
        return self.run(client, "python3", "-c", CONNECT, host, str(port))[0] == 0

    def http(self, service: str, target: int) -> urllib3.HTTPConnectionPool:
        """Plain HTTP to a published port."""
        return urllib3.HTTPConnectionPool("127.0.0.1", self.port(service, target), timeout=10, retries=False)


def eventually(ask: Callable[[], Answer | None], seconds: float = 20) -> Answer:
    """The first answer that is neither None nor false; fails when there is none in time."""
    until = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < until, f"nothing after {seconds} s, the last answer was {answer!r}"
        time.sleep(0.1)


def failures(stack: Running, phase: Literal["live", "restarted"] = "live") -> dict[str, dict[str, list[str]]]:
    """What the running stack fails of what is recommended or asked for by the plan: messages by control and service."""
    # how steady a healthcheck is depends on how busy this machine is
    left_out = {"health-is-stable"}
    asked = [c for c in load_all().values() if not c.optional or c.plan]
    controls = [c for c in asked if c.judges == "Posture" and c.id not in left_out]
    result: dict[str, dict[str, list[str]]] = {}
    for service, postures in observe_stack(stack.stack, stack.client, phase).items():
        judgements = [judge(control, postures[0], service) for control in controls]
        assert [judgement.reason for judgement in judgements if judgement.verdict == "error"] == []
        result[service] = {
            judgement.control.id: [finding.message for finding in judgement.findings]
            for judgement in judgements
            if judgement.verdict == "failed"
        }
    return result
