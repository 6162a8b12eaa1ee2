"""ShellCheck's word on what RUN runs. The one program that static mode executes, and only where a project asks for it.

It gets the script on standard input, no configuration, no environment of ours, and follows no sourced file.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from pytest_dockerharden.model.build import instructions, is_windows
from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.dockerfile import Dockerfile, Heredoc, Instruction, Stage
from pytest_dockerharden.model.fact import Fact, Known, Unknown
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.shell import ShellDiagnostic

TIMEOUT = 10.0
"""Seconds for one script."""

_DIALECTS = {"sh": "sh", "bash": "bash", "ash": "busybox", "busybox": "busybox", "dash": "dash", "ksh": "ksh"}
_BUSYBOX = pattern(r"(?:.*/)?(?:alpine|busybox)(?::|@|\Z)|[^:]*:[^:]*alpine")
_SHEBANG = pattern(r"\A#!\s*(?:\S*/)?(\w+)(?:[ \t]+(\w+))?.*")
_ONLY_HEREDOC = pattern(r"<<-?[\"']?[\w.-]+[\"']?\s*\Z")
_VARIABLE = pattern(r"[A-Za-z_]\w*\Z")


class _Failure(Exception):  # noqa: N818 - a reason not to know
    pass


@dataclass(frozen=True, slots=True)
class ShellText:
    """A script whose lines and columns are those of the file, the first line being ``line``."""

    text: str
    line: int
    dialect: str


def diagnose(dockerfile: Dockerfile) -> Fact[tuple[ShellDiagnostic, ...]]:
    """What ShellCheck says of every RUN in shell form; unknown where it is not installed, or did not answer."""
    program = _program()
    if program is None:
        return Unknown("ShellCheck is not installed: pip install pytest-dockerharden[shellcheck]")
    found: list[ShellDiagnostic] = []
    try:
        for run, script in _scripts(dockerfile):
            found += _diagnostics(_ask(program, run, script), dockerfile.path, script.line)
    except _Failure as failure:
        return Unknown(str(failure))
    return Known(tuple(found), dockerfile.origin)


def _program() -> str | None:
    """The one of this Python's environment, else the one on the path."""
    own = shutil.which("shellcheck", path=os.path.dirname(sys.executable))
    found = own or shutil.which("shellcheck")
    return found if found and os.path.isabs(found) else None


def _scripts(dockerfile: Dockerfile) -> Iterator[tuple[Instruction, ShellText]]:
    lines = dockerfile.text.split("\n")
    escape = dockerfile.directives["escape"].raw if "escape" in dockerfile.directives else "\\"
    for stage in dockerfile.stages:
        for run in instructions(stage, "RUN"):
            script = None if run.form == "exec" or is_windows(stage) else _script(run, stage, lines, escape)
            if script is not None:
                yield run, script


def _script(run: Instruction, stage: Stage, lines: list[str], escape: str) -> ShellText | None:
    dialect = _dialect(run.shell[0] if run.shell else "", stage)
    if len(run.heredocs) == 1 and _ONLY_HEREDOC.match(run.text):
        body = run.heredocs[0]
        dialect = _dialect_of_body(body, dialect, stage)
        # the exports go before it, and a #! belongs on the first line
        return ShellText(_SHEBANG.sub("", body.body, count=1), body.origin.line, dialect) if dialect else None
    return ShellText("\n".join(_as_shell(run, lines, escape)), _start(run)[0], dialect) if dialect else None


def _dialect_of_body(body: Heredoc, dialect: str, stage: Stage) -> str:
    shebang = _SHEBANG.match(body.body)
    return _dialect(shebang[2] if shebang[2] and shebang[1] == "env" else shebang[1], stage) if shebang else dialect


def _dialect(program: str, stage: Stage) -> str:
    name = _DIALECTS.get(re.split(r"[\\/]", program)[-1].lower().removesuffix(".exe"), "")
    return "busybox" if name == "sh" and _BUSYBOX.match(stage.root_base() or "") else name


def _start(run: Instruction) -> tuple[int, int]:
    """Where the flags end; line and column, from 1."""
    last = run.flags[-1].origin if run.flags else run.keyword_origin
    return last.end_line, last.end_column


def _as_shell(run: Instruction, lines: list[str], escape: str) -> Iterator[str]:
    """The lines of the file; what is none of the shell's is blanked, so that every column stays."""
    first, column = _start(run)
    heredoc = run.heredocs[0].origin.line if run.heredocs else run.origin.end_line + 1
    for number in range(first, run.origin.end_line + 1):
        line = lines[number - 1].rstrip("\r")
        if number >= heredoc:
            yield line
        elif number > first and (not line.strip() or line.lstrip().startswith("#")):
            yield "\\"  # the builder drops comments and empty lines inside an instruction
        else:
            line = " " * (column - 1) + line[column - 1 :] if number == first else line
            yield _continued(line, escape)


def _continued(line: str, escape: str) -> str:
    bare = line.rstrip(" \t")
    return f"{bare[:-1]}\\" if bare.endswith(escape) else line


def _exports(run: Instruction) -> str:
    """ARG and ENV are variables of the script; one without a value is exported without."""
    given = [
        name if value is None else f"{name}={shlex.quote(value)}"
        for name, value in run.environment.items()
        if _VARIABLE.match(name) and "\n" not in (value or "")
    ]
    return f"export {' '.join(given)}" if given else ""


def _ask(program: str, run: Instruction, script: ShellText) -> list[dict[str, Any]]:
    command = [program, "--norc", f"--shell={script.dialect}", "--format=json1", "--color=never", "-"]
    text = f"{_exports(run)}\n{script.text}\n"
    environment = {"PATH": os.path.dirname(program), "LC_ALL": "C.UTF-8"}
    where = f"the RUN in line {run.origin.line}"
    try:
        answer = subprocess.run(
            command,
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            timeout=TIMEOUT,
            env=environment,
            cwd=os.path.dirname(program),
            check=False,
        )
        comments = json.loads(answer.stdout)["comments"]
    except subprocess.TimeoutExpired:
        raise _Failure(f"ShellCheck took longer than {TIMEOUT:g} s for {where}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise _Failure(f"ShellCheck gave no answer for {where}") from None
    return list(comments)


def _diagnostics(comments: list[dict[str, Any]], path: str, first: int) -> Iterator[ShellDiagnostic]:
    for comment in comments:
        line, end = comment["line"] + first - 2, comment["endLine"] + first - 2
        if line >= first:  # the line before is of our making
            place = TextOrigin(path, line, comment["column"], end, comment["endColumn"])
            yield ShellDiagnostic(f"SC{comment['code']}", comment["level"], comment["message"], place)
