"""What ShellCheck says of the scripts in a Dockerfile."""

from __future__ import annotations

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Dockerfile
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.remedies import advice

_LEVELS = ("style", "info", "warning", "error")


@control(severity="low", equivalents={"hadolint": "SCxxxx", "tally": "shellcheck/SCxxxx"})
def shell_scripts_pass_shellcheck(
    dockerfile: Dockerfile, *, severity: str = "info", ignore: tuple[str, ...] = ("SC1090", "SC1091")
) -> Findings:
    """What RUN runs passes ShellCheck.

    Scripts go wrong in ways that nobody sees: a variable that splits, a `cd` that fails, a test that is always true.
    Applied where `shellcheck = true` is configured: ShellCheck is a program, and static mode executes none unasked.
    `severity` is the level from which its diagnostics count, `ignore` has the codes that do not.

    Bad::

        FROM debian:12-slim
        RUN target=$(cat /etc/target) && \\
            # where it goes
            rm -r $target/cache  # <-

    Good::

        FROM debian:12-slim
        RUN target=$(cat /etc/target) && \\
            rm -r "${target:?}/cache"
    """
    if dockerfile.shell_diagnostics is None:
        not_applicable("shellcheck is not switched on")
    for said in dockerfile.shell_diagnostics.value:
        if said.code not in ignore and _LEVELS.index(said.level) >= _LEVELS.index(severity):
            yield dockerfile.finding(
                f"{said.code}: {said.message}",
                advice(f"see https://www.shellcheck.net/wiki/{said.code}"),
                at=said.origin,
            )
