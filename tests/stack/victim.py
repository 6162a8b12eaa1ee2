"""A run that a test ends in the middle: python victim.py COMPOSE-FILE [ADDRESS] [--keep]. Prints each step."""

from __future__ import annotations

import sys
import threading

from pytest_dockerharden.source.compose import LoadOptions, load
from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.run import Run
from pytest_dockerharden.stack.stack import Stack


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(file: str, *options: str) -> None:
    run = Run.start()
    say(f"run {run.id}")
    project = load([file], LoadOptions(project_name="victim"))
    with Stack(project, connect(), run, progress=say, keep="--keep" in options):
        say("up")
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
