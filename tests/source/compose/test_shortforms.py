from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.source.compose.shortforms import (
    canonical_service,
    canonical_top,
    expand_ports,
    key_values,
    split_command,
)
from tests.source.compose.reading import brief, canonical, plain, read, service_text, source_text

SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="ab:/=.-${}", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "source", "target", "test"]), inner, max_size=2)
    ),
    max_leaves=4,
)
QUICK = settings(deadline=None, max_examples=100)


def port(target: int, published: str | None = None, protocol: str = "tcp", **rest: str) -> dict[str, Any]:
    outside = {} if published is None else {"published": published}
    return {"mode": "ingress", "protocol": protocol, "target": target, **outside, **rest}


# Ports


@pytest.mark.parametrize(
    ("entry", "expanded"),
    [
        ("80", [port(80)]),
        ('"80"', [port(80)]),
        ('":80"', [port(80)]),
        ("8080:80", [port(80, "8080")]),
        ("22:22", [port(22, "22")]),
        ('"127.0.0.1:8080:80"', [port(80, "8080", host_ip="127.0.0.1")]),
        ('"127.0.0.1::80"', [port(80, host_ip="127.0.0.1")]),
        ('"[::1]:8080:80"', [port(80, "8080", host_ip="::1")]),
        ('"::1:80:80"', [port(80, "80", host_ip="::1")]),
        ('"8080:80/UDP"', [port(80, "8080", "udp")]),
        ('"80/sctp"', [port(80, protocol="sctp")]),
        ('"3000-3001:4000-4001"', [port(4000, "3000"), port(4001, "3001")]),
        ('"3000-3001"', [port(3000), port(3001)]),
        ('"8000-8002:80"', [port(80, "8000-8002")]),
        ('"80-80:80"', [port(80, "80")]),
        ('"080:80"', [port(80, "80")]),
        ('"127.0.0.1:8080:80/"', [port(80, "8080", host_ip="127.0.0.1")]),
        ('{target: "80", published: 8080}', [port(80, "8080")]),
        ('{target: 80, published: "90-92", protocol: UDP, name: web}', [port(80, "90-92", "udp", name="web")]),
        ('{target: 80, published: ""}', [port(80)]),
    ],
)
def test_a_port_in_its_long_form(entry: str, expanded: list[dict[str, Any]]) -> None:
    service, problems = canonical(f"ports: [{entry}]")
    assert (plain(service.get("ports")), problems) == (expanded, [])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('"localhost:80:80"', "'localhost' is not an IP address"),
        ('"70000:80"', "70000 is not a valid host port"),
        ('"abc"', "'abc' is not a container port"),
        ('""', "no container port given"),
        ('"80:"', "no container port given"),
        ('"80/foo"', "'foo' is not a protocol"),
        ('"90-80"', "90-80 is not a valid container port"),
        ('"80-82:90-91"', "the ranges 80-82 and 90-91 differ in length"),
        ('"127.0.0.1:80"', "'127.0.0.1' is not a host port"),
        ("80.5", "a port is a number or a text"),
        ("{published: 80}", "a port without a target"),
        ("{target: 80, host_ip: localhost}", "'localhost' is not an IP address"),
    ],
)
def test_a_port_that_docker_compose_refuses(entry: str, message: str) -> None:
    _, problems = canonical(f"ports: [{entry}]")
    assert brief(problems) == [(3, message)]


def test_repeated_ports_are_one() -> None:
    service, _ = canonical('ports: ["80:80", "80:80/tcp", 80:80]')
    assert plain(service.get("ports")) == [port(80, "80")]


def test_the_parts_of_a_port_know_their_place() -> None:
    text = service_text('ports:\n  - "127.0.0.1:8080:80/udp"')
    node = read(text).get("services", "web", "ports")
    assert node is not None
    (entry,), _ = expand_ports(node)
    spans = {key: source_text(text, child.origin) for key, child in entry.items()}
    assert spans["host_ip"] == "127.0.0.1"
    assert spans["published"] == "8080"
    assert spans["target"] == "80"
    assert spans["protocol"] == "udp"


