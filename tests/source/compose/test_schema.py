from __future__ import annotations

import time

import pytest

from pytest_dockerharden.source.compose.schema import validate
from tests.source.compose.reading import brief, read, service_text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("x-team: a", id="extension"),
        pytest.param('healthcheck: {x-a: 1, test: "true"}', id="extension below"),
        pytest.param("privileged: 'yes'", id="text for a boolean"),
        pytest.param("pids_limit: '100'", id="text for a number"),
        pytest.param("mem_limit: 1e9", id="float for a size"),
        pytest.param("command:", id="null command"),
        pytest.param("entrypoint: [a, b]", id="list entrypoint"),
        pytest.param("environment: {A: 1, B: , C: true, D: 1.5}", id="scalars in the environment"),
        pytest.param("environment: [A=1, B]", id="environment list"),
        pytest.param("ports: [80, '80:80', {target: 80}]", id="ports in every form"),
        pytest.param("volumes: ['/a', {type: tmpfs, target: /t, tmpfs: {mode: 01777, size: 1m}}]", id="volumes"),
        pytest.param("deploy: {resources: {limits: {memory: 1g, cpus: 0.5, pids: 5}}}", id="deploy"),
        pytest.param("deploy:", id="null deploy"),
        pytest.param("networks: {a: , b: {aliases: [x]}}", id="networks map"),
        pytest.param("depends_on: {db: {condition: service_healthy}}", id="depends_on map"),
        pytest.param("ulimits: {NOFILE: 1, nproc: {soft: 1, hard: 2}}", id="ulimits"),
        pytest.param("gpus: all", id="all gpus"),
        pytest.param("pull_policy: every_2d", id="pull policy pattern"),
        pytest.param("cap_add: ${CAPS}", id="unknown value where a list belongs"),
        pytest.param("cgroup: ${CGROUP}", id="unknown word"),
        pytest.param("oom_score_adj: ${SCORE}", id="unknown number"),
        pytest.param("env_file: [a, {path: b, required: false}]", id="env files"),
        pytest.param("extends: {service: a, file: b}", id="extends"),
        pytest.param("group_add: [mail, 999]", id="groups"),
        pytest.param("logging: {driver: x, options: {a: 1, b: null}}", id="logging options"),
        pytest.param("use_api_socket: true", id="api socket"),
        pytest.param("post_start: [{command: a, privileged: true}]", id="hook"),
        pytest.param("cpu_percent: 10.0", id="whole float for an integer"),
    ],
)
def test_what_docker_compose_accepts_is_silent(body: str) -> None:
    assert validate(read(service_text(body))) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("services: {}", id="no services"),
        pytest.param("include: [a, {path: [b], project_directory: c}]", id="include only"),
        pytest.param("version: '3.8'\nname: a\nx-top: {a: [1]}", id="version, name, extension"),
        pytest.param("networks: {n: }\nvolumes: {v: {}}", id="null and empty resources"),
        pytest.param("secrets: {s: {external: {name: x}}}", id="old external form"),
        pytest.param("services: {x-looks-like-one: {image: a}}", id="service named like an extension"),
    ],
)
def test_top_level_forms_are_silent(text: str) -> None:
    assert validate(read(text)) == []


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        ("cap_drp: [ALL]", "unknown key cap_drp", "did you mean cap_drop?"),
        ("read-only: true", "unknown key read-only", "did you mean read_only?"),
        ("net: host", "unknown key net", "it is network_mode now"),
        ("dockerfile: x", "unknown key dockerfile", "it belongs below build"),
        ("interval: 5s", "unknown key interval", "it belongs below healthcheck"),
        ("healthcheck: {tset: x}", "unknown key tset", "did you mean test?"),
        ("healthcheck: {restart: always}", "unknown key restart", "it belongs to the service"),
        ("user: 1000", "user must be a text", 'quote it: "1000"'),
        ("cap_drop: ALL", "cap_drop must be a list", "write a list: [ALL]"),
        ("security_opt: no-new-privileges", "security_opt must be a list", "write a list: [no-new-privileges]"),
        ("privileged: 1", "privileged must be true or false or a text", "write true or false"),
        ("ports:", "ports must be a list", "give it a value or remove the line"),
        ("stop_grace_period: 10", "stop_grace_period must be a text", 'quote it: "10"'),
        ("deploy: {resources: {limits: {memory: 5}}}", "memory must be a text", 'quote it: "5"'),
        ("command: [a, 5]", "an item of command must be a text", "quote it"),
        ("cgroup: hots", "cgroup cannot be 'hots'", "did you mean host?"),
        ("user: 2024-01-05", "user must be a text", "quote it"),
        ("command: [a, 2024-01-05]", "an item of command must be a text", "quote it"),
        ("blkio_config: {weight: '300'}", "weight must be an integer", ""),
        ("storage_opt: {size: true}", "size must be an integer or a text or empty", 'quote it: "true"'),
        ("pull_policy: sometimes", "pull_policy cannot be 'sometimes'", ""),
        ("oom_score_adj: 2000", "oom_score_adj must be from -1000 to 1000", ""),
        ("depends_on: {db: {}}", "db lacks condition", "add condition:"),
        ("extra_hosts: ['a=1.1.1.1', 'a=1.1.1.1']", "extra_hosts repeats 'a'", "remove one of them"),
        ("build: {ssh: [default, default]}", "ssh repeats 'default'", "remove one of them"),
        ("healthcheck: {retries: -1}", "retries must be at least 0", ""),
        ("ports: [{target: -1}]", "target must be at least 0", ""),
        ("deploy: {restart_policy: {max_attempts: -1}}", "max_attempts must be at least 0", ""),
        ("deploy: {update_config: {parallelism: -1}}", "parallelism must be at least 0", ""),
        ("post_start: [{command: x, environment: [A=1, A=1]}]", "environment repeats 'A'", "remove one of them"),
        ("security_opt: [a, a]", "security_opt repeats 'a'", "remove one of them"),
        ("volumes: [{source: a, target: b}]", "an item of volumes lacks type", "add type:"),
        (
            "networks: {'a b': }",
            "'a b' is not a name for an entry of networks",
            "use letters, digits, dots, dashes and underscores",
        ),
    ],
)
def test_a_mistake_is_refused_with_advice(body: str, message: str, hint: str) -> None:
    problems = validate(read(service_text(body)))
    assert [(p.kind, p.message, p.hint) for p in problems] == [("refused", message, hint)]


