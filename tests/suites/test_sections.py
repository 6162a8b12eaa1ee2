"""A run reads like the document that its suite renders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_dockerharden.suites import load_suite
from pytest_dockerharden.tomlfile import ConfigurationError
from tests.helpers import write

pytest_plugins = ["pytester"]

COMPOSE = """\
services:
  web:
    image: app:1.2
    mem_limit: 64m
    privileged: true
  db:
    image: app:1.2
    read_only: true
"""
HOUSE = """\
title = "House rules"
select = ["read-only-rootfs", "memory-limit", "not-privileged", "swarm-mode-off", "no-new-privileges"]
exclude = ["no-new-privileges"]

[chapters]
"A" = "Containers"

[sections."A.1"]
title = "The root file system is read-only"
controls = ["read-only-rootfs"]

[sections."A.2"]
title = "Nothing is privileged"
level = 1
controls = ["not-privileged"]
rest = "Who may start containers."

[sections."A.3"]
title = "No swarm"
controls = ["swarm-mode-off"]

[sections."A.4"]
title = "Privileges"
controls = ["no-new-privileges"]

[sections."A.5"]
title = "People are trained"
manual = "The list of who was, and when."

[sections."A.6"]
title = "Mainframes"
out-of-scope = "We have none."
"""


def run(pytester: pytest.Pytester, *arguments: str, house: str = HOUSE) -> list[str]:
    write(pytester.path, {"compose.yaml": COMPOSE, "house.toml": house})
    result = pytester.runpytest_subprocess(
        "-p", "no:hypothesispytest", "--harden-static", "--harden-suite", "house.toml", *arguments
    )
    start = next((number for number, line in enumerate(result.outlines) if "section by section" in line), None)
    return [line.rstrip() for line in result.outlines[start:]] if start is not None else []


def test_every_section_is_told_in_order_and_counted(pytester: pytest.Pytester) -> None:
    lines = run(pytester)
    assert lines[:9] == [
        "House rules, section by section",
        "A Containers",
        "  A.1      failed               The root file system is read-only: web",
        "  A.2  L1  failed               Nothing is privileged: web",
        "  A.3      needs --harden-live  No swarm",
        "  A.4      left out             Privileges",
        "  A.5      by hand              People are trained",
        "  A.6      out of scope         Mainframes",
        "6 sections: 2 failed, 1 needs --harden-live, 1 by hand, 1 out of scope, 1 left out",
    ]


def test_verbose_says_what_is_left_to_people_and_why(pytester: pytest.Pytester) -> None:
    text = "\n".join(run(pytester, "-v"))
    assert "and by hand: Who may start containers." in text
    assert "The list of who was, and when." in text
    assert "We have none." in text


def test_many_sections_alike_are_one_line(pytester: pytest.Pytester) -> None:
    more = "".join(f'[sections."B.{n}"]\ntitle = "x"\nout-of-scope = "We have none."\n' for n in range(1, 4))
    assert "  B.1 - B.3  3 sections: out of scope" in run(pytester, house=HOUSE + more)


def test_what_was_waived_is_told(pytester: pytest.Pytester) -> None:
    waiver = '[[waiver]]\ncontrol = "not-privileged"\nsubject = "web"\nreason = "it is the builder"\n'
    write(pytester.path, {"dockerharden.toml": waiver})
    assert any(line.startswith("  A.2  L1  waived") for line in run(pytester))


def test_a_section_passes_only_where_something_of_it_was_judged(pytester: pytest.Pytester) -> None:
    house = HOUSE.replace('controls = ["not-privileged"]', 'controls = ["versioned-base-image"]').replace(
        '"swarm-mode-off"', '"swarm-mode-off", "versioned-base-image"'
    )
    assert any(line.startswith("  A.2  L1  nothing to judge") for line in run(pytester, house=house))


def test_a_section_that_only_live_mode_knows_whole_is_marked(pytester: pytest.Pytester) -> None:
    house = HOUSE.replace('controls = ["not-privileged"]', 'controls = ["no-host-pid", "every-process-non-root"]')
    house = house.replace('"swarm-mode-off"', '"swarm-mode-off", "no-host-pid", "every-process-non-root"')
    lines = run(pytester, house=house)
    assert any(line.startswith("  A.2  L1  passed*") for line in lines)
    assert "* as far as this run sees: --harden-live judges more of it, and asks the kernel the same" in lines


def test_no_sections_no_lines(pytester: pytest.Pytester) -> None:
    assert run(pytester, house='select = ["memory-limit"]\n') == []


def test_a_suite_of_ones_own_extends_a_benchmark_and_changes_it(tmp_path: Path) -> None:
    text = """\