def test_a_port_that_no_file_gives_stays_unknown() -> None:
    service, problems = canonical('ports: ["${PORT}:80"]')
    entry = service.get("ports", 0)
    assert entry is not None and problems == []
    published, target = entry.get("published"), entry.get("target")
    assert published is not None and target is not None
    assert (published.value, published.unresolved) == ("${PORT}", {"PORT"})
    assert (target.value, target.unresolved) == (80, frozenset())


def test_an_address_that_no_file_gives_is_not_every_address() -> None:
    service, problems = canonical('ports: ["${BIND}:8080:80"]')
    host = service.get("ports", 0, "host_ip")
    assert problems == []
    assert host is not None and host.unresolved == {"BIND"}


@QUICK
@given(st.text(alphabet="0123456789:-/.[]tcpud ", max_size=16))
def test_no_port_breaks_the_reader(entry: str) -> None:
    canonical(f"ports: ['{entry}']")


# Volumes


@pytest.mark.parametrize(
    ("entry", "expanded"),
    [
        ("/data", {"type": "volume", "target": "/data", "volume": {}}),
        ("ab", {"type": "volume", "target": "ab", "volume": {}}),
        ("data:/data", {"type": "volume", "source": "data", "target": "/data", "volume": {}}),
        ("./d:/data/", {"type": "bind", "source": "./d", "target": "/data", "bind": {}}),
        ("/h/../etc:/d/..//e/", {"type": "bind", "source": "/h/../etc", "target": "/e", "bind": {}}),
        ("~/x:/d", {"type": "bind", "source": "~/x", "target": "/d", "bind": {}}),
        ("/h:/d:ro", {"type": "bind", "source": "/h", "target": "/d", "bind": {}, "read_only": True}),
        ("/h:/d:ro,rw", {"type": "bind", "source": "/h", "target": "/d", "bind": {}}),
        (
            "/h:/d:Z,ro,slave",
            {
                "type": "bind",
                "source": "/h",
                "target": "/d",
                "bind": {"selinux": "Z", "propagation": "slave"},
                "read_only": True,
            },
        ),
        (
            "vol:/d:nocopy",
            {"type": "volume", "source": "vol", "target": "/d", "volume": {"nocopy": True}},
        ),
        ("d:/d:ro", {"type": "bind", "source": "d:/d", "target": "ro", "bind": {}}),
        ("v:/v", {"type": "volume", "target": "v:/v", "volume": {}}),
    ],
)
def test_a_volume_in_its_long_form(entry: str, expanded: dict[str, Any]) -> None:
    service, problems = canonical(f"volumes: ['{entry}']")
    assert (plain(service.get("volumes", 0)), problems) == (expanded, [])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("/h::ro", "an empty part between the colons of '/h::ro'"),
        (":/d", "an empty part between the colons of ':/d'"),
        ("/a:/b:ro:rw", "too many colons in '/a:/b:ro:rw'"),
        ("", "an empty volume"),
    ],
)
def test_a_volume_that_docker_compose_refuses(entry: str, message: str) -> None:
    _, problems = canonical(f"volumes: ['{entry}']")
    assert [(p.kind, p.message) for p in problems] == [("refused", message)]


def test_an_option_that_is_ignored_is_a_warning() -> None:
    _, problems = canonical("volumes: ['/h:/d:readonly', '/i:/e:ro']")
    (problem,) = problems
    assert (problem.kind, problem.message, problem.hint) == (
        "warning",
        "the mount option 'readonly' is ignored",
        "write ro for a read-only mount",
    )


