"""What a run is waiting for, on the terminal of the controller."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# steps on the way to something; they are only shown while they last
_PASSING = (
    ": creating", ": starting", ": created", ": waiting for its healthcheck", ": restarting", ": stopping",
    ": drilling a twin of it",
)  # fmt: skip


class Progress:
    """A line for each thing that was reached; on a terminal, the current step in a line that is overwritten."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._transient = False

    def __call__(self, line: str) -> None:
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or self.config.getoption("verbose", 0) < -1:
            return
        with self._lock, self._uncaptured():
            self._write(reporter, f"{time.monotonic() - self._began:6.1f} s  {line}")

    def _write(self, reporter: pytest.TerminalReporter, text: str) -> None:
        lasting = not text.endswith(_PASSING)
        if not lasting and not reporter.isatty:
            return
        if self._transient:
            reporter.rewrite("", erase=True)
        elif reporter._tw.width_of_current_line:
            reporter.write_line("")
        self._transient = not lasting
        if lasting:
            reporter.write_line(text)
        else:
            reporter.rewrite(text[: reporter._tw.fullwidth - 1])
            reporter.flush()

    @contextlib.contextmanager
    def _uncaptured(self) -> Iterator[None]:
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            yield
