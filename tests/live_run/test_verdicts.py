"""``pytest --harden-live`` on stacks that are really started."""

from __future__ import annotations

import pytest

from tests.live_run.conftest import Stack

pytestmark = pytest.mark.live

COMPOSE = """\
services:
  web:
    image: IMAGE
    command: ["sleep", "1000"]
    init: true
    read_only: true
  bad:
    image: IMAGE
    command: ["sleep", "1000"]
    init: true
    security_opt: ["no-new-privileges:true"]
"""


@pytest.fixture
def two(stack: Stack) -> Stack:
    stack.add("docker-compose.yml", COMPOSE)
    return stack


def test_each_phase_has_its_items_and_the_kernel_decides(two: Stack) -> None:
    assert two.outcomes("--harden-live") == {
        f"docker-compose.yml::{phase}::{name}": verdict
        for phase in ("live", "restarted")
        for name, verdict in {
            "stack-comes-up": "passed",
            "read-only-rootfs[web]": "passed",
            "read-only-rootfs[bad]": "failed",
            "no-new-privileges[web]": "failed",
            "no-new-privileges[bad]": "passed",
        }.items()
    } | {
        "docker-compose.yml::drill::survives-restart[web]": "passed",
        "docker-compose.yml::drill::survives-restart[bad]": "passed",
    }


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_only_what_was_selected_happens(two: Stack, arguments: tuple[str, ...]) -> None:
    assert two.outcomes("--harden-live", "-k", "live and read-only-rootfs", *arguments) == {
        "docker-compose.yml::live::read-only-rootfs[web]": "passed",
        "docker-compose.yml::live::read-only-rootfs[bad]": "failed",
    }


def test_static_and_live_stand_side_by_side(two: Stack) -> None:
    verdicts = two.outcomes(
        "--harden-static", "--harden-live", "-k", "not restarted and not drill and read-only-rootfs"
    )
    assert verdicts == {
        f"docker-compose.yml::{phase}::read-only-rootfs[{service}]": verdict
        for phase in ("static", "live")
        for service, verdict in (("web", "passed"), ("bad", "failed"))
    }


def test_collecting_starts_nothing(two: Stack) -> None:
    done = two.run("--harden-live", "--co", "-q", DOCKER_HOST="tcp://127.0.0.1:1")
    assert "docker-compose.yml::live::read-only-rootfs[web]" in done.stdout
    assert done.returncode == 0


def test_a_finding_shows_the_kernels_line(two: Stack) -> None:
    done = two.run("--harden-live", "-k", "live and no-new-privileges")
    assert "web: its processes can gain privileges" in done.stdout
    assert "NoNewPrivs:" in done.stdout


def test_an_engine_that_is_not_there_is_one_failure(two: Stack) -> None:
    done = two.run("--harden-live", DOCKER_HOST="tcp://127.0.0.1:1")
    assert "no Docker Engine answers at tcp://127.0.0.1:1" in done.stdout
    assert "1 failed" in done.stdout
    assert "Traceback" not in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize("only", ["", "read-only-rootfs"], ids=["everything", "without the item of the stack"])
def test_a_stack_that_does_not_come_up_is_one_failure_with_its_last_words(stack: Stack, only: str) -> None:
    stack.add(
        "docker-compose.yml",
        COMPOSE.replace('command: ["sleep", "1000"]', 'command: ["sh", "-c", "echo no configuration; exit 3"]', 1),
    )
    done = stack.run("--harden-live", *(("-k", only) if only else ()))
    assert "1 failed" in done.stdout
    assert "web: has stopped" in done.stdout
    assert "exit code 3" in done.stdout
    assert "no configuration" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_listed_waiver_holds_live_too(two: Stack) -> None:
    two.add(
        "dockerharden.toml",
        'select = ["read-only-rootfs"]\n[[waiver]]\ncontrol = "read-only-rootfs"\nsubject = "bad"\nreason = "writes"\n',
    )
    verdicts = two.outcomes("--harden-live", "-k", "live")
    assert verdicts["docker-compose.yml::live::read-only-rootfs[bad]"] == "waived"


def test_a_waiver_beside_the_service_holds_live_too(two: Stack) -> None:
    two.add(
        "docker-compose.yml",
        COMPOSE.replace("  bad:\n", "  bad:  # harden: waive read-only-rootfs -- it writes its cache\n"),
    )
    verdicts = two.outcomes("--harden-live", "-k", "live")
    assert verdicts["docker-compose.yml::live::read-only-rootfs[bad]"] == "waived"