def test_of_two_mounts_on_one_target_the_last_decides_in_the_place_of_the_first() -> None:
    service, _ = canonical("volumes: ['./a:/x:ro', './c:/y', './b:/x/']")
    mounts = [
        (plain(m.get("source")), plain(m.get("target")), plain(m.get("read_only")))
        for m in service.get("volumes") or ()
    ]
    assert mounts == [("./b", "/x", None), ("./c", "/y", None)]


def test_the_parts_of_a_volume_know_their_place() -> None:
    text = service_text("volumes:\n  - './conf:/etc/conf:ro'")
    service = read(text).get("services", "web")
    assert service is not None
    canonical_service("web", service)
    mount = service.get("volumes", 0)
    assert mount is not None
    spans = {key: source_text(text, child.origin) for key, child in mount.items()}
    assert (spans["source"], spans["target"], spans["read_only"]) == ("./conf", "/etc/conf", "ro")


def test_a_source_that_no_file_gives_may_be_a_path_or_a_volume() -> None:
    service, problems = canonical('volumes: ["${DATA}:/data:ro"]')
    mount = service.get("volumes", 0)
    assert mount is not None and problems == []
    kind, source = mount.get("type"), mount.get("source")
    assert kind is not None and source is not None
    assert (kind.unresolved, source.unresolved, source.value) == ({"DATA"}, {"DATA"}, "${DATA}")
    assert (plain(mount.get("target")), plain(mount.get("read_only"))) == ("/data", True)


def test_a_default_with_a_colon_is_one_part() -> None:
    service, problems = canonical('volumes: ["${DATA:-./data}:/data"]')
    assert problems == []
    assert plain(service.get("volumes", 0, "source")) == "./data"


@pytest.mark.parametrize(
    ("mode", "warned"),
    [
        pytest.param("01777", False, id="octal"),
        pytest.param("0o1777", False, id="octal with o"),
        pytest.param("448", False, id="decimal with an 8"),
        pytest.param("1023", False, id="decimal that is 01777"),
        pytest.param("511", False, id="decimal that is 0777"),
        pytest.param("1777", True, id="decimal that looks octal"),
        pytest.param("700", True, id="decimal 700"),
    ],
)
def test_a_decimal_mode_that_looks_octal_is_a_warning(mode: str, warned: bool) -> None:
    _, problems = canonical(f"volumes: [{{type: tmpfs, target: /t, tmpfs: {{mode: {mode}}}}}]")
    assert [p.hint for p in problems] == ([f"write 0{mode}"] if warned else [])


@QUICK
@given(st.text(alphabet="abc:/.~\\,roZ $", max_size=16))
def test_no_volume_breaks_the_reader(entry: str) -> None:
    canonical(f"volumes: ['{entry}']")


# Commands


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo hi", ["echo", "hi"]),
        ('echo "a b" c', ["echo", "a b", "c"]),
        ("a 'b\\c'", ["a", "b\\c"]),
        ('a "b\\"c"', ["a", 'b"c']),
        ("a '' \"\"", ["a", "", ""]),
        ("a\tb\n c", ["a", "b", "c"]),
        ("a #b", ["a", "#b"]),
        ("a $(b c) d", ["a", "$(b c)", "d"]),
        ("a `b c` d", ["a", "`b c`", "d"]),
        ("e\\tx", ["e\tx"]),
        ("a | b && c; d", ["a"]),
        ("a 2>x y", ["a"]),
        ("a b2>x", ["a", "b2"]),
        ('a "b | c"', ["a", "b | c"]),
        ("", []),
    ],
)
def test_a_command_is_split_without_a_shell(text: str, words: list[str]) -> None:
    assert split_command(text) == words


@pytest.mark.parametrize("text", ["a 'b", 'a "b', "a (b)", "a )b", "a \\", "a $(b"])
def test_an_open_quote_or_parenthesis_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="parenthesis"):
        split_command(text)


@QUICK
@given(st.lists(st.text(alphabet="abc-=/._", min_size=1, max_size=6), max_size=5))
def test_plain_words_come_back(words: list[str]) -> None:
    assert split_command(" ".join(words)) == words


