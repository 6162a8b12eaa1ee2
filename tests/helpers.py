"""Feed real files through the real loader, and say what a control found, where."""

from __future__ import annotations

import hashlib
import importlib
import struct
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pytest_dockerharden.assemble import Assembly, Combination, assemble
from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import Judgement, judge_dockerfile, judge_project
from pytest_dockerharden.model.origin import TextOrigin


class Hit(NamedTuple):
    """One finding: the subject it speaks of, the file (relative to the test's folder), the line, the message."""

    subject: str
    file: str
    line: int
    message: str


def imported_or_skip(name: str) -> Any:
    """A module that may be missing, or miss what it needs: for ``importorskip`` that is an error from pytest 9 on."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{name}: {error}")


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_git_index(folder: Path, names: list[str]) -> None:
    """Make ``folder`` a git checkout in which ``names`` are tracked (index format version 2)."""
    body = b"DIRC" + struct.pack(">II", 2, len(names))
    for name in sorted(names):
        path = name.encode()
        entry = bytes(40) + hashlib.sha1(path, usedforsecurity=False).digest() + struct.pack(">H", len(path)) + path
        body += entry + bytes(8 - len(entry) % 8)
    (folder / ".git").mkdir(exist_ok=True)
    (folder / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (folder / ".git/index").write_bytes(body + hashlib.sha1(body, usedforsecurity=False).digest())


def is_dockerfile(name: str) -> bool:
    return name.rsplit("/", 1)[-1].startswith("Dockerfile")


def assemble_files(
    folder: Path,
    files: dict[str, str],
    combinations: dict[str, tuple[str, ...]] | None = None,
    *,
    shellcheck: bool = False,
) -> Assembly:
    """Write ``files`` below ``folder`` and assemble them.

    Compose files are those named ``compose*.yaml``/``.yml`` or ``docker-compose*``; without ``combinations`` each is
    loaded alone. Dockerfiles are those whose name starts so.
    """
    write(folder, files)
    if combinations is None:
        names = [name for name in files if name.split("/")[-1].startswith(("compose", "docker-compose"))]
        combinations = {"" if len(names) == 1 else name: (name,) for name in names}
    return assemble(
        [Combination(tuple(str(folder / f) for f in group), name) for name, group in combinations.items()],
        [str(folder / name) for name in files if is_dockerfile(name)],
        root=str(folder),
        shellcheck=shellcheck,
    )


def judgements(
    folder: Path,
    files: dict[str, str],
    control: str,
    combinations: dict[str, tuple[str, ...]] | None = None,
    **parameters: object,
) -> list[Judgement]:
    """What ``control`` says of every subject of ``files``. A file that cannot be read is a failed test."""
    assembly = assemble_files(folder, files, combinations, shellcheck=control == "shell-scripts-pass-shellcheck")
    assert not assembly.failures, [f"{p.origin}: {p.message}" for p in assembly.failures]
    chosen = [load_all()[control]]
    settings = {control: parameters}
    found = [j for project in assembly.projects for j in judge_project(project, chosen, settings)]
    found += [j for dockerfile in assembly.dockerfiles.values() for j in judge_dockerfile(dockerfile, chosen, settings)]
    errors = [j.reason for j in found if j.verdict == "error"]
    assert not errors, errors[0]
    return found


def hits(
    folder: Path,
    files: dict[str, str],
    control: str,
    combinations: dict[str, tuple[str, ...]] | None = None,
    **parameters: object,
) -> list[Hit]:
    """The findings of ``control`` on ``files``, in the order of file and line."""
    result = []
    for judgement in judgements(folder, files, control, combinations, **parameters):
        for finding in judgement.findings:
            assert isinstance(finding.origin, TextOrigin)
            name = Path(finding.origin.file).relative_to(folder).as_posix()
            result.append(Hit(judgement.subject, name, finding.origin.line, finding.message))
    return sorted(result, key=lambda hit: (hit.file, hit.line, hit.subject))


def verdicts(folder: Path, files: dict[str, str], control: str, **parameters: object) -> dict[str, str]:
    """Verdict by subject."""
    return {j.subject: j.verdict for j in judgements(folder, files, control, **parameters)}
