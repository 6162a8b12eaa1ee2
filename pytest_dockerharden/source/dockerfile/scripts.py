"""What the shell form of RUN, CMD, ENTRYPOINT and HEALTHCHECK runs: heredocs put together as BuildKit does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pytest_dockerharden.model.dockerfile import Heredoc
from pytest_dockerharden.model.shell import Script
from pytest_dockerharden.source.places import Piece, Places
from pytest_dockerharden.source.shell import is_shell, parse, unread

_ONE_HEREDOC = re.compile(r"\d*<<-?[^<\s]+")
_SHEBANG = re.compile(r"#![ \t]*(\S+)(?:[ \t]+(\S+))?")


def parse_shell_form(
    text: str,
    places: Places,
    heredocs: Sequence[Heredoc],
    shell: Sequence[str],
    environment: Mapping[str, str | None],
) -> Script:
    """The script; incomplete and empty where something other than a POSIX shell reads it."""
    if heredocs and _ONE_HEREDOC.fullmatch(text.strip()):
        return _body_alone(heredocs[0], places, shell, environment)
    if not is_shell(shell[0] if shell else ""):
        return unread(text, places)
    if heredocs:
        text, places = _with_bodies(text, places, heredocs)
    return parse(text, places, environment)


def _body_alone(
    heredoc: Heredoc, places: Places, shell: Sequence[str], environment: Mapping[str, str | None]
) -> Script:
    """``RUN <<EOF``: the body is the script, or a file with its own interpreter."""
    body, places = _body(heredoc, places.file)
    shebang = _SHEBANG.match(body)
    interpreter = shell[0] if shell else ""
    if shebang:
        interpreter = shebang[2] or "" if shebang[1].endswith("/env") else shebang[1]
    return parse(body, places, environment) if is_shell(interpreter) else unread(body, places)


def _body(heredoc: Heredoc, file: str) -> tuple[str, Places]:
    lines = heredoc.body.split("\n")
    pieces: list[Piece] = [(0, heredoc.origin.line, 1)]
    kept: list[str] = []
    offset = 0
    for number, line in enumerate(lines, heredoc.origin.line):
        content = line.lstrip("\t") if heredoc.chomp else line
        pieces.append((offset, number, len(line) - len(content) + 1))
        kept.append(content)
        offset += len(content) + 1
    return "\n".join(kept), Places(file, pieces)


def _with_bodies(text: str, places: Places, heredocs: Sequence[Heredoc]) -> tuple[str, Places]:
    """``RUN cat <<A >x && sh <<B``: the bodies follow the command line, as a shell wants them."""
    pieces = places.pieces(len(text))
    for heredoc in heredocs:
        text += "\n"
        for number, line in enumerate(heredoc.body.split("\n")[:-1], heredoc.origin.line):
            pieces.append((len(text), number, 1))
            text += line + "\n"
        pieces.append((len(text), heredoc.origin.end_line + 1, 1))
        text += heredoc.name
    return text, Places(places.file, pieces)
