"""A running stack of ``suites/plan``, and how a test asks it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import urllib3

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.source.compose import LoadOptions, load
from pytest_dockerharden.stack.run import Run
from pytest_dockerharden.stack.stack import Stack

SUITE = Path(__file__).parents[2] / "suites" / "plan" / "stack"
BASES = SUITE / "bases"
Answer = TypeVar("Answer")


def make_bases() -> None:
    """Build the stand-ins of the base images where they are not up to date, and the secret of the stack."""
    subprocess.run([sys.executable, str(BASES / "make.py")], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["sh", str(SUITE / "hardened" / "secrets" / "make.sh")], check=True)


def project(run: Run, *files: Path, **environment: str) -> Project:
    """The merged project on the stand-ins, with names of the run's own."""
    options = LoadOptions(
        env_files=(str(BASES / "offline.env"),),
        environment=environment,
        profiles=(),
        project_name=f"plan-{run.id}",
        project_directory=str(files[0].parent),
    )
    return load([str(file) for file in files], options)


@contextmanager
def running(client: Any, *files: Path, **environment: str) -> Iterator[Running]:
    """Bring a list of compose files up; all of it is gone at the end."""
    run = Run.start()
    loaded = project(run, *files, **environment)
    assert [problem.message for problem in loaded.problems if problem.kind == "refused"] == []
    with Stack(loaded, client, run, deadline=120) as stack:
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
