from __future__ import annotations

import os.path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.source.compose.normalise import normalise
from tests.source.compose.reading import normalised, plain, read

NEEDED = {"condition": "service_started", "required": True}


@pytest.mark.parametrize(
    "service",
    [
        pytest.param("{image: a, networks: [n]}", id="names a network"),
        pytest.param("{image: a, network_mode: host}", id="network mode"),
        pytest.param("{image: a, network_mode: none, networks: []}", id="network mode with no networks"),
        pytest.param("{image: a, network_mode: ''}", id="empty network mode"),
        pytest.param("{provider: {type: x}}", id="provider"),
    ],
)
def test_no_default_network_where_no_service_is_on_it(service: str) -> None:
    model = normalised(f"services: {{a: {service}}}\nnetworks: {{n: }}")
    assert list((model.get("networks") or model).plain()) == ["n"]


@pytest.mark.parametrize("networks", ["", ", networks: []", ", networks: {}"])
def test_a_service_without_networks_is_on_the_default_one(networks: str) -> None:
    model = normalised(f"services: {{a: {{image: a{networks}}}}}")
    assert plain(model.get("services", "a", "networks")) == {"default": None}
    assert plain(model.get("networks")) == {"default": {"name": "proj_default"}}


def test_the_default_network_points_at_the_service_that_needs_it() -> None:
    model = normalised("services:\n  a:\n    image: a\n")
    network = model.get("networks", "default")
    assert network is not None and network.place.line == 2


def test_a_declared_default_network_stays() -> None:
    model = normalised("services: {a: {image: a}}\nnetworks: {default: {name: x, external: true}}")
    assert plain(model.get("networks")) == {"default": {"name": "x", "external": True}}


def test_resources_are_named_after_the_project() -> None:
    model = normalised(
        "services: {a: {image: a, network_mode: none}}\n"
        "networks: {n: , o: {external: true}, p: {name: q}}\n"
        "volumes: {v: , w: {external: 'true'}}\n"
        "secrets: {s: {file: f}}\nconfigs: {c: {content: x}}\n"
    )
    names = {f"{kind}.{key}": plain(entry.get("name")) for kind in ("networks", "volumes", "secrets", "configs") for key, entry in (model.get(kind) or model).items()}  # fmt: skip # noqa: E501
    assert names == {
        "networks.n": "proj_n",
        "networks.o": "o",
        "networks.p": "q",
        "volumes.v": "proj_v",
        "volumes.w": "w",
        "secrets.s": "proj_s",
        "configs.c": "proj_c",
    }


@pytest.mark.parametrize(
    ("body", "implied"),
    [
        ("links: ['b:alias']", {"b": {**NEEDED, "restart": True}}),
        ("network_mode: 'service:b'", {"b": {**NEEDED, "restart": True}}),
        ("pid: 'service:b'\nipc: 'service:b'", {"b": {**NEEDED, "restart": True}}),
        ("volumes_from: ['b:ro', 'container:z']", {"b": NEEDED}),
        ("links: [b]\nvolumes_from: [b]", {"b": {**NEEDED, "restart": True}}),
        (
            "links: [b]\ndepends_on: {b: {condition: service_healthy}}",
            {"b": {"condition": "service_healthy", "required": True}},
        ),
    ],
)
def test_sharing_something_implies_a_dependency(body: str, implied: object) -> None:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    model = normalised(f"services:\n  b: {{image: b}}\n  a:\n    image: a\n{lines}")
    assert plain(model.get("services", "a", "depends_on")) == implied


@pytest.mark.parametrize(
    "body",
    ["network_mode: host", "network_mode: 'container:x'", "volumes_from: ['container:x']", "pid: host", "ipc: ${IPC}"],
)
def test_what_shares_with_no_service_implies_nothing(body: str) -> None:
    model = normalised(f"services:\n  a:\n    image: a\n    {body}\n")
    assert model.get("services", "a", "depends_on") is None


def test_an_implied_dependency_points_at_its_reason() -> None:
    model = normalised("services:\n  b: {image: b}\n  a:\n    image: a\n    links:\n      - b\n")
    node = model.get("services", "a", "depends_on", "b")
    assert node is not None and node.place.line == 6


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        ("./d", {"context": "/project/d", "dockerfile": "Dockerfile"}),
        ("{}", {"context": "/project", "dockerfile": "Dockerfile"}),
        ("{dockerfile: ../x}", {"context": "/project", "dockerfile": "../x"}),
        ("{dockerfile_inline: FROM x}", {"context": "/project", "dockerfile_inline": "FROM x"}),
        ("https://x.test/a.git", {"context": "https://x.test/a.git", "dockerfile": "Dockerfile"}),
        ("'git@x.test:a/b.git'", {"context": "git@x.test:a/b.git", "dockerfile": "Dockerfile"}),
        ("/abs/../x", {"context": "/abs/../x", "dockerfile": "Dockerfile"}),
        ("~/x", {"context": "/home/u/x", "dockerfile": "Dockerfile"}),
        (
            "{additional_contexts: [x=./y, 'z=service:a', 'i=docker-image://b']}",
            {
                "context": "/project",
                "dockerfile": "Dockerfile",
                "additional_contexts": {"x": "/project/y", "z": "service:a", "i": "docker-image://b"},
            },
        ),
    ],
)
def test_a_build_gets_its_defaults_and_absolute_paths(build: str, expected: object) -> None:
    assert plain(normalised(f"services: {{a: {{build: {build}}}}}").get("services", "a", "build")) == expected


