"""Secrets of a project, so that nothing a container or the engine says of them is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_dockerharden.model.project import Project
from pytest_dockerharden.model.secrets import MASK, is_secret_name

# what is shorter is a word of the language as likely as a secret
_SHORTEST = 6
_LONGEST = 1 << 16


class Secrecy:
    """Knows the values of secret variables and secret files of a project; never shows them."""

    def __init__(self, project: Project | None) -> None:
        found = {value.strip() for value in _values(project) if len(value.strip()) >= _SHORTEST} if project else set()
        # a longer one may contain a shorter one
        self._values = sorted(found, key=len, reverse=True)

    def masked(self, text: str) -> str:
        """The text without them."""
        for value in self._values:
            text = text.replace(value, MASK)
        return text


def _values(project: Project) -> Iterator[str]:
    for service in project.services.values():
        environment = service.posture.environment.get({}) if service.posture else {}
        for name, variable in environment.items():
            if variable.value and is_secret_name(name):
                yield variable.value
    for secret in project.secrets.values():
        declared = secret.plain()
        if isinstance(declared.get("content"), str):
            yield declared["content"]
        if isinstance(declared.get("file"), str):
            yield from _lines(Path(declared["file"]))


def _lines(path: Path) -> Iterator[str]:
    try:
        if path.is_file() and path.stat().st_size <= _LONGEST:
            yield from path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
