"""Whatever a compose file looks like: what is mended loads, differs in its keys alone, and needs no mending again."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.remedy.helpers import plan_for

NAMES = st.sampled_from(["web", "db", "cache", "a-b", "x.y"])
SERVICE = st.fixed_dictionaries(
    {"image": st.sampled_from(["app:1.0", "nginx:1.27", "redis:7.4", "postgres:17.2"])},
    optional={
        "read_only": st.sampled_from([False, True, "false"]),
        "privileged": st.booleans(),
        "cap_drop": st.sampled_from([[], ["ALL"], ["NET_RAW", "CHOWN"]]),
        "cap_add": st.sampled_from([["SYS_ADMIN"], ["NET_ADMIN", "CHOWN"]]),
        "security_opt": st.sampled_from([[], ["no-new-privileges:false"], ["seccomp:unconfined", "label=type:x"]]),
        "ports": st.sampled_from([["8080:80"], ["0.0.0.0:80:80", "53:53/udp"], [{"target": 80, "published": "80"}]]),
        "tmpfs": st.sampled_from(["/tmp", ["/tmp:size=1m"], ["/run", "/tmp:exec,mode=1777"]]),
        "volumes": st.sampled_from([["./nginx.conf:/etc/nginx/nginx.conf"], ["data:/data:rw", "./k.pem:/tls/k.key:z"]]),
        "deploy": st.sampled_from([{"replicas": 1}, {"resources": {"limits": {"cpus": "0.5"}}}, None]),
        "mem_limit": st.sampled_from(["64m", 0]),
        "pid": st.just("host"),
        "network_mode": st.just("host"),
        "restart": st.sampled_from(["no", "always"]),
        "logging": st.sampled_from([None, {"driver": "none"}, {"driver": "json-file"}]),
        "healthcheck": st.sampled_from([{"test": ["CMD", "curl", "http://localhost/"]}, {"test": "NONE"}]),
    },
)
FILES = st.dictionaries(NAMES, SERVICE, min_size=1, max_size=3).map(
    lambda services: {"services": services, "volumes": {"data": None}}
)
STYLES = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([None, True, False]),
        "indent": st.sampled_from([2, 3, 4, 8]),
        "width": st.sampled_from([30, 100]),
        "line_break": st.sampled_from(["\n", "\r\n"]),
        "default_style": st.sampled_from([None, None, '"', "'"]),
    }
)


def text_of(model: Mapping[str, Any], style: Mapping[str, Any], *, ends: bool) -> str:
    written: str = yaml.safe_dump(model, sort_keys=False, **style)
    return written if ends else written.rstrip("\r\n")


@settings(deadline=None, max_examples=30)
@given(model=FILES, style=STYLES, ends=st.booleans(), suite=st.sampled_from([None, "strict"]))
def test_a_mended_file_needs_no_mending_and_keeps_its_lines(
    model: dict[str, Any], style: dict[str, Any], ends: bool, suite: str | None
) -> None:
    if style["default_style"]:  # a quoted number or null would be a text
        model = {"services": {name: {"image": s["image"]} for name, s in model["services"].items()}}
    text = text_of(model, style, ends=ends)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "compose.yaml"
        plan = plan_for(path.parent, {"compose.yaml": text}, suite=suite)
        after = plan.after.get(str(path), text)
        yaml.safe_load(after)
        assert ("\r\n" in after) == (style["line_break"] == "\r\n" and "\n" in after)
        assert after.replace("\r\n", "").count("\n") == 0 or style["line_break"] == "\n"
        again = plan_for(path.parent, {"compose.yaml": after}, suite=suite)
        assert again.after == {}
