"""One service, a few lines of it: what a control for postures says."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

from tests.helpers import Hit, hits, verdicts


def stack(body: str, rest: str = "") -> str:
    """A compose file with one service ``web``: its lines start at line 3, or at 4 where ``image: app`` is added."""
    text = dedent(body).strip("\n")
    image = "" if any(line.startswith(("image:", "build:")) for line in text.splitlines()) else "    image: app\n"
    return f"services:\n  web:\n{image}{indent(text, '    ')}\n{rest}"


def found(folder: Path, control: str, body: str, rest: str = "", **parameters: object) -> list[tuple[int, str]]:
    """Line and message of each finding on ``web``. All of them are in the compose file."""
    result = hits(folder, {"compose.yaml": stack(body, rest)}, control, **parameters)
    return [(hit.line, hit.message) for hit in result if hit.subject == "web" and hit.file == "compose.yaml"]


def verdict(folder: Path, control: str, body: str, rest: str = "", **parameters: object) -> str:
    return verdicts(folder, {"compose.yaml": stack(body, rest)}, control, **parameters)["web"]


def in_files(folder: Path, control: str, compose: str, **files: str) -> list[Hit]:
    """The findings on a compose file beside others; ``Dockerfile`` is one of them."""
    texts = {"compose.yaml": dedent(compose), **{name: dedent(text) for name, text in files.items()}}
    return hits(folder, texts, control)
