from __future__ import annotations

from pathlib import Path

import pytest

from tests.controls.postures import found, in_files, stack, verdict
from tests.helpers import judgements

DROP = "cap_drop: [ALL]\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("cap_drop: [ALL]", id="all"),
        pytest.param("cap_drop: [all]", id="lower-case"),
        pytest.param("cap_drop: [NET_RAW, ALL]", id="among-others"),
        pytest.param('cap_drop: ["${DROP:-ALL}"]', id="by-default"),
        pytest.param(DROP + "cap_add: [CHOWN, SETUID, SETGID]", id="some-added-back"),
        pytest.param(DROP + "cap_add: [CAP_CHOWN]", id="with-its-prefix"),
        pytest.param('cap_drop: ["${DROP}"]', id="unresolved"),
        pytest.param("privileged: true", id="privileged-is-another-control"),
    ],
)
def test_dropped_capabilities_are_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "capabilities-dropped", body) == []


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("", 2, "it keeps all default capabilities"),
        ("cap_drop: []", 4, "it keeps all default capabilities"),
        ("cap_drop: [NET_ADMIN]", 4, "it keeps all default capabilities"),
        ("cap_drop: [NET_RAW, MKNOD]", 4, "it keeps 12 of the default capabilities"),
        ('user: "1000:1000"', 2, "it keeps all default capabilities"),
    ],
)
def test_kept_capabilities_are_reported(tmp_path: Path, body: str, line: int, message: str) -> None:
    assert found(tmp_path, "capabilities-dropped", body) == [(line, message)]


@pytest.mark.parametrize("control", ["no-host-control-capabilities", "no-host-reaching-capabilities"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="the-default"),
        pytest.param(DROP, id="dropped"),
        pytest.param(DROP + "cap_add: [CHOWN, NET_BIND_SERVICE]", id="harmless-ones"),
        pytest.param("privileged: true", id="privileged-is-another-control"),
        pytest.param('cap_add: ["${CAP}"]', id="unresolved"),
    ],
)
def test_ordinary_capabilities_are_not_reported(tmp_path: Path, control: str, body: str) -> None:
    assert found(tmp_path, control, body) == []


@pytest.mark.parametrize(
    ("control", "body", "message"),
    [
        ("no-host-control-capabilities", "cap_add: [SYS_ADMIN]", "SYS_ADMIN gives it the host"),
        ("no-host-control-capabilities", "cap_add: [cap_sys_module]", "SYS_MODULE gives it the host"),
        ("no-host-control-capabilities", "cap_add: [ALL]", "ALL gives it the host"),
        ("no-host-control-capabilities", 'cap_add: ["${C:-SYS_RAWIO}"]', "SYS_RAWIO gives it the host"),
        ("no-host-reaching-capabilities", "cap_add: [NET_ADMIN]", "NET_ADMIN reaches the host's kernel"),
        ("no-kernel-log-capability", "cap_add: [SYSLOG]", "SYSLOG reads the host's kernel log"),
        ("no-clock-or-tracing-capabilities", "cap_add: [perfmon]", "PERFMON reaches the whole machine"),
        ("no-administrative-capabilities", "cap_add: [CAP_MAC_ADMIN]", "MAC_ADMIN administers the machine"),
        (
            "no-capabilities-over-others",
            "cap_add: [SYS_PTRACE]",
            "SYS_PTRACE reaches beyond its own files and processes",
        ),
        (
            "no-shared-resource-capabilities",
            "cap_add: [IPC_LOCK]",
            "IPC_LOCK takes the machine's resources from others",
        ),
    ],
)
def test_a_strong_capability_is_reported(tmp_path: Path, control: str, body: str, message: str) -> None:
    assert found(tmp_path, control, body) == [(4, message)]


STRONG = (
    "no-host-control-capabilities",
    "no-host-reaching-capabilities",
    "no-clock-or-tracing-capabilities",
    "no-kernel-log-capability",
    "no-shared-resource-capabilities",
    "no-capabilities-over-others",
    "no-administrative-capabilities",
)


@pytest.mark.parametrize("name", ["SYS_ADMIN", "BPF", "SYS_TIME", "SYSLOG", "LEASE", "DAC_READ_SEARCH", "SYS_RESOURCE"])
def test_one_control_speaks_of_a_capability(tmp_path: Path, name: str) -> None:
    assert len([control for control in STRONG if found(tmp_path, control, f"cap_add: [{name}]")]) == 1


def test_what_an_image_asks_for_is_a_matter_of_strict(tmp_path: Path) -> None:
    control = "no-capability-that-its-image-asks-for"
    vpn = "image: linuxserver/wireguard:1\ncap_add: [NET_ADMIN, SYS_TIME]"
    assert found(tmp_path, control, vpn) == [(4, "NET_ADMIN is added")]
    assert found(tmp_path, control, "image: app:1\ncap_add: [NET_ADMIN]") == []


