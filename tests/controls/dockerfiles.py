"""Short tables of Dockerfiles: what a control finds where, and what it must leave alone."""

from __future__ import annotations

from pathlib import Path

from tests.helpers import hits

Place = tuple[str, int]


def places(folder: Path, text: str, control: str, **parameters: object) -> list[Place]:
    """Stage label (empty where the whole file is judged) and line of every finding."""
    found = hits(folder, {"Dockerfile": text}, control, **parameters)  # type: ignore[arg-type]
    return [(hit.subject, hit.line) for hit in found]


def shell(*lines: str) -> str:
    """A Dockerfile of one stage whose RUN lines start in line 2."""
    return "".join(f"{line}\n" for line in ("FROM debian:12-slim", *(f"RUN {line}" for line in lines)))
