"""The engine to use, as the docker CLI finds it: DOCKER_HOST, the current context, or a socket of this machine."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_dockerharden.stack.errors import EngineError

if TYPE_CHECKING:
    import docker

TIMEOUT = 60
DEFAULT_SOCKET = "/var/run/docker.sock"
HINTS = ("start the engine, set DOCKER_HOST, or run with --harden-engine private (root, dockerd on PATH)",)


@dataclass(frozen=True, slots=True)
class TLS:
    """Files of a TLS connection, empty where absent. Without ``verify`` the engine's certificate is not looked at."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True

    @classmethod
    def of(cls, folder: Path, verify: bool = True) -> TLS:
        """The three files that the docker CLI uses, those that are there."""
        ca, cert, key = (str(path) if path.is_file() else "" for path in map(folder.joinpath, FILES))
        return cls(ca, cert, key, verify)


FILES = ("ca.pem", "cert.pem", "key.pem")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine answers. An empty address is the platform's default."""

    address: str = ""
    tls: TLS | None = None

    @property
    def remote(self) -> bool:
        """Whether the engine is on another machine, which does not see the files of this one."""
        url = urlsplit(self.address)
        return url.scheme in ("tcp", "http", "https", "ssh") and url.hostname not in ("localhost", "127.0.0.1", "::1")


def connect(host: str | Endpoint | None = None, timeout: float = TIMEOUT) -> docker.DockerClient:
    """A client of a reachable engine. Raises EngineError with what to do.

    The API version is negotiated; ``timeout`` in seconds bounds every single answer, so that nothing hangs.
    """
    try:
        import docker
        from docker.errors import DockerException
    except ImportError as missing:
        raise EngineError(
            "live mode needs the Docker SDK", ("install it: pip install 'pytest-dockerharden[live]'",)
        ) from missing
    chosen = host if isinstance(host, Endpoint) else Endpoint(host) if host else endpoint(os.environ)
    try:
        try_socket(chosen.address or f"unix://{DEFAULT_SOCKET}")
        # "auto" asks the engine for its version: a client that is made is connected
        return docker.DockerClient(
            base_url=chosen.address or None, version="auto", timeout=int(timeout), tls=tls_config(chosen.tls)
        )
    except (DockerException, OSError, ValueError) as error:
        shown = chosen.address or "the default socket"
        raise EngineError(f"no Docker Engine answers at {shown}: {reason(error)}", HINTS) from None


def try_socket(address: str) -> None:
    """Raises OSError. The SDK leaves a socket behind that it could not connect, and Python warns of it."""
    if address.startswith("unix://") and hasattr(socket, "AF_UNIX"):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(address.removeprefix("unix://"))


def tls_config(tls: TLS | None) -> Any:
    """The SDK's form of it."""
    if tls is None:
        return False
    from docker.tls import TLSConfig

    pair = (tls.cert, tls.key) if tls.cert and tls.key else None
    return TLSConfig(client_cert=pair, ca_cert=tls.ca or None, verify=tls.verify)


def endpoint_of(client: docker.DockerClient) -> Endpoint:
    """Where a client is connected to, for another process: the SDK writes a socket as ``http+docker://localhost``."""
    api: Any = client.api
    adapter = getattr(api, "_custom_adapter", None)
    for attribute, scheme in (("socket_path", "unix"), ("npipe_path", "npipe"), ("ssh_host", "ssh")):
        path = getattr(adapter, attribute, None)
        if path:
            return Endpoint(path if "://" in path else f"{scheme}://{path}")
    if str(api.base_url).startswith("https://"):
        cert, key = api.cert or ("", "")
        ca = api.verify if isinstance(api.verify, str) else ""
        return Endpoint(str(api.base_url).replace("https://", "tcp://", 1), TLS(ca, cert, key, bool(api.verify)))
    return Endpoint(str(api.base_url).replace("http://", "tcp://", 1))


def reason(error: BaseException) -> str:
    """The innermost cause on one line: the SDK wraps socket errors three times."""
    while error.__cause__ or (error.__context__ and not error.__suppress_context__):
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def endpoint(environment: Mapping[str, str]) -> Endpoint:
    """The one that the environment and the docker CLI's configuration name. Raises EngineError for a wrong context."""
    home = Path(environment.get("HOME") or Path.home())
    configuration = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    host = environment.get("DOCKER_HOST")
    if host:
        folder = Path(environment.get("DOCKER_CERT_PATH") or configuration)
        return Endpoint(host, TLS.of(folder) if environment.get("DOCKER_TLS_VERIFY") else None)
    name = environment.get("DOCKER_CONTEXT") or current_context(configuration)
    if name and name != "default":
        return context_endpoint(configuration, name)
    return Endpoint(default_socket(environment, home))


def default_socket(environment: Mapping[str, str], home: Path) -> str:
    """Empty is the SDK's default. Where that is missing, an engine without root or Docker Desktop may answer."""
    if os.path.exists(DEFAULT_SOCKET):
        return ""
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}" if hasattr(os, "getuid") else ""
    for path in (Path(runtime) / "docker.sock", home / ".docker" / "run" / "docker.sock"):
        if path.is_socket():
            return f"unix://{path}"
    return ""


def current_context(configuration: Path) -> str:
    """``currentContext`` of the CLI's configuration; empty where there is none."""
    content = read_json(configuration / "config.json")
    return str(content.get("currentContext") or "")


def context_endpoint(configuration: Path, name: str) -> Endpoint:
    """The endpoint of a named context. The CLI stores each in a folder named by a digest; the name is inside."""
    for meta in (configuration / "contexts" / "meta").glob("*/meta.json"):
        content = read_json(meta)
        if content.get("Name") == name:
            settings = (content.get("Endpoints") or {}).get("docker") or {}
            folder = configuration / "contexts" / "tls" / meta.parent.name / "docker"
            tls = TLS.of(folder, not settings.get("SkipTLSVerify")) if folder.is_dir() else None
            return Endpoint(settings.get("Host") or "", tls)
    raise EngineError(f"the docker context {name!r} does not exist", ("see `docker context ls`",))


def read_json(path: Path) -> dict[str, Any]:
    """Empty where there is no file, or no mapping in it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
