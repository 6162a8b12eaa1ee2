"""A process that removes what a run made when its owner dies, however it dies.

It is started before the first create call and waits at the end of a pipe: the kernel closes the other end when the
owner is gone, by SIGKILL too. It needs no image and no engine socket in a container.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from types import TracebackType

from pytest_dockerharden.stack.engine import TLS, Endpoint, connect
from pytest_dockerharden.stack.run import Run, is_kept, remove

# no import before the wait: an idle reaper is a bare interpreter
PROGRAM = """
import signal, sys
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
if sys.stdin.buffer.read(1) != b"k":
    from pytest_dockerharden.stack.reaper import reap
    reap(*sys.argv[1:])
"""
# an engine that does not answer is asked again for so long: it may be restarted
PATIENCE = 600.0
# a container that the owner had asked for appears that long after its death
LATE = 3.0


def reap(run_id: str, address: str, tls: str) -> None:
    """Remove what a run made, unless the user asked to keep it, as soon as the engine answers.

    ``tls`` is JSON. An engine whose socket's folder is gone was private and is gone with everything in it.
    """
    until = time.monotonic() + PATIENCE
    endpoint = Endpoint(address, TLS(**json.loads(tls)) if tls else None)
    folder = os.path.dirname(address.removeprefix("unix://")) if address.startswith("unix://") else os.sep
    while time.monotonic() < until and os.path.isdir(folder):
        try:
            client = connect(endpoint, timeout=30)
            if is_kept(client, run_id):
                return
            left = remove(client, run_id)
            time.sleep(LATE)
            if not left and not remove(client, run_id):
                return
        except Exception:  # nobody reads it, and nobody else would try again
            time.sleep(1)


class Reaper:
    """Started with :meth:`start`; :meth:`dismiss` when everything is gone, or is to be kept."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    @classmethod
    def start(cls, run: Run, endpoint: Endpoint) -> Reaper:
        """In a session of its own, so that a signal for the test run's process group does not reach it."""
        environment = {key: value for key, value in os.environ.items() if key != "RUNNER_TRACKING_ID"}
        # -P and an explicit path: the folder of the user's project must not be able to shadow a module
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        environment["PYTHONPATH"] = os.pathsep.join((package, *sys.path[1:]))
        tls = json.dumps(asdict(endpoint.tls)) if endpoint.tls else ""
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, run.id, endpoint.address, tls],
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
        self._close(b"k")
        self.process.wait(timeout=10)

    def release(self) -> None:
        """Let it remove the run at once and without us: the engine does not answer at this moment."""
        self._close(b"")
        # it outlives us, and nobody waits for it: without this Popen complains
        self.process.returncode = 0

    def _close(self, word: bytes) -> None:
        if self.process.stdin is not None and not self.process.stdin.closed:
            with contextlib.suppress(OSError):
                self.process.stdin.write(word)
                self.process.stdin.flush()
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def __enter__(self) -> Reaper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dismiss()