@pytest.mark.parametrize(
    "body", ["environment: {A: 2024-01-05}", "labels: {a: 2024-01-05}", "build: {args: {A: 2024-01-05}}"]
)
def test_a_date_that_becomes_a_time_is_a_warning(body: str) -> None:
    problems = validate(read(service_text(body)))
    text = "2024-01-05 00:00:00 +0000 UTC"
    assert [(p.kind, p.message, p.hint) for p in problems] == [
        ("warning", f"the date becomes the text {text}", "quote it")
    ]


def test_an_unknown_key_is_reported_at_the_key() -> None:
    text = "services:\n  web:\n    image: a\n    cap_drp:\n      - ALL\n"
    (problem,) = validate(read(text))
    assert (problem.origin.line, problem.origin.column, problem.origin.end_column) == (4, 5, 12)


def test_services_of_the_first_compose_format_are_explained() -> None:
    (problem,) = validate(read("web:\n  image: a\n"))
    assert (problem.message, problem.hint) == ("unknown key web", "services belong below services:")


def test_problems_come_in_the_order_of_the_text() -> None:
    text = "services:\n  a:\n    foo: 1\n    user: 5\n  b:\n    image: 7\n"
    assert brief(validate(read(text))) == [
        (3, "unknown key foo"),
        (4, "user must be a text"),
        (6, "image must be a text"),
    ]


def test_a_small_file_takes_well_under_half_a_millisecond() -> None:
    model = read(service_text('image: a\nports: ["80:80"]\nenvironment: {A: 1}\nhealthcheck: {test: x}'))
    fastest = min(_timed(model) for _ in range(20))
    assert fastest < 0.0005


def _timed(model: object) -> float:
    start = time.process_time()
    validate(model)  # type: ignore[arg-type]
    return time.process_time() - start


def test_deep_nesting_does_not_recurse() -> None:
    model = read("x-a: " + "[" * 200 + "]" * 200 + "\nservices: {}")
    assert validate(model) == []


@pytest.mark.parametrize(
    "body",
    [
        "environment: PASSWORD=hunter2",
        "environment: [918273645]",
        "build: {args: TOKEN=hunter2}",
        "build: {args: [918273645]}",
        "entrypoint: [a, 918273645]",
        "build: {cache_to: token=hunter2}",
        "labels: token=hunter2",
    ],
)
def test_a_value_that_may_be_secret_is_not_repeated(body: str) -> None:
    (problem,) = validate(read(service_text(body)))
    assert "hunter2" not in problem.message + problem.hint
    assert "918273645" not in problem.message + problem.hint
