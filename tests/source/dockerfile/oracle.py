"""What BuildKit's own parser says of a Dockerfile (through the Go binding ``dockerfile``), in our words."""

from __future__ import annotations

import json
import random
import re
from typing import Any, NamedTuple

import pytest

from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction
from pytest_dockerharden.source.dockerfile.instructions import KEYWORDS


class Seen(NamedTuple):
    """One instruction, as far as both parsers tell."""

    keyword: str
    first_line: int
    last_line: int
    exec_form: bool
    flags: tuple[str, ...]
    values: tuple[str, ...]
    heredocs: tuple[tuple[str, str], ...]


class Outdated(Exception):  # noqa: N818 - not an error
    """The binding's BuildKit took anything behind a JSON array; today's does not (line_parsers.go, parseJSON)."""


def buildkit(text: str) -> list[Seen] | None:
    """The instructions; None where BuildKit refuses the text."""
    go = pytest.importorskip("dockerfile")
    try:
        commands = go.parse_string(text)
    except go.GoParseError:
        return None
    lines = text.removeprefix("\ufeff").split("\n")
    escape = "`" if re.search(r"\A(?:\s*#\s*syntax.*\n)*\s*#\s*escape\s*=\s*`", text.lstrip("\ufeff"), re.I) else "\\"
    nothing = re.compile(rf"\s*(?:#.*|{re.escape(escape)}[ \t]*)?\r*")
    if any(c.json and not _ends_in_json(c.original) for c in commands):
        raise Outdated
    return [
        Seen(
            c.cmd.upper(),
            _with_text(lines, nothing, c.start_line, c.end_line, 1),
            c.end_line if c.heredocs else _with_text(lines, nothing, c.end_line, c.start_line, -1),
            c.json,
            tuple(c.flags),
            _told(c),
            tuple((h.name, h.content) for h in c.heredocs),
        )
        for c in commands
        if c.cmd
    ]


def _ends_in_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text[text.index("[") :]), list)
    except ValueError:
        return False


def _with_text(lines: list[str], nothing: re.Pattern[str], number: int, last: int, step: int) -> int:
    """BuildKit counts lone continuations and comments around an instruction to it; our origin spans its text."""
    while number != last and nothing.fullmatch(lines[number - 1]):
        number += step
    return number


def _told(command: Any) -> tuple[str, ...]:
    if command.cmd.upper() not in KEYWORDS:
        return ()
    if command.sub_cmd:
        return (command.sub_cmd.upper(), *(command.value if command.sub_cmd.upper() in KEYWORDS else ()))
    return tuple(command.value)


def ours(dockerfile: Dockerfile) -> list[Seen]:
    return [_seen(instruction) for instruction in dockerfile.instructions if instruction.keyword]


def _seen(instruction: Instruction) -> Seen:
    inner = instruction.nested
    return Seen(
        instruction.keyword,
        instruction.origin.line,
        instruction.origin.end_line,
        _is_exec(inner or instruction),
        # the binding tells neither flags nor heredocs of a trigger
        tuple(f"--{f.name}" + (f"={_unquoted(f.value.value)}" if f.value else "") for f in instruction.flags),
        (inner.keyword, *_values(inner)) if inner else _values(instruction),
        () if inner else tuple((heredoc.name, heredoc.body) for heredoc in instruction.heredocs),
    )


def _unquoted(value: str | None) -> str:
    return value if value is not None else "?"


def _is_exec(instruction: Instruction) -> bool:
    if instruction.keyword in {"COPY", "ADD", "VOLUME"}:
        return instruction.text.startswith("[") and all(word.raw.startswith('"') for word in instruction.words)
    return instruction.form == "exec"


def _values(instruction: Instruction) -> tuple[str, ...]:
    keyword = instruction.keyword
    if keyword not in KEYWORDS:
        return ()
    if keyword in {"ENV", "LABEL"}:
        return tuple(part.raw for pair in instruction.pairs for part in (pair.key, pair.value) if part)
    if keyword == "ARG":
        return tuple(pair.key.raw + (f"={pair.value.raw}" if pair.value else "") for pair in instruction.pairs)
    if keyword == "HEALTHCHECK":
        return _health_values(instruction)
    if keyword in {"RUN", "CMD", "ENTRYPOINT"} and instruction.form == "shell":
        return (instruction.text,) if instruction.text else ()
    if _is_exec(instruction):
        return tuple(word.text for word in instruction.words)
    return tuple(word.raw for word in instruction.words)