def test_variables_of_the_environment_count_as_for_compose(stack: Stack) -> None:
    stack.add("docker-compose.yml", COMPOSE.replace("read_only: true", "read_only: ${SEALED:?say if it is sealed}"))
    done = stack.run("--harden-live", "-k", "live and read-only-rootfs", SEALED="true")
    assert "1 failed, 1 passed" in done.stdout
    done = stack.run("--harden-live")
    assert "say if it is sealed" in done.stdout
    assert "1 failed" in done.stdout


def test_a_variable_that_is_not_set_never_becomes_a_part_of_a_path(stack: Stack) -> None:
    stack.add("docker-compose.yml", COMPOSE + '    volumes: [{type: bind, source: "${DATA}/", target: /data}]\n')
    done = stack.run("--harden-live")
    assert "`${DATA}/` cannot be started: DATA is not set" in done.stdout
    assert f"docker-compose.yml:{len(COMPOSE.splitlines()) + 1}:" in done.stdout
    assert "1 failed" in done.stdout


def test_an_attached_stack_is_only_read(two: Stack) -> None:
    labels = {"com.docker.compose.project": f"att-{two.path.name}", "com.docker.compose.oneoff": "False"}
    containers = [
        two.engine.containers.run(
            two.image,
            ["sleep", "1000"],
            init=True,
            detach=True,
            read_only=service == "web",
            labels={**labels, "com.docker.compose.service": service},
        )
        for service in ("web", "bad")
    ]
    try:
        before = [
            c["Id"]
            for c in two.engine.api.containers(all=True, filters={"label": [f"{k}={v}" for k, v in labels.items()]})
        ]
        verdicts = two.outcomes("--harden-attach", labels["com.docker.compose.project"])
        assert verdicts == {
            "docker-compose.yml::live::stack-comes-up": "passed",
            "docker-compose.yml::live::read-only-rootfs[web]": "passed",
            "docker-compose.yml::live::read-only-rootfs[bad]": "failed",
            "docker-compose.yml::live::no-new-privileges[web]": "failed",
            "docker-compose.yml::live::no-new-privileges[bad]": "failed",
        }
        for container in containers:
            container.reload()
            assert container.status == "running"
        assert before == [
            c["Id"]
            for c in two.engine.api.containers(all=True, filters={"label": [f"{k}={v}" for k, v in labels.items()]})
        ]
        done = two.run("--harden-attach", "no-such-project")
        assert "no container of the Compose project `no-such-project` is on the engine" in done.stdout
    finally:
        for container in containers:
            container.remove(force=True)


def test_secrets_of_the_project_are_not_in_what_its_containers_said(stack: Stack) -> None:
    (stack.path / "key").write_text("quite-private-key\n", encoding="utf-8")
    stack.add(
        "docker-compose.yml",
        """\
services:
  web:
    image: IMAGE
    command: ["sh", "-c", "echo my $$PASSWORD; cat /run/secrets/key; exec sleep 1000"]
    init: true
    environment: {PASSWORD: correct-horse}
    secrets: [key]
secrets: {key: {file: ./key}}
""",
    )
    done = stack.run("--harden-live", "-k", "live and read-only-rootfs", "--harden-report", "json:report.json")
    assert "What web said last" in done.stdout
    for text in (done.stdout, (stack.path / "report.json").read_text(encoding="utf-8")):
        assert "correct-horse" not in text
        assert "quite-private-key" not in text


def test_a_live_run_has_env_files_and_profiles_of_its_own(stack: Stack) -> None:
    stack.add(
        "docker-compose.yml",
        COMPOSE.replace("  bad:\n", "  bad:\n    profiles: [tools]\n").replace("IMAGE", "${TESTED:-none}"),
    )
    stack.add("test.env", "TESTED=IMAGE\n")
    stack.add("dockerharden.toml", 'select = ["read-only-rootfs"]\n[live]\nenv-files = ["test.env"]\n')
    assert stack.outcomes("--harden-live", "-k", "live") == {
        "docker-compose.yml::live::stack-comes-up": "passed",
        "docker-compose.yml::live::read-only-rootfs[web]": "passed",
    }
    stack.add(
        "dockerharden.toml",
        'select = ["read-only-rootfs"]\n[live]\nenv-files = ["test.env"]\nprofiles = ["tools"]\n',
    )
    assert "docker-compose.yml::live::read-only-rootfs[bad]" in stack.outcomes("--harden-live", "-k", "live")