@QUICK
@given(st.text(alphabet="ab '\"\\`$();|&<>2", max_size=20))
def test_no_command_breaks_the_splitter(text: str) -> None:
    try:
        split_command(text)
    except ValueError as error:
        assert text not in str(error) or not text.strip()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('command: ["sh", "-c", "a | b"]', id="list with a pipe"),
        pytest.param("command: sh -c 'a | b'", id="quoted pipe"),
        pytest.param("command: a b", id="no operator"),
        pytest.param('healthcheck: {test: ["NONE"]}', id="list NONE"),
        pytest.param("healthcheck: {test: curl -f x || exit 1}", id="shell test with operators"),
        pytest.param("mem_limit: 512m", id="size with unit"),
        pytest.param("mem_limit: 1000000000", id="whole number"),
        pytest.param("privileged: true", id="boolean"),
        pytest.param("volumes: ['/h:/d:ro,z,rshared', 'v:/w:nocopy']", id="known options"),
        pytest.param("mem_limit: ${M}", id="unknown size"),
        pytest.param("stop_grace_period: ${T}", id="unknown duration"),
        pytest.param("volumes: ['${V}']", id="unknown volume"),
        pytest.param("ports: ['${P}']", id="unknown port"),
    ],
)
def test_what_means_what_it_says_is_silent(body: str) -> None:
    assert canonical(body)[1] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("command: a | b", "everything from '|' on is dropped"),
        ("healthcheck: {test: NONE}", "this runs a command named NONE"),
        ("mem_limit: 1e9", "the number 1e+09 with a fraction or exponent is ignored"),
        ("attach: yes", "'yes' for a boolean is not supported by YAML 1.2, write true"),
    ],
)
def test_what_means_something_else_is_a_warning(body: str, message: str) -> None:
    assert [(p.kind, p.message) for p in canonical(body)[1]] == [("warning", message)]


