"""Run a scanner that is on PATH. Nothing of the repository is executed, and nothing goes to the network."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pytest_dockerharden.importing.document import parse_document, read_document, table
from pytest_dockerharden.importing.reading import scans_of
from pytest_dockerharden.importing.scan import Scan, UnreadableReportError
from pytest_dockerharden.model.secrets import mask

Answer = TypeVar("Answer")
Answers = dict[tuple[str, ...], bytes]
"""What scanners said, by what they were asked: plain data, as pytest-xdist sends it to workers."""

TIMEOUT = 600.0
"""So many seconds may one scan take."""
# what Trivy asks the network for otherwise: dependencies, checks, databases. Unknown variables are ignored, and an
# older or newer Trivy would stop at an unknown flag
_OFFLINE = ("--offline-scan", "--skip-check-update", "--skip-db-update")
_QUIET = {"TRIVY_SKIP_VERSION_CHECK": "true", "TRIVY_DISABLE_TELEMETRY": "true"}
_MOST_DIRECTORIES = 200


@dataclass(slots=True)
class Trivy:
    """Trivy, by the absolute path of its program."""

    program: str

    def scan_files(self, path: str, skipped: Sequence[str] = ()) -> Scan:
        """The Dockerfiles and secrets below a folder, or in one file. Raises UnreadableReportError.

        ``skipped`` are folders that are left out. Only Dockerfiles are judged: of Terraform it would fetch modules.
        """
        folders = [os.path.relpath(folder, path) for folder in skipped[:_MOST_DIRECTORIES]]
        options = [option for folder in folders for option in ("--skip-dirs", folder)]
        scanners = ("--scanners", "misconfig,secret", "--misconfig-scanners", "dockerfile")
        return self._scan("fs", *scanners, *_OFFLINE, *options, "--", path)

    def scan_image(self, reference: str) -> Scan:
        """An image on the engine, also against the database of vulnerabilities. Raises UnreadableReportError."""
        scanners = ("--scanners", "vuln,secret", "--image-src", "docker")
        return self._scan("image", *scanners, *_OFFLINE, "--skip-java-db-update", "--", reference)

    def has_database(self) -> bool:
        """Whether vulnerabilities can be looked up without a network. Raises UnreadableReportError."""
        with _empty_folder() as folder:
            written = os.path.join(folder, "version.json")
            with open(written, "wb") as stream:
                _run((self.program, "version", "--format", "json"), folder, stream.fileno())
            with open(written, "rb") as stream:
                versions = table(parse_document(stream.read(1 << 20)), "what `trivy version` says")
        return bool(versions.get("VulnerabilityDB"))

    def _scan(self, command: str, *arguments: str) -> Scan:
        with _empty_folder() as folder:
            report = os.path.join(folder, "report.json")
            options = ("--format", "json", "--output", report, "--quiet", "--exit-code", "0")
            _run((self.program, command, *options, *arguments), folder)
            return scans_of(read_document(report), "")[0]


@dataclass(slots=True)
class AskedOnce:
    """A scanner of which nothing is asked twice as long as ``answers`` are kept. It is looked for when it is needed."""

    name: str
    answers: Answers

    def scan_files(self, path: str, skipped: Sequence[str] = ()) -> Scan:
        """As :meth:`Trivy.scan_files`."""
        return self._once(("files", path, *skipped), lambda scanner: scanner.scan_files(path, skipped))

    def scan_image(self, reference: str) -> Scan:
        """As :meth:`Trivy.scan_image`."""
        return self._once(("image", reference), lambda scanner: scanner.scan_image(reference))

    def has_database(self) -> bool:
        """As :meth:`Trivy.has_database`."""
        return self._once(("database",), lambda scanner: scanner.has_database())

    def _once(self, question: tuple[str, ...], ask: Callable[[Trivy], Answer]) -> Answer:
        key = (self.name, *question)
        if key not in self.answers:
            try:
                answer: Answer | UnreadableReportError = ask(find_scanner(self.name))
            except UnreadableReportError as error:
                answer = error
            self.answers[key] = pickle.dumps(answer)
        known: Answer | UnreadableReportError = pickle.loads(self.answers[key])  # noqa: S301 - our own
        if isinstance(known, UnreadableReportError):
            raise known
        return known


def find_scanner(name: str) -> Trivy:
    """The scanner of this name on PATH. Raises UnreadableReportError."""
    program = shutil.which(name)
    # a relative entry of PATH would let the repository say what is run
    if program is None or not os.path.isabs(program):
        raise UnreadableReportError(f"{name} was asked for and is not on PATH")
    return Trivy(program)


@contextmanager
def _empty_folder() -> Iterator[str]:
    """Where a scanner runs: in the repository, a trivy.yaml or .trivyignore of it would decide what is found."""
    with tempfile.TemporaryDirectory(prefix="dockerharden-", ignore_cleanup_errors=True) as folder:
        yield folder


def _run(command: Sequence[str], folder: str, output: int = subprocess.DEVNULL) -> None:
    errors = os.path.join(folder, "errors")
    with open(errors, "wb") as stream:
        try:
            process = subprocess.Popen(
                command, cwd=folder, env=_environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=stream,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise UnreadableReportError(f"{command[0]} cannot be run: {error.strerror}") from None
        status = _wait(process)
    if status != 0:
        raise UnreadableReportError(f"it failed (exit status {status}): {_last_line(errors) or 'it did not say why'}")


def _wait(process: subprocess.Popen[Any]) -> int:
    try:
        return process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        raise UnreadableReportError(f"it was not done after {TIMEOUT:.0f} seconds") from None
    finally:
        if process.returncode is None:
            _kill(process)


def _kill(process: subprocess.Popen[Any]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _environment() -> Mapping[str, str]:
    """Without variables that would send a scan to a server, or change what is found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRIVY_")}
    if "TRIVY_CACHE_DIR" in os.environ:
        kept["TRIVY_CACHE_DIR"] = os.environ["TRIVY_CACHE_DIR"]
    return kept | _QUIET


def _last_line(path: str) -> str:
    with open(path, "rb") as stream:
        lines = stream.read(1 << 16).decode("utf-8", "replace").split("\n")
    said = [" ".join(line.replace("\t", " ").split()) for line in lines if line.strip()]
    return mask(said[-1][:500]) if said else ""
