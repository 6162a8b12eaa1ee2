"""``--harden-baseline``: waivers for all that fails now, to start with a stack that was never looked at."""

from __future__ import annotations

import datetime
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence

import pytest

from pytest_dockerharden.evaluation import Evaluation, evaluate
from pytest_dockerharden.paths import shown_path
from pytest_dockerharden.policy import Policies, Policy
from pytest_dockerharden.report.excerpt import clean
from pytest_dockerharden.request import request_of
from pytest_dockerharden.tomlfile import ConfigurationError, parse_toml
from pytest_dockerharden.verdicts import PRECONDITIONS, Result
from pytest_dockerharden.waivers import TO_DO, parse_waivers

DAYS = 90
_OWN = "dockerharden.toml"


def write_baseline(config: pytest.Config) -> int:
    """Add a waiver for each failure to the configuration that applies to its file. The exit status.

    A folder without one gets a ``dockerharden.toml``. Nothing that stands there is changed. The reasons are to be
    filled in: until that is done, they begin with :data:`~pytest_dockerharden.waivers.TO_DO`.
    """
    try:
        evaluation = evaluate(request_of(config))
    except ConfigurationError as error:
        raise pytest.UsageError(f"dockerharden: {error}") from None
    today = datetime.date.today()
    until = today + datetime.timedelta(days=DAYS)
    files: dict[str, list[str]] = {}
    for policy, block in baseline(evaluation, today, until):
        files.setdefault(policy.file or os.path.join(policy.directory, _OWN), []).append(block)
    for file, blocks in files.items():
        shown = shown_path(file, evaluation.request.start)
        _append(file, blocks, shown)
        count = f"{len(blocks)} waiver{'s' if len(blocks) > 1 else ''}"
        _print(f"{shown}: added {count} until {until}. Give each a reason, or mend what it waives and remove it.")
    if not files:
        _print("nothing to waive")
    for line in _left(evaluation):
        _print(line)
    return 0


def baseline(evaluation: Evaluation, today: datetime.date, until: datetime.date) -> Iterator[tuple[Policy, str]]:
    """One block of TOML for each failing item, and the policy that it belongs to."""
    policies = Policies(evaluation.request.top, evaluation.request.overrides)
    for result in _failing(evaluation):
        if _can_be_waived(result):
            policy = policies.of(evaluation.request.policy_folder(result.file))
            for subject in [result.subject] if result.subject == result.service else result.subjects:
                yield policy, _block(result, subject, policy, today, until)


def _failing(evaluation: Evaluation) -> Iterator[Result]:
    return (result for result in evaluation.all_results() if result.fails)


def _can_be_waived(result: Result) -> bool:
    # a reason is there where a waiver did not help: one that has expired is for a person to renew
    return result.verdict == "failed" and result.control not in PRECONDITIONS and not result.reason


def _block(result: Result, subject: str, policy: Policy, today: datetime.date, until: datetime.date) -> str:
    prefix = "tool.dockerharden." if policy.file and os.path.basename(policy.file) != _OWN else ""
    message = " ".join(result.findings[0].message.split())
    of_what = clean(subject or shown_path(result.file, policy.directory))
    lines = [f"# {of_what}: {clean(message)}", f"[[{prefix}waiver]]", f"control = {_quoted(result.control.id)}"]
    if subject:
        lines.append(f"subject = {_literal_pattern(subject)}")
    lines += [
        f"file = {_literal_pattern(shown_path(result.file, policy.directory))}",
        f'reason = "{TO_DO} say why this is acceptable, or mend it (found on {today})"',
        f"until = {until}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # a JSON string of printable text is a TOML basic string
    return json.dumps(text, ensure_ascii=False)


def _literal_pattern(text: str) -> str:
    return _quoted(re.sub(r"[*?[]", r"[\g<0>]", text))


def _append(file: str, blocks: Sequence[str], shown: str) -> None:
    try:
        text = ""
        if os.path.exists(file):
            with open(file, encoding="utf-8", newline="") as stream:
                text = stream.read()
        end = "\r\n" if "\r\n" in text else "\n"
        gap = end * (2 - text.endswith("\n")) if text else ""
        added = gap + "\n".join(blocks).replace("\n", end)
        _check(text + added, shown)
        with open(file, "a", encoding="utf-8", newline="") as stream:
            stream.write(added)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise pytest.UsageError(f"dockerharden: {shown}: the waivers cannot be added: {why}") from None


def _check(text: str, shown: str) -> None:
    """What would not be understood is not written: ``waiver = [...]`` in one line cannot be added to."""
    try:
        table = parse_toml(text, shown)
        if os.path.basename(shown) != _OWN:
            table = table["tool"]["dockerharden"]
        parse_waivers(table["waiver"], shown)
    except ConfigurationError:
        raise pytest.UsageError(
            f"dockerharden: {shown}: no waiver can be added at its end; write those that are there as [[waiver]] tables"
        ) from None


def _left(evaluation: Evaluation) -> Iterator[str]:
    left = [result for result in _failing(evaluation) if not _can_be_waived(result)]
    if left:
        yield f"{len(left)} cannot be waived so, and will fail:"
    for result in left:
        what = result.reason if result.verdict == "failed" and result.reason else ""
        what = what or (result.findings[0].message if result.findings else result.verdict)
        yield f"  {shown_path(result.file, evaluation.request.start)}: {result.name}: {what.splitlines()[0]}"


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