# Everything else


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("command: ''", {"command": []}),
        ("entrypoint: /bin/sh -c 'x y'", {"entrypoint": ["/bin/sh", "-c", "x y"]}),
        (
            "healthcheck: {test: curl x, interval: 90s, retries: '3'}",
            {"healthcheck": {"test": ["CMD-SHELL", "curl x"], "interval": "1m30s", "retries": 3}},
        ),
        ("healthcheck: {disable: 'yes'}", {"healthcheck": {"disable": True}}),
        ("environment: [A=1, B, C=, D=a=b, A=2]", {"environment": {"A": "2", "B": None, "C": "", "D": "a=b"}}),
        (
            "environment: {A: 1.10, B: true, C: , D: 0x1F}",
            {"environment": {"A": "1.1", "B": "true", "C": None, "D": "31"}},
        ),
        ("labels: [a, b=c]", {"labels": {"a": "", "b": "c"}}),
        ("sysctls: {net.core.somaxconn: 1024}", {"sysctls": {"net.core.somaxconn": "1024"}}),
        ("annotations: {a: }", {"annotations": {"a": ""}}),
        ("mem_limit: 512m", {"mem_limit": "536870912"}),
        ("mem_limit: 512.5", {"mem_limit": None}),
        ("memswap_limit: -1", {"memswap_limit": "-1"}),
        ("mem_swappiness: 10", {"mem_swappiness": "10"}),
        ("cpus: '0.5'", {"cpus": 0.5}),
        ("pids_limit: '100'", {"pids_limit": 100}),
        ("stop_grace_period: 1h30m", {"stop_grace_period": "1h30m0s"}),
        ("tmpfs: /t:size=1m", {"tmpfs": ["/t:size=1m"]}),
        ("dns: 8.8.8.8", {"dns": ["8.8.8.8"]}),
        ("group_add: [mail, 999]", {"group_add": ["mail", "999"]}),
        ("expose: [80, 90/tcp]", {"expose": ["80", "90/tcp"]}),
        ("networks: [n]", {"networks": {"n": None}}),
        (
            "networks: {n: {priority: 1.0, driver_opts: {a: 1}}}",
            {"networks": {"n": {"priority": 1, "driver_opts": {"a": "1"}}}},
        ),
        ("depends_on: [db]", {"depends_on": {"db": {"condition": "service_started", "required": True}}}),
        (
            "ulimits: {nproc: '10', nofile: {soft: 1, hard: '2'}}",
            {"ulimits": {"nproc": 10, "nofile": {"soft": 1, "hard": 2}}},
        ),
        ("secrets: [s]", {"secrets": [{"source": "s", "target": "/run/secrets/s"}]}),
        (
            "secrets: [{source: s, target: y, mode: 0440}]",
            {"secrets": [{"source": "s", "target": "y", "mode": "0440"}]},
        ),
        ("configs: [{source: s, mode: '0400'}]", {"configs": [{"source": "s", "mode": "0400"}]}),
        (
            "devices: [/dev/a, '/dev/b:/dev/c', '/dev/d:/dev/e:r', vendor.com/gpu=0]",
            {
                "devices": [
                    {"source": "/dev/a", "target": "/dev/a", "permissions": "rwm"},
                    {"source": "/dev/b", "target": "/dev/c", "permissions": "rwm"},
                    {"source": "/dev/d", "target": "/dev/e", "permissions": "r"},
                    {"source": "vendor.com/gpu=0", "target": "vendor.com/gpu=0", "permissions": "rwm"},
                ]
            },
        ),
        ("gpus: all", {"gpus": [{"count": -1}]}),
        ("gpus: [{device_ids: [a]}, {count: 2}, {}]", {"gpus": [{"device_ids": ["a"]}, {"count": 2}, {"count": -1}]}),
        ("extra_hosts: ['b:1.1.1.1', 'a=[::1]', 'c:::1']", {"extra_hosts": ["a=::1", "b=1.1.1.1", "c=::1"]}),
        ("extra_hosts: {b: [1.1.1.1, 2.2.2.2]}", {"extra_hosts": ["b=1.1.1.1", "b=2.2.2.2"]}),
        ("build: ./app", {"build": {"context": "./app"}}),
        ("build: {args: [A=1, B], shm_size: 1g}", {"build": {"args": {"A": "1", "B": None}, "shm_size": "1073741824"}}),
        (
            "deploy: {resources: {limits: {memory: 1g, cpus: '0.5', pids: '5'}}}",
            {"deploy": {"resources": {"limits": {"memory": "1073741824", "cpus": 0.5, "pids": 5}}}},
        ),
        ("env_file: a.env", {"env_file": [{"path": "a.env", "required": True}]}),
        ("env_file: [{path: a.env, required: 'false'}]", {"env_file": [{"path": "a.env", "required": False}]}),
        ("logging: {driver: x, options: {n: 5}}", {"logging": {"driver": "x", "options": {"n": "5"}}}),
        (
            "provider: {type: x, options: {a: 1, b: [x]}}",
            {"provider": {"type": "x", "options": {"a": ["1"], "b": ["x"]}}},
        ),
        (
            "post_start: [{command: a b, environment: [A=1]}]",
            {"post_start": [{"command": ["a", "b"], "environment": {"A": "1"}}]},
        ),
        ("x-team: 1\nextends: b\nimage: a", {"image": "a"}),
        (
            "develop: {watch: [{path: a, action: rebuild, ignore: b}]}",
            {"develop": {"watch": [{"path": "a", "action": "rebuild", "ignore": ["b"]}]}},
        ),
        ("read_only: false", {"read_only": False}),
    ],
)
def test_a_service_in_its_canonical_form(body: str, expected: dict[str, Any]) -> None:
    service, problems = canonical(body)
    assert plain(service) == expected
    assert [p for p in problems if p.kind == "refused"] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("mem_limit: abc", "must be a size"),
        ("stop_grace_period: '10'", "must be a duration"),
        ("deploy: {resources: {limits: {cpus: '1,5'}}}", "must be a number"),
        ("secrets: [{source: s, mode: '0o400'}]", "must be a file mode"),
        ("devices: ['/dev/d:/dev/e:r:z']", "too many colons in the device '/dev/d:/dev/e:r:z'"),
        ("devices: [{source: a.b/c=d}]", "a device without a target"),
        ("extra_hosts: [a]", "no address for the host 'a'"),
        ("command: a 'b", "a quote, a backslash or a parenthesis is not closed"),
    ],
)
def test_a_value_that_docker_compose_refuses(body: str, message: str) -> None:
    assert brief(canonical(body)[1]) == [(3, message)]


