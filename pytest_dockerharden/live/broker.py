"""One stack for all workers of pytest-xdist: the controller owns it, and a worker asks on a socket.

Only an address and a key go into the worker's input; nothing is brought up before somebody asks. Messages are pickles
between processes of one run: the key keeps everyone else out.
"""

from __future__ import annotations

import io
import pickle
import secrets
import threading
from collections.abc import Collection
from multiprocessing.connection import Client, Connection, Listener
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.control import REGISTRY, Control

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_dockerharden.live.courses import Courses, Running
    from pytest_dockerharden.live.phases import Phase
    from pytest_dockerharden.verdicts import Result

LOOPBACK = "127.0.0.1"


class Broker:
    """Answers workers in threads of the controller. ``courses`` makes what it serves, at the first question."""

    def __init__(self, courses: Callable[[], Courses]) -> None:
        self.courses = courses
        self.key = secrets.token_bytes(32)
        self.listener = Listener((LOOPBACK, 0), authkey=self.key)
        threading.Thread(target=self._accept, name="dockerharden-broker", daemon=True).start()

    @property
    def address(self) -> tuple[int, bytes]:
        """What a worker needs: the port and the key."""
        return self.listener.address[1], self.key

    def _accept(self) -> None:
        from multiprocessing import AuthenticationError

        while True:
            try:
                connection = self.listener.accept()
            except AuthenticationError:
                continue
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(connection,), name="dockerharden-worker", daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        leases = 0
        try:
            while True:
                method, arguments = load(connection.recv_bytes())
                leases += {"lease": 1, "release": -1}.get(method, 0)
                connection.send_bytes(dump(self._answer(method, arguments)))
        except (EOFError, OSError):
            # a worker that was killed in the middle of a test holds nothing back
            for _ in range(leases):
                self.courses().release()

    def _answer(self, method: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
        try:
            return "answer", getattr(self.courses(), method)(*arguments)
        except BaseException as error:  # the worker raises it
            return "error", error

    def close(self) -> None:
        """Accept nobody any more."""
        self.listener.close()


class RemoteCourses:
    """The controller's stacks, in a worker: what :class:`Courses` offers to items and fixtures."""

    def __init__(self, port: int, key: bytes) -> None:
        self._connection = Client((LOOPBACK, port), authkey=key)

    def result(self, stack: str, phase: Phase, name: str, needed: Collection[Phase]) -> Result:
        """See :meth:`Courses.result`."""
        result: Result = self._ask("result", stack, phase, name, tuple(needed))
        return result

    def running(self, stack: str) -> Running:
        """See :meth:`Courses.running`."""
        running: Running = self._ask("running", stack)
        return running

    def hold(self) -> None:
        """See :meth:`Courses.hold`."""
        self._ask("hold")

    def lease(self) -> None:
        """See :meth:`Courses.lease`."""
        self._ask("lease")

    def release(self) -> None:
        """See :meth:`Courses.release`."""
        self._ask("release")

    def close(self) -> None:
        """Leave the stacks to the controller."""
        self._connection.close()

    def _ask(self, method: str, *arguments: Any) -> Any:
        self._connection.send_bytes(dump((method, arguments)))
        kind, answer = load(self._connection.recv_bytes())
        if kind == "error":
            raise answer
        return answer


class _Pickler(pickle.Pickler):
    # every process has the same controls, and a custom one is in no module that can be imported
    def persistent_id(self, thing: Any) -> str | None:
        return thing.id if isinstance(thing, Control) else None


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, identifier: str) -> Control:
        from pytest_dockerharden.verdicts import PRECONDITIONS

        return next((each for each in PRECONDITIONS if each.id == identifier), None) or REGISTRY[identifier]


def dump(thing: Any) -> bytes:
    """A pickle in which controls are named."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(thing)
    return buffer.getvalue()


def load(data: bytes) -> Any:
    """What :func:`dump` made."""
    return _Unpickler(io.BytesIO(data)).load()