extends = "cis-docker"
title = "Ours"
exclude = ["image-healthcheck"]
[severity]
memory-limit = "critical"
[parameters.only-needed-ports-published]
ports = ["443"]
[parameters.allowed-base-registry]
registries = ["registry.example.com"]
[parameters.limits-within-bounds]
memory = "2g"
[parameters.image-labels]
labels = ["team"]
[sections."5.9"]
title = "Port 443 alone is published"
"""
    write(tmp_path, {"ours.toml": text})
    suite = load_suite("ours.toml", str(tmp_path))
    assert (suite.title, suite.benchmark, len(suite.sections)) == ("Ours", "cis", 117)
    assert suite.sections["5.9"].title == "Port 443 alone is published"
    assert suite.parameters["only-needed-ports-published"] == {"ports": ("443",)}
    assert list(suite.sections)[:2] == ["1.1.1", "1.1.2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('benchmark = "iso"\n', "benchmark: one of cis, owasp, nist"),
        ('[sections."1"]\ntitel = "x"\n', "unknown key `titel`; did you mean `title`?"),
        ('[sections."1"]\ntitle = 3\n', "title: a text is needed here"),
        ('[sections."1"]\ntitle = "x"\nlevel = "high"\n', "level: a number is needed here"),
        ('[sections."1"]\nmanual = "a"\nout-of-scope = "b"\n', "it has `controls`, or `manual`, or `out-of-scope`"),
        ('sections = "x"\n', "a table is needed here"),
        ("[chapters]\n1 = 2\n", "a text is needed here"),
    ],
)
def test_a_mistake_in_a_section_is_named(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, {"house.toml": text})
    with pytest.raises(ConfigurationError, match=r".") as caught:
        load_suite("house.toml", str(tmp_path))
    assert message in str(caught.value)


def test_a_section_of_a_control_that_is_none_is_named(pytester: pytest.Pytester) -> None:
    write(pytester.path, {"compose.yaml": COMPOSE, "house.toml": '[sections."1"]\ncontrols = ["read-only-rootf"]\n'})
    result = pytester.runpytest_subprocess(
        "-p", "no:hypothesispytest", "--harden-static", "--harden-suite", "house.toml"
    )
    result.stderr.fnmatch_lines(["*no control `read-only-rootf`; did you mean `read-only-rootfs`?*"])


def test_reports_for_machines_and_forges_have_the_sections_too(pytester: pytest.Pytester) -> None:
    run(pytester, "--harden-report", "json:out.json", "--harden-report", "markdown:out.md")
    (benchmark,) = json.loads((pytester.path / "out.json").read_text(encoding="utf-8"))["benchmarks"]
    assert (benchmark["suite"], benchmark["title"]) == ("house", "House rules")
    assert [(section["number"], section["status"]) for section in benchmark["sections"]] == [
        ("A.1", "failed"),
        ("A.2", "failed"),
        ("A.3", "needs --harden-live"),
        ("A.4", "left out"),
        ("A.5", "by hand"),
        ("A.6", "out of scope"),
    ]
    assert benchmark["sections"][1]["failing"] == ["web"]
    text = (pytester.path / "out.md").read_text(encoding="utf-8")
    assert "<summary>House rules, section by section</summary>" in text
    assert "6 sections: 2 failed" in text


def test_reports_of_a_suite_without_sections_have_none(pytester: pytest.Pytester) -> None:
    run(pytester, "--harden-report", "json:out.json", house='select = ["memory-limit"]\n')
    assert "benchmarks" not in json.loads((pytester.path / "out.json").read_text(encoding="utf-8"))


def test_what_was_not_chosen_is_not_said_to_be_nothing(pytester: pytest.Pytester) -> None:
    lines = run(pytester, "-k", "read-only-rootfs")
    assert any(line.startswith("  A.1      failed") for line in lines)
    assert any(line.startswith("  A.2  L1  not asked") for line in lines)