def test_the_key_and_the_value_of_a_list_entry_know_their_place() -> None:
    text = service_text("environment:\n  - PASSWORD=hunter2")
    node = read(text).get("services", "web", "environment")
    assert node is not None
    entry = key_values(node).get("PASSWORD")
    assert entry is not None and entry.key_origin is not None
    assert source_text(text, entry.origin) == "hunter2"
    assert source_text(text, entry.key_origin) == "PASSWORD"


def test_what_is_filled_in_points_at_its_reason() -> None:
    service, _ = canonical("image: a\ndepends_on:\n  - db")
    condition = service.get("depends_on", "db", "condition")
    assert condition is not None and condition.origin.line == 5


def test_two_external_names_are_refused() -> None:
    model = read("networks: {n: {name: y, external: {name: x}}, m: {name: x, external: {name: x}}}")
    assert brief(canonical_top(model)) == [(1, "name and external.name differ")]


def test_an_external_name_of_old_becomes_a_name() -> None:
    model = read("networks: {n: {external: {name: x}}}\nvolumes: {v: {external: 'true', labels: [a=b]}}\nx-keep: 1")
    assert canonical_top(model) == []
    assert plain(model) == {
        "networks": {"n": {"external": True, "name": "x"}},
        "volumes": {"v": {"external": True, "labels": {"a": "b"}}},
        "x-keep": 1,
    }


@pytest.mark.parametrize(
    "body",
    [
        "ports: ['80:80', 90, '3000-3002:80']",
        "volumes: ['./a:/a:ro', 'v:/v', /x, {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}}]",
        "secrets: [{source: s, mode: 0440}]\nconfigs: [c]",
        "command: a 'b c'\nhealthcheck: {test: x, interval: 90s}\nstop_grace_period: 1.5h",
        "mem_limit: 1g\ncpus: '.5'\nulimits: {a: 1, b: {soft: 1, hard: 2}}",
        "environment: [A=1, B]\nlabels: {a: }\nextra_hosts: {a: 1.1.1.1}",
        "depends_on: [b]\nnetworks: [n]\nenv_file: a\ngpus: all\nbuild: .",
        "devices: [/dev/a, a.b/c=d]\ndeploy: {resources: {limits: {cpus: '1', memory: 1g}}}",
    ],
)
def test_a_canonical_form_stays_as_it_is(body: str) -> None:
    service, _ = canonical(body)
    once = plain(service)
    assert canonical_service("web", service) == []
    assert plain(service) == once


@QUICK
@given(
    SHAPES,
    st.sampled_from(
        [
            "ports",
            "volumes",
            "command",
            "build",
            "deploy",
            "healthcheck",
            "secrets",
            "networks",
            "depends_on",
            "ulimits",
            "env_file",
            "extra_hosts",
            "gpus",
            "devices",
            "logging",
            "environment",
            "tmpfs",
            "mem_limit",
            "pre_start",
            "develop",
            "blkio_config",
        ]
    ),
)
def test_no_value_of_the_wrong_shape_breaks_the_reader(value: Any, key: str) -> None:
    service = read(json.dumps({"services": {"web": {key: value}}})).get("services", "web")
    assert service is not None
    canonical_service("web", service)
