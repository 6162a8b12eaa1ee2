"""``--harden-diff``, ``--harden-fix`` and ``--harden-fix-all`` as somebody types them."""

from __future__ import annotations

import pytest

from tests.helpers import write_git_index

TEXT = (
    "services:\n  web:\n    image: app:1.0\n    environment:\n      DB_PASSWORD: hunter2Xz9\n    ports: ['8080:80']\n"
)
QUIET = ("-q", "-p", "no:cacheprovider")


def test_a_diff_shows_what_may_break_and_no_secret_and_writes_nothing(pytester: pytest.Pytester) -> None:
    path = pytester.path / "compose.yaml"
    path.write_text(TEXT)
    result = pytester.runpytest_inprocess("--harden-diff", *QUIET)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["--- compose.yaml", "-    ports: *8080:80*", "+    ports: *127.0.0.1:8080:80*", "*may break clients*"]
    )
    assert "hunter2" not in result.stdout.str()
    assert path.read_text() == TEXT


def test_all_remedies_are_written_and_what_is_left_is_judged(pytester: pytest.Pytester) -> None:
    path = pytester.path / "compose.yaml"
    path.write_text(TEXT)
    result = pytester.runpytest_inprocess("--harden-fix-all", *QUIET)
    assert "127.0.0.1:8080:80" in path.read_text()
    assert "no-secrets-written-in-environment" in result.stdout.str()
    assert "FAILED compose.yaml::static::read-only-rootfs" not in result.stdout.str()


def test_what_may_break_a_service_is_written_only_where_all_is_asked_for(pytester: pytest.Pytester) -> None:
    path = pytester.path / "compose.yaml"
    path.write_text(TEXT)
    pytester.runpytest_inprocess("--harden-fix", *QUIET).stdout.fnmatch_lines(["*--harden-fix-all writes the others*"])
    assert path.read_text() == TEXT


def test_a_file_that_git_does_not_have_is_refused_in_one_line_unless_it_is_said_twice(
    pytester: pytest.Pytester,
) -> None:
    path = pytester.path / "compose.yaml"
    path.write_text(TEXT)
    write_git_index(pytester.path, [])
    (pytester.path / ".git/objects").mkdir()
    result = pytester.runpytest_inprocess("--harden-fix-all", *QUIET)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*git does not have compose.yaml as it is*"])
    assert path.read_text() == TEXT
    pytester.runpytest_inprocess("--harden-fix-all", "--harden-fix-all", *QUIET)
    assert path.read_text() != TEXT


def test_what_only_people_can_decide_is_named_with_what_to_do(pytester: pytest.Pytester) -> None:
    (pytester.path / "compose.yaml").write_text(TEXT)
    (pytester.path / "Dockerfile").write_text("FROM certbot/certbot\nUSER 1000\n")
    result = pytester.runpytest_inprocess("--harden-diff", *QUIET)
    result.stdout.fnmatch_lines(
        [
            "for people to decide, as no file says it:",
            "  no-secrets-written-in-environment (web): DB_PASSWORD: ${DB_PASSWORD:?}*",
            "  tagged-base-image (Dockerfile): FROM certbot/certbot:VERSION",
        ]
    )
