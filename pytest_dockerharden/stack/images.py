"""Images of a stack: there, built, pulled, or one clear error. What is built gets a tag of the run's own."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.project import Service
from pytest_dockerharden.stack.engine import endpoint_of
from pytest_dockerharden.stack.errors import StackError
from pytest_dockerharden.stack.run import Run

if TYPE_CHECKING:
    import docker

Say = Callable[[str], None]
BUILD_SECONDS = 1800


def prepare(client: docker.DockerClient, services: list[Service], run: Run, say: Say) -> dict[str, str]:
    """The reference to create each service's containers from, by service name.

    A tag that the project names is never written: another image may bear it. A service that only names the image of one
    that is built gets what was built.
    """
    built: dict[str, str] = {}
    references: dict[str, str] = {}
    for service in services:
        if service.get("build") is not None:
            reference = f"dockerharden/{run.id}/{service.name}".lower()
            say(f"{service.name}: building")
            build(client, service, reference, run)
            references[service.name] = reference
            built.setdefault(service.text("image"), reference)
    for service in services:
        if service.name not in references:
            image = service.text("image")
            references[service.name] = built.get(image) or present(client, service, image, say)
    return references


def present(client: docker.DockerClient, service: Service, image: str, say: Say) -> str:
    """An image on the engine, pulled where it is missing and the service allows that."""
    from docker.errors import APIError, ImageNotFound

    policy = service.text("pull_policy")
    try:
        if policy != "always":
            client.api.inspect_image(image)
            return image
    except ImageNotFound:
        if policy == "never":
            raise StackError(
                f"{service.name}: the image {image} is not on the engine and pull_policy is never"
            ) from None
    except APIError as error:
        raise StackError(f"{service.name}: the image {image}: {error.explanation}") from None
    say(f"{service.name}: pulling {image}")
    try:
        repository, tag = split_reference(image)
        client.api.pull(repository, tag=tag)
    except APIError as error:
        raise StackError(
            f"{service.name}: the image {image} is not on the engine and cannot be pulled",
            (str(error.explanation or error), "build or load it first, or name one that is there"),
        ) from None
    return image


def split_reference(image: str) -> tuple[str, str | None]:
    """Repository, and tag or digest (``latest`` where neither is given)."""
    if "@" in image:
        name, digest = image.split("@", 1)
        return re.sub(r":[^:/]+$", "", name), digest
    name, separator, tag = image.rpartition(":")
    return (name, tag) if separator and "/" not in tag else (image, "latest")


def build(client: docker.DockerClient, service: Service, reference: str, run: Run) -> None:
    """Build with BuildKit where a docker command can, else with the classic builder where the Dockerfile allows it."""
    config: dict[str, Any] = service.node.get("build").plain()  # type: ignore[union-attr]
    context = str(config.get("context", "."))
    if not os.path.isdir(context):
        raise StackError(f"{service.name}: the build context {context} is not a folder here")
    with tempfile.TemporaryDirectory(prefix="dockerharden-") as folder:
        file = dockerfile_path(config, context, folder)
        command = buildkit_command()
        needed = buildkit_features(Path(file).read_text(encoding="utf-8", errors="replace"))
        if command:
            build_by_command(command, service, config, context, file, reference, run, client)
        elif needed:
            raise StackError(
                f"{service.name}: its Dockerfile needs BuildKit ({', '.join(needed)})",
                ("the classic builder has none of it: install a docker CLI with its buildx plugin",),
            )
        else:
            build_by_api(client, service, config, context, file, reference, run)


def dockerfile_path(config: dict[str, Any], context: str, folder: str) -> str:
    """The Dockerfile; an inline one is written to ``folder``."""
    if config.get("dockerfile_inline"):
        path = Path(folder) / "Dockerfile"
        path.write_text(config["dockerfile_inline"], encoding="utf-8")
        return str(path)
    return os.path.normpath(os.path.join(context, config.get("dockerfile") or "Dockerfile"))


def buildkit_features(text: str) -> list[str]:
    """What in a Dockerfile the classic builder refuses."""
    features = {
        "COPY --chmod": r"(?im)^\s*(COPY|ADD)\s+(--\S+\s+)*--chmod",
        "RUN --mount": r"(?im)^\s*RUN\s+(--\S+\s+)*--mount",
        "COPY --link": r"(?im)^\s*(COPY|ADD)\s+(--\S+\s+)*--link",
        "heredocs": r"(?im)^\s*(RUN|COPY|ADD)\b.*<<-?[\"']?\w",
    }
    return [name for name, pattern in features.items() if re.search(pattern, text)]


@functools.cache
def buildkit_command() -> list[str] | None:
    """A docker command that can use BuildKit: any before 23, and later ones with the buildx plugin.

    Every docker command on PATH is looked at: one without the plugin may stand in front of one that needs none.
    """
    seen = []
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = shutil.which("docker", path=folder)
        if path and os.path.realpath(path) not in seen:
            seen.append(os.path.realpath(path))
            if speaks_buildkit(path):
                return [path]
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


def build_by_command(
    command: list[str],
    service: Service,
    config: dict[str, Any],
    context: str,
    file: str,
    reference: str,
    run: Run,
    client: docker.DockerClient,
) -> None:
    """``docker build`` with BuildKit, against the engine of ``client``."""
    arguments = [*command, "build", "--quiet", "--file", file, "--tag", reference]
    for key, value in run.labels.items():
        arguments += ["--label", f"{key}={value}"]
    for key, value in (config.get("labels") or {}).items():
        arguments += ["--label", f"{key}={value}"]
    for key, value in (config.get("args") or {}).items():
        arguments += ["--build-arg", key if value is None else f"{key}={value}"]
    for option in ("target", "network", "platform"):
        if config.get(option):
            arguments += [f"--{option}", str(config[option])]
    environment = os.environ | {
        "DOCKER_BUILDKIT": "1",
        "BUILDKIT_PROGRESS": "plain",
        "DOCKER_HOST": endpoint_of(client).address,
    }
    environment.pop("DOCKER_CONTEXT", None)
    try:
        done = subprocess.run(
            [*arguments, context], env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"{service.name}: the build took more than {BUILD_SECONDS} s") from None
    if done.returncode:
        raise StackError(f"{service.name}: the build failed", tuple(done.stderr.strip().splitlines()[-12:]))


def build_by_api(
    client: docker.DockerClient,
    service: Service,
    config: dict[str, Any],
    context: str,
    file: str,
    reference: str,
    run: Run,
) -> None:
    """The classic builder, through the SDK."""
    from docker.errors import APIError, BuildError

    try:
        client.images.build(
            path=context,
            dockerfile=file,
            tag=reference,
            buildargs={key: str(value) for key, value in (config.get("args") or {}).items() if value is not None},
            labels=run.labels | (config.get("labels") or {}),
            target=config.get("target"),
            network_mode=config.get("network"),
            rm=True,
            forcerm=True,
            timeout=BUILD_SECONDS,
        )
    except BuildError as error:
        lines = [str(entry.get("stream") or entry.get("error") or "").strip() for entry in error.build_log]
        raise StackError(f"{service.name}: the build failed", tuple(line for line in lines if line)[-12:]) from None
    except APIError as error:
        raise StackError(f"{service.name}: the build failed: {error.explanation}") from None
