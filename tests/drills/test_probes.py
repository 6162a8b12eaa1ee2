"""What twins of the services of one stack show: who is hardened passes, who is not is found out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_dockerharden.model.drill import Drill, SystemCall, WrittenPlace
from pytest_dockerharden.stack.engine import connect
from tests.drills.drilled import Drilled, drill
from tests.live import engine_on_tcp

pytestmark = pytest.mark.live

IDLE = '["sleep", "1000"]'
STACK = f"""\
services:
  plain:
    image: app
    command: {IDLE}
  user:
    image: app
    command: {IDLE}
    user: "1000:1000"
  hardened:
    image: app
    command: {IDLE}
    user: "1000:1000"
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    tmpfs: ["/tmp:size=1m", "/var/run:size=1m"]
    volumes:
      - "data:/data"
      - "named:/bin/more:ro"
      - "./shared:/shared"
      - "./shared:/conf:ro"
      - type: tmpfs
        target: /cache
      - type: volume
        target: /anonymous
  executable:
    image: app
    command: {IDLE}
    user: "1000:1000"
    read_only: true
    tmpfs: ["/tmp:exec,uid=1000"]
  unconfined:
    image: app
    command: {IDLE}
    user: "1000:1000"
    security_opt: ["seccomp:unconfined"]
  host:
    image: app
    command: {IDLE}
    read_only: true
    pid: host
    ipc: host
    uts: host
  steps:
    image: app
    command:
      - sh
      - -c
      - echo app:x:1000:1000::/:/bin/sh >/etc/passwd; exec start-stop-daemon -S -c 1000:1000 -x /bin/sleep -- 1000
  wrong:
    image: app
    command: {IDLE}
    healthcheck: {{test: "wget -q http://localhost/ || true", interval: 1s}}
  literal:
    image: app
    command: {IDLE}
    healthcheck: {{test: ["CMD", "echo", "$$(false)"], interval: 1s}}
  listens:
    image: app
    init: true
    command: ["sh", "-c", "exec nc -ll -p 8080 -e cat"]
    healthcheck: {{test: ["CMD", "sh", "-c", "nc -w 1 127.0.0.1 8080 </dev/null"], interval: 1s}}
  own:
    image: app
    command: ["sh", "-c", "touch /data/ready && exec sleep 1000"]
    volumes: ["ready:/data"]
    healthcheck: {{test: "test -f /data/ready", interval: 1s}}
  script:
    image: app
    command: ["sh", "-c", "echo 'exit 0' > /data/check && exec sleep 1000"]
    volumes: ["ready2:/data"]
    healthcheck: {{test: "sh /data/check", interval: 1s}}
  program:
    image: app
    command: ["sh", "-c", "cat /busybox > /data/true; chmod 755 /data/true; exec sleep 1000"]
    volumes: ["ready3:/data"]
    healthcheck: {{test: ["CMD", "/data/true"], interval: 1s}}
  job:
    image: app
    command: ["true"]
  after:
    image: app
    command: {IDLE}
    depends_on: {{job: {{condition: service_completed_successfully}}}}
volumes: {{data: {{}}, named: {{}}, ready: {{}}, ready2: {{}}, ready3: {{}}}}
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probes")
    (folder / "shared").mkdir()
    (folder / "shared").chmod(0o777)
    (folder / "shared" / "precious").write_text("user data")
    return folder


@pytest.fixture(scope="module")
def drilled(client: Any, image: str, shared: Path) -> Drilled:
    return drill(client, shared, STACK, image, ("active",))


def places(drill: Drill) -> dict[str, WrittenPlace]:
    return {place.path: place for place in drill.writes.value}


def calls(drill: Drill) -> dict[str, SystemCall]:
    return {call.name: call for call in drill.syscalls.value}


def test_root_writes_everywhere(drilled: Drilled) -> None:
    assert places(drilled["plain"])["/"] == WrittenPlace("/", "image", declared=False, executable=True)


def test_a_user_writes_where_the_image_lets_everybody(drilled: Drilled) -> None:
    assert [path for path, place in places(drilled["user"]).items() if place.kind == "image"] == ["/tmp"]


