"""Whether the healthcheck fails where the service does not run: its own command, beside an idle first process."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import TYPE_CHECKING, Any

from pytest_dockerharden.model.drill import HealthcheckOutcome
from pytest_dockerharden.observe.shell import NOT_EXECUTABLE, NOT_FOUND, ProbeDidNotRun

if TYPE_CHECKING:
    import docker

SHELL = ("/bin/sh", "-c")
# the engine's own (daemon/health.go), in seconds
DEFAULT_TIMEOUT = 30.0


def command_of(inspected: dict[str, Any]) -> list[str] | None:
    """The words that the engine runs for the healthcheck; None where there is none."""
    config = inspected["Config"]
    test = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    if test[0] == "CMD-SHELL":
        return [*(config.get("Shell") or SHELL), *test[1:]]
    return list(test[1:]) if test[0] == "CMD" else None


def healthcheck(
    client: docker.DockerClient, inspected: dict[str, Any], twin: str, patience: float
) -> HealthcheckOutcome | None:
    """Run it in the twin, as the engine runs it in the service. ``patience`` in seconds is what there is time for.

    Raises ProbeDidNotRun where the command could not be run there, or not long enough.
    """
    command = command_of(inspected)
    if command is None:
        return None
    config = inspected["Config"]
    limit = ((config["Healthcheck"].get("Timeout") or 0) / 1e9) or DEFAULT_TIMEOUT
    began = time.monotonic()
    created = client.api.exec_create(twin, command, user=config.get("User") or "", workdir=config.get("WorkingDir"))
    # the executor is not waited for: its thread ends when the twin is removed
    executor = ThreadPoolExecutor(1, thread_name_prefix="dockerharden-health")
    try:
        # what it prints may hold a secret, and is not kept
        executor.submit(client.api.exec_start, created["Id"]).result(min(limit, patience))
    except TooLate:
        if limit > patience:
            raise ProbeDidNotRun(f"its healthcheck had no answer within {patience:.0f} s") from None
        return HealthcheckOutcome(None, time.monotonic() - began)
    finally:
        executor.shutdown(wait=False)
    code = client.api.exec_inspect(created["Id"])["ExitCode"]
    if code in (NOT_EXECUTABLE, NOT_FOUND):
        raise ProbeDidNotRun(f"its healthcheck could not be run without its data (exit code {code})")
    return HealthcheckOutcome(code, time.monotonic() - began)
