"""Arguments are shown without the secrets in them, and it is told what held one."""

from __future__ import annotations

import pytest

from pytest_dockerharden.observe.arguments import masked, secret_values

SECRET = "hunter2correcthorse"


@pytest.mark.parametrize(
    ("argv", "holder"),
    [
        pytest.param(("redis-server", "--requirepass", SECRET), "--requirepass", id="an option and its value"),
        pytest.param(("server", f"--password={SECRET}"), "--password", id="an option with its value"),
        pytest.param(("sh", "-c", f"DB_PASSWORD={SECRET} exec server"), "DB_PASSWORD", id="an assignment"),
        pytest.param(("worker", "-u", SECRET), "the value of API_TOKEN", id="a credential of its environment"),
        pytest.param(("app", f"redis://:x@a/{SECRET}\nsecond line"), "the value of API_TOKEN", id="with a line break"),
    ],
)
def test_a_secret_is_masked_and_its_holder_named(argv: tuple[str, ...], holder: str) -> None:
    shown, named = masked(argv, {SECRET: "API_TOKEN"} if "API_TOKEN" in holder else {})
    assert SECRET not in " ".join(shown)
    assert named == holder


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param((), id="none"),
        pytest.param(("nginx: master process nginx -g daemon off;",), id="a title of its own"),
        pytest.param(("server", "--password-file", "/run/secrets/password"), id="a file"),
        pytest.param(("celery", "--app", "app.tasks", "worker", "--loglevel=INFO"), id="plain options"),
        pytest.param(("sh", "-c", 'exec redis-server --requirepass "$(cat /run/secrets/x)"'), id="a substitution"),
        pytest.param(("gpg", "--keyserver", "hkps://keys"), id="a key that is none"),
    ],
)
def test_what_holds_no_secret_is_as_it_was(argv: tuple[str, ...]) -> None:
    assert masked(argv, {}) == (argv, "")


def test_values_of_variables_that_hold_credentials() -> None:
    entries = ["PATH=/usr/bin:/bin", f"API_TOKEN={SECRET}", "DB_PASSWORD=short", "DB_PASSWORD_FILE=/run/secrets/x", "A"]
    assert secret_values(entries) == {SECRET: "API_TOKEN"}
