"""Whether a healthcheck can say no."""

from __future__ import annotations

from pytest_dockerharden.model.shell import Command, Script

_ALWAYS_TRUE = frozenset({"true", ":", "echo", "printf"})
_PASSES_ON = frozenset({"cat", "tee", "head", "tail", "sort", "wc", "less", "more"})
_BRANCHES = frozenset({"if", "while", "until", "for", "case", "function"})
_REDIS = ("redis-cli", "valkey-cli")


def never_fails(script: Script) -> str | None:
    """Why a check succeeds whatever happens; None where it can fail or one cannot tell."""
    commands = [command for command in script.commands if "$()" not in command.via and not _is_wrapper(command, script)]
    if not commands or not script.complete or any(_BRANCHES.intersection(command.via) for command in commands):
        return None
    last = commands[-1]
    before = commands[-2] if len(commands) > 1 else None
    if _succeeds(last) and (before is None or before.connector != "&&") and not _gives_up(commands[:-1]):
        if before is not None and before.connector == "||":
            return f"`|| {_short(last)}` turns every failure into success"
        return f"`{_short(last)}` always succeeds"
    if before is not None and before.connector == "|" and last.name in _PASSES_ON:
        return f"the status is that of `{last.name}`, which always succeeds"
    for command in commands:
        reason = _says_nothing(command, script)
        if reason is not None and _decides(command, commands):
            return reason
    return None


def redis_ping_accepts_refusal(script: Script, *, authenticated_only: bool = False) -> str | None:
    """Why a `redis-cli ping` succeeds although the server refuses it: it exits 0 on NOAUTH and WRONGPASS."""
    for command in script.run(*_REDIS):
        pings = any(word.text.lower() == "ping" for word in command.args)
        if not pings or command.has("-e") or command.connector == "|" or "$()" in command.via:
            continue
        if not authenticated_only or command.has("-a", "--pass", "--askpass"):
            return f"`{command.name} ping` succeeds when it is refused (NOAUTH)"
    return None


def _is_wrapper(command: Command, script: Script) -> bool:
    """``sh -c`` itself stands before what it runs."""
    wrapper = f"{command.name} -c"
    return any(wrapper in inner.via or command.name in inner.via for inner in script.commands if inner is not command)


def _succeeds(command: Command) -> bool:
    if command.name in {"exit", "return"}:
        return bool(command.args) and command.args[0].text == "0"
    return command.name in _ALWAYS_TRUE


def _gives_up(commands: list[Command]) -> bool:
    """Whether an earlier command can end the script with a failure."""
    return any(
        (command.name in {"exit", "return"} and not _succeeds(command))
        or (
            command.name == "set" and any(word.text.startswith("-e") or word.text == "errexit" for word in command.args)
        )
        for command in commands
    )


def _short(command: Command) -> str:
    return (
        " ".join(word.text for word in command.words[:2])[:20] if command.name in {"exit", "return"} else command.name
    )


def _decides(command: Command, commands: list[Command]) -> bool:
    """Whether its status is that of the check: it stands alone, or only ``|| exit N`` follows."""
    others = [other for other in commands if other is not command and other.pipeline != command.pipeline]
    return all(other.name in {"exit", "return", "true", ":"} for other in others)


def _says_nothing(command: Command, script: Script) -> str | None:
    """Programs that succeed in a broken service as well."""
    words = [word.text for word in command.args]
    if command.name == "certbot" and "certificates" in words:
        return "`certbot certificates` succeeds without a certificate"
    if command.name == "kill" and words == ["-0", "1"]:
        return "`kill -0 1` always succeeds: process 1 is the container"
    if words and words[-1] in {"--version", "--help"} and len(words) == 1:
        return f"`{command.name} {words[0]}` asks nothing of the service"
    if command.name == "ps" and command.connector == "|":
        return _finds_itself(command, script)
    return None


def _finds_itself(command: Command, script: Script) -> str | None:
    """``ps | grep celery`` finds the shell that runs it; ``[c]elery`` and ``grep -v grep`` are the known ways out."""
    following = [other for other in script.commands if other.pipeline == command.pipeline and other is not command]
    patterns = [other for other in following if other.name in {"grep", "egrep"}]
    if not patterns or any(other.has("-v") for other in patterns):
        return None
    if any("[" in word.text for word in patterns[0].args) or command.has("-o", "-C", "-p"):
        return None
    return "`ps | grep` finds itself"
