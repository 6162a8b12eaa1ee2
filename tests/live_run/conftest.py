from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.stack.run import OWNER
from tests.live import busybox_image, labelled_run, live_engine

APPLETS = ("bin/sh", "bin/sleep", "bin/cat", "bin/echo", "bin/true", "bin/touch", "bin/id", "bin/nc", "bin/kill")


@pytest.fixture(scope="session")
def engine() -> Any:
    return live_engine()


@pytest.fixture(scope="session")
def image(engine: Any) -> Iterator[str]:
    with labelled_run(engine) as run:
        yield busybox_image(engine, run, APPLETS)


class Stack:
    """A repository with one compose file, and live runs in it."""

    def __init__(self, path: Path, engine: Any, image: str) -> None:
        self.path = path
        self.engine = engine
        self.image = image

    def add(self, name: str, text: str) -> None:
        (self.path / name).write_text(text.replace("IMAGE", self.image), encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        # a third of what a short run takes is to import hypothesis and never use it
        return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=180,
            env={**os.environ, **environment},
            check=False,
        )

    def outcomes(self, *arguments: str) -> dict[str, str]:
        """Verdict by node id, from the JSON report."""
        done = self.run("--harden-report", "json:report.json", *arguments)
        report = self.path / "report.json"
        assert report.exists(), done.stdout + done.stderr
        items = json.loads(report.read_text(encoding="utf-8"))["items"]
        return {item["id"]: item["verdict"] for item in items if item["verdict"] != "not-applicable"}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """A run that a test will end in some way, in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, **environment},
            # what is started from a shell's background inherits an ignored SIGINT
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def left(self, pid: int) -> list[str]:
        """Names of everything on the engine that a process made, by the label of its owner."""
        api = self.engine.api
        found = [(c["Names"][0], c["Labels"]) for c in api.containers(all=True)]
        found += [(n["Name"], n.get("Labels")) for n in api.networks()]
        found += [(v["Name"], v.get("Labels")) for v in api.volumes()["Volumes"] or ()]
        found += [(i["Id"], i.get("Labels")) for i in api.images()]
        return [name for name, labels in found if f":{pid}:" in (labels or {}).get(OWNER, "")]


@pytest.fixture
def stack(tmp_path: Path, engine: Any, image: str) -> Stack:
    stack = Stack(tmp_path, engine, image)
    stack.add("dockerharden.toml", 'select = ["read-only-rootfs", "no-new-privileges", "survives-restart"]\n')
    return stack
