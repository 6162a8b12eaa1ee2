"""Image references: ``registry/path:tag@digest``, taken apart as the engine does."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.pattern import pattern

# github.com/distribution/reference, regexp.go
_PATH = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE = pattern(
    rf"(?P<name>(?:{_DOMAIN}/)?{_PATH}(?:/{_PATH})*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?\Z",
    re.ASCII,
)
_DIGEST = pattern(r"sha256:[0-9a-f]{64}\Z|sha512:[0-9a-f]{128}\Z")
_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


@dataclass(frozen=True, slots=True)
class Reference:
    """An image reference.

    ``registry`` is ``docker.io`` where none is written, ``path`` then starts with ``library/`` for an official image.
    ``tag`` and ``digest`` are empty where they are not written. ``valid`` is False for a text that the engine refuses,
    such as a placeholder digest; the parts are then split as well as one can.
    """

    text: str
    registry: str
    path: str
    tag: str = ""
    digest: str = ""
    valid: bool = True

    @property
    def official(self) -> str:
        """The name of the official image (also through a mirror's ``library/`` path); empty for any other."""
        parent, _, name = self.path.rpartition("/")
        return name if parent == "library" or parent.endswith("/library") else ""

    @property
    def familiar(self) -> str:
        """The name as people write it: ``redis``, ``bitnami/redis``, ``gcr.io/distroless/static``."""
        if self.official:
            return self.official
        return self.path if self.registry == "docker.io" else f"{self.registry}/{self.path}"

    @property
    def pinned(self) -> bool:
        """Whether it has a digest that the engine takes: the whole length, lower-case hex."""
        return self.valid and bool(_DIGEST.match(self.digest))

    def comes_from(self, place: str) -> bool:
        """Whether ``place``, a registry with or without the beginning of a path, holds it.

        A `*` stands for no slash: `*.example.com` is not `evil.com/a.example.com`.
        """
        parts, wanted = f"{self.registry}/{self.path}".split("/"), place.rstrip("/").split("/")
        return len(parts) >= len(wanted) and all(map(fnmatchcase, parts, wanted))


@lru_cache(maxsize=1024)
def parse_reference(text: str) -> Reference:
    """Take an image reference apart. Never fails: see :attr:`Reference.valid`."""
    match = _REFERENCE.match(text)
    if match:
        name, tag, digest = match["name"], match["tag"] or "", match["digest"] or ""
    else:
        rest, _, digest = text.partition("@")
        name, colon, tag = rest.rpartition(":")
        if not colon or "/" in tag:
            name, tag = rest, ""
    registry, path = _split_name(name)
    digest_fits = not digest.startswith(("sha256:", "sha512:")) or bool(_DIGEST.match(digest))
    return Reference(text, registry, path, tag, digest, valid=bool(match) and digest_fits)


def _split_name(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        registry = "docker.io" if first in _HUB else first
    else:
        registry, rest = "docker.io", name
    if registry == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    return registry, rest
