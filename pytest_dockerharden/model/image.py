"""The configuration of an image, as the OCI image specification and ``docker image inspect`` give it."""

from __future__ import annotations

from dataclasses import field

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.posture import Healthcheck


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """``config`` of an image. ``users`` maps names of its /etc/passwd to (uid, gid), empty where it was not read."""

    reference: str
    user: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    exposed: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    working_dir: str = ""
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None
    digests: tuple[str, ...] = ()
    users: dict[str, tuple[int, int]] = field(default_factory=dict)
