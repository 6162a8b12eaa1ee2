"""Run commands in turn, whole processes, and say what they took."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

# no findings, findings, and pytest that was given nothing to run; anything else was no measurement
ENDINGS = (0, 1, 5)


@dataclass
class Timing:
    """Seconds and mebibytes of the runs of one command. Wall and CPU time are medians, memory the highest peak."""

    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    memory: float = 0.0

    @property
    def wall(self) -> float:
        return statistics.median(self.walls)

    @property
    def cpu(self) -> float:
        return statistics.median(self.cpus)

    def row(self, name: str) -> str:
        return f"  {name:<28} wall {self.wall:7.3f} s   cpu {self.cpu:7.3f} s   peak {self.memory:6.1f} MiB"


def measure(commands: dict[str, list[str]], folder: Path, runs: int) -> dict[str, Timing]:
    """Run each command once to warm up, then ``runs`` times in turn, so that a slow moment slows all of them."""
    timings = {name: Timing() for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            wall, cpu, memory = once(command, folder)
            if turn:
                timings[name].walls.append(wall)
                timings[name].cpus.append(cpu)
                timings[name].memory = max(timings[name].memory, memory)
    for name, timing in timings.items():
        print(timing.row(name))
    return timings


def once(command: list[str], folder: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MiB of one process; its exit code says findings, not failure."""
    # without its compiled modules every Python program would be measured compiling
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ENDINGS:
        raise SystemExit(f"{' '.join(command[:8])} ... ended with {process.returncode}: nothing was measured")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def peer(name: str, folder: str | None, *arguments: str) -> dict[str, list[str]]:
    """The command line of another tool, from ``folder`` or PATH; nothing where it is not installed."""
    path = shutil.which(name, path=os.pathsep.join(filter(None, (folder, os.environ.get("PATH", "")))))
    if path is None:
        print(f"  ({name} is not installed: left out)")
        return {}
    return {name: [path, *arguments]}


class Targets:
    """What was measured beside what it is allowed to be."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def at_most(self, limit: float, value: float, unit: str, what: str) -> None:
        """Note one number."""
        met = "met" if value <= limit else "MISSED"
        self._lines.append(f"  {what:<52} {value:8.2f} {unit:<6} at most {limit:6.2f}   {met}")

    def show(self) -> None:
        """Print all of them."""
        print("\ntargets", *self._lines, sep="\n")
