"""Building the image of a service: BuildKit where a docker command can, else the classic builder."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction
from pytest_dockerharden.model.project import Service
from pytest_dockerharden.source.dockerfile import parse
from pytest_dockerharden.stack.engine import endpoint_of
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.run import Run

if TYPE_CHECKING:
    import docker

SECONDS = 1800
LAST_LINES = 12
# flags that the classic builder refuses
BUILDKIT_FLAGS = {
    "COPY": ("chmod", "link", "parents", "exclude"),
    "ADD": ("chmod", "link", "checksum", "keep-git-dir", "exclude", "unpack"),
    "RUN": ("mount", "network", "security", "device"),
}
BUILDKIT_KEYS = ("secrets", "ssh", "additional_contexts")


@dataclass(frozen=True, slots=True)
class Build:
    """One build. ``reference`` is the tag it gets, ``config`` the ``build`` of the compose file."""

    service: Service
    config: dict[str, Any]
    reference: str
    labels: dict[str, str]
    dockerfile: Dockerfile

    @classmethod
    def of(cls, service: Service, run: Run) -> Build:
        """Raises StackError where there is nothing to build from."""
        node = service.get("build")
        config: dict[str, Any] = node.plain() if node else {}
        context = str(config.get("context", "."))
        if not os.path.isdir(context):
            raise StackError(f"{service.name}: the build context {context} is not a folder here")
        file = os.path.normpath(os.path.join(context, config.get("dockerfile") or "Dockerfile"))
        try:
            text = config.get("dockerfile_inline") or Path(file).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise StackError(f"{service.name}: its Dockerfile cannot be read: {error.strerror}", (file,)) from None
        labels = {**(config.get("labels") or {}), **run.labels}
        parsed = parse(text, file, args=arguments(config), target=config.get("target"))
        return cls(service, config, f"dockerharden/{run.id}/{service.name}".lower(), labels, parsed)

    @property
    def context(self) -> str:
        """The folder."""
        return str(self.config.get("context", "."))

    def base_images(self) -> list[str]:
        """What the Dockerfile takes from elsewhere: FROM, and COPY --from or RUN --mount from an image."""
        stages = self.dockerfile.stages
        own = {stage.name for stage in stages} | {str(stage.index) for stage in stages} | {"", "scratch"}
        named = [stage.base for stage in stages if stage.parent is None]
        for instruction in instructions(self.dockerfile):
            flag = instruction.flag("from") if instruction.keyword in ("COPY", "ADD") else None
            named.append(flag.value.value if flag and flag.value else None)
        return list(dict.fromkeys(name for name in named if name and name.lower() not in own))

    def buildkit_needs(self) -> list[str]:
        """What the classic builder refuses, with its place."""
        found = [f"build.{key} in the compose file" for key in BUILDKIT_KEYS if self.config.get(key)]
        for instruction in instructions(self.dockerfile):
            keyword, line = instruction.keyword, instruction.origin.line
            flags = [flag.name for flag in instruction.flags if flag.name in BUILDKIT_FLAGS.get(keyword, ())]
            found += [f"line {line}: {keyword} --{name}" for name in flags]
            found += [f"line {line}: a heredoc"] if instruction.heredocs else []
        return found

    def run_on(self, client: docker.DockerClient) -> None:
        """Build it. Raises StackError with the builder's last lines."""
        podman = is_podman(client)
        command = None if podman else buildkit_command()
        needs = [] if podman else self.buildkit_needs()
        if needs and command is None:
            raise StackError(
                f"{self.service.name}: its build needs BuildKit",
                (*needs, "no docker command here speaks it: install a docker CLI with its buildx plugin"),
            )
        with tempfile.TemporaryDirectory(prefix="dockerharden-") as folder:
            file = self.dockerfile.path
            if self.config.get("dockerfile_inline"):
                file = os.path.join(folder, "Dockerfile")
                Path(file).write_text(self.config["dockerfile_inline"], encoding="utf-8")
            if command:
                self.by_command(command, file, client)
            else:
                self.by_api(file, client)

    def by_command(self, command: str, file: str, client: docker.DockerClient) -> None:
        """``docker build`` with BuildKit, against the engine of ``client``."""
        environment = os.environ | {"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
        # the flags say which engine; the CLI refuses to be told twice
        for name in ("DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
            environment.pop(name, None)
        line = [command, *connection(client), "build", "--file", file, "--tag", self.reference, *self.options()]
        try:
            done = subprocess.run(
                [*line, self.context], env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise StackError(f"{self.service.name}: the build took more than {SECONDS} s") from None
        if done.returncode:
            lines = (done.stdout + done.stderr).strip().splitlines()
            raise StackError(f"{self.service.name}: the build failed", tuple(lines[-LAST_LINES:]))

    def options(self) -> Iterator[str]:
        """Of ``docker build``, for the keys of ``build`` that decide what is built."""
        config = self.config
        yield from (f"--label={key}={value}" for key, value in self.labels.items())
        for key, value in (config.get("args") or {}).items():
            yield f"--build-arg={key}" if value is None else f"--build-arg={key}={value}"
        for key in ("target", "network", "platform", "shm_size"):
            if config.get(key):
                yield f"--{key.replace('_', '-')}={config[key]}"
        yield from (f"--{key.replace('_', '-')}" for key in ("no_cache", "pull") if config.get(key))
        for key in ("cache_from", "ssh"):
            yield from (f"--{key.replace('_', '-')}={value}" for value in config.get(key) or ())
        for name, path in (config.get("additional_contexts") or {}).items():
            yield f"--build-context={name}={path}"
        yield from (f"--secret={self.secret(secret)}" for secret in config.get("secrets") or ())

    def secret(self, grant: dict[str, Any]) -> str:
        """A secret of the project, for the time of the build."""
        declared = self.service.project.secrets[grant["source"]].plain()
        name = grant.get("target") or grant["source"]
        if declared.get("file"):
            return f"id={name},src={declared['file']}"
        return f"id={name},env={declared.get('environment')}"

    def by_api(self, file: str, client: docker.DockerClient) -> None:
        """The classic builder, through the SDK."""
        from docker.errors import APIError

        config = self.config
        try:
            answer = client.api.build(
                path=self.context,
                dockerfile=file,
                tag=self.reference,
                buildargs=arguments(config),
                labels=self.labels,
                target=config.get("target"),
                network_mode=config.get("network"),
                platform=config.get("platform"),
                shmsize=int(config["shm_size"]) if config.get("shm_size") else None,
                nocache=bool(config.get("no_cache")),
                pull=bool(config.get("pull")),
                cache_from=config.get("cache_from"),
                rm=True,
                forcerm=True,
                timeout=SECONDS,
                decode=True,
            )
            log = list(answer)
        except APIError as error:
            raise StackError(f"{self.service.name}: the build failed: {error.explanation}") from None
        if any("error" in entry for entry in log):
            lines = [str(entry.get("stream") or entry.get("error") or "").strip() for entry in log]
            shown = tuple(line for line in lines if line)[-LAST_LINES:]
            raise StackError(f"{self.service.name}: the build failed", shown)


def is_podman(client: docker.DockerClient) -> bool:
    """Podman has no BuildKit to speak to, and its own builder (buildah) answers the classic builder's call."""
    return any("Podman" in component.get("Name", "") for component in client.version().get("Components") or ())


def instructions(dockerfile: Dockerfile) -> Iterator[Instruction]:
    """All of them."""
    for stage in dockerfile.stages:
        yield from stage.instructions


def arguments(config: dict[str, Any]) -> dict[str, str]:
    """Build arguments; one without a value is that of our environment, if it is there."""
    given = {
        key: os.environ.get(key) if value is None else str(value) for key, value in (config.get("args") or {}).items()
    }
    return {key: value for key, value in given.items() if value is not None}


def connection(client: docker.DockerClient) -> Iterator[str]:
    """Flags of the docker CLI for the engine of ``client``."""
    endpoint = endpoint_of(client)
    yield f"--host={endpoint.address}"
    if endpoint.tls:
        yield "--tlsverify" if endpoint.tls.verify else "--tls"
        files = {"tlscacert": endpoint.tls.ca, "tlscert": endpoint.tls.cert, "tlskey": endpoint.tls.key}
        yield from (f"--{option}={path}" for option, path in files.items() if path)


@functools.cache
def buildkit_command() -> str | None:
    """A docker command that can use BuildKit: any before 23, and later ones with the buildx plugin.

    Every docker command on PATH is looked at: one without the plugin may stand in front of one that needs none.
    """
    seen = []
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = shutil.which("docker", path=folder)
        if path and os.path.realpath(path) not in seen:
            seen.append(os.path.realpath(path))
            if speaks_buildkit(path):
                return path
    return None


def speaks_buildkit(path: str) -> bool:
    """Ask the command itself."""
    try:
        version = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
        number = re.search(r"version (\d+)\.", version)
        if number and int(number[1]) < 23:
            return True
        return subprocess.run([path, "buildx", "version"], capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
