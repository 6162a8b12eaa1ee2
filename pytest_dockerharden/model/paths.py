"""Absolute paths in a container or on its host, compared as the kernel would see them."""

from __future__ import annotations

from functools import lru_cache
from posixpath import normpath


@lru_cache(maxsize=2048)
def real(path: str) -> str:
    """The clean path, with the one link that every distribution has followed: /var/run is /run."""
    clean = normpath(path)
    clean = clean[1:] if clean.startswith("//") else clean
    return clean[4:] if clean == "/var/run" or clean.startswith("/var/run/") else clean


def covers(directory: str, path: str) -> bool:
    """Whether ``path`` is ``directory`` or lies below it."""
    directory, path = real(directory), real(path)
    return path == directory or directory == "/" or path.startswith(f"{directory}/")
