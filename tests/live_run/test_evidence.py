"""``pytest --harden-live --harden-fix``: what a running stack shows becomes edits, after they were proved."""

from __future__ import annotations

import pytest

from tests.live_run.conftest import Stack

pytestmark = pytest.mark.live

TOML = 'select = ["read-only-rootfs", "memory-limit", "pids-limit"]\n'
# writer makes a folder and writes into one of the image; sprawling writes where no tmpfs can be; picky leaves no trace
# of what it needs
COMPOSE = """\
services:
  writer:  # it keeps notes
    image: IMAGE
    command: ["sh", "-c", "mkdir -p /cache/a && echo x > /cache/a/b && echo y > /tmp/z && exec sleep 1000"]
    init: true
  sprawling:
    image: IMAGE
    command: ["sh", "-c", "echo x > /here && exec sleep 1000"]
    init: true
  asked:
    image: IMAGE
    command: ["sleep", "1000"]
    init: true
  picky:
    image: IMAGE
    command: ["sleep", "1000"]
    init: true
    healthcheck:
      test: read device root type options < /proc/mounts; case $$options in (rw*) exit 0; esac; exit 1
      interval: 1s
      retries: 2
"""


# what only a test makes it do
USER_TEST = """\
def test_it_keeps_what_it_is_told(harden_stack):
    told = harden_stack.container("asked").exec_run(["sh", "-c", "mkdir /notes && echo x > /notes/a"])
    assert told.exit_code == 0
"""


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory, engine: object, image: str) -> tuple[Stack, str]:
    stack = Stack(tmp_path_factory.mktemp("evidence"), engine, image)
    stack.add("dockerharden.toml", TOML)
    stack.add("compose.yaml", COMPOSE)
    stack.add("test_notes.py", USER_TEST)
    done = stack.run("--harden-live", "--harden-fix", "compose.yaml", "test_notes.py", "-k", "live or keeps")
    return stack, done.stdout + done.stderr


def service(stack: Stack, name: str) -> list[str]:
    """The lines of a service of the file as it is now."""
    text = (stack.path / "compose.yaml").read_text(encoding="utf-8")
    lines = text.split(f"  {name}:")[1].splitlines()[1:]
    return lines[: next((i for i, line in enumerate(lines) if not line.startswith("    ")), len(lines))]


def test_what_is_written_gets_a_tmpfs_with_its_owner_and_mode_on_a_read_only_root(fixed: tuple[Stack, str]) -> None:
    lines = service(fixed[0], "writer")
    start = lines.index("    read_only: true")
    assert lines[start : start + 4] == [
        "    read_only: true",
        "    tmpfs:",
        "      - /tmp:size=16m,uid=0,gid=0,mode=1777",
        "      - /cache:size=16m,uid=0,gid=0,mode=0755",
    ]


def test_limits_have_head_room_over_what_was_used(fixed: tuple[Stack, str]) -> None:
    assert [line.strip() for line in service(fixed[0], "writer") if "memory:" in line or "pids:" in line] == [
        "pids: 16",
        "memory: 96M",
    ]


def test_what_a_test_of_the_user_s_makes_it_write_gets_a_tmpfs_too(fixed: tuple[Stack, str]) -> None:
    assert "      - /notes:size=16m,uid=0,gid=0,mode=0755" in service(fixed[0], "asked")


def test_what_does_not_come_up_with_its_edit_keeps_the_others(fixed: tuple[Stack, str]) -> None:
    lines = service(fixed[0], "picky")
    assert "    read_only: true" not in lines
    assert "          pids: 16" in lines
    assert "  picky: read-only-rootfs: it wrote to nothing, but is unhealthy" in fixed[1]


def test_it_is_said_what_was_proved_and_what_was_left_and_why(fixed: tuple[Stack, str]) -> None:
    said = fixed[1]
    assert "  writer: read-only-rootfs: it wrote to /tmp, /cache" in said
    assert "  sprawling: read-only-rootfs: it wrote to /, but it writes into / itself" in said


def test_nothing_is_left_running(fixed: tuple[Stack, str]) -> None:
    names = [container["Image"] for container in fixed[0].engine.api.containers()]
    assert fixed[0].image not in names
