from __future__ import annotations

import pytest

from pytest_dockerharden.source.compose.consistency import check
from tests.source.compose.reading import brief, checked, normalised, service_text, warned


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(service_text("image: a"), id="image"),
        pytest.param(service_text("build: ."), id="build"),
        pytest.param(service_text("provider: {type: x}"), id="provider"),
        pytest.param(service_text("image: ${IMAGE}"), id="unknown image"),
        pytest.param(service_text("image: a\nnetwork_mode: host\nports: ['80:80']"), id="ports on the host network"),
        pytest.param(service_text("image: a\nnetwork_mode: host\nnetworks: []"), id="no networks"),
        pytest.param(service_text("image: a\nscale: 0\ncontainer_name: abc"), id="no replica with a name"),
        pytest.param(service_text("image: a\nscale: 3\ndeploy: {replicas: 3}"), id="same count twice"),
        pytest.param(service_text("image: a\nrestart: whatever"), id="unknown restart"),
        pytest.param(service_text("image: a\ncap_add: [NOPE]"), id="unknown capability"),
        pytest.param(service_text("image: a\nhealthcheck: {test: [NONE]}"), id="no healthcheck"),
        pytest.param(service_text("image: a\nhealthcheck: {test: ['${HEAD}', x]}"), id="unknown test"),
        pytest.param(service_text("image: a\nmem_limit: 1g\ndeploy: {replicas: 1}"), id="limit, deploy without limits"),
        pytest.param(
            service_text("image: a\nmem_limit: 1g\ndeploy: {resources: {limits: {memory: 1024m}}}"),
            id="the same limit in other units",
        ),
        pytest.param(
            service_text("image: a\ncpus: 0.50\ndeploy: {resources: {limits: {cpus: '.5'}}}"), id="the same cpus"
        ),
        pytest.param(
            service_text("image: a\nmem_limit: ${M}\ndeploy: {resources: {limits: {memory: 1g}}}"), id="unknown limit"
        ),
        pytest.param(
            service_text("image: a\nmem_limit: 0\ndeploy: {resources: {limits: {cpus: '1'}}}"), id="limit of zero"
        ),
        pytest.param(service_text("image: a\nvolumes: ['v:/v', '/x']") + "volumes: {v: }", id="declared volume"),
        pytest.param(service_text("image: a\nvolumes: ['${V}:/v']"), id="unknown volume"),
        pytest.param(service_text("image: a\ntmpfs: [/a, /b]\nvolumes: ['./c:/c']"), id="mounts on different paths"),
        pytest.param(service_text("image: a\nvolumes: ['./a:/a', './b:/a']"), id="a volume replaced"),
        pytest.param(service_text("image: a\nlinks: [b]") + "  b: {image: b}\n", id="link"),
        pytest.param(service_text("image: a\ndepends_on: ['${DB}']"), id="unknown dependency"),
        pytest.param(service_text("image: a\nsecrets: [s]") + "secrets: {s: {external: true}}", id="external secret"),
        pytest.param(
            service_text("image: a\nconfigs: [s]") + "configs: {s: {external: false}}", id="no external config"
        ),
        pytest.param("services: {}\nvolumes: {v: {external: true, name: x, x-a: 1}}", id="external volume with a name"),
        pytest.param("services: {}\nnetworks: {n: {external: true, driver: x}}", id="external network with a driver"),
        pytest.param("services: {a: {image: a, container_name: x}, b: {image: b, container_name: y}}", id="two names"),
        pytest.param(
            "services: {a: {image: a, depends_on: [b, c]}, b: {image: b, depends_on: [c]}, c: {image: c}}",
            id="a diamond is no circle",
        ),
        pytest.param(service_text("image: a\nplatform: p\nbuild: {platforms: [p, q]}"), id="platform is built"),
        pytest.param(service_text("image: a\ndevelop: {watch: [{path: a, action: rebuild}]}"), id="rebuild"),
    ],
)
def test_what_docker_compose_loads_is_silent(text: str) -> None:
    assert checked(text) == []