@pytest.mark.parametrize("body", ["cap_drop: [NET_RAW]", "cap_drop: [ALL]\nprivileged: true", "cap_drop: ['${DROP}']"])
def test_what_is_said_of_dropped_capabilities_is_enough(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "dropped-capabilities-stated", body) == []


def test_all_is_said_once(tmp_path: Path) -> None:
    assert found(tmp_path, "no-host-reaching-capabilities", "cap_add: [ALL]") == []


def test_a_strong_capability_is_reported_beside_privileged_mode(tmp_path: Path) -> None:
    body = "privileged: true\ncap_add: [SYS_ADMIN]"
    assert found(tmp_path, "no-host-control-capabilities", body) == [(5, "SYS_ADMIN gives it the host")]


NNP = 'user: "1000:1000"\nsecurity_opt: [no-new-privileges:true]\n'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("user: root\ncap_add: [CHOWN]", id="root-can-use-it"),
        pytest.param(NNP, id="nothing-added"),
        pytest.param('user: "1000:1000"\ncap_add: [NET_BIND_SERVICE]', id="file-capabilities-may-use-it"),
        pytest.param("image: redis:7\ncap_add: [SETUID, SETGID]", id="an-entrypoint-that-steps-down"),
        pytest.param(NNP + 'cap_add: ["${CAP}"]', id="unresolved"),
    ],
)
def test_a_capability_that_may_be_of_use_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "no-useless-capabilities", body) == []


def test_a_capability_without_use_is_reported(tmp_path: Path) -> None:
    body = NNP + "cap_add:\n  - NET_BIND_SERVICE\n  - CHOWN"
    assert found(tmp_path, "no-useless-capabilities", body) == [
        (7, "NET_BIND_SERVICE is added, but it does not run as root and cannot use it"),
        (8, "CHOWN is added, but it does not run as root and cannot use it"),
    ]


def test_a_dockerfile_with_setcap_may_use_it(tmp_path: Path) -> None:
    compose = "services:\n  web:\n    build: .\n    cap_add: [NET_BIND_SERVICE]\n"
    plain = "FROM debian:12.5\nUSER 1000:1000\n"
    setcap = "FROM debian:12.5\nRUN setcap cap_net_bind_service=+ep /app\nUSER 1000:1000\n"
    assert [h.line for h in in_files(tmp_path, "no-useless-capabilities", compose, Dockerfile=plain)] == [4]
    assert in_files(tmp_path, "no-useless-capabilities", compose, Dockerfile=setcap) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(DROP, id="not-added"),
        pytest.param("cap_add: [NET_BIND_SERVICE]\nnetwork_mode: host", id="on-the-hosts-network"),
        pytest.param("cap_add: [NET_BIND_SERVICE]\nnetwork_mode: container:vpn", id="in-another-network"),
        pytest.param(
            "cap_add: [NET_BIND_SERVICE]\nsysctls:\n  net.ipv4.ip_unprivileged_port_start: 1024", id="low-ports-closed"
        ),
    ],
)
def test_a_needed_net_bind_service_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "no-needless-net-bind-service", body) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("image: nginx:1.27", id="the-default-set"),
        pytest.param("image: nginx:1.27\n" + DROP + "cap_add: [CHOWN, SETUID, SETGID]", id="added-back"),
        pytest.param('image: nginx:1.27\nuser: "101:101"\n' + DROP, id="it-starts-as-its-user"),
        pytest.param("image: nginxinc/nginx-unprivileged:1.27\n" + DROP, id="the-image-has-a-user"),
        pytest.param("image: redis:7\nuser: redis\n" + DROP, id="the-service-has-a-user"),
        pytest.param("image: redis:7\ncommand: sh -c 'redis-server'\n" + DROP, id="a-shell-does-not-step-down"),
        pytest.param("image: redis:7\nentrypoint: redis-server\n" + DROP, id="no-entrypoint-to-step-down"),
        pytest.param("image: app\n" + DROP, id="an-image-nobody-knows"),
    ],
)
def test_a_server_that_can_start_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "root-server-can-step-down", body) == []


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ("image: nginx:1.27\n" + DROP, "CHOWN, SETGID, SETUID"),
        ("image: nginx:1.27\n" + DROP + "cap_add: [NET_BIND_SERVICE, SETUID]", "CHOWN, SETGID"),
        ("image: redis:7-alpine\n" + DROP, "SETGID, SETUID"),
    ],
)
def test_a_server_that_cannot_step_down_is_reported(tmp_path: Path, body: str, missing: str) -> None:
    message = f"it cannot start: as root it needs {missing} to step down"
    assert found(tmp_path, "root-server-can-step-down", body) == [(4, message)]


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("postgres:17", "[CHOWN, DAC_OVERRIDE, SETGID, SETUID]"),
        ("mongo:7", "[CHOWN, DAC_OVERRIDE, SETGID, SETUID]"),
        ("redis:7", "[CHOWN, DAC_OVERRIDE, SETGID, SETUID]"),
        ("nginx:1.27", "[CHOWN, SETGID, SETUID]"),
    ],
)
def test_a_database_gets_back_what_its_second_start_needs(tmp_path: Path, image: str, text: str) -> None:
    compose = f"services:\n  a:\n    image: {image}\n    {DROP}"
    (judgement,) = judgements(tmp_path, {"compose.yaml": compose}, "root-server-can-step-down")
    (finding,) = judgement.findings
    assert finding.remedy is not None
    assert finding.remedy.text.endswith(f"cap_add: {text}")
    assert [edit.value for edit in finding.remedy.edits] == text.strip("[]").split(", ")