def test_a_hardened_service_writes_to_what_is_declared_alone(drilled: Drilled) -> None:
    found = places(drilled["hardened"])
    assert {path for path, place in found.items() if not place.declared} == {"/dev/shm"}
    assert drilled.verdict("refuses-writes", "hardened") == "passed"


@pytest.mark.parametrize("service", ["plain", "user", "hardened", "executable", "unconfined"])
def test_message_queues_and_terminals_are_no_files(drilled: Drilled, service: str) -> None:
    assert not {"/dev/mqueue", "/dev/pts"} & places(drilled[service]).keys()


def test_a_tmpfs_on_a_symbolic_link_is_the_declared_one(drilled: Drilled) -> None:
    assert places(drilled["hardened"])["/var/run"].declared


def test_a_tmpfs_is_noexec_unless_it_says_exec(drilled: Drilled) -> None:
    assert not places(drilled["hardened"])["/tmp"].executable
    assert not places(drilled["hardened"])["/cache"].executable
    assert places(drilled["executable"])["/tmp"].executable
    assert drilled.verdict("no-execution-from-writable-paths", "hardened") == "passed"
    assert drilled.verdict("no-execution-from-writable-paths", "executable") == "failed"


def test_nothing_is_written_into_user_data(drilled: Drilled, shared: Path) -> None:
    assert [path.name for path in (shared / "shared").iterdir()] == ["precious"]
    assert (shared / "shared" / "precious").read_text() == "user data"
    assert not {"/shared", "/conf"} & places(drilled["hardened"]).keys()


def test_nothing_is_written_into_the_services_own_containers(drilled: Drilled) -> None:
    assert drilled.changed == {}


def test_no_twin_is_left(drilled: Drilled) -> None:
    assert drilled.left == []


@pytest.mark.parametrize("name", ["keyctl", "add_key", "bpf", "perf_event_open", "unshare(CLONE_NEWUSER)"])
def test_the_engines_filter_refuses_what_no_filter_lets_through(drilled: Drilled, name: str) -> None:
    assert calls(drilled["hardened"])[name].refused
    assert not calls(drilled["unconfined"])[name].refused


@pytest.mark.parametrize("name", ["mount", "unshare(CLONE_NEWNS)", "init_module", "kexec_load", "setuid(0)"])
def test_capabilities_are_missing_even_without_a_filter(drilled: Drilled, name: str) -> None:
    assert calls(drilled["unconfined"])[name].refused


def test_packet_sockets_need_a_capability_that_root_has_by_default(drilled: Drilled) -> None:
    assert calls(drilled["plain"])["socket(AF_PACKET)"].answer == "allowed"
    assert calls(drilled["hardened"])["socket(AF_PACKET)"].answer == "EPERM"


def test_who_steps_down_is_drilled_as_whom_he_has_become(drilled: Drilled) -> None:
    assert calls(drilled["steps"])["setuid(0)"].refused
    assert [path for path, place in places(drilled["steps"]).items() if place.kind == "image"] == ["/tmp"]


def test_becoming_root_is_no_question_for_root(drilled: Drilled) -> None:
    assert "setuid(0)" not in calls(drilled["plain"])


def test_who_shares_the_hosts_namespaces_is_drilled_apart_from_them(drilled: Drilled) -> None:
    assert drilled["host"].syscalls.known and drilled["host"].writes.known


@pytest.mark.parametrize("service", ["wrong", "literal"])
def test_a_healthcheck_that_cannot_fail_is_found_out(drilled: Drilled, service: str) -> None:
    assert drilled.verdict("healthcheck-notices-a-dead-service", service) == "failed"


@pytest.mark.parametrize("service", ["listens", "own", "script"])
def test_a_healthcheck_that_fails_without_the_service_passes(drilled: Drilled, service: str) -> None:
    assert drilled[service].healthcheck.value.noticed
    assert drilled.verdict("healthcheck-notices-a-dead-service", service) == "passed"


