"""A process that removes what a run made when its owner dies, however it dies.

It is started before the first create call and waits at the end of a pipe: the kernel closes the other end when the
owner is gone, by SIGKILL too. It needs no image and no engine socket in a container.
"""

from __future__ import annotations

import os
import subprocess
import sys
from types import TracebackType

from pytest_dockerharden.stack.run import Run

# no import before the wait: an idle reaper is a bare interpreter
PROGRAM = """
import signal, sys
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
run_id, host = sys.argv[1:3]
if sys.stdin.buffer.read(1) != b"k":
    from pytest_dockerharden.stack.engine import connect
    from pytest_dockerharden.stack.run import remove
    remove(connect(host or None), run_id, deadline=120)
"""


class Reaper:
    """Started with :meth:`start`; :meth:`dismiss` when everything is gone, or is to be kept."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    @classmethod
    def start(cls, run: Run, host: str = "") -> Reaper:
        """In a session of its own, so that a signal for the test run's process group does not reach it."""
        environment = {key: value for key, value in os.environ.items() if key != "RUNNER_TRACKING_ID"}
        # -P and an explicit path: the folder of the user's project must not be able to shadow a module
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        environment["PYTHONPATH"] = os.pathsep.join((package, *sys.path[1:]))
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, run.id, host],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=environment,
            cwd=os.path.abspath(os.sep),
        )
        return cls(process)

    def dismiss(self) -> None:
        """Nothing is left to do for it."""
        if self.process.stdin is not None and self.process.poll() is None:
            try:
                self.process.stdin.write(b"k")
                self.process.stdin.close()
            except OSError:
                pass
        self.process.wait(timeout=10)

    def __enter__(self) -> Reaper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dismiss()
