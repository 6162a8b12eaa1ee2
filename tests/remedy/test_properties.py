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


# as people write: blocks of one service each, to be put together in any order
BLOCKS = (
    "  web:\n    image: nginx:1.27  # pinned\n    ports:\n    - '80:80'\n    # - 443:443\n",
    "  db: {image: 'postgres:17.2', environment: {POSTGRES_PASSWORD: x}}  # one line\n",
    "  cache: &cache\n    image: redis:7.4\n    command: >\n      redis-server\n      --save 60 1\n\n",
    "  'cache2':\n    <<: *cache\n    read_only: no\t# tab\there\n",
    "  job:\n    image: app:1\n    labels:\n      \u00fcber: |\n        a\n\n          b\n    depends_on: [db]\n",
    '  "x.y":\n    image: app:${TAG:-1}\n    deploy:\n    environment:\n      - A=1\n      # last\n',
    "  dev:\n      image: app:2\n      privileged: yes\n      cap_add: [ SYS_ADMIN,  # why\n        CHOWN ]\n",
    "  \U0001f433:\n    image: app:3\n    network_mode: host\n    security_opt: ['seccomp:unconfined']\n",
)
COMMENTS = st.sampled_from(["", "\n", "# a comment\n", "    # indented: yes\n", "\n\n  # \u4f60\u597d\n"])


def intended(plan: Any) -> set[tuple[str, str]]:
    """Service and key of every edit that was made."""
    return {(wish.path[1], wish.path[2]) for wish in plan.made if wish.path[:1] == ("services",)}


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[tuple[str, str]]:
    """Service and key of everything that is not the same any more."""
    missing = object()
    return {
        (name, key)
        for name in before["services"].keys() | after["services"].keys()
        for key in before["services"][name].keys() | after["services"][name].keys()
        if _without_line_end(before["services"][name].get(key, missing))
        != _without_line_end(after["services"][name].get(key, missing))
    }


def _without_line_end(value: Any) -> Any:
    """A folded text at the end of a file has none where the file has none, and gets one with the next line."""
    return value.rstrip("\n") if isinstance(value, str) else value


@settings(deadline=None, max_examples=15)
@given(
    blocks=st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=5, unique=True),
    comments=st.lists(COMMENTS, min_size=6, max_size=6),
    windows=st.booleans(),
    ends=st.booleans(),
    suite=st.sampled_from([None, "strict"]),
)
def test_only_the_keys_that_are_meant_change_and_all_comments_beside_them_stay(
    blocks: list[str], comments: list[str], windows: bool, ends: bool, suite: str | None
) -> None:
    if BLOCKS[3] in blocks:  # an alias comes behind its anchor
        blocks = [BLOCKS[2], *(block for block in blocks if block != BLOCKS[2])]
    text = "services:\n" + "".join(map("".join, zip(blocks, comments, strict=False)))
    text = text if ends else text.rstrip("\n")
    text = text.replace("\n", "\r\n") if windows else text
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "compose.yaml"
        plan = plan_for(path.parent, {"compose.yaml": text}, suite=suite)
        after = plan.after[str(path)]
        before, now = yaml.load(text, yaml.CSafeLoader), yaml.load(after, yaml.CSafeLoader)
        direct = {(name, key) for name, key in changed(before, now) if name != "cache2"}  # merges what cache has
        assert direct <= intended(plan)
        assert now.keys() - before.keys() <= {step for wish in plan.made for step in wish.path[:1]}
        for comment in ("# a comment", "# indented: yes", "# \u4f60\u597d", "# one line", "# pinned", "# last"):
            assert after.count(comment) == text.count(comment)
        assert after.replace("\r\n", "").count("\n") == 0 if windows else "\r" not in after
        assert plan_for(path.parent, {"compose.yaml": after}, suite=suite).after == {}
