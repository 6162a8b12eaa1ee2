"""How the shell reads what RUN says: words that split, patterns that turn into options, errors that are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_dockerharden.model.build import has_posix_shell, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Instruction, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice, insert_behind, text_edit
from pytest_dockerharden.model.shell import Command, Word

_QUOTED = pattern(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.")
_VARIABLE = pattern(r"\$(?:\{(?![#])[A-Za-z_]\w*[^{}]*\}|[A-Za-z_]\w*|[@*1-9])")
# what these do with their words is not split again, or they are meant to be split
_SPLITS_NOTHING = frozenset({"[[", "case", "export", "declare", "local", "readonly", "((", "let", "for"})
_LISTS = pattern(
    r"(?i)\$\{?\w*(opts|options|flags|args|argv|packages|pkgs|deps|list|files|extra\w*|modules|extensions|libs|tags)\b"
)
_NUMBERS = pattern(
    r"(?i)\$\{?\w*(version|ver|uid|gid|id|port|arch|platform|os|level|jobs|count|release|branch|tag)\}?\Z"
)


@control(severity="low", optional=True, equivalents={"sonar": "S6570"})
def variables_are_quoted(stage: Stage) -> Findings:
    """A variable in RUN stands in double quotes.

    Without, its value is split at blanks and its `*` becomes a list of files: `rm -rf $DIR/x` with a blank in it
    removes something else. Variables that are named as lists are meant to be split.

    Bad::

        FROM debian:12-slim
        ARG TARGET
        RUN rm -rf $TARGET  # <-

    Good::

        FROM debian:12-slim
        ARG TARGET
        ARG VERSION=1.2
        RUN rm -rf "$TARGET" && NAME=$TARGET && [[ -f $NAME ]] && make $MAKE_OPTS v$VERSION
    """
    for run in runs(stage):
        if "$" not in run.text + "".join(heredoc.body for heredoc in run.heredocs) or not has_posix_shell(run):
            continue
        for command in run.script.commands if run.form == "shell" else ():
            word = next((word for word in command.args if _is_split(command, word)), None)
            if word is not None:
                yield run.finding(f"{_name(word)} is split at blanks", advice(f'"{word.raw}"'), at=word.origin)


def _is_split(command: Command, word: Word) -> bool:
    if "$" not in word.raw or command.name in _SPLITS_NOTHING or "$()" in command.via:
        return False
    bare = _QUOTED.sub("", word.raw)
    if "$(" in bare or "`" in bare:
        return False
    found = _VARIABLE.search(bare)
    # a value that is known and has nothing to split does no harm
    harmless = word.value is not None and not re.search(r"[\s*?\[]", word.value)
    return bool(found) and not harmless and not _LISTS.search(bare) and not _NUMBERS.search(bare)


def _name(word: Word) -> str:
    found = _VARIABLE.search(_QUOTED.sub("", word.raw))
    return found[0] if found else word.raw


_TAKES_FILES = frozenset(
    {"rm", "cp", "mv", "chmod", "chown", "tar", "ls", "cat", "grep", "gzip", "zip", "sed", "cksum"}
)


@control(severity="low", optional=True, equivalents={"sonar": "S6573"})
def file_patterns_are_no_options(stage: Stage) -> Findings:
    """A pattern for file names does not begin with a wildcard.

    A file named `-rf` that `*` finds is an option to the command. `./*` or `--` in front makes it a name again.

    Bad::

        FROM debian:12-slim
        RUN rm *  # <-

    Good::

        FROM debian:12-slim
        RUN rm ./* && rm -- * && rm -rf /tmp/* && echo * && find . -name '*.pyc'
    """
    for run in runs(stage):
        if not re.search(r"\s[*?]", run.text + "".join(heredoc.body for heredoc in run.heredocs)):
            continue
        for command in run.script.commands if run.form == "shell" else ():
            if command.name in _TAKES_FILES and _begins_with_wildcard(command):
                yield run.finding(
                    f"a file name may be an option of {command.name}", _anchored(command), at=command.origin
                )


def _begins_with_wildcard(command: Command) -> bool:
    return bool(_wildcards(command))


def _wildcards(command: Command) -> list[Word]:
    """The words that begin with one, up to a ``--``."""
    found = []
    for word in command.args:
        if word.raw == "--":
            break
        if re.match(r"[*?]", word.raw) and not (command.name in {"grep", "sed", "tar"} and word is command.args[0]):
            found.append(word)
    return found


def _anchored(command: Command) -> Remedy:
    edits = tuple(text_edit(word, f"./{word.raw}") for word in _wildcards(command))
    return Remedy("./*", edits, "safe")


_POWERSHELL = frozenset({"powershell", "pwsh"})


def _powershell_runs(stage: Stage) -> Iterator[tuple[Instruction, str]]:
    """The RUNs that PowerShell reads, and all that it is told there."""
    for run in runs(stage):
        shell = re.split(r"[\\/]", run.shell[0])[-1].lower().removesuffix(".exe") if run.shell else ""
        text = run.text + "".join(heredoc.body for heredoc in run.heredocs)
        if shell in _POWERSHELL and run.form == "shell":
            yield run, " ".join([*run.shell[1:], text])
        elif re.match(r"(?i)(powershell|pwsh)(\.exe)?\s+(.*\s)?-c", text):
            yield run, text


@control(severity="low", optional=True, equivalents={"tally": "tally/powershell/error-action-preference"})
def powershell_stops_at_errors(stage: Stage) -> Findings:
    """PowerShell in RUN stops at the first error.

    It goes on by default: the step succeeds when its last command does, and what failed before is missing from the
    image.

    Bad::

        FROM mcr.microsoft.com/windows/servercore:ltsc2022
        SHELL ["powershell", "-Command"]
        RUN Invoke-WebRequest https://example.com/x.zip -OutFile x.zip; Expand-Archive x.zip  # <-

    Good::

        FROM mcr.microsoft.com/windows/servercore:ltsc2022
        SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue';"]
        RUN Invoke-WebRequest https://example.com/x.zip -OutFile x.zip; Expand-Archive x.zip
    """
    found = list(_powershell_runs(stage))
    if not found:
        not_applicable("PowerShell runs nothing")
    for run, text in found:
        several = ";" in run.text or "\n" in run.text or run.heredocs
        if several and not re.search(r"(?i)\$ErrorActionPreference\s*=\s*[\"']?Stop", text):
            yield run.finding("an error does not end the step", advice("$ErrorActionPreference = 'Stop';"))


@control(severity="info", optional=True, equivalents={"tally": "tally/powershell/progress-preference"})
def powershell_shows_no_progress(stage: Stage) -> Findings:
    """PowerShell draws no progress bar for a download in RUN.

    Nobody sees it, and in Windows PowerShell it makes `Invoke-WebRequest` many times slower.

    Bad::

        FROM mcr.microsoft.com/windows/servercore:ltsc2022
        SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]
        RUN Invoke-WebRequest https://example.com/x.zip -OutFile x.zip  # <-

    Good::

        FROM mcr.microsoft.com/windows/servercore:ltsc2022
        SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue';"]
        RUN Invoke-WebRequest https://example.com/x.zip -OutFile x.zip
    """
    for run, text in _powershell_runs(stage):
        downloads = re.search(
            r"(?i)\b(invoke-webrequest|iwr|invoke-restmethod|irm|expand-archive|start-bitstransfer)\b", text
        )
        if downloads and not re.search(r"(?i)\$ProgressPreference\s*=\s*[\"']?SilentlyContinue", text):
            yield run.finding(
                "a progress bar slows the download down", advice("$ProgressPreference = 'SilentlyContinue';")
            )


@control(severity="info", optional=True, equivalents={"tally": "tally/powershell/prefer-shell-instruction"})
def powershell_is_named_once(stage: Stage) -> Findings:
    """PowerShell is set by SHELL, not started by each RUN.

    Each `powershell -Command` is a shell in a shell with a quoting of its own, and each has its own settings.

    Bad::

        FROM mcr.microsoft.com/windows/servercore:ltsc2022
        RUN powershell -Command Get-Process  # <-
        RUN powershell -Command Get-Service  # <-

    Good::

        FROM mcr.microsoft.com/windows/servercore:ltsc2022
        SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]
        RUN Get-Process
        RUN Get-Service
    """
    found = [run for run in runs(stage) if re.match(r"(?i)(powershell|pwsh)(\.exe)?\s", run.text)]
    for run in found if len(found) > 1 else ():
        yield run.finding("each RUN starts PowerShell", advice('SHELL ["powershell", "-Command"]'))


_OFFLINE: tuple[tuple[str, str], ...] = (
    ("bundle", r"(install\b.*--local|install\b.*--prefer-local)"),
    ("pip", r"install\b.*--no-index"),
    ("npm", r"(ci|install)\b.*--offline"),
    ("pnpm", r"install\b.*--offline"),
    ("yarn", r"(install\b)?.*--offline"),
    ("cargo", r"(build|install|fetch)\b.*--(offline|frozen)"),
    ("go", r"build\b.*-mod=vendor"),
    ("mvn", r"(-o\b|.*\s-o\b|.*--offline)"),
)
_OFFLINE_PATTERNS = tuple((name, pattern(rest)) for name, rest in _OFFLINE)
_OFFLINE_HINT = pattern(r"--local|--prefer-local|--no-index|--offline|--frozen|-mod=vendor|mvn")


@control(severity="low", optional=True, equivalents={"tally": "tally/ruby/prefer-network-none-install"})
def offline_steps_have_no_network(stage: Stage) -> Findings:
    """A step that installs from what is there has no network.

    `--network=none` proves that nothing else is fetched, and leaves the install scripts of packages nobody to call.

    Bad::

        FROM ruby:3.4-slim
        RUN bundle install --local  # <-

    Good::

        FROM ruby:3.4-slim
        RUN --network=none bundle install --local
        RUN cargo build --frozen && curl -fsS https://example.com/x
    """
    for run in runs(stage):
        if run.flag("network") is not None or not _OFFLINE_HINT.search(run.text):
            continue
        commands = run.script.commands
        offline = [command for command in commands if _is_offline(command)]
        if offline and len(offline) == len([c for c in commands if c.name not in {"cd", "rm", "mkdir", "echo", "set"}]):
            remedy = insert_behind(
                run.keyword_origin, " --network=none", text="RUN --network=none", breaks="a step that fetches after all"
            )
            yield run.finding(f"{offline[0].name} needs no network", remedy, at=offline[0].origin)


def _is_offline(command: Command) -> bool:
    rest = " ".join(plain(word) for word in command.args)
    return any(command.name == name and found.match(rest) for name, found in _OFFLINE_PATTERNS)