def _health_values(instruction: Instruction) -> tuple[str, ...]:
    kind = instruction.text.split()[0]
    if kind.upper() != "CMD":
        return tuple(instruction.text.split(None, 1))
    if instruction.form == "exec":
        return (kind, *(word.text for word in instruction.words))
    return kind, instruction.text[len(kind) :].strip()


# not stripped, not split at anything but line feeds: blanks and letters matter
INSTRUCTIONS = r"""
FROM scratch
from Base AS b
FROM --platform=linux/amd64 a:b
FROM a@sha256:0 aS X
RUN ls
RUN ["a", "b"]
RUN ['a']
RUN --mount=type=cache,target="/x y" --network=none a
RUN <<E
COPY <<A <<-"B" /x/
RUN cat <<E1 && b <<'E 2'
COPY a b
COPY --from=x --chown=a:b a b c/
ADD [ "a b" , "c" ]
ENV a=1 b="x y" c='1 2'
ENV a b c
ENV a\ b=c
ENV a=b\ c d="e\"f"
LABEL x.y="z" 'a'=b
LABEL a b
ARG X
ARG X=1 Y="2 3"
ENTRYPOINT ["a",  "b" ]
ENTRYPOINT a b
CMD []
CMD [ "a", ]
CMD ["\u00e9\n"]
EXPOSE 80 443/tcp
VOLUME ["/a", "/b"]
VOLUME /a /b
USER a:b
USER  ""
WORKDIR /a b
WORKDIR $X
STOPSIGNAL 9
SHELL ["a", "-c"]
HEALTHCHECK NONE
HEALTHCHECK --interval=5s CMD curl  x
HEALTHCHECK CMD ["a","b"]
healthcheck cmd a
MAINTAINER me <m@x>
ONBUILD RUN ls
ONBUILD COPY a b
onbuild run ["a"]
ONBUILD RUN <<E
RUN a \\
RUN echo "a <<E"
RUN a<<E
RUN <<
RUN 3<<E <<<F
RUN -- a
RUN --a --b c
RUN --x
RUN "--x" y
CMD --a b
COPY --chmod=a\ b --link c d
ENV é="ü ñ" x=日本
RUN 	  x	 y
RUN #a
RUN [ "$a" = b ] && c
RUN echo $((1<<2))
COPY [a b
RUN echo 'a
ADD "a b" c
ENV a="b
ENV a='b\' c=d
LABEL a=b c
USER a #b
""".strip("\n").split("\n")
FILLERS = [
    "",
    "# c",
    "  # c",
    "\t",
    "E",
    "A",
    "\tB",
    "B",
    "E1",
    "E 2",
    "F",
    "x",
    "#",
    " ",
    "\\",
    "RUN",
    "# escape=x",
    "  b \\",
]
DIRECTIVES = ["# escape=`", "# escape = \\", "#syntax=a/b:1", "# foo=bar", "# Escape=`", " # syntax=x", "#!x"]


def random_text(seed: int) -> str:
    """A Dockerfile in which instructions are broken, continued, indented and followed by what may be heredoc bodies."""
    dice = random.Random(seed)
    lines = [dice.choice(DIRECTIVES) for _ in range(dice.choice([0, 0, 0, 1, 2]))]
    escape = "`" if any("`" in line for line in lines) else "\\"
    for _ in range(dice.randint(1, 8)):
        lines += _broken(dice.choice(INSTRUCTIONS), escape, dice)
        lines += [dice.choice(FILLERS) for _ in range(dice.choice([0, 0, 1, 2, 4]))]
    text = dice.choice(["\n", "\n", "\r\n"]).join(lines) + dice.choice(["", "\n", "\n\n"])
    return dice.choice(["", "", "", "\ufeff"]) + text


def _broken(instruction: str, escape: str, dice: random.Random) -> list[str]:
    lines = [dice.choice(["", "", "  ", "\t"]) + instruction]
    while dice.random() < 0.3:
        at = dice.randint(0, len(lines[-1]))
        first, rest = lines[-1][:at] + escape + dice.choice(["", " ", "\t "]), lines[-1][at:]
        lines[-1:] = [first, *[dice.choice(["# in", "", "  # in"]) for _ in range(dice.choice([0, 0, 1]))], rest]
    return lines
