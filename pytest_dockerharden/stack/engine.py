"""The engine to use: DOCKER_HOST, else the docker CLI's current context, else the default socket."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_dockerharden.stack.errors import EngineError

if TYPE_CHECKING:
    import docker

TIMEOUT = 60


def connect(host: str | None = None, timeout: float = TIMEOUT) -> docker.DockerClient:
    """A client of a reachable engine. Raises EngineError with what to do.

    The API version is negotiated; ``timeout`` in seconds bounds every single answer, so that nothing hangs.
    """
    try:
        import docker
        from docker.errors import DockerException
        from docker.tls import TLSConfig
    except ImportError as missing:
        raise EngineError(
            "live mode needs the Docker SDK", ("install it: pip install 'pytest-dockerharden[live]'",)
        ) from missing
    base, tls = (host, None) if host else endpoint(os.environ)
    config = TLSConfig(client_cert=(tls[1], tls[2]), ca_cert=tls[0], verify=True) if tls else False
    try:
        client = docker.DockerClient(base_url=base, version="auto", timeout=int(timeout), tls=config)
        client.ping()
    except (DockerException, OSError, ValueError) as error:
        shown = base or "the default socket"
        raise EngineError(f"no Docker Engine answers at {shown}: {reason(error)}", HINTS) from None
    return client


HINTS = ("start the engine, set DOCKER_HOST, or run with --harden-engine private (root, dockerd on PATH)",)


def reason(error: BaseException) -> str:
    """The innermost cause on one line: the SDK wraps socket errors three times."""
    while error.__cause__ or (error.__context__ and not error.__suppress_context__):
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def endpoint(environment: os._Environ[str] | dict[str, str]) -> tuple[str | None, tuple[str, str, str] | None]:
    """Address and TLS files (ca, cert, key) of the engine; None is the platform's default socket."""
    host = environment.get("DOCKER_HOST")
    if host:
        folder = Path(environment.get("DOCKER_CERT_PATH", Path.home() / ".docker"))
        return host, tls_files(folder) if environment.get("DOCKER_TLS_VERIFY") else None
    configuration = Path(environment.get("DOCKER_CONFIG", Path.home() / ".docker"))
    name = environment.get("DOCKER_CONTEXT") or current_context(configuration)
    return context_endpoint(configuration, name) if name and name != "default" else (None, None)


def tls_files(folder: Path) -> tuple[str, str, str]:
    """The three files that the docker CLI uses."""
    return str(folder / "ca.pem"), str(folder / "cert.pem"), str(folder / "key.pem")


def current_context(configuration: Path) -> str:
    """``currentContext`` of the CLI's configuration; empty where there is none."""
    try:
        content = json.loads((configuration / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(content.get("currentContext") or "") if isinstance(content, dict) else ""


def context_endpoint(configuration: Path, name: str) -> tuple[str | None, tuple[str, str, str] | None]:
    """The endpoint of a named context. The CLI stores each in a folder named by a digest; the name is inside."""
    for meta in (configuration / "contexts" / "meta").glob("*/meta.json"):
        try:
            content = json.loads(meta.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if content.get("Name") == name:
            address = content.get("Endpoints", {}).get("docker", {}).get("Host")
            folder = configuration / "contexts" / "tls" / meta.parent.name / "docker"
            return address, tls_files(folder) if folder.is_dir() else None
    raise EngineError(f"the docker context {name!r} does not exist", ("see `docker context ls`",))
