from __future__ import annotations

import pytest

from pytest_dockerharden.report.formats.markdown import code, escaped
from tests.plugin.conftest import Repo
from tests.report.conftest import report


def test_the_report_starts_with_the_verdict_and_a_table(stack: Repo) -> None:
    assert report(stack, "markdown").split("\n\n<details>")[0].splitlines() == [
        "### :x: Hardening: 1 failed, 2 passed, 1 waived, 1 unknown",
        "",
        "| <code>app/docker-compose.yml</code> | failed | waived | unknown | passed |",
        "|---|---:|---:|---:|---:|",
        "| **redis** | 1 |  |  | 1 |",
        "| **old** |  | 1 |  |  |",
        "| **web** |  |  | 1 | 1 |",
    ]


def test_it_says_what_to_write(stack: Repo) -> None:
    assert "   ```yaml\n   read_only: true\n   ```" in report(stack, "markdown")


def test_a_waiver_has_its_reason_and_its_end(stack: Repo) -> None:
    row = "| <code>read-only-rootfs</code> | <code>old</code> | it writes where it likes | 2999-03-31 |"
    assert row in report(stack, "markdown").splitlines()


def test_what_is_unknown_says_why(stack: Repo) -> None:
    assert "- nobody knows: <code>own&#91;web&#93;</code>" in report(stack, "markdown").replace("[", "&#91;").replace(
        "]", "&#93;"
    )


def test_nothing_that_fails_is_a_short_report(stack: Repo) -> None:
    text = report(stack, "markdown", "-k", "web and rootfs")
    assert text.startswith("### :white_check_mark: Hardening: 1 passed\n")
    assert "<details>" not in text


@pytest.mark.parametrize(
    ("name", "written"),
    [
        pytest.param("backend_api", "backend\\_api", id="emphasis"),
        pytest.param("<img src=x>", "&lt;img src=x\\>", id="markup"),
        pytest.param("a|b", "a\\|b", id="a cell of a table"),
        pytest.param("@everyone", "@<!-- -->everyone", id="a mention"),
        pytest.param("#1", "#<!-- -->1", id="an issue"),
        pytest.param("http://a.example", "http&#58;//a.example", id="a link"),
        pytest.param("a\n\n# b", "a #<!-- --> b", id="lines"),
        pytest.param("[a](b)", "\\[a\\](b)", id="a written link"),
    ],
)
def test_a_name_marks_nothing_up(name: str, written: str) -> None:
    assert escaped(name) == written


def test_a_name_as_code_cannot_end_it() -> None:
    assert code("a`b</code>|*") == "<code>a&#96;b&lt;/code&#62;&#124;&#42;</code>"


def test_it_fits_into_a_comment_however_much_is_found(repo: Repo) -> None:
    services = "".join(f"  service{n}:\n    image: {'x' * 4000}{n}:latest\n" for n in range(60))
    repo.add("compose.yaml", f"services:\n{services}")
    text = report(repo, "markdown")
    assert len(text) < 65536
    assert text.startswith("### :x: Hardening: ")
    assert text.count("<details>") == text.count("</details>")
