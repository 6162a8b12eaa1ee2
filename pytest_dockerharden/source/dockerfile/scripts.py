"""What the shell form of RUN, CMD, ENTRYPOINT and HEALTHCHECK runs: heredocs put together as BuildKit does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pytest_dockerharden.model.dockerfile import Heredoc
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.shell import Script
from pytest_dockerharden.source.dockerfile.words import HEREDOC, SHELL_WORD
from pytest_dockerharden.source.places import Piece, Places
from pytest_dockerharden.source.shell import is_shell, parse, unread

_ONE_HEREDOC = pattern(r"\d*<<-?[^<\s]+")
_SHEBANG = pattern(r"#![ \t]*(\S+)(?:[ \t]+(\S+))?")


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
    if not any(is_shell(word) for word in shell):
        return unread(text, places)
    return (
        parse(*_without_operators(text, places, heredocs, environment))
        if heredocs
        else parse(text, places, environment)
    )


def _without_operators(
    text: str, places: Places, heredocs: Sequence[Heredoc], environment: Mapping[str, str | None]
) -> tuple[str, Places, Mapping[str, str | None], dict[int, tuple[str, Places, bool]]]:
    """``RUN cat <<A >x && sh <<B``: each ``<<`` becomes a plain ``<``, its body goes along by its offset.

    The shell grammar knows one heredoc a line.
    """
    bodies = {}
    found = [match for match in SHELL_WORD["\\"].finditer(text) if HEREDOC.fullmatch(match[0])]
    for match, heredoc in zip(found, heredocs, strict=False):
        operator = re.sub(r"<<-?", lambda o: "<" + " " * (len(o[0]) - 1), match[0], count=1)
        text = text[: match.start()] + operator + text[match.end() :]
        bodies[match.start()] = (*_body(heredoc, places.file), heredoc.expand)
    return text, places, environment, bodies


def _body_alone(
    heredoc: Heredoc, places: Places, shell: Sequence[str], environment: Mapping[str, str | None]
) -> Script:
    """``RUN <<EOF``: the body is the script, or a file with its own interpreter."""
    body, places = _body(heredoc, places.file)
    shebang = _SHEBANG.match(body)
    interpreter = list(shell)
    if shebang:
        interpreter = [shebang[2] or "" if shebang[1].endswith("/env") else shebang[1]]
    return parse(body, places, environment) if any(map(is_shell, interpreter)) else unread(body, places)


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
