"""What looks hardened and is not, run as a user would: `pytest --harden-live` in examples/traps."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live import busybox_image, engine_on_tcp, labelled_run

pytestmark = pytest.mark.live

TRAPS = Path(__file__).parents[2] / "examples/traps"
CAUGHT = {
    "root-child": {"every-process-non-root", "no-new-privileges"},
    "allows-all": {"seccomp-confined"},
    "gains-again": {"no-new-privileges"},
    "hidden-volume": {"no-writable-image-volumes"},
    "holds-engine": {"no-engine-socket"},
}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["the engine of this machine", "an engine by TCP alone"])
def test_each_trap_is_caught_and_nothing_else_with_a_shell_and_without(
    engine: Any, tmp_path: Path, elsewhere: bool
) -> None:
    folder = tmp_path / "traps"
    shutil.copytree(TRAPS, folder)
    with labelled_run(engine) as run, engine_on_tcp() as address:
        environment = {**os.environ, "BUSYBOX": busybox_image(engine, run, ("bin/sh", "bin/busybox"))}
        if elsewhere:
            environment["DOCKER_HOST"] = address
        command = ["--harden-live", "-k", "live", "--harden-report", "json:report.json", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *command], cwd=folder, env=environment,
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    failed = {item["id"].rpartition("::")[2] for item in report["items"] if item["verdict"] == "failed"}
    assert failed == {
        f"{control}[{service}{kind}]"
        for service, controls in CAUGHT.items()
        for control in controls
        for kind in ("", "-bare")
    }, done.stdout
    assert [item["id"] for item in report["items"] if item["verdict"] in ("unknown", "error")] == []
