"""What the remedies of a run make of the text of compose files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dockerharden.remedy.errors import CannotEditError
from pytest_dockerharden.remedy.template import other_default
from tests.remedy.helpers import plan_for

BOM = "\ufeff"
STRICT = 'suite = "strict"\nselect = [{}]\nfail-on = "info"\n'


def mended(folder: Path, text: str, *controls: str, **further: str) -> str:
    """What ``controls`` make of a compose file."""
    selected = ", ".join(f'"{control}"' for control in controls)
    files = {"compose.yaml": text, "dockerharden.toml": STRICT.format(selected), **further}
    plan = plan_for(folder, files)
    return plan.after.get(str(folder / "compose.yaml"), text)


CASES = {
    "block": (
        "services:\n  web:\n    image: app\n",
        "services:\n  web:\n    image: app\n    read_only: true\n",
    ),
    "no final newline": ("services:\n  web:\n    image: app", "services:\n  web:\n    image: app\n    read_only: true"),
    "CRLF": (
        "services:\r\n  web:\r\n    image: app\r\n",
        "services:\r\n  web:\r\n    image: app\r\n    read_only: true\r\n",
    ),
    "a byte order mark": (
        f"{BOM}services:\n  web:\n    image: app\n",
        "services:\n  web:\n    image: app\n    read_only: true\n",
    ),
    "flow": (
        "services: {web: {image: app}}\n",
        "services: {web: {image: app, read_only: true}}\n",
    ),
    "flow over lines with a trailing comma": (
        "services:\n  web: {\n    image: app,  # c\n  }\n",
        "services:\n  web: {\n    image: app,  # c\n    read_only: true,\n  }\n",
    ),
    "flow over lines without a trailing comma": (
        "services:\n  web: {\n    image: app\n  }\n",
        "services:\n  web: {\n    image: app,\n    read_only: true\n  }\n",
    ),
    "flow over lines with a comment behind the last": (
        "services:\n  web: {\n    image: app  # c\n  }\n",
        "services:\n  web: {\n    image: app, read_only: true  # c\n  }\n",
    ),
    "JSON": (
        '{\n  "services": {\n    "web": {\n      "image": "app"\n    }\n  }\n}\n',
        '{\n  "services": {\n    "web": {\n      "image": "app",\n      "read_only": true\n    }\n  }\n}\n',
    ),
    "JSON on one line": (
        '{"services": {"web": {"image": "app"}}}',
        '{"services": {"web": {"image": "app", "read_only": true}}}',
    ),
    "an explicit key": (
        "services:\n  ? web\n  : image: app\n",
        "services:\n  ? web\n  : image: app\n    read_only: true\n",
    ),
    "explicit keys beside": (
        "services:\n  web:\n    ? image\n    : app  # c\n",
        "services:\n  web:\n    ? image\n    : app  # c\n    read_only: true\n",
    ),
    "four spaces": (
        "services:\n    web:\n        image: app\n",
        "services:\n    web:\n        image: app\n        read_only: true\n",
    ),
    "quoted keys": (
        '"services":\n  \'web\':\n    "image": app\n',
        '"services":\n  \'web\':\n    "image": app\n    read_only: true\n',
    ),
    "comments around": (
        "services:\n  web:\n    image: app  # the app\n    # ports\n\n  # next\nvolumes: {}\n",
        "services:\n  web:\n    image: app  # the app\n    read_only: true\n    # ports\n\n  # next\nvolumes: {}\n",
    ),
    "a tab in a comment": (
        "services:\n  web:\n    image: app\t# a\ttab\n",
        "services:\n  web:\n    image: app\t# a\ttab\n    read_only: true\n",
    ),
    "a value that is there": (
        "services:\n  web:\n    image: app\n    read_only: false  # for now\n",
        "services:\n  web:\n    image: app\n    read_only: true  # for now\n",
    ),
    "a quoted value keeps its quotes": (
        "services:\n  web:\n    image: app\n    read_only: 'false'\n",
        "services:\n  web:\n    image: app\n    read_only: true\n",
    ),
    "a key without a value": (
        "services:\n  web:\n    image: app\n    read_only:  # later\n    init: true\n",
        "services:\n  web:\n    image: app\n    read_only: true  # later\n    init: true\n",
    ),
    "a literal text as the last value": (
        "services:\n  web:\n    image: app\n    command: |\n      run\n\n  db:\n    image: db\n    read_only: true\n",
        (
            "services:\n  web:\n    image: app\n    command: |\n      run\n    read_only: true\n\n"
            "  db:\n    image: db\n    read_only: true\n"
        ),
    ),
    "a literal text that keeps its line ends": (
        "services:\n  web:\n    image: app\n    labels:\n      a: |+\n        run\n\n\n",
        "services:\n  web:\n    image: app\n    read_only: true\n    labels:\n      a: |+\n        run\n\n\n",
    ),
    "a literal text at the end of the file": (
        "services:\n  web:\n    image: app\n    labels:\n      a: |\n        run",
        "services:\n  web:\n    image: app\n    read_only: true\n    labels:\n      a: |\n        run",
    ),
    "a command of several lines at the end of the file": (
        "services:\n  web:\n    image: app\n    command: >\n      run\n      it",
        "services:\n  web:\n    image: app\n    read_only: true\n    command: >\n      run\n      it",
    ),
    "an anchor that all share": (
        "x-base: &base\n  image: app\n  read_only: false\nservices:\n  a:\n    <<: *base\n  b:\n    <<: *base\n",
        "x-base: &base\n  image: app\n  read_only: true\nservices:\n  a:\n    <<: *base\n  b:\n    <<: *base\n",
    ),
    "an anchor that another one overrides": (
        (
            "x-base: &base\n  image: app\n  read_only: false\nservices:\n  a:\n    <<: *base\n"
            "  b:\n    <<: *base\n    read_only: true\n"
        ),
        (
            "x-base: &base\n  image: app\n  read_only: true\nservices:\n  a:\n    <<: *base\n"
            "  b:\n    <<: *base\n    read_only: true\n"
        ),
    ),
    "a service that merges": (
        "x-base: &base\n  image: app\nservices:\n  a:\n    <<: *base\n  b:\n    <<: *base\n    read_only: true\n",
        (
            "x-base: &base\n  image: app\nservices:\n  a:\n    <<: *base\n    read_only: true\n"
            "  b:\n    <<: *base\n    read_only: true\n"
        ),
    ),
    "services that are one mapping": (
        "services:\n  a: &a\n    image: app\n  b: *a\n",
        "services:\n  a: &a\n    image: app\n    read_only: true\n  b: *a\n",
    ),
    "an alias as the value": (
        "x-no: &no false\nservices:\n  a:\n    image: app\n    read_only: *no\n    init: *no\n",
        "x-no: &no false\nservices:\n  a:\n    image: app\n    read_only: true\n    init: *no\n",
    ),
    "a service that extends one of its file": (
        "services:\n  base:\n    image: app\n    read_only: true\n  web:\n    extends: base\n    read_only: false\n",
        "services:\n  base:\n    image: app\n    read_only: true\n  web:\n    extends: base\n    read_only: true\n",
    ),
    "a service of which nothing is written": (
        "services:\n  web:  # later\n  db:\n    image: db\n    read_only: true\n",
        "services:\n  web:  # later\n    read_only: true\n  db:\n    image: db\n    read_only: true\n",
    ),
    "a default of a variable": (
        "services:\n  web:\n    image: app\n    read_only: ${RO:-false}  # c\n",
        "services:\n  web:\n    image: app\n    read_only: ${RO:-true}  # c\n",
    ),
    "a default of a variable in quotes": (
        "services:\n  web: {image: app, read_only: '${RO-no}'}\n",
        "services:\n  web: {image: app, read_only: '${RO-true}'}\n",
    ),
    "an anchor that nothing refers to": (
        "services:\n  web: &web\n    image: app\n    read_only: &ro false\n",
        "services:\n  web: &web\n    image: app\n    read_only: &ro true\n",
    ),
    "several documents": (
        "services:\n  web:\n    image: app\n---\nservices:\n  web:\n    init: true\n",
        "services:\n  web:\n    image: app\n    read_only: true\n---\nservices:\n  web:\n    init: true\n",
    ),
    "a line separator of Unicode": (
        'services:\n  web:\n    image: app\n    labels: {a: "x\u2028y"}\n',
        'services:\n  web:\n    image: app\n    labels: {a: "x\u2028y"}\n    read_only: true\n',
    ),
    "characters beyond the first plane": (
        "# 🐳🐳\nservices:\n  web: # 🐳\n    image: app # 🐳\n",
        "# 🐳🐳\nservices:\n  web: # 🐳\n    image: app # 🐳\n    read_only: true\n",
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_a_key_is_written_where_it_belongs_and_nothing_else_moves(text: str, expected: str, tmp_path: Path) -> None:
    assert mended(tmp_path, text, "read-only-rootfs") == expected


UNTOUCHED = {
    "a text that is no YAML": "services:\n  web:\n   image: app\n  bad\n",
    "a waived finding": "services:\n  web:  # harden: waive read-only-rootfs until 2999-01-01 -- w\n    image: app\n",
}


@pytest.mark.parametrize("text", UNTOUCHED.values(), ids=UNTOUCHED)
def test_what_cannot_be_mended_for_sure_stays(text: str, tmp_path: Path) -> None:
    assert mended(tmp_path, text, "read-only-rootfs") == text


def test_an_anchor_that_another_service_needs_as_it_is_gets_an_override(tmp_path: Path) -> None:
    text = (
        "x-base: &base\n  image: app\n  read_only: false\nservices:\n  a:\n    <<: *base\n"
        "  # harden: waive read-only-rootfs until 2999-01-01 -- it writes\n  b:\n    <<: *base\n"
    )
    expected = text.replace("  a:\n    <<: *base\n", "  a:\n    <<: *base\n    read_only: true\n")
    assert mended(tmp_path, text, "read-only-rootfs") == expected


def test_mounts_that_users_of_other_numbers_share_are_left_to_people(tmp_path: Path) -> None:
    text = (
        "services:\n  a:\n    image: app\n    user: '101:101'\n    tmpfs: &shared\n      - /run/app:size=1m\n"
        "  b:\n    image: app\n    user: '999:999'\n    tmpfs: *shared\n"
    )
    assert mended(tmp_path, text, "tmpfs-writable-by-user") == text


def test_lists_grow_in_the_style_they_have(tmp_path: Path) -> None:
    text = (
        "services:\n  a:\n    image: app\n    security_opt:\n    - label=type:x  # why\n    init: true\n"
        "  b:\n    image: app\n    security_opt: [label=type:x]\n  c:\n    image: app\n    security_opt: []\n"
    )
    assert mended(tmp_path, text, "no-new-privileges") == (
        "services:\n  a:\n    image: app\n    security_opt:\n    - label=type:x  # why\n    - no-new-privileges:true\n"
        "    init: true\n  b:\n    image: app\n    security_opt: [label=type:x, no-new-privileges:true]\n"
        "  c:\n    image: app\n    security_opt: [no-new-privileges:true]\n"
    )


def test_keys_are_written_as_people_group_them_and_next_to_what_they_belong_to(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: app\n    cap_drop:\n      - ALL\n    # then\n    init: true\n"
    controls = ("memory-limit", "no-new-privileges", "read-only-rootfs")
    assert mended(tmp_path, text, *controls) == (
        "services:\n  web:\n    image: app\n    cap_drop:\n      - ALL\n    security_opt:\n"
        "      - no-new-privileges:true\n    # then\n    init: true\n    read_only: true\n    deploy:\n"
        "      resources:\n        limits:\n          memory: 512M\n"
    )


def test_limits_of_one_service_are_written_as_one_block(tmp_path: Path) -> None:
    text = "services:\n    web:\n        image: app\n"
    assert mended(tmp_path, text, "memory-limit", "cpu-limit", "pids-limit") == (
        "services:\n    web:\n        image: app\n        deploy:\n            resources:\n"
        '                limits:\n                    memory: 512M\n                    cpus: "1.0"\n'
        "                    pids: 100\n"
    )


def test_a_key_without_a_value_takes_what_belongs_below_it(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: app\n    deploy:\n    init: true\n"
    assert mended(tmp_path, text, "pids-limit") == text.replace(
        "deploy:\n", "deploy:\n      resources:\n        limits:\n          pids: 100\n"
    )


def test_what_a_healthcheck_runs_is_written_as_people_write_it(tmp_path: Path) -> None:
    text = "services:\n  cache:\n    image: redis:7.4\n    healthcheck:\n      disable: true\n    init: true\n"
    assert mended(tmp_path, text, "healthcheck-defined") == text.replace(
        "disable: true\n",
        'test: ["CMD-SHELL", "redis-cli ping | grep -q PONG"]\n      interval: 30s\n      timeout: 5s\n'
        "      retries: 3\n      start_period: 30s\n",
    )


def test_a_default_of_a_password_is_taken_out_in_the_form_it_stands_in(tmp_path: Path) -> None:
    text = (
        "services:\n  a:\n    image: app\n    environment:\n      - DB_PASSWORD=${DB_PASSWORD:-hunter2}  # c\n"
        "  b:\n    image: app\n    environment:\n      DB_PASSWORD: '${DB_PASSWORD:-hunter2}'\n"
    )
    assert mended(tmp_path, text, "no-secrets-written-in-environment") == text.replace(":-hunter2}", ":?}")


def test_a_variable_that_is_set_keeps_its_default_and_is_named(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: app\n    read_only: ${RO:-false}\n"
    toml = STRICT.format('"read-only-rootfs"')
    plan = plan_for(tmp_path, {"compose.yaml": text, "dockerharden.toml": toml, ".env": "RO=false\n"})
    assert plan.after == {}
    assert [wish.reason for wish in plan.left] == ["the variable RO is set, and its value decides"]


TEMPLATES = {
    "a default": ("${A:-always}", "on-failure:5", "${A:-on-failure:5}", "A"),
    "text behind a variable": ("${A:-50000}:0", "50000:50000", "${A:-50000}:50000", ""),
    "text before a variable": ("docker.io/${A-x}", "ghcr.io/x", "ghcr.io/${A-x}", ""),
    "a default and text": ("${U-0}:0", "1:2", "${U-1}:2", "U"),
    "two defaults": ("${U:-0}:${G:-0}", "1:2", "${U:-1}:${G:-2}", "U"),
    "a default in the middle": ("a${B:-x}c", "abc", "a${B:-b}c", "B"),
}


@pytest.mark.parametrize(("template", "new", "written", "variable"), TEMPLATES.values(), ids=TEMPLATES)
def test_of_a_text_with_variables_one_part_changes(template: str, new: str, written: str, variable: str) -> None:
    assert other_default(template, new) == (written, variable)


@pytest.mark.parametrize("template", ["${A}", "$A", "${A:?must}", "${A:-${B:-c}}", "${A:+b}", "${A:-x}y${B:-z}"])
def test_a_variable_without_a_default_of_its_own_is_not_written_anew(template: str) -> None:
    with pytest.raises(CannotEditError):
        other_default(template, "other")


def test_a_service_leaves_the_host_s_network_for_the_first_default_one(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: app\n    network_mode: host\n"
    assert mended(tmp_path, text, "no-host-network") == text.replace("    network_mode: host\n", "")


def test_each_file_loses_its_obsolete_line(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "version: '3'\nservices:\n  web:\n    image: app\n",
        "compose.override.yaml": "version: '3'\nservices:\n  web:\n    init: true\n",
        "dockerharden.toml": STRICT.format('"no-obsolete-version"'),
    }
    plan = plan_for(tmp_path, files)
    assert {Path(file).name: text for file, text in plan.after.items()} == {
        name: files[name].split("\n", 1)[1] for name in ("compose.yaml", "compose.override.yaml")
    }


def test_a_program_that_needs_temporary_files_gets_a_place_for_them(tmp_path: Path) -> None:
    text = (
        "services:\n  a:\n    image: app\n    command: celery -A app worker\n  b:\n    image: app\n    command: app\n"
    )
    assert mended(tmp_path, text, "read-only-rootfs") == (
        "services:\n  a:\n    image: app\n    command: celery -A app worker\n    read_only: true\n    tmpfs:\n"
        "      - /tmp:size=64m\n  b:\n    image: app\n    command: app\n    read_only: true\n"
    )


def test_names_that_several_wait_for_through_an_anchor_get_conditions_together(tmp_path: Path) -> None:
    text = (
        "services:\n  a:\n    image: app\n    depends_on: &needs\n      - db\n  b:\n    image: app\n"
        "    depends_on: *needs\n  db:\n    image: db\n    healthcheck: {test: [CMD, ok]}\n"
    )
    assert mended(tmp_path, text, "dependants-wait-for-health") == text.replace(
        "      - db\n", "      db:\n        condition: service_healthy\n"
    )


def test_a_word_of_a_folded_text_is_changed_where_it_stands(tmp_path: Path) -> None:
    text = 'services:\n  a:\n    image: debian:12\n    command: >\n      sh -c "migrate &&\n             serve --all"\n'
    assert mended(tmp_path, text, "signals-reach-the-program") == text.replace(" serve", " exec serve")


@pytest.mark.parametrize(
    "variables",
    ["[MYSQL_ALLOW_EMPTY_PASSWORD=yes, A=1]", '["A=1", "MYSQL_ALLOW_EMPTY_PASSWORD=yes"]'],
)
def test_a_variable_is_taken_out_of_a_list(variables: str, tmp_path: Path) -> None:
    text = f"services:\n  db:\n    image: mysql:8\n    environment: {variables}\n"
    kept = "[A=1]" if variables[1] == "M" else '["A=1"]'
    assert mended(tmp_path, text, "databases-ask-for-a-password") == text.replace(variables, kept)


def test_a_network_of_which_nothing_is_written_gets_what_it_lacks(tmp_path: Path) -> None:
    text = "services:\n  db:\n    image: redis:7.4\n    networks: [data]\nnetworks:\n  data:  # private\n"
    assert mended(tmp_path, text, "data-networks-internal") == f"{text}    internal: true\n"


def test_an_overlay_overrides_the_list_of_the_base_file(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services:\n  web:\n    image: app\n    env_file: [.env.local]\n",
        "compose.prod.yaml": "services:\n  web:\n    env_file:  # c\n      - .env.production\n",
        ".env.local": "A=1\n",
        ".env.production": "B=1\n",
        "dockerharden.toml": STRICT.format('"overlays-drop-the-development-env-file"'),
    }
    plan = plan_for(tmp_path, files)
    assert list(plan.after.values()) == [files["compose.prod.yaml"].replace("env_file:", "env_file: !override")]


def test_names_to_wait_for_get_conditions(tmp_path: Path) -> None:
    text = (
        "services:\n  web:\n    image: app\n    depends_on:\n    - db  # first\n    # and\n    - log\n"
        "  db:\n    image: db\n    healthcheck: {test: [CMD, ok]}\n  log:\n    image: log\n"
    )
    assert mended(tmp_path, text, "dependants-wait-for-health") == (
        "services:\n  web:\n    image: app\n    depends_on:\n      db:\n        condition: service_healthy  # first\n"
        "    # and\n      log:\n        condition: service_started\n"
        "  db:\n    image: db\n    healthcheck: {test: [CMD, ok]}\n  log:\n    image: log\n"
    )


def test_an_overlay_that_makes_it_worse_is_where_it_is_mended(tmp_path: Path) -> None:
    base = "services:\n  web:\n    image: app\n    read_only: true\n"
    overlay = "services:\n  web:\n    read_only: false\n"
    toml = STRICT.format('"read-only-rootfs"')
    plan = plan_for(tmp_path, {"compose.yaml": base, "compose.prod.yaml": overlay, "dockerharden.toml": toml})
    assert plan.after == {str(tmp_path / "compose.prod.yaml"): "services:\n  web:\n    read_only: true\n"}


def test_a_file_that_is_included_is_edited_where_it_is(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "include: [db/part.yaml]\nservices:\n  web:\n    image: app\n    read_only: true\n",
        "db/part.yaml": "services:\n  db:\n    image: db\n",
        "dockerharden.toml": STRICT.format('"read-only-rootfs"'),
    }
    plan = plan_for(tmp_path, files)
    assert plan.after == {str(tmp_path / "db/part.yaml"): "services:\n  db:\n    image: db\n    read_only: true\n"}


def test_a_second_run_finds_nothing_to_do(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: app\n    privileged: true\n    network_mode: host\n"
    files = {"compose.yaml": text}
    plan = plan_for(tmp_path, files)
    again = plan_for(tmp_path, {"compose.yaml": plan.after[str(tmp_path / "compose.yaml")]})
    assert again.after == {}


def test_an_item_of_a_list_in_the_column_of_its_key_comes_before_the_next_key(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: app\n    security_opt:\n    - label=type:x\n"
    assert mended(tmp_path, text, "read-only-rootfs", "no-new-privileges") == (
        f"{text}    - no-new-privileges:true\n    read_only: true\n"
    )


def test_an_option_is_added_to_a_list_that_loses_another_one(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: app\n    security_opt: [seccomp:unconfined, label=type:x]\n"
    assert mended(tmp_path, text, "seccomp-confined", "no-new-privileges") == text.replace(
        "[seccomp:unconfined, label=type:x]", "[label=type:x, no-new-privileges:true]"
    )


def test_ports_are_quoted_in_both_styles_of_a_list(tmp_path: Path) -> None:
    text = (
        "services:\n  a:\n    image: app\n    ports:\n    - 127.0.0.1:22:22/udp  # c\n    - 80\n"
        "  b: {image: b, ports: [1:1]}\n"
    )
    assert mended(tmp_path, text, "ports-are-quoted") == (
        'services:\n  a:\n    image: app\n    ports:\n    - "127.0.0.1:22:22/udp"  # c\n    - "80"\n'
        '  b: {image: b, ports: ["1:1"]}\n'
    )


def test_names_and_protocols_become_lower_case_where_they_stand(tmp_path: Path) -> None:
    text = "FROM debian:12 AS Build\nEXPOSE 80/TCP 53/udp\n"
    files = {"Dockerfile": text, "dockerharden.toml": STRICT.format('"lower-case-protocols", "lower-case-stage-names"')}
    assert list(plan_for(tmp_path, files).after.values()) == ["FROM debian:12 AS build\nEXPOSE 80/tcp 53/udp\n"]