@pytest.mark.parametrize(
    ("body", "line", "message", "hint"),
    [
        ("command: a", 2, "web has neither an image nor a build", "add image: or build:"),
        (
            "build: {dockerfile: x, dockerfile_inline: y}",
            3,
            "dockerfile and dockerfile_inline exclude each other",
            "remove one of them",
        ),
        (
            "image: a\nnetwork_mode: host\nnetworks: [default]",
            4,
            "network_mode and networks exclude each other",
            "remove one of them",
        ),
        ("image: a\nnetworks:\n  - n", 5, "undefined network n", "declare n below the top-level networks"),
        (
            "image: a\nvolumes:\n  - data:/d",
            5,
            "undefined volume data",
            "declare data below the top-level volumes, or write ./data for a folder",
        ),
        ("image: a\nsecrets: [s]", 4, "undefined secret s", "declare s below the top-level secrets"),
        ("image: a\nconfigs: [s]", 4, "undefined config s", "declare s below the top-level configs"),
        ("image: a\nmodels: [m]", 4, "undefined model m", "declare m below the top-level models"),
        ("build: {secrets: [s]}", 3, "undefined build secret s", "declare s below the top-level secrets"),
        (
            "image: a\ndepends_on:\n  - db",
            5,
            "depends on the undefined service db",
            "is it spelled like the service?",
        ),
        (
            "image: a\npid: service:db",
            4,
            "depends on the undefined service db",
            "is it spelled like the service?",
        ),
        (
            "image: a\nhealthcheck: {test: [curl, x]}",
            4,
            "healthcheck.test must start with CMD, CMD-SHELL or NONE",
            'write ["CMD", ...]',
        ),
        ("image: a\nscale: -1", 4, "must be at least 0", ""),
        ("image: a\nscale: 2\ndeploy: {replicas: 3}", 4, "scale and deploy.replicas differ: 2, 3", "remove scale"),
        (
            "image: a\ndeploy: {replicas: 2}\ncontainer_name: abc",
            5,
            "container_name with 2 replicas",
            "remove container_name: each replica needs its own",
        ),
        (
            "image: a\nmem_limit: 1g\ndeploy: {resources: {limits: {cpus: '1'}}}",
            4,
            "mem_limit is set but not deploy.resources.limits.memory",
            "add memory: to deploy.resources.limits as well",
        ),
        (
            "image: a\npids_limit: 5\ndeploy: {resources: {limits: {pids: 6}}}",
            4,
            "pids_limit and deploy.resources.limits.pids differ",
            "remove pids_limit or make them equal",
        ),
        (
            "image: a\nmem_reservation: 1g\ndeploy: {resources: {reservations: {memory: 2g}}}",
            4,
            "mem_reservation and deploy.resources.reservations.memory differ",
            "remove mem_reservation or make them equal",
        ),
        (
            "image: a\nvolumes: [{type: bind, target: /d}]",
            4,
            "a bind mount without a source",
            "add source: the path on the host",
        ),
        (
            "image: a\nvolumes: [{type: tmpfs}]",
            4,
            "a mount without a target",
            "add target: the path in the container",
        ),
        ("image: a\ntmpfs:\n  - /a\n  - /a:size=1m", 6, "something is mounted on /a already", "remove one of the two"),
        (
            "image: a\ntmpfs: [/a]\nvolumes: ['./a:/a']",
            4,
            "something is mounted on /a already",
            "remove one of the two",
        ),
        (
            "image: a\ngpus: [{count: 1, device_ids: [a]}]",
            4,
            "count and device_ids exclude each other",
            "remove one of them",
        ),
        (
            "image: a\ndevelop: {watch: [{path: a, action: sync}]}",
            4,
            "sync needs a target",
            "add target: the path in the container",
        ),
        ("platform: p\nbuild: {platforms: [q]}", 4, "build.platforms lacks p", "add p"),
        (
            "build: {additional_contexts: {b: 'service:nope'}}",
            3,
            "undefined service nope",
            "is it spelled like the service?",
        ),
    ],
)
def test_what_docker_compose_refuses_of_a_service(body: str, line: int, message: str, hint: str) -> None:
    problems = checked(service_text(body))
    assert [(p.kind, p.origin.line, p.message, p.hint) for p in problems] == [("refused", line, message, hint)]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("services: {}\nsecrets:\n  s: {}", 3, "none of file, environment"),
        ("services: {}\nsecrets:\n  s:\n    environment: A\n    file: f", 4, "file, environment exclude each other"),
        (
            "services: {}\nconfigs:\n  c:\n    file: f\n    content: x",
            5,
            "file, environment, content exclude each other",
        ),
        (
            "services: {}\nconfigs:\n  c:\n    external: true\n    file: f\n    content: x",
            6,
            "file, environment, content exclude each other",
        ),
        (
            "services: {}\nvolumes:\n  v:\n    external: true\n    driver: x",
            5,
            "external and driver exclude each other",
        ),
        (
            "services:\n  a: {image: a, container_name: x}\n  b: {image: b, container_name: x}",
            3,
            "the container name x is that of a too",
        ),
        (
            "services:\n  a: {build: {additional_contexts: {c: 'service:b'}}}\n  b: {image: b}",
            2,
            "b has no build to take as a context",
        ),
    ],
)
def test_what_docker_compose_refuses_of_a_model(text: str, line: int, message: str) -> None:
    assert brief(checked(text)) == [(line, message)]


