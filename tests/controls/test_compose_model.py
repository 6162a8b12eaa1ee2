"""What Docker Compose refuses, and what it takes otherwise than one thinks."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.assemble import Combination, assemble
from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import judge
from tests.helpers import hits, verdicts


def found(folder: Path, text: str, control: str, **parameters: object) -> list[int]:
    return [hit.line for hit in hits(folder, {"compose.yaml": text}, control, **parameters)]


def two(first: str, second: str) -> str:
    return f"services:\n  a:\n    image: x\n{first}  b:\n    image: x\n{second}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("services:\n  a:\n    image: x\n    cap_dropp: [ALL]\n", [4], id="a misspelt key"),
        pytest.param("services:\n  a:\n    image: x\n    cap_drop: ALL\n", [4], id="a text where a list is meant"),
        pytest.param("services:\n  a:\n    image: x\n    user: 1000\n", [4], id="a number where a text is meant"),
        pytest.param("services:\n  a:\n    image: x\n    volumes: ['data:/d']\n", [4], id="an undeclared volume"),
        pytest.param("services:\n  a:\n    image: x\n    x-note: anything\n", [], id="an extension"),
        pytest.param("services:\n  a:\n    image: x\n    user: '1000'\n", [], id="a quoted number"),
        pytest.param("services:\n  a:\n    image: ${IMAGE:?set it}\n", [], id="a required variable is set elsewhere"),
        pytest.param("x-a: &a {cap_drop: [ALL]}\nservices:\n  a:\n    <<: *a\n    image: x\n", [], id="a merge key"),
    ],
)
def test_what_compose_refuses_is_found_at_its_place(tmp_path: Path, text: str, expected: list) -> None:
    assert found(tmp_path, text, "accepted-by-compose") == expected


def test_a_misspelt_key_comes_with_the_right_one(tmp_path: Path) -> None:
    from tests.helpers import judgements

    text = "services:\n  a:\n    image: x\n    cap_dropp: [ALL]\n"
    [judgement] = judgements(tmp_path, {"compose.yaml": text}, "accepted-by-compose")
    remedy = judgement.findings[0].remedy
    assert remedy is not None and "cap_drop" in remedy.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("services:\n  a:\n    image: x\n    read_only: yes\n", [4], id="a bool that YAML has no more"),
        pytest.param(
            "services:\n  a:\n    image: x\n    deploy: {mode: global}\n", [], id="for Swarm: another control"
        ),
        pytest.param("services:\n  a:\n    image: x\n    user: ${APP_USER}\n", [], id="a variable without a value"),
        pytest.param("version: '3'\nservices:\n  a:\n    image: x\n", [], id="version is judged by its own control"),
        pytest.param("services:\n  a:\n    image: x\n    command: a | b\n", [], id="so is a dropped command"),
        pytest.param("services:\n  a:\n    image: x\n    read_only: true\n", [], id="as written"),
    ],
)
def test_what_loads_otherwise_than_written_is_found(tmp_path: Path, text: str, expected: list) -> None:
    assert found(tmp_path, text, "loads-as-written") == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param("    container_name: n\n", "    container_name: n\n", [7], id="the same"),
        pytest.param("    container_name: n\n", "    container_name: m\n", [], id="different"),
        pytest.param("    container_name: n\n", "", [], id="one only"),
        pytest.param("    container_name: ${A}\n", "    container_name: ${A}\n", [], id="a variable without a value"),
        pytest.param(
            "    container_name: nn\n    profiles: [dev]\n",
            "    container_name: nn\n    profiles: [prod]\n",
            [],
            id="two variants in different profiles",
        ),
    ],
)
def test_container_names_are_unique(tmp_path: Path, first: str, second: str, expected: list) -> None:
    assert found(tmp_path, two(first, second), "unique-container-names") == expected


def ports(*entries: str) -> str:
    return "    ports:\n" + "".join(f'      - "{entry}"\n' for entry in entries)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param("80:80", "80:8080", [9], id="the same on every address"),
        pytest.param("127.0.0.1:80:80", "80:80", [9], id="one address and every address"),
        pytest.param("0.0.0.0:80:80", "127.0.0.1:80:80", [9], id="every address, written out"),
        pytest.param("127.0.0.1:80:80", "127.0.0.2:80:80", [], id="different addresses"),
        pytest.param("53:53/udp", "53:53/tcp", [], id="different protocols"),
        pytest.param("80", "80", [], id="any free host port"),
        pytest.param("8000-8010:80", "8000-8010:80", [], id="a range: the engine takes a free one"),
        pytest.param("${PORT}:80", "${PORT}:80", [], id="a variable without a value"),
    ],
)
def test_host_ports_are_unique(tmp_path: Path, first: str, second: str, expected: list) -> None:
    assert found(tmp_path, two(ports(first), ports(second)), "unique-host-ports") == expected


def test_a_port_published_twice_by_one_service_is_reported(tmp_path: Path) -> None:
    text = "services:\n  a:\n    image: x\n" + ports("80:80", "80:81")
    assert found(tmp_path, text, "unique-host-ports") == [6]


@pytest.mark.parametrize(
    ("deploy", "expected"),
    [
        pytest.param("{restart_policy: {max_attempts: 3}}", [4], id="no condition"),
        pytest.param("{restart_policy: {condition: any}}", [], id="a condition"),
        pytest.param("{replicas: 2}", [], id="no policy"),
    ],
)
def test_a_deploy_restart_policy_has_a_condition(tmp_path: Path, deploy: str, expected: list) -> None:
    text = f"services:\n  a:\n    image: x\n    deploy: {deploy}\n"
    assert found(tmp_path, text, "deploy-restart-policy-has-a-condition") == expected


DECLARED = "volumes:\n  data:\nsecrets:\n  pw: {file: ./pw}\nconfigs:\n  c: {file: ./c}\nnetworks:\n  n:\n"


def test_unused_resources_are_found(tmp_path: Path) -> None:
    text = "services:\n  a:\n    image: x\n" + DECLARED
    assert found(tmp_path, text, "declared-resources-are-used") == [5, 7, 9, 11]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "services:\n  a:\n    image: x\n    volumes: ['data:/d']\n    secrets: [pw]\n    configs: [c]\n"
            "    networks: [n]\n" + DECLARED,
            id="all used in the short form",
        ),
        pytest.param(
            "services:\n  a:\n    image: x\n    volumes: [{type: volume, source: data, target: /d}]\n"
            "    secrets: [{source: pw, target: x}]\n    configs: [{source: c}]\n    networks: {n: {aliases: [m]}}\n"
            + DECLARED,
            id="all used in the long form",
        ),
        pytest.param(
            "services:\n  a:\n    build: {context: ., secrets: [pw]}\nsecrets:\n  pw: {file: ./pw}\n",
            id="a secret of the build",
        ),
        pytest.param(
            "services:\n  a:\n    image: x\nnetworks:\n  default: {internal: true}\n", id="the default network"
        ),
        pytest.param(
            "services:\n  a:\n    image: x\n    profiles: [debug]\n    volumes: ['data:/d']\nvolumes:\n  data:\n",
            id="used in a profile",
        ),
    ],
)
def test_used_resources_are_let_be(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text, "declared-resources-are-used") == []


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param("    build: .\n", "    build: .\n", [7], id="built twice"),
        pytest.param("    build: .\n", "", [], id="built once, used twice"),
    ],
)
def test_an_image_is_built_once(tmp_path: Path, first: str, second: str, expected: list) -> None:
    assert found(tmp_path, two(first, second), "image-is-built-once") == expected


@pytest.mark.parametrize(
    ("control", "build", "expected"),
    [
        pytest.param("build-network-isolated", "{context: ., network: host}", [3], id="host network"),
        pytest.param("build-network-isolated", "{context: ., network: none}", [], id="no network"),
        pytest.param("build-network-isolated", ".", [], id="the default network"),
        pytest.param("sandboxed-build", "{context: ., privileged: 'true'}", [3], id="privileged, quoted"),
        pytest.param("sandboxed-build", "{context: ., privileged: false}", [], id="not privileged"),
        pytest.param("sandboxed-build", "{context: ., entitlements: [network.host]}", [3], id="network.host"),
        pytest.param("sandboxed-build", "{context: ., entitlements: []}", [], id="no entitlement"),
        pytest.param("no-ssh-agent-in-build", "{context: ., ssh: [default]}", [3], id="the agent"),
        pytest.param("no-ssh-agent-in-build", ".", [], id="no agent"),
        pytest.param("no-credentials-in-build-context", "https://u:p@git.example/a.git", [3], id="user and password"),
        pytest.param("no-credentials-in-build-context", "https://ghp_x@git.example/a.git", [3], id="a token"),
        pytest.param("no-credentials-in-build-context", "ssh://git@git.example/a.git", [], id="the git user"),
        pytest.param("no-credentials-in-build-context", "git@git.example:a.git", [], id="scp form"),
        pytest.param("no-credentials-in-build-context", "https://git.example/a.git#@v1", [], id="an at sign later on"),
        pytest.param("no-credentials-in-build-context", "https://${TOKEN}@git.example/a.git", [], id="from outside"),
        pytest.param("pinned-remote-context", "https://git.example/a.git#v1.2", [3], id="a tag can move"),
        pytest.param("pinned-remote-context", f"https://git.example/a.git#{'a' * 40}", [], id="a commit"),
        pytest.param("pinned-remote-context", f"https://git.example/a.git#{'a' * 40}:sub", [], id="a folder of it"),
        pytest.param("pinned-remote-context", "https://example.com/context.tar.gz", [], id="an archive"),
        pytest.param("pinned-remote-context", "./app", [], id="local"),
    ],
)
def test_builds_stay_in_their_sandbox(tmp_path: Path, control: str, build: str, expected: list) -> None:
    value = build if build.startswith(("{", ".")) else f'"{build}"'
    assert found(tmp_path, f"services:\n  a:\n    build: {value}\n", control) == expected


def test_a_credential_is_not_shown(tmp_path: Path) -> None:
    files = {"compose.yaml": "services:\n  a:\n    build: https://bot:hunter2@git.example/a.git\n"}
    assert "hunter2" not in str(hits(tmp_path, files, "no-credentials-in-build-context"))


@pytest.mark.parametrize(
    ("entry", "files"),
    [
        pytest.param("env_file: big.env", {"big.env": "A=1\n" * 300_000}, id="a file that is too large"),
        pytest.param("env_file: ../shared.env", {}, id="outside of the project"),
    ],
)
def test_what_was_not_read_is_no_pass(tmp_path: Path, entry: str, files: dict[str, str]) -> None:
    text = f"services:\n  a:\n    image: x\n    {entry}\n"
    assert verdicts(tmp_path, {"compose.yaml": text, **files}, "accepted-by-compose") == {"": "unknown"}


def test_a_volume_that_an_overlay_replaces_is_used_by_the_base(tmp_path: Path) -> None:
    base = "services:\n  db:\n    image: x\n    volumes: ['data:/d']\nvolumes:\n  data:\n"
    overlay = "services:\n  db:\n    volumes: ['dev:/d']\nvolumes:\n  dev:\n  none:\n"
    (tmp_path / "docker-compose.yml").write_text(base)
    (tmp_path / "docker-compose.dev.yml").write_text(overlay)
    files = [str(tmp_path / name) for name in ("docker-compose.yml", "docker-compose.dev.yml")]
    assembly = assemble([Combination((files[0],), "base"), Combination(tuple(files), "dev")], root=str(tmp_path))
    (control,) = [each for each in load_all().values() if each.id == "declared-resources-are-used"]
    found = [[finding.message for finding in judge(control, each, "").findings] for each in assembly.projects]
    assert found == [[], ["volume none is declared and nobody uses it"]]