@pytest.mark.parametrize(
    ("image", "back"),
    [
        ("httpd:2.4", "[SETGID, SETUID]"),
        ("php:8.3-apache-bookworm", "[SETGID, SETUID]"),
        ("wordpress", "[CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID]"),
    ],
)
def test_apache_whose_workers_stay_root_is_reported(tmp_path: Path, image: str, back: str) -> None:
    compose = f"services:\n  a:\n    image: {image}\n    {DROP}"
    (judgement,) = judgements(tmp_path, {"compose.yaml": compose}, "root-server-can-step-down")
    (finding,) = judgement.findings
    assert finding.message == "its workers stay root: it needs SETGID, SETUID to step down"
    assert finding.remedy is not None
    assert finding.remedy.text.endswith(f"cap_add: {back}")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("image: httpd:2.4", id="all of the default capabilities"),
        pytest.param("image: httpd:2.4\ncap_add: [SETGID, SETUID]\n" + DROP, id="what it needs"),
        pytest.param("image: php:8.3-apache\nuser: '33:33'\n" + DROP, id="another user from the start"),
        pytest.param("image: php:8.3-fpm\n" + DROP, id="no apache"),
        pytest.param("image: php:8.3-apache\ncommand: php worker.php\n" + DROP, id="another program"),
        pytest.param("image: nextcloud:29-fpm\n" + DROP, id="an application without apache"),
        pytest.param("image: wordpress:cli\n" + DROP, id="the command line of wordpress"),
        pytest.param("image: httpd:2.4\nentrypoint: /start\n" + DROP, id="another entrypoint"),
    ],
)
def test_apache_that_steps_down_or_that_is_none_is_not_reported(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, "root-server-can-step-down", body) == []


def test_names_the_engine_refuses_are_reported(tmp_path: Path) -> None:
    body = "cap_add: [cap_net_raw, SYSADMIN]\ncap_drop: [CAP_ALL]"
    assert found(tmp_path, "known-capability-names", body) == [
        (4, "the engine knows no capability SYSADMIN"),
        (5, "the engine knows no capability CAP_ALL"),
    ]
    assert found(tmp_path, "known-capability-names", 'cap_add: [all, Net_Raw, "${CAP}"]') == []


def test_unknown_privileges_are_unknown(tmp_path: Path) -> None:
    assert verdict(tmp_path, "capabilities-dropped", 'cap_drop: ["${DROP}"]') == "unknown"


S6 = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")


@pytest.mark.parametrize(
    ("body", "back"),
    [
        pytest.param("image: app:1", (), id="nothing is known of it"),
        pytest.param("image: lscr.io/linuxserver/sonarr:4", S6, id="s6"),
        pytest.param("image: linuxserver/x:1\ncap_add: [SETUID, chown]", S6[1:5], id="some are back"),
        pytest.param("image: caddy:2", ("NET_BIND_SERVICE",), id="a program with a file capability"),
        pytest.param("image: caddy:2\ncap_add: [NET_BIND_SERVICE]", (), id="that has it"),
        pytest.param("image: ours/caddy:2", (), id="a program of others"),
    ],
)
def test_what_an_image_needs_is_written_beside_the_dropped_capabilities(
    tmp_path: Path, body: str, back: tuple[str, ...]
) -> None:
    judged = judgements(tmp_path, {"compose.yaml": stack(body)}, "capabilities-dropped")
    (finding,) = [finding for one in judged for finding in one.findings]
    assert finding.remedy is not None
    first, *others = finding.remedy.edits
    assert (first.path, first.value) == (("cap_drop",), ["ALL"])
    assert [(edit.path, edit.value) for edit in others] == [(("cap_add",), name) for name in back]


@pytest.mark.parametrize("control", ["no-useless-capabilities", "no-needless-net-bind-service"])
def test_what_the_kernel_asks_for_before_it_starts_caddy_is_not_needless(tmp_path: Path, control: str) -> None:
    body = "user: '1000:1000'\nsecurity_opt: [no-new-privileges:true]\ncap_add: [NET_BIND_SERVICE]\n"
    assert found(tmp_path, control, "image: caddy:2\n" + body) == []
    assert len(found(tmp_path, control, "image: ours:2\n" + body)) == 1