@pytest.mark.parametrize(
    ("services", "circle"),
    [
        ("a: {image: a, depends_on: [a]}", "a -> a"),
        ("a: {image: a, depends_on: [b]}, b: {image: b, depends_on: [a]}", "a -> b -> a"),
        ("a: {image: a, links: [b]}, b: {image: b, network_mode: 'service:a'}", "a -> b -> a"),
        (
            "a: {image: a, depends_on: [b]}, b: {image: b, volumes_from: [c]}, c: {image: c, pid: 'service:b'}",
            "b -> c -> b",
        ),
    ],
)
def test_a_circle_of_dependencies(services: str, circle: str) -> None:
    assert [p.message for p in checked(f"services: {{{services}}}")] == [f"the dependencies form a circle: {circle}"]


def test_a_long_chain_of_dependencies_does_not_recurse() -> None:
    services = "".join(f"  s{n}: {{image: a, depends_on: [s{n + 1}]}}\n" for n in range(3000))
    assert checked(f"services:\n{services}  s3000: {{image: a}}\n") == []


def test_an_optional_dependency_may_be_switched_off_but_must_exist() -> None:
    text = "services: {a: {image: a, depends_on: {b: {condition: service_started, required: false}}}}"
    model = normalised(text)
    assert check(model, disabled={"b"}) == []
    assert [p.message for p in check(model)] == ["depends on the undefined service b"]


def test_a_needed_dependency_must_not_be_switched_off() -> None:
    (problem,) = check(normalised("services: {a: {image: a, depends_on: [b]}}"), disabled={"b"})
    assert problem.hint == "its profile is not active"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("image: a\ndeploy: {replicas: 2, resources: {limits: {memory: 1g}}}", id="what compose honours"),
        pytest.param("image: a\ndeploy: {resources: {reservations: {memory: 1g}}}", id="memory reservation"),
        pytest.param("image: a\nports: ['80:80']", id="ports"),
        pytest.param("image: a\nsecrets: [s]", id="secret without owner"),
        pytest.param("image: a\nhealthcheck: {test: x, start_interval: 1s, start_period: 5s}", id="start interval"),
        pytest.param("image: a\nrestart: always", id="restart"),
        pytest.param("image: a\nrestart: always\ndeploy: {restart_policy: {condition: any}}", id="restart policy"),
        pytest.param("image: a\nrestart: 'no'\ndeploy: {restart_policy: {delay: 5s}}", id="no restart to cancel"),
    ],
)
def test_what_has_its_effect_is_silent(body: str) -> None:
    assert warned(service_text(body)) == []


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("image: a\ndeploy:\n  mode: global", 5, "deploy.mode: it has an effect in Swarm only"),
        ("image: a\ndeploy:\n  placement: {}", 5, "deploy.placement: only the Swarm scheduler honours it"),
        (
            "image: a\ndeploy: {labels: {a: b}}",
            4,
            "deploy.labels: they go to Swarm services only; write labels at the service",
        ),
        (
            "image: a\ndeploy: {resources: {reservations: {cpus: '1'}}}",
            4,
            "deploy.resources.reservations.cpus: it has an effect in Swarm only",
        ),
        ("image: a\nports: [{target: 80, mode: host}]", 4, "mode host has an effect in Swarm only"),
        ("image: a\nsecrets: [{source: s, mode: 0400}]", 4, "mode of secrets is ignored outside Swarm"),
        ("image: a\nconfigs: [{source: s, uid: '1'}]", 4, "uid of configs is ignored outside Swarm"),
        (
            "image: a\nhealthcheck: {test: x, start_interval: 5s}",
            4,
            "start_interval without start_period: the container cannot be created",
        ),
        (
            "image: a\nrestart: always\ndeploy: {restart_policy: {delay: 5s}}",
            5,
            "without a condition this cancels restart: always",
        ),
    ],
)
def test_what_has_no_effect_is_a_warning(body: str, line: int, message: str) -> None:
    problems = warned(service_text(body))
    assert [(p.kind, p.origin.line, p.message) for p in problems] == [("warning", line, message)]
