"""Programs that run another program: where in their arguments that one begins."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_dockerharden.model.pattern import pattern

SHELLS = frozenset(["sh", "bash", "ash", "dash", "zsh", "ksh", "mksh"])

# The options that take the next word as their value, and how many further words stand before the command.
_WRAPPERS: dict[str, tuple[frozenset[str], int]] = {
    name: (frozenset(options.split()), count)
    for name, options, count in (
        ("sudo", "-u -g -h -p -C -T -r -t -U -D -R --user --group --host --prompt --chdir", 0),
        ("doas", "-u -C", 0),
        ("env", "-u -C --unset --chdir", 0),
        ("exec", "-a", 0),
        ("command", "", 0),
        ("builtin", "", 0),
        ("time", "-f -o --format --output", 0),
        ("nohup", "", 0),
        ("nice", "-n --adjustment", 0),
        ("ionice", "-c -n -p", 0),
        ("timeout", "-s -k --signal --kill-after", 1),
        ("stdbuf", "-i -o -e", 0),
        ("setsid", "", 0),
        ("xargs", "-I -i -n -P -L -d -E -s -a --max-args --max-procs --delimiter --arg-file --replace", 0),
        ("chroot", "", 1),
        ("gosu", "", 1),
        ("su-exec", "", 1),
        ("setpriv", "--reuid --regid --groups --inh-caps --bounding-set --ambient-caps --securebits", 0),
        ("tini", "-p -e", 0),
        ("dumb-init", "-r --rewrite", 0),
        ("busybox", "", 0),
        ("eatmydata", "", 0),
        ("chpst", "-u -U -b -d -m -o -p -f -c -r -t", 0),
        ("flock", "-w -E --timeout", 1),
        ("unshare", "", 0),
    )
}
_RUNNERS = SHELLS | _WRAPPERS.keys() | {"su", "runuser", "eval", "find"}
_FIND_RUNS = frozenset(["-exec", "-execdir", "-ok", "-okdir"])
_ASSIGNMENT = pattern(r"[A-Za-z_]\w*\+?=")
_SHELL_OPTION_WITH_VALUE = ("-o", "+o", "-O", "+O", "--rcfile", "--init-file")


def base_name(program: str) -> str:
    """``sh`` for ``/bin/sh``."""
    return program.rsplit("/", 1)[-1]


def is_shell(program: str) -> bool:
    """Whether a program reads POSIX shell text."""
    return base_name(program).removesuffix(".exe") in SHELLS


def may_run_another(program: str) -> bool:
    """Whether it is worth a look at its arguments."""
    return program in _RUNNERS


def inner_command(words: Sequence[str]) -> int | None:
    """Where the wrapped command begins in a command such as ``sudo -u app cmd``; None where nothing is wrapped."""
    if words and base_name(words[0]) == "find":
        return next((i + 1 for i, word in enumerate(words[:-1]) if word in _FIND_RUNS), None)
    wrapper = _WRAPPERS.get(base_name(words[0])) if words else None
    if wrapper is None:
        return None
    options, count = wrapper
    index, skip = 1, count
    while index < len(words):
        word = words[index]
        if word == "--":
            index += 1
            break
        if word[:1] == "-" and len(word) > 1:
            index += 2 if word in options else 1
        elif _ASSIGNMENT.match(word) and base_name(words[0]) in ("env", "sudo", "doas"):
            index += 1
        elif skip:
            index, skip = index + 1, skip - 1
        else:
            break
    return index if index < len(words) else None


def inline_script(words: Sequence[str]) -> int | None:
    """Which word of ``sh -c 'text'`` (or ``su -c``, or ``eval``) is shell text."""
    name = base_name(words[0]) if words else ""
    if name == "eval":
        return 1 if len(words) == 2 else None
    if name in ("su", "runuser"):
        return next((i + 1 for i, word in enumerate(words[:-1]) if word in ("-c", "--command")), None)
    if name not in SHELLS:
        return None
    index, found = 1, False
    while index < len(words) and words[index][:1] in ("-", "+") and len(words[index]) > 1:
        word = words[index]
        found = found or (word[0] == "-" and word[1] != "-" and "c" in word)
        takes_value = word in _SHELL_OPTION_WITH_VALUE or (word[1] != "-" and word[-1] in "oO")
        index += 2 if takes_value else 1
    return index if found and index < len(words) else None


def reads_standard_input(words: Sequence[str]) -> bool:
    """Whether it is a shell that takes its script from a heredoc: ``sh``, ``bash -ex``, ``bash -s``."""
    if not words or base_name(words[0]) not in SHELLS:
        return False
    return (
        all(word[:1] in ("-", "+") for word in words[1:] if word not in ("pipefail",)) and inline_script(words) is None
    )
