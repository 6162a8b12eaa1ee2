"""``python -m pytest_dockerharden.stack.remove RUN...``: remove what kept runs left on the engine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pytest_dockerharden.stack.engine import connect
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.run import remove


def main(runs: Sequence[str]) -> int:
    """The exit code: 0 when all is gone, 1 when something is left, 2 for a wrong call."""
    if not runs or any(run.startswith("-") for run in runs):
        sys.stderr.write("usage: python -m pytest_dockerharden.stack.remove RUN...\n")
        return 2
    try:
        client = connect()
        left = [line for run in runs for line in remove(client, run)]
    except StackError as error:
        left = [str(error)]
    sys.stderr.writelines(f"not removed: {line}\n" for line in left)
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
