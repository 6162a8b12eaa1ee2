"""Controls for what only a running container shows, on hand-made observations: what must stay silent, and what not."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_dockerharden.controls import load_all
from pytest_dockerharden.judge import judge
from pytest_dockerharden.model.fact import Known, Unknown
from pytest_dockerharden.model.origin import KernelOrigin
from pytest_dockerharden.model.posture import Change, FoundFile, Mount, Port, Posture, Probe, Process, Socket
from tests.helpers import assemble_files

HERE = KernelOrigin("web", "/proc/1/status", "evidence", 1)
FOUR = (1000, 1000, 1000, 1000)
CAUGHT = frozenset({"SIGTERM"})
Found = tuple[str, list[str]]


def observed(**values: Any) -> Posture:
    """The values as facts; an Unknown stays one."""
    posture = Posture(subject="web", phase="live", origin=HERE)
    for name, value in values.items():
        setattr(posture, name, value if isinstance(value, Unknown) else Known(value, HERE))
    return posture


def verdict(control: str, **values: Any) -> Found:
    judgement = judge(load_all()[control], observed(**values), "web")
    assert judgement.verdict != "error", judgement.reason
    return judgement.verdict, [finding.message for finding in judgement.findings]


def process(pid: int = 1, argv: tuple[str, ...] = ("/server",), **values: Any) -> Process:
    nothing: frozenset[str] = frozenset()
    fields: dict[str, Any] = {
        "uids": FOUR, "gids": FOUR, "groups": frozenset(), "cap_effective": nothing, "cap_permitted": nothing,
        "cap_bounding": nothing, "cap_inheritable": nothing, "cap_ambient": nothing, "no_new_privileges": True,
        "seccomp": 2, "executable": argv[0] if argv else "", "environment_names": nothing, "namespaces": (),
        "state": "S (sleeping)", "origin": HERE, "caught": CAUGHT,
    }  # fmt: skip
    return Process(pid, argv=argv, **fields | values)


def first(**values: Any) -> dict[str, Any]:
    return {"processes": (process(**values),), "pid_mode": "private", "stop_signal": "SIGTERM"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(first(), "passed", id="it has a handler"),
        pytest.param(first(caught=frozenset(), blocked=CAUGHT), "passed", id="it waits for blocked signals"),
        pytest.param(first(caught=frozenset(), argv=("/sbin/docker-init", "--")), "passed", id="the engine's init"),
        pytest.param(first(caught=frozenset(), argv=("/usr/bin/tini", "--")), "passed", id="tini"),
        pytest.param(first(caught=frozenset(), argv=("dumb-init", "x")), "passed", id="dumb-init"),
        pytest.param(
            first(caught=frozenset()) | {"pid_mode": "host"}, "not-applicable", id="not process 1 of the host"
        ),
        pytest.param(first(pid=7), "not-applicable", id="no first process was seen"),
        pytest.param(first(caught=frozenset()) | {"stop_signal": "SIGKILL"}, "not-applicable", id="is killed anyway"),
        pytest.param(first(caught=frozenset()) | {"processes": Unknown("x")}, "unknown", id="nobody looked"),
        pytest.param(first(caught=frozenset()), "failed", id="no handler"),
        pytest.param(first(caught=CAUGHT) | {"stop_signal": "SIGQUIT"}, "failed", id="a handler for another signal"),
        pytest.param(first(caught=frozenset(), ignored=CAUGHT), "failed", id="it ignores the signal"),
    ],
)
def test_the_first_process_takes_the_stop_signal(values: dict[str, Any], expected: str) -> None:
    assert verdict("first-process-takes-the-stop-signal", **values)[0] == expected


@pytest.mark.parametrize(
    ("processes", "root", "expected"),
    [
        pytest.param((process(), process(7)), False, ("passed", []), id="nobody is root"),
        pytest.param(
            (process(uids=(0, 0, 0, 0)),), True, ("not-applicable", []), id="the first one is: another control"
        ),
        pytest.param(
            (process(), process(7, (), uids=(0, 0, 0, 0), state="Z (zombie)")), False, ("passed", []), id="dead"
        ),
        pytest.param((process(),), Unknown("x"), ("unknown", []), id="nobody knows of the first one"),
        pytest.param(
            (process(), process(7, ("/bin/cron", "-f"), uids=(0, 0, 0, 0))),
            False,
            ("failed", ["process 7 (cron) is root, though the first one is not"]),
            id="a child",
        ),
        pytest.param(
            (process(), process(7, uids=(1000, 0, 1000, 0))),
            False,
            ("failed", ["process 7 (server) is root, though the first one is not"]),
            id="in effect",
        ),
    ],
)
def test_every_process_is_non_root(processes: tuple[Process, ...], root: Any, expected: Found) -> None:
    assert verdict("every-process-non-root", processes=processes, runs_as_root=root) == expected


@pytest.mark.parametrize("state", ["S (sleeping)", "R (running)", "T (stopped)", "D (disk sleep)"])
def test_a_process_in_another_state_is_no_zombie(state: str) -> None:
    assert verdict("no-zombies", processes=(process(state=state),)) == ("passed", [])


def test_zombies_are_counted() -> None:
    dead = [process(pid, state="Z (zombie)") for pid in (7, 8)]
    assert verdict("no-zombies", processes=(process(), *dead))[1] == ["2 ended processes are left over as zombie"]


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(("ssh", "-N", "bastion"), id="a client"),
        pytest.param(("/usr/bin/ssh-agent",), id="an agent"),
        pytest.param(("nginx: worker process",), id="a title of its own"),
        pytest.param((), id="no arguments"),
        pytest.param(("python3", "sshd_exporter.py"), id="a word that begins so"),
    ],
)
def test_what_lets_nobody_in_is_no_remote_login(argv: tuple[str, ...]) -> None:
    assert verdict("no-remote-login", processes=(process(argv=argv),)) == ("passed", [])


@pytest.mark.parametrize(
    ("argv", "executable"),
    [
        (("/usr/sbin/sshd", "-D"), "/usr/sbin/sshd"),
        (("sshd: /usr/sbin/sshd -D [listener]",), ""),
        (("innocent",), "/usr/sbin/dropbear"),
    ],
)
def test_a_daemon_for_logins_is_found(argv: tuple[str, ...], executable: str) -> None:
    assert verdict("no-remote-login", processes=(process(argv=argv, executable=executable),))[0] == "failed"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(frozenset({"PATH", "HOME"}), ("passed", []), id="plain"),
        pytest.param(frozenset({"DB_PASSWORD_FILE", "GPG_KEY"}), ("passed", []), id="names of no credential"),
        pytest.param(frozenset({"API_TOKEN"}), ("passed", []), id="declared: another control"),
        pytest.param(None, ("unknown", []), id="not readable"),
        pytest.param(
            frozenset({"DB_PASSWORD"}), ("failed", ["process 1 (server) has DB_PASSWORD in its environment"]), id="new"
        ),
    ],
)
def test_secrets_that_came_at_run_time(names: frozenset[str] | None, expected: Found) -> None:
    values = {"processes": (process(environment_names=names),), "environment": {"API_TOKEN": None}}
    assert verdict("no-secrets-in-process-environments", **values) == expected


def test_a_zombie_has_no_environment_to_read() -> None:
    dead = process(7, state="Z (zombie)", environment_names=None)
    assert verdict("no-secrets-in-process-environments", processes=(dead,), environment={}) == ("passed", [])


def socket(port: int, address: str = "0.0.0.0", protocol: str = "tcp") -> Socket:
    return Socket(protocol, address, port, HERE)


@pytest.mark.parametrize(
    ("sockets", "expected"),
    [
        pytest.param((socket(80),), [], id="exposed"),
        pytest.param((socket(443),), [], id="published"),
        pytest.param((socket(9000, "127.0.0.1"), socket(9000, "::1")), [], id="loopback"),
        pytest.param((socket(40001, protocol="udp"),), [], id="a client's UDP socket"),
        pytest.param((socket(9229),), ["9229/tcp"], id="a debugger"),
        pytest.param((socket(9229), socket(9229, "::")), ["9229/tcp"], id="of both families, once"),
        pytest.param((socket(80, protocol="udp"),), ["80/udp"], id="the other protocol"),
        pytest.param((socket(8000, "172.18.0.2"),), ["8000/tcp"], id="one address of the network"),
    ],
)
def test_listeners_are_declared(sockets: tuple[Socket, ...], expected: list[str]) -> None:
    ports = (Port(443, "8443", "", "tcp", HERE),)
    values = {"listening": sockets, "network_mode": "private", "exposed": frozenset({"80/tcp"}), "ports": ports}
    messages = verdict("listeners-declared", **values)[1]
    assert messages == [f"it listens on {port}, which no expose or ports declares" for port in expected]


@pytest.mark.parametrize("mode", ["host", "service:proxy", "container:x"])
def test_sockets_of_a_shared_network_namespace_may_be_anothers(mode: str) -> None:
    values = {"listening": (socket(22),), "network_mode": mode, "exposed": frozenset()}
    assert verdict("listeners-declared", **values)[0] == "not-applicable"


def file(path: str, kind: Any) -> FoundFile:
    return FoundFile(path, kind, 0o755, 0, 0, HERE)


SETUID = (file("/usr/bin/su", "setuid"), file("/usr/bin/passwd", "setuid"), file("/usr/bin/ping", "capability"))


@pytest.mark.parametrize(
    ("control", "values", "expected"),
    [
        ("no-privileged-programs", {"files": SETUID, "no_new_privileges": True}, "not-applicable"),
        ("no-privileged-programs", {"files": (), "no_new_privileges": False}, "passed"),
        ("no-privileged-programs", {"files": (file("/x", "device"),), "no_new_privileges": False}, "passed"),
        ("no-privileged-programs", {"files": SETUID, "no_new_privileges": False}, "failed"),
        ("nothing-writable-for-everybody", {"files": SETUID, "read_only_rootfs": False}, "passed"),
        (
            "nothing-writable-for-everybody",
            {"files": (file("/x", "world-writable"),), "read_only_rootfs": True},
            "not-applicable",
        ),
        (
            "nothing-writable-for-everybody",
            {"files": (file("/x", "world-writable-directory"),), "read_only_rootfs": False},
            "failed",
        ),
        ("no-device-files-in-image", {"files": SETUID}, "passed"),
        ("no-device-files-in-image", {"files": (file("/x", "device"),)}, "failed"),
        ("no-device-files-in-image", {"files": Unknown("x")}, "unknown"),
        ("no-account-without-password", {"passwordless": frozenset()}, "passed"),
        ("no-account-without-password", {"passwordless": frozenset({"root"})}, "failed"),
    ],
)
def test_files_of_the_image(control: str, values: dict[str, Any], expected: str) -> None:
    assert verdict(control, **values)[0] == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"uid": 1000, "read_only_rootfs": False}, "failed"),
        ({"uid": 1001, "read_only_rootfs": False}, "passed"),
        ({"uid": 1000, "read_only_rootfs": True}, "not-applicable"),
        ({"uid": 0, "read_only_rootfs": False}, "not-applicable"),
    ],
)
def test_code_that_belongs_to_the_service(values: dict[str, Any], expected: str) -> None:
    values |= {"runs_as_root": values["uid"] == 0, "owned_files": {1000: "/opt/start"}}
    assert verdict("code-belongs-to-another", **values)[0] == expected


def test_a_long_list_of_files_is_cut() -> None:
    messages = verdict("no-privileged-programs", files=SETUID, no_new_privileges=False)[1]
    assert messages == ["/usr/bin/su, /usr/bin/passwd and 1 more are programs with setuid, setgid or capabilities"]


def changes(*paths: str) -> tuple[Change, ...]:
    return tuple(Change(path, "added") for path in paths)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param((), id="nothing"),
        pytest.param(changes("/var/log/x", "/run/pid", "/tmp/a", "/etc/hosts"), id="what services write"),
        pytest.param(changes("/usr", "/usr/sbin", "/usr/sbin/docker-init"), id="the place of the engine's init"),
        pytest.param(changes("/usr/lib/python3/__pycache__", "/usr/lib/python3/__pycache__/a.pyc"), id="caches"),
        pytest.param(changes("/usr", "/usr/share", "/usr/share/doc/x"), id="folders above something else"),
        pytest.param(changes("/opt/app/bin/tool"), id="the service's own folder"),
    ],
)
def test_changes_that_are_no_program(found: tuple[Change, ...]) -> None:
    init = (Mount("/usr/sbin/docker-init", "kernel", HERE),)
    assert verdict("programs-unchanged", changes=found, mounts=init) == ("passed", [])


@pytest.mark.parametrize("path", ["/usr/bin/x", "/bin/x", "/usr/local/bin/x", "/sbin/x", "/usr/lib/x.so", "/lib64/x"])
def test_a_changed_program_is_told(path: str) -> None:
    assert verdict("programs-unchanged", changes=changes(path), mounts=())[1] == [f"{path} differs from the image"]


def probes(*codes: int) -> tuple[Probe, ...]:
    return tuple(Probe(code, 0.1, HERE) for code in codes)


@pytest.mark.parametrize(
    ("control", "status", "codes", "expected"),
    [
        ("healthy", "", (), "not-applicable"),
        ("healthy", "none", (), "not-applicable"),
        ("healthy", "starting", (), "unknown"),
        ("healthy", "healthy", (1, 0), "passed"),
        ("healthy", "unhealthy", (1, 1), "failed"),
        ("health-is-stable", "", (), "not-applicable"),
        ("health-is-stable", "starting", (1, 1), "not-applicable"),
        ("health-is-stable", "healthy", (1, 1, 0, 0), "passed"),
        ("health-is-stable", "healthy", (0, 1, 0, 0), "failed"),
    ],
)
def test_health(control: str, status: str, codes: tuple[int, ...], expected: str) -> None:
    assert verdict(control, health=status, probes=probes(*codes))[0] == expected


@pytest.mark.parametrize(
    ("count", "state", "expected"),
    [(0, "running", []), (0, "exited", []), (1, "running", ["once"]), (3, "running", ["3 times"])],
)
def test_restarts(count: int, state: str, expected: list[str]) -> None:
    assert verdict("never-restarted", restart_count=count, state=state)[1] == [
        f"it was restarted {n}" for n in expected
    ]


@pytest.mark.parametrize(
    ("tagged", "expected"), [("sha256:a", "passed"), ("", "not-applicable"), ("sha256:b", "failed")]
)
def test_the_image_of_the_tag(tagged: str, expected: str) -> None:
    assert verdict("runs-the-image-of-its-tag", tagged_image_id=tagged, image_id="sha256:a")[0] == expected


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (("c *:* m", "b *:* m", "c 1:3 rwm"), "passed"),
        (("b 8:0 rwm",), "passed"),
        (("a *:* rwm",), "failed"),
        (("b *:* r",), "failed"),
    ],
)
def test_rules_of_the_device_group(rules: tuple[str, ...], expected: str) -> None:
    assert verdict("not-every-device-opens", allowed_devices=rules, privileged=False)[0] == expected
    assert verdict("not-every-device-opens", allowed_devices=rules, privileged=True)[0] == "not-applicable"


@pytest.mark.parametrize(
    ("mounts", "sockets", "expected"),
    [
        pytest.param((), (), "passed", id="none"),
        pytest.param(
            (Mount("/host", "bind", HERE, source="/run"),), ("/host/docker.sock",), "passed", id="told by the bind"
        ),
        pytest.param((Mount("/links", "bind", HERE, source="/srv"),), ("/links/agent",), "failed", id="told by none"),
    ],
)
def test_control_sockets(mounts: tuple[Mount, ...], sockets: tuple[str, ...], expected: str) -> None:
    assert verdict("no-hidden-control-socket", mounts=mounts, control_sockets=sockets)[0] == expected


@pytest.mark.parametrize("control", [c for c in load_all().values() if c.live], ids=lambda control: control.id)
def test_text_alone_has_no_item_of_it(control: Any, tmp_path: Any) -> None:
    from pytest_dockerharden.judge import judge_project

    project = assemble_files(tmp_path, {"compose.yaml": "services:\n  web:\n    image: app\n"}).projects[0]
    assert list(judge_project(project, [control], {})) == []


@pytest.mark.parametrize(
    "control", [c for c in load_all().values() if c.live and c.judges == "Posture"], ids=lambda control: control.id
)
def test_what_nobody_looked_at_is_never_a_pass(control: Any) -> None:
    assert judge(control, observed(), "web").verdict in ("unknown", "not-applicable")