def test_a_healthcheck_that_is_not_there_in_a_twin_proves_nothing(drilled: Drilled) -> None:
    judged = drilled.judged("healthcheck-notices-a-dead-service", "program")
    assert (judged.verdict, judged.reason) == (
        "unknown",
        "its healthcheck could not be run without its data (exit code 126)",
    )


def test_a_service_without_a_healthcheck_has_nothing_to_notice(drilled: Drilled) -> None:
    assert drilled.verdict("healthcheck-notices-a-dead-service", "plain") == "not-applicable"


def test_a_job_is_not_drilled(drilled: Drilled) -> None:
    assert not drilled["job"].lasting
    assert drilled.verdict("refuses-writes", "job") == "not-applicable"


def test_an_image_without_a_shell_is_drilled_as_well(client: Any, bare_image: str, tmp_path: Path) -> None:
    text = """\
services:
  web:
    image: app
    user: "1000:1000"
    read_only: true
    entrypoint: ["/busybox", "sleep", "1000"]
    healthcheck: {test: ["CMD", "/busybox", "nc", "127.0.0.1", "80"], interval: 500ms, retries: 1000}
    tmpfs: ["/tmp"]
"""
    found = drill(client, tmp_path, text.replace('"127.0.0.1", "80"', '"--help"'), bare_image, ("active",))
    assert found["web"].writes.known and found["web"].syscalls.known and found["web"].connections.known
    assert found.verdict("healthcheck-notices-a-dead-service", "web") in ("passed", "failed")


def test_a_twin_is_in_the_groups_of_the_service(client: Any, image: str, tmp_path: Path) -> None:
    dockerfile = "FROM {image}\nCOPY --chown=0:77 kept /kept\nCOPY group passwd /etc/\nUSER app\n"
    (tmp_path / "kept" / "inner").mkdir(parents=True)
    (tmp_path / "kept" / "inner").chmod(0o770)
    (tmp_path / "passwd").write_text("app:x:1000:1000::/:/bin/sh\n")
    (tmp_path / "group").write_text("team:x:77:app\n")
    (tmp_path / "Dockerfile").write_text(dockerfile.format(image=image))
    text = f"""\
services:
  web:
    build: .
    command: {IDLE}
"""
    web = drill(client, tmp_path, text, image, ("active",))["web"]
    assert web.posture and web.posture.groups.value == {77}
    assert "/kept/inner" in places(web)


def test_an_engine_reached_by_tcp_is_drilled_the_same(image: str, tmp_path: Path) -> None:
    text = f"""\
services:
  web:
    image: app
    init: true
    command: {IDLE}
    user: "1000:1000"
    healthcheck: {{test: "true", interval: 1s}}
  db:
    image: app
    init: true
    command: ["sh", "-c", "exec nc -ll -p 5432 -e cat"]
"""
    with engine_on_tcp() as address:
        remote = connect(address)
        found = drill(remote, tmp_path, text, image)
        remote.close()
    web = found["web"]
    facts = (web.restart, web.stop, web.writes, web.syscalls, web.connections, web.healthcheck)
    assert [fact for fact in facts if not fact.known] == []
    assert [(c.service, c.port, c.answer) for c in web.connections.value] == [("db", 5432, "connected")]
    assert "/tmp" in places(web)


def test_a_filter_that_kills_has_refused(client: Any, image: str, tmp_path: Path) -> None:
    killing = {"names": ["unshare", "mount", "keyctl"], "action": "SCMP_ACT_KILL"}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [killing]}
    (tmp_path / "profile.json").write_text(json.dumps(profile))
    text = f"""\
services:
  web:
    image: app
    init: true
    command: {IDLE}
    user: "1000:1000"
    security_opt: ["seccomp:./profile.json"]
"""
    found = calls(drill(client, tmp_path, text, image, ("active",))["web"])
    assert {name for name, call in found.items() if call.answer == "SIGSYS"} == {
        "keyctl",
        "mount",
        "unshare(CLONE_NEWNS)",
        "unshare(CLONE_NEWUSER)",
    }
    assert found["mount"].refused and not found["perf_event_open"].refused