@pytest.mark.parametrize(
    ("source", "absolute"),
    [
        ("./a/../b", "/project/b"),
        (".", "/project"),
        ("../x/", "/x"),
        ("/h/../etc", "/h/../etc"),
        ("//h//x", "//h//x"),
        ("~/x", "/home/u/x"),
        ("~", "/home/u"),
        ("c:\\win", "c:\\win"),
    ],
)
def test_bind_sources_become_absolute(source: str, absolute: str) -> None:
    model = normalised(f"services: {{a: {{image: a, volumes: ['{source}:/t']}}}}")
    assert plain(model.get("services", "a", "volumes", 0, "source")) == absolute


def test_without_a_home_a_tilde_stays() -> None:
    model = normalised("services: {a: {image: a, volumes: ['~/x:/t']}}", home=None)
    assert plain(model.get("services", "a", "volumes", 0, "source")) == "~/x"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("volumes: ['data:/t']", id="named volume"),
        pytest.param("volumes: ['${DATA}:/t']", id="unknown source"),
        pytest.param("volumes: [{type: tmpfs, target: /t}]", id="tmpfs"),
        pytest.param("security_opt: ['seccomp:./p.json']", id="seccomp file"),
        pytest.param("tmpfs: [a]", id="tmpfs path"),
    ],
)
def test_what_is_no_path_of_the_host_stays(body: str) -> None:
    model = normalised(f"services:\n  a:\n    image: a\n    {body}\n")
    assert "/project" not in str(plain(model))


def test_files_of_secrets_configs_and_services_become_absolute() -> None:
    model = normalised(
        "services: {a: {image: a, env_file: [x.env, {path: ../y.env}], label_file: l,"
        " develop: {watch: [{path: ./w, action: rebuild}]}}}\n"
        "secrets: {s: {file: ./f}}\nconfigs: {c: {file: /g}}\n"
        "volumes: {v: {driver: local, driver_opts: {type: none, o: bind, device: ./d}},"
        " w: {driver: local, driver_opts: {type: none, o: 'bind,ro', device: ./d}}}\n"
    )
    service = model.get("services", "a")
    assert service is not None
    assert [plain(entry.get("path")) for entry in service.get("env_file") or ()] == ["/project/x.env", "/y.env"]
    assert plain(service.get("label_file")) == ["/project/l"]
    assert plain(service.get("develop", "watch", 0, "path")) == "/project/w"
    assert plain(model.get("secrets", "s", "file")) == "/project/f"
    assert plain(model.get("configs", "c", "file")) == "/g"
    assert plain(model.get("volumes", "v", "driver_opts", "device")) == "/project/d"
    assert plain(model.get("volumes", "w", "driver_opts", "device")) == "./d"


def test_a_path_keeps_its_place() -> None:
    model = normalised("services:\n  a:\n    image: a\n    volumes:\n      - ./d:/t\n")
    source = model.get("services", "a", "volumes", 0, "source")
    assert source is not None
    assert (source.origin.line, source.origin.column, source.origin.end_column) == (5, 9, 12)


def test_a_hook_has_the_image_and_the_networks_of_its_service() -> None:
    model = normalised("services: {a: {image: a, pre_start: [{command: x}, {image: b, volumes: ['./d:/t']}]}}")
    hooks = plain(model.get("services", "a", "pre_start"))
    assert [(hook["image"], hook["networks"]) for hook in hooks] == [("a", {"default": None}), ("b", {"default": None})]
    assert hooks[1]["volumes"][0]["source"] == "/project/d"


def test_a_container_before_the_service_is_made_as_that_of_the_service() -> None:
    text = (
        "services: {a: {image: a, user: u, privileged: true, cap_add: [A], environment: {A: 1, B: 1}, volumes: [/d],"
        " ports: [80], pre_start: [{user: v, cap_add: [B], environment: {A: 2}}]}}"
    )
    (hook,) = plain(normalised(text).get("services", "a", "pre_start"))
    assert hook == {
        "image": "a",
        "user": "v",
        "privileged": True,
        "cap_add": ["A", "B"],
        "environment": {"A": "2", "B": "1"},
        "networks": {"default": None},
    }


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet="ab./~", min_size=1, max_size=12).filter(lambda text: text[0] in "./~"))
def test_a_second_time_changes_nothing(source: str) -> None:
    model = normalised(f"services: {{a: {{image: a, volumes: ['{source}:/t']}}}}")
    once = plain(model)
    assert os.path.isabs(once["services"]["a"]["volumes"][0]["source"])
    normalise(model, project="proj", directory_of=lambda node: "/elsewhere", home="/home/u")
    assert plain(model) == once


@pytest.mark.parametrize("text", ["services: 5", "services: {a: 5}", "networks: []", "x-a: 1"])
def test_a_model_of_the_wrong_shape_is_left_alone(text: str) -> None:
    model = read(text)
    assert normalise(model, project="p", directory_of=lambda node: "/", home=None) == []


@pytest.mark.parametrize(
    ("body", "replicas"),
    [
        ("scale: 2, deploy: {resources: {}}", 2),
        ("scale: 2, deploy: {replicas: 3}", 3),
        ("deploy: {resources: {}}", None),
        ("scale: 2", None),
    ],
)
def test_scale_is_the_number_of_replicas_of_a_deploy_that_names_none(body: str, replicas: int | None) -> None:
    model = normalised(f"services: {{a: {{image: a, {body}}}}}")
    assert plain(model.get("services", "a", "deploy", "replicas")) == replicas
