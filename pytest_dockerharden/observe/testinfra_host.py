"""testinfra's classes, completed. Imported by ``host`` alone, since testinfra is an extra."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host
from testinfra.modules.mountpoint import LinuxMountPoint

from pytest_dockerharden.observe.shell import NOT_EXECUTABLE, NOT_FOUND, ProbeDidNotRun, Shell

DID_NOT_RUN = (NOT_EXECUTABLE, NOT_FOUND)


class Backend(BaseBackend):  # type: ignore[misc]
    """Commands through a shell in the container, opened at the first one."""

    NAME = "dockerharden"

    def __init__(self, container: str, connect: Callable[[], Shell]) -> None:
        super().__init__(container[:12])
        self.connect = connect
        self.shell: Shell | None = None

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run one command. A shell that was closed by a time limit is opened anew."""
        if self.shell is None or self.shell.closed:
            self.shell = self.connect()
        line = self.get_command(command, *args)
        output = self.shell.run(line)
        return self.result(output.exit_code, self.encode(line), output.stdout, output.stderr)

    def decode(self, data: bytes) -> str:
        """testinfra's own asks a Python in the container for its encoding."""
        return data.decode("utf-8", "surrogateescape")

    def encode(self, data: str) -> bytes:
        return data.encode("utf-8", "surrogateescape")

    def close(self) -> None:
        """End the shell."""
        if self.shell is not None:
            self.shell.close()


class Inner(Host):  # type: ignore[misc]
    """What testinfra's modules use: they try commands that may be missing, and look at the exit code themselves."""

    def run_expect(self, expected: list[int], command: str, *args: str, **kwargs: Any) -> CommandResult:
        result = self.run(command, *args, **kwargs)
        refuse(result, expected)
        assert result.rc in expected, f"Unexpected exit code {result.rc} for {result}"
        return result

    def check_output(self, command: str, *args: str, **kwargs: Any) -> str:
        return str(self.run_expect([0], command, *args, **kwargs).stdout.rstrip("\r\n"))

    def __getattr__(self, name: str) -> Any:
        if name == "mount_point":
            self.mount_point = LastMountPoint.get_module(self)
            return self.mount_point
        return super().__getattr__(name)


class ContainerHost(Host):  # type: ignore[misc]
    """A host whose negative answers can be believed: what did not run raises ProbeDidNotRun and is no failure."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self.inner = Inner(backend)
        backend.set_host(self.inner)

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        result = self.inner.run(command, *args, **kwargs)
        refuse(result, ())
        return result

    def run_expect(self, expected: list[int], command: str, *args: str, **kwargs: Any) -> CommandResult:
        return self.inner.run_expect(expected, command, *args, **kwargs)

    def exists(self, command: str) -> bool:
        return bool(self.inner.exists(command))

    def find_command(self, command: str, extrapaths: Iterable[str] = ("/sbin", "/usr/sbin")) -> str:
        return str(self.inner.find_command(command, extrapaths))

    def close(self) -> None:
        """End its shell."""
        self.backend.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class LastMountPoint(LinuxMountPoint):  # type: ignore[misc]
    """Of several mounts on one path the last is in force; testinfra's own answers with the first."""

    @classmethod
    def get_module_class(cls, host: Host) -> type[LastMountPoint]:
        return cls

    @classmethod
    def _iter_mountpoints(cls) -> Iterator[dict[str, Any]]:
        found = {mount["path"]: mount for mount in super()._iter_mountpoints()}
        return iter(found.values())


def refuse(result: CommandResult, expected: Iterable[int]) -> None:
    """Raise for a command that was not found or could not be executed."""
    if result.rc in DID_NOT_RUN and result.rc not in expected:
        command = result.command.decode("utf-8", "replace")
        said = result.stderr.strip().splitlines()
        raise ProbeDidNotRun(f"`{command}` did not run (exit code {result.rc}): {said[-1] if said else 'no message'}")
