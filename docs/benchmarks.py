"""Write the pages of docs/coverage/ on benchmarks, live checks and the plan: ``python docs/benchmarks.py``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from pytest_dockerharden.controls import load_all  # noqa: E402
from pytest_dockerharden.model.control import Control  # noqa: E402
from pytest_dockerharden.suites import Section, Suite, load_suite  # noqa: E402

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SUITES = ("cis-docker", "owasp", "nist-800-190")
LIVE = HERE / "coverage/live-checks.toml"
PLAN = HERE.parent / "suites/plan/requirements.toml"
_MARKED = """\
A control that is marked *live* judges a running stack or its engine, *image* a built image; one that is marked *strict*
is not in the recommended suite."""


def suite_page(name: str) -> str:
    """``docs/coverage/NAME.md``: the sections of a benchmark, and what judges each."""
    suite = load_suite(name, str(HERE))
    controls = list(load_all().values())
    sections = [(section, suite.controls_of(section, controls)) for section in suite.sections.values()]
    judged = sum(bool(judging) for _, judging in sections)
    by_hand = sum(bool(section.manual) for section, _ in sections)
    lines = [
        f"# {suite.title}",
        "",
        f"<!-- Made by docs/benchmarks.py from suites/{name}.toml and the registry of controls. -->",
        "",
        f"`pytest --harden-static --harden-live --harden-suite {name}` reports in these sections: {judged} are judged,",
        f"{by_hand} are to be looked at by hand, {len(sections) - judged - by_hand} are out of scope.",
        _MARKED,
    ]
    chapter = None
    for section, judging in sections:
        heading = _chapter(suite, section)
        if heading != chapter or chapter is None:
            chapter = heading
            lines += ["", *([f"## {heading}", ""] if heading else []), *_head(suite)]
        lines.append(_row(suite, section, judging))
    return "\n".join([*lines, ""])


def _chapter(suite: Suite, section: Section) -> str:
    number = f"{section.number}."
    return next((f"{key} {title}" for key, title in suite.chapters.items() if number.startswith(f"{key}.")), "")


def _head(suite: Suite) -> list[str]:
    if suite.benchmark == "cis":
        return ["| | in v1.8.0 | level | what holds | judged by |", "|---|---|---|---|---|"]
    return ["| | what holds | judged by |", "|---|---|---|"]


def _row(suite: Suite, section: Section, judging: list[Control]) -> str:
    said = ", ".join(_named(control) for control in judging)
    said += f". By hand: {section.rest}" if section.rest else ""
    said = said or (f"By hand: {section.manual}" if section.manual else f"Out of scope: {section.out_of_scope}")
    later = [section.later or section.number, str(section.level)] if suite.benchmark == "cis" else []
    return _line(section.number, *later, section.title, said)


def live_page() -> str:
    """``docs/coverage/live-checks.md``: what tools and guides look at in running containers, and what holds it here."""
    rows = _table(LIVE)
    held = [number for number, row in rows.items() if _holding(row)]
    wanted = [number for number, row in rows.items() if row["wanted"] != "no"]
    lines = [
        "# Live checks of tools and guides, and what holds them here",
        "",
        "<!-- Made by docs/benchmarks.py from docs/coverage/live-checks.toml and the registry of controls. -->",
        "",
        f"Of {len(rows)} checks that tools and guides know {len(held)} have a control; of {len(wanted)} that belong",
        f"into a live suite, {len(set(held) & set(wanted))}.",
        _MARKED,
    ]
    section = ""
    for number, row in rows.items():
        if row["section"] != section:
            section = row["section"]
            lines += ["", f"## {section}", "", "| | check | control, or why there is none |", "|---|---|---|"]
        lines.append(_line(number, row["check"], ", ".join(_holding(row)) or row["reason"]))
    return "\n".join([*lines, ""])


def plan_page() -> str:
    """``docs/coverage/plan.md``: each requirement of the hardening plan, and what proves it."""
    rows = _table(PLAN)
    lines = [
        "# The hardening plan, row by row",
        "",
        "<!-- Made by docs/benchmarks.py from suites/plan/requirements.toml and the registry of controls. -->",
        "",
        f"{len(rows)} rows: {sum('controls' in row for row in rows.values())} are judged by controls,",
        f"{sum('tests' in row for row in rows.values())} are proved by tests, most of them on the reference stack,",
        f"{sum(not {'controls', 'tests'} & row.keys() for row in rows.values())} are neither, for the reason given.",
        "S is static, L live, B both, P by a process.",
        _MARKED,
        "",
        "| | how | control, test, or why there is neither |",
        "|---|---|---|",
    ]
    for number, row in rows.items():
        tests = (f"`{test.partition('::')[2] or test}`" for test in row.get("tests", ()))
        parts = (*_holding(row), *tests)
        lines.append(_line(number, row["kind"], ". ".join(filter(None, (", ".join(parts), row.get("reason", ""))))))
    return "\n".join([*lines, ""])


def _holding(row: dict[str, Any]) -> list[str]:
    controls: Iterable[Control] = [load_all()[identifier] for identifier in row.get("controls", ())]
    if "family" in row:
        controls = [control for control in load_all().values() if control.family == row["family"]]
    return [_named(control) for control in controls]


def _named(control: Control) -> str:
    live = control.live or control.judges in ("Drill", "Engine")
    kinds = (("live", live), ("image", control.judges == "Image"), ("strict", control.optional))
    marks = ", ".join(mark for mark, holds in kinds if holds)
    return f"`{control.id}` ({marks})" if marks else f"`{control.id}`"


def _table(path: Path) -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))
    return table


def _line(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def pages() -> dict[Path, str]:
    """Every page by its path."""
    return {HERE / "coverage" / f"{name}.md": text for name, text in _pages()}


def _pages() -> Iterator[tuple[str, str]]:
    yield from ((name, suite_page(name)) for name in SUITES)
    yield "live-checks", live_page()
    yield "plan", plan_page()


def main() -> None:
    """Write all of them."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
