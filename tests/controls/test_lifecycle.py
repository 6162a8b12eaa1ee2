"""How a container starts, stops, restarts and logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import hits, judgements, verdicts


def found(folder: Path, settings: str, control: str, image: str = "image: app", **files: str) -> list[tuple[str, int]]:
    text = f"services:\n  web:\n    {image}\n{settings}"
    return [(hit.file, hit.line) for hit in hits(folder, {"compose.yaml": text, **files}, control)]


HERE = "compose.yaml"


@pytest.mark.parametrize(
    ("control", "settings", "expected"),
    [
        pytest.param("restarts-after-a-failure", "", [(HERE, 2)], id="nothing said"),
        pytest.param("restarts-after-a-failure", '    restart: "no"\n', [(HERE, 4)], id="no"),
        pytest.param("restarts-after-a-failure", "    restart: always\n", [], id="always"),
        pytest.param(
            "restarts-after-a-failure", "    deploy: {restart_policy: {condition: any}}\n", [], id="by deploy"
        ),
        pytest.param("restarts-are-bounded", "    restart: always\n", [(HERE, 4)], id="always is without end"),
        pytest.param("restarts-are-bounded", "    restart: on-failure\n", [(HERE, 4)], id="on-failure without a count"),
        pytest.param("restarts-are-bounded", "    restart: on-failure:10\n", [(HERE, 4)], id="ten times"),
        pytest.param("restarts-are-bounded", "    restart: on-failure:5\n", [], id="five times"),
        pytest.param("restarts-are-bounded", "", [], id="none"),
        pytest.param("known-restart-policy", "    restart: on_failure\n", [(HERE, 4)], id="a misspelt policy"),
        pytest.param("known-restart-policy", "    restart: always:3\n", [(HERE, 4)], id="a count that is not allowed"),
        pytest.param("known-restart-policy", "    restart: on-failure:3\n", [], id="a count"),
        pytest.param("known-restart-policy", "    restart: no\n", [], id="no, not quoted"),
        pytest.param("known-restart-policy", "    restart: ${RESTART}\n", [], id="a variable without a value"),
        pytest.param("init-reaps-children", "", [(HERE, 2)], id="no init"),
        pytest.param("init-reaps-children", "    init: true\n", [], id="an init"),
        pytest.param("init-reaps-children", "    entrypoint: [/sbin/tini, --, app]\n", [], id="tini of the image"),
        pytest.param("init-reaps-children", "    entrypoint: [/init]\n", [], id="s6 of the image"),
        pytest.param("stops-gracefully", "    stop_signal: SIGKILL\n", [(HERE, 4)], id="SIGKILL"),
        pytest.param("stops-gracefully", "    stop_signal: kill\n", [(HERE, 4)], id="kill"),
        pytest.param("stops-gracefully", "    stop_grace_period: 0s\n", [(HERE, 4)], id="no time"),
        pytest.param("stops-gracefully", "    stop_signal: SIGQUIT\n    stop_grace_period: 1m\n", [], id="time enough"),
        pytest.param("logs-are-rotated", "", [(HERE, 2)], id="the default driver"),
        pytest.param("logs-are-rotated", "    logging: {driver: json-file}\n", [(HERE, 4)], id="json-file, unbounded"),
        pytest.param("logs-are-rotated", "    logging: {options: {max-size: 10m}}\n", [], id="bounded"),
        pytest.param("logs-are-rotated", "    logging: {driver: local}\n", [], id="local rotates by itself"),
        pytest.param("logs-are-rotated", "    logging: {driver: syslog}\n", [], id="sent away"),
        pytest.param("logs-are-kept", "    logging: {driver: none}\n", [(HERE, 4)], id="thrown away"),
        pytest.param("logs-are-kept", "", [], id="kept"),
    ],
)
def test_settings_of_the_life_cycle(tmp_path: Path, control: str, settings: str, expected: list) -> None:
    assert found(tmp_path, settings, control) == expected


@pytest.mark.parametrize(
    ("image", "shell", "expected"),
    [
        pytest.param("redis:7.4", "sh", [(HERE, 4)], id="dash stays process 1"),
        pytest.param("redis:7.4-alpine", "sh", [], id="ash execs"),
        pytest.param("redis:7.4", "bash", [], id="bash execs"),
        pytest.param("registry.example/app:1", "sh", [], id="which shell it is is not known"),
    ],
)
def test_a_single_command_depends_on_the_shell(tmp_path: Path, image: str, shell: str, expected: list) -> None:
    command = f"    command: {shell} -c 'redis-server --dir /data'\n"
    assert found(tmp_path, command, "signals-reach-the-program", f"image: {image}") == expected


def test_a_restart_policy_from_a_variable_is_unknown(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: app\n    restart: ${RESTART}\n"
    assert verdicts(tmp_path, {HERE: text}, "restarts-after-a-failure") == {"web": "unknown"}


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param('    command: sh -c "./migrate && ./serve"\n', id="a string"),
        pytest.param('    command: ["sh", "-c", "./migrate; ./serve"]\n', id="a list"),
        pytest.param('    entrypoint: ["/bin/bash", "-c", "./migrate && ./serve"]\n', id="bash as entrypoint"),
        pytest.param("    command: >\n      sh -c 'echo start\n      && ./serve'\n", id="a folded string"),
    ],
)
def test_a_shell_that_stays_process_1_is_found(tmp_path: Path, settings: str) -> None:
    assert found(tmp_path, settings, "signals-reach-the-program") == [(HERE, 4)]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param('    command: sh -c "./migrate && exec ./serve"\n', id="it execs"),
        pytest.param('    command: sh -c "./serve --port 80"\n', id="one command: most shells exec it"),
        pytest.param('    command: sh -c "cd /app && ./serve"\n', id="cd is no program"),
        pytest.param('    command: sh -c "set -e; export A=1; ./serve"\n', id="built-ins are no programs"),
        pytest.param('    command: ["./serve"]\n', id="no shell"),
        pytest.param('    command: sh -c "./a && ./b"\n    init: true\n', id="an init process"),
        pytest.param('    command: sh -c "trap stop TERM; ./a & wait"\n', id="a trap handles the signal"),
        pytest.param('    command: sh -c "./serve --id $$(cat /id)"\n', id="a substitution is no program of its own"),
    ],
)
def test_a_program_that_gets_its_signals_is_let_be(tmp_path: Path, settings: str) -> None:
    assert found(tmp_path, settings, "signals-reach-the-program") == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param("    entrypoint: [/entrypoint.sh]\n", [(HERE, 4)], id="the same entrypoint again"),
        pytest.param("    entrypoint: /entrypoint.sh\n", [(HERE, 4)], id="as a string"),
        pytest.param("    entrypoint: [/entrypoint.sh]\n    command: [nginx]\n", [], id="with its command"),
        pytest.param("    entrypoint: [/other, --serve]\n", [], id="another program"),
        pytest.param("    entrypoint: []\n", [], id="an empty entrypoint drops nothing"),
        pytest.param("    command: [nginx]\n", [], id="the command alone"),
    ],
)
def test_an_entrypoint_keeps_a_command(tmp_path: Path, settings: str, expected: list) -> None:
    dockerfile = 'FROM x\nENTRYPOINT ["/entrypoint.sh"]\nCMD ["nginx", "-g", "daemon off;"]\n'
    files = {"Dockerfile": dockerfile}
    assert found(tmp_path, settings, "entrypoint-keeps-a-command", "build: .", **files) == expected


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param('    command: ["app", "--token", "$$(cat /run/secrets/t)"]\n', id="a substitution in a list"),
        pytest.param("    command: app --host $$HOSTNAME\n", id="a variable in a string"),
        pytest.param("    command: ./migrate && ./serve\n", id="dropped from && on"),
        pytest.param("    command: ./serve | tee /log\n", id="dropped from the pipe on"),
        pytest.param('    entrypoint: ["app", "$$HOME/x"]\n', id="in the entrypoint"),
    ],
)
def test_shell_syntax_without_a_shell_is_found(tmp_path: Path, settings: str) -> None:
    assert found(tmp_path, settings, "exec-command-has-no-shell-syntax") == [(HERE, 4)]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param('    command: ["sh", "-c", "a | b $$HOME"]\n', id="sh -c"),
        pytest.param("    command: bash -c 'a && b'\n", id="bash -c in a string"),
        pytest.param('    entrypoint: ["sh", "-c"]\n    command: ["a | b $$X"]\n', id="the entrypoint is the shell"),
        pytest.param('    command: ["nginx", "-g", "daemon off;"]\n', id="a semicolon inside a word"),
        pytest.param("    command: app '--filter=a|b'\n", id="a pipe inside a quoted word"),
        pytest.param("    command: app ${ARGS}\n", id="compose expands it"),
        pytest.param('    command: ["python", "-c", "print($$x)"]\n', id="another language"),
    ],
)
def test_what_needs_no_shell_is_let_be(tmp_path: Path, settings: str) -> None:
    assert found(tmp_path, settings, "exec-command-has-no-shell-syntax") == []


SCRIPTED = {
    "Dockerfile": 'FROM debian:12\nCOPY entrypoint.sh /entrypoint.sh\nENTRYPOINT ["/entrypoint.sh"]\nCMD ["app"]\n'
}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param('#!/bin/sh\n./migrate\n"$@"\n', [("entrypoint.sh", 3)], id="runs its arguments"),
        pytest.param("#!/bin/sh\nnginx -g 'daemon off;'\n", [("entrypoint.sh", 2)], id="runs a server"),
        pytest.param('#!/bin/sh\nexec "$@"\n', [], id="execs"),
        pytest.param("#!/bin/sh\nif true; then exec a; fi\nexec b\n", [], id="execs in a branch"),
        pytest.param("#!/bin/sh\ntrap 'kill $P' TERM\napp & P=$!\nwait\n", [], id="handles the signal"),
        pytest.param("#!/bin/sh\n", [], id="an empty script"),
    ],
)
def test_an_entrypoint_script_hands_over(tmp_path: Path, script: str, expected: list) -> None:
    files = {**SCRIPTED, "entrypoint.sh": script}
    assert found(tmp_path, "", "entrypoint-script-hands-over", "build: .", **files) == expected


@pytest.mark.parametrize(
    ("image", "effects"),
    [
        pytest.param("redis:7.4", ["safe"], id="an official image has none"),
        pytest.param("acme/app:1", ["behaviour-changing"], id="another may have one that must be process 1"),
        pytest.param("lscr.io/linuxserver/sonarr:4", [], id="s6 is there and must be process 1"),
        pytest.param("apache/airflow:2.10.0", [], id="dumb-init is there"),
    ],
)
def test_an_init_is_written_only_where_none_can_be(tmp_path: Path, image: str, effects: list[str]) -> None:
    judged = judgements(tmp_path, {"compose.yaml": f"services:\n  a:\n    image: {image}\n"}, "init-reaps-children")
    assert [finding.remedy.effect for one in judged for finding in one.findings if finding.remedy] == effects
