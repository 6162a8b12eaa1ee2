"""``--harden-baseline``: waivers for all that fails now, to start with a stack that was never looked at."""

from __future__ import annotations

import datetime
import json
import os
import sys
from collections.abc import Iterator

import pytest

from pytest_dockerharden.evaluation import Evaluation, evaluate
from pytest_dockerharden.paths import shown_path
from pytest_dockerharden.policy import Policies
from pytest_dockerharden.request import request_of
from pytest_dockerharden.tomlfile import ConfigurationError
from pytest_dockerharden.verdicts import READABLE, WAIVER, Result

DAYS = 90


def show_baseline(config: pytest.Config) -> int:
    """Print the waivers; the exit status. A reason is left to be filled in: an empty one is refused when read."""
    try:
        evaluation = evaluate(request_of(config))
    except ConfigurationError as error:
        raise pytest.UsageError(f"dockerharden: {error}") from None
    until = datetime.date.today() + datetime.timedelta(days=DAYS)
    blocks = list(baseline(evaluation, until))
    sys.stdout.write("\n".join(blocks) if blocks else "# nothing fails\n")
    return 0


def baseline(evaluation: Evaluation, until: datetime.date) -> Iterator[str]:
    """One block of TOML for each failing item. Files that cannot be read are not waived."""
    request = evaluation.request
    policies = Policies(request.top, request.overrides)
    for result in evaluation.all_results():
        if result.verdict == "failed" and not result.tolerated and result.control not in (READABLE, WAIVER):
            policy = policies.of(os.path.dirname(result.file))
            own_file = os.path.basename(policy.file or "dockerharden.toml") == "dockerharden.toml"
            prefix = "" if own_file else "tool.dockerharden."
            for subject in [result.subject] if result.subject == result.service else result.subjects:
                yield _block(prefix, result, subject, policy.directory, until)


def _block(prefix: str, result: Result, subject: str, directory: str, until: datetime.date) -> str:
    lines = [f"# {result.findings[0].message}", f"[[{prefix}waiver]]", f"control = {_quoted(result.control.id)}"]
    if subject:
        lines.append(f"subject = {_quoted(subject)}")
    lines += [
        f"file = {_quoted(shown_path(result.file, directory))}",
        'reason = ""  # say why this is acceptable',
        f"until = {until.isoformat()}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # a JSON string of printable text is a TOML basic string
    return json.dumps(text, ensure_ascii=False)
