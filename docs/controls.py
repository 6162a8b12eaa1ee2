"""The pages that only the site has: one for each control, their index, the options. Nothing is written."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from pytest_dockerharden import plugin  # noqa: E402
from pytest_dockerharden.controls import load_all  # noqa: E402
from pytest_dockerharden.model.control import Control  # noqa: E402
from pytest_dockerharden.model.finding import SEVERITIES, Finding  # noqa: E402
from tests.controls.test_examples import overlays, prepare, split, unmarked  # noqa: E402
from tests.helpers import judgements  # noqa: E402

_MARK = re.compile(r"[ \t]*# <-[ \t]*$")
_FILE = re.compile(r"# file: (\S+)(?: \(.*\))?\s*$")
_IN_TEXT = {"Posture", "Service", "Project", "Stage", "Dockerfile"}
_JUDGED = {
    "Posture": "a service: what its files say, and, live, what the kernel says",
    "Service": "a service of a compose file",
    "Project": "a list of compose files that are run together",
    "Stage": "a stage of a Dockerfile",
    "Dockerfile": "a Dockerfile",
    "Image": "a built image",
    "Drill": "a running stack, by trying",
    "Engine": "the engine",
}
_MADE = "<!-- Made by docs/controls.py from the registry of controls. -->\n"


def pages() -> dict[str, str]:
    """Every page by its path below ``docs/``."""
    controls = sorted(load_all().values(), key=lambda control: control.id)
    made = {f"controls/{control.id}.md": page(control) for control in controls}
    return {
        **made,
        "controls/index.md": index(controls),
        "options.md": options(),
    }


def page(control: Control) -> str:
    """The page of one control."""
    documentation = control.documentation
    return "\n".join(
        [
            f"# {control.id}\n\n{_MADE}\n**{documentation.title}**\n\n{documentation.why}\n",
            *_facts(control),
            *_examples("Bad", documentation.bad),
            *_remedy(control),
            *_examples("Good", documentation.good),
            *_parameters(control),
            *_waiver(control),
        ]
    )


def _facts(control: Control) -> Iterator[str]:
    suite = "`strict`" if control.optional else "`recommended`, `strict`"
    yield "| | |\n|---|---|"
    yield f"| judges | {'' if not control.live else 'live only: '}{_JUDGED[control.judges]} |"
    yield f"| severity | {control.severity} |"
    yield f"| [suites](../suites.md) | {suite} |"
    for name, sections in (
        ("CIS Docker Benchmark", control.cis),
        ("OWASP", control.owasp),
        ("NIST SP 800-190", control.nist),
    ):
        if sections:
            yield f"| {name} | {', '.join(sections)} |"
    for peer, identifiers in sorted(control.equivalents.items()):
        known = (HERE / f"coming-from/{peer}.md").exists()
        name = f"[{peer}](../coming-from/{peer}.md)" if known else peer
        yield f"| {name} | {', '.join(f'`{identifier}`' for identifier in identifiers)} |"
    yield f"| family | `family:{control.family}` |\n"


def _examples(title: str, examples: Iterable[str]) -> Iterator[str]:
    for number, example in enumerate(examples):
        if not number:
            yield f"## {title}\n"
        for name, lines in _files(example):
            language = (
                "dockerfile" if "dockerfile" in name.lower() else "yaml" if name.endswith(("ml", "yaml")) else "text"
            )
            marked = [str(number) for number, line in enumerate(lines, 1) if _MARK.search(line)]
            marks = f' hl_lines="{" ".join(marked)}"' if marked else ""
            yield f'```{language} title="{name}"{marks}'
            yield from (_MARK.sub("", line) for line in lines)
            yield "```\n"


def _files(example: str) -> Iterator[tuple[str, list[str]]]:
    name, lines = next(iter(split(example)), "compose.yaml"), list[str]()
    for line in example.rstrip().split("\n"):
        start = _FILE.match(line)
        if start:
            if any(lines):
                yield name, lines
            name, lines = start[1], []
        else:
            lines.append(line)
    yield name, lines


def _remedy(control: Control) -> Iterator[str]:
    """What a run says of the first bad example, and the lines that it tells to write."""
    found = _first_finding(control)
    if not found:
        return
    yield f"A run says: *{_plain(found.message)}*"
    if found.remedy:
        yield f"\n## Instead\n\n```text\n{found.remedy.text.rstrip()}\n```"
        if found.remedy.breaks:
            yield f"\nIt may break: {_plain(found.remedy.breaks)}."
    yield ""


def _first_finding(control: Control) -> Finding | None:
    documentation = control.documentation
    if control.judges not in _IN_TEXT or control.live or not documentation.bad:
        return None
    example = documentation.bad[0]
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), example)
        files = split(example)
        judged = judgements(Path(folder), unmarked(files), control.id, overlays(files))
    return next((finding for judgement in judged for finding in judgement.findings), None)


def _plain(text: str) -> str:
    return re.sub(r"([*_<>\[\]`|])", r"\\\1", text)


def _parameters(control: Control) -> Iterator[str]:
    if not control.parameters:
        return
    yield f"## Parameters\n\nIn the [configuration](../configuration.md), below `[parameters.{control.id}]`:\n"
    yield "| name | default |\n|---|---|"
    for name, value in control.parameters.items():
        shown = ", ".join(f"`{each}`" for each in value) or "none" if isinstance(value, tuple) else f"`{value}`"
        yield f"| `{name.replace('_', '-')}` | {shown} |"
    yield ""


def _waiver(control: Control) -> Iterator[str]:
    yield "## Accept it\n\nFor a while, with a reason ([waivers](../waivers.md)):\n"
    yield f'```toml title="dockerharden.toml"\n[[waiver]]\ncontrol = "{control.id}"\nsubject = "NAME"'
    yield 'reason = "why this is acceptable here"\nuntil = YYYY-MM-DD\n```\n'
    if control.judges in _IN_TEXT and not control.live:
        yield f"or beside the line:\n\n```yaml\n# harden: waive {control.id} until YYYY-MM-DD -- why\n```\n"
    yield f'Nowhere: `exclude = ["{control.id}"]` in the configuration.\n'


def index(controls: Iterable[Control]) -> str:
    """The list of all controls, by family."""
    families: dict[str, list[Control]] = {}
    for control in controls:
        families.setdefault(control.family, []).append(control)
    lines = [f"# Controls\n\n{_MADE}", "What is marked *strict* belongs to the suite `strict` alone.\n"]
    for family, members in sorted(families.items()):
        lines.append(
            f"## {family.replace('_', ' ').capitalize()}\n\n| control | severity | what must hold |\n|---|---|---|"
        )
        for control in sorted(members, key=lambda control: (-SEVERITIES.index(control.severity), control.id)):
            strict = " *strict*" if control.optional else ""
            lines.append(f"| [{control.id}]({control.id}.md) | {control.severity} | {control.title}{strict} |")
        lines.append("")
    return "\n".join(lines)


class _Group:
    """Takes options as a group of pytest's parser does."""

    def __init__(self) -> None:
        self.parser = argparse.ArgumentParser(add_help=False)

    def getgroup(self, *_: str) -> _Group:
        return self

    def addoption(self, *names: str, **settings: object) -> None:
        self.parser.add_argument(*names, **settings)  # type: ignore[arg-type]


def options() -> str:
    """Every option, as ``pytest --help`` has it."""
    group = _Group()
    plugin.pytest_addoption(group)  # type: ignore[arg-type]
    rows = ["# Options\n", "<!-- Made by docs/controls.py from the options themselves. -->\n"]
    rows.append(
        "Those of pytest count too: `-k`, `-v`, `-x`, `--junitxml`, `-n` of pytest-xdist.\n\n| option | |\n|---|---|"
    )
    for action in group.parser._actions:
        value = f" {action.metavar}" if action.metavar else ""
        option, text = (cell.replace("|", "\\|") for cell in (action.option_strings[0] + value, action.help or ""))
        rows.append(f"| `{option}` | {text} |")
    return "\n".join(rows) + "\n"
