"""What README.md says is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.plugin.conftest import Repo

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


@pytest.fixture
def stack(repo: Repo) -> Repo:
    for text in (blocks("yaml")[0], blocks("dockerfile")[0]):
        repo.add(text.split("\n", 1)[0].removeprefix("# "), text)
    return repo


@pytest.mark.parametrize("start", ["dockerharden: 1 compose file", "______"])
def test_the_output_is_as_shown(stack: Repo, start: str) -> None:
    shown = next(text for text in blocks("") if text.startswith(start)).rstrip("\n").split("\n")
    printed = iter(stack.judge().outlines)
    missing = [line for line in shown if line not in printed]
    assert not missing


def test_the_configuration_is_one(stack: Repo) -> None:
    stack.add("dockerharden.toml", blocks("toml")[0])
    stack.add("docker-compose.prod.yml", "services:\n  web:\n    restart: always\n")
    stack.add("tools/harden.py", blocks("python")[0])
    verdicts = stack.verdicts("-k", "rootfs or team")
    assert verdicts["docker-compose.yml::static::read-only-rootfs[web]"] == "FAILED"  # no-new-privileges is missing
    assert verdicts["docker-compose.yml::static::team-is-named[web]"] == "FAILED"


def test_the_waiver_beside_the_line_is_one(stack: Repo) -> None:
    line = next(text for text in blocks("yaml") if "harden: waive" in text)
    compose = (stack.path / "docker-compose.yml").read_text(encoding="utf-8")
    stack.add("docker-compose.yml", compose.replace("  web:\n", line))
    assert stack.verdicts("-k", "rootfs")["docker-compose.yml::static::read-only-rootfs[web]"] == "XFAIL"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_a_link_leads_somewhere(name: str) -> None:
    assert (Path(__file__).parents[2] / name).exists()


def test_every_option_is_one(pytestconfig: pytest.Config) -> None:
    help_text = pytestconfig._parser.optparser.format_help()
    assert not {option for option in re.findall(r"--harden-[a-z-]+", README) if option not in help_text}
